package main

import (
	"bytes"
	"strconv"
)

const frontOf = 2048 // so much of a plain answer is looked at

// answer is what has come of a call so far.
type answer struct {
	status   int
	streamed bool
	arrives  int64 // when the bytes that are being read came
	partial  []byte
	tokens   int
	errors   int
	done     bool
	servedBy string
}

var (
	tokenMark  = []byte("~T")
	servedMark = []byte("served-by=")
	doneMark   = []byte("[DONE]")
	errorMark  = []byte(`{"error"`)
)

const stampDigits = 16

func (a *answer) reset() { *a = answer{partial: a.partial[:0]} }

func (a *answer) keep(data []byte) {
	a.partial = append(a.partial, data[:min(len(data), frontOf-len(a.partial))]...)
}

// readEvents looks at each line of a stream once, however it is cut into pieces.
func (a *answer) readEvents(data []byte, due int64, t *tally) {
	for {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			a.partial = append(a.partial, data...)
			return
		}
		line := data[:end]
		if len(a.partial) > 0 {
			a.partial = append(a.partial, line...)
			line = a.partial
		}
		a.readLine(line, due, t)
		a.partial = a.partial[:0]
		data = data[end+1:]
	}
}

func (a *answer) readLine(line []byte, due int64, t *tally) {
	found := false
	for rest := line; ; found = true {
		at := bytes.Index(rest, tokenMark)
		if at < 0 || len(rest) < at+len(tokenMark)+stampDigits {
			break
		}
		rest = rest[at+len(tokenMark):]
		stamp, err := strconv.ParseInt(string(rest[:stampDigits]), 10, 64)
		if err != nil {
			break
		}
		a.tokens++
		t.token(a.arrives - (stamp-1e15)*1000)
		if a.tokens == 1 {
			t.firsts.Add(a.arrives - due)
			a.servedBy = servedBy(line)
		}
	}
	if found {
		return
	}
	if bytes.Contains(line, doneMark) {
		a.done = true
	}
	if bytes.Contains(line, errorMark) {
		a.errors++
	}
}

// provider returns which role of the mock has answered.
func (a *answer) provider() string {
	if a.servedBy == "" && !a.streamed {
		a.servedBy = servedBy(a.partial)
	}
	return a.servedBy
}

func servedBy(text []byte) string {
	_, text, _ = bytes.Cut(text, servedMark)
	name, _, _ := bytes.Cut(text, []byte(" "))
	return string(name)
}
