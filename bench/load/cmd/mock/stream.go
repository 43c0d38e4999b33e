package main

import (
	"strconv"

	"fairlead.dev/bench/load/internal/epoll"
)

// stream is an answer that is being spoken.
type stream struct {
	order
	said  int
	usage bool
	end   string // "" well, or the fault after half of the tokens
}

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n" +
	"x-request-id: req_mock\r\nTransfer-Encoding: chunked\r\n\r\n"

// Each event is long enough to be like a real one: about 200 bytes.
const (
	eventHead = `data: {"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1760000000,"model":"mock",` +
		`"service_tier":"default","choices":[`
	opener    = eventHead + `{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n"
	tokenHead = eventHead + `{"index":0,"delta":{"content":"`
	tokenTail = ` "},"finish_reason":null}]}` + "\n\n"
	stop      = eventHead + `{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	done      = "data: [DONE]\n\n"
	complaint = `data: {"error":{"message":"overloaded","type":"server_error","code":"overloaded"}}` + "\n\n"
	lastChunk = "0\r\n\r\n"
)

func (c *conn) begin(asked order, fault string, usage bool) {
	c.stream = &stream{order: asked, usage: usage}
	if fault != "ok" {
		c.stream.end = fault
	}
	if c.send(append([]byte(streamHead), chunk([]byte(opener))...)) {
		c.role.server.schedule(c, epoll.Now()+asked.gap)
	}
}

// speak says every token that is due, in one write.
func (c *conn) speak(now int64) {
	s, counts := c.stream, c.role.counts
	var out []byte
	for c.due <= now && s.said < s.tokens {
		if s.end != "" && s.said == s.tokens/2 {
			c.breakOff(out)
			return
		}
		text := strconv.AppendInt(append([]byte(tokenHead), "~T"...), 1e15+now/1000, 10)
		if s.said == 0 {
			text = append(append(append(text, " served-by="...), c.role.name...), ' ')
		}
		out = append(out, chunk(append(text, tokenTail...))...)
		s.said++
		counts["tokens"]++
		c.due += s.gap
	}
	if s.said < s.tokens {
		if c.send(out) {
			c.role.server.schedule(c, c.due)
		}
		return
	}
	counts["streams_ended"]++
	out = append(out, chunk([]byte(stop))...)
	if s.usage {
		out = append(out, chunk(usageEvent(s.tokens))...)
	}
	c.fall()
	c.finish(append(append(out, chunk([]byte(done))...), lastChunk...))
}

// breakOff ends a stream as it was ordered to end.
func (c *conn) breakOff(out []byte) {
	end := c.stream.end
	c.role.counts["broken"]++
	c.fall()
	if end == "errorevent" {
		c.send(append(append(out, chunk([]byte(complaint))...), lastChunk...))
		return
	}
	if len(out) > 0 && !c.send(out) {
		return
	}
	if end == "rst" {
		c.reset()
	} else {
		c.drop()
	}
}

// fall ends what the connection was saying.
func (c *conn) fall() {
	c.role.server.unschedule(c)
	c.stream = nil
}
