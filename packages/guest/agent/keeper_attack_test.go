package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Detached commands, and others beside them, that turn against what keeps them.

// threads counts those of the keeper.
func (k *keeperUnderTest) threads() int {
	names, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", k.pid))
	return len(names)
}

// taken waits until the keeper has what it takes of a pids limit and nothing else runs. Two more are outside of the sandbox.
func (k *keeperUnderTest) taken(cgroup []string, sessions int) {
	k.t.Helper()
	waitFor(k.t, "only the agents are left", func() bool {
		return cgroupNumber(k.t, cgroup, "pids.current") == initTasks+1+sessions*(ownTasks+1)
	})
}

// TestDetachedPids: of a limit of initTasks + n, all others have exactly n, also after it was all used up.
func TestDetachedPids(t *testing.T) {
	const n = 30
	// With a session, and what the wrappers take that stay outside as parents.
	cgroup := inCgroup(t, "pids", map[string]string{"pids.max": strconv.Itoa(initTasks + 1 + ownTasks + 1 + n)})
	k := startFirst(t, cgroup...)
	h := k.open()
	k.taken(cgroup, 1)
	for round := 0; round < 3; round++ {
		id := h.detach(sh(`(i=2; while sleep 987510 & do i=$((i+1)); echo $i; done) 2>/dev/null; sleep 987510 & echo full; exec sleep 987510`), nil)
		bomb := h.about("detached-logs", id, fields{"follow": true})
		bomb.untilPrinted("\n" + strconv.Itoa(n) + "\nfull\n")
		if strings.Contains(bomb.stdout(), strconv.Itoa(n+1)) {
			t.Errorf("more than %d: %q", n, bomb.stdout())
		}
		h.ask("detach", fields{"argv": []string{"true"}}).fails("RESOURCE_EXHAUSTED")
		h.exec([]string{"true"}, nil).fails("RESOURCE_EXHAUSTED")
		h.about("detached-kill", id, nil).wait()
		k.taken(cgroup, 1)
		h.works()
	}
}

// TestDetachedBombs: a fork bomb and floods, with every process that there may be in use, do not cost the keeper a thing.
func TestDetachedBombs(t *testing.T) {
	cgroup := inCgroup(t, "pids", map[string]string{"pids.max": strconv.Itoa(initTasks + 1 + ownTasks + 1 + 200)})
	k := startFirst(t, cgroup...)
	h := k.open()
	k.taken(cgroup, 1)
	before := k.threads()
	for round := 0; round < 2; round++ {
		var ids []string
		for i := 0; i < 8; i++ {
			ids = append(ids, h.detach(sh("yes & yes >&2"), nil))
		}
		ids = append(ids, h.detach([]string{"bash", "-c", "f() { f | f & f; }; f; sleep 1000"}, nil))
		end := time.Now().Add(time.Second)
		for time.Now().Before(end) {
			if len(h.listed()) == 0 {
				t.Fatal("nothing is listed")
			}
		}
		if n := k.threads(); n != before {
			t.Errorf("%d threads instead of %d", n, before)
		}
		var calls []*call
		for _, id := range ids {
			calls = append(calls, h.about("detached-kill", id, nil))
		}
		for _, c := range calls {
			if status, _ := c.wait().reply["status"].(fields); status == nil || status["lost"] != false {
				t.Errorf("%v", c.reply)
			}
		}
		k.taken(cgroup, 1)
	}
	if n := k.threads(); n != before {
		t.Errorf("%d threads instead of %d", n, before)
	}
	h.works()
}

// TestDetachedMemory: what runs out of memory is a command, never what keeps the others.
func TestDetachedMemory(t *testing.T) {
	cgroup := inCgroup(t, "memory", map[string]string{"memory.limit_in_bytes": "67108864"})
	k := startFirst(t, cgroup...)
	h := k.open()
	beside := h.detach([]string{"sleep", "987511"}, nil)
	for i := 0; i < 3; i++ {
		if status := h.status(h.detach([]string{"tail", "/dev/zero"}, nil)); status["oomKilled"] != true || status["lost"] != false {
			t.Errorf("%v", status)
		}
	}
	// Outputs of all that there may be, kept whole.
	for i := 0; i < maxKept; i++ {
		h.status(h.detach(sh("yes | head -c 300000; yes | head -c 300000 >&2"), nil))
	}
	if status := h.status(h.detach([]string{"tail", "/dev/zero"}, nil)); status["oomKilled"] != true {
		t.Errorf("%v", status)
	}
	if c := h.exec([]string{"cat", "/proc/1/oom_score_adj"}, nil).expect(fields{"exitCode": 0}); c.stdout() != "0\n" {
		t.Errorf("%q", c.stdout())
	}
	h.about("detached-kill", beside, nil).expect(fields{"id": beside})
}

// TestDetachedLost: a command whose runner is killed or stopped from inside is lost, alone, and nothing of it is left.
func TestDetachedLost(t *testing.T) {
	k := startFirst(t)
	h := k.open()
	beside := h.detach([]string{"sleep", "987513"}, nil)
	for _, attack := range []string{
		"kill -9 $PPID; exec sleep 987512", "kill -STOP $PPID; exec sleep 987512", straysOf(5) + "kill -9 $PPID; exec sleep 987512",
	} {
		status := h.status(h.detach(sh(strings.ReplaceAll(attack, "1000", "987512")), nil))
		if status["lost"] != true || status["exitCode"] != nil || status["signal"] != nil {
			t.Errorf("%v", status)
		}
		if n := countProcesses(t, "987512"); n != 0 {
			t.Errorf("%d processes are left", n)
		}
	}
	h.about("detached-kill", beside, fields{"signal": 15}).wait()
	if status := h.status(beside); status["signal"] != 15.0 {
		t.Errorf("%v", status)
	}
	// One that kills everything takes its session along, and the others; the keeper tells what it knows.
	id := h.detach([]string{"sleep", "987512"}, nil)
	h.exec(sh("kill -9 -1"), nil)
	h.ending()
	again := k.open()
	if status := again.status(id); status["lost"] != true && status["signal"] != 9.0 {
		t.Errorf("%v", status)
	}
	again.works()
}

// TestDetachedStrangers: who does not know the key gets nothing, and does not keep others out.
func TestDetachedStrangers(t *testing.T) {
	k := startKeeper(t)
	h := k.open()
	id := h.detach([]string{"sleep", "987514"}, nil)
	dial := func() *os.File {
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Connect(fd, keeperAddress(k.key)); err != nil {
			t.Fatal(err)
		}
		return os.NewFile(uintptr(fd), "stranger")
	}
	for name, say := range map[string]func(conn *os.File){
		"garbage":      func(conn *os.File) { conn.Write(bytes.Repeat([]byte("garbage "), 1000)) },
		"nothing":      func(conn *os.File) { syscall.Shutdown(int(conn.Fd()), syscall.SHUT_WR) },
		"frames":       func(conn *os.File) { conn.Write(make([]byte, 2000)) },
		"wrong key":    func(conn *os.File) { introduce(conn, newKey()) },
		"its own word": func(conn *os.File) { reflected(conn) },
		"no proof": func(conn *os.File) {
			asked, _ := greeting()
			conn.Write(append(asked, make([]byte, proofSize)...))
		},
	} {
		conn := dial()
		say(conn)
		answer, _ := io.ReadAll(conn)
		if len(answer) > greetingSize+proofSize {
			t.Errorf("%s is answered %q", name, answer)
		}
		conn.Close()
	}
	var idle []*os.File
	for i := 0; i < maxStrangers+20; i++ {
		idle = append(idle, dial())
	}
	h.about("detached", id, nil).expect(fields{})
	for _, conn := range idle {
		conn.Close()
	}
	h.about("detached-kill", id, nil).expect(fields{"id": id})
}

// TestDetachedNumberTaken: what a daemon's first process was called may be another's name by now, and a signal is not for that one.
func TestDetachedNumberTaken(t *testing.T) {
	k := startFirst(t)
	h := k.open()
	daemon := h.detach(sh("setsid sleep 987516 >&- 2>&- & exit 0"), nil)
	described := func(id string) fields {
		list := h.about("detached", id, nil).wait().reply["commands"].([]interface{})
		return list[0].(fields)
	}
	pid := int(described(daemon)["pid"].(float64))
	inside := func(script string) error {
		return exec.Command("nsenter", "-t", strconv.Itoa(k.pid), "-p", "-m", "sh", "-c", fmt.Sprintf(script, pid)).Run()
	}
	waitFor(t, "nothing is in its group", func() bool { return inside("kill -0 -- -%d") != nil })
	// The next process there gets this number.
	if err := inside("echo $((%d - 1)) >/proc/sys/kernel/ns_last_pid"); err != nil {
		t.Skip("no number can be set:", err)
	}
	other := h.detach([]string{"sleep", "987517"}, nil)
	if taken := described(other)["pid"]; taken != float64(pid) {
		t.Fatalf("the number %d is not taken again, but %v", pid, taken)
	}
	h.about("detached-kill", daemon, fields{"signal": 9}).expect(fields{"id": daemon})
	h.about("detached-kill", other, fields{"signal": 10}).expect(fields{"id": other})
	if status := h.status(other); status["signal"] != float64(10) {
		t.Errorf("%v", status)
	}
	h.about("detached-kill", daemon, nil).expect(fields{"id": daemon})
}

// TestDetachedCrowd: commands that call all the time, and say nothing, do not keep out who comes from outside.
func TestDetachedCrowd(t *testing.T) {
	k := startFirst(t)
	h := k.open()
	id := h.detach([]string{"sleep", "987515"}, nil)
	stop := make(chan struct{})
	var crowd sync.WaitGroup
	called := make(chan struct{}, 1)
	for i := 0; i < 300; i++ {
		crowd.Add(1)
		go func() {
			defer crowd.Done()
			for {
				fd, _ := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
				syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Usec: 300000})
				if syscall.Connect(fd, keeperAddress(k.key)) == nil {
					syscall.Read(fd, make([]byte, 1))
				}
				syscall.Close(fd)
				select {
				case <-stop:
					return
				case called <- struct{}{}:
				default:
				}
			}
		}()
	}
	defer crowd.Wait()
	defer close(stop)
	for i := 0; i < 3; i++ {
		<-called // somebody was sent away: there are as many as can be
		if ids := h.listed(); len(ids) != 1 {
			t.Errorf("%v", ids)
		}
	}
	h.about("detached-kill", id, nil).expect(fields{"id": id})
}

// reflected sends back as a proof what the keeper has sent.
func reflected(conn *os.File) {
	asked, _ := greeting()
	conn.Write(asked)
	answer := make([]byte, greetingSize+proofSize)
	io.ReadFull(conn, answer)
	conn.Write(answer[greetingSize:])
}

// impostor listens at the address of a key.
func impostor(t *testing.T, key []byte, talk func(conn *os.File)) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, keeperAddress(key)); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 10); err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	t.Cleanup(func() { syscall.Shutdown(fd, syscall.SHUT_RDWR); <-closed; syscall.Close(fd) })
	go func() {
		defer close(closed)
		for {
			conn, _, err := syscall.Accept(fd)
			if err != nil {
				return
			}
			go func() {
				file := os.NewFile(uintptr(conn), "session")
				defer file.Close()
				talk(file)
			}()
		}
	}()
}

// TestDetachedImpostor: a session believes nobody who does not know the key, and tells one of another version by name.
func TestDetachedImpostor(t *testing.T) {
	answer := func(key []byte, version byte) func(conn *os.File) {
		return func(conn *os.File) {
			asked := make([]byte, greetingSize)
			io.ReadFull(conn, asked)
			answered, _ := greeting()
			answered[len(greetingMagic)] = version
			conn.Write(append(answered, proof(key, "init", asked, answered)...))
			io.Copy(io.Discard, conn)
		}
	}
	h := start(t, asUser)
	key := newKey()
	for _, c := range []struct {
		talk  func(conn *os.File)
		code  string
		about string
	}{
		{func(conn *os.File) { io.ReadFull(conn, make([]byte, greetingSize)); conn.Write(make([]byte, 1000)) }, "PERMISSION_DENIED", "does not know its key"},
		{answer(newKey(), keeperVersion), "PERMISSION_DENIED", "does not know its key"},
		{func(conn *os.File) { io.CopyN(conn, conn, int64(greetingSize)) }, "UNAVAILABLE", "does not answer"},
		{answer(key, keeperVersion+1), "UNSUPPORTED", "in version 2, this agent asks in version 1"},
	} {
		t.Run(c.about, func(t *testing.T) {
			impostor(t, key, c.talk)
			reply := h.request(fields{"op": "detached", "key": key}).fails(c.code).reply
			if !strings.Contains(fmt.Sprint(reply), c.about) {
				t.Errorf("%v", reply)
			}
		})
	}
	// One that breaks off, or says what no agent says, after it has proved itself.
	for name, bytes := range map[string][]byte{"nothing": {}, "garbage": bytes.Repeat([]byte{0xff}, 100), "half a frame": {9, 0, 0, 0, 1, 0, 0, 0, byte(kindReply), 0, 0}} {
		t.Run(name, func(t *testing.T) {
			impostor(t, key, func(conn *os.File) {
				if receive(conn, key) == nil {
					conn.Write(bytes)
				}
			})
			h.request(fields{"op": "detached", "key": key}).fails("UNAVAILABLE")
		})
	}
	h.works()
}

// TestDetachedSealed: a command cannot look into the keeper, or limit it.
func TestDetachedSealed(t *testing.T) {
	k := startFirst(t)
	h := k.open()
	id := h.detach(sh(`for f in fd/ environ mem exe syscall maps; do cat /proc/1/$f; ls /proc/1/$f/; done 2>/dev/null; for s in $(seq 1 64); do kill -$s 1; done 2>/dev/null; prlimit --pid 1 --nofile=8; echo $?`), nil)
	h.status(id)
	if c := h.about("detached-logs", id, nil).wait(); c.stdout() != "1\n" {
		t.Errorf("%q", c.stdout())
	}
	h.works()
}

// TestDetachedRobbed: a keeper whose descriptors were taken away refuses, goes on, and does not end the sandbox.
func TestDetachedRobbed(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("becoming another user needs root")
	}
	k := startKeeper(t)
	h := k.open()
	id := h.detach([]string{"sleep", "987515"}, nil)
	limit := func(soft string) {
		t.Helper()
		out, err := exec.Command("setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "prlimit", "--pid", strconv.Itoa(k.pid), "--nofile="+soft+":").CombinedOutput()
		if err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	// Enough to be asked, and nothing for a command.
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", k.pid))
	if err != nil {
		t.Fatal(err)
	}
	limit(strconv.Itoa(len(open) + 1))
	h.ask("detach", fields{"argv": []string{"true"}}).fails("RESOURCE_EXHAUSTED")
	limit("1024")
	h.about("detached-kill", id, nil).expect(fields{"id": id})
	h.status(h.detach([]string{"true"}, nil))
}

// TestRing: whatever is written in whatever pieces, what is read is the end of it, in order, with what is missing counted.
func TestRing(t *testing.T) {
	for seed := int64(0); seed < 200; seed++ {
		r := rand.New(rand.NewSource(seed))
		size := os.Getpagesize()
		log, err := newRing(size)
		if err != nil {
			t.Fatal(err)
		}
		var all []byte
		next, missed := int64(0), int64(0)
		for step := 0; step < 50; step++ {
			piece := make([]byte, r.Intn(size*2/(1+r.Intn(8))))
			r.Read(piece)
			log.write(piece)
			all = append(all, piece...)
			for r.Intn(2) == 0 {
				buf := make([]byte, r.Intn(size*2))
				at, n, _ := log.read(next, buf)
				if at < next || at > next && int64(len(all))-at != int64(size) || !bytes.Equal(buf[:n], all[at:at+int64(n)]) {
					t.Fatalf("seed %d: %d bytes at %d of %d", seed, n, at, len(all))
				}
				missed += at - next
				next = at + int64(n)
			}
		}
		log.end()
		if at, n, more := log.read(int64(len(all)), make([]byte, 1)); at != int64(len(all)) || n != 0 || more != nil {
			t.Errorf("%d bytes at %d after the end", n, at)
		}
		log.free()
		log.write([]byte("late"))
		if _, n, more := log.read(0, make([]byte, 1)); n != 0 || more != nil {
			t.Error("something is left of what was given up")
		}
	}
}
