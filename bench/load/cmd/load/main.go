// load calls a gateway as applications do, understands what it streams back, and prints one JSON object.
//
// Closed loop (the default): each connection sends its next call when the last one has ended. Open loop (-rate): calls
// begin when they are due, on a free connection, and their latency counts from then.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"fairlead.dev/bench/load/internal/epoll"
)

const (
	descriptors = 1 << 16
	sweepEvery  = int64(200 * time.Millisecond)
)

type generator struct {
	settings settings
	poller   *epoll.Poller
	clients  []*client
	byFD     [descriptors]*client
	free     []*client // of an open loop
	late     []int64   // when calls were due for which no connection was free
	calls    [][]byte
	next     int
	begun    int // calls
	busy     int
	stopping bool
	endAt    int64
	tally    tally
	buffer   [1 << 18]byte
}

func main() {
	g := &generator{poller: epoll.New()}
	if err := g.settings.parse(flag.CommandLine, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	debug.SetGCPercent(800)
	g.calls = g.settings.render()
	for range g.settings.connections {
		g.clients = append(g.clients, newClient(g))
	}
	g.run()
	json.NewEncoder(os.Stdout).Encode(g.tally.report(g))
}

func (g *generator) run() {
	began := epoll.Now()
	g.tally.begin(began)
	g.endAt = began + int64(g.settings.seconds*1e9)
	lastAt := g.endAt + int64(g.settings.drain*1e9)
	started, due, swept := 0, began, began
	if g.settings.rate > 0 {
		g.free, started = append(g.free, g.clients...), len(g.clients)
	}
	for {
		now := epoll.Now()
		if now >= g.endAt || g.settings.calls > 0 && g.begun >= g.settings.calls {
			g.stopping = true
		}
		if g.stopping && (g.busy == 0 || now >= lastAt) {
			break
		}
		wait := int64(100 * time.Millisecond)
		for ; started < len(g.clients) && !g.stopping; started++ {
			at := began + int64(g.settings.ramp*1e9*float64(started)/float64(len(g.clients)))
			if at > now {
				wait = min(wait, at-now)
				break
			}
			g.clients[started].begin(now)
		}
		if g.settings.rate > 0 && !g.stopping {
			for ; due <= now; due += int64(1e9 / g.settings.rate) {
				g.callWhenFree(due)
			}
			wait = min(wait, due-now)
		}
		g.serve(max(min(wait, lastAt-now), 0))
		if now-swept > sweepEvery {
			swept = now
			g.sweep(now)
		}
	}
	g.tally.ended = min(epoll.Now(), lastAt)
	for _, c := range g.clients {
		if c.state == calling || c.state == connecting {
			g.tally.fail("unfinished")
		}
	}
}

func (g *generator) callWhenFree(due int64) {
	last := len(g.free) - 1
	if last < 0 {
		g.late = append(g.late, due)
		return
	}
	c := g.free[last]
	g.free = g.free[:last]
	c.begin(due)
}

func (g *generator) serve(wait int64) {
	for _, event := range g.poller.Wait(wait) {
		if c := g.byFD[event.Fd]; c != nil && event.Events&epoll.Writable != 0 {
			c.writable()
		}
		// Serving one event may have ended the connection.
		if c := g.byFD[event.Fd]; c != nil && event.Events&^uint32(epoll.Writable) != 0 {
			c.readable()
		}
	}
}

func (g *generator) sweep(now int64) {
	for _, c := range g.clients {
		if (c.state == calling || c.state == connecting) && now-c.due > int64(g.settings.timeout*1e9) {
			c.fail("timeout")
		}
	}
}

// follow decides what a client does after a call.
func (g *generator) follow(c *client) {
	g.busy--
	switch {
	case g.stopping || g.settings.calls > 0 && g.begun >= g.settings.calls:
	case g.settings.rate == 0:
		c.begin(epoll.Now())
	case len(g.late) > 0:
		due := g.late[0]
		g.late = g.late[1:]
		c.begin(due)
	default:
		g.free = append(g.free, c)
	}
}

// nextCall returns the bytes of a call; with many models they take turns.
func (g *generator) nextCall() []byte {
	call := g.calls[g.next]
	g.next = (g.next + 1) % len(g.calls)
	return call
}

func ownCPU() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
