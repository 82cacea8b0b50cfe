package main

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"io"
	"sync"
	"sync/atomic"
)

// tagStream gives out the AES-128-CTR key stream, 8 bytes a frame.
type tagStream struct {
	stream cipher.Stream
	ahead  [512]byte
	at     int
}

func newTagStream(key []byte) (*tagStream, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	t := &tagStream{stream: cipher.NewCTR(block, make([]byte, aes.BlockSize))}
	t.at = len(t.ahead)
	return t, nil
}

func (t *tagStream) next(tag []byte) {
	if t.at == len(t.ahead) {
		t.ahead = [512]byte{}
		t.stream.XORKeyStream(t.ahead[:], t.ahead[:])
		t.at = 0
	}
	copy(tag, t.ahead[t.at:t.at+8])
	t.at += 8
}

// frameWriter is the session's one way out: any goroutine may send, a frame is always one write.
type frameWriter struct {
	mu     sync.Mutex
	out    io.Writer
	tags   *tagStream // nil before the host's HELLO: tags are 0
	err    error
	closed bool
	sent   atomic.Uint32 // frames, for the heartbeat
}

// frame gives a buffer that a payload is appended to, with room for the header.
func frame(capacity int) []byte { return make([]byte, headerSize, headerSize+capacity) }

// send writes the frame whose payload follows headerSize bytes of room in buf.
func (w *frameWriter) send(kind frameKind, channel byte, id uint32, buf []byte) error {
	binary.LittleEndian.PutUint32(buf, uint32(len(buf)-headerSize))
	binary.LittleEndian.PutUint32(buf[4:], id)
	buf[8], buf[9], buf[10], buf[11] = byte(kind), channel, 0, 0
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if w.closed {
		return io.ErrClosedPipe
	}
	if w.tags != nil {
		w.tags.next(buf[12:20])
	} else {
		for i := 12; i < 20; i++ {
			buf[i] = 0
		}
	}
	w.sent.Add(1)
	if kind == kindGoodbye {
		w.closed = true
	}
	_, w.err = w.out.Write(buf)
	return w.err
}

func (w *frameWriter) sendCredit(channel byte, id uint32, n int) error {
	buf := frame(4)[:headerSize+4]
	binary.LittleEndian.PutUint32(buf[headerSize:], uint32(n))
	return w.send(kindCredit, channel, id, buf)
}
