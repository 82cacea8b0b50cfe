package main

import (
	"os"
	"sort"
	"strings"
	"unsafe"
)

// ownEnvironment is what every command's environment is laid over.
var ownEnvironment = splitEnvironment(os.Environ())

type variable struct{ name, value string }

func splitEnvironment(entries []string) []variable {
	var all []variable
	for _, entry := range entries {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
			all = append(all, variable{name, value})
		}
	}
	return all
}

// environment lays a request's variables over the agent's own, and finds the PATH that results.
func environment(own []variable, over map[string]*text) (entries []string, path string) {
	path = defaultPath
	add := func(name, value string) {
		entries = append(entries, name+"="+value)
		if name == "PATH" {
			path = value
		}
	}
	for _, v := range own {
		if _, replaced := over[v.name]; !replaced {
			add(v.name, v.value)
		}
	}
	names := make([]string, 0, len(over))
	for name, value := range over {
		if value != nil {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		add(name, string(*over[name]))
	}
	return entries, path
}

// defaultPath is where execvp looks without a PATH.
const defaultPath = "/bin:/usr/bin"

// candidates are the files to try for a program's name, as execvp does.
func candidates(name, path string) []string {
	if name == "" || strings.Contains(name, "/") {
		return []string{name}
	}
	dirs := strings.Split(path, ":")
	files := make([]string, len(dirs))
	for i, dir := range dirs {
		if dir == "" {
			files[i] = name
			continue
		}
		files[i] = dir + "/" + name
	}
	return files
}

// buildOrder lays out a launch as the runner wants it.
func buildOrder(argv, env, paths []string, cwd string, flags uint64) []byte {
	size := int(launchSize) + 8*(len(argv)+1+len(env)+1+len(paths))
	tables := size
	for _, list := range [][]string{argv, env, paths} {
		for _, s := range list {
			size += len(s) + 1
		}
	}
	size += len(cwd) + 1
	size = (size + 7) &^ 7 // the runner copies whole words
	words := make([]uint64, size/8)
	order := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), size)

	head := (*launch)(unsafe.Pointer(&words[0]))
	table, at := int(launchSize)/8, tables
	place := func(s string) uint64 {
		offset := at
		at += copy(order[at:], s) + 1
		return uint64(offset)
	}
	list := func(strings []string) (offset uint64) {
		offset = uint64(table * 8)
		for _, s := range strings {
			words[table] = place(s)
			table++
		}
		return offset
	}
	head.size = uint64(size)
	head.flags = flags
	head.argc, head.argv = uint64(len(argv)), list(argv)
	table++ // the tables end with a null pointer
	head.envc, head.envp = uint64(len(env)), list(env)
	table++
	head.pathc, head.paths = uint64(len(paths)), list(paths)
	if cwd != "" {
		head.cwd = place(cwd)
	}
	head.nofileSoft, head.nofileHard = startNofile[0], startNofile[1]
	return order
}
