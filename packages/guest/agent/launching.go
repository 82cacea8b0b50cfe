package main

import (
	"os"
	"syscall"
	"time"
)

// launch opens the command's channels and gives the order to a runner.
func (c *command) launch(runner *runnerProcess, order []byte) {
	c.oomBase = c.s.oom.read()
	fds, given, f := c.openStdio()
	if f == nil {
		f = c.giveTo(runner, order, fds)
	} else if runner != nil {
		c.s.pool.release(runner)
	}
	for _, fd := range given {
		quickClose(fd)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f != nil {
		c.failed = f
		c.setClean()
		c.closeStreams()
		c.advance()
		return
	}
	for _, s := range c.streams {
		if s != nil {
			go s.pump()
		}
	}
	if c.in != nil {
		c.feeding = true
		go c.feed()
	}
	if c.q.TimeoutMs > 0 && c.limits == nil {
		c.limits = time.AfterFunc(time.Duration(c.q.TimeoutMs)*time.Millisecond, func() {
			c.stop("timeout", time.Duration(c.q.GraceMs)*time.Millisecond)
		})
	}
	c.sent = true
	if c.runner != nil && c.runner.isGone() {
		c.runnerIsGone()
	}
	if c.doomed {
		c.startKill()
	}
	c.advance()
}

// openStdio makes what becomes the command's 0, 1 and 2; given are those to be closed here afterwards.
func (c *command) openStdio() (fds [3]int, given []int, f *failure) {
	if c.q.Terminal != nil {
		master, slave, f := openTerminal()
		if f != nil {
			return fds, nil, f
		}
		if c.in != nil {
			c.input = master
		}
		c.mu.Lock()
		c.terminal = master
		c.resize(*c.q.Terminal) // the host may have said another meanwhile
		c.streams[0], c.open = &stream{c: c, channel: channelOut, file: master}, 1
		c.mu.Unlock()
		return [3]int{slave, slave, slave}, []int{slave}, nil
	}
	fds[0] = c.s.fds.null
	pipe := func(ours int) (*os.File, int, *failure) {
		var p [2]int
		var err error
		briefly(func() { err = syscall.Pipe2(p[:], syscall.O_CLOEXEC) })
		if err != nil {
			return nil, -1, c.s.outOf("a pipe for the command", err)
		}
		setNonblock(p[ours])
		given = append(given, p[1-ours])
		return os.NewFile(uintptr(p[ours]), "pipe"), p[1-ours], nil
	}
	if c.in != nil {
		if c.input, fds[0], f = pipe(1); f != nil {
			return fds, given, f
		}
	}
	for i, channel := range []byte{channelOut, channelErr} {
		var file *os.File
		if file, fds[i+1], f = pipe(0); f != nil {
			return fds, given, f
		}
		c.mu.Lock()
		c.streams[i] = &stream{c: c, channel: channel, file: file}
		c.open++
		c.mu.Unlock()
	}
	return fds, given, nil
}

// outOf reports that the agent lacks something for a command. Descriptors that were there when it started and are not
// now have been taken from it: then nothing it says can be relied on, and the session ends.
func (s *session) outOf(what string, err error) *failure {
	if err == syscall.EMFILE {
		var now syscall.Rlimit
		if syscall.Getrlimit(rlimitNofile, &now) != nil || now.Cur < ownNofile {
			s.robbed(what, err)
		}
	}
	return fail(codeResourceExhausted, "%s: %v", what, err)
}

// giveTo sends the order to the runner, or to another if that one is gone.
func (c *command) giveTo(runner *runnerProcess, order []byte, fds [3]int) *failure {
	for try := 0; try < sendTries; try++ {
		if runner == nil {
			runner = c.s.pool.take()
		}
		if runner == nil {
			var err error
			if runner, err = c.s.pool.spawn(); err != nil {
				return c.s.outOf("a process to run the command under", err)
			}
		}
		c.mu.Lock()
		c.runner = runner
		c.mu.Unlock()
		runner.assign(c)
		err := runner.send(order, fds)
		if err == nil {
			return nil
		}
		runner.assign(nil)
		c.mu.Lock()
		c.runner = nil
		c.mu.Unlock()
		closeFile(runner.file)
		runner.kill()
		runner = nil
		if err == syscall.ETOOMANYREFS || err == syscall.ENOBUFS || err == syscall.ENOMEM {
			return c.s.outOf("handing the command over", err)
		}
	}
	return fail(codeResourceExhausted, "the processes that commands run under are killed faster than they can be started")
}

// closeStreams gives up channels that nobody will ever write to. The lock is held.
func (c *command) closeStreams() {
	for _, s := range c.streams {
		if s != nil && c.terminal == nil {
			closeFile(s.file)
		}
	}
	c.streams, c.open = [2]*stream{}, 0
	if c.input != nil && c.terminal == nil {
		closeFile(c.input)
	}
}
