package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// trimAfter is how long runners beyond the base stay idle.
const trimAfter = time.Second

// runnerPool starts runners, lends them to commands, and reaps all children of the agent.
type runnerPool struct {
	fds     *descriptors
	tasks   int // of the pids limit that are ours: threads, and for the rest runners
	score   *oomScore
	waiting chan struct{} // closed once the base is there

	// family is held while the set of the agent's children changes by our own doing, so that who looks at the children can
	// tell runners from strays.
	family sync.Mutex

	mu       sync.Mutex
	idle     []*runnerProcess
	all      map[int]*runnerProcess // by pid, until reaped
	trimming bool
	filling  bool
	closing  bool
}

func newRunnerPool(fds *descriptors, tasks int) *runnerPool {
	p := &runnerPool{fds: fds, tasks: tasks, score: openOOMScore(), all: map[int]*runnerProcess{}, waiting: make(chan struct{})}
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	go func() {
		for range children {
			p.reap()
		}
	}()
	return p
}

// base is how many runners there always are, busy or idle: what the agent's threads leave of the tasks that are its own.
// Those beyond are started when needed and count as the user's.
func (p *runnerPool) base() int { return p.tasks - countThreads() }

// fillUp starts the runners that there always are. Commands wait for them: one that came sooner could take processes that are
// the agent's, and where the program may be read (see protect.go) look into a runner between its exec and its first
// instructions.
func (p *runnerPool) fillUp() {
	go func() {
		p.multiply()
		p.fill()
		close(p.waiting)
	}()
}

// ready waits for the runners that there always are.
func (p *runnerPool) ready() { <-p.waiting }

func (p *runnerPool) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

// fill brings the runners back to the base, as far as the pids limit lets it.
func (p *runnerPool) fill() {
	p.mu.Lock()
	if p.filling || p.closing {
		p.mu.Unlock()
		return
	}
	p.filling = true
	p.mu.Unlock()
	for p.count() < p.base() && p.fillOne() {
	}
	p.mu.Lock()
	p.filling = false
	p.mu.Unlock()
}

func (p *runnerPool) fillOne() bool {
	r, err := p.spawn()
	if err == nil {
		p.release(r)
	}
	return err == nil
}

func (p *runnerPool) spawn() (*runnerProcess, error) {
	var pair [2]int
	var err error
	briefly(func() {
		pair, err = syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	null := uintptr(p.fds.null)
	p.family.Lock()
	attributes := &syscall.ProcAttr{Files: []uintptr{null, null, null, uintptr(pair[1])}}
	pid := 0
	briefly(func() {
		p.score.raise()
		defer p.score.restore()
		pid, err = syscall.ForkExec(ownExecutable, []string{"agent", "runner"}, attributes)
		if err == syscall.EACCES && ownExecutable != ownLink {
			// The kernel executes no file in memory.
			ownExecutable = ownLink
			pid, err = syscall.ForkExec(ownExecutable, []string{"agent", "runner"}, attributes)
		}
	})
	if err != nil {
		p.family.Unlock()
		quickClose(pair[0])
		quickClose(pair[1])
		return nil, err
	}
	quickClose(pair[1])
	setNonblock(pair[0])
	r := &runnerProcess{pool: p, pid: pid, file: os.NewFile(uintptr(pair[0]), "runner"), reaped: make(chan struct{})}
	p.mu.Lock()
	p.all[pid] = r
	p.mu.Unlock()
	p.family.Unlock()
	go r.listen()
	return r, nil
}

// take gives an idle runner, or nil.
func (p *runnerPool) take() *runnerProcess {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := len(p.idle); n > 0; n = len(p.idle) {
		r := p.idle[n-1]
		p.idle = p.idle[:n-1]
		if !r.isGone() {
			return r
		}
	}
	return nil
}

// release puts a runner that has nothing left of its command among the idle ones.
func (p *runnerPool) release(r *runnerProcess) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.isGone() {
		return
	}
	p.idle = append(p.idle, r)
	if len(p.all) > p.base() && !p.trimming {
		p.trimming = true
		time.AfterFunc(trimAfter, p.trim)
	}
}

// trim ends idle runners beyond the base.
func (p *runnerPool) trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	excess := len(p.all) - p.base()
	for excess > 0 && len(p.idle) > 0 {
		r := p.idle[0]
		p.idle = p.idle[1:]
		closeFile(r.file) // it ends when its socket does
		excess--
	}
	p.trimming = excess > 0
	if p.trimming {
		time.AfterFunc(trimAfter, p.trim)
	}
}

// reap takes the exit status of every child that has one. A runner that was stopped is killed: it would never report.
func (p *runnerPool) reap() {
	refill := false
	p.family.Lock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG|syscall.WUNTRACED|syscall.WALL, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			break
		}
		p.mu.Lock()
		r := p.all[pid]
		if r != nil && !status.Stopped() {
			delete(p.all, pid)
			refill = refill || len(p.all) < p.base()
		}
		p.mu.Unlock()
		if r == nil {
			continue
		}
		if status.Stopped() {
			quickKill(pid, syscall.SIGKILL)
			continue
		}
		close(r.reaped)
	}
	p.family.Unlock()
	if refill {
		go p.fill()
	}
}

// strays are the agent's children that are no runners: what a runner that was killed has left behind.
func (p *runnerPool) strays() []int {
	p.family.Lock()
	defer p.family.Unlock()
	children := childrenOf(os.Getpid())
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := children[:0]
	for _, pid := range children {
		if p.all[pid] == nil {
			kept = append(kept, pid)
		}
	}
	return kept
}

// killAll ends everything that runs, as far as it goes within the deadline.
func (p *runnerPool) killAll(deadline time.Duration) {
	p.mu.Lock()
	p.closing = true
	var busy []*command
	for _, r := range p.all {
		r.mu.Lock()
		if r.command != nil {
			busy = append(busy, r.command)
		}
		r.mu.Unlock()
	}
	p.mu.Unlock()
	over := time.After(deadline)
	for _, c := range busy {
		c.kill("cancel")
	}
	for _, c := range busy {
		select {
		case <-c.cleaned:
		case <-over:
			return
		}
	}
}
