package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	maxDetached = 32 // that run at one time
	maxKept     = 32 // that have ended and are remembered

	// argvKept is how many bytes of a command's words are remembered: all of them together fit into one frame.
	argvKept = 1 << 10

	mostLog  = 1 << 20
	leastLog = 64 << 10

	// outputPortion is read of an output in each outputPause, which makes 13 MB/s: only the end of a flood is kept, so it need
	// not have all the processors.
	outputPortion = 64 << 10
	outputPause   = 5 * time.Millisecond
)

// keeper runs the detached commands of a sandbox. They are requests of a session like any other, whose host it is itself: what
// the session says of them arrives at Write.
type keeper struct {
	key     []byte
	boot    string // tells the commands of this life of the sandbox from those of an earlier one
	logSize int
	run     *session
	waits   chan struct{} // holds one for each request that waits

	mu    sync.Mutex
	last  uint32
	all   map[uint32]*detached
	ended []uint32 // in the order of their ends
}

// detached is one command. Its number is also the id of its request.
type detached struct {
	number  uint32
	argv    []byte // JSON
	cut     bool   // argv is not all
	begin   time.Time
	running *running
	logs    [2]*ring
	begun   chan struct{} // closed once it is known whether it could be started
	over    chan struct{} // closed at its end

	taken [2]atomic.Int32 // bytes of each output that have been kept in this pause

	// These belong to the keeper's lock.
	started bool
	pid     int64
	status  []byte // the session's reply, once there is one
	endedAt time.Time
}

func newKeeper(key []byte, m machine) *keeper {
	var boot [4]byte
	_, _ = rand.Read(boot[:])
	k := &keeper{key: key, boot: hex.EncodeToString(boot[:]), logSize: logSize(), waits: make(chan struct{}, maxWaits), all: map[uint32]*detached{}}
	k.run = newSession(m, k, nil)
	k.run.window = outputPortion
	return k
}

// logSize is what is kept of each output: all of them together are at most an eighth of the memory that the sandbox may have.
func logSize() int {
	limit, unlimited, ok := either("memory.max", "memory", "memory.limit_in_bytes")
	if !ok || unlimited {
		return mostLog
	}
	size := limit / 8 / (2 * (maxDetached + maxKept))
	switch {
	case size > mostLog:
		return mostLog
	case size < leastLog:
		return leastLog
	}
	return int(size) &^ (leastLog - 1)
}

func (k *keeper) id(number uint32) string {
	return k.boot + "-" + strconv.FormatUint(uint64(number), 10)
}

// start runs a command. It is known at once, and has begun or failed to when begun is closed.
func (k *keeper) start(q *request) (*detached, *failure) {
	k.run.pool.ready()
	d, f := k.add(q)
	if f != nil {
		return nil, f
	}
	exec := &request{Op: "exec", Argv: q.Argv, Env: q.Env, Cwd: q.Cwd, TimeoutMs: q.TimeoutMs, GraceMs: q.GraceMs, Strays: "keep", Started: true}
	if f := startCommand(d.running, exec); f != nil {
		k.drop(d.number)
		return nil, f
	}
	return d, nil
}

func (k *keeper) add(q *request) (*detached, *failure) {
	d := &detached{begin: time.Now(), begun: make(chan struct{}), over: make(chan struct{})}
	d.argv, d.cut = wordsKept(q.Argv)
	for i := range d.logs {
		log, err := newRing(k.logSize)
		if err != nil {
			d.free()
			return nil, fail(codeResourceExhausted, "memory for the command's output: %v", err)
		}
		d.logs[i] = log
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.all)-len(k.ended) >= maxDetached {
		d.free()
		return nil, fail(codeResourceExhausted, "%d detached commands are running already", maxDetached)
	}
	k.last++
	d.number = k.last
	d.running = &running{s: k.run, id: d.number}
	k.all[d.number] = d
	return d, nil
}

// wordsKept is as much of a command's words as is remembered, as JSON.
func wordsKept(argv []text) (words []byte, cut bool) {
	words = append(words, '[')
	left := argvKept
	for i, word := range argv {
		if left <= 0 {
			cut = true
			break
		}
		if i > 0 {
			words = append(words, ',')
		}
		if len(word) > left {
			word, cut = word[:left], true
		}
		words = appendText(words, string(word))
		left -= len(word) + 1
	}
	return append(words, ']'), cut
}

func (d *detached) free() {
	for _, log := range d.logs {
		if log != nil {
			log.free()
		}
	}
}

func (k *keeper) drop(number uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dropLocked(number)
}

func (k *keeper) dropLocked(number uint32) {
	if d := k.all[number]; d != nil {
		delete(k.all, number)
		d.free()
	}
}

// find gives a command by its id, or says why there is none.
func (k *keeper) find(id string) (*detached, *failure) {
	unknown := fail(codeNotFound, "there is no detached command %q", id)
	boot, digits, _ := strings.Cut(id, "-")
	number, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || number == 0 || len(boot) != len(k.boot) || digits != strconv.FormatUint(number, 10) {
		return nil, unknown
	}
	if boot != k.boot {
		return nil, fail(codeNotFound, "there is no detached command %q since the sandbox was started last: one from before has ended with it, and how is not known", id)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if d := k.all[uint32(number)]; d != nil {
		return d, nil
	}
	if number <= uint64(k.last) {
		return nil, fail(codeNotFound, "the detached command %q is not remembered: only the last %d that have ended are", id, maxKept)
	}
	return nil, unknown
}

// sorted lists all commands, the oldest first.
func (k *keeper) sorted() []*detached {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := make([]*detached, 0, len(k.all))
	for _, d := range k.all {
		if d.started || d.status != nil {
			list = append(list, d)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].number < list[j].number })
	return list
}

// Write is where the session that runs the commands sends its frames: one whole frame at a time, which must be taken at once.
func (k *keeper) Write(buf []byte) (int, error) {
	head, err := parseHeader(buf, true)
	if err != nil {
		return 0, err
	}
	payload := buf[headerSize:]
	k.mu.Lock()
	d := k.all[head.id]
	k.mu.Unlock()
	if d == nil {
		return len(buf), nil
	}
	switch head.kind {
	case kindData:
		d.take(int(head.channel-channelOut), payload)
	case kindEvent:
		k.event(d, payload)
	case kindReply:
		k.reply(d, append([]byte{}, payload...))
	}
	return len(buf), nil
}

// take keeps what was printed. The credit for it comes back a little later, for all that has come meanwhile.
func (d *detached) take(i int, printed []byte) {
	d.logs[i].write(printed)
	if d.taken[i].Add(int32(len(printed))) == int32(len(printed)) && len(printed) > 0 {
		time.AfterFunc(outputPause, func() { d.running.out[channelOut+i].add(int(d.taken[i].Swap(0))) })
	}
}

func (k *keeper) event(d *detached, payload []byte) {
	var said struct {
		Event string
		Pid   int64
	}
	if json.Unmarshal(payload, &said) != nil || said.Event != "started" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if d.started || d.status != nil {
		return
	}
	d.started, d.pid = true, said.Pid
	close(d.begun)
}

func (k *keeper) reply(d *detached, status []byte) {
	for _, log := range d.logs {
		log.end()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	d.status, d.endedAt = status, time.Now()
	close(d.over)
	if !d.started {
		close(d.begun)
	}
	if isError(status) { // it never ran; who has asked for it is told
		k.dropLocked(d.number)
		return
	}
	k.ended = append(k.ended, d.number)
	if len(k.ended) > maxKept {
		k.dropLocked(k.ended[0])
		k.ended = k.ended[1:]
	}
}

func isError(status []byte) bool {
	var r struct{ Error json.RawMessage }
	return json.Unmarshal(status, &r) != nil || r.Error != nil
}

// describe adds what is known of a command.
func (k *keeper) describe(o *object, d *detached) *object {
	printed := [2]int64{d.logs[0].written(), d.logs[1].written()}
	k.mu.Lock()
	defer k.mu.Unlock()
	o.string("id", k.id(d.number)).raw("argv", d.argv).bool("argvTruncated", d.cut).
		int("startedMs", d.begin.UnixMilli()).int("stdoutBytes", printed[0]).int("stderrBytes", printed[1])
	if d.started {
		o.int("pid", d.pid)
	} else {
		o.null("pid")
	}
	if d.status == nil {
		return o.null("endedMs").null("status")
	}
	return o.int("endedMs", d.endedAt.UnixMilli()).raw("status", d.status)
}

// listen takes connections from now on.
func (k *keeper) listen() error {
	fd, err := unixSocket()
	if err != nil {
		return err
	}
	if err = syscall.Bind(fd, keeperAddress(k.key)); err == nil {
		err = syscall.Listen(fd, 128)
	}
	if err != nil {
		quickClose(fd)
		return err
	}
	go k.accept(fd)
	return nil
}
