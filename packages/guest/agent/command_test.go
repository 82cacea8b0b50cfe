package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// forBoth runs a test as root and as an ordinary user.
func forBoth(t *testing.T, test func(t *testing.T, h *host)) {
	t.Helper()
	t.Run("root", func(t *testing.T) { test(t, start(t)) })
	t.Run("user", func(t *testing.T) { test(t, start(t, asUser)) })
}

func sh(script string, args ...string) []string {
	return append([]string{"sh", "-c", script, "sh"}, args...)
}

func TestExit(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		c := h.exec(sh("echo out; echo err >&2; exit 7"), nil).expect(fields{"exitCode": 7, "signal": nil, "cause": "exit", "lost": false, "strays": 0})
		if c.stdout() != "out\n" || c.stderr() != "err\n" {
			t.Errorf("%q %q", c.stdout(), c.stderr())
		}
		for _, code := range []int{0, 1, 42, 126, 127, 255} {
			h.exec(sh("exit "+strconv.Itoa(code)), nil).expect(fields{"exitCode": code, "signal": nil})
		}
		for _, signal := range []int{1, 9, 11, 15} {
			h.exec(sh(fmt.Sprintf("kill -%d $$", signal)), nil).expect(fields{"exitCode": nil, "signal": signal, "oomKilled": false})
		}
		c = h.exec([]string{"true"}, nil).expect(fields{"exitCode": 0})
		if c.frames != 1 {
			t.Errorf("%d frames for a command without output", c.frames)
		}
	})
}

func TestUsage(t *testing.T) {
	h := start(t)
	c := h.exec(sh("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"), nil).expect(fields{"exitCode": 0})
	if c.reply["cpuUserUs"].(float64) < 10000 {
		t.Errorf("%v", c.reply)
	}
	c = h.exec([]string{"head", "-c", "40000000", "/dev/zero"}, nil).wait()
	small := c.reply["peakMemoryBytes"].(float64)
	c = h.exec(sh("x=$(head -c 40000000 /dev/zero | tr '\\0' x)"), nil).wait()
	if large := c.reply["peakMemoryBytes"].(float64); large < 40e6 || small > 20e6 {
		t.Errorf("%v and %v bytes", large, small)
	}
}

func TestArguments(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		args := []string{"", " ", "a b", "'", `"\$`, "*", "\n", "ünï", "-n", strings.Repeat("x", 100000)}
		c := h.exec(append([]string{"printf", "%s\\0"}, args...), nil).expect(fields{"exitCode": 0})
		if c.stdout() != strings.Join(args, "\x00")+"\x00" {
			t.Errorf("%.300q", c.stdout())
		}
		for name, argv := range map[string]interface{}{"empty": []string{}, "NUL": []string{"a\x00b"}, "null": []interface{}{nil}, "number": []int{1}} {
			h.request(fields{"op": "exec", "argv": argv}).fails("INVALID_ARGUMENT")
			_ = name
		}
		h.exec([]string{"true"}, fields{"timeout": 1}).fails("INVALID_ARGUMENT")
		h.exec([]string{"true"}, fields{"stdin": "socket"}).fails("INVALID_ARGUMENT")
		h.exec([]string{"true"}, fields{"env": fields{"A=B": "x"}}).fails("INVALID_ARGUMENT")
		h.exec([]string{"true"}, fields{"env": fields{"": "x"}}).fails("INVALID_ARGUMENT")
		h.exec([]string{"true"}, fields{"timeoutMs": -1}).fails("INVALID_ARGUMENT")

		// More than a packet, up to what the kernel takes.
		many := make([]string, 3000)
		for i := range many {
			many[i] = fmt.Sprintf("argument-%0100d", i)
		}
		c = h.exec(append([]string{"printf", "%s\\n"}, many...), nil).expect(fields{"exitCode": 0})
		if c.stdout() != strings.Join(many, "\n")+"\n" {
			t.Errorf("%d bytes", len(c.stdout()))
		}
		h.exec([]string{"true", strings.Repeat("x", 200000)}, nil).expect(fields{"exitCode": 126})
		h.exec([]string{"true"}, nil).expect(fields{"exitCode": 0})
	})
}

func TestEnvironment(t *testing.T) {
	t.Setenv("KEPT", "kept")
	t.Setenv("GONE", "gone")
	h := start(t)
	c := h.exec([]string{"env"}, fields{"env": fields{"GONE": nil, "NEW": "a b\n=ü", "KEPT": "changed", "PATH": "/usr/bin:/bin"}}).expect(fields{"exitCode": 0})
	out := "\n" + c.stdout()
	if strings.Contains(out, "\nGONE=") || !strings.Contains(out, "\nNEW=a b\n=ü\n") || !strings.Contains(out, "\nKEPT=changed\n") {
		t.Errorf("%q", out)
	}
	h.exec([]string{"env"}, fields{"env": fields{"PATH": "/nowhere:/etc"}}).expect(fields{"exitCode": 127})
	h.exec([]string{"env"}, fields{"env": fields{"PATH": nil}}).expect(fields{"exitCode": 0})
	large := fields{}
	for i := 0; i < 2000; i++ {
		large[fmt.Sprintf("V%d", i)] = strings.Repeat("v", 100)
	}
	h.exec(sh("test ${#V1999} = 100"), fields{"env": large}).expect(fields{"exitCode": 0})
}

func TestNotExecutable(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		dir := workDir(t, h)
		os.WriteFile(dir+"/plain", []byte("echo no"), 0o644)
		os.WriteFile(dir+"/text", []byte("echo no shell for me\n"), 0o755)
		os.WriteFile(dir+"/lost", []byte("#!/no/such/interpreter\n"), 0o755)
		for name, code := range map[string]int{"no-such-program-anywhere": 127, dir + "/absent": 127, dir + "/plain": 126, dir + "/text": 126, dir: 126, dir + "/lost": 127, "": 127, "/etc/passwd/x": 127} {
			c := h.exec([]string{name}, nil).expect(fields{"exitCode": code, "lost": false})
			if !strings.HasPrefix(c.stderr(), name+": ") || c.reply["message"] == nil || c.stdout() != "" {
				t.Errorf("%s: %q %v", name, c.stderr(), c.reply)
			}
		}
		// What cannot be executed is passed over when a later directory has it.
		os.WriteFile(dir+"/env", nil, 0o644)
		h.exec([]string{"env"}, fields{"env": fields{"PATH": dir + ":/usr/bin"}}).expect(fields{"exitCode": 0})
		h.exec([]string{"env"}, fields{"env": fields{"PATH": dir}}).expect(fields{"exitCode": 126})
		h.exec([]string{"true"}, fields{"cwd": dir + "/absent"}).fails("NOT_FOUND")
		h.exec([]string{"true"}, fields{"cwd": dir + "/env"}).fails("FAILED_PRECONDITION")
		if c := h.exec([]string{"pwd"}, fields{"cwd": dir}).expect(fields{"exitCode": 0}); c.stdout() != dir+"\n" {
			t.Error(c.stdout())
		}
		os.WriteFile(dir+"/here", []byte("#!/bin/sh\necho here\n"), 0o755)
		if c := h.exec([]string{"./here"}, fields{"cwd": dir}).expect(fields{"exitCode": 0}); c.stdout() != "here\n" {
			t.Error(c.stdout())
		}
	})
}

func TestInput(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		c := h.exec([]string{"cat"}, fields{"stdin": "pipe"})
		data := bytes.Repeat([]byte{0, 1, 0xff, 0xc3, '\n'}, 1<<20)
		c.write(data)
		c.end()
		c.expect(fields{"exitCode": 0})
		if c.stdout() != string(data) {
			t.Errorf("%d of %d bytes", len(c.stdout()), len(data))
		}
		h.exec([]string{"cat"}, nil).expect(fields{"exitCode": 0}) // nothing to read

		// One that closes its input, and one that ends without reading it.
		c = h.exec(sh("exec <&-; echo closed; read x 2>/dev/null; sleep 1000"), fields{"stdin": "pipe"})
		c.untilPrinted("closed")
		waitFor(t, "the channel is closed", func() bool { // by the first write, or the second if the runner still held it
			c.write([]byte("x"))
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.closedIn
		})
		c.control(fields{"control": "cancel"})
		c.expect(fields{"signal": 9})
		c = h.exec([]string{"true"}, fields{"stdin": "pipe"})
		c.write(make([]byte, 200000))
		c.expect(fields{"exitCode": 0})
		c = h.exec([]string{"head", "-c", "5"}, fields{"stdin": "pipe"})
		c.write(make([]byte, 8<<20))
		c.expect(fields{"exitCode": 0})
	})
}

func TestLargeOutput(t *testing.T) {
	h := start(t, asUser)
	c := h.exec([]string{"head", "-c", "100000000", "/dev/zero"}, nil, func(c *call) { c.discard = true })
	c.expect(fields{"exitCode": 0})
	if c.got[1] != 100000000 {
		t.Errorf("%d bytes", c.got[1])
	}
}

// TestSlowReader: who takes nothing gets a window, holds up nobody else, and loses nothing.
func TestSlowReader(t *testing.T) {
	h := start(t, asUser)
	c := h.exec([]string{"head", "-c", "5000000", "/dev/zero"}, nil, func(c *call) { c.stopped = true })
	c.until("a window", func() bool { return c.got[1] == hostWindow })
	for i := 0; i < 20; i++ {
		h.exec([]string{"true"}, nil).expect(fields{"exitCode": 0})
	}
	if c.got[1] != hostWindow {
		t.Errorf("%d bytes", c.got[1])
	}
	c.mu.Lock()
	c.stopped = false
	c.credit(1, hostWindow)
	c.mu.Unlock()
	c.expect(fields{"exitCode": 0})
	if c.got[1] != 5000000 {
		t.Errorf("%d bytes", c.got[1])
	}
	// The process has long ended when the host takes the rest: that is told apart.
	c = h.exec([]string{"head", "-c", "1100000", "/dev/zero"}, nil, func(c *call) { c.stopped = true })
	c.until("the exit", func() bool { return len(c.events) == 1 && c.events[0]["event"] == "exited" })
	c.credit(1, hostWindow)
	c.expect(fields{"exitCode": 0})
	if c.got[1] != 1100000 {
		t.Errorf("%d bytes", c.got[1])
	}
	// Who cancels need not take it.
	c = h.exec([]string{"head", "-c", "1100000", "/dev/zero"}, fields{"drainMs": 20}, func(c *call) { c.stopped = true })
	c.until("the exit", func() bool { return len(c.events) == 1 })
	c.control(fields{"control": "cancel"})
	c.wait()
}

func TestClosedOutput(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		c := h.exec([]string{"cat", "/dev/zero"}, nil, func(c *call) { c.discard = true })
		c.until("output", func() bool { return c.got[1] > 0 })
		c.close(1)
		c.expect(fields{"signal": 13})
		c = h.exec(sh("echo quiet; sleep 1000 & wait"), nil)
		c.untilPrinted("quiet")
		c.close(1)
		c.control(fields{"control": "signal", "signal": 15})
		c.expect(fields{"signal": 15})
	})
}

func TestSignals(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		c := h.exec(sh("trap 'echo got; exit 3' USR1; echo ready; while :; do sleep 1000 & wait $!; done"), fields{"started": true})
		c.untilPrinted("ready")
		c.control(fields{"control": "signal", "signal": int(syscall.SIGUSR1)})
		c.expect(fields{"exitCode": 3, "cause": "exit"})
		if c.stdout() != "ready\ngot\n" || c.events[0]["event"] != "started" || c.events[0]["pid"].(float64) < 2 {
			t.Errorf("%q %v", c.stdout(), c.events)
		}
		// At once, before it can have started.
		c = h.exec([]string{"sleep", "1000"}, nil)
		c.control(fields{"control": "signal", "signal": 2})
		c.expect(fields{"signal": 2})
		// Dispositions and mask are the defaults.
		c = h.exec([]string{"cat", "/proc/self/status"}, nil).expect(fields{"exitCode": 0})
		for _, line := range strings.Split(strings.TrimSpace(c.stdout()), "\n") {
			if strings.HasPrefix(line, "Sig") && !strings.HasPrefix(line, "SigQ") && !strings.HasSuffix(line, "\t0000000000000000") {
				t.Error(line)
			}
		}
		c = h.exec(sh("ps -o pid=,pgid=,sid= -p $$"), nil).expect(fields{"exitCode": 0})
		if f := strings.Fields(c.stdout()); len(f) != 3 || f[0] != f[1] || f[0] != f[2] {
			t.Errorf("%q", c.stdout())
		}
	})
}

// TestDescriptors: a command has 0, 1 and 2, and the soft limit that the agent was started with.
func TestDescriptors(t *testing.T) {
	limited := func(cmd *exec.Cmd) {
		asUser(cmd)
		cmd.Args = append([]string{"sh", "-c", `ulimit -Sn 100; exec "$0" "$@"`}, append([]string{cmd.Path}, cmd.Args[1:]...)...)
		cmd.Path = "/bin/sh"
	}
	h := start(t, limited)
	c := h.exec(sh("ulimit -Sn; ls /proc/self/fd"), fields{"stdin": "pipe"}).expect(fields{"exitCode": 0})
	if c.stdout() != "100\n0\n1\n2\n3\n" {
		t.Errorf("%q", c.stdout())
	}
	facts := h.hello["facts"].(map[string]interface{})
	if soft := facts["rlimits"].(map[string]interface{})["nofile"].([]interface{})[0]; soft != 100.0 {
		t.Error(soft)
	}
}

func TestTimeout(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		other := h.exec([]string{"sleep", "1000"}, nil)
		h.exec([]string{"sleep", "1000"}, fields{"timeoutMs": 50}).expect(fields{"signal": 9, "exitCode": nil, "cause": "timeout", "strays": 0, "oomKilled": false})
		h.exec(sh("trap 'exit 5' TERM; sleep 1000 & wait"), fields{"timeoutMs": 50, "graceMs": 10000}).expect(fields{"exitCode": 5, "cause": "timeout"})
		h.exec(sh("trap '' TERM; sleep 1000"), fields{"timeoutMs": 50, "graceMs": 50}).expect(fields{"signal": 9, "cause": "timeout"})
		h.exec(sh("kill -STOP $$"), fields{"timeoutMs": 100, "graceMs": 10000}).expect(fields{"signal": 15, "cause": "timeout"})
		h.exec([]string{"true"}, fields{"timeoutMs": 100000}).expect(fields{"exitCode": 0, "cause": "exit"})
		other.control(fields{"control": "cancel", "graceMs": 10000})
		other.expect(fields{"signal": 15, "cause": "cancel"})
	})
}

// straysOf makes n processes that have left everything behind: session, parent, environment.
func straysOf(n int) string {
	return fmt.Sprintf("i=0; while [ $i -lt %d ]; do i=$((i+1)); (env -i setsid sh -c 'sleep 1000' >/dev/null 2>&1 </dev/null &) ; done; ", n)
}

func countProcesses(t *testing.T, what string) (n int) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if line, err := os.ReadFile(name); err == nil && strings.Contains(string(line), what) {
			n++
		}
	}
	return n
}

func TestStrays(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		// They have closed the output: there is nothing to wait for.
		c := h.exec(sh(strings.ReplaceAll(straysOf(5), "1000", "987001")+"exit 4"), nil).expect(fields{"exitCode": 4, "cause": "exit"})
		if n := c.reply["strays"].(float64); n < 5 || n > 10 {
			t.Errorf("%v strays", n)
		}
		if n := countProcesses(t, "987001"); n != 0 {
			t.Errorf("%d are left", n)
		}
		// One that holds the output is given the time to write.
		c = h.exec(sh("(sleep 0.05; echo late; sleep 987002) & echo early"), nil).expect(fields{"exitCode": 0, "strays": 1})
		if c.stdout() != "early\nlate\n" || countProcesses(t, "987002") != 0 {
			t.Errorf("%q", c.stdout())
		}
		c = h.exec(sh("sleep 987003 & echo early"), fields{"drainMs": 0}).expect(fields{"exitCode": 0, "strays": 1})
		if c.stdout() != "early\n" {
			t.Errorf("%q", c.stdout())
		}
		// Kept, it lives on: the event tells the exit, the reply comes at the end of all.
		c = h.exec(sh("sleep 987004 & echo $!"), fields{"strays": "keep"})
		c.until("the exit", func() bool { return len(c.events) == 1 })
		if countProcesses(t, "987004") != 1 || c.events[0]["exitCode"] != 0.0 {
			t.Errorf("%v", c.events)
		}
		pid, _ := strconv.Atoi(strings.TrimSpace(c.stdout()))
		syscall.Kill(pid, syscall.SIGKILL)
		c.expect(fields{"exitCode": 0, "cause": "exit", "strays": 0})
		c = h.exec(sh("sleep 987005 &"), fields{"strays": "keep"})
		c.until("the exit", func() bool { return len(c.events) == 1 })
		c.control(fields{"control": "cancel"})
		c.expect(fields{"exitCode": 0, "cause": "cancel", "strays": 1})
	})
}

// TestForeignHolder: an output that a process of another command holds open does not hold up the end.
func TestForeignHolder(t *testing.T) {
	h := start(t)
	a := h.exec(sh("echo $$; sleep 1000"), nil)
	a.untilPrinted("\n")
	b := h.exec(sh(`echo before; exec 9<>/proc/$1/fd/1; sleep 0.01`, strings.TrimSpace(a.stdout())), fields{"drainMs": 50})
	b.expect(fields{"exitCode": 0})
	holder := h.exec(sh("echo $$; sleep 1000"), fields{"drainMs": 50})
	holder.untilPrinted("\n")
	// A process below another command takes this one's output over.
	thief := h.exec(sh(`exec 9>/proc/$1/fd/1; echo held; sleep 1000`, strings.TrimSpace(holder.stdout())), nil)
	thief.untilPrinted("held")
	holder.control(fields{"control": "signal", "signal": 15})
	holder.expect(fields{"signal": 15})
	for _, c := range []*call{a, thief} {
		c.control(fields{"control": "cancel"})
		c.wait()
	}
}

// TestFourTrees: each of four commands has strays; each cancel takes exactly its own.
func TestFourTrees(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		var calls []*call
		name := func(i int) string { return fmt.Sprintf("98770%d", i) }
		for i := 0; i < 4; i++ {
			c := h.exec(sh(strings.ReplaceAll(straysOf(20), "1000", name(i))+"echo ready; sleep 1000"), nil)
			calls = append(calls, c)
		}
		for i, c := range calls {
			c.untilPrinted("ready")
			waitFor(t, "its strays", func() bool { return countProcesses(t, name(i)) >= 20 })
		}
		for i, c := range calls {
			c.control(fields{"control": "cancel"})
			c.expect(fields{"signal": 9, "cause": "cancel"})
			if n := countProcesses(t, name(i)); n != 0 {
				t.Errorf("%d of tree %d are left", n, i)
			}
			for j := i + 1; j < 4; j++ {
				if n := countProcesses(t, name(j)); n < 20 {
					t.Errorf("only %d of tree %d are left", n, j)
				}
			}
		}
	})
}

// waitFor waits for what nothing announces.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestManyAtOnce: more commands than there are idle runners, and runners are reused.
func TestManyAtOnce(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		for round := 0; round < 3; round++ {
			var calls []*call
			for i := 0; i < 100; i++ {
				calls = append(calls, h.exec(sh("echo $1; exit $1", strconv.Itoa(i)), nil))
			}
			for i, c := range calls {
				c.expect(fields{"exitCode": i, "strays": 0})
				if c.stdout() != strconv.Itoa(i)+"\n" {
					t.Errorf("%d: %q", i, c.stdout())
				}
			}
		}
	})
}

func TestTooManyRequests(t *testing.T) {
	h := start(t)
	dir := workDir(t, h)
	var calls []*call
	for i := 0; i < maxRequests; i++ {
		calls = append(calls, h.request(fields{"op": "write", "path": fmt.Sprintf("%s/%d", dir, i)}))
	}
	h.exec([]string{"true"}, nil).fails("RESOURCE_EXHAUSTED")
	for _, c := range calls {
		c.end()
		c.expect(fields{"size": 0})
	}
	h.exec([]string{"true"}, nil).expect(fields{"exitCode": 0})
}

func TestTerminal(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		size := fields{"rows": 24, "cols": 80}
		c := h.exec(sh("tty; stty size; echo err >&2; test -t 0 && test -t 1 && test -t 2"), fields{"terminal": size}).expect(fields{"exitCode": 0})
		if lines := strings.Split(c.stdout(), "\r\n"); len(lines) != 4 || !strings.HasPrefix(lines[0], "/dev/pts/") || lines[1] != "24 80" || lines[2] != "err" {
			t.Errorf("%q", c.stdout())
		}
		c = h.exec(sh("trap 'stty size; exit 6' WINCH; echo ready; while :; do sleep 0.05; done"), fields{"terminal": size, "stdin": "pipe"})
		c.untilPrinted("ready")
		c.control(fields{"control": "resize", "rows": 40, "cols": 100})
		c.expect(fields{"exitCode": 6})
		if !strings.Contains(c.stdout(), "40 100") {
			t.Errorf("%q", c.stdout())
		}
		// Keys: a line, ^C to what is in front, ^D.
		c = h.exec([]string{"cat"}, fields{"terminal": size, "stdin": "pipe"})
		c.write([]byte("typed\n"))
		c.untilPrinted("typed\r\ntyped\r\n")
		c.write([]byte{3})
		c.expect(fields{"signal": 2})
		c = h.exec([]string{"cat"}, fields{"terminal": size, "stdin": "pipe"})
		c.end()
		c.expect(fields{"exitCode": 0})
		// A shell with job control puts a job in front: the signal goes there.
		c = h.exec(sh("set -m; sh -c 'trap \"echo job; exit 0\" INT; echo ready; while :; do sleep 0.05; done'; echo after"), fields{"terminal": size})
		c.untilPrinted("ready")
		c.control(fields{"control": "signal", "signal": 2})
		c.expect(fields{"exitCode": 0})
		if !strings.Contains(c.stdout(), "job\r\nafter") {
			t.Errorf("%q", c.stdout())
		}
		c = h.exec([]string{"no-such-program"}, fields{"terminal": size}).expect(fields{"exitCode": 127})
		if c.stdout() != "no-such-program: not found in PATH\r\n" {
			t.Errorf("%q", c.stdout())
		}
		c = h.exec(sh("trap '' HUP; echo on; sleep 1000"), fields{"terminal": size, "timeoutMs": 200})
		c.untilPrinted("on")
		c.close(1)
		c.expect(fields{"signal": 9, "cause": "timeout"})
		c = h.exec([]string{"head", "-c", "300000", "/dev/zero"}, fields{"terminal": size}).expect(fields{"exitCode": 0})
		if c.got[1] != 300000 {
			t.Errorf("%d bytes", c.got[1])
		}
	})
}

// TestResizedAtOnce: a size that comes before the terminal is there is the one that it gets.
func TestResizedAtOnce(t *testing.T) {
	h := start(t)
	for i := 0; i < 50; i++ {
		c := h.exec([]string{"sh", "-c", "read go; stty size"}, fields{"terminal": fields{"rows": 10, "cols": 20}, "stdin": "pipe"})
		c.control(fields{"control": "resize", "rows": 33, "cols": 44})
		c.write([]byte("go\n"))
		if c.expect(fields{"exitCode": 0}); !strings.Contains(c.stdout(), "33 44") {
			t.Fatalf("%q", c.stdout())
		}
	}
}
