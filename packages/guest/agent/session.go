package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	ownWindow   = 256 << 10
	maxRequests = 1024

	minWindow = 64 << 10
	maxWindow = 1 << 30
)

// The deadlines of the protocol page; text, so that a test's build can set others by -X.
var (
	greetingDeadline = "30s"
	silenceDeadline  = "60s"
	endDeadline      = "5s" // for the commands that are killed at the end of a session
)

// machine is what commands are run with, whoever asks for them.
type machine struct {
	pool *runnerPool
	oom  *oomCounter
	fds  *descriptors
}

// newMachine takes, with the threads that are made next, so many tasks of the pids limit.
func newMachine(tasks int) machine {
	fds := openDescriptors()
	return machine{newRunnerPool(fds, tasks), openOOMCounter(), fds}
}

// session is the agent's end of the protocol.
type session struct {
	machine
	writer frameWriter

	// serve begins a valid request. What it registers is known before the next frame is read.
	serve func(r *running, q *request) *failure
	// ended is called once, when the session is over; nil for one that goes on whatever happens.
	ended func(status int)

	window int // what the host takes of a channel at first

	mu       sync.Mutex
	requests map[uint32]*running
	ending   bool

	heard   atomic.Uint32 // reads that brought something, for the silence deadline
	flowing atomic.Int32  // commands running
	once    sync.Once
}

// running is a request that goes on: its channels, and who handles what the host says about it.
type running struct {
	s    *session
	id   uint32
	in   *inbox     // channel 0; nil if it has none
	out  [3]*credit // channels 1 and 2; nil if it has none
	told handler
}

type handler interface {
	// control is a CONTROL frame for the request.
	control(c *control)
	// closed says that the host wants no more of an output channel.
	closed(channel byte)
	// inputEnds says that the host sends no more on channel 0.
	inputEnds()
}

func newSession(m machine, out io.Writer, serve func(r *running, q *request) *failure) *session {
	s := &session{machine: m, requests: map[uint32]*running{}, serve: serve}
	s.writer.out = out
	return s
}

// run speaks the protocol until it is over, and gives the agent's exit status.
func (s *session) run(in io.Reader) int {
	over := make(chan int, 1)
	s.ended = func(status int) {
		if os.Getpid() != 1 { // the kernel ends everything with the first process
			s.pool.killAll(parseDeadline(endDeadline))
		}
		over <- status
	}
	go s.read(in)
	return <-over
}

// end says why (unless the host is gone: code "") and ends the session with all that runs in it.
func (s *session) end(status int, code, message string) {
	if s.ended == nil {
		return
	}
	s.once.Do(func() {
		go func() {
			s.mu.Lock()
			s.ending = true
			s.mu.Unlock()
			if code != "" {
				said := make(chan struct{})
				go func() {
					_ = s.writer.send(kindGoodbye, 0, 0, newObject().string("code", code).string("message", message).end())
					close(said)
				}()
				select {
				case <-said:
				case <-time.After(time.Second):
				}
			}
			s.ended(status)
		}()
	})
}

// robbed ends the session because the agent's own resources were taken away: what it would report could be wrong.
func (s *session) robbed(what string, err error) {
	s.end(1, codeResourceExhausted, fmt.Sprintf("the agent cannot go on: %s: %v", what, err))
}

func parseDeadline(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return d
}

func (s *session) read(in io.Reader) {
	greeting := time.AfterFunc(parseDeadline(greetingDeadline), func() {
		s.end(1, codeDeadlineExceeded, "no host has greeted the agent within "+greetingDeadline)
	})
	reader := newFrameReader(heardReader{in, &s.heard}, readBufferSize)
	err := s.greet(reader)
	greeting.Stop()
	s.readRequests(reader, err)
}

// readRequests handles frames until there are no more, and ends the session.
func (s *session) readRequests(reader *frameReader, err error) {
	for err == nil {
		var head frameHeader
		var payload []byte
		if head, payload, err = reader.next(); err == nil {
			err = s.handle(head, payload)
		}
	}
	var wrong protocolError
	var f *failure
	switch {
	case errors.As(err, &wrong):
		s.end(1, codeInvalidArgument, wrong.Error())
	case errors.As(err, &f):
		s.end(1, f.code, f.message)
	case errors.Is(err, io.EOF):
		s.end(0, "", "")
	case errors.Is(err, io.ErrUnexpectedEOF):
		s.end(1, codeInvalidArgument, "the host's stream ends within a frame")
	default:
		s.end(1, codeUnknown, "the host's stream: "+err.Error())
	}
}

func (s *session) handle(head frameHeader, payload []byte) error {
	switch head.kind {
	case kindPing:
		return s.ignoreClosed(s.writer.send(kindPong, 0, 0, append(frame(len(payload)), payload...)))
	case kindPong:
		return nil
	case kindHello:
		return protocolError("a second HELLO")
	case kindRequest:
		return s.request(head.id, payload)
	}
	if head.kind >= kindIgnorable {
		return nil
	}
	s.mu.Lock()
	r := s.requests[head.id]
	s.mu.Unlock()
	if r == nil {
		if head.id == 0 {
			return protocolError("a frame for the session itself that only a request can have")
		}
		return nil // it has ended, and the host did not know yet
	}
	if away, ok := r.told.(*relay); ok {
		away.forward(head, payload)
		return nil
	}
	switch head.kind {
	case kindControl:
		c := new(control)
		if err := decode(payload, c, true); err != nil {
			return protocolError("CONTROL: " + err.Error())
		}
		switch c.Control {
		case "signal":
			if c.Signal < 1 || c.Signal > 64 {
				return protocolError("CONTROL: signal must be between 1 and 64")
			}
		case "cancel":
			if c.GraceMs < 0 || c.GraceMs > maxMs {
				return protocolError("CONTROL: graceMs is out of range")
			}
		case "resize":
		default:
			return protocolError("CONTROL: unknown control " + c.Control)
		}
		r.told.control(c)
	case kindData:
		if head.channel != channelIn {
			return protocolError("data on a channel that only the agent sends on")
		}
		if r.in != nil && !r.in.deliver(payload) {
			return protocolError("more data than was granted, or after its end")
		}
	case kindEnd:
		if head.channel == channelIn && r.in != nil {
			r.told.inputEnds()
		}
	case kindCredit:
		if head.channel < 3 && r.out[head.channel] != nil {
			if !r.out[head.channel].add(int(binary.LittleEndian.Uint32(payload))) {
				return protocolError("more credit than can be counted")
			}
		}
	case kindClose:
		if head.channel < 3 && r.out[head.channel] != nil {
			r.out[head.channel].close()
			r.told.closed(head.channel)
		}
	}
	return nil
}

// ignoreClosed passes over the error of a session that is ending anyway.
func (s *session) ignoreClosed(err error) error {
	if errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

func (s *session) request(id uint32, payload []byte) error {
	if id == 0 {
		return protocolError("a request with the id 0")
	}
	r := &running{s: s, id: id}
	s.mu.Lock()
	if s.requests[id] != nil {
		s.mu.Unlock()
		return protocolError(fmt.Sprintf("a request with the id %d, which is in use", id))
	}
	full := len(s.requests) >= maxRequests
	ending := s.ending
	s.mu.Unlock()
	if ending {
		return nil
	}
	if full {
		return s.ignoreClosed(s.writer.send(kindReply, 0, id, fail(codeResourceExhausted, "%d requests are running already", maxRequests).reply()))
	}
	q, f := parseRequest(payload)
	if f == nil {
		f = s.serve(r, q)
	}
	if f != nil {
		return s.ignoreClosed(s.writer.send(kindReply, 0, id, f.reply()))
	}
	return nil
}

// startRequest begins what a host may ask for.
func startRequest(r *running, q *request) *failure {
	switch {
	case q.Op == "exec":
		return startCommand(r, q)
	case q.isDetached():
		return startRelay(r, q)
	}
	return startFileRequest(r, q)
}

func (s *session) register(r *running) {
	s.mu.Lock()
	s.requests[r.id] = r
	s.mu.Unlock()
}

// openInput gives the request a channel 0.
func (r *running) openInput() {
	r.in = newInbox(ownWindow, func(n int) { _ = r.s.writer.sendCredit(channelIn, r.id, n) })
}

func (r *running) openOutput(channel byte) { r.out[channel] = newCredit(r.s.window) }

// send is a frame of this request.
func (r *running) send(kind frameKind, channel byte, buf []byte) {
	if err := r.s.writer.send(kind, channel, r.id, buf); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		r.s.end(1, "", "") // the host takes nothing any more
	}
}

// reply ends the request.
func (r *running) reply(buf []byte) {
	r.s.mu.Lock()
	delete(r.s.requests, r.id)
	r.s.mu.Unlock()
	r.send(kindReply, 0, buf)
}

// sendData sends bytes that the channel has credit for; with takes as much of them as there is credit. False: the host
// wants no more.
func (r *running) sendData(channel byte, data []byte) bool {
	for len(data) > 0 {
		n := r.out[channel].take(len(data))
		if n == 0 {
			return false
		}
		if n > maxPayload {
			r.out[channel].add(n - maxPayload)
			n = maxPayload
		}
		r.send(kindData, channel, append(frame(n), data[:n]...))
		data = data[n:]
	}
	return true
}
