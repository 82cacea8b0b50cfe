package main

import (
	"strconv"
	"syscall"
	"time"
)

// stop ends the command because of a timeout, or because the host says so.
func (c *command) stop(cause string, grace time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.replied {
		return
	}
	first := c.cause == ""
	if first && (!c.exited && !c.lost || c.q.Strays == "keep" && !c.clean) || cause == "cancel" && c.clean {
		c.cause = cause
	}
	if grace > 0 && first && !c.exited && !c.lost {
		c.deliver(int(syscall.SIGTERM))
		c.deliver(int(syscall.SIGCONT)) // one that is stopped would not see it
		if c.limits != nil {
			c.limits.Stop()
		}
		c.limits = time.AfterFunc(grace, func() { c.kill(cause) })
		return
	}
	c.startKill()
	c.advance()
}

// kill ends the whole tree now.
func (c *command) kill(cause string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == "" && !c.exited && !c.lost {
		c.cause = cause
	}
	c.startKill()
}

// startKill begins the kill loop, which holds the runner until nothing is left. The lock is held.
func (c *command) startKill() {
	if !c.sent {
		c.doomed = true
		return
	}
	if c.clean || c.killing || c.runner == nil {
		return
	}
	c.killing = true
	runner, after := c.runner, c.exited
	go func() {
		gone := func(wait time.Duration) bool {
			select {
			case <-c.cleaned:
				return true
			case <-runner.reaped:
				return true
			case <-time.After(wait):
				return false
			}
		}
		killed, ended := killTree(runner.tree, gone, killLimit)
		if !ended {
			runner.kill() // its children come to us
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if after {
			c.strays += killed
		}
		if c.runner == runner { // otherwise it was lost meanwhile, and another loop is at work
			c.killing = false
		}
		c.advance()
	}()
}

// deliver signals the command's process group, or the group in front of its terminal. The lock is held.
func (c *command) deliver(signal int) {
	if c.pid == 0 {
		c.pending = append(c.pending, signal)
		return
	}
	group := c.pid
	if c.terminal != nil && !c.replied {
		raw, err := c.terminal.SyscallConn()
		if err == nil {
			_ = raw.Control(func(fd uintptr) {
				if front := foregroundGroup(int(fd)); front != 0 {
					group = front
				}
			})
		}
	}
	if c.exited && !c.hasGroup(group) {
		return
	}
	quickKill(-group, syscall.Signal(signal))
}

// hasGroup says if anything of the tree is in the process group: once the first process has ended, and nothing else is in its group,
// its number may be another's.
func (c *command) hasGroup(group int) bool {
	if c.runner == nil {
		return false
	}
	for _, pid := range c.runner.tree() {
		if groupOf(strconv.Itoa(pid)) == group {
			return true
		}
	}
	return false
}

// control is what the host wants of the command.
func (c *command) control(say *control) {
	switch say.Control {
	case "signal":
		c.mu.Lock()
		if !c.replied && !c.clean && c.failed == nil {
			c.deliver(say.Signal)
		}
		c.mu.Unlock()
	case "cancel":
		c.stop("cancel", time.Duration(say.GraceMs)*time.Millisecond)
	case "resize":
		c.mu.Lock()
		if c.q.Terminal != nil && !c.replied {
			c.resize(terminalSize{say.Rows, say.Cols})
		}
		c.mu.Unlock()
	}
}

// resize gives the terminal a size, at once or when it is there. The lock is held.
func (c *command) resize(size terminalSize) {
	c.q.Terminal = &size
	if c.terminal == nil {
		return
	}
	if raw, err := c.terminal.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { resizeTerminal(int(fd), size) })
	}
}

// closed ends an output that the host does not want: the command gets SIGPIPE when it writes.
func (c *command) closed(channel byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.streams {
		if s != nil && s.channel == channel && c.terminal == nil {
			closeFile(s.file)
		}
	}
}

func (c *command) inputEnds() { c.in.end() }
