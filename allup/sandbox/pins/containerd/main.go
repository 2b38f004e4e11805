// Command containerd is the container runtime and its client in one binary: the name
// it is started under (or its first argument) says whether it is containerd or ctr.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	_ "github.com/containerd/containerd/v2/cmd/containerd/builtins"
	"github.com/containerd/containerd/v2/cmd/containerd/command"
	"github.com/containerd/containerd/v2/cmd/ctr/app"
	"github.com/urfave/cli/v3"
)

func main() {
	programs := map[string]func() *cli.Command{"containerd": command.App, "ctr": app.New}
	name := filepath.Base(os.Args[0])
	if _, known := programs[name]; !known && len(os.Args) > 1 {
		name = os.Args[1]
		os.Args = os.Args[1:]
	}
	newApp, known := programs[name]
	if !known {
		fmt.Fprintf(os.Stderr, "unknown program %q: containerd or ctr\n", name)
		os.Exit(2)
	}
	if err := newApp().Run(context.Background(), os.Args); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}
