// gauge tells how fast a core was while something else was measured on it: some twenty times a second it does the same
// piece of work and takes the CPU time that this needed. Told to end by SIGTERM, it prints the mean, in microseconds.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"fairlead.dev/bench/load/internal/epoll"
)

const interval = 50 * time.Millisecond

// Half a megabyte, so that caches count as they do for an interpreter.
var table [1 << 16]uint64

func work() uint64 {
	sum := uint64(14695981039346656037) // FNV-1a
	for range 4 {
		for place := range table {
			sum = (sum ^ table[sum>>20&0xffff]) * 1099511628211
			if sum&7 == 0 {
				table[place] = sum
			}
		}
	}
	return sum
}

func main() {
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	ticks := time.NewTicker(interval)
	var total, count int64
	work()
	for {
		select {
		case <-stop:
			fmt.Println(total / max(count, 1) / 1000)
			return
		case <-ticks.C:
			began := epoll.ThreadCPU()
			work()
			total += epoll.ThreadCPU() - began
			count++
		}
	}
}
