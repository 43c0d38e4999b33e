// mock is a model provider that costs almost nothing: OpenAI's chat completions, plain and streamed, in one thread.
//
// It listens on one port for each role it plays and prints them as JSON. What a call gets is written into its prompt,
// which survives every gateway unchanged (see order.go); what a role does to every call is its mode (see modes.go).
//
//	GET /control?role=faulty&mode=429    GET /stats    GET /reset
package main

import (
	"container/heap"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"fairlead.dev/bench/load/internal/epoll"
)

const descriptors = 1 << 16

type server struct {
	poller    *epoll.Poller
	roles     map[string]*role
	listening map[int]*role // by descriptor
	conns     [descriptors]*conn
	waiting   waiting
	buffer    [1 << 18]byte
}

func main() {
	names := flag.String("roles", "ok", "what to play, a port each, separated by commas")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	debug.SetGCPercent(400)
	s := &server{poller: epoll.New(), roles: map[string]*role{}, listening: map[int]*role{}}
	ports := map[string]int{}
	for _, name := range strings.Split(*names, ",") {
		played := &role{server: s, name: name, mode: "ok", counts: map[string]int{}, plain: plainAnswer(name)}
		if err := played.listen(); err != nil {
			fmt.Fprintln(os.Stderr, "mock:", err)
			os.Exit(1)
		}
		s.roles[name] = played
		ports[name] = played.port
	}
	json.NewEncoder(os.Stdout).Encode(ports)
	for {
		s.turn()
	}
}

// turn serves what has come, then what is due.
func (s *server) turn() {
	limit := int64(-1)
	if len(s.waiting) > 0 {
		limit = max(s.waiting[0].due-epoll.Now(), 0)
	}
	for _, event := range s.poller.Wait(limit) {
		fd := int(event.Fd)
		if played := s.listening[fd]; played != nil {
			played.accept()
			continue
		}
		if c := s.conns[fd]; c != nil && event.Events&epoll.Writable != 0 {
			c.writable()
		}
		// Serving one event may have ended the connection.
		if c := s.conns[fd]; c != nil && event.Events&^uint32(epoll.Writable) != 0 {
			c.readable()
		}
	}
	now := epoll.Now()
	for len(s.waiting) > 0 && s.waiting[0].due <= now {
		s.waiting[0].proceed(now)
	}
}

// waiting orders the connections that have something to say later by when.
type waiting []*conn

func (w waiting) Len() int           { return len(w) }
func (w waiting) Less(i, j int) bool { return w[i].due < w[j].due }
func (w waiting) Swap(i, j int)      { w[i], w[j] = w[j], w[i]; w[i].place, w[j].place = i, j }

func (w *waiting) Push(each any) {
	c := each.(*conn)
	c.place = len(*w)
	*w = append(*w, c)
}

func (w *waiting) Pop() any {
	last := len(*w) - 1
	c := (*w)[last]
	*w = (*w)[:last]
	c.place = nowhere
	return c
}

// schedule wakes a connection at this time, instead of any other.
func (s *server) schedule(c *conn, due int64) {
	c.due = due
	if c.place == nowhere {
		heap.Push(&s.waiting, c)
	} else {
		heap.Fix(&s.waiting, c.place)
	}
}

func (s *server) unschedule(c *conn) {
	if c.place != nowhere {
		heap.Remove(&s.waiting, c.place)
	}
}

func listenOn(port int) (fd, bound int, err error) {
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, 0, err
	}
	if err = syscall.Listen(fd, 4096); err != nil {
		return 0, 0, err
	}
	address, err := syscall.Getsockname(fd)
	if err != nil {
		return 0, 0, err
	}
	return fd, address.(*syscall.SockaddrInet4).Port, nil
}
