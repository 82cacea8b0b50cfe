package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"path"
	"strings"
	"testing"
	"testing/iotest"
	"unsafe"
)

// FuzzFrames: any bytes end in an error or in frames as they were sent, however the stream is cut up, and never in more
// memory than the largest frame.
func FuzzFrames(f *testing.F) {
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole := readFrames(t, bytes.NewReader(stream))
		halves := readFrames(t, iotest.HalfReader(bytes.NewReader(stream)))
		bytewise := readFrames(t, iotest.OneByteReader(bytes.NewReader(stream)))
		if !bytes.Equal(whole, halves) || !bytes.Equal(whole, bytewise) {
			t.Error("what is read depends on how it arrives")
		}
		for rest := stream; len(whole) > 0; { // as it was sent, but for the tags, which mean nothing from the host
			n := headerSize + int(binary.LittleEndian.Uint32(whole))
			if n > len(whole) {
				n = len(whole) // cut off
			}
			if !bytes.Equal(whole[:12], rest[:12]) || !bytes.Equal(whole[headerSize:n], rest[headerSize:n]) {
				t.Fatal("what is read is not what was sent")
			}
			whole, rest = whole[n:], rest[n:]
		}
	})
}

// readFrames puts together again what it has read, DATA frames that came in pieces as one.
func readFrames(t *testing.T, in io.Reader) (all []byte) {
	r := newFrameReader(in, readBufferSize)
	left := 0
	for {
		head, payload, err := r.next()
		if len(r.buf) > readBufferSize {
			t.Fatal("the buffer has grown")
		}
		if err != nil {
			return all
		}
		if left == 0 {
			header := make([]byte, headerSize)
			binary.LittleEndian.PutUint32(header, uint32(head.length))
			binary.LittleEndian.PutUint32(header[4:], head.id)
			header[8], header[9] = byte(head.kind), head.channel
			all = append(all, header...)
			if head.kind == kindData {
				left = head.length
			}
		}
		if head.kind != kindData && len(payload) != head.length || len(payload) > maxPayload {
			t.Fatalf("a payload of %d bytes in a frame of %d", len(payload), head.length)
		}
		if head.kind == kindData {
			left -= len(payload)
		}
		all = append(all, payload...)
	}
}

// FuzzRequest: a request is refused with a code, or is one whose fields keep what the rest of the agent relies on.
func FuzzRequest(f *testing.F) {
	f.Fuzz(func(t *testing.T, payload []byte) {
		_ = decode(payload, new(hello), false)
		_ = decode(payload, new(control), true)
		q, refused := parseRequest(payload)
		if refused != nil {
			if refused.code != codeInvalidArgument || !json.Valid(refused.reply()[headerSize:]) {
				t.Errorf("%+v", refused)
			}
			return
		}
		for _, p := range []*text{q.Path, q.From, q.To} {
			if q.Op != "exec" && !q.isDetached() && p != nil && (*p == "" || strings.ContainsRune(string(*p), 0)) {
				t.Errorf("%q", *p)
			}
		}
		if q.isDetached() && (len(q.Key) != keySize || len(q.ID) > 64 || q.Op != "detach" && q.Op != "detached" && q.ID == "" || !bytes.Equal(q.payload, payload)) {
			t.Errorf("%+v", q)
		}
		if q.Op != "exec" && q.Op != "detach" {
			return
		}
		argv := make([]string, len(q.Argv))
		for i, arg := range q.Argv {
			argv[i] = string(arg)
		}
		env, search := environment([]variable{{"PATH", "/bin"}, {"A", "b"}}, q.Env)
		checkOrder(t, argv, env, candidates(argv[0], search), q.Cwd)
	})
}

// checkOrder reads an order as the runner does.
func checkOrder(t *testing.T, argv, env, paths []string, cwd *text) {
	dir := ""
	if cwd != nil {
		dir = string(*cwd)
	}
	order := buildOrder(argv, env, paths, dir, 0)
	head := *(*launch)(unsafe.Pointer(&order[0]))
	at := func(offset uint64) string {
		end := bytes.IndexByte(order[offset:], 0)
		return string(order[offset : offset+uint64(end)])
	}
	table := func(offset, count uint64, want []string, terminated bool) {
		if int(count) != len(want) {
			t.Fatalf("%d entries instead of %d", count, len(want))
		}
		for i, s := range want {
			if got := at(binary.LittleEndian.Uint64(order[offset+8*uint64(i):])); got != s {
				t.Fatalf("%q instead of %q", got, s)
			}
		}
		if terminated && binary.LittleEndian.Uint64(order[offset+8*count:]) != 0 {
			t.Fatal("a table without its end")
		}
	}
	if head.size != uint64(len(order)) || len(order)%8 != 0 {
		t.Fatalf("%d of %d bytes", head.size, len(order))
	}
	table(head.argv, head.argc, argv, true)
	table(head.envp, head.envc, env, true)
	table(head.paths, head.pathc, paths, false)
	if (head.cwd == 0) != (dir == "") || dir != "" && at(head.cwd) != dir {
		t.Fatalf("cwd %q", dir)
	}
}

// FuzzHandshake: whatever the other end says without the key, it is not believed, and told no more than a greeting and a proof.
func FuzzHandshake(f *testing.F) {
	key := bytes.Repeat([]byte{7}, keySize)
	f.Add([]byte{})
	f.Add(append([]byte(greetingMagic), make([]byte, 100)...))
	f.Add(append(append([]byte(greetingMagic), keeperVersion), make([]byte, nonceSize+proofSize)...))
	f.Add(append(append([]byte(greetingMagic), keeperVersion+1), make([]byte, nonceSize+proofSize)...))
	f.Fuzz(func(t *testing.T, said []byte) {
		for name, shake := range map[string]func(io.ReadWriter, []byte) error{"session": introduce, "init": receive} {
			end := &otherEnd{Reader: bytes.NewReader(said)}
			if shake(end, key) == nil {
				t.Errorf("%s believes %x", name, said)
			}
			if end.told.Len() > greetingSize+proofSize {
				t.Errorf("%s says %x", name, end.told.Bytes())
			}
		}
	})
}

type otherEnd struct {
	io.Reader
	told bytes.Buffer
}

func (e *otherEnd) Write(p []byte) (int, error) { return e.told.Write(p) }

// FuzzText: bytes survive their way through JSON in either form.
func FuzzText(f *testing.F) {
	f.Fuzz(func(t *testing.T, s string) {
		var back text
		encoded := appendText(nil, s)
		if err := json.Unmarshal(encoded, &back); err != nil || string(back) != s {
			t.Errorf("%q became %s, then %q, %v", s, encoded, back, err)
		}
	})
}

// FuzzEntryName: the name of an archive's entry is refused, or stays below its directory.
func FuzzEntryName(f *testing.F) {
	f.Fuzz(func(t *testing.T, name string) {
		dir, base, err := splitEntry(name)
		if err != nil {
			return
		}
		if strings.ContainsAny(base, "/\x00") || base == ".." || base == "." || strings.HasPrefix(dir, "/") {
			t.Errorf("%q: %q %q", name, dir, base)
		}
		if base != "" && path.Clean("/root/"+name) != path.Join("/root", dir, base) {
			t.Errorf("%q: %q %q", name, dir, base)
		}
		if joined := path.Join("/root", dir, base); joined != "/root" && !strings.HasPrefix(joined, "/root/") {
			t.Errorf("%q leads to %s", name, joined)
		}
	})
}

// FuzzKernelFiles: what the kernel's text files may ever say is read without harm.
func FuzzKernelFiles(f *testing.F) {
	f.Fuzz(func(t *testing.T, own, mounts string) {
		for _, controller := range []string{"", "memory"} {
			if dir := findCgroup(own, mounts, controller); strings.Contains(dir, "/../") && !strings.Contains(mounts, "/../") {
				t.Errorf("%q", dir)
			}
		}
		parseOOMKills([]byte(own))
	})
}
