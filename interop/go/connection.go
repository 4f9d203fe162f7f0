package bookend

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// The codes of a close of one's own will; SPEC section 6 has all.
const (
	CodeNormal    uint16 = 1000
	CodeGoingAway uint16 = 1001
)

const (
	maxWaiting  = 1 << 20 // bytes received that the application has not taken; more are left to the peer
	maxUnsent   = 1 << 16 // bytes that wait to be written, before Send waits
	maxAnswers  = 1 << 16 // bytes of the session's own that wait to be written, before no more is read
	messageCost = 256     // bytes that even an empty message takes
	pieceLength = 1 << 16 // bytes written at once
	stall       = 10 * time.Second
)

// Connection is a session that owns a net.Conn. Its methods may be called from any goroutine; one of them should always
// be in Receive, or about to be, for what the peer asks is answered there.
type Connection struct {
	stream net.Conn
	origin time.Time

	mutex   sync.Mutex    // guards everything below
	changed chan struct{} // closed, and another one made, when anything has changed
	session *Session
	timer   *time.Timer

	inbox   []arrival
	waiting int      // bytes in inbox
	urgent  [][]byte // frames of the session's own, and ERRORs, which overtake (R7.13)
	answers int      // bytes in urgent
	posted  [][]byte // frames of the application
	unsent  int      // bytes in both, and in the frame that is being written

	isPaused   bool // nothing is read
	pausedAt   time.Duration
	halfCloses bool // behind what waits to be written
	broken     error
	hasEnded   bool
	err        error // why it ended
	isOver     bool  // the stream is closed
}

// arrival is what waits for Receive: a message, an error that ends nothing, or a PONG to send.
type arrival struct {
	message Message
	err     error
	pong    []byte
	cost    int
}

// Dial connects and exchanges HELLOs.
func Dial(ctx context.Context, network, address string, hello Hello) (*Connection, error) {
	stream, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return Connect(ctx, stream, hello)
}

// Connect exchanges HELLOs as the client of a stream, of TLS for example, and owns it from then on.
func Connect(ctx context.Context, stream net.Conn, hello Hello, agreed ...Kind) (*Connection, error) {
	return begin(ctx, stream, Client, hello, agreed)
}

// Accept exchanges HELLOs as the server of a stream, and owns it from then on.
func Accept(ctx context.Context, stream net.Conn, hello Hello, agreed ...Kind) (*Connection, error) {
	return begin(ctx, stream, Server, hello, agreed)
}

func begin(ctx context.Context, stream net.Conn, role Role, hello Hello, agreed []Kind) (*Connection, error) {
	session, err := NewSession(role, hello, agreed...)
	if err != nil {
		stream.Close()
		return nil, err
	}
	c := &Connection{stream: stream, origin: time.Now(), changed: make(chan struct{}), session: session}
	c.timer = time.AfterFunc(stall, c.onTime)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.apply(session.Start(c.now()), false)
	c.settle()
	go c.readAll()
	go c.writeAll()
	// Whoever has been refused waits until its own last words are out (R7.7).
	for session.Peer() == nil && !c.isOver {
		if err := c.wait(ctx); err != nil {
			c.abort(err)
			return nil, err
		}
	}
	if session.Peer() == nil {
		return nil, c.ending()
	}
	return c, nil
}

// Peer returns the other side's HELLO; it is not to be changed.
func (c *Connection) Peer() *Hello {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.session.Peer()
}

// HasHub reports whether the hub profile is in force (R9.1).
func (c *Connection) HasHub() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.session.HasHub()
}

// Receive returns the next message, io.EOF once either side has closed normally, a *Fault or *PeerError if something
// else ended the connection. An *UnreadableError ends nothing, nor does the end of the context.
func (c *Connection) Receive(ctx context.Context) (Message, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for {
		for len(c.inbox) > 0 {
			next := c.inbox[0]
			c.inbox[0] = arrival{}
			c.inbox = c.inbox[1:]
			c.waiting -= next.cost
			if next.pong != nil && c.session.IsOpen() {
				c.answer(next.pong)
			}
			c.settle()
			if next.pong == nil {
				return next.message, next.err
			}
		}
		if c.hasEnded {
			return Message{}, c.ending()
		}
		if err := c.wait(ctx); err != nil {
			return Message{}, err
		}
	}
}

// Send sends a message, and waits while the peer does not read what was sent before. A *RefusedError or a *Fault
// says that the message must not be sent; the connection lives then.
func (c *Connection) Send(ctx context.Context, message Message) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for c.session.IsOpen() && c.unsent >= maxUnsent && c.broken == nil {
		if err := c.wait(ctx); err != nil {
			return err
		}
	}
	if c.broken != nil {
		return c.broken
	}
	actions, err := c.session.Send(message, c.now())
	if err != nil {
		return err
	}
	c.apply(actions, true)
	c.settle()
	return nil
}

// Post sends text in the encoding that the peer prefers, to a member of the room; 0: to everyone.
func (c *Connection) Post(ctx context.Context, text string, to uint32) error {
	payload, err := TextFor(text, c.Peer().Preferred)
	if err != nil {
		return err
	}
	return c.PostPayload(ctx, payload, to)
}

// PostPayload sends a payload as it is, to a member of the room; 0: to everyone.
func (c *Connection) PostPayload(ctx context.Context, payload Payload, to uint32) error {
	message := Message{Kind: KindMessage, Payload: payload}
	if to != 0 || c.HasHub() {
		message = Message{Kind: KindPost, To: to, Payload: payload}
	}
	return c.Send(ctx, message)
}

// Forget says that nobody waits for the answer to this request any more; 64 may be waited for (R3.16).
func (c *Connection) Forget(id uint32) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.session.Forget(id)
}

// Refuse answers a message that was received with an ERROR; the fault needs a name of SPEC section 6.
func (c *Connection) Refuse(ctx context.Context, message Message, fault *Fault) error {
	code, known := fault.Code()
	if !known {
		return &RefusedError{NewFault("protocol-error", fault.Name+" has no code")}
	}
	answer := Message{Kind: KindError, Frame: message.Number, Code: code, Payload: reasonText(fault.Reason(), UTF8)}
	if message.Kind == KindRequest {
		answer.ID = message.ID
	}
	return c.Send(ctx, answer)
}

// Close sends CLOSE behind what was sent, unless one was sent already, and waits until the stream is closed; when the
// context ends, it closes the stream at once.
func (c *Connection) Close(ctx context.Context, code uint16) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.apply(c.session.Close(code, c.now()), true)
	c.settle()
	for !c.isOver {
		if err := c.wait(ctx); err != nil {
			c.abort(err)
			return err
		}
	}
	return nil
}

// What goes on meanwhile; everything below but the loops' I/O holds the mutex

func (c *Connection) readAll() {
	buffer := make([]byte, pieceLength)
	for c.mayRead() {
		count, err := c.stream.Read(buffer)
		c.mutex.Lock()
		now := c.now()
		c.apply(c.session.Receive(buffer[:count], now), false)
		if err == io.EOF {
			c.apply(c.session.EndOfStream("", now), false)
		} else if err != nil {
			c.apply(c.session.EndOfStream(err.Error(), now), false)
		}
		c.settle()
		c.mutex.Unlock()
		if err != nil {
			return
		}
	}
}

// mayRead waits until there is room for what comes; false once the stream is closed.
func (c *Connection) mayRead() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for c.session.IsOpen() && !c.isOver && (c.waiting >= maxWaiting || c.answers >= maxAnswers) {
		if !c.isPaused {
			c.isPaused, c.pausedAt = true, c.now()
		}
		_ = c.wait(context.Background()) // which never ends
	}
	c.excuse()
	c.isPaused = false
	return !c.isOver
}

// excuse tells the session how long nothing was read.
func (c *Connection) excuse() {
	if c.isPaused {
		now := c.now()
		c.session.Excuse(now - c.pausedAt)
		c.pausedAt = now
	}
}

func (c *Connection) writeAll() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for !c.isOver && c.broken == nil {
		frame := c.nextFrame()
		if frame == nil && c.halfCloses {
			c.closeWrite()
			return // nothing follows a CLOSE
		}
		if frame == nil {
			_ = c.wait(context.Background()) // which never ends
			continue
		}
		for len(frame) > 0 && c.broken == nil {
			frame = frame[c.writePiece(frame):]
		}
		c.settle()
	}
}

// nextFrame takes a frame that waits to be written, or returns nil.
func (c *Connection) nextFrame() []byte {
	queue := &c.posted
	if len(c.urgent) > 0 {
		queue = &c.urgent
		c.answers -= len(c.urgent[0])
	}
	if len(*queue) == 0 {
		return nil
	}
	frame := (*queue)[0]
	(*queue)[0] = nil
	*queue = (*queue)[1:]
	return frame
}

// writePiece writes a part of a frame without holding the mutex, and returns its length.
func (c *Connection) writePiece(frame []byte) int {
	if len(frame) > pieceLength {
		frame = frame[:pieceLength]
	}
	c.mutex.Unlock()
	// What cannot have a deadline fails to write, or needs none.
	_ = c.stream.SetWriteDeadline(time.Now().Add(stall))
	count, err := c.stream.Write(frame)
	c.mutex.Lock()
	c.unsent -= count
	if count > 0 {
		c.session.Wrote(c.now())
	}
	stalled := errors.Is(err, os.ErrDeadlineExceeded)
	if err != nil && !(stalled && count > 0) {
		c.giveUpWriting(err)
		if stalled {
			c.apply(c.session.Abort(NewFault("slow-consumer", "no progress for "+stall.String())), false)
		}
		c.settle()
	}
	return count
}

// closeWrite closes the sending direction, where the stream has two.
func (c *Connection) closeWrite() {
	if half, is := c.stream.(interface{ CloseWrite() error }); is {
		c.mutex.Unlock()
		_ = half.CloseWrite() // the reader learns what is wrong with the stream
		c.mutex.Lock()
	}
}

// giveUpWriting drops what waits; what the peer said last may still be read.
func (c *Connection) giveUpWriting(err error) {
	c.broken = err
	c.urgent, c.posted, c.answers, c.unsent = nil, nil, 0, 0
}

func (c *Connection) onTime() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.isOver {
		return
	}
	c.excuse()
	c.apply(c.session.Tick(c.now()), false)
	c.settle()
}

// apply does what a session wants done; isOwn says that the application asked for it.
func (c *Connection) apply(actions []Action, isOwn bool) {
	for _, action := range actions {
		switch {
		case action.Write != nil:
			c.write(action.Write, isOwn)
		case action.Deliver != nil:
			cost := len(action.Frame.Body) + messageCost
			c.inbox = append(c.inbox, arrival{message: *action.Deliver, cost: cost})
			c.waiting += cost
		case action.Unreadable != nil:
			c.inbox = append(c.inbox, arrival{err: action.Unreadable, cost: messageCost})
			c.waiting += messageCost
		case action.HalfClose:
			c.halfCloses = true
			if !isOwn {
				c.dropPosted() // the CLOSE does not wait for them, and nothing follows it
			}
		case action.End != "":
			c.hasEnded, c.err = true, action.Err
		}
	}
}

func (c *Connection) write(frame []byte, isOwn bool) {
	switch kind := FrameOf(frame).Kind; {
	case kind == KindPong:
		c.pong(frame)
	case isOwn && kind != KindError: // which a PONG must not overtake (R3.10)
		c.post(frame)
	default:
		c.answer(frame)
	}
}

// pong says that what came before its PING was acted on (R3.10), so it goes behind that; of several the last will do (R3.9).
func (c *Connection) pong(frame []byte) {
	if last := len(c.inbox) - 1; last >= 0 && c.inbox[last].pong != nil {
		c.inbox[last].pong = frame
		return
	}
	c.inbox = append(c.inbox, arrival{pong: frame})
}

func (c *Connection) post(frame []byte) {
	if c.broken == nil {
		c.posted = append(c.posted, frame)
		c.unsent += len(frame)
	}
}

func (c *Connection) answer(frame []byte) {
	if c.broken == nil {
		c.urgent = append(c.urgent, frame)
		c.answers += len(frame)
		c.unsent += len(frame)
	}
}

func (c *Connection) dropPosted() {
	for _, frame := range c.posted {
		c.unsent -= len(frame)
	}
	c.posted = nil
}

// abort closes the stream at once.
func (c *Connection) abort(err error) {
	c.giveUpWriting(err)
	c.apply(c.session.Abort(NewFault("no-close", err.Error())), false)
	c.settle()
}

// settle does what follows from any change, and tells those who wait for one.
func (c *Connection) settle() {
	if !c.isOver && c.session.IsDone() && (c.broken != nil || c.unsent == 0) {
		c.isOver = true
		c.timer.Stop()
		c.stream.Close()
	}
	if at, is := c.session.Deadline(); is && !c.isOver {
		c.timer.Reset(at - c.now())
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// wait lets others work until something has changed.
func (c *Connection) wait(ctx context.Context) error {
	changed := c.changed
	c.mutex.Unlock()
	defer c.mutex.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ending returns why it is over.
func (c *Connection) ending() error {
	var peer *PeerError
	if c.err == nil || errors.As(c.err, &peer) && peer.Code == CodeNormal {
		return io.EOF
	}
	return c.err
}

func (c *Connection) now() time.Duration { return time.Since(c.origin) }
