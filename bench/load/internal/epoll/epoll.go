// Package epoll waits for many sockets in one thread, with deadlines in nanoseconds.
//
// The mock and the generator share one core and must never be what is measured. A goroutine for each connection would
// cost them several times as much.
package epoll

import (
	"syscall"
	"unsafe"
)

// What can be waited for.
const (
	Readable = syscall.EPOLLIN
	Writable = syscall.EPOLLOUT
)

const epollPwait2 = 441 // linux/unistd.h; the syscall package does not name it

// Poller is one epoll instance.
type Poller struct {
	fd     int
	events [512]syscall.EpollEvent
}

// New makes a Poller; it panics where the system has none to give.
func New() *Poller {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		panic(err)
	}
	return &Poller{fd: fd}
}

// Add begins to watch a descriptor; Change replaces what is watched. Closing a descriptor ends its watch.
func (p *Poller) Add(fd int, events uint32)    { p.control(syscall.EPOLL_CTL_ADD, fd, events) }
func (p *Poller) Change(fd int, events uint32) { p.control(syscall.EPOLL_CTL_MOD, fd, events) }

func (p *Poller) control(operation, fd int, events uint32) {
	event := syscall.EpollEvent{Events: events, Fd: int32(fd)}
	if err := syscall.EpollCtl(p.fd, operation, fd, &event); err != nil {
		panic(err)
	}
}

// Wait returns what has happened, after at most this many nanoseconds (negative: it waits for ever).
func (p *Poller) Wait(nanoseconds int64) []syscall.EpollEvent {
	var limit *syscall.Timespec
	if nanoseconds >= 0 {
		limit = &syscall.Timespec{Sec: nanoseconds / 1e9, Nsec: nanoseconds % 1e9}
	}
	call := syscall.Syscall6
	if nanoseconds == 0 {
		call = syscall.RawSyscall6 // it cannot block, so the scheduler need not know
	}
	count, _, errno := call(epollPwait2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)),
		uintptr(unsafe.Pointer(limit)), 0, 0)
	if errno != 0 {
		return nil
	}
	return p.events[:count]
}

// Read and Write are for sockets that never block: they do not tell Go's scheduler, which saves a microsecond each.
func Read(fd int, into []byte) (int, syscall.Errno) {
	count, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&into[0])), uintptr(len(into)))
	return int(count), errno
}

// Write sends without SIGPIPE. The bytes must not be empty.
func Write(fd int, from []byte) (int, syscall.Errno) {
	count, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&from[0])),
		uintptr(len(from)), syscall.MSG_NOSIGNAL, 0, 0)
	return int(count), errno
}

// Now is CLOCK_MONOTONIC in nanoseconds: the same clock in every process of this machine, so that a time which one of
// them stamps into a token tells another how long the token was on its way.
func Now() int64 { return clock(1) }

// ThreadCPU is what this thread has run for, in nanoseconds.
func ThreadCPU() int64 { return clock(3) }

func clock(which uintptr) int64 {
	var now syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, which, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}
