package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// heardReader counts what arrives, in whatever pieces.
type heardReader struct {
	in    io.Reader
	heard *atomic.Uint32
}

func (r heardReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	if n > 0 {
		r.heard.Add(1)
	}
	return n, err
}

// greet expects the host's HELLO and answers it.
func (s *session) greet(reader *frameReader) error {
	head, payload, err := reader.next()
	if err != nil {
		return err
	}
	if head.kind != kindHello || head.id != 0 {
		return protocolError("the first frame must be HELLO")
	}
	var h hello
	if err := decode(payload, &h, false); err != nil {
		return protocolError("HELLO: " + err.Error())
	}
	if len(h.Key) == 16 {
		tags, err := newTagStream(h.Key)
		if err != nil {
			return err
		}
		s.writer.mu.Lock()
		s.writer.tags = tags
		s.writer.mu.Unlock()
	}
	switch {
	case h.Version != protocolVersion:
		return fail(codeUnsupported, "the host speaks version %d of the protocol, this agent version %d", h.Version, protocolVersion)
	case len(h.Key) != 16:
		return protocolError("HELLO: the key must have 16 bytes")
	case h.Window < minWindow || h.Window > maxWindow:
		return protocolError(fmt.Sprintf("HELLO: window must be between %d and %d", minWindow, maxWindow))
	case h.HeartbeatMs < 10 || h.HeartbeatMs > 60000:
		return protocolError("HELLO: heartbeatMs must be between 10 and 60000")
	}
	s.window = h.Window
	s.pool.ready()
	if err := s.writer.send(kindHello, 0, 0, helloPayload()); err != nil {
		return err
	}
	go s.beat(time.Duration(h.HeartbeatMs) * time.Millisecond)
	go s.listen(parseDeadline(silenceDeadline))
	return nil
}

// beat sends a PING whenever nothing else was sent for an interval.
func (s *session) beat(interval time.Duration) {
	last := s.writer.sent.Load()
	for range time.Tick(interval) {
		if sent := s.writer.sent.Load(); sent != last {
			last = sent
			continue
		}
		if s.writer.send(kindPing, 0, 0, frame(0)) != nil {
			return
		}
		last = s.writer.sent.Load()
	}
}

// listen ends the session when nothing was heard for long. It counts ticks, and a ticker drops those that nobody took: a
// sandbox that was paused does not find its deadline passed when it goes on.
func (s *session) listen(deadline time.Duration) {
	const parts = 6
	last, silent := s.heard.Load(), 0
	for range time.Tick(deadline / parts) {
		if heard := s.heard.Load(); heard != last {
			last, silent = heard, 0
			continue
		}
		if silent++; silent >= parts {
			s.end(1, codeDeadlineExceeded, "nothing was heard from the host for "+silenceDeadline)
			return
		}
	}
}
