package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// request is every field that any request has; an unknown one is refused, so that a misspelt limit is not silently none.
type request struct {
	Op string `json:"op"`

	Argv      []text           `json:"argv"`
	Env       map[string]*text `json:"env"`
	Cwd       *text            `json:"cwd"`
	Stdin     string           `json:"stdin"`
	Terminal  *terminalSize    `json:"terminal"`
	TimeoutMs int64            `json:"timeoutMs"`
	GraceMs   int64            `json:"graceMs"`
	DrainMs   *int64           `json:"drainMs"`
	Strays    string           `json:"strays"`
	Started   bool             `json:"started"`

	// About detached commands.
	Key    []byte `json:"key"`
	ID     string `json:"id"`
	Signal int    `json:"signal"`

	Path      *text  `json:"path"`
	From      *text  `json:"from"`
	To        *text  `json:"to"`
	Names     []text `json:"names"`
	Offset    int64  `json:"offset"`
	Length    *int64 `json:"length"`
	Mode      *int64 `json:"mode"`
	Parents   bool   `json:"parents"`
	Exclusive bool   `json:"exclusive"`
	Append    bool   `json:"append"`
	Recursive bool   `json:"recursive"`
	Follow    bool   `json:"follow"`
	Force     bool   `json:"force"`
	Overwrite bool   `json:"overwrite"`

	payload []byte // the request as it came, for one that is passed on
}

type terminalSize struct {
	Rows uint16 `json:"rows"`
	Cols uint16 `json:"cols"`
}

type control struct {
	Control string `json:"control"`
	Signal  int    `json:"signal"`
	GraceMs int64  `json:"graceMs"`
	Rows    uint16 `json:"rows"`
	Cols    uint16 `json:"cols"`
}

type hello struct {
	Version     int    `json:"version"`
	Key         []byte `json:"key"`
	Window      int    `json:"window"`
	HeartbeatMs int64  `json:"heartbeatMs"`
}

// maxMs bounds what is given in milliseconds, so that no sum of them overflows.
const maxMs = 1 << 40

func decode(payload []byte, into interface{}, strict bool) error {
	if !utf8.Valid(payload) {
		return errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	if strict {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the object")
	}
	return nil
}

func parseRequest(payload []byte) (*request, *failure) {
	r := new(request)
	if err := decode(payload, r, true); err != nil {
		return nil, fail(codeInvalidArgument, "the request: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if f := r.validate(); f != nil {
		return nil, f
	}
	if r.isDetached() {
		r.payload = append([]byte{}, payload...)
	}
	return r, nil
}

func (r *request) validate() *failure {
	if r.Op == "exec" {
		return r.validateExec()
	}
	if r.isDetached() {
		return r.validateDetached()
	}
	for _, path := range []*text{r.Path, r.From, r.To} {
		if path == nil {
			continue
		}
		if *path == "" {
			return fail(codeInvalidArgument, "an empty path")
		}
		if strings.IndexByte(string(*path), 0) >= 0 {
			return fail(codeInvalidArgument, "a path with a NUL byte")
		}
	}
	if r.Offset < 0 || r.Length != nil && *r.Length < 0 {
		return fail(codeInvalidArgument, "offset and length must not be negative")
	}
	if r.Mode != nil && (*r.Mode < 0 || *r.Mode > 07777) {
		return fail(codeInvalidArgument, "mode must be between 0 and 0o7777")
	}
	return nil
}

func (r *request) validateExec() *failure {
	if len(r.Argv) == 0 {
		return fail(codeInvalidArgument, "argv is empty")
	}
	for _, arg := range r.Argv {
		if strings.IndexByte(string(arg), 0) >= 0 {
			return fail(codeInvalidArgument, "an argument with a NUL byte")
		}
	}
	for name, value := range r.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return fail(codeInvalidArgument, "%q cannot name an environment variable", name)
		}
		if value != nil && strings.IndexByte(string(*value), 0) >= 0 {
			return fail(codeInvalidArgument, "the environment variable %s has a NUL byte", name)
		}
	}
	if r.Cwd != nil && (*r.Cwd == "" || strings.IndexByte(string(*r.Cwd), 0) >= 0) {
		return fail(codeInvalidArgument, "cwd is empty or has a NUL byte")
	}
	switch r.Stdin {
	case "", "null", "pipe":
	default:
		return fail(codeInvalidArgument, "stdin must be 'pipe' or 'null'")
	}
	switch r.Strays {
	case "", "kill", "keep":
	default:
		return fail(codeInvalidArgument, "strays must be 'kill' or 'keep'")
	}
	for _, ms := range []int64{r.TimeoutMs, r.GraceMs} {
		if ms < 0 || ms > maxMs {
			return fail(codeInvalidArgument, "timeoutMs and graceMs must be between 0 and %d", int64(maxMs))
		}
	}
	if r.DrainMs != nil && (*r.DrainMs < 0 || *r.DrainMs > maxMs) {
		return fail(codeInvalidArgument, "drainMs must be between 0 and %d", int64(maxMs))
	}
	return nil
}

// isDetached says if a request is about detached commands: for the main process of the sandbox.
func (r *request) isDetached() bool {
	switch r.Op {
	case "detach", "detached", "detached-wait", "detached-kill", "detached-logs":
		return true
	}
	return false
}

func (r *request) validateDetached() *failure {
	if len(r.Key) != keySize {
		return fail(codeInvalidArgument, "the key must have %d bytes", keySize)
	}
	if r.Op == "detach" {
		if r.Stdin != "" && r.Stdin != "null" || r.Terminal != nil || r.Strays != "" || r.DrainMs != nil || r.Started {
			return fail(codeInvalidArgument, "a detached command has no stdin, no terminal, and neither strays, drainMs nor started")
		}
		return r.validateExec()
	}
	if len(r.Argv) > 0 || len(r.ID) > 64 || r.ID == "" && r.Op != "detached" {
		return fail(codeInvalidArgument, "%s takes the id of a command", r.Op)
	}
	if r.Signal < 0 || r.Signal > 64 {
		return fail(codeInvalidArgument, "signal must be between 1 and 64")
	}
	if r.GraceMs < 0 || r.GraceMs > maxMs {
		return fail(codeInvalidArgument, "graceMs must be between 0 and %d", int64(maxMs))
	}
	return nil
}
