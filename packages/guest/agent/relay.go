package main

import (
	"encoding/binary"
	"sync"
)

// relay is a request about detached commands, which the main process of the sandbox answers: its frames go through as they
// are, both ways. What it sends is bounded by the credit that the host gives, so nothing is kept here.
type relay struct {
	*running

	mu      sync.Mutex
	conn    *socket
	writer  frameWriter
	waiting [][]byte // frames for a connection that is not there yet
	over    bool
}

// maxWaiting is how many frames may wait for a connection. A host has said all that it can long before.
const maxWaiting = 64

func startRelay(r *running, q *request) *failure {
	away := &relay{running: r}
	r.told = away
	r.s.register(r)
	go away.run(q.Key, q.payload)
	return nil
}

func (y *relay) run(key, payload []byte) {
	conn, f := dialKeeper(key)
	if f != nil {
		y.end()
		y.reply(f.reply())
		return
	}
	defer conn.Close()
	y.mu.Lock()
	y.conn = &conn
	y.writer.out = conn
	y.write(kindRequest, 0, append(frame(len(payload)), payload...))
	for _, channel := range []byte{channelOut, channelErr} {
		credit := frame(4)[:headerSize+4]
		binary.LittleEndian.PutUint32(credit[headerSize:], uint32(y.s.window))
		y.write(kindCredit, channel, credit)
	}
	for _, buf := range y.waiting {
		y.write(frameKind(buf[8]), buf[9], buf)
	}
	y.waiting = nil
	y.mu.Unlock()
	y.copyBack(newRelayReader(conn))
}

func newRelayReader(conn socket) *frameReader {
	reader := newFrameReader(conn, headerSize+smallData)
	reader.agents = true
	return reader
}

// copyBack sends the host what the main process says, up to its reply.
func (y *relay) copyBack(reader *frameReader) {
	for {
		head, payload, err := reader.next()
		if err != nil {
			y.end()
			y.reply(fail(codeUnavailable, "the sandbox's main process has broken off: %v", err).reply())
			return
		}
		buf := append(frame(len(payload)), payload...)
		switch head.kind {
		case kindReply:
			y.end()
			y.reply(buf)
			return
		case kindEvent, kindData, kindEnd, kindClose:
			y.send(head.kind, head.channel, buf)
		case kindGoodbye:
			y.end()
			y.reply(fail(codeUnknown, "the sandbox's main process has refused: %s", payload).reply())
			return
		}
	}
}

// forward passes on what the host says about the request.
func (y *relay) forward(head frameHeader, payload []byte) {
	buf := append(frame(len(payload)), payload...)
	y.mu.Lock()
	defer y.mu.Unlock()
	switch {
	case y.over:
	case y.conn != nil:
		y.write(head.kind, head.channel, buf)
	case len(y.waiting) < maxWaiting:
		buf[8], buf[9] = byte(head.kind), head.channel
		y.waiting = append(y.waiting, buf)
	}
}

// write is called with the lock held. An error shows as the end of what is read.
func (y *relay) write(kind frameKind, channel byte, buf []byte) {
	_ = y.writer.send(kind, channel, 1, buf)
}

func (y *relay) end() {
	y.mu.Lock()
	y.over = true
	y.mu.Unlock()
}

// A relay is told through forward, of everything.
func (y *relay) control(*control) {}
func (y *relay) closed(byte)      {}
func (y *relay) inputEnds()       {}
