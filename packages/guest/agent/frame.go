package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	headerSize = 20
	maxPayload = 1 << 20
)

type frameKind byte

const (
	kindHello   frameKind = 0x01
	kindPing    frameKind = 0x02
	kindPong    frameKind = 0x03
	kindGoodbye frameKind = 0x04
	kindRequest frameKind = 0x10
	kindEvent   frameKind = 0x11
	kindReply   frameKind = 0x12
	kindControl frameKind = 0x13
	kindData    frameKind = 0x20
	kindEnd     frameKind = 0x21
	kindCredit  frameKind = 0x22
	kindClose   frameKind = 0x23

	kindIgnorable frameKind = 0x80 // from here on, who does not know a kind passes over it
)

const (
	channelIn  = 0 // towards the guest
	channelOut = 1
	channelErr = 2
)

type frameHeader struct {
	length  int
	id      uint32
	kind    frameKind
	channel byte
}

// protocolError is a frame that no correct host sends. It ends the session.
type protocolError string

func (e protocolError) Error() string { return string(e) }

// parseHeader accepts what a host sends, and from an agent what an agent sends besides.
func parseHeader(b []byte, agents bool) (frameHeader, error) {
	length := binary.LittleEndian.Uint32(b)
	h := frameHeader{int(length), binary.LittleEndian.Uint32(b[4:]), frameKind(b[8]), b[9]}
	if length > maxPayload {
		return h, protocolError(fmt.Sprintf("a frame of %d bytes; at most %d are allowed", length, maxPayload))
	}
	if b[10] != 0 || b[11] != 0 {
		return h, protocolError("a frame whose reserved bytes are not 0")
	}
	switch h.kind {
	case kindHello, kindRequest, kindControl, kindData, kindEnd, kindClose:
	case kindPing, kindPong:
		if length > 64 {
			return h, protocolError(fmt.Sprintf("a ping of %d bytes; at most 64 are allowed", length))
		}
	case kindCredit:
		if length != 4 {
			return h, protocolError(fmt.Sprintf("a credit of %d bytes instead of 4", length))
		}
	default:
		says := agents && (h.kind == kindEvent || h.kind == kindReply || h.kind == kindGoodbye)
		if h.kind < kindIgnorable && !says {
			return h, protocolError(fmt.Sprintf("a frame of the unknown kind 0x%02x", byte(h.kind)))
		}
	}
	return h, nil
}

// frameReader takes frames off a byte stream with one buffer. A DATA frame comes in as many pieces as its bytes arrive in,
// so that no frame of any size makes the buffer grow; every other frame comes whole.
type frameReader struct {
	in     io.Reader
	buf    []byte
	start  int
	end    int
	head   frameHeader
	remain int  // bytes of the current DATA frame that are still to come
	agents bool // the other end is an agent, not a host
}

const readBufferSize = 128 << 10

func newFrameReader(in io.Reader, size int) *frameReader {
	return &frameReader{in: in, buf: make([]byte, size)}
}

// next gives the next frame, or the next piece of a DATA frame. The payload is valid until the next call. io.EOF is an end between
// two frames, io.ErrUnexpectedEOF one within.
func (r *frameReader) next() (frameHeader, []byte, error) {
	if r.remain > 0 {
		return r.piece()
	}
	if err := r.fill(headerSize); err != nil {
		return frameHeader{}, nil, err
	}
	head, err := parseHeader(r.buf[r.start:], r.agents)
	if err != nil {
		return head, nil, err
	}
	r.start += headerSize
	r.head = head
	if head.kind == kindData && head.length > 0 {
		r.remain = head.length
		return r.piece()
	}
	if head.length > len(r.buf) {
		whole := make([]byte, head.length)
		n := copy(whole, r.buf[r.start:r.end])
		r.start, r.end = 0, 0
		if _, err := io.ReadFull(r.in, whole[n:]); err != nil {
			return head, nil, unexpected(err)
		}
		return head, whole, nil
	}
	if err := r.fill(head.length); err != nil {
		return head, nil, unexpected(err)
	}
	payload := r.buf[r.start : r.start+head.length]
	r.start += head.length
	return head, payload, nil
}

func (r *frameReader) piece() (frameHeader, []byte, error) {
	if err := r.fill(1); err != nil {
		return r.head, nil, unexpected(err)
	}
	n := r.end - r.start
	if n > r.remain {
		n = r.remain
	}
	payload := r.buf[r.start : r.start+n]
	r.start += n
	r.remain -= n
	return r.head, payload, nil
}

// fill makes n bytes available from start on.
func (r *frameReader) fill(n int) error {
	if r.start == r.end {
		r.start, r.end = 0, 0
	} else if len(r.buf)-r.start < n {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	for r.end-r.start < n {
		got, err := r.in.Read(r.buf[r.end:])
		r.end += got
		if r.end-r.start >= n {
			return nil
		}
		if err == io.EOF && r.end > r.start {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
