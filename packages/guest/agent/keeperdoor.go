package main

import (
	"os"
	"strconv"
	"syscall"
	"time"
)

const (
	// maxStrangers is how many are listened to at a time who have not proved themselves, of maxCallers who have come; maxGuests is
	// how many are let in.
	maxStrangers = 16
	maxCallers   = 128
	maxGuests    = 128

	strangerDeadline = 2 * time.Second
)

// lane is where callers wait to be met. Any command may call, as often as it likes, and say nothing: so who comes from outside of
// the sandbox, as an agent does, waits in a lane of his own.
type lane struct{ called, met chan struct{} }

func newLane() *lane {
	return &lane{make(chan struct{}, maxCallers), make(chan struct{}, maxStrangers)}
}

// accept hands each connection to a goroutine of its own.
func (k *keeper) accept(fd int) {
	door, err := newSocket(fd)
	if err != nil {
		return
	}
	inside, outside, guests := newLane(), newLane(), make(chan struct{}, maxGuests)
	for {
		conn := -1
		var failed error
		waited := door.raw.Read(func(fd uintptr) bool {
			conn, _, failed = syscall.Accept4(int(fd), syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK)
			return failed != syscall.EAGAIN
		})
		if waited != nil || failed != nil {
			time.Sleep(10 * time.Millisecond) // no descriptors, or who has connected is gone
			continue
		}
		l := inside
		if isFromOutside(conn) {
			l = outside
		}
		select {
		case l.called <- struct{}{}:
			go k.meet(conn, l, guests)
		default:
			quickClose(conn)
		}
	}
}

// isFromOutside tells who was started from outside of the sandbox: nobody in it can be without a parent there.
func isFromOutside(conn int) bool {
	if os.Getpid() != 1 {
		return false
	}
	var peer *syscall.Ucred
	var err error
	briefly(func() { peer, err = syscall.GetsockoptUcred(conn, syscall.SOL_SOCKET, syscall.SO_PEERCRED) })
	if err != nil || peer.Pid < 2 {
		return false
	}
	parent, state := parentAndState(strconv.Itoa(int(peer.Pid)))
	return parent == 0 && state != 'X'
}

// meet lets in who knows the key.
func (k *keeper) meet(fd int, l *lane, guests chan struct{}) {
	l.met <- struct{}{}
	conn, err := newSocket(fd)
	if err == nil {
		_ = conn.SetDeadline(time.Now().Add(strangerDeadline))
		err = receive(conn, k.key)
	}
	<-l.met
	<-l.called
	if err != nil {
		_ = conn.Close()
		return
	}
	_ = conn.SetDeadline(time.Time{})
	serve := k.serve
	select {
	case guests <- struct{}{}:
		defer func() { <-guests }()
	default:
		serve = func(*running, *request) *failure {
			return fail(codeResourceExhausted, "%d requests about detached commands are under way already", maxGuests)
		}
	}
	k.talk(conn, serve)
}
