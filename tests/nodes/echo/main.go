// Command echo is all that the tests' image contains: a program that serves, looks names
// up, calls, keeps and reads a file, prints, takes memory or fails, as it is told.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "echo: serve, repeat, resolve, get, write, hoard, read, fail, exit, deaf or fill?")
		os.Exit(2)
	}
	argument := func(i int) string {
		if i < len(os.Args) {
			return os.Args[i]
		}
		return ""
	}
	switch os.Args[1] {
	case "serve":
		serve(argument(2), argument(3))
	case "repeat": // what comes on standard input
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			fmt.Println("you said " + lines.Text())
		}
	case "resolve":
		addresses, err := net.LookupHost(argument(2))
		report(strings.Join(addresses, " "), err)
	case "get":
		client := http.Client{Timeout: 5 * time.Second}
		answer, err := client.Get(argument(2))
		if err != nil {
			report("", err)
		}
		body, err := io.ReadAll(answer.Body)
		report(string(body), err)
	case "write":
		report("written", os.WriteFile(argument(2), []byte(argument(3)), 0o644))
	case "hoard": // a mebibyte, in that file
		report("", os.WriteFile(argument(2), make([]byte, 1<<20), 0o644))
	case "read":
		content, err := os.ReadFile(argument(2))
		report(string(content), err)
	case "fail": // as a program that crashes with a reason
		fmt.Println("starting up")
		fmt.Fprintln(os.Stderr, "fatal: cannot reach the moon")
		os.Exit(3)
	case "exit":
		code, _ := strconv.Atoi(argument(2))
		os.Exit(code)
	case "deaf": // to every signal that can be ignored
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		for {
			time.Sleep(time.Hour)
		}
	case "fill":
		var held [][]byte
		for {
			block := make([]byte, 1<<20)
			for i := 0; i < len(block); i += 4096 {
				block[i] = 1
			}
			held = append(held, block)
		}
	}
}

// serve answers with name, and on /unwell with 503.
func serve(port, name string) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() { <-stop; os.Exit(0) }()
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "this is %s\n", name) })
	http.HandleFunc("/unwell", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "the database is asleep", http.StatusServiceUnavailable)
	})
	fmt.Printf("%s serves on %s\n", name, port)
	report("", http.ListenAndServe(":"+port, nil))
}

func report(said string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(said)
	os.Exit(0)
}
