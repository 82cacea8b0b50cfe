package main

import (
	"os"
	"sync"
	"time"
)

const (
	defaultDrain = 200 * time.Millisecond

	// settle is how long a tree that has closed its output may take to end by itself after its first process.
	settle = 20 * time.Millisecond

	// soon is how long the end of a channel or of the first process waits for the reply that mostly follows at once and
	// says it all in one frame.
	soon = 10 * time.Millisecond

	// sendTries is how many runners a command is offered to, in case idle ones were killed.
	sendTries = 4
)

// command is a running exec. Whoever brings news (its runner, its streams, timers, the host) takes the lock, notes it, and
// calls advance, which does what has become possible.
type command struct {
	*running
	q     *request
	begin time.Time
	drain time.Duration

	terminal *os.File // the agent's end
	input    *os.File // where channel 0 goes
	oomBase  int64

	cleaned chan struct{} // closed with clean

	mu      sync.Mutex
	runner  *runnerProcess // nil before, and once it is free for others
	sent    bool           // the runner has the order
	pid     int            // 0: not known yet
	pending []int          // signals that wait for the pid

	failed   *failure // what stopped it from running
	message  string   // what the reply says in words
	refused  bool     // the program could not be executed, and message says why
	exited   bool
	exitedAt time.Time
	exitCode int
	signal   int
	usage    report
	lost     bool
	oom      bool

	clean   bool // nothing is left of its tree
	cleanAt time.Time
	killing bool // a kill loop is at work, and holds the runner
	strays  int
	doomed  bool   // it is to be killed as soon as it has been sent
	cause   string // "": it ends, or has ended, by itself

	streams [2]*stream // those still open
	open    int
	feeding bool

	said    bool // the exited event
	replied bool
	waits   *time.Timer // drain, settle
	speaks  *time.Timer // soon
	limits  *time.Timer // timeoutMs, then graceMs
}

// startCommand registers the command and gives it to a runner; where that may take time, not in the caller's.
func startCommand(r *running, q *request) *failure {
	c := &command{running: r, q: q, begin: time.Now(), drain: defaultDrain, cleaned: make(chan struct{})}
	if q.DrainMs != nil {
		c.drain = time.Duration(*q.DrainMs) * time.Millisecond
	}
	argv := make([]string, len(q.Argv))
	for i, arg := range q.Argv {
		argv[i] = string(arg)
	}
	env, path := environment(ownEnvironment, q.Env)
	cwd := ""
	if q.Cwd != nil {
		cwd = string(*q.Cwd)
	}
	flags := uint64(0)
	if q.Terminal != nil {
		flags |= launchTerminal
	}
	if !r.s.pool.score.inherited() {
		flags |= launchPrefer
	}
	order := buildOrder(argv, env, candidates(argv[0], path), cwd, flags)

	if q.Stdin == "pipe" {
		r.openInput()
	}
	r.openOutput(channelOut)
	if q.Terminal == nil {
		r.openOutput(channelErr)
	}
	r.told = c
	r.s.register(r)
	r.s.flowing.Add(1)

	runner := r.s.pool.take()
	if runner != nil && len(order) <= packetSize && q.Terminal == nil {
		c.launch(runner, order)
	} else {
		go c.launch(runner, order)
	}
	return nil
}

// streamEnded is told by a pump.
func (c *command) streamEnded(s *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.ended = true
	c.open--
	c.advance()
}

func (c *command) inputEnded() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.feeding = false
	c.advance()
}

// advance does what has become possible. The lock is held.
func (c *command) advance() {
	if c.replied {
		return
	}
	if c.clean && !c.killing && c.runner != nil {
		c.runner.assign(nil)
		c.s.pool.release(c.runner)
		c.runner = nil
	}
	if !c.exited && !c.lost && c.failed == nil {
		if c.streams[0] != nil && c.streams[0].ended || c.streams[1] != nil && c.streams[1].ended {
			c.speakSoon()
		}
		return
	}
	if c.clean && !c.killing {
		if c.feeding {
			c.in.close()
			_ = c.input.SetWriteDeadline(longAgo)
		}
		if c.open == 0 && !c.feeding {
			c.finish()
			return
		}
	}
	if at, ok := c.nextStep(); ok {
		if c.waits == nil {
			c.waits = time.AfterFunc(time.Until(at), c.step)
		} else {
			c.waits.Reset(time.Until(at))
		}
	}
	c.speakSoon()
}

// nextStep says when patience ends: with a tree that outlives its first process, or with an output that others hold open.
func (c *command) nextStep() (at time.Time, ok bool) {
	switch {
	case c.killing:
		return at, false
	case c.clean:
		return c.cleanAt.Add(c.drain), true
	case c.q.Strays == "keep" && c.cause == "":
		return at, false
	case c.open == 0 && c.drain > settle:
		return c.exitedAt.Add(settle), true
	}
	return c.exitedAt.Add(c.drain), true
}

// step is the end of that patience.
func (c *command) step() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.replied {
		return
	}
	at, ok := c.nextStep()
	if !ok || time.Now().Before(at) {
		return
	}
	if !c.clean {
		c.startKill()
		return
	}
	for _, s := range c.streams {
		if s != nil && !s.ended {
			if c.cause == "cancel" {
				c.out[s.channel].close() // who cancels need not take what is left
			}
			_ = s.file.SetReadDeadline(longAgo)
		}
	}
}
