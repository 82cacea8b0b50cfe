package main

import (
	"fmt"
	"syscall"
	"time"
)

// reported is news from the runner.
func (c *command) reported(r report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch r.kind {
	case reportStarted:
		c.pid = int(r.pid)
		if c.q.Started {
			c.send(kindEvent, 0, newObject().string("event", "started").int("pid", int64(r.pid)).end())
		}
		for _, signal := range c.pending {
			c.deliver(signal)
		}
		c.pending = nil
	case reportFailed:
		c.notExecuted(r)
		c.setClean()
	case reportExited:
		c.noteExit(r)
		if r.clean != 0 {
			c.setClean()
		}
	case reportClean:
		c.usage = r
		c.setClean()
	}
	c.advance()
}

// notExecuted turns a failure between fork and exec into what a shell would say, or into an error.
func (c *command) notExecuted(r report) {
	errno := syscall.Errno(r.errno)
	name := shorten(string(c.q.Argv[0]), mostRepeated)
	switch {
	case r.stage == stageFork || r.stage == stageExec && (errno == syscall.EAGAIN || errno == syscall.ENOMEM):
		c.failed = &failure{codeResourceExhausted, "the command could not be started: " + errno.Error(), errno, ""}
	case r.stage == stageCwd:
		c.failed = asFailure(errno, string(*c.q.Cwd))
		c.failed.message = "cwd: " + c.failed.message
	case r.stage == stageExec:
		c.exitCode, c.refused = 126, true
		c.message = name + ": " + errno.Error()
		if errno == syscall.ENOENT || errno == syscall.ENOTDIR {
			c.exitCode = 127
			if len(candidates(string(c.q.Argv[0]), "a:b")) > 1 {
				c.message = name + ": not found in PATH"
			}
		}
		c.exited, c.exitedAt = true, time.Now()
	default:
		c.failed = &failure{codeUnknown, fmt.Sprintf("preparing the command, stage %d: %v", r.stage, errno), errno, ""}
	}
}

// mostRepeated is what a message repeats of a program's name, which may be as long as a command line.
const mostRepeated = 512

// shorten keeps the beginning of what may be too long for where it goes.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}

func (c *command) noteExit(r report) {
	c.exited, c.exitedAt, c.usage = true, time.Now(), r
	status := syscall.WaitStatus(r.status)
	if status.Signaled() {
		c.signal = int(status.Signal())
		c.oom = c.signal == int(syscall.SIGKILL) && c.cause == "" && !c.killing && c.s.oom.read() > c.oomBase
		return
	}
	c.exitCode = status.ExitStatus()
}

func (c *command) setClean() {
	if !c.clean {
		c.clean, c.cleanAt = true, time.Now()
		close(c.cleaned)
	}
}

// lostRunner is told by the listener of a runner that is gone. The command may have been given to another meanwhile.
func (c *command) lostRunner(r *runnerProcess) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent && c.runner == r {
		c.runnerIsGone()
		c.advance()
	}
}

// runnerIsGone notes that the outcome cannot be learned any more, if it was not known yet, and ends what the runner leaves to us.
func (c *command) runnerIsGone() {
	runner := c.runner
	c.runner = nil
	if c.clean {
		return
	}
	if !c.exited {
		c.lost = true
		c.exitedAt = time.Now()
	}
	c.killing = true
	go func() {
		<-runner.reaped
		killed, ended := c.s.pool.killStrays()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.killing = false
		c.strays += killed
		if !ended {
			c.message = "not everything that the command has started could be ended"
		}
		c.setClean()
		c.advance()
	}()
}

func (c *command) speakSoon() {
	if c.speaks == nil {
		c.speaks = time.AfterFunc(soon, c.speak)
	}
}

// speak tells what has happened and was kept for the reply, which has not come.
func (c *command) speak() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.speaks = nil
	if c.replied {
		return
	}
	for _, s := range c.streams {
		if s != nil && s.ended && !s.said && !c.refused {
			s.said = true
			c.send(kindEnd, s.channel, frame(0))
		}
	}
	if (c.exited || c.lost) && !c.said {
		c.said = true
		o := newObject().string("event", "exited")
		c.send(kindEvent, 0, c.status(o).end())
	}
}

// status adds the fields that event and reply have in common.
func (c *command) status(o *object) *object {
	if c.exited && c.signal == 0 {
		o.int("exitCode", int64(c.exitCode))
	} else {
		o.null("exitCode")
	}
	if c.exited && c.signal != 0 {
		o.int("signal", int64(c.signal))
	} else {
		o.null("signal")
	}
	cause := c.cause
	if cause == "" {
		cause = "exit"
	}
	o.string("cause", cause).bool("oomKilled", c.oom).bool("lost", c.lost).
		int("durationUs", c.exitedAt.Sub(c.begin).Microseconds()).uint("cpuUserUs", c.usage.userUs).
		uint("cpuSystemUs", c.usage.sysUs).uint("peakMemoryBytes", c.usage.maxRSS<<10).int("strays", int64(c.strays))
	if c.message != "" {
		o.text("message", c.message)
	}
	return o
}

// finish replies.
func (c *command) finish() {
	c.replied = true
	for _, t := range []*time.Timer{c.waits, c.speaks, c.limits} {
		if t != nil {
			t.Stop()
		}
	}
	if c.terminal != nil {
		_ = c.terminal.Close()
	}
	c.s.flowing.Add(-1)
	if c.failed != nil {
		c.reply(c.failed.reply())
		return
	}
	if c.refused {
		c.complain()
	}
	c.reply(c.status(newObject()).end())
}

// complain prints why a program could not be executed where a shell would: as far as there is credit, without waiting.
func (c *command) complain() {
	channel, text := byte(channelErr), c.message+"\n"
	if c.terminal != nil {
		channel, text = channelOut, c.message+"\r\n"
	}
	c.out[channel].add(1) // so that take does not wait
	n := c.out[channel].take(len(text)+1) - 1
	if n > 0 {
		if n > len(text) {
			n = len(text)
		}
		c.send(kindData, channel, append(frame(n), text[:n]...))
	}
}
