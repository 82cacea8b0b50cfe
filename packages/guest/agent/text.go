package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// text is a name or an argument: bytes, which JSON carries as a string where they are UTF-8 and as { "base64": … } where
// they are not.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = text(s)
		return nil
	}
	var o struct {
		Base64 *string `json:"base64"`
	}
	if len(b) == 0 || b[0] != '{' || json.Unmarshal(b, &o) != nil || o.Base64 == nil {
		return errors.New(`a string or { "base64": "…" } is expected`)
	}
	raw, err := base64.StdEncoding.DecodeString(*o.Base64)
	if err != nil {
		return errors.New("invalid base64")
	}
	*t = text(raw)
	return nil
}

// appendText appends s as a JSON value in one of the two forms.
func appendText(b []byte, s string) []byte {
	if utf8.ValidString(s) {
		return appendString(b, s)
	}
	b = append(b, `{"base64":"`...)
	b = append(b, base64.StdEncoding.EncodeToString([]byte(s))...)
	return append(b, `"}`...)
}

// appendString appends s, which is UTF-8 (what is not becomes U+FFFD), as a JSON string.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// object builds a JSON object field by field, for what is sent too often, or is too large, for reflection.
type object struct{ b []byte }

// newObject starts one in a frame's buffer.
func newObject() *object { return &object{append(frame(384), '{')} }

func (o *object) key(name string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *object) string(name, value string) *object {
	o.key(name)
	o.b = appendString(o.b, value)
	return o
}

func (o *object) text(name, value string) *object {
	o.key(name)
	o.b = appendText(o.b, value)
	return o
}

func (o *object) int(name string, value int64) *object {
	o.key(name)
	o.b = strconv.AppendInt(o.b, value, 10)
	return o
}

func (o *object) uint(name string, value uint64) *object {
	o.key(name)
	o.b = strconv.AppendUint(o.b, value, 10)
	return o
}

func (o *object) bool(name string, value bool) *object {
	o.key(name)
	o.b = strconv.AppendBool(o.b, value)
	return o
}

func (o *object) null(name string) *object {
	o.key(name)
	o.b = append(o.b, "null"...)
	return o
}

// raw sets a value that is JSON already.
func (o *object) raw(name string, value []byte) *object {
	o.key(name)
	o.b = append(o.b, value...)
	return o
}

func (o *object) end() []byte { return append(o.b, '}') }
