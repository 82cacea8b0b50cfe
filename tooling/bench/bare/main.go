// Command bare runs a program again and again with nothing around it: vfork, exec, wait. It is the reference for what
// a command costs by itself; from Node the same would cost several times as much, and flatter whoever is beside it.
//
// Each line on stdin is an order, "COUNT IN_FLIGHT PROGRAM": it runs PROGRAM so many times, so many at once, and prints one line: the
// wall time of all in nanoseconds, then that of each.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		fail(err)
	}
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		var count, inFlight int
		var program string
		if _, err := fmt.Sscan(orders.Text(), &count, &inFlight, &program); err != nil {
			fail(err)
		}
		fmt.Println(measure(program, count, inFlight, null.Fd()))
	}
}

func measure(program string, count, inFlight int, null uintptr) string {
	times := make([]int64, count)
	next := make(chan int, count)
	for n := range times {
		next <- n
	}
	close(next)
	var workers sync.WaitGroup
	start := time.Now()
	for n := 0; n < inFlight; n++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for n := range next {
				times[n] = run(program, null)
			}
		}()
	}
	workers.Wait()
	line := fmt.Sprint(time.Since(start).Nanoseconds())
	return line + " " + strings.Trim(fmt.Sprint(times), "[]")
}

func run(program string, null uintptr) int64 {
	start := time.Now()
	// Go's ForkExec is clone with VFORK and VM: as cheap as posix_spawn.
	pid, err := syscall.ForkExec(program, []string{program}, &syscall.ProcAttr{
		Env:   []string{"PATH=/usr/bin:/bin"},
		Files: []uintptr{null, null, null},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		fail(err)
	}
	var status syscall.WaitStatus
	for {
		_, err = syscall.Wait4(pid, &status, 0, nil)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil || status.ExitStatus() != 0 {
		fail(fmt.Errorf("%s: status %d, %v", program, status, err))
	}
	return time.Since(start).Nanoseconds()
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
