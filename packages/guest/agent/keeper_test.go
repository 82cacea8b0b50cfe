package main

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// keeperUnderTest is an `agent init` with its key.
type keeperUnderTest struct {
	t       *testing.T
	key     []byte
	pid     int        // as this process sees it
	session hostOption // makes an agent one in the same sandbox
	cmd     *exec.Cmd
}

func newKey() []byte {
	key := make([]byte, keySize)
	rand.Read(key)
	return key
}

// startKeeper runs one as a plain process of an ordinary user.
func startKeeper(t *testing.T) *keeperUnderTest {
	k := &keeperUnderTest{t: t, key: newKey(), session: asUser}
	k.cmd = exec.Command(agentBinary, "init", base64.RawURLEncoding.EncodeToString(k.key))
	asUser(k.cmd)
	k.start()
	k.pid = k.cmd.Process.Pid
	return k
}

// startFirst runs one as the first process of a PID namespace, with other wrappers outside.
func startFirst(t *testing.T, outer ...string) *keeperUnderTest {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making a PID namespace needs root")
	}
	user := []string{"setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "--no-new-privs"}
	k := &keeperUnderTest{t: t, key: newKey()}
	words := append(append(append([]string{}, outer...), "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"), user...)
	words = append(words, agentBinary, "init", base64.RawURLEncoding.EncodeToString(k.key))
	k.cmd = exec.Command(words[0], words[1:]...)
	k.cmd.Dir = "/tmp"
	k.start()
	waitFor(t, "init", func() bool {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", k.cmd.Process.Pid, k.cmd.Process.Pid))
		k.pid, _ = strconv.Atoi(strings.TrimSpace(string(children)))
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", k.pid))
		return k.pid != 0 && strings.HasPrefix(string(line), agentBinary)
	})
	k.session = func(cmd *exec.Cmd) {
		cmd.Dir = "/tmp"
		wrap(append(append(append([]string{}, outer...), "nsenter", "-t", strconv.Itoa(k.pid), "-p", "-m"), user...)...)(cmd)
	}
	return k
}

func (k *keeperUnderTest) start() {
	k.cmd.Stderr = os.Stderr
	if err := k.cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() {
		if k.pid > 1 {
			syscall.Kill(k.pid, syscall.SIGKILL) // and with it all of its namespace, where it has one
		}
		k.cmd.Process.Kill()
		k.cmd.Wait()
	})
}

// keeperHost asks for detached commands over a session.
type keeperHost struct {
	*host
	key []byte
}

// open opens a session beside it, once it listens.
func (k *keeperUnderTest) open() *keeperHost {
	k.t.Helper()
	h := &keeperHost{start(k.t, k.session), k.key}
	waitFor(k.t, "it listens", func() bool { return h.ask("detached", nil).wait().reply["error"] == nil })
	return h
}

func (h *keeperHost) ask(op string, more fields, adjust ...func(*call)) *call {
	what := fields{"op": op, "key": h.key}
	for name, value := range more {
		what[name] = value
	}
	return h.request(what, adjust...)
}

// detach starts a command and gives its id.
func (h *keeperHost) detach(argv []string, more fields) string {
	h.t.Helper()
	what := fields{"argv": argv}
	for name, value := range more {
		what[name] = value
	}
	c := h.ask("detach", what).wait()
	id, _ := c.reply["id"].(string)
	if id == "" {
		h.t.Fatalf("%v", c.reply)
	}
	return id
}

func (h *keeperHost) about(op, id string, more fields, adjust ...func(*call)) *call {
	h.t.Helper()
	what := fields{"id": id}
	for name, value := range more {
		what[name] = value
	}
	return h.ask(op, what, adjust...)
}

func (h *keeperHost) status(id string) fields {
	h.t.Helper()
	status, _ := h.about("detached-wait", id, nil).wait().reply["status"].(fields)
	return status
}

func (h *keeperHost) listed() (ids []string) {
	h.t.Helper()
	list, _ := h.ask("detached", nil).wait().reply["commands"].([]interface{})
	for _, c := range list {
		ids = append(ids, c.(fields)["id"].(string))
	}
	return ids
}

// keepers runs a test with either kind.
func keepers(t *testing.T, test func(t *testing.T, k *keeperUnderTest)) {
	t.Run("process", func(t *testing.T) { test(t, startKeeper(t)) })
	t.Run("first", func(t *testing.T) { test(t, startFirst(t)) })
}

func TestDetached(t *testing.T) {
	keepers(t, func(t *testing.T, k *keeperUnderTest) {
		h := k.open()
		c := h.ask("detach", fields{"argv": sh(`echo "$A in $PWD"; echo err >&2; read x; exit 7`), "env": fields{"A": "ü"}, "cwd": "/"}).wait()
		id := c.reply["id"].(string)
		if c.reply["pid"].(float64) < 2 || fmt.Sprint(c.reply["argv"]) != fmt.Sprint(sh(`echo "$A in $PWD"; echo err >&2; read x; exit 7`)) || c.reply["argvTruncated"] != false {
			t.Errorf("%v", c.reply)
		}
		if age := time.Since(time.UnixMilli(int64(c.reply["startedMs"].(float64)))); age < -time.Second || age > patience {
			t.Errorf("started %v ago", age)
		}
		status, want := h.status(id), fields{"exitCode": 7.0, "signal": nil, "cause": "exit", "lost": false, "oomKilled": false}
		for name := range want {
			if status[name] != want[name] {
				t.Errorf("%s is %v", name, status[name])
			}
		}
		logs := h.about("detached-logs", id, nil).wait()
		if logs.stdout() != "ü in /\n" || logs.stderr() != "err\n" || logs.reply["stdoutBytes"] != 8.0 || logs.reply["stderrMissed"] != 0.0 {
			t.Errorf("%q %q %v", logs.stdout(), logs.stderr(), logs.reply)
		}
		// What could not be run is told as a command's outcome, or as an error, as it is of an exec.
		if status := h.status(h.detach([]string{"no-such-program"}, nil)); status["exitCode"] != 127.0 || !strings.Contains(status["message"].(string), "not found") {
			t.Errorf("%v", status)
		}
		h.ask("detach", fields{"argv": []string{"true"}, "cwd": "/no/such"}).fails("NOT_FOUND")
		if ids := h.listed(); len(ids) != 2 || ids[0] != id {
			t.Errorf("%v", ids)
		}
	})
}

// TestDetachedOutlives: it outlives the session that has started it, however that ends, and is the same for another one.
func TestDetachedOutlives(t *testing.T) {
	keepers(t, func(t *testing.T, k *keeperUnderTest) {
		one, other := k.open(), k.open()
		a := one.detach(sh("echo a; exec sleep 987500"), nil)
		b := one.detach(sh("echo b; read x < /dev/zero; sleep 987500; exit 3"), nil)
		one.in.Close()
		one.ending()
		c := other.detach(sh("exec sleep 987500"), nil)
		other.exec([]string{"kill", "-9", fmt.Sprintf("%.0f", other.hello["pid"])}, nil)
		other.ending()
		third := k.open()
		if ids := third.listed(); strings.Join(ids, " ") != strings.Join([]string{a, b, c}, " ") {
			t.Errorf("%v", ids)
		}
		logs := third.about("detached-logs", a, fields{"follow": true})
		logs.untilPrinted("a\n")
		third.about("detached-kill", a, fields{"signal": 15}).wait()
		logs.wait()
		if status := third.status(a); status["signal"] != 15.0 || status["cause"] != "exit" {
			t.Errorf("%v", status)
		}
		for _, id := range []string{b, c} {
			killed := third.about("detached-kill", id, nil).wait()
			if status := killed.reply["status"].(fields); status["signal"] != 9.0 || status["cause"] != "cancel" {
				t.Errorf("%v", killed.reply)
			}
		}
		if n := countProcesses(t, "987500"); n != 0 {
			t.Errorf("%d are left", n)
		}
		third.about("detached-kill", b, nil).expect(fields{"id": b}) // once more is no failure
	})
}

// TestDetachedStrays: what a command leaves behind is still it, and killed with it.
func TestDetachedStrays(t *testing.T) {
	keepers(t, func(t *testing.T, k *keeperUnderTest) {
		h := k.open()
		id := h.detach(sh(strings.ReplaceAll(straysOf(20), "1000", "987501")+"exit 4 # 987501 itself"), nil)
		beside := h.detach(sh(strings.ReplaceAll(straysOf(3), "1000", "987502")+"sleep 987502"), nil)
		waitFor(t, "the strays, and the end of what made them", func() bool {
			return countProcesses(t, "987501") >= 20 && countProcesses(t, "987501 itself") == 0 && countProcesses(t, "987502") >= 4
		})
		if c := h.about("detached", id, nil).wait(); c.reply["commands"].([]interface{})[0].(fields)["status"] != nil {
			t.Errorf("%v", c.reply)
		}
		killed := h.about("detached-kill", id, nil).wait()
		if status := killed.reply["status"].(fields); status["exitCode"] != 4.0 || status["cause"] != "cancel" {
			t.Errorf("%v", status)
		}
		if n := countProcesses(t, "987501"); n != 0 {
			t.Errorf("%d are left", n)
		}
		if n := countProcesses(t, "987502"); n < 4 {
			t.Errorf("%d are left beside", n)
		}
		h.about("detached-kill", beside, fields{"graceMs": 50}).wait()
		if n := countProcesses(t, "987502"); n != 0 {
			t.Errorf("%d are left", n)
		}
	})
}

func TestDetachedTimeout(t *testing.T) {
	h := startKeeper(t).open()
	status := h.status(h.detach(sh("trap '' TERM; sleep 987503 & wait; wait"), fields{"timeoutMs": 50, "graceMs": 50}))
	if status["signal"] != 9.0 || status["cause"] != "timeout" {
		t.Errorf("%v", status)
	}
	if n := countProcesses(t, "987503"); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// TestDetachedLogs: the last part of a flood is kept, and who follows it slowly is told what was missed.
func TestDetachedLogs(t *testing.T) {
	h := startKeeper(t).open()
	const printed = 3<<20 + 5
	gate := newFifo(t)
	id := h.detach(sh("read go < \"$1\"; yes | tr -d '\\n' | head -c 3145733; printf '<end>'", gate.path), nil)
	slow := h.about("detached-logs", id, fields{"follow": true}, func(c *call) { c.stopped = true })
	gate.open()
	h.status(id)
	logs := h.about("detached-logs", id, nil).wait()
	if out := logs.stdout(); len(out) != mostLog || !strings.HasSuffix(out, "y<end>") || logs.reply["stdoutMissed"] != float64(printed+5-mostLog) {
		t.Errorf("%d bytes, %.0f missed", len(out), logs.reply["stdoutMissed"])
	}
	got := func() (n int) { slow.mu.Lock(); defer slow.mu.Unlock(); return slow.got[1] }
	waitFor(t, "the window is used up", func() bool { return got() == hostWindow })
	slow.mu.Lock()
	slow.stopped = false
	slow.credit(1, 1<<20)
	slow.mu.Unlock()
	slow.wait()
	if n := float64(got()) + slow.reply["stdoutMissed"].(float64); n != printed+5 || !strings.HasSuffix(slow.stdout(), "<end>") {
		t.Errorf("%d came, %.0f were missed", got(), slow.reply["stdoutMissed"])
	}
}

// fifo is what a command can wait on until the test says go.
type fifo struct {
	t    *testing.T
	path string
}

func newFifo(t *testing.T) fifo {
	dir, err := os.MkdirTemp("/tmp", "fifo") // not t.TempDir, which others may not enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	f := fifo{t, dir + "/fifo"}
	if err := syscall.Mkfifo(f.path, 0o666); err != nil {
		t.Fatal(err)
	}
	os.Chmod(dir, 0o777)
	os.Chmod(f.path, 0o666)
	return f
}

func (f fifo) open() {
	f.t.Helper()
	if err := os.WriteFile(f.path, []byte("go\n"), 0); err != nil {
		f.t.Fatal(err)
	}
}

// TestDetachedFollow: whoever follows sees what comes as it comes, and can give up.
func TestDetachedFollow(t *testing.T) {
	h := startKeeper(t).open()
	gate := newFifo(t)
	id := h.detach(sh("echo first; read go < \"$1\"; echo second; echo third >&2; exec sleep 987504", gate.path), nil)
	one, other := h.about("detached-logs", id, fields{"follow": true}), h.about("detached-logs", id, fields{"follow": true})
	one.untilPrinted("first\n")
	gate.open()
	one.untilPrinted("first\nsecond\n")
	one.until("stderr", func() bool { return one.out[2].String() == "third\n" })
	one.control(fields{"control": "cancel"})
	one.expect(fields{"stdoutMissed": 0})
	other.close(1)
	other.until("stderr", func() bool { return other.out[2].String() == "third\n" })
	other.close(2)
	other.wait()
	waiting := h.about("detached-wait", id, nil)
	waiting.control(fields{"control": "cancel"})
	waiting.fails("DEADLINE_EXCEEDED")
	h.about("detached-kill", id, nil).wait()
}

// TestDetachedBounds: so many run, so many that have ended are remembered.
func TestDetachedBounds(t *testing.T) {
	h := startKeeper(t).open()
	first := h.detach([]string{"true"}, nil)
	h.status(first)
	for i := 0; i < maxDetached; i++ {
		h.detach([]string{"sleep", "987505"}, nil)
	}
	h.ask("detach", fields{"argv": []string{"true"}}).fails("RESOURCE_EXHAUSTED")
	var calls []*call
	for _, id := range h.listed()[1:] {
		calls = append(calls, h.about("detached-kill", id, nil))
	}
	for _, c := range calls {
		c.wait()
	}
	if n := len(h.listed()); n != maxKept {
		t.Errorf("%d are remembered", n)
	}
	h.about("detached-wait", first, nil).fails("NOT_FOUND")
	long := strings.Repeat("\x01", 20000)
	for i := 0; i < maxKept; i++ {
		h.status(h.detach([]string{long, long}, nil))
	}
	for _, c := range h.ask("detached", nil).wait().reply["commands"].([]interface{}) {
		argv := c.(fields)["argv"].([]interface{})
		if len(argv) != 1 || argv[0] != long[:argvKept] || c.(fields)["argvTruncated"] != true {
			t.Errorf("%v", c)
		}
	}
}

// TestDetachedManyWait: however many wait for commands, others can see them, and end them.
func TestDetachedManyWait(t *testing.T) {
	h := startKeeper(t).open()
	id := h.detach([]string{"sleep", "987506"}, nil)
	replied := make(chan *call)
	for i := 0; i < maxWaits+2; i++ {
		op, more := "detached-wait", fields(nil)
		if i%2 == 0 {
			op, more = "detached-logs", fields{"follow": true}
		}
		c := h.about(op, id, more)
		go func() { <-c.done; replied <- c }()
	}
	(<-replied).fails("RESOURCE_EXHAUSTED")
	(<-replied).fails("RESOURCE_EXHAUSTED")
	if ids := h.listed(); len(ids) != 1 {
		t.Fatalf("%v", ids)
	}
	h.about("detached-kill", id, fields{"signal": 18}).expect(fields{"id": id})
	h.about("detached-kill", id, nil).expect(fields{"id": id})
	for i := 0; i < maxWaits; i++ {
		(<-replied).expect(fields{"id": id})
	}
	h.about("detached-wait", id, nil).expect(fields{"id": id})
}

// TestDetachedNames: an id that is nobody's is told apart from one that was somebody's.
func TestDetachedNames(t *testing.T) {
	h := startKeeper(t).open()
	id := h.detach([]string{"true"}, nil)
	message := func(id string) string {
		c := h.about("detached-wait", id, nil).fails("NOT_FOUND")
		return fmt.Sprint(c.reply["error"])
	}
	boot := strings.SplitN(id, "-", 2)[0]
	for _, unknown := range []string{"x", "-", "-1", boot, boot + "-", boot + "-2", boot + "-01", boot + "--1", boot + "-0", boot + "-1 ", boot + "-99999999999"} {
		if got := message(unknown); !strings.Contains(got, "no detached command") || strings.Contains(got, "since") {
			t.Errorf("%q: %s", unknown, got)
		}
	}
	again := startKeeper(t).open()
	if got := fmt.Sprint(again.about("detached-wait", id, nil).fails("NOT_FOUND").reply); !strings.Contains(got, "since the sandbox was started last") {
		t.Error(got)
	}
}

func TestDetachedRefused(t *testing.T) {
	k := startKeeper(t)
	h := k.open()
	for _, payload := range []fields{
		{"op": "detach", "argv": []string{"true"}},
		{"op": "detach", "argv": []string{"true"}, "key": h.key[1:]},
		{"op": "detach", "argv": []string{}, "key": h.key},
		{"op": "detach", "argv": []string{"true"}, "key": h.key, "stdin": "pipe"},
		{"op": "detach", "argv": []string{"true"}, "key": h.key, "terminal": fields{"rows": 1, "cols": 1}},
		{"op": "detach", "argv": []string{"true"}, "key": h.key, "strays": "kill"},
		{"op": "detach", "argv": []string{"true"}, "key": h.key, "started": true},
		{"op": "detach", "argv": []string{"true"}, "key": h.key, "timeoutMs": -1},
		{"op": "detached-wait", "key": h.key},
		{"op": "detached-kill", "key": h.key, "id": "x", "signal": 65},
		{"op": "detached-kill", "key": h.key, "id": "x", "graceMs": -1},
		{"op": "detached-logs", "key": h.key, "id": strings.Repeat("x", 65)},
		{"op": "detached", "key": h.key, "argv": []string{"x"}},
	} {
		h.request(payload).fails("INVALID_ARGUMENT")
	}
	// Another key is another address, where nobody is.
	h.request(fields{"op": "detached", "key": newKey()}).fails("UNSUPPORTED")
	h.works()
}

// TestDetachedKeyHidden: nothing in the sandbox shows the key.
func TestDetachedKeyHidden(t *testing.T) {
	k := startFirst(t)
	h := k.open()
	c := h.exec(sh("cat /proc/*/cmdline /proc/*/environ /proc/net/unix 2>/dev/null"), nil).expect(fields{})
	for _, secret := range []string{base64.RawURLEncoding.EncodeToString(k.key), base64.StdEncoding.EncodeToString(k.key), string(k.key)} {
		if strings.Contains(c.stdout(), secret[:20]) {
			t.Error("it is shown")
		}
	}
	if !strings.Contains(c.stdout(), "init\x00\x00\x00\x00") {
		t.Errorf("%q", c.stdout())
	}
	if err := exec.Command(agentBinary, "init", "no key").Run(); err == nil {
		t.Error("a key that is none is taken")
	}
}
