package main

import (
	"bytes"
	"strconv"
	"syscall"

	"fairlead.dev/bench/load/internal/epoll"
	"fairlead.dev/bench/load/internal/wire"
)

type phase int

const (
	unconnected phase = iota
	connecting
	connected // and between calls
	calling
)

const notConnected = "not connected"

// client is one connection of an application, made again whenever it has ended.
type client struct {
	generator *generator
	fd        int
	state     phase
	parser    wire.Parser
	outbox    epoll.Outbox
	served    int // calls on this connection
	call      []byte
	due       int64
	close     bool // the gateway ends the connection after this answer
	answer    answer
}

func newClient(g *generator) *client {
	c := &client{generator: g}
	c.parser = wire.Parser{To: c, Answers: true}
	return c
}

// begin makes the next call, which was due then.
func (c *client) begin(due int64) {
	c.generator.busy++
	c.generator.begun++
	c.due, c.call = due, c.generator.nextCall()
	c.attempt()
}

func (c *client) attempt() {
	c.answer.reset()
	c.close = false
	if c.state == connected {
		c.state = calling
		c.send()
		return
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil || fd >= descriptors {
		panic("no more sockets: raise the limit of open files")
	}
	syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	c.fd, c.state, c.served = fd, connecting, 0
	if err = syscall.Connect(fd, &c.generator.settings.address); err != nil && err != syscall.EINPROGRESS {
		c.fail(notConnected)
		return
	}
	c.generator.byFD[fd] = c
	c.generator.poller.Add(fd, epoll.Readable|epoll.Writable)
}

func (c *client) send() {
	if !c.outbox.Send(c.generator.poller, c.fd, c.call) {
		c.lost("reset")
	}
}

func (c *client) writable() {
	if c.state == connecting {
		if errno, _ := syscall.GetsockoptInt(c.fd, syscall.SOL_SOCKET, syscall.SO_ERROR); errno != 0 {
			c.fail(notConnected)
			return
		}
		c.state = calling
		c.generator.poller.Change(c.fd, epoll.Readable)
		c.send()
		return
	}
	if !c.outbox.Flush(c.generator.poller, c.fd) {
		c.lost("reset")
	}
}

func (c *client) readable() {
	count, errno := epoll.Read(c.fd, c.generator.buffer[:])
	switch {
	case errno == syscall.EAGAIN:
	case errno != 0:
		c.lost("reset")
	case count == 0:
		c.lost("closed")
	case c.state != calling:
		c.disconnect() // bytes that nobody asked for
	default:
		c.answer.arrives = epoll.Now()
		if _, err := c.parser.Feed(c.generator.buffer[:count]); err != nil {
			c.fail("malformed")
		}
	}
}

// lost deals with the end of a connection, whatever it meant.
func (c *client) lost(why string) {
	c.close = true
	switch {
	case c.state == connecting:
		c.fail(notConnected)
	case c.state != calling:
		c.disconnect()
	case why == "closed" && c.parser.Closed():
	case c.parser.Idle() && c.served > 0:
		// A kept connection that the gateway had closed: sent again on a new one, as clients do.
		c.disconnect()
		c.generator.tally.resent++
		c.attempt()
	case c.parser.Begun():
		c.fail(why + " in the body")
	default:
		c.fail(why)
	}
}

func (c *client) disconnect() {
	if c.state != unconnected {
		c.generator.byFD[c.fd] = nil
		syscall.Close(c.fd)
	}
	c.state = unconnected
	c.outbox.Reset()
	c.parser.Reset()
}

func (c *client) fail(why string) {
	c.generator.tally.fail(why)
	c.generator.tally.note(c, false)
	c.disconnect()
	if why == notConnected {
		c.generator.stopping = true // nobody is there: to go on would only spin
	}
	c.generator.follow(c)
}

// Head begins an answer.
func (c *client) Head(head *wire.Head) bool {
	c.close = head.Close
	c.answer.status, _ = strconv.Atoi(string(head.First[9:min(12, len(head.First))]))
	c.answer.streamed = bytes.Contains(head.ContentType, []byte("event-stream"))
	return true
}

// Data reads on in an answer.
func (c *client) Data(data []byte) bool {
	if c.answer.streamed {
		c.answer.readEvents(data, c.due, &c.generator.tally)
	} else {
		c.answer.keep(data)
	}
	return true
}

// End books a call whose answer has come whole; it says whether the connection still stands.
func (c *client) End() bool {
	c.served++
	c.state = connected
	c.generator.tally.note(c, true)
	if c.close {
		c.disconnect()
	}
	fd := c.fd
	c.generator.follow(c)
	return c.generator.byFD[fd] == c
}
