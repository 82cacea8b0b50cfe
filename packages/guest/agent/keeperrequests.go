package main

import (
	"strconv"
	"sync"
)

// maxWaits is how many of those that are let in may wait for what a command does by itself: the others must be able to see it
// and to end it.
const maxWaits = 64

// talk speaks the session's protocol with an agent, until one of them ends the connection.
func (k *keeper) talk(conn socket, serve func(*running, *request) *failure) {
	over := make(chan struct{})
	s := newSession(k.run.machine, conn, serve)
	s.ended = func(int) {
		_ = conn.Close()
		s.hangUp()
		close(over)
	}
	s.readRequests(newFrameReader(conn, 4096), nil)
	<-over
}

// hangUp tells the requests of a session that nobody waits for them any more.
func (s *session) hangUp() {
	s.mu.Lock()
	left := make([]*running, 0, len(s.requests))
	for _, r := range s.requests {
		left = append(left, r)
	}
	s.mu.Unlock()
	for _, r := range left {
		r.told.control(&control{Control: "cancel"})
	}
}

// serve begins a request about detached commands.
func (k *keeper) serve(r *running, q *request) *failure {
	w := &waiter{stop: make(chan struct{})}
	if q.Op == "detach" {
		return k.serveStart(r, w, q)
	}
	if q.Op == "detached" && q.ID == "" {
		r.reply(k.list(k.sorted()))
		return nil
	}
	d, f := k.find(q.ID)
	if f != nil {
		return f
	}
	switch q.Op {
	case "detached":
		r.reply(k.list([]*detached{d}))
	case "detached-wait":
		if f := k.beginWait(); f != nil {
			return f
		}
		w.begin(r)
		go func() {
			defer k.endWait()
			k.replyAtEnd(r, w, d)
		}()
	case "detached-kill":
		d.running.told.control(killControl(q))
		if q.Signal != 0 {
			r.reply(k.describe(newObject(), d).end())
			break
		}
		w.begin(r)
		go k.replyAtEnd(r, w, d)
	case "detached-logs":
		if f := k.beginWait(); f != nil {
			return f
		}
		k.serveLogs(r, w, d, q.Follow)
	default:
		return fail(codeUnsupported, "unknown request %s", strconv.Quote(q.Op))
	}
	return nil
}

func (k *keeper) beginWait() *failure {
	select {
	case k.waits <- struct{}{}:
		return nil
	default:
		return fail(codeResourceExhausted, "%d requests about detached commands are waiting already", maxWaits)
	}
}

func (k *keeper) endWait() { <-k.waits }

func killControl(q *request) *control {
	if q.Signal != 0 {
		return &control{Control: "signal", Signal: q.Signal}
	}
	return &control{Control: "cancel", GraceMs: q.GraceMs}
}

func (k *keeper) list(all []*detached) []byte {
	o := newObject()
	o.key("commands")
	o.b = append(o.b, '[')
	for i, d := range all {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = append(k.describe(&object{append(o.b, '{')}, d).b, '}')
	}
	o.b = append(o.b, ']')
	return o.end()
}

func (k *keeper) serveStart(r *running, w *waiter, q *request) *failure {
	d, f := k.start(q)
	if f != nil {
		return f
	}
	w.begin(r)
	go func() {
		<-d.begun
		k.mu.Lock()
		status := d.status
		k.mu.Unlock()
		if status != nil && isError(status) {
			r.reply(append(frame(len(status)), status...))
			return
		}
		r.reply(k.describe(newObject(), d).end())
	}()
	return nil
}

func (k *keeper) replyAtEnd(r *running, w *waiter, d *detached) {
	select {
	case <-d.over:
		r.reply(k.describe(newObject(), d).end())
	case <-w.stop:
		r.reply(fail(codeDeadlineExceeded, "waiting was given up").reply())
	}
}

// serveLogs sends what is kept of both outputs, and with follow what comes after it.
func (k *keeper) serveLogs(r *running, w *waiter, d *detached, follow bool) {
	r.openOutput(channelOut)
	r.openOutput(channelErr)
	w.begin(r)
	var missed [2]int64
	var both sync.WaitGroup
	for i := range d.logs {
		both.Add(1)
		go func(i int) {
			defer both.Done()
			missed[i] = r.copyLog(byte(channelOut+i), d.logs[i], follow, w)
		}(i)
	}
	go func() {
		defer k.endWait()
		both.Wait()
		o := k.describe(newObject(), d)
		r.reply(o.int("stdoutMissed", missed[0]).int("stderrMissed", missed[1]).end())
	}()
}

// copyLog sends a log, and gives the number of bytes that were overwritten before they could be sent.
func (r *running) copyLog(channel byte, log *ring, follow bool, w *waiter) (missed int64) {
	buf := takeBuffer(smallData)
	defer giveBuffer(buf)
	until := log.written()
	for next := int64(0); follow || next < until; {
		at, n, more := log.read(next, (*buf)[:smallData])
		missed += at - next
		next = at + int64(n)
		if n > 0 {
			if !r.sendData(channel, (*buf)[:n]) {
				return missed
			}
			continue
		}
		if more == nil || !follow {
			return missed
		}
		select {
		case <-more:
		case <-w.stop:
			return missed
		case <-w.gone[channel-channelOut]:
			return missed
		}
	}
	return missed
}

// waiter is a request that waits for something of a command.
type waiter struct {
	r    *running
	stop chan struct{}    // closed when nobody waits for it any more
	gone [2]chan struct{} // closed when nobody wants the channel any more
	once [3]sync.Once
}

// begin registers the request, which must have its channels by now.
func (w *waiter) begin(r *running) {
	for i := range w.gone {
		w.gone[i] = make(chan struct{})
	}
	w.r, r.told = r, w
	r.s.register(r)
}

func (w *waiter) control(c *control) {
	if c.Control != "cancel" {
		return
	}
	for _, out := range w.r.out {
		if out != nil {
			out.close()
		}
	}
	w.once[2].Do(func() { close(w.stop) })
}

func (w *waiter) closed(channel byte) {
	if channel == channelOut || channel == channelErr {
		i := channel - channelOut
		w.once[i].Do(func() { close(w.gone[i]) })
	}
}

func (w *waiter) inputEnds() {}
