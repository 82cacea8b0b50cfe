package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// The runner by itself. AGENT_RUNNER_UNDER="qemu-aarch64-static agents/linux-arm64/agent" runs it for another
// architecture; what an emulator cannot do is left out then.
func startRunner(t *testing.T) (*runnerProcess, *exec.Cmd) {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	words := []string{agentBinary}
	if under := os.Getenv("AGENT_RUNNER_UNDER"); under != "" {
		words = strings.Fields(under)
	}
	cmd := exec.Command(words[0], append(words[1:], "runner")...)
	theirs := os.NewFile(uintptr(pair[1]), "runner's end")
	cmd.ExtraFiles = []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	syscall.SetNonblock(pair[0], true)
	r := &runnerProcess{file: os.NewFile(uintptr(pair[0]), "runner")}
	t.Cleanup(func() {
		r.file.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the runner: %v", err)
		}
	})
	return r, cmd
}

func (r *runnerProcess) next(t *testing.T) report {
	t.Helper()
	var buf [reportSize]byte
	_ = r.file.SetReadDeadline(time.Now().Add(patience))
	if n, err := r.file.Read(buf[:]); err != nil || n != reportSize {
		t.Fatalf("a report of %d bytes, %v", n, err)
	}
	return *(*report)(unsafe.Pointer(&buf))
}

// order runs something with its output going to a pipe.
func (r *runnerProcess) order(t *testing.T, order []byte) (output func() string) {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.send(order, [3]int{int(null.Fd()), int(out.Fd()), int(out.Fd())}); err != nil {
		t.Fatal(err)
	}
	null.Close()
	out.Close()
	return func() string {
		defer in.Close()
		var b bytes.Buffer
		b.ReadFrom(in)
		return b.String()
	}
}

func TestRunnerAlone(t *testing.T) {
	emulated := os.Getenv("AGENT_RUNNER_UNDER") != ""
	r, cmd := startRunner(t)
	env := []string{"A=1", "B=two words"}
	for i := 0; i < 3; i++ {
		output := r.order(t, buildOrder(sh(`echo "$A $B $1"; pwd; exit 7`, "ü"), env, []string{"/no/such/sh", "/bin/sh"}, "/etc", 0))
		started := r.next(t)
		exited := r.next(t)
		if started.kind != reportStarted || started.pid < 2 || exited.kind != reportExited || exited.clean != 1 || syscall.WaitStatus(exited.status).ExitStatus() != 7 {
			t.Fatalf("%+v %+v", started, exited)
		}
		if exited.maxRSS == 0 {
			t.Errorf("%+v", exited)
		}
		if got := output(); got != "1 two words ü\n/etc\n" {
			t.Errorf("%q", got)
		}
	}

	many := make([]string, 2000)
	for i := range many {
		many[i] = fmt.Sprintf("%0100d", i)
	}
	output := r.order(t, buildOrder(append([]string{"printf", "%s\n"}, many...), env, []string{"/usr/bin/printf"}, "", 0))
	if got := output(); got != strings.Join(many, "\n")+"\n" {
		t.Errorf("%d bytes", len(got))
	}
	r.next(t)
	if exited := r.next(t); exited.kind != reportExited || exited.status != 0 {
		t.Errorf("%+v", exited)
	}

	if emulated {
		return // no subreaper there, and a vfork without shared memory, so that a child's failure cannot be seen
	}

	// A stray holds the runner until it ends.
	output = r.order(t, buildOrder(sh("(setsid sh -c 'read x < /dev/null; kill -STOP $$' >/dev/null 2>&1 & echo $!); kill -9 $$"), env, []string{"/bin/sh"}, "", 0))
	r.next(t)
	exited := r.next(t)
	if exited.kind != reportExited || exited.clean != 0 || syscall.WaitStatus(exited.status).Signal() != syscall.SIGKILL {
		t.Errorf("%+v", exited)
	}
	output()
	strays := descendants(cmd.Process.Pid)
	if len(strays) != 1 {
		t.Fatalf("%v", strays)
	}
	syscall.Kill(strays[0], syscall.SIGKILL)
	if clean := r.next(t); clean.kind != reportClean {
		t.Errorf("%+v", clean)
	}

	for _, c := range []struct {
		paths []string
		cwd   string
		stage uint32
		errno syscall.Errno
	}{
		{[]string{"/no/such/program"}, "", stageExec, syscall.ENOENT},
		{[]string{"/no/such/program", "/etc/passwd", "/no/other"}, "", stageExec, syscall.EACCES},
		{[]string{"/bin/true"}, "/no/such/directory", stageCwd, syscall.ENOENT},
	} {
		r.order(t, buildOrder([]string{"x"}, nil, c.paths, c.cwd, 0))()
		if failed := r.next(t); failed.kind != reportFailed || failed.stage != c.stage || syscall.Errno(failed.errno) != c.errno {
			t.Errorf("%+v: %+v", c, failed)
		}
	}
}

// TestRunnerMakesAnother: a runner of its own, which is no child of the one that made it.
func TestRunnerMakesAnother(t *testing.T) {
	if os.Getenv("AGENT_RUNNER_UNDER") != "" {
		t.Skip("an emulator's clone makes no sibling")
	}
	first, _ := startRunner(t)
	file, err := first.orderAnother()
	if err != nil {
		t.Fatal(err)
	}
	_ = file.SetReadDeadline(time.Now().Add(patience))
	pid, ok := readBirth(file)
	if !ok || !isChild(pid) {
		t.Fatalf("pid %d is no child of ours", pid)
	}
	if isChild(os.Getpid()) || isChild(1) {
		t.Error("what is no child of ours is taken for one")
	}
	another := &runnerProcess{pid: pid, file: file}
	// It lives on without the first, which is asked to run something meanwhile, and has all that a runner sets for itself.
	first.order(t, buildOrder(sh("exit 1"), nil, []string{"/bin/sh"}, "", 0))()
	first.next(t)
	if exited := first.next(t); exited.clean != 1 {
		t.Errorf("%+v", exited)
	}
	output := another.order(t, buildOrder(sh("(setsid sleep 1000 >/dev/null 2>&1 & echo $!); exit 5"), nil, []string{"/bin/sh"}, "", 0))
	another.next(t)
	exited := another.next(t)
	if syscall.WaitStatus(exited.status).ExitStatus() != 5 || exited.clean != 0 {
		t.Errorf("%+v", exited)
	}
	stray := 0
	if _, err := fmt.Sscan(output(), &stray); err != nil {
		t.Fatal(err)
	}
	if strays := descendants(pid); len(strays) != 1 || strays[0] != stray {
		t.Errorf("%v instead of %d", strays, stray)
	}
	syscall.Kill(stray, syscall.SIGKILL)
	if clean := another.next(t); clean.kind != reportClean {
		t.Errorf("%+v", clean)
	}
	file.Close()
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil || status.ExitStatus() != 0 {
		t.Errorf("%v, %v", status, err)
	}
}

// TestRawCode: what runs without the Go runtime calls nothing of it.
func TestRawCode(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		path := t.TempDir() + "/agent"
		build := exec.Command("go", "build", "-ldflags", "-E main.entry", "-o", path, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		code, err := exec.Command("go", "tool", "objdump", "-s", `^main\.(raw|runner[A-Z]|entry)`, path).Output()
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		for _, line := range strings.Split(string(code), "\n") {
			fields := strings.Fields(line)
			for i, word := range fields[:max0(len(fields)-1)] {
				if word != "CALL" {
					continue
				}
				calls++
				if target := fields[i+1]; !strings.HasPrefix(target, "main.raw") && !strings.HasPrefix(target, "main.runner") && target != "main.entry.abi0(SB)" {
					t.Errorf("%s: %s", arch, line)
				}
			}
		}
		if calls < 30 {
			t.Errorf("%s: only %d calls were found", arch, calls)
		}
	}
}

func max0(n int) int {
	if n < 0 {
		return 0
	}
	return n
}
