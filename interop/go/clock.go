package bookend

import "time"

// The periods of SPEC sections 7 and 8.
const (
	helloTimeout  = 5 * time.Second
	headerTimeout = 5 * time.Second
	bodyTimeout   = 5 * time.Second
	timePerKib    = time.Second // added to bodyTimeout for each 1,024 bytes of length
	drainTimeout  = 2 * time.Second
	never         = time.Duration(1<<63 - 1)
)

const (
	duePing  = "ping"
	dueDrain = "drain"
)

// due is a task and its time.
type due struct {
	at   time.Duration
	what string // duePing, dueDrain or the name of a fault
}

// clock holds the deadlines of a session (SPEC section 7). The caller passes the time in.
type clock struct {
	helloDue, headerDue, bodyDue, drainDue time.Duration
	idleTimeout, pingInterval              time.Duration // longest allowed silence of the peer, of this side
	lastReceived, lastSent                 time.Duration
}

func newClock(now time.Duration) clock {
	return clock{now + helloTimeout, never, never, never, never, never, now, now}
}

// open starts both keepalives, in seconds; 0 = no promise. They count from now (R7.1).
func (c *clock) open(keepalive, peerKeepalive uint16, now time.Duration) {
	c.helloDue, c.lastSent = never, now
	if keepalive > 0 {
		c.pingInterval = time.Duration(keepalive) * time.Second
	}
	if peerKeepalive > 0 {
		c.idleTimeout = 2 * time.Duration(peerKeepalive) * time.Second
	}
}

// close drops every deadline except the one for the end of the stream.
func (c *clock) close(now time.Duration) {
	c.helloDue, c.headerDue, c.bodyDue, c.idleTimeout, c.pingInterval = never, never, never, never, never
	c.drainDue = now + drainTimeout
}

// frameBegins starts the deadline of a header. A second call for the same frame changes nothing; the same holds for
// headerEnds.
func (c *clock) frameBegins(now time.Duration) {
	if c.headerDue == never {
		c.headerDue = now + headerTimeout
	}
}

func (c *clock) headerEnds(length uint32, now time.Duration) {
	if c.bodyDue == never {
		share := time.Duration(length) * timePerKib / 1024
		c.bodyDue = now + bodyTimeout + share.Truncate(time.Millisecond)
	}
}

func (c *clock) frameEnds() { c.headerDue, c.bodyDue = never, never }

// excuse extends the peer's deadlines by the time for which the driver did not read.
func (c *clock) excuse(duration time.Duration) {
	c.lastReceived += duration
	for _, at := range []*time.Duration{&c.helloDue, &c.headerDue, &c.bodyDue} {
		if *at != never {
			*at += duration
		}
	}
}

// next returns the earliest task; its time is never if there is none.
func (c *clock) next() due {
	first := due{at: never}
	for _, it := range c.dues() {
		if it.at < first.at {
			first = it
		}
	}
	return first
}

// overdue returns a task that is due now. Faults come before a PING: a dead peer needs no PING.
func (c *clock) overdue(now time.Duration) (due, bool) {
	first := due{at: never}
	for _, it := range c.dues() {
		if it.at <= now && it.what != duePing && it.at < first.at {
			first = it
		}
	}
	if first.at == never {
		first = c.next()
	}
	return first, first.at <= now
}

func (c *clock) dues() [5]due {
	frame := c.headerDue
	if c.bodyDue != never {
		frame = c.bodyDue
	}
	return [...]due{
		{c.drainDue, dueDrain},
		{c.helloDue, "hello-timeout"},
		{frame, "frame-timeout"},
		{later(c.lastReceived, c.idleTimeout), "idle"},
		{later(c.lastSent, c.pingInterval), duePing},
	}
}

func later(at, period time.Duration) time.Duration {
	if period == never {
		return never
	}
	return at + period
}

// window admits at most count events in any period.
type window struct {
	count  int
	period time.Duration
	times  []time.Duration
	spare  int // extra events to admit, because they may have waited unread
}

func (w *window) admits(now time.Duration) bool {
	if len(w.times) == w.count {
		if now-w.times[0] < w.period {
			if w.spare == 0 {
				return false
			}
			w.spare--
		}
		w.times = append(w.times[:0], w.times[1:]...)
	}
	w.times = append(w.times, now)
	return true
}

func (w *window) clear() { w.times = w.times[:0] }

func (w *window) excuse(duration time.Duration) {
	w.spare += int(duration * time.Duration(w.count) / w.period)
}
