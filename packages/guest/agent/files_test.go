package main

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

// workDir is a directory that the agent's user owns.
func workDir(t *testing.T, h *host) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	os.Chmod(dir, 0o777)
	if uid := int(h.hello["uid"].(float64)); uid != 0 {
		os.Chown(dir, uid, uid)
	}
	return dir
}

// put writes a file through the agent.
func (h *host) put(name string, content []byte, more fields) *call {
	what := fields{"op": "write", "path": name}
	for k, v := range more {
		what[k] = v
	}
	c := h.request(what)
	c.write(content)
	c.end()
	return c.wait()
}

func TestWriteAndRead(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		name := filepath.Join(workDir(t, h), "a", "ünï\ncode")
		h.put(name, nil, nil).fails("NOT_FOUND")
		content := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
		h.put(name, content, fields{"parents": true, "mode": 0o640}).expect(fields{"size": len(content)})
		c := h.request(fields{"op": "read", "path": name}).expect(fields{"size": len(content)})
		if c.stdout() != string(content) {
			t.Error("what was read is not what was written")
		}
		if c := h.request(fields{"op": "read", "path": name, "offset": 5, "length": 3}).expect(fields{"size": 3}); c.stdout() != "567" {
			t.Errorf("%q", c.stdout())
		}
		h.request(fields{"op": "stat", "path": name}).expect(fields{"type": "file", "size": len(content), "mode": 0o640, "name": "ünï\ncode", "uid": h.hello["uid"]})
		h.put(name, []byte("x"), fields{"exclusive": true}).fails("ALREADY_EXISTS")
		h.put(name, []byte("12"), nil).expect(fields{"size": 2})
		h.put(name, []byte("34"), fields{"append": true}).expect(fields{"size": 2})
		if c := h.request(fields{"op": "read", "path": name}).wait(); c.stdout() != "1234" {
			t.Errorf("%q", c.stdout())
		}
		h.put(filepath.Dir(name), nil, nil).fails("FAILED_PRECONDITION")
	})
}

func TestNamesThatAreNotUTF8(t *testing.T) {
	h := start(t)
	dir := workDir(t, h)
	raw := func(s string) fields { return fields{"base64": base64.StdEncoding.EncodeToString([]byte(s))} }
	bad := dir + "/\xff\xfe"
	c := h.request(fields{"op": "write", "path": raw(bad)})
	c.end()
	c.expect(fields{"size": 0})
	c = h.request(fields{"op": "list", "path": dir}).wait()
	if got := c.events[0]["entries"].([]interface{})[0].(map[string]interface{}); !reflect.DeepEqual(got["name"], map[string]interface{}(raw("\xff\xfe"))) {
		t.Errorf("%v", got)
	}
	if c := h.exec([]string{"sh", "-c", `printf %s "$1"; printf %s "$V"`, "sh"}, nil); c.wait().stdout() != "" {
		t.Error(c.stdout())
	}
	c = h.request(fields{"op": "exec", "argv": []interface{}{"sh", "-c", `printf %s "$1"; printf %s "$V"; pwd`, "sh", raw("\xc3\x28 \x01")}, "env": fields{"V": raw("\x80")}}).expect(fields{"exitCode": 0})
	if !strings.HasPrefix(c.stdout(), "\xc3\x28 \x01\x80") {
		t.Errorf("%q", c.stdout())
	}
}

// TestNotRegular: nothing that is not a file is opened as one, and a FIFO holds nothing up.
func TestNotRegular(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		dir := workDir(t, h)
		fifo := filepath.Join(dir, "fifo")
		if err := syscall.Mkfifo(fifo, 0o666); err != nil {
			t.Fatal(err)
		}
		os.Chmod(fifo, 0o666)
		for _, name := range []string{fifo, "/dev/zero", "/dev/tty", dir} {
			h.request(fields{"op": "read", "path": name}).fails("FAILED_PRECONDITION")
			c := h.request(fields{"op": "write", "path": name})
			c.end()
			c.fails("FAILED_PRECONDITION")
		}
		c := h.request(fields{"op": "tar-out", "path": dir}).expect(fields{"entries": 1})
		if c.got[1] == 0 {
			t.Error("no archive")
		}
	})
}

func TestDirectories(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		dir := workDir(t, h)
		deep := dir + "/a/b/c"
		h.request(fields{"op": "mkdir", "path": deep}).fails("NOT_FOUND")
		h.request(fields{"op": "mkdir", "path": deep, "parents": true, "mode": 0o750}).expect(fields{"error": nil})
		h.request(fields{"op": "mkdir", "path": deep, "parents": true}).expect(fields{"error": nil})
		h.request(fields{"op": "mkdir", "path": deep}).fails("ALREADY_EXISTS")
		h.request(fields{"op": "stat", "path": deep}).expect(fields{"type": "directory", "mode": 0o750})
		h.put(dir+"/B", []byte("b"), nil)
		h.put(dir+"/z", nil, nil)
		if err := os.Symlink("a", dir+"/link"); err != nil {
			t.Fatal(err)
		}
		list := func(what fields) (names []string) {
			for _, e := range h.request(what).expect(fields{"error": nil}).events {
				for _, entry := range e["entries"].([]interface{}) {
					names = append(names, strings.TrimPrefix(entry.(map[string]interface{})["path"].(string), dir+"/"))
				}
			}
			return names
		}
		if got := fmt.Sprint(list(fields{"op": "list", "path": dir})); got != "[B a link z]" {
			t.Error(got)
		}
		if got := fmt.Sprint(list(fields{"op": "list", "path": dir, "recursive": true})); got != "[B a a/b a/b/c link z]" {
			t.Error(got)
		}
		h.request(fields{"op": "list", "path": dir + "/B"}).fails("FAILED_PRECONDITION")
		h.request(fields{"op": "stat", "path": dir + "/link"}).expect(fields{"type": "symlink", "target": "a"})
		h.request(fields{"op": "stat", "path": dir + "/link", "follow": true}).expect(fields{"type": "directory"})
		h.request(fields{"op": "rename", "from": dir + "/z", "to": dir + "/B"}).fails("ALREADY_EXISTS")
		h.request(fields{"op": "rename", "from": dir + "/z", "to": dir + "/B", "overwrite": true}).expect(fields{"error": nil})
		h.request(fields{"op": "rename", "from": dir + "/z", "to": dir + "/y"}).fails("NOT_FOUND")
		h.request(fields{"op": "remove", "path": dir + "/a"}).fails("FAILED_PRECONDITION")
		h.request(fields{"op": "remove", "path": dir + "/link"}).expect(fields{"error": nil})
		h.request(fields{"op": "remove", "path": dir + "/a", "recursive": true}).expect(fields{"error": nil})
		h.request(fields{"op": "remove", "path": dir + "/a"}).fails("NOT_FOUND")
		h.request(fields{"op": "remove", "path": dir + "/a", "force": true}).expect(fields{"error": nil})
		h.request(fields{"op": "remove", "path": "/", "recursive": true}).fails("INVALID_ARGUMENT")
		if got := fmt.Sprint(list(fields{"op": "list", "path": dir})); got != "[B]" {
			t.Error(got)
		}
	})
}

// TestLongListing: it waits for who takes it slowly, comes as a whole, and can be stopped.
func TestLongListing(t *testing.T) {
	h := start(t, asUser)
	dir := workDir(t, h)
	for i := 0; i < 6000; i++ {
		if err := os.WriteFile(fmt.Sprintf("%s/%s%05d", dir, strings.Repeat("\x01", 200), i), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stop := func(c *call) { c.stopped = true }
	slow, unwanted := h.request(fields{"op": "list", "path": dir}, stop), h.request(fields{"op": "list", "path": dir}, stop)
	for _, c := range []*call{slow, unwanted} {
		c.until("most of a window", func() bool { return c.listed > hostWindow-entriesBytes-1 })
		if c.listed > hostWindow {
			t.Errorf("%d bytes", c.listed)
		}
	}
	unwanted.close(1)
	unwanted.expect(fields{"error": nil})
	slow.mu.Lock()
	slow.stopped = false
	slow.credit(1, slow.listed)
	slow.mu.Unlock()
	slow.expect(fields{"error": nil})
	n := 0
	for _, e := range slow.events {
		n += len(e["entries"].([]interface{}))
	}
	if n != 6000 {
		t.Errorf("%d entries", n)
	}
}

// TestTreeChanges: what is removed while a tree is listed or packed is left out, as it is where nobody has come to it yet, and
// a link in the place of a directory is not followed.
func TestTreeChanges(t *testing.T) {
	h := start(t)
	for _, op := range []fields{{"op": "list", "recursive": true}, {"op": "tar-out"}} {
		for _, swap := range []bool{false, true} {
			t.Run(fmt.Sprint(op["op"], swap), func(t *testing.T) {
				base := workDir(t, h)
				dir, beside := base+"/dir", base+"/beside"
				os.Mkdir(dir, 0o755)
				os.Mkdir(beside, 0o755)
				os.WriteFile(beside+"/secret", nil, 0o644)
				var all []string
				for i := 0; i < 3000; i++ {
					all = append(all, fmt.Sprintf("%s/%s%05d", dir, strings.Repeat("\x01", 200), i))
					if err := os.Mkdir(all[i], 0o755); err != nil {
						t.Fatal(err)
					}
				}
				op["path"] = dir
				c := h.request(op, func(c *call) { c.stopped = true })
				c.until("most of a window", func() bool { return c.listed+c.got[1] > hostWindow-entriesBytes-1 })
				for i := len(all) - 1; i >= 0; i-- { // the one that it has come to is among the last
					os.Remove(all[i])
					if swap {
						os.Symlink(beside, all[i])
					}
				}
				c.mu.Lock()
				c.stopped = false
				c.credit(1, c.listed+c.got[1])
				c.mu.Unlock()
				c.expect(fields{"error": nil})
				if bytes.Contains(c.out[1].Bytes(), []byte("secret")) || strings.Contains(fmt.Sprint(c.events), "secret") {
					t.Error("a link was followed")
				}
			})
		}
	}
}

func TestFileArguments(t *testing.T) {
	h := start(t, asUser)
	h.request(fields{"op": "read"}).fails("INVALID_ARGUMENT")
	h.request(fields{"op": "read", "path": ""}).fails("INVALID_ARGUMENT")
	h.request(fields{"op": "read", "path": "a\x00b"}).fails("INVALID_ARGUMENT")
	h.request(fields{"op": "read", "path": "/etc/passwd", "offset": -1}).fails("INVALID_ARGUMENT")
	h.request(fields{"op": "read", "path": "/etc/shadow"}).fails("PERMISSION_DENIED")
	h.request(fields{"op": "read", "path": "/etc/passwd/x"}).fails("FAILED_PRECONDITION")
	h.request(fields{"op": "frobnicate", "path": "/etc"}).fails("INVALID_ARGUMENT")
	h.request(fields{"op": "stat", "path": "/", "folow": true}).fails("INVALID_ARGUMENT")
	h.request(fields{"op": "mkdir", "path": "/tmp/x", "mode": 0o10000}).fails("INVALID_ARGUMENT")
	h.request(fields{"op": "stats"}).expect(fields{"error": nil})
}

// TestLongNames: whatever a host names, the error about it fits into a frame, and the session goes on.
func TestLongNames(t *testing.T) {
	h := start(t)
	long := strings.Repeat("\x01", 150<<10)
	h.request(fields{"op": "stat", "path": long}).fails("INVALID_ARGUMENT")
	h.request(fields{"op": "rename", "from": long, "to": "x"}).fails("INVALID_ARGUMENT")
	h.request(fields{"op": long}).fails("INVALID_ARGUMENT")
	h.request(fields{"op": "stat", long: 1}).fails("INVALID_ARGUMENT")
	h.exec([]string{"true"}, fields{"cwd": long}).fails("INVALID_ARGUMENT")
	h.exec([]string{"true"}, fields{"env": fields{long + "=": "x"}}).fails("INVALID_ARGUMENT")
	c := h.request(fields{"op": "tar-in", "path": t.TempDir()})
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	w.WriteHeader(&tar.Header{Name: strings.Repeat("x", 600<<10), Mode: 0o644})
	w.Close()
	c.write(archive.Bytes())
	c.end()
	c.fails("INVALID_ARGUMENT")
	h.exec([]string{"true"}, nil).expect(fields{"exitCode": 0})
}

func TestCancelFiles(t *testing.T) {
	h := start(t)
	dir := workDir(t, h)
	c := h.request(fields{"op": "write", "path": dir + "/part"})
	c.write([]byte("begun"))
	c.control(fields{"control": "cancel"})
	c.fails("FAILED_PRECONDITION")
	if err := os.WriteFile(dir+"/large", make([]byte, 8<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	stop := func(c *call) { c.stopped = true }
	c = h.request(fields{"op": "read", "path": dir + "/large"}, stop)
	c.until("a window of data", func() bool { return c.got[1] == hostWindow })
	c.close(1)
	c.expect(fields{"size": hostWindow})
	c = h.request(fields{"op": "tar-out", "path": dir}, stop)
	c.until("a window of data", func() bool { return c.got[1] == hostWindow })
	c.control(fields{"control": "cancel"})
	c.fails("FAILED_PRECONDITION")
}

type tarEntry struct {
	tar.Header
	content string
}

func archiveOf(entries ...tarEntry) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		e.Size = int64(len(e.content))
		if e.Typeflag == 0 {
			e.Typeflag = tar.TypeReg
		}
		if e.Mode == 0 {
			e.Mode = 0o755
		}
		if err := w.WriteHeader(&e.Header); err != nil {
			panic(err)
		}
		io.WriteString(w, e.content)
	}
	w.Close()
	return b.Bytes()
}

func (h *host) unpack(dir string, archive []byte, more fields) *call {
	what := fields{"op": "tar-in", "path": dir}
	for k, v := range more {
		what[k] = v
	}
	c := h.request(what)
	c.write(archive)
	c.end()
	return c.wait()
}

func TestTarRoundTrip(t *testing.T) {
	forBoth(t, func(t *testing.T, h *host) {
		dir := workDir(t, h)
		long := strings.Repeat("long/", 40) + "name"
		archive := archiveOf(
			tarEntry{tar.Header{Name: "./", Typeflag: tar.TypeDir}, ""},
			tarEntry{tar.Header{Name: "sub/", Typeflag: tar.TypeDir, Mode: 0o555}, ""},
			tarEntry{tar.Header{Name: "sub/file", Mode: 0o4644, ModTime: time.Unix(1000000000, 0)}, "content"},
			tarEntry{tar.Header{Name: "sub/link", Typeflag: tar.TypeSymlink, Linkname: "../../anywhere"}, ""},
			tarEntry{tar.Header{Name: "hard", Typeflag: tar.TypeLink, Linkname: "sub/file"}, ""},
			tarEntry{tar.Header{Name: "fifo", Typeflag: tar.TypeFifo}, ""},
			tarEntry{tar.Header{Name: "\xff", Mode: 0o600}, "bytes"},
			tarEntry{tar.Header{Name: long}, "long"},
			tarEntry{tar.Header{Name: "large", Mode: 0o600}, strings.Repeat("x", 3<<20)},
		)
		h.unpack(dir+"/new", archive, nil).fails("NOT_FOUND")
		h.unpack(dir+"/new", archive, fields{"parents": true}).expect(fields{"entries": 8, "bytes": 7 + 5 + 4 + 3<<20})
		h.request(fields{"op": "stat", "path": dir + "/new/sub"}).expect(fields{"mode": 0o555})
		h.request(fields{"op": "stat", "path": dir + "/new/hard"}).expect(fields{"mode": 0o644, "nlink": 2, "mtimeMs": 1e12})
		h.unpack(dir+"/new", archive[:len(archive)/2], nil).fails("INVALID_ARGUMENT")
		h.unpack(dir+"/new", bytes.Repeat([]byte("no archive "), 1000), nil).fails("INVALID_ARGUMENT")
		os.Chmod(dir+"/new/sub", 0o755) // so that the user may unpack over it
		h.unpack(dir+"/new", archive, nil).expect(fields{"entries": 8})
		os.Chmod(dir+"/new/sub", 0o755)

		c := h.request(fields{"op": "tar-out", "path": dir + "/new"}).expect(fields{"error": nil})
		names := map[string]string{}
		r := tar.NewReader(strings.NewReader(c.stdout()))
		for {
			e, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			content, _ := io.ReadAll(r)
			names[e.Name] = string(content)
		}
		if names["sub/file"] != "content" || names["\xff"] != "bytes" || names[long] != "long" || len(names["large"]) != 3<<20 {
			t.Errorf("%d entries", len(names))
		}
		c = h.request(fields{"op": "tar-out", "path": dir + "/new", "names": []string{"sub/link", "large"}}).expect(fields{"entries": 2, "bytes": 3 << 20})
		h.request(fields{"op": "tar-out", "path": dir + "/new/hard"}).expect(fields{"entries": 1, "bytes": 7})
		h.request(fields{"op": "tar-out", "path": dir + "/new", "names": []string{"../x"}}).fails("INVALID_ARGUMENT")
		h.request(fields{"op": "tar-out", "path": dir + "/new", "names": []string{"absent"}}).fails("NOT_FOUND")
	})
}

// TestTarStaysInside: nothing of an archive lands outside of the directory.
func TestTarStaysInside(t *testing.T) {
	h := start(t)
	link := func(name, to string) tarEntry {
		return tarEntry{tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to}, ""}
	}
	file := func(name string) tarEntry { return tarEntry{tar.Header{Name: name}, "evil"} }
	cases := map[string]struct {
		archive []byte
		code    string
	}{
		"dots":                  {archiveOf(file("../out/evil")), "INVALID_ARGUMENT"},
		"dots within":           {archiveOf(file("a/../../out/evil")), "INVALID_ARGUMENT"},
		"absolute":              {archiveOf(file("/tmp/evil")), "INVALID_ARGUMENT"},
		"through a symlink":     {archiveOf(link("s", "../out"), file("s/evil")), "INVALID_ARGUMENT"},
		"through two":           {archiveOf(link("s", ".."), link("u", "s/out"), file("u/evil")), "INVALID_ARGUMENT"},
		"an existing symlink":   {archiveOf(file("old/evil")), "INVALID_ARGUMENT"},
		"a directory on it":     {archiveOf(tarEntry{tar.Header{Name: "old/", Typeflag: tar.TypeDir}, ""}), "INVALID_ARGUMENT"},
		"a hard link out":       {archiveOf(tarEntry{tar.Header{Name: "h", Typeflag: tar.TypeLink, Linkname: "../out/victim"}, ""}), "INVALID_ARGUMENT"},
		"a hard link through":   {archiveOf(tarEntry{tar.Header{Name: "h", Typeflag: tar.TypeLink, Linkname: "old/victim"}, ""}), "INVALID_ARGUMENT"},
		"a device":              {archiveOf(tarEntry{tar.Header{Name: "d", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, ""}), "UNSUPPORTED"},
		"a file over a symlink": {archiveOf(file("old")), ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			base := workDir(t, h)
			dir, out := base+"/dir", base+"/out"
			os.Mkdir(dir, 0o755)
			os.Mkdir(out, 0o755)
			os.WriteFile(out+"/victim", []byte("good"), 0o644)
			os.Symlink("../out", dir+"/old")
			call := h.unpack(dir, c.archive, nil)
			if c.code == "" {
				call.expect(fields{"error": nil})
			} else {
				call.fails(c.code)
			}
			left, _ := os.ReadDir(out)
			if content, _ := os.ReadFile(out + "/victim"); len(left) != 1 || string(content) != "good" {
				t.Errorf("it got outside: %v %q", left, content)
			}
		})
	}
}

// TestTarOfHoles: a few bytes can stand for a file of any size, which is written until somebody gives it up.
func TestTarOfHoles(t *testing.T) {
	h := start(t)
	dir := workDir(t, h)
	const size = 2 << 30
	sparse := fmt.Sprintf("1\n%d\n0\n", size)
	archive := archiveOf(tarEntry{tar.Header{Name: "f", Format: tar.FormatPAX, PAXRecords: map[string]string{"XXX.sparse.major": "1", "XXX.sparse.minor": "0",
		"XXX.sparse.name": "f", "XXX.sparse.realsize": fmt.Sprint(size)}}, sparse + strings.Repeat("\x00", 512-len(sparse))})
	c := h.request(fields{"op": "tar-in", "path": dir})
	c.write(holes(archive))
	waitFor(t, "it has begun", func() bool { st, err := os.Stat(dir + "/f"); return err == nil && st.Size() > 0 })
	c.control(fields{"control": "cancel"})
	c.fails("FAILED_PRECONDITION")
	if st, err := os.Stat(dir + "/f"); err != nil || st.Size() >= size {
		t.Errorf("%v, %v", st.Size(), err)
	}
}

// holes gives the records of an archive their real names, which the package writes for nobody.
func holes(archive []byte) []byte {
	return bytes.ReplaceAll(archive, []byte("XXX.sparse."), []byte("GNU.sparse."))
}

func TestManyFiles(t *testing.T) {
	h := start(t, asUser)
	dir := workDir(t, h)
	entries := make([]tarEntry, 1000)
	for i := range entries {
		entries[i] = tarEntry{tar.Header{Name: fmt.Sprintf("d%d/f%d", i/100, i)}, strings.Repeat("y", 10240)}
	}
	archive := archiveOf(entries...)
	begin := time.Now()
	h.unpack(dir, archive, nil).expect(fields{"entries": 1000, "bytes": 10240000})
	t.Logf("1,000 files in: %v", time.Since(begin))
	begin = time.Now()
	h.request(fields{"op": "tar-out", "path": dir}).expect(fields{"entries": 1010})
	t.Logf("1,000 files out: %v", time.Since(begin))
}
