package wire

import (
	"fmt"
	"testing"
)

type recorder struct{ seen []string }

func (r *recorder) Head(head *Head) bool { r.note("head " + string(head.First)); return true }
func (r *recorder) End() bool            { r.note("end"); return true }

func (r *recorder) Data(data []byte) bool {
	if last := len(r.seen) - 1; last >= 0 && r.seen[last][:4] == "data" {
		r.seen[last] += string(data)
		return true
	}
	r.note("data " + string(data))
	return true
}

func (r *recorder) note(what string) { r.seen = append(r.seen, what) }

const requests = "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello" +
	"POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n" +
	"GET /c HTTP/1.1\r\n\r\n"

func TestRequestsAreCutAlikeWhereverTheirBytesAreSplit(t *testing.T) {
	want := "[head POST /a HTTP/1.1 data hello end head POST /b HTTP/1.1 data abcde end head GET /c HTTP/1.1 end]"
	for size := 1; size <= len(requests); size++ {
		to := &recorder{}
		parser := Parser{To: to}
		for at := 0; at < len(requests); at += size {
			if ok, err := parser.Feed([]byte(requests[at:min(at+size, len(requests))])); !ok || err != nil {
				t.Fatal(size, ok, err)
			}
		}
		if got := fmt.Sprint(to.seen); got != want {
			t.Fatalf("in pieces of %d: %s", size, got)
		}
	}
}

func TestAnAnswerWithoutLengthLastsUntilTheConnectionEnds(t *testing.T) {
	to := &recorder{}
	parser := Parser{To: to, Answers: true}
	parser.Feed([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nall of it"))
	if !parser.Closed() || fmt.Sprint(to.seen) != "[head HTTP/1.1 200 OK data all of it end]" {
		t.Fatal(to.seen)
	}
}

func TestWhatIsNotHttpIsRefused(t *testing.T) {
	parser := Parser{To: &recorder{}}
	if _, err := parser.Feed([]byte("hello\r\n\r\n")); err == nil {
		t.Fatal("taken")
	}
}
