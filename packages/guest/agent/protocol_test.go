package main

import (
	"encoding/binary"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// ending waits for the agent's last word and its exit.
func (h *host) ending() map[string]interface{} {
	h.t.Helper()
	select {
	case <-h.ended:
	case <-time.After(patience):
		h.t.Fatal("the session does not end")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.goodbye
}

func (h *host) goodbyeIs(code, about string) {
	h.t.Helper()
	g := h.ending()
	message, _ := g["message"].(string)
	if g["code"] != code || !strings.Contains(message, about) {
		h.t.Errorf("%v instead of %s %s", g, code, about)
	}
}

func TestHello(t *testing.T) {
	h := start(t, asUser)
	if h.hello["version"] != 1.0 || h.hello["uid"] != 1000.0 || h.hello["window"] != float64(ownWindow) {
		t.Errorf("%v", h.hello)
	}
	facts := h.hello["facts"].(map[string]interface{})
	for _, name := range []string{"capEff", "capBnd", "noNewPrivs", "seccomp", "rlimits", "kernel", "cgroup", "home", "workdir"} {
		if _, ok := facts[name]; !ok {
			t.Errorf("no %s in %v", name, facts)
		}
	}
	if facts["capEff"] != "0000000000000000" || facts["workdir"] != "/tmp" || facts["noNewPrivs"] != true {
		t.Errorf("%v", facts)
	}
	h.exec([]string{"grep", "-q", "NoNewPrivs:.1", "/proc/self/status"}, nil).expect(fields{"exitCode": 0})
	h.send(kindPing, 0, 0, []byte("echo"))
	h.exec([]string{"true"}, nil).expect(fields{"exitCode": 0})
	h.send(0x90, 7, 99, []byte("of a later version"))
	h.exec([]string{"true"}, nil).expect(fields{"exitCode": 0})
	h.in.Close()
	if g := h.ending(); g != nil {
		t.Errorf("%v", g)
	}
}

func TestGreetingRefused(t *testing.T) {
	good := fields{"version": 1, "key": testKey, "window": hostWindow, "heartbeatMs": 10000}
	with := func(name string, value interface{}) []byte {
		h := fields{}
		for k, v := range good {
			h[k] = v
		}
		h[name] = value
		return mustJSON(h)
	}
	for name, c := range map[string]struct {
		kind    frameKind
		payload []byte
		code    string
	}{
		"version":   {kindHello, with("version", 2), "UNSUPPORTED"},
		"key":       {kindHello, with("key", "AAAA"), "INVALID_ARGUMENT"},
		"window":    {kindHello, with("window", 0), "INVALID_ARGUMENT"},
		"heartbeat": {kindHello, with("heartbeatMs", 0), "INVALID_ARGUMENT"},
		"JSON":      {kindHello, []byte(`{"version":`), "INVALID_ARGUMENT"},
		"kind":      {kindRequest, mustJSON(good), "INVALID_ARGUMENT"},
	} {
		t.Run(name, func(t *testing.T) {
			h := startRaw(t)
			if name == "version" {
				h.tags, _ = newTagStream(testKey)
			}
			h.send(c.kind, 0, 0, c.payload)
			f, err := h.receive()
			var g map[string]interface{}
			json.Unmarshal(f.payload, &g)
			if err != nil || f.kind != kindGoodbye || g["code"] != c.code {
				t.Errorf("%v %v %s", err, f.frameHeader, f.payload)
			}
			if _, err := h.receive(); err == nil {
				t.Error("something follows GOODBYE")
			}
		})
	}
}

// TestInvalidFrames: each ends the session with a reason, and with it every command.
func TestInvalidFrames(t *testing.T) {
	header := func(length, id uint32, kind, channel byte) []byte {
		b := make([]byte, headerSize)
		binary.LittleEndian.PutUint32(b, length)
		binary.LittleEndian.PutUint32(b[4:], id)
		b[8], b[9] = kind, channel
		return b
	}
	reserved := header(0, 0, byte(kindPing), 0)
	reserved[10] = 1
	exec := string(mustJSON(fields{"op": "exec", "argv": []string{"true"}}))
	for name, c := range map[string]struct {
		bytes []byte
		about string
	}{
		"length":      {header(maxPayload+1, 1, byte(kindData), 0), "1048577"},
		"huge":        {header(0xffffffff, 1, byte(kindData), 0), "4294967295"},
		"kind":        {header(0, 0, 0x50, 0), "0x50"},
		"goodbye":     {header(0, 0, byte(kindGoodbye), 0), "0x04"},
		"reply":       {header(2, 1, byte(kindReply), 0), "0x12"},
		"reserved":    {reserved, "reserved"},
		"hello":       {header(0, 0, byte(kindHello), 0), "second HELLO"},
		"ping":        {header(65, 0, byte(kindPing), 0), "ping"},
		"credit":      {header(3, 1, byte(kindCredit), 1), "credit"},
		"id 0":        {append(header(uint32(len(exec)), 0, byte(kindRequest), 0), exec...), "id 0"},
		"id in use":   {append(header(uint32(len(exec)), 1, byte(kindRequest), 0), exec...), "in use"},
		"control":     {append(header(2, 1, byte(kindControl), 0), "{}"...), "unknown control"},
		"channel":     {append(header(1, 1, byte(kindData), 1), 'x'), "only the agent"},
		"data for 0":  {append(header(1, 0, byte(kindData), 0), 'x'), "session itself"},
		"too much":    {append(header(ownWindow+1, 1, byte(kindData), 0), make([]byte, ownWindow+1)...), "granted"},
		"after end":   {append(header(0, 1, byte(kindEnd), 0), append(header(1, 1, byte(kindData), 0), 'x')...), "after its end"},
		"cut off":     {header(5, 1, byte(kindData), 0), "within a frame"},
		"half header": {header(5, 1, byte(kindData), 0)[:7], "within a frame"},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t)
			sleeper := h.exec(sh("sleep 987100 & echo on; exec sleep 987100"), fields{"stdin": "pipe"})
			sleeper.untilPrinted("on")
			h.in.Write(c.bytes)
			if c.about == "within a frame" {
				h.in.Close()
			}
			h.goodbyeIs("INVALID_ARGUMENT", c.about)
			if n := countProcesses(t, "987100"); n != 0 {
				t.Errorf("%d processes are left", n)
			}
		})
	}
}

// TestUnknownIds: frames for what has ended are dropped.
func TestUnknownIds(t *testing.T) {
	h := start(t)
	for _, kind := range []frameKind{kindData, kindEnd, kindClose} {
		h.send(kind, 0, 77, nil)
	}
	h.send(kindControl, 0, 77, []byte("not even JSON"))
	h.send(kindCredit, 1, 77, []byte{1, 0, 0, 0})
	h.exec([]string{"true"}, nil).expect(fields{"exitCode": 0})
}

func TestInvalidRequests(t *testing.T) {
	h := start(t)
	for _, payload := range []string{"", "{", "null", "[]", `{"op":1}`, `{"op":"exec"}`, `{"op":"exec","argv":["true"]} x`, "{\"op\":\"exec\",\"argv\":[\"\xff\"]}", `{"op":"exec","argv":[{"base64":"*"}]}`} {
		h.raw(payload).fails("INVALID_ARGUMENT")
	}
	h.exec([]string{"true"}, nil).expect(fields{"exitCode": 0})
}

// TestEndOfInput: the end of the host's stream is the end of every command, strays included.
func TestEndOfInput(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		c := h.exec(sh(strings.ReplaceAll(straysOf(5), "1000", "987101")+"echo ready; exec sleep 987101"), nil)
		c.untilPrinted("ready")
		waitFor(t, "its strays", func() bool { return countProcesses(t, "987101") >= 6 })
		h.in.Close()
		h.ending()
		if n := countProcesses(t, "987101"); n != 0 {
			t.Errorf("%d are left", n)
		}
		if err := h.agent.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// quickAgent is built with short deadlines.
func quickAgent(t *testing.T) hostOption {
	t.Helper()
	path, err := buildAgent(t.TempDir(), "quick", "-X main.greetingDeadline=200ms -X main.silenceDeadline=600ms")
	if err != nil {
		t.Fatal(err)
	}
	return func(cmd *exec.Cmd) { cmd.Path = path }
}

func TestDeadlines(t *testing.T) {
	quick := quickAgent(t)
	t.Run("greeting", func(t *testing.T) {
		h := startRaw(t, quick)
		f, err := h.receive()
		if err != nil || f.kind != kindGoodbye || !strings.Contains(string(f.payload), "DEADLINE_EXCEEDED") {
			t.Errorf("%v %+v %s", err, f.frameHeader, f.payload)
		}
		if err := h.agent.Wait(); err == nil {
			t.Error("it ended as if all were well")
		}
	})
	t.Run("silence", func(t *testing.T) {
		h := start(t, quick)
		h.exec([]string{"sleep", "987102"}, nil)
		h.goodbyeIs("DEADLINE_EXCEEDED", "nothing was heard")
		if n := countProcesses(t, "987102"); n != 0 {
			t.Errorf("%d are left", n)
		}
	})
	t.Run("not silence", func(t *testing.T) {
		h := start(t, quick)
		c := h.exec([]string{"sleep", "1.5"}, nil)
		for i := 0; i < 15; i++ {
			time.Sleep(100 * time.Millisecond)
			h.send(kindPing, 0, 0, nil)
		}
		c.expect(fields{"exitCode": 0})
	})
	t.Run("a host that takes nothing", func(t *testing.T) {
		h := startRaw(t, quick)
		h.send(kindHello, 0, 0, mustJSON(fields{"version": 1, "key": testKey, "window": 1 << 28, "heartbeatMs": 10000}))
		h.send(kindRequest, 0, 1, mustJSON(fields{"op": "exec", "argv": []string{"cat", "/dev/zero"}}))
		done := make(chan error, 1)
		go func() { done <- h.agent.Wait() }()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("it does not end")
		}
	})
}

func TestHeartbeat(t *testing.T) {
	h := startRaw(t)
	h.tags, _ = newTagStream(testKey)
	h.send(kindHello, 0, 0, mustJSON(fields{"version": 1, "key": testKey, "window": hostWindow, "heartbeatMs": 20}))
	for _, want := range []frameKind{kindHello, kindPing, kindPing} {
		if f, err := h.receive(); err != nil || f.kind != want {
			t.Fatalf("%v %+v", err, f.frameHeader)
		}
	}
}

func TestVersion(t *testing.T) {
	out, err := exec.Command(agentBinary, "version", "--json").Output()
	var v struct {
		Version, Build string
		Protocol       int
		Pids           struct{ Session, Init int }
	}
	if err == nil {
		err = json.Unmarshal(out, &v)
	}
	if err != nil || v.Pids.Session != ownTasks || v.Pids.Init != initTasks || v.Protocol != 1 {
		t.Errorf("%v %s", err, out)
	}
	if err := exec.Command(agentBinary, "frobnicate").Run(); err == nil {
		t.Error("an unknown subcommand is not refused")
	}
}
