package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"
)

// How an agent and the main process of its sandbox come to trust each other. Any command may connect, or listen where nobody
// does, so both prove that they know the key, which the host alone has given them; nothing that is said lets another learn it.
// What comes first stays as it is in every version, so that two of different age can tell each other.

const (
	keySize   = 32
	nonceSize = 16
	proofSize = sha256.Size

	// keeperVersion is of what follows the handshake: the requests of keeperrequests.go and their results.
	keeperVersion = 1

	greetingMagic = "dsb"
	greetingSize  = len(greetingMagic) + 1 + nonceSize
)

// handshakeDeadline is what an agent waits for: it may have to queue.
const handshakeDeadline = 15 * time.Second

// errStranger: whoever is at the other end does not know the key.
var errStranger = errors.New("the other end does not know the key")

// wrongVersion is what the other end speaks instead.
type wrongVersion byte

func (v wrongVersion) Error() string { return fmt.Sprintf("the other end speaks version %d", byte(v)) }

// keeperAddress is in the abstract namespace, which belongs to the sandbox's network: there is no file that could be replaced.
func keeperAddress(key []byte) *syscall.SockaddrUnix {
	sum := sha256.Sum256(append([]byte("address of "), key...))
	return &syscall.SockaddrUnix{Name: "@dev.sandbox.init." + hex.EncodeToString(sum[:12])}
}

func greeting() ([]byte, error) {
	g := append([]byte(greetingMagic), keeperVersion)
	g = append(g, make([]byte, nonceSize)...)
	var err error
	briefly(func() { _, err = rand.Read(g[len(g)-nonceSize:]) })
	return g, err
}

// proof binds the key to who speaks and to both greetings.
func proof(key []byte, role string, asked, answered []byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range [][]byte{[]byte(role), asked, answered} {
		h.Write(part)
	}
	return h.Sum(nil)
}

// introduce is the handshake of who has connected.
func introduce(conn io.ReadWriter, key []byte) error {
	asked, err := greeting()
	if err != nil {
		return err
	}
	if _, err := conn.Write(asked); err != nil {
		return err
	}
	answer := make([]byte, greetingSize+proofSize)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	answered := answer[:greetingSize]
	if string(answered[:len(greetingMagic)]) != greetingMagic || !hmac.Equal(answer[greetingSize:], proof(key, "init", asked, answered)) {
		return errStranger
	}
	if v := answered[len(greetingMagic)]; v != keeperVersion {
		return wrongVersion(v)
	}
	_, err = conn.Write(proof(key, "session", asked, answered))
	return err
}

// receive is the handshake of who was connected to.
func receive(conn io.ReadWriter, key []byte) error {
	asked := make([]byte, greetingSize)
	if _, err := io.ReadFull(conn, asked); err != nil {
		return err
	}
	if string(asked[:len(greetingMagic)]) != greetingMagic {
		return errStranger
	}
	answered, err := greeting()
	if err != nil {
		return err
	}
	if _, err := conn.Write(append(append([]byte{}, answered...), proof(key, "init", asked, answered)...)); err != nil {
		return err
	}
	if v := asked[len(greetingMagic)]; v != keeperVersion {
		return wrongVersion(v)
	}
	proved := make([]byte, proofSize)
	if _, err := io.ReadFull(conn, proved); err != nil {
		return err
	}
	if !hmac.Equal(proved, proof(key, "session", asked, answered)) {
		return errStranger
	}
	return nil
}

// unixSocket makes one that waiting for takes no thread.
func unixSocket() (int, error) {
	return syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
}

// queueing bounds how many threads wait in queueUp.
var queueing = make(chan struct{}, 2)

// queueUp waits in the queue of who wants to connect, which is full: whoever only looks whether it is finds it so for as long as
// commands see to that.
func queueUp(fd int, key []byte) error {
	queueing <- struct{}{}
	defer func() { <-queueing }()
	patience := syscall.NsecToTimeval(int64(handshakeDeadline))
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &patience); err != nil {
		return err
	}
	_ = syscall.SetNonblock(fd, false)
	defer setNonblock(fd)
	return again(func() error { return syscall.Connect(fd, keeperAddress(key)) })
}

// dialKeeper connects to the main process and has it prove that it is the one.
func dialKeeper(key []byte) (conn socket, f *failure) {
	fd, err := unixSocket()
	if err != nil {
		return conn, asFailure(err, "")
	}
	// A sandbox that was started just now may not listen yet.
	for wait := time.Millisecond; ; wait *= 2 {
		err = again(func() error { return syscall.Connect(fd, keeperAddress(key)) })
		if err != syscall.ECONNREFUSED || wait > time.Second {
			break
		}
		time.Sleep(wait)
	}
	if err == syscall.EAGAIN {
		err = queueUp(fd, key)
	}
	if err != nil {
		quickClose(fd)
		if err == syscall.ECONNREFUSED {
			return conn, fail(codeUnsupported, "nothing in this sandbox keeps detached commands: its main process is of another version, or has been ended")
		}
		return conn, fail(codeResourceExhausted, "the sandbox's main process cannot be reached: %v", err)
	}
	if conn, err = newSocket(fd); err == nil {
		_ = conn.SetDeadline(time.Now().Add(handshakeDeadline))
		err = introduce(conn, key)
	}
	if err == nil {
		_ = conn.SetDeadline(time.Time{})
		return conn, nil
	}
	_ = conn.Close()
	var other wrongVersion
	switch {
	case errors.As(err, &other):
		return conn, fail(codeUnsupported, "the sandbox's main process keeps detached commands in version %d, this agent asks in version %d", byte(other), keeperVersion)
	case err == errStranger:
		return conn, fail(codePermissionDenied, "what keeps detached commands in this sandbox does not know its key")
	}
	return conn, fail(codeUnavailable, "the sandbox's main process does not answer: %v", err)
}
