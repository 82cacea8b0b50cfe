package main

import (
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

// Commands that turn against the agent. It runs as an ordinary user and as the first process of a PID namespace of its own, as in a
// sandbox, so that what they do reaches nothing else.

// wrap runs the agent through another program.
func wrap(args ...string) hostOption {
	return func(cmd *exec.Cmd) {
		path, err := exec.LookPath(args[0])
		if err != nil {
			panic(err)
		}
		cmd.Args = append(append(append([]string{}, args...), cmd.Path), cmd.Args[1:]...)
		cmd.Path = path
	}
}

// asGuest wraps the agent as a sandbox would have it, with other wrappers outside.
func asGuest(noNewPrivs bool, outer ...string) hostOption {
	args := append(append([]string{}, outer...), "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups")
	if noNewPrivs {
		args = append(args, "--no-new-privs")
	}
	return func(cmd *exec.Cmd) {
		cmd.Dir = "/tmp"
		wrap(args...)(cmd)
	}
}

func startGuest(t *testing.T, noNewPrivs bool, outer ...string) *host {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making a PID namespace and another user needs root")
	}
	h := start(t, asGuest(noNewPrivs, outer...))
	if h.hello["pid"] != 1.0 {
		t.Fatalf("the agent is not the first process: %v", h.hello)
	}
	return h
}

// works checks that the session is as good as new.
func (h *host) works() {
	h.t.Helper()
	for i := 0; i < 3; i++ {
		h.exec(sh("echo fine"), nil).expect(fields{"exitCode": 0, "lost": false})
	}
}

func TestRunnerKilled(t *testing.T) {
	for name, attack := range map[string]string{
		"killed":                 "kill -9 $PPID; exec sleep 987200",
		"stopped":                "kill -STOP $PPID; exec sleep 987200",
		"killed, with strays":    straysOf(5) + "kill -9 $PPID; exec sleep 987200",
		"killed at the end":      "kill -9 $PPID",
		"stopped at the end":     "kill -STOP $PPID",
		"stopped by a stray":     "(setsid sh -c 'kill -STOP '$PPID'; exec sleep 987200' &); exec sleep 987200",
		"killed, and everything": "kill -9 -1; exec sleep 987200",
		"other signals": "for s in 1 2 3 4 5 6 7 8 10 11 12 13 14 15 16 17 18 20 21 22 23 24 25 26 27 28 29 30 31 34 40 64; do kill -$s $PPID; kill -$s 1; done; kill -9 1; kill -STOP 1; " +
			"kill -9 $PPID",
	} {
		t.Run(name, func(t *testing.T) {
			h := startGuest(t, true)
			c := h.exec(sh(strings.ReplaceAll(attack, "1000", "987200")), nil)
			c.wait()
			if c.reply["lost"] != true || c.reply["exitCode"] != nil || c.reply["signal"] != nil || c.reply["cause"] != "exit" {
				t.Errorf("%v", c.reply)
			}
			if n := countProcesses(t, "987200"); n != 0 {
				t.Errorf("%d processes are left", n)
			}
			h.works()
		})
	}
}

// TestRunnerKilledBeside: other commands go on, and none takes over what the lost one left.
func TestRunnerKilledBeside(t *testing.T) {
	h := startGuest(t, true)
	beside := h.exec(sh(strings.ReplaceAll(straysOf(3), "1000", "987201")+"echo on; sleep 987201; exit 3"), nil)
	beside.untilPrinted("on")
	for i := 0; i < 20; i++ {
		h.exec(sh("(sleep 987202 &) ; kill -9 $PPID; sleep 987202"), nil).expect(fields{"lost": true})
	}
	if n := countProcesses(t, "987202"); n != 0 {
		t.Errorf("%d are left", n)
	}
	if n := countProcesses(t, "987201"); n < 4 {
		t.Errorf("%d are left beside", n)
	}
	beside.control(fields{"control": "cancel"})
	beside.expect(fields{"signal": 9})
	h.works()
}

// TestIdleRunnersKilled: the agent makes new ones.
func TestIdleRunnersKilled(t *testing.T) {
	h := startGuest(t, true)
	for i := 0; i < 10; i++ {
		c := h.exec(sh(`for p in $(cat /proc/1/task/*/children); do test $p = $PPID || kill -9 $p; done; echo done`), nil)
		c.expect(fields{"exitCode": 0})
		h.works()
	}
}

// TestSealed: a command cannot look into the agent or a runner, or write where they do.
func TestSealed(t *testing.T) {
	for name, startOne := range map[string]func() *host{
		"guest": func() *host { return startGuest(t, true) },
		"user":  func() *host { return start(t, asUser) },
	} {
		t.Run(name, func(t *testing.T) {
			h := startOne()
			agent := strconv.Itoa(int(h.hello["pid"].(float64)))
			for _, victim := range []string{agent, "$PPID"} {
				for _, attempt := range []string{
					"echo forged > /proc/%s/fd/1", "cat /proc/%s/fd/0", "ls /proc/%s/fd/", "cat /proc/%s/environ", "head -c1 /proc/%s/mem",
					"readlink /proc/%s/exe", "cat /proc/%s/syscall", "cat /proc/%s/maps", "echo 900 > /proc/%s/oom_score_adj",
				} {
					c := h.exec(sh("! "+fmt.Sprintf(attempt, victim)+" 2>/dev/null"), nil)
					c.expect(fields{"exitCode": 0})
					if c.stdout() != "" {
						t.Errorf("%s: %q", attempt, c.stdout())
					}
				}
			}
			h.works()
		})
	}
}

// TestReadable: where the agent's file may be read, runners are started from a copy that may not.
func TestReadable(t *testing.T) {
	for name, mode := range map[string]os.FileMode{"unreadable": 0o111, "readable": 0o555} {
		t.Run(name, func(t *testing.T) {
			binary, err := os.ReadFile(agentBinary)
			if err != nil {
				t.Skip("reading the agent's file needs root")
			}
			path := filepath.Join(filepath.Dir(agentBinary), name)
			if err := os.WriteFile(path, binary, mode); err != nil {
				t.Fatal(err)
			}
			h := start(t, withBinary(path), asUser)
			c := h.exec(sh("echo $PPID"), nil)
			c.expect(fields{"exitCode": 0})
			runner := strings.TrimSpace(c.stdout())
			link, err := os.Readlink("/proc/" + runner + "/exe")
			if err != nil {
				t.Fatal(err)
			}
			if inMemory := strings.HasPrefix(link, "/memfd:agent"); inMemory != (mode == 0o555) {
				t.Errorf("the runner is %s", link)
			}
			h.works()
		})
	}
}

// TestForgedStdio: a command's own stdout is its pipe, and nothing else that it can open is the session's.
func TestForgedStdio(t *testing.T) {
	h := startGuest(t, true)
	c := h.exec(sh(`for f in /dev/stdout /dev/console /dev/tty /proc/self/fd/*; do (echo forged >$f) 2>/dev/null; done; exit 0`), nil)
	c.expect(fields{"exitCode": 0})
	h.works()
}

func TestRlimitOfTheAgent(t *testing.T) {
	for name, noNewPrivs := range map[string]bool{"with no-new-privileges": true, "without": false} {
		t.Run("refused "+name, func(t *testing.T) {
			h := startGuest(t, noNewPrivs)
			h.exec([]string{"prlimit", "--pid", "1", "--nofile=8"}, nil).expect(fields{"exitCode": 1})
			h.exec([]string{"prlimit", "--nofile=8", "true"}, nil).expect(fields{"exitCode": 0})
			h.exec(sh("ulimit -n 50 && ulimit -n"), nil).expect(fields{"exitCode": 0})
			h.works()
		})
	}
	t.Run("robbed", func(t *testing.T) {
		h := startGuest(t, true)
		outside := strconv.Itoa(h.agent.Process.Pid)
		children, err := os.ReadFile("/proc/" + outside + "/task/" + outside + "/children")
		if err != nil {
			t.Fatal(err)
		}
		robber := exec.Command("prlimit", "--pid", strings.TrimSpace(string(children)), "--nofile=8")
		asUser(robber)
		if out, err := robber.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		h.exec([]string{"true"}, nil)
		h.goodbyeIs("RESOURCE_EXHAUSTED", "cannot go on")
	})
}

// inCgroup makes a cgroup of version 1 with the limits given and wraps a program to run in it.
func inCgroup(t *testing.T, controller string, limits map[string]string) []string {
	t.Helper()
	dir := "/sys/fs/cgroup/" + controller + "/agent-test-" + strconv.Itoa(os.Getpid()) + "-" + strings.ReplaceAll(t.Name(), "/", "-")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("no %s cgroup (version 1) can be made here: %v", controller, err)
	}
	t.Cleanup(func() { waitFor(t, "the cgroup is empty", func() bool { return os.Remove(dir) == nil }) })
	for name, value := range limits {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"sh", "-c", `echo $$ > "$0"/cgroup.procs && exec "$@"`, dir}
}

func cgroupNumber(t *testing.T, wrapped []string, name string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(wrapped[3], name))
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

// TestPidsConstant: of a limit of ownTasks + n, commands have exactly n, before and after they have used it all up.
func TestPidsConstant(t *testing.T) {
	const n = 30
	// One for unshare, which stays outside as the parent.
	cgroup := inCgroup(t, "pids", map[string]string{"pids.max": strconv.Itoa(ownTasks + n + 1)})
	h := startGuest(t, true, cgroup...)
	waitFor(t, "all runners", func() bool { return cgroupNumber(t, cgroup, "pids.current") == ownTasks+1 })
	for round := 0; round < 3; round++ {
		bomb := h.exec(sh(`(i=2; while sleep 987300 & do i=$((i+1)); echo $i; done) 2>/dev/null; sleep 987300 & echo full; exec sleep 987300`), fields{"drainMs": 5000})
		bomb.untilPrinted("\n" + strconv.Itoa(n) + "\nfull\n")
		if used := cgroupNumber(t, cgroup, "pids.current"); used != ownTasks+n+1 {
			t.Errorf("%d tasks", used)
		}
		h.exec([]string{"true"}, nil).fails("RESOURCE_EXHAUSTED")
		if strings.Contains(bomb.stdout(), strconv.Itoa(n+1)) {
			t.Errorf("more than %d: %q", n, bomb.stdout())
		}
		bomb.control(fields{"control": "cancel"})
		bomb.wait()
		h.works()
	}
	// More commands than the agent's own runners: the runners beyond count as the user's.
	var calls []*call
	for i := 0; i < 40; i++ {
		calls = append(calls, h.exec([]string{"sleep", "0.2"}, nil))
	}
	ran, refused := 0, 0
	for _, c := range calls {
		c.wait()
		if c.reply["error"] == nil {
			ran++
		} else {
			c.fails("RESOURCE_EXHAUSTED")
			refused++
		}
	}
	if ran == 0 || refused == 0 {
		t.Errorf("%d ran, %d were refused", ran, refused)
	}
	waitFor(t, "the runners beyond have ended", func() bool { return cgroupNumber(t, cgroup, "pids.current") == ownTasks+1 })
	h.works()
}

// TestForkBomb: it is killed in time, as a whole, and the session is as good as new.
func TestForkBomb(t *testing.T) {
	cgroup := inCgroup(t, "pids", map[string]string{"pids.max": strconv.Itoa(ownTasks + 200)})
	h := startGuest(t, true, cgroup...)
	waitFor(t, "all runners", func() bool { return cgroupNumber(t, cgroup, "pids.current") == ownTasks+1 })
	for round := 0; round < 3; round++ {
		begin := time.Now()
		c := h.exec([]string{"bash", "-c", "f() { f | f & f; }; f; sleep 1000"}, fields{"timeoutMs": 300}, func(c *call) { c.discard = true })
		c.wait()
		if c.reply["error"] != nil || c.reply["lost"] != false {
			t.Errorf("%v", c.reply)
		}
		t.Logf("gone after %v", time.Since(begin))
		waitFor(t, "only the agent is left", func() bool { return cgroupNumber(t, cgroup, "pids.current") == ownTasks+1 })
		h.works()
	}
}

// TestForkBombBeside: another command goes on while a bomb is killed.
func TestForkBombBeside(t *testing.T) {
	cgroup := inCgroup(t, "pids", map[string]string{"pids.max": strconv.Itoa(ownTasks + 100)})
	h := startGuest(t, true, cgroup...)
	beside := h.exec(sh("trap 'echo still; exit 9' USR1; echo on; while :; do read x; done"), fields{"stdin": "pipe"})
	beside.untilPrinted("on")
	bomb := h.exec([]string{"bash", "-c", "f() { f | f & f; }; f"}, fields{"timeoutMs": 300}, func(c *call) { c.discard = true })
	bomb.wait()
	beside.control(fields{"control": "signal", "signal": int(syscall.SIGUSR1)})
	beside.write([]byte("\n"))
	beside.expect(fields{"exitCode": 9, "cause": "exit"})
}

func TestOutOfMemory(t *testing.T) {
	cgroup := inCgroup(t, "memory", map[string]string{"memory.limit_in_bytes": "67108864"})
	h := startGuest(t, true, cgroup...)
	hog := []string{"sh", "-c", "exec tail /dev/zero"}
	beside := h.exec([]string{"cat"}, fields{"stdin": "pipe"})
	for i := 0; i < 3; i++ {
		h.exec(hog, nil).expect(fields{"signal": 9, "oomKilled": true, "lost": false, "cause": "exit"})
	}
	if c := h.exec([]string{"cat", "/proc/self/oom_score_adj", "/proc/1/oom_score_adj"}, nil).expect(fields{"exitCode": 0}); c.stdout() != "500\n0\n" {
		t.Errorf("%q", c.stdout())
	}
	h.exec(sh("kill -9 $$"), nil).expect(fields{"signal": 9, "oomKilled": false})
	h.exec([]string{"sleep", "1000"}, fields{"timeoutMs": 30}).expect(fields{"signal": 9, "oomKilled": false})
	beside.end()
	beside.expect(fields{"exitCode": 0})
	// Many small ones: never the agent, and never a runner.
	c := h.exec(sh("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sh -c 'x=$(head -c 4000000 /dev/zero | tr \"\\0\" x); sleep 0.3' & done; wait"), nil)
	c.expect(fields{"lost": false})
	if limit := h.hello["facts"].(map[string]interface{})["cgroup"].(map[string]interface{})["memoryMax"]; limit != 67108864.0 {
		t.Error(limit)
	}
	h.works()
}

// TestSignalsQueued: a SIGSEGV that was queued, not caused, does not look like a fault of the agent's own.
func TestSignalsQueued(t *testing.T) {
	python, err := exec.LookPath("/usr/bin/python3")
	if err != nil {
		t.Skip("queueing a signal needs /usr/bin/python3")
	}
	h := start(t, asUser)
	agent := int(h.hello["pid"].(float64))
	script := fmt.Sprintf(`
import ctypes
libc = ctypes.CDLL(None)
for sig in list(range(1, 65)):
    if sig in (9, 19): continue
    info = (ctypes.c_int * 32)(sig, 0, -1)
    libc.syscall(129, %d, sig, ctypes.byref(info))
`, agent)
	h.exec([]string{python, "-c", script}, nil).expect(fields{"exitCode": 0})
	h.works()
}

// TestAgentKilled: an agent that is not the first process can be killed by its commands. They do not outlive it.
func TestAgentKilled(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		c := h.exec(sh(strings.ReplaceAll(straysOf(5), "1000", "987400")+"echo on; sleep 987400"), nil)
		c.untilPrinted("on")
		waitFor(t, "its strays", func() bool { return countProcesses(t, "987400") >= 6 })
		agent := int(h.hello["pid"].(float64))
		runners := childrenOf(agent)
		h.exec(sh(fmt.Sprintf("sleep 987400 & kill -9 %d; sleep 987400", agent)), nil)
		if g := h.ending(); g != nil {
			t.Errorf("%v", g)
		}
		waitFor(t, "nothing is left", func() bool { return countProcesses(t, "987400") == 0 })
		for _, pid := range runners {
			waitFor(t, "no runner is left", func() bool { return isZombie(pid) })
		}
	})
}

// TestInit: the first process of a long-lived sandbox takes every signal and reaps; sessions come and go.
func TestInit(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making a PID namespace needs root")
	}
	init := exec.Command("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", agentBinary, "init")
	if err := init.Start(); err != nil {
		t.Fatal(err)
	}
	var pid string
	t.Cleanup(func() {
		if inner, err := strconv.Atoi(pid); err == nil {
			syscall.Kill(inner, syscall.SIGKILL) // and with it all of its namespace
		}
		init.Process.Kill()
		init.Wait()
	})
	waitFor(t, "init", func() bool {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", init.Process.Pid, init.Process.Pid))
		pid = strings.TrimSpace(string(children))
		line, _ := os.ReadFile("/proc/" + pid + "/cmdline")
		return pid != "" && strings.HasPrefix(string(line), agentBinary)
	})
	session := func(cmd *exec.Cmd) {
		wrap("nsenter", "-t", pid, "-p", "-m", "setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "--no-new-privs")(cmd)
	}
	a, b := start(t, session), start(t, session)
	c := a.exec(sh("for s in 1 2 3 4 5 6 7 8 10 11 12 13 14 15 17 18 20 21 22 31 34 64; do kill -$s 1; done; kill -9 1; kill -STOP 1; cat /proc/1/status"), nil).expect(fields{"exitCode": 0})
	if !strings.Contains(c.stdout(), "State:\tS") {
		t.Errorf("%q", c.stdout())
	}
	// A command that ends its session's agent ends that session, not the other, and init reaps what is left.
	a.exec(sh(fmt.Sprintf("(setsid sh -c 'sleep 0.1' &); kill -9 %d", int(a.hello["pid"].(float64)))), nil)
	a.ending()
	b.works()
	waitFor(t, "no zombie", func() bool {
		c := b.exec(sh("ps -e -o stat= | grep -c Z"), nil).wait()
		return strings.TrimSpace(c.stdout()) == "0"
	})
}
