package main

import (
	"bytes"
	"strconv"
	"syscall"
)

// oomCounter reads how often the kernel has killed in our memory cgroup for want of memory. It is read before and after
// each command; one that was ended by SIGKILL while it grew was most likely the victim.
type oomCounter struct{ fd int }

func openOOMCounter() *oomCounter {
	for _, path := range []string{cgroupFile("", "memory.events"), cgroupFile("memory", "memory.oom_control")} {
		if path == "" {
			continue
		}
		if fd, err := openFile(path, syscall.O_RDONLY, 0); err == nil {
			return &oomCounter{fd}
		}
	}
	return &oomCounter{-1}
}

// read gives 0 where the cgroup cannot be seen: then nothing is ever said to be out of memory.
func (o *oomCounter) read() int64 {
	if o.fd < 0 {
		return 0
	}
	var buf [512]byte
	var n int
	var err error
	briefly(func() { n, err = syscall.Pread(o.fd, buf[:], 0) })
	if err != nil {
		return 0
	}
	return parseOOMKills(buf[:n])
}

// parseOOMKills finds the line "oom_kill <n>", which memory.events and memory.oom_control have in common.
func parseOOMKills(text []byte) int64 {
	for _, line := range bytes.Split(text, []byte{'\n'}) {
		if value := bytes.TrimPrefix(line, []byte("oom_kill ")); len(value) != len(line) {
			n, _ := strconv.ParseInt(string(value), 10, 64)
			return n
		}
	}
	return 0
}
