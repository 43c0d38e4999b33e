package main

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"

	"fairlead.dev/bench/load/internal/epoll"
	"fairlead.dev/bench/load/internal/wire"
)

const (
	nowhere = -1
	frontOf = 1 << 16 // so much of a body's front, and so much of its end, may hold what we look for
	endOf   = 1 << 12
)

// conn is one connection of a gateway, and the call that it carries now.
type conn struct {
	role   *role
	fd     int
	parser wire.Parser
	outbox epoll.Outbox

	post  bool
	path  string
	close bool // the gateway wants the connection to end after this call
	front []byte
	end   []byte

	due    int64
	place  int // in server.waiting
	stream *stream
}

func newConn(r *role, fd int) *conn {
	c := &conn{role: r, fd: fd, place: nowhere}
	c.parser.To = c
	return c
}

func (c *conn) readable() {
	s := c.role.server
	count, errno := epoll.Read(c.fd, s.buffer[:])
	if errno == syscall.EAGAIN {
		return
	}
	if errno != 0 || count == 0 {
		if c.place != nowhere {
			c.role.counts["left"]++
		}
		c.drop()
		return
	}
	if _, err := c.parser.Feed(s.buffer[:count]); err != nil {
		c.role.counts["malformed"]++
		c.drop()
	}
}

func (c *conn) writable() {
	if !c.outbox.Flush(c.role.server.poller, c.fd) {
		c.drop()
	} else if c.outbox.Empty() && c.close && c.place == nowhere && c.parser.Idle() {
		c.drop()
	}
}

func (c *conn) drop() {
	s := c.role.server
	if s.conns[c.fd] != c {
		return
	}
	s.unschedule(c)
	s.conns[c.fd] = nil
	syscall.Close(c.fd)
}

func (c *conn) reset() {
	syscall.SetsockoptLinger(c.fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	c.drop()
}

func (c *conn) send(data []byte) bool {
	if !c.outbox.Send(c.role.server.poller, c.fd, data) {
		c.drop()
		return false
	}
	return true
}

// Head begins a call.
func (c *conn) Head(head *wire.Head) bool {
	method, rest, _ := bytes.Cut(head.First, []byte(" "))
	path, _, _ := bytes.Cut(rest, []byte(" "))
	c.post, c.path, c.close = string(method) == "POST", string(path), head.Close
	c.front, c.end = c.front[:0], c.end[:0]
	return true
}

// Data keeps the front and the end of a body: a large prompt is not read.
func (c *conn) Data(data []byte) bool {
	room := min(frontOf-len(c.front), len(data))
	c.front = append(c.front, data[:room]...)
	if data = data[room:]; len(data) > 0 {
		c.end = append(c.end, data[max(len(data)-endOf, 0):]...)
		if surplus := len(c.end) - endOf; surplus > 0 {
			c.end = append(c.end[:0], c.end[surplus:]...)
		}
	}
	return true
}

// End serves a call that has come whole; it says whether the connection still stands.
func (c *conn) End() bool {
	if c.post {
		c.call()
	} else {
		c.get()
	}
	return c.role.server.conns[c.fd] == c
}

func (c *conn) call() {
	counts := c.role.counts
	counts["calls"]++
	asked, fault := readOrder(c.front), c.role.mode
	if fault == "ok" && asked.fault != "" {
		fault = asked.fault
	}
	switch fault {
	case "500", "429":
		counts["refused"]++
		c.send(refusal(fault))
		return
	case "reset":
		counts["reset"]++
		c.reset()
		return
	case "hang":
		counts["hung"]++
		return
	}
	if c.has(`"stream":true`) || c.has(`"stream": true`) {
		counts["streams"]++
		c.begin(asked, fault, c.has("include_usage"))
		return
	}
	if asked.delay > 0 {
		c.role.server.schedule(c, epoll.Now()+asked.delay)
		return
	}
	c.answer()
}

func (c *conn) has(text string) bool {
	return bytes.Contains(c.front, []byte(text)) || bytes.Contains(c.end, []byte(text))
}

// proceed does what has become due.
func (c *conn) proceed(now int64) {
	if c.stream != nil {
		c.speak(now)
		return
	}
	c.role.server.unschedule(c)
	c.answer()
}

func (c *conn) answer() {
	c.role.counts["answered"]++
	c.finish(c.role.plain)
}

// finish sends the last bytes of an answer.
func (c *conn) finish(data []byte) {
	if c.send(data) && c.close && c.outbox.Empty() {
		c.drop()
	}
}

// get serves what a gateway may look at, and what the measurement steers by.
func (c *conn) get() {
	s := c.role.server
	path, query, _ := strings.Cut(c.path, "?")
	switch path {
	case "/stats":
		all := map[string]map[string]int{}
		for name, played := range s.roles {
			all[name] = played.counts
		}
		c.finish(jsonAnswer(200, all))
	case "/reset":
		for _, played := range s.roles {
			played.counts = map[string]int{}
		}
		c.finish(jsonAnswer(200, "ok"))
	case "/control":
		var name, mode string
		fmt.Sscanf(strings.NewReplacer("&", " ", "=", " ").Replace(query), "role %s mode %s", &name, &mode)
		if played := s.roles[name]; played == nil || !played.setMode(mode) {
			c.finish(jsonAnswer(404, "no such role"))
			return
		}
		c.finish(jsonAnswer(200, "ok"))
	default:
		c.role.counts["looked"]++
		c.finish(jsonAnswer(200, map[string]any{"object": "list", "data": []any{map[string]string{"id": "mock", "object": "model"}}}))
	}
}
