package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

const protocolVersion = 1

// helloPayload is the agent's HELLO: what it is, and what it sees of its own confinement.
func helloPayload() []byte {
	o := newObject().int("version", protocolVersion).string("agent", build).string("arch", runtime.GOARCH).
		int("window", ownWindow).int("pid", int64(os.Getpid())).int("uid", int64(os.Getuid())).int("gid", int64(os.Getgid()))
	groups, _ := os.Getgroups()
	o.key("groups")
	o.b = append(o.b, '[')
	for i, g := range groups {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = strconv.AppendInt(o.b, int64(g), 10)
	}
	o.b = append(o.b, ']')
	return o.raw("facts", factsObject()).end()
}

func factsObject() []byte {
	o := &object{[]byte{'{'}}
	status := statusFields("CapEff", "CapBnd", "NoNewPrivs", "Seccomp")
	stringOrNull(o, "capEff", status["CapEff"])
	stringOrNull(o, "capBnd", status["CapBnd"])
	if v := status["NoNewPrivs"]; v != "" {
		o.bool("noNewPrivs", v == "1")
	} else {
		o.null("noNewPrivs")
	}
	if n, err := strconv.Atoi(status["Seccomp"]); err == nil {
		o.int("seccomp", int64(n))
	} else {
		o.null("seccomp")
	}
	limits := &object{[]byte{'{'}}
	for _, l := range []struct {
		name string
		what int
	}{{"nofile", rlimitNofile}, {"fsize", syscall.RLIMIT_FSIZE}, {"nproc", 6}, {"core", syscall.RLIMIT_CORE}} {
		var r syscall.Rlimit
		if syscall.Getrlimit(l.what, &r) != nil {
			limits.null(l.name)
			continue
		}
		if l.what == rlimitNofile && startNofile[1] != 0 {
			r.Cur, r.Max = startNofile[0], startNofile[1]
		}
		limits.key(l.name)
		limits.b = append(limits.b, '[')
		limits.b = appendLimit(limits.b, r.Cur, r.Cur == ^uint64(0))
		limits.b = append(limits.b, ',')
		limits.b = appendLimit(limits.b, r.Max, r.Max == ^uint64(0))
		limits.b = append(limits.b, ']')
	}
	o.raw("rlimits", limits.end())
	if release, err := readSmall("/proc/sys/kernel/osrelease"); err == nil {
		o.string("kernel", strings.TrimSpace(string(release)))
	} else {
		o.null("kernel")
	}
	group := &object{[]byte{'{'}}
	limit(group, "memoryMax", "memory.max", "memory", "memory.limit_in_bytes")
	limit(group, "pidsMax", "pids.max", "pids", "pids.max")
	cpuMax(group)
	o.raw("cgroup", group.end())
	if home := os.Getenv("HOME"); home != "" {
		o.text("home", home)
	} else {
		o.null("home")
	}
	if dir, err := os.Getwd(); err == nil {
		o.text("workdir", dir)
	} else {
		o.null("workdir")
	}
	return o.end()
}

func stringOrNull(o *object, name, value string) {
	if value == "" {
		o.null(name)
		return
	}
	o.string(name, value)
}

// appendLimit writes a number, or "max" for none.
func appendLimit(b []byte, value uint64, unlimited bool) []byte {
	if unlimited {
		return append(b, `"max"`...)
	}
	return strconv.AppendUint(b, value, 10)
}

func limit(o *object, name, name2, controller1, name1 string) {
	value, unlimited, ok := either(name2, controller1, name1)
	if !ok {
		o.null(name)
		return
	}
	o.key(name)
	o.b = appendLimit(o.b, value, unlimited)
}

// cpuMax is the quota in processors, 1.5 for one and a half.
func cpuMax(o *object) {
	var quota, period string
	if path := cgroupFile("", "cpu.max"); path != "" {
		if raw, err := readSmall(path); err == nil {
			quota, period, _ = strings.Cut(strings.TrimSpace(string(raw)), " ")
		}
	}
	if quota == "" {
		q, unlimited, ok := cgroupValue("cpu", "cpu.cfs_quota_us")
		p, _, ok2 := cgroupValue("cpu", "cpu.cfs_period_us")
		if !ok || !ok2 {
			o.null("cpuMax")
			return
		}
		quota, period = strconv.FormatUint(q, 10), strconv.FormatUint(p, 10)
		if unlimited {
			quota = "max"
		}
	}
	if quota == "max" {
		o.string("cpuMax", "max")
		return
	}
	q, err := strconv.ParseFloat(quota, 64)
	p, err2 := strconv.ParseFloat(period, 64)
	if err != nil || err2 != nil || p <= 0 {
		o.null("cpuMax")
		return
	}
	o.key("cpuMax")
	o.b = strconv.AppendFloat(o.b, q/p, 'f', -1, 64)
}

// statusFields reads lines of /proc/self/status.
func statusFields(names ...string) map[string]string {
	fields := map[string]string{}
	status, err := readSmall("/proc/self/status")
	if err != nil {
		return fields
	}
	for _, line := range strings.Split(string(status), "\n") {
		name, value, _ := strings.Cut(line, ":")
		for _, wanted := range names {
			if name == wanted {
				fields[name] = strings.TrimSpace(value)
			}
		}
	}
	return fields
}

// statsReply is what the guest's own cgroup says of its use.
func statsReply() []byte {
	o := newObject()
	number := func(name string, value uint64, unlimited, ok bool) {
		if !ok || unlimited {
			o.null(name)
			return
		}
		o.uint(name, value)
	}
	v, u, ok := either("memory.current", "memory", "memory.usage_in_bytes")
	number("memoryBytes", v, u, ok)
	v, u, ok = either("memory.max", "memory", "memory.limit_in_bytes")
	number("memoryLimitBytes", v, u, ok)
	v, u, ok = either("pids.current", "pids", "pids.current")
	number("pids", v, u, ok)
	if path := cgroupFile("", "cpu.stat"); path != "" {
		if raw, err := readSmall(path); err == nil && strings.HasPrefix(string(raw), "usage_usec ") {
			word, _, _ := strings.Cut(strings.TrimPrefix(string(raw), "usage_usec "), "\n")
			if v, err := strconv.ParseUint(word, 10, 64); err == nil {
				return o.uint("cpuUs", v).end()
			}
		}
	}
	v, u, ok = cgroupValue("cpuacct", "cpuacct.usage")
	number("cpuUs", v/1000, u, ok)
	return o.end()
}
