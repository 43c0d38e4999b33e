package main

import (
	"syscall"

	"fairlead.dev/bench/load/internal/epoll"
)

// role is one provider that the mock plays. Its mode is one of
//
//	ok          it answers
//	500, 429    it answers so; a 429 comes with Retry-After: 30
//	reset       it resets the connection once the call has come
//	hang        it takes the call and never answers
//	closed      nobody listens on its port
//
// and a call may order for itself one of those but "closed", or (see stream.go)
//
//	fin, rst, errorevent    its stream ends so after half of its tokens
type role struct {
	server *server
	name   string
	port   int
	fd     int
	mode   string
	counts map[string]int
	plain  []byte
}

func (r *role) listen() error {
	fd, port, err := listenOn(r.port)
	if err != nil {
		return err
	}
	r.fd, r.port = fd, port
	r.server.listening[fd] = r
	r.server.poller.Add(fd, epoll.Readable)
	return nil
}

// setMode changes what is done to calls from now on; it says whether that could be done.
func (r *role) setMode(mode string) bool {
	was := r.mode
	r.mode = mode
	switch {
	case mode == "closed" && was != "closed":
		delete(r.server.listening, r.fd)
		syscall.Close(r.fd)
		for _, c := range r.server.conns {
			if c != nil && c.role == r {
				c.drop()
			}
		}
	case mode != "closed" && was == "closed":
		return r.listen() == nil
	}
	return true
}

func (r *role) accept() {
	for {
		fd, _, err := syscall.Accept4(r.fd, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		if fd >= descriptors {
			syscall.Close(fd)
			continue
		}
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
		r.counts["connections"]++
		r.server.conns[fd] = newConn(r, fd)
		r.server.poller.Add(fd, epoll.Readable)
	}
}
