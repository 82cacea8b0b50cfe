package main

import (
	"strconv"
	"strings"
)

// cgroupFile gives the path of a file in the agent's own cgroup: of a version 1 controller, or with "" of version 2. Empty
// where the hierarchy is not mounted.
func cgroupFile(controller, name string) string {
	if dir := cgroupDir(controller); dir != "" {
		return dir + "/" + name
	}
	return ""
}

func cgroupDir(controller string) string {
	own, err := readSmall("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	mounts, err := readSmall("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	return findCgroup(string(own), string(mounts), controller)
}

// findCgroup puts together where the hierarchy is mounted and where in it this process is. A container engine mounts only
// the container's own part (its root is our path, or a cgroup namespace hides what is above), so that what is left of our
// path below the mount's root counts.
func findCgroup(own, mounts, controller string) string {
	path, known := "", false
	for _, line := range strings.Split(own, "\n") {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) == 3 && (controller == "" && parts[1] == "" && parts[0] == "0" || controller != "" && hasWord(parts[1], controller)) {
			path, known = parts[2], true
		}
	}
	if !known {
		return ""
	}
	for _, line := range strings.Split(mounts, "\n") {
		before, after, ok := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(kind) < 3 {
			continue
		}
		if controller == "" && kind[0] != "cgroup2" || controller != "" && (kind[0] != "cgroup" || !hasWord(kind[2], controller)) {
			continue
		}
		root, point := fields[3], fields[4]
		rest := strings.TrimPrefix(path, strings.TrimSuffix(root, "/"))
		if len(rest) == len(path) && root != "/" || rest != "" && rest[0] != '/' || strings.Contains(path, "/..") {
			rest = ""
		}
		return strings.TrimSuffix(point+rest, "/")
	}
	return ""
}

func hasWord(list, word string) bool {
	for _, w := range strings.Split(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}

// cgroupValue reads a number; ok is false where there is none to see, and unlimited stands for "max".
func cgroupValue(controller, name string) (value uint64, unlimited, ok bool) {
	path := cgroupFile(controller, name)
	if path == "" {
		return 0, false, false
	}
	raw, err := readSmall(path)
	if err != nil {
		return 0, false, false
	}
	word := strings.TrimSpace(string(raw))
	if word == "max" || word == "-1" {
		return 0, true, true
	}
	value, err = strconv.ParseUint(word, 10, 64)
	if err != nil {
		return 0, false, false
	}
	// Version 1 says "no limit" with the largest multiple of the page size.
	return value, value > 1<<62, true
}

// either reads the first of the version 2 and version 1 files that is there.
func either(name2, controller1, name1 string) (value uint64, unlimited, ok bool) {
	if value, unlimited, ok = cgroupValue("", name2); ok {
		return value, unlimited, ok
	}
	return cgroupValue(controller1, name1)
}
