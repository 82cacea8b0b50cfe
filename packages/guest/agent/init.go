package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"runtime"
	"unsafe"
)

const (
	// initThreads is how many threads the main process of a long-lived sandbox has, always, as ownThreads of a session. It
	// needs fewer: it uses one processor, and at most four calls that may wait are under way (gate.go).
	initThreads = 12

	// initTasks is what it takes of the pids limit. With ownTasks, what a sandbox and a session in it take is the 64 that the
	// host may add at most.
	initTasks = 16
)

// initMain is the main process of a long-lived sandbox: it reaps what is orphaned, takes every signal, ends on nothing but
// SIGKILL, and keeps the detached commands for whoever proves to know the key. Without a key it keeps none.
func initMain(args []string) int {
	protect()
	runtime.GOMAXPROCS(1)
	key, err := takeKey(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent: init:", err)
		return 2
	}
	gate, brief = make(chan struct{}, 2), make(chan struct{}, 2)
	m := newMachine(initTasks)
	makeThreads(initThreads)
	m.pool.fillUp()
	if key != nil {
		// Where the address is taken, the sandbox is as good as it was before there were detached commands.
		if err := newKeeper(key, m).listen(); err != nil {
			fmt.Fprintln(os.Stderr, "agent: init: no detached commands:", err)
		}
	}
	forever := make(chan struct{})
	<-forever
	return 0
}

// takeKey reads the key from the arguments and wipes it out there: they are shown to every process of the sandbox, of which
// none has run yet.
func takeKey(args []string) ([]byte, error) {
	if len(args) == 0 {
		return nil, nil
	}
	key, err := base64.RawURLEncoding.DecodeString(args[0])
	wipe(args[0])
	if err != nil || len(key) != keySize || len(args) > 1 {
		return nil, fmt.Errorf("the key must be %d bytes in base64url", keySize)
	}
	return key, nil
}

// wipe overwrites an argument where the kernel has put it, which is where the runtime's strings of arguments still are.
func wipe(argument string) {
	bytes := unsafe.Slice(*(**byte)(unsafe.Pointer(&argument)), len(argument))
	for i := range bytes {
		bytes[i] = 0
	}
}
