// The guest agent: the first process of every sandbox. On its stdin and stdout it speaks the protocol that
// ../PROTOCOL.md describes: it runs commands and moves files for a host that is outside.
//
// The program has four faces. `agent session` is the agent itself. `agent init` is the main process of a long-lived sandbox,
// and keeps the commands that outlive their sessions (init.go). `agent runner` is what each running command has for a parent:
// it is taken over before the Go runtime starts (entry_*.s, raw.go), so that it costs one thread and a few pages.
// `agent version` prints what this is.
//
// The commands are hostile, and mostly of the same user as the agent. They must not be able to write frames, to learn of others, to
// keep the agent from killing them, or to make it report what is not so: the worst that they can do to a command is
// that its outcome is lost.
package main

import (
	"fmt"
	"os"
)

// Set by the build: -X main.version=… -X main.build=…
var (
	version = "0.0.0"
	build   = "development"
)

const usage = `usage: agent session | init [KEY] | version [--json]
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	switch os.Args[1] {
	case "session":
		os.Exit(sessionMain())
	case "version":
		printVersion(len(os.Args) > 2 && os.Args[2] == "--json")
	case "init":
		os.Exit(initMain(os.Args[2:]))
	case "runner":
		fmt.Fprintln(os.Stderr, "agent: this build lacks its entry (-ldflags '-E main.entry')")
		os.Exit(2)
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
}

func printVersion(asJSON bool) {
	if !asJSON {
		fmt.Printf("agent %s (%s), protocol %d\n", version, build, protocolVersion)
		return
	}
	o := &object{[]byte{'{'}}
	pids := &object{[]byte{'{'}}
	pids.int("session", ownTasks).int("init", initTasks)
	fmt.Printf("%s\n", o.string("version", version).string("build", build).int("protocol", protocolVersion).raw("pids", pids.end()).end())
}
