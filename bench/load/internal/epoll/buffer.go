package epoll

import "syscall"

// Outbox holds what a socket could not take yet. The zero value is empty.
type Outbox struct {
	pending []byte
	waiting bool
}

// Send writes bytes to a socket, or keeps them until it takes more. It says whether the connection still stands.
func (o *Outbox) Send(p *Poller, fd int, data []byte) bool {
	if len(o.pending) == 0 {
		taken, ok := write(fd, data)
		if !ok {
			return false
		}
		data = data[taken:]
	}
	o.pending = append(o.pending, data...)
	o.watch(p, fd)
	return true
}

// Flush goes on where Send stopped, once the socket is writable again.
func (o *Outbox) Flush(p *Poller, fd int) bool {
	taken, ok := write(fd, o.pending)
	if !ok {
		return false
	}
	o.pending = o.pending[:copy(o.pending, o.pending[taken:])]
	o.watch(p, fd)
	return true
}

// Empty says whether everything has been handed to the kernel.
func (o *Outbox) Empty() bool { return len(o.pending) == 0 }

// Reset forgets a connection that has ended.
func (o *Outbox) Reset() { o.pending, o.waiting = o.pending[:0], false }

func (o *Outbox) watch(p *Poller, fd int) {
	if wanted := len(o.pending) > 0; wanted != o.waiting {
		o.waiting = wanted
		events := uint32(Readable)
		if wanted {
			events |= Writable
		}
		p.Change(fd, events)
	}
}

func write(fd int, data []byte) (taken int, ok bool) {
	for taken < len(data) {
		count, errno := Write(fd, data[taken:])
		if errno == syscall.EAGAIN {
			return taken, true
		}
		if errno != 0 {
			return taken, false
		}
		taken += count
	}
	return taken, true
}
