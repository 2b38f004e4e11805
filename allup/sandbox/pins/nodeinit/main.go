// Command nodeinit keeps a node apart from the machine it runs on. It makes the node's
// namespaces, is process 1 in them, starts programs there, and is the pause container's
// program and the one that makes and removes the folders of volumes. It links nothing, so
// an image may consist of it alone.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// What the kubelet would set for the whole machine. Its process finds these values already
// there, in files that only the node sees, and so writes nothing.
var kernelSettings = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func main() {
	verbs := map[string]func([]string) error{
		"create": create, "init": initialise, "enter": enter,
		"pause": pause, "volume-make": volumeMake, "volume-remove": volumeRemove,
	}
	name, arguments := filepath.Base(os.Args[0]), os.Args[1:]
	verb, known := verbs[name]
	if !known && len(arguments) > 0 {
		name, arguments = arguments[0], arguments[1:]
		verb, known = verbs[name]
	}
	if !known {
		fmt.Fprintln(os.Stderr, "nodeinit: create, init, enter, pause, volume-make or volume-remove?")
		os.Exit(2)
	}
	if err := verb(arguments); err != nil {
		fmt.Fprintf(os.Stderr, "nodeinit %s: %v\n", name, err)
		os.Exit(1)
	}
}

// create starts process 1 of new namespaces, waits until it has arranged them, prints its
// process number as the caller sees it, and ends.
func create(arguments []string) error {
	flags := flag.NewFlagSet("create", flag.ExitOnError)
	var cgroups list
	flags.Var(&cgroups, "cgroup", "a cgroup folder to be in (repeatable)")
	hostname := flags.String("hostname", "", "the node's name")
	logs := flags.String("logs", "", "what the node sees as /var/log")
	kubelet := flags.String("kubelet", "", "what the node sees as /var/lib/kubelet")
	_ = flags.Parse(arguments)
	if err := join(cgroups); err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	process := exec.Command(self, "init", *hostname, *logs, *kubelet)
	process.ExtraFiles = []*os.File{write}
	process.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID |
			syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
	}
	if err := process.Start(); err != nil {
		return err
	}
	write.Close()
	said := make([]byte, 4096)
	n, _ := read.Read(said)
	if answer := string(said[:n]); answer != "ready" {
		_ = process.Process.Kill()
		_ = process.Wait()
		return fmt.Errorf("the namespaces cannot be arranged: %s", answer)
	}
	fmt.Println(process.Process.Pid)
	return nil
}

// initialise is process 1: it arranges its namespaces, then collects what orphans leave.
func initialise(arguments []string) error {
	answer := os.NewFile(3, "answer")
	syscall.CloseOnExec(3)
	if err := arrange(arguments[0], arguments[1], arguments[2]); err != nil {
		fmt.Fprint(answer, err)
		return err
	}
	fmt.Fprint(answer, "ready")
	answer.Close()
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	for descriptor := range 3 { // the caller's pipes must not be held open by a process that stays
		_ = syscall.Dup3(int(null.Fd()), descriptor, 0)
	}
	return pause(nil)
}

func arrange(hostname, logs, kubelet string) error {
	if err := unix.Sethostname([]byte(hostname)); err != nil {
		return fmt.Errorf("host name: %w", err)
	}
	// Mounts of the machine go on to appear here; none of ours appears there. Among ourselves they are shared.
	for _, how := range []uintptr{unix.MS_SLAVE, unix.MS_SHARED} {
		if err := unix.Mount("", "/", "", unix.MS_REC|how, ""); err != nil {
			return fmt.Errorf("propagation of mounts: %w", err)
		}
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	resolver, _ := os.ReadFile("/etc/resolv.conf")
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("/run: %w", err)
	}
	// Where it is a link into /run, containerd would resolve no registry's name any more.
	if target, err := os.Readlink("/etc/resolv.conf"); err == nil {
		if !filepath.IsAbs(target) {
			target = filepath.Join("/etc", target)
		}
		if strings.HasPrefix(target, "/run/") && os.MkdirAll(filepath.Dir(target), 0o755) == nil {
			_ = os.WriteFile(target, resolver, 0o644)
		}
	}
	if err := unix.Mount(logs, "/var/log", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("/var/log: %w", err)
	}
	// There and not where the files are: sockets have to have short paths. First private, then shared, so that
	// what the kubelet mounts there does not appear where the files are as well.
	for _, how := range []uintptr{unix.MS_BIND, unix.MS_PRIVATE, unix.MS_SHARED} {
		if err := unix.Mount(kubelet, "/var/lib/kubelet", "", how, ""); err != nil {
			return fmt.Errorf("/var/lib/kubelet: %w", err)
		}
	}
	for name, value := range kernelSettings {
		real, own := filepath.Join("/proc/sys", name), filepath.Join("/run/kernel-settings", name)
		if _, err := os.Stat(real); err != nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(own), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(own, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		if err := unix.Mount(own, real, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("%s: %w", real, err)
		}
	}
	// The only one that is really set: it belongs to the network namespace.
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// enter runs a program in the namespaces of process 1, and waits for it or prints its
// process number as the caller sees it.
func enter(arguments []string) error {
	flags := flag.NewFlagSet("enter", flag.ExitOnError)
	var cgroups list
	flags.Var(&cgroups, "cgroup", "a cgroup folder to be in (repeatable)")
	of := flags.Int("of", 0, "process 1 of the namespaces, as the caller sees it")
	network := flags.Bool("network", true, "the network namespace too")
	log := flags.String("log", "", "do not wait; append what it writes to this file")
	as := flags.String("as", "", "the name it runs under")
	_ = flags.Parse(arguments)
	command := flags.Args()
	if len(command) == 0 || *of <= 0 {
		return fmt.Errorf("-of and a program are needed")
	}
	if err := join(cgroups); err != nil {
		return err
	}
	files := []uintptr{0, 1, 2}
	if *log != "" {
		written, err := os.OpenFile(*log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		null, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		files = []uintptr{null.Fd(), written.Fd(), written.Fd()}
	}
	kinds := []string{"ipc", "uts", "pid", "mnt"}
	if *network {
		kinds = append([]string{"net"}, kinds...)
	}
	runtime.LockOSThread() // namespaces belong to a thread, and a child has those of the one that starts it
	spaces := []int{}
	for _, kind := range kinds {
		space, err := unix.Open(fmt.Sprintf("/proc/%d/ns/%s", *of, kind), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("namespace %s of process %d: %w", kind, *of, err)
		}
		spaces = append(spaces, space)
	}
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	for i, space := range spaces {
		if err := unix.Setns(space, 0); err != nil {
			return fmt.Errorf("entering namespace %s: %w", kinds[i], err)
		}
	}
	executable, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	if *as != "" {
		command[0] = *as
	}
	pid, err := syscall.ForkExec(executable, command, &syscall.ProcAttr{
		Dir: "/", Env: os.Environ(), Files: files, Sys: &syscall.SysProcAttr{Setsid: *log != ""},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", executable, err)
	}
	if *log != "" {
		fmt.Println(pid)
		return nil
	}
	var status syscall.WaitStatus
	for {
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			break
		}
	}
	if status.Signaled() {
		os.Exit(128 + int(status.Signal()))
	}
	os.Exit(status.ExitStatus())
	return nil
}

func join(cgroups []string) error {
	for _, folder := range cgroups {
		if err := os.WriteFile(filepath.Join(folder, "cgroup.procs"), []byte("0"), 0); err != nil {
			return fmt.Errorf("cgroup: %w", err)
		}
	}
	return nil
}

// pause waits, and collects processes whose parents are gone. As a pod's first process it
// ends when asked; as process 1 of the node only SIGKILL, which nothing outlives, ends it.
func pause([]string) error {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGINT, syscall.SIGTERM)
	pod := filepath.Base(os.Args[0]) == "pause"
	for received := range signals {
		if received != syscall.SIGCHLD {
			if pod {
				return nil
			}
			continue
		}
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if err == syscall.EINTR {
				continue
			}
			if pid <= 0 {
				break
			}
		}
	}
	return nil
}

// volumeMake makes the folder of a claim, for whatever user its pods run as.
func volumeMake([]string) error {
	folder := os.Getenv("VOL_DIR")
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	return os.Chmod(folder, 0o777)
}

// volumeRemove removes the folder of a claim and all that is in it.
func volumeRemove([]string) error {
	return os.RemoveAll(os.Getenv("VOL_DIR"))
}
