// Package wire reads HTTP/1.1 messages as their bytes come in: requests in the mock, answers in the generator.
//
// It trusts the other side as far as a measurement may: what is not HTTP/1.1 ends in ErrMalformed.
package wire

import (
	"bytes"
	"errors"
	"strconv"
)

// ErrMalformed says that the bytes are no HTTP/1.1 message.
var ErrMalformed = errors.New("not an HTTP/1.1 message")

// Head is the start of a message. Its bytes are valid until Head returns.
type Head struct {
	First       []byte // the request line or the status line
	Raw         []byte // the whole head
	ContentType []byte
	Close       bool // the sender ends the connection after this message
	length      int64
	chunked     bool
	continues   bool // a 1xx answer: the real one follows
}

// Receiver is told of a message's parts. Head returns false to give up the connection; so does Data.
type Receiver interface {
	Head(head *Head) bool
	Data(data []byte) bool
	End() bool
}

type state int

const (
	inHead state = iota
	inBody
	untilClose
	inChunkSize
	inChunk
	afterChunk
	inTrailer
)

// Parser cuts a stream of bytes into messages. Answers without a length last until the connection ends.
type Parser struct {
	To      Receiver
	Answers bool
	state   state
	line    []byte // a head, or a chunk's size, that has not come whole
	left    int64
}

// Reset makes the parser ready for a new connection.
func (p *Parser) Reset() { p.state, p.line, p.left = inHead, p.line[:0], 0 }

// Idle says whether no message has begun.
func (p *Parser) Idle() bool { return p.state == inHead && len(p.line) == 0 }

// Begun says whether the head of the present message has come.
func (p *Parser) Begun() bool { return p.state != inHead }

// Closed is to be called when the connection ends; it says whether that ended a message well.
func (p *Parser) Closed() bool {
	if p.state != untilClose {
		return false
	}
	p.state = inHead
	return p.To.End()
}

// Feed reads on. It returns false once the receiver has given up.
func (p *Parser) Feed(data []byte) (bool, error) {
	for len(data) > 0 {
		var rest []byte
		var more bool
		var err error
		switch p.state {
		case inHead:
			rest, more, err = p.head(data)
		case inBody, inChunk, untilClose:
			rest, more = p.body(data)
		default:
			rest, more, err = p.lines(data)
		}
		if err != nil || !more {
			return false, err
		}
		data = rest
	}
	return true, nil
}

func (p *Parser) head(data []byte) ([]byte, bool, error) {
	known := len(p.line)
	p.line = append(p.line, data...)
	from := max(known-3, 0)
	end := bytes.Index(p.line[from:], []byte("\r\n\r\n"))
	if end < 0 {
		return nil, true, nil
	}
	end += from + 4
	rest := data[end-known:]
	head, err := readHead(p.line[:end], p.Answers)
	if err != nil {
		return nil, false, err
	}
	p.line = p.line[:0]
	if head.continues {
		return rest, true, nil
	}
	p.left = head.length
	switch {
	case head.chunked:
		p.state = inChunkSize
	case head.length < 0:
		p.state = untilClose
	default:
		p.state = inBody
	}
	if !p.To.Head(&head) {
		return nil, false, nil
	}
	if p.state == inBody && p.left == 0 {
		p.state = inHead
		return rest, p.To.End(), nil
	}
	return rest, true, nil
}

func (p *Parser) body(data []byte) ([]byte, bool) {
	if p.state == untilClose {
		return nil, p.To.Data(data)
	}
	part := data[:min(int64(len(data)), p.left)]
	p.left -= int64(len(part))
	more := p.To.Data(part)
	if more && p.left == 0 {
		if p.state == inChunk {
			p.state = afterChunk
		} else {
			p.state = inHead
			more = p.To.End()
		}
	}
	return data[len(part):], more
}

// lines reads what stands between chunks: a size, the end of one, and the trailer after the last.
func (p *Parser) lines(data []byte) ([]byte, bool, error) {
	end := bytes.IndexByte(data, '\n')
	if end < 0 {
		p.line = append(p.line, data...)
		return nil, true, nil
	}
	p.line = append(p.line, data[:end]...)
	rest, line := data[end+1:], bytes.TrimRight(p.line, "\r ")
	p.line = p.line[:0]
	switch p.state {
	case afterChunk:
		p.state = inChunkSize
	case inTrailer:
		if len(line) == 0 {
			p.state = inHead
			return rest, p.To.End(), nil
		}
	default:
		size, _, _ := bytes.Cut(line, []byte(";"))
		var err error
		if p.left, err = strconv.ParseInt(string(size), 16, 64); err != nil {
			return nil, false, ErrMalformed
		}
		p.state = inChunk
		if p.left == 0 {
			p.state = inTrailer
		}
	}
	return rest, true, nil
}

func readHead(raw []byte, answer bool) (Head, error) {
	head := Head{Raw: raw}
	if answer {
		head.length = -1
	}
	first, lines, _ := bytes.Cut(raw, []byte("\r\n"))
	head.First = first
	if !bytes.Contains(first, []byte("HTTP/1.")) {
		return head, ErrMalformed
	}
	for len(lines) > 2 {
		var line []byte
		line, lines, _ = bytes.Cut(lines, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		// Most names are none of these: their length alone tells.
		switch len(name) {
		case len("connection"):
			if bytes.EqualFold(name, []byte("connection")) {
				head.Close = bytes.EqualFold(bytes.TrimSpace(value), []byte("close"))
			}
		case len("content-type"):
			if bytes.EqualFold(name, []byte("content-type")) {
				head.ContentType = bytes.TrimSpace(value)
			}
		case len("content-length"):
			if bytes.EqualFold(name, []byte("content-length")) {
				length, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
				if err != nil {
					return head, ErrMalformed
				}
				head.length = length
			}
		case len("transfer-encoding"):
			if bytes.EqualFold(name, []byte("transfer-encoding")) {
				head.chunked = bytes.Contains(bytes.ToLower(value), []byte("chunked"))
			}
		}
	}
	if answer && len(first) > 9 && first[9] == '1' {
		head.continues = true
	}
	return head, nil
}
