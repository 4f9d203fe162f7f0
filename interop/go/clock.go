package bookend

import "time"

// The periods of SPEC sections 7 and 8.
const (
	helloPatience  = 5 * time.Second
	headerPatience = 5 * time.Second
	bodyPatience   = 5 * time.Second
	kibPatience    = time.Second // and so much more for each 1,024 bytes of length
	drainPatience  = 2 * time.Second
	never          = time.Duration(1<<63 - 1)
)

const (
	duePing  = "ping"
	dueDrain = "drain"
)

// due is something to be done at a time.
type due struct {
	at   time.Duration
	what string // duePing, dueDrain or the name of a fault
}

// clock says what is due when in a session (SPEC section 7). Times come from outside.
type clock struct {
	helloDue, headerDue, bodyDue, drainDue time.Duration
	idle, quiet                            time.Duration // longest silence of the peer, of this side
	heard, wrote                           time.Duration
}

func newClock(now time.Duration) clock {
	return clock{now + helloPatience, never, never, never, never, never, now, now}
}

// open begins the promises, keepalives in seconds; 0 = no promise. What is promised counts from now (R7.1).
func (c *clock) open(keepalive, peerKeepalive uint16, now time.Duration) {
	c.helloDue, c.wrote = never, now
	if keepalive > 0 {
		c.quiet = time.Duration(keepalive) * time.Second
	}
	if peerKeepalive > 0 {
		c.idle = 2 * time.Duration(peerKeepalive) * time.Second
	}
}

// close forgets everything but the end of the stream.
func (c *clock) close(now time.Duration) {
	c.helloDue, c.headerDue, c.bodyDue, c.idle, c.quiet = never, never, never, never, never
	c.drainDue = now + drainPatience
}

// frameBegins may be said again for the same frame, as may headerEnds; it changes nothing then.
func (c *clock) frameBegins(now time.Duration) {
	if c.headerDue == never {
		c.headerDue = now + headerPatience
	}
}

func (c *clock) headerEnds(length uint32, now time.Duration) {
	if c.bodyDue == never {
		share := time.Duration(length) * kibPatience / 1024
		c.bodyDue = now + bodyPatience + share.Truncate(time.Millisecond)
	}
}

func (c *clock) frameEnds() { c.headerDue, c.bodyDue = never, never }

// excuse says that the driver did not read for so long: the peer is not to blame.
func (c *clock) excuse(duration time.Duration) {
	c.heard += duration
	for _, at := range []*time.Duration{&c.helloDue, &c.headerDue, &c.bodyDue} {
		if *at != never {
			*at += duration
		}
	}
}

// next returns what is due first; its time is never if nothing is.
func (c *clock) next() due {
	first := due{at: never}
	for _, it := range c.dues() {
		if it.at < first.at {
			first = it
		}
	}
	return first
}

// overdue returns what is due now, a fault before a PING: whoever is gone need not be asked.
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
		{later(c.heard, c.idle), "idle"},
		{later(c.wrote, c.quiet), duePing},
	}
}

func later(at, period time.Duration) time.Duration {
	if period == never {
		return never
	}
	return at + period
}

// window admits so many events in any period.
type window struct {
	count  int
	period time.Duration
	times  []time.Duration
	spare  int // events that are admitted because they may have waited
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
