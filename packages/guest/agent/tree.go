package main

import (
	"bytes"
	"strconv"
	"syscall"
	"time"
)

const (
	// stopLimit is how long the first pass, which only stops processes, may go on.
	stopLimit = time.Second
	// killLimit is when a runner that has not reported the end is killed itself.
	killLimit = 10 * time.Second
)

// killTree ends a tree that may still be growing and says how many processes it has killed. Everything found is stopped first,
// until a look finds nothing new, so that nothing forks away from the kill that follows; then it is killed until gone
// says that nothing is left. scan lists what is alive now; gone waits for the end at most as long as it is told.
func killTree(scan func() []int, gone func(time.Duration) bool, limit time.Duration) (killed int, ended bool) {
	begin := time.Now()
	stopped := map[int]bool{}
	for fresh := true; fresh && time.Since(begin) < stopLimit; {
		fresh = false
		for _, pid := range scan() {
			if !stopped[pid] {
				stopped[pid] = true
				fresh = true
				quickKill(pid, syscall.SIGSTOP)
			}
		}
	}
	dead := map[int]bool{}
	for wait := 200 * time.Microsecond; ; {
		for _, pid := range scan() {
			if !dead[pid] {
				if isZombie(pid) {
					continue
				}
				dead[pid] = true
			}
			quickKill(pid, syscall.SIGKILL)
		}
		if gone(wait) {
			return len(dead), true
		}
		if time.Since(begin) > limit {
			return len(dead), false
		}
		if wait < 10*time.Millisecond {
			wait *= 2
		}
	}
}

// tree lists what is alive below a runner. The lock keeps the runner's pid its own while we look.
func (r *runnerProcess) tree() []int {
	r.pool.family.Lock()
	defer r.pool.family.Unlock()
	r.pool.mu.Lock()
	known := r.pool.all[r.pid] == r
	r.pool.mu.Unlock()
	if !known {
		return nil
	}
	return descendants(r.pid)
}

// killStrays ends what runners that were killed have left to us.
func (p *runnerPool) killStrays() (killed int, ended bool) {
	scan := func() []int {
		orphans := p.strays()
		return append(orphans, descendants(orphans...)...)
	}
	gone := func(wait time.Duration) bool {
		time.Sleep(wait) // the reaper takes them as they end
		return len(p.strays()) == 0
	}
	if len(p.strays()) == 0 {
		return 0, true
	}
	return killTree(scan, gone, killLimit)
}

// descendants lists what is alive below the processes given, which are not in it.
func descendants(roots ...int) []int {
	if !haveChildrenFiles {
		return descendantsByParent(roots)
	}
	var all []int
	for _, root := range roots {
		all = append(all, childrenOf(root)...)
	}
	for i := 0; i < len(all); i++ {
		all = append(all, childrenOf(all[i])...)
	}
	return all
}

// haveChildrenFiles: the kernel lists each thread's children (CONFIG_PROC_CHILDREN).
var haveChildrenFiles = exists("/proc/thread-self/children")

// childrenOf lists the children of all threads of a process.
func childrenOf(pid int) []int {
	if !haveChildrenFiles {
		return childrenByParent([]int{pid})
	}
	var children []int
	dir := "/proc/" + strconv.Itoa(pid) + "/task/"
	for _, thread := range namesIn(dir) {
		list, err := readSmall(dir + thread + "/children")
		if err != nil {
			continue
		}
		for _, field := range bytes.Fields(list) {
			if child, err := strconv.Atoi(string(field)); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

func isZombie(pid int) bool {
	_, state := parentAndState(strconv.Itoa(pid))
	return state == 'Z' || state == 'X'
}

// parentAndState gives 0 and 'X' for what is not there.
func parentAndState(pid string) (parent int, state byte) {
	fields := statOf(pid)
	if len(fields) < 2 {
		return 0, 'X'
	}
	parent, _ = strconv.Atoi(string(fields[1]))
	return parent, fields[0][0]
}

func groupOf(pid string) int {
	fields := statOf(pid)
	if len(fields) < 3 {
		return 0
	}
	group, _ := strconv.Atoi(string(fields[2]))
	return group
}

// statOf gives the fields of /proc/<pid>/stat from the third on: state, parent, group. The second, a name in brackets, may
// hold anything.
func statOf(pid string) [][]byte {
	stat, err := readSmall("/proc/" + pid + "/stat")
	if err != nil {
		return nil
	}
	return bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
}

// childrenByParent and descendantsByParent look at every process there is, where the kernel lists no children.
func childrenByParent(parents []int) []int {
	wanted := map[int]bool{}
	for _, pid := range parents {
		wanted[pid] = true
	}
	var found []int
	for _, name := range namesIn("/proc") {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if parent, _ := parentAndState(name); wanted[parent] {
			found = append(found, pid)
		}
	}
	return found
}

func descendantsByParent(roots []int) []int {
	parents := map[int][]int{}
	for _, name := range namesIn("/proc") {
		if pid, err := strconv.Atoi(name); err == nil {
			parent, _ := parentAndState(name)
			parents[parent] = append(parents[parent], pid)
		}
	}
	var all []int
	for _, root := range roots {
		all = append(all, parents[root]...)
	}
	for i := 0; i < len(all); i++ {
		all = append(all, parents[all[i]]...)
	}
	return all
}
