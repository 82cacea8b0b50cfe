package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A small host for the tests: it drives the built agent over pipes.

var agentBinary string

// patience is how long a test waits for what must come before it fails.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "agent-test")
	if err != nil {
		panic(err)
	}
	agentBinary, err = buildAgent(dir, "agent", "")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// buildAgent builds as build.mjs does, with flags for variables that a test wants otherwise.
func buildAgent(dir, name, variables string) (string, error) {
	path := filepath.Join(dir, name)
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -E main.entry "+variables, "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v\n%s", err, out)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	return path, os.Chmod(path, 0o111)
}

type received struct {
	frameHeader
	payload []byte
}

type host struct {
	t       testing.TB
	agent   *exec.Cmd
	in      io.WriteCloser
	out     io.ReadCloser
	tags    *tagStream
	scratch []byte
	hello   map[string]interface{}
	window  int

	sending sync.Mutex
	mu      sync.Mutex
	next    uint32
	calls   map[uint32]*call
	goodbye map[string]interface{}
	pings   int
	ended   chan struct{} // the agent's output has ended
}

// call is a request seen from the host.
type call struct {
	h        *host
	id       uint32
	mu       sync.Mutex
	more     *sync.Cond
	out      [3]bytes.Buffer
	got      [3]int
	ends     [3]bool
	discard  bool // count what comes, do not keep it
	stopped  bool // grant no credit
	room     int  // what the agent takes on channel 0
	closedIn bool
	events   []map[string]interface{}
	reply    map[string]interface{}
	done     chan struct{}
	frames   int
	listed   int // bytes of events
}

type hostOption func(*exec.Cmd)

// asUser runs the agent as uid 1000 without capabilities.
func asUser(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
	cmd.Dir = "/tmp"
}

func withBinary(path string) hostOption { return func(cmd *exec.Cmd) { cmd.Path = path } }

const hostWindow = 1 << 20

var testKey = []byte("0123456789abcdef")

// startRaw starts an agent and says nothing to it.
func startRaw(t testing.TB, options ...hostOption) *host {
	t.Helper()
	h := &host{t: t, window: hostWindow, calls: map[uint32]*call{}, ended: make(chan struct{})}
	h.agent = exec.Command(agentBinary, "session")
	h.agent.Stderr = os.Stderr
	for _, o := range options {
		o(h.agent)
	}
	var err error
	if h.in, err = h.agent.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if h.out, err = h.agent.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := h.agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.in.Close()
		timer := time.AfterFunc(patience, func() { t.Error("the agent does not end"); h.agent.Process.Kill() })
		defer timer.Stop()
		h.agent.Wait()
	})
	return h
}

// start starts an agent and greets it.
func start(t testing.TB, options ...hostOption) *host {
	t.Helper()
	h := startRaw(t, options...)
	h.greet()
	return h
}

func (h *host) greet() {
	h.t.Helper()
	h.tags, _ = newTagStream(testKey)
	h.send(kindHello, 0, 0, mustJSON(map[string]interface{}{"version": 1, "key": testKey, "window": h.window, "heartbeatMs": 10000}))
	first, err := h.receive()
	if err != nil || first.kind != kindHello {
		h.t.Fatalf("no HELLO but %+v %s, %v", first.frameHeader, first.payload, err)
	}
	if err := json.Unmarshal(first.payload, &h.hello); err != nil {
		h.t.Fatal(err)
	}
	go h.listen()
}

func mustJSON(v interface{}) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func (h *host) send(kind frameKind, channel byte, id uint32, payload []byte) {
	buf := append(frame(len(payload)), payload...)
	binary.LittleEndian.PutUint32(buf, uint32(len(payload)))
	binary.LittleEndian.PutUint32(buf[4:], id)
	buf[8], buf[9] = byte(kind), channel
	h.sending.Lock()
	defer h.sending.Unlock()
	h.in.Write(buf) // an error shows as the end of the agent's output
}

// receive reads one frame and checks its tag.
func (h *host) receive() (received, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(h.out, head[:]); err != nil {
		return received{}, err
	}
	length := binary.LittleEndian.Uint32(head[:])
	if length > maxPayload {
		h.t.Errorf("a frame of %d bytes", length)
		return received{}, io.ErrUnexpectedEOF
	}
	if len(h.scratch) < int(length) {
		h.scratch = make([]byte, maxPayload)
	}
	payload := h.scratch[:length] // valid until the next frame
	if _, err := io.ReadFull(h.out, payload); err != nil {
		return received{}, err
	}
	if h.tags != nil {
		var tag [8]byte
		h.tags.next(tag[:])
		if !bytes.Equal(tag[:], head[12:]) {
			h.t.Errorf("a wrong tag: %x instead of %x", head[12:], tag)
		}
	}
	return received{frameHeader{int(length), binary.LittleEndian.Uint32(head[4:]), frameKind(head[8]), head[9]}, payload}, nil
}

func (h *host) listen() {
	defer close(h.ended)
	for {
		f, err := h.receive()
		if err != nil {
			return
		}
		switch f.kind {
		case kindPing:
			h.mu.Lock()
			h.pings++
			h.mu.Unlock()
			h.send(kindPong, 0, 0, f.payload)
			continue
		case kindGoodbye:
			h.mu.Lock()
			json.Unmarshal(f.payload, &h.goodbye)
			h.mu.Unlock()
			continue
		case kindPong:
			continue
		}
		h.mu.Lock()
		c := h.calls[f.id]
		if f.kind == kindReply {
			delete(h.calls, f.id)
		}
		h.mu.Unlock()
		if c == nil {
			h.t.Errorf("a frame for the unknown request %d: kind %#x %s", f.id, f.kind, f.payload)
			continue
		}
		c.receive(f)
	}
}

func (c *call) receive(f received) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames++
	switch f.kind {
	case kindData:
		if c.ends[f.channel] {
			c.h.t.Errorf("data on channel %d after its end", f.channel)
		}
		if !c.discard {
			c.out[f.channel].Write(f.payload)
		}
		c.got[f.channel] += f.length
		if !c.stopped && f.length > 0 {
			c.credit(f.channel, f.length)
		}
	case kindEnd:
		c.ends[f.channel] = true
	case kindCredit:
		c.room += int(binary.LittleEndian.Uint32(f.payload))
	case kindClose:
		c.closedIn = true
	case kindEvent:
		var event map[string]interface{}
		if err := json.Unmarshal(f.payload, &event); err != nil {
			c.h.t.Errorf("%s: %v", f.payload, err)
		}
		c.events = append(c.events, event)
		if event["event"] == "entries" && !c.stopped {
			c.credit(1, f.length)
		}
		c.listed += f.length
	case kindReply:
		if err := json.Unmarshal(f.payload, &c.reply); err != nil {
			c.h.t.Errorf("%s: %v", f.payload, err)
		}
		close(c.done)
	}
	c.more.Broadcast()
}

func (c *call) credit(channel byte, n int) {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], uint32(n))
	go c.h.send(kindCredit, channel, c.id, b[:])
}

type fields = map[string]interface{}

// request sends one; adjust may change the call before anything can come back.
func (h *host) request(what fields, adjust ...func(*call)) *call {
	return h.raw(string(mustJSON(what)), adjust...)
}

// raw sends a request whose payload may be anything.
func (h *host) raw(payload string, adjust ...func(*call)) *call {
	h.mu.Lock()
	h.next++
	c := &call{h: h, id: h.next, done: make(chan struct{}), room: ownWindow}
	c.more = sync.NewCond(&c.mu)
	for _, a := range adjust {
		a(c)
	}
	h.calls[c.id] = c
	h.mu.Unlock()
	h.send(kindRequest, 0, c.id, []byte(payload))
	return c
}

func (h *host) exec(argv []string, more fields, adjust ...func(*call)) *call {
	what := fields{"op": "exec", "argv": argv}
	for k, v := range more {
		what[k] = v
	}
	return h.request(what, adjust...)
}

// wait waits for the reply.
func (c *call) wait() *call {
	c.h.t.Helper()
	select {
	case <-c.done:
	case <-c.h.ended:
		select {
		case <-c.done:
		default:
			c.h.t.Fatalf("the agent ended before it replied; goodbye: %v", c.h.goodbye)
		}
	case <-time.After(patience):
		c.h.t.Fatalf("request %d: no reply; events %v, output %q %q", c.id, c.events, c.stdout(), c.stderr())
	}
	return c
}

// until waits for something about the call to become true.
func (c *call) until(what string, is func() bool) {
	c.h.t.Helper()
	late := false
	timer := time.AfterFunc(patience, func() {
		c.mu.Lock()
		late = true
		c.mu.Unlock()
		c.more.Broadcast()
	})
	defer timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !is() {
		if late {
			c.h.t.Fatalf("waited in vain: %s; output %q %q", what, c.out[1].String(), c.out[2].String())
		}
		c.more.Wait()
	}
}

// untilPrinted waits until channel 1 has the text.
func (c *call) untilPrinted(s string) {
	c.h.t.Helper()
	c.until("stdout has "+s, func() bool { return bytes.Contains(c.out[1].Bytes(), []byte(s)) })
}

// write sends on channel 0 as credit allows.
func (c *call) write(data []byte) {
	for len(data) > 0 {
		n := 0
		c.until("room on channel 0", func() bool {
			n = c.room
			return n > 0 || c.closedIn || c.reply != nil
		})
		if n <= 0 {
			return
		}
		if n > len(data) {
			n = len(data)
		}
		if n > 100000 {
			n = 100000
		}
		c.mu.Lock()
		c.room -= n
		c.mu.Unlock()
		c.h.send(kindData, 0, c.id, data[:n])
		data = data[n:]
	}
}

func (c *call) end()                { c.h.send(kindEnd, 0, c.id, nil) }
func (c *call) close(channel byte)  { c.h.send(kindClose, channel, c.id, nil) }
func (c *call) control(what fields) { c.h.send(kindControl, 0, c.id, mustJSON(what)) }

func (c *call) stdout() string { c.mu.Lock(); defer c.mu.Unlock(); return c.out[1].String() }
func (c *call) stderr() string { c.mu.Lock(); defer c.mu.Unlock(); return c.out[2].String() }

// expect compares fields of the reply.
func (c *call) expect(what fields) *call {
	c.h.t.Helper()
	c.wait()
	for name, want := range what {
		got := c.reply[name]
		if n, ok := want.(int); ok {
			want = float64(n)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			c.h.t.Errorf("%s is %v instead of %v in %v; stdout %q, stderr %q", name, got, want, c.reply, c.stdout(), c.stderr())
		}
	}
	return c
}

// fails compares the code of the error.
func (c *call) fails(code string) *call {
	c.h.t.Helper()
	c.wait()
	e, _ := c.reply["error"].(map[string]interface{})
	if e == nil || e["code"] != code {
		c.h.t.Errorf("%v instead of an error %s", c.reply, code)
	}
	return c
}
