package main

import (
	"os"
	"os/exec"
	"sort"
	"strconv"
	"sync"
	"testing"
	"time"
)

// The figures, measured in one run against the bare fork and exec of the same program:
//
//	AGENT_FIGURES=1 go test -run Figures -v
func TestFigures(t *testing.T) {
	if os.Getenv("AGENT_FIGURES") == "" {
		t.Skip("AGENT_FIGURES=1 measures")
	}
	path := "/bin/true"
	if p := os.Getenv("AGENT_FIGURES_TRUE"); p != "" {
		path = p
	}
	argv := []string{path}
	if len(path) > 7 && path[len(path)-7:] == "busybox" {
		argv = []string{path, "true"}
	}
	h := start(t, asUser)
	run := func() { h.exec(argv, nil).wait() }
	bare := func() {
		cmd := exec.Command(argv[0], argv[1:]...)
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
	}
	var ours, theirs, trips []time.Duration
	for i := 0; i < 2000; i++ {
		for _, m := range []struct {
			what func()
			to   *[]time.Duration
		}{{run, &ours}, {bare, &theirs}, {func() { h.request(fields{"op": "stat", "path": "/"}).wait() }, &trips}} {
			begin := time.Now()
			m.what()
			*m.to = append(*m.to, time.Since(begin))
		}
	}
	at := func(d []time.Duration, part float64) time.Duration {
		sort.Slice(d, func(i, j int) bool { return d[i] < d[j] })
		return d[int(float64(len(d))*part)]
	}
	t.Logf("%v: p50 %v p95 %v; bare p50 %v p95 %v; ratio %.2f; stat / p50 %v", argv, at(ours, 0.5), at(ours, 0.95), at(theirs, 0.5), at(theirs, 0.95),
		float64(at(ours, 0.5))/float64(at(theirs, 0.5)), at(trips, 0.5))

	flight := func(n int, what func()) float64 {
		const total = 6000
		var group sync.WaitGroup
		begin := time.Now()
		for i := 0; i < n; i++ {
			group.Add(1)
			go func() {
				defer group.Done()
				for j := 0; j < total/n; j++ {
					what()
				}
			}()
		}
		group.Wait()
		return total / time.Since(begin).Seconds()
	}
	t.Logf("16 in flight: %.0f/s; bare %.0f/s; 50 in flight: %.0f/s", flight(16, run), flight(16, bare), flight(50, run))

	begin := time.Now()
	c := h.exec([]string{"dd", "if=/dev/zero", "bs=1M", "count=1024", "status=none"}, nil, func(c *call) { c.discard = true })
	select {
	case <-c.done:
	case <-time.After(time.Minute):
	}
	t.Logf("1 GiB out: %.0f MB/s", float64(c.got[1])/1e6/time.Since(begin).Seconds())

	flood := h.exec([]string{"cat", "/dev/zero"}, nil, func(c *call) { c.discard = true })
	flood.until("it flows", func() bool { return flood.got[1] > 0 })
	var beside []time.Duration
	for i := 0; i < 500; i++ {
		begin := time.Now()
		run()
		beside = append(beside, time.Since(begin))
	}
	t.Logf("beside a flood: p50 %v p95 %v", at(beside, 0.5), at(beside, 0.95))
	flood.control(fields{"control": "cancel"})
	flood.wait()

	begin = time.Now()
	sink := h.exec([]string{"sh", "-c", "cat >/dev/null"}, fields{"stdin": "pipe"})
	sink.write(make([]byte, 256<<20))
	sink.end()
	sink.wait()
	t.Logf("256 MiB in: %.0f MB/s", 256*1.048576/time.Since(begin).Seconds())
	t.Logf("agent: %s", memoryOf(h))
}

func memoryOf(h *host) string {
	out, _ := exec.Command("grep", "-E", "VmRSS|RssAnon|Threads", "/proc/"+strconv.Itoa(int(h.hello["pid"].(float64)))+"/status").Output()
	return string(out)
}
