package org.bookend;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * One side of a connection, without a socket or a clock (SPEC section 7). Times are milliseconds from any origin. Each
 * method returns the actions that the driver must carry out, in order. Call {@link #start} first, and {@link #tick} at each
 * {@link #deadline}. Not thread-safe.
 */
public final class Session {
    public enum Role { CLIENT, SERVER }

    private enum State { GREETING, OPEN, CLOSING, CLOSED }

    private static final int MAX_PREAMBLE = 1024; // bytes before the server's first F5 (R4.21)
    private static final int DRAIN_BYTES = 1 << 16;
    private static final int BEFORE_HELLO = 4096;

    private final Role role;
    private final Hello hello;
    private final Set<Integer> agreed;
    private final Clock clock = new Clock();
    private final Clock.Window pings = new Clock.Window(10, 10_000);
    private final Clock.Window empties = new Clock.Window(1000, 1000);
    private final Decoder decoder = new Decoder(BEFORE_HELLO);
    private final Requests requests = new Requests();
    private final Set<ByteBuffer> unansweredPings = new HashSet<>(); // payloads of the application's unanswered PINGs
    private State state = State.GREETING;
    private Hello peer;
    private int skipped; // bytes before the first frame; -1 if none are skipped
    private long number; // of the next frame
    private long discarded;
    private Action.End end;
    private boolean endIsReported;

    /** `agreed` lists the private kinds (C0 to EF) that are delivered; the others are ignored. */
    public Session(Role role, Hello hello, Integer... agreed) {
        this.role = role;
        this.hello = hello.withClient(role == Role.CLIENT);
        this.agreed = Set.of(agreed);
        skipped = role == Role.CLIENT ? 0 : -1;
    }

    /** The other side's HELLO, or null before it has been accepted. */
    public Hello peer() {
        return peer;
    }

    /** Whether messages can be sent. */
    public boolean isOpen() {
        return state == State.OPEN;
    }

    /** Whether the session is over. The driver then closes the stream. */
    public boolean isDone() {
        return state == State.CLOSED;
    }

    /** Whether the hub profile is in force (R9.1). */
    public boolean hasHub() {
        return peer != null && peer.hub() && hello.hub();
    }

    /** Whether a REQUEST of this side with this id is unanswered. */
    public boolean asks(long id) {
        return requests.asks(id);
    }

    /** The time of the next tick, or Long.MAX_VALUE if nothing is due. */
    public long deadline() {
        return isDone() ? Clock.NEVER : clock.next();
    }

    private boolean reads() {
        return state == State.GREETING || state == State.OPEN;
    }

    // Events from the driver

    /** The stream is connected. */
    public List<Action> start(long now) {
        clock.start(now);
        return role == Role.CLIENT ? List.of(sendHello(now)) : List.of();
    }

    /** Bytes were received. An empty range does not count as activity of the peer. */
    public List<Action> receive(byte[] octets, int at, int count, long now) {
        List<Action> actions = new ArrayList<>();
        if (count > 0) clock.received(now);
        if (state == State.CLOSING) discard(count, actions);
        if (!reads()) return actions;
        try {
            feedAfterPreamble(octets, at, count);
            while (reads()) {
                Frame frame = nextFrame(now);
                if (frame == null) return actions;
                take(frame, now, actions);
            }
        } catch (Fault fault) {
            fail(fault, now, actions);
        }
        discard(decoder.unused(), actions);
        return actions;
    }

    /** No more bytes will arrive. */
    public List<Action> endOfStream(long now) {
        List<Action> actions = new ArrayList<>();
        if (reads() && decoder.pending() > 0) fail(new Fault("truncated", decoder.pending() + " bytes of a frame"), now, actions);
        else if (reads()) end = endOf(new Fault("no-close"));
        finish(actions);
        return actions;
    }

    /** The driver cannot continue and closes the stream without a CLOSE: none can follow a half-written frame (R7.14). */
    public List<Action> abort(Fault fault) {
        List<Action> actions = new ArrayList<>();
        if (end == null) end = endOf(fault);
        finish(actions);
        return actions;
    }

    /** Handles everything that is due. */
    public List<Action> tick(long now) {
        List<Action> actions = new ArrayList<>();
        while (!isDone()) {
            Clock.Due due = clock.overdue(now);
            if (due.time() > now) break;
            switch (due.what()) {
                case "drain" -> finish(actions);
                case "ping" -> actions.add(write(new Message.Ping(Payload.binary(new byte[0])), now));
                default -> fail(new Fault(due.what()), now, actions);
            }
        }
        return actions;
    }

    /** Extends the peer's deadlines by the time for which the driver did not read. */
    public void excuse(long duration) {
        clock.excuse(duration);
        pings.excuse(duration);
        empties.excuse(duration);
    }

    /** Bytes were written: a long frame in transit keeps the keepalive promise (R7.2). */
    public void wrote(long now) {
        clock.sent(now);
    }

    // Calls from the application

    /**
     * Sends a message of any kind except PONG and CLOSE, which the session sends itself. An ERROR with an id answers the peer's
     * REQUEST with this id, and the session writes the number of its frame. Throws, in the order of R7.18, malformed; Refused
     * not-open, unknown-kind, unexpected-kind, no-such-request, duplicate-request, try-later, encoding-refused;
     * unmappable-text; Refused too-long; then nothing was sent.
     */
    public List<Action> send(Message message, long now) {
        Frame frame = permit(message);
        requests.sent(message);
        if (message instanceof Message.Ping ping) unansweredPings.add(ByteBuffer.wrap(ping.payload().octets()));
        clock.sent(now);
        return List.of(new Action.Write(frame.encode()));
    }

    /** Sends CLOSE, unless one was sent already. If the reason is null, it is the first name of the code. */
    public List<Action> close(int code, String reason, long now) {
        List<Action> actions = new ArrayList<>();
        if (!reads()) return actions;
        String name = Fault.firstName(code);
        end = new Action.End(name.isEmpty() ? Integer.toString(code) : name, null);
        sendClose(code, reason == null ? name : reason, now, actions);
        return actions;
    }

    // Receiving

    /** Skips the bytes that a server sends before its first frame (R4.21). */
    private void feedAfterPreamble(byte[] octets, int at, int count) {
        int length = 0;
        if (skipped >= 0) {
            while (length < count && octets[at + length] != Frame.START[0]) length++;
            int allowed = MAX_PREAMBLE - skipped;
            if (length > allowed) {
                decoder.feed(octets, at + allowed, count - allowed);
                throw decoder.fail(new Fault("bad-start", "no F5 in " + (MAX_PREAMBLE + 1) + " bytes"), 1);
            }
            skipped = length == count ? skipped + length : -1;
        }
        decoder.feed(octets, at + length, count - length);
    }

    private Frame nextFrame(long now) {
        Decoder.Header header = decoder.header();
        if (header != null && state == State.GREETING) checkFirst(header.kind());
        Frame frame = decoder.next();
        if (frame != null) clock.frameEnds();
        else if (decoder.pending() > 0) clock.frameGrows(header == null ? -1 : header.length(), now);
        return frame;
    }

    /** Rejects anything but a HELLO or CLOSE before the frame is complete (R4.3, R4.7, R4.19). */
    private void checkFirst(int kind) {
        if (kind == Message.CLOSE) return;
        if (kind != Hello.KIND) {
            throw decoder.fail(new Fault("hello-expected", String.format("found kind %02x", kind)), Frame.HEADER_LENGTH);
        }
        byte[] body = decoder.body(Hello.PREFIX.length);
        int wrong = Hello.wrongPrefixAt(body);
        if (wrong >= 0) throw decoder.fail(Hello.wrongPrefix(body, wrong), Frame.HEADER_LENGTH + wrong + 1);
    }

    private void take(Frame frame, long now, List<Action> actions) {
        long current = number;
        number = number + 1 & 0xFFFFFFFFL;
        if (state == State.GREETING && frame.kind() == Hello.KIND) {
            if (frame.encoding() != TextEncoding.BINARY) {
                throw new Fault("malformed", "HELLO in encoding " + frame.encoding().ordinal());
            }
            Hello other = Hello.parse(frame.body());
            if (other.client() && role == Role.CLIENT) {
                throw new Fault("two-clients", "the other side is a client too, or sends this HELLO back");
            }
            peer = other;
            state = State.OPEN;
            decoder.setLimit(hello.maxBody());
            clock.open(hello.keepalive(), peer.keepalive(), now);
            if (role == Role.SERVER) actions.add(sendHello(now));
            return;
        }
        checkFlood(frame, now);
        checkKind(frame.kind());
        Message message;
        try {
            message = Message.parse(frame, agreed);
        } catch (Fault fault) {
            if (!fault.name().equals("bad-text")) throw fault;
            answerBadText(frame, current, fault, now, actions);
            return;
        }
        if (message != null) act(message, current, frame, now, actions);
    }

    private void checkFlood(Frame frame, long now) {
        if (frame.kind() == 0x06) {
            if (!pings.admits(now)) throw new Fault("ping-flood");
        } else if (frame.kind() != Message.PONG) {
            pings.clear();
        }
        if (frame.body().length == 0 && !empties.admits(now)) throw new Fault("empty-flood");
    }

    private void checkKind(int kind) {
        if (kind == Hello.KIND) throw new Fault("second-hello");
        if (!Message.isHub(kind)) return;
        if (!hasHub()) throw new Fault("unknown-kind", String.format("%02x without the hub profile", kind));
        if (kind == Message.POST != (role == Role.SERVER)) {
            throw new Fault("unexpected-kind", String.format("%02x to a %s", kind, role));
        }
    }

    private void act(Message message, long current, Frame frame, long now, List<Action> actions) {
        if (message instanceof Message.Close close) {
            end = new Action.End("peer-" + close.code(), new Fault.PeerClosed(close.code(), close.payload().text()));
            sendClose(close.code(), "", now, actions);
            reportEnd(actions);
            return;
        }
        if (message instanceof Message.Ping ping) {
            actions.add(write(new Message.Pong(ping.payload()), now));
            return;
        }
        if (message instanceof Message.Pong pong) {
            if (!unansweredPings.remove(ByteBuffer.wrap(pong.payload().octets()))) return; // R3.11
        } else if (message instanceof Message.Error error) {
            requests.answer(error.id());
        } else if (message instanceof Message.Cancel cancel) {
            Long asking = requests.cancel(cancel.id());
            if (asking == null) return; // R3.24
            actions.add(sendError(cancel.id(), asking, new Fault("cancelled"), now));
        } else if (!hello.accepts(frame.encoding())) {
            answerBadText(frame, current, null, now, actions);
            return;
        } else if (message instanceof Message.Reply reply) {
            if (!requests.answer(reply.id())) return; // R3.14
        } else if (message instanceof Message.Request request) {
            if (!owe(request.id(), current, now, actions)) return;
        }
        actions.add(new Action.Deliver(message, current, frame));
    }

    private boolean owe(long id, long current, long now, List<Action> actions) {
        if (requests.owe(id, current, hello)) return true;
        actions.add(sendError(id, current, new Fault("try-later", "too many requests are unanswered"), now));
        return false;
    }

    /** Answers illegal text or a refused encoding. The frame was whole, so the connection stays open (R5.8, R5.11). */
    private void answerBadText(Frame frame, long current, Fault found, long now, List<Action> actions) {
        Fault fault = hello.accepts(frame.encoding()) ? found
                : new Fault("encoding-refused", "encoding " + frame.encoding().ordinal());
        boolean hasId = frame.kind() == 0x03 || frame.kind() == 0x04;
        long id = hasId ? ByteBuffer.wrap(frame.body()).getInt() & 0xFFFFFFFFL : 0;
        if (frame.kind() != 0x04) {
            requests.checkNew(id);
            actions.add(sendError(id, current, fault, now));
        } else if (requests.answer(id)) {
            // A reply never provokes a reply (R3.20): the fault is reported on this side.
            actions.add(new Action.Unreadable(new Fault.Unreadable(id, fault)));
        }
    }

    // Sending

    /** The frame of a message that this session may send; the checks are in the order of R7.18. */
    private Frame permit(Message message) {
        message.check();
        permitKind(message.kind());
        requests.permit(message, peer);
        TextEncoding encoding = message.payload().encoding();
        if (!peer.accepts(encoding)) throw new Fault.Refused("encoding-refused", "the peer does not accept " + encoding);
        Frame frame = message.toFrame();
        if (message instanceof Message.Error error && error.id() != 0) { // R3.17
            frame = new Message.Error(error.id(), requests.frameOf(error.id()), error.code(), error.payload()).toFrame();
        }
        if (frame.body().length > peer.maxBody()) {
            throw new Fault.Refused("too-long", frame.body().length + " bytes, the peer accepts " + peer.maxBody());
        }
        if (message instanceof Message.Error && frame.body().length > Message.ERROR_FIXED + Fault.MAX_REASON) {
            throw new Fault.Refused("too-long", "a reason has at most " + Fault.MAX_REASON + " bytes");
        }
        return frame;
    }

    /** Throws Refused not-open, unknown-kind or unexpected-kind if this kind must not be sent, whatever the message. */
    void permitKind(int kind) {
        if (!isOpen()) throw new Fault.Refused("not-open", "the session is not open");
        if (kind == Hello.KIND || kind == Message.PONG || kind == Message.CLOSE) {
            throw new Fault.Refused("unexpected-kind", "only the session itself sends HELLO, PONG and CLOSE");
        }
        if (!Message.isListed(kind)) {
            throw new Fault.Refused("unknown-kind", String.format("%02x is not a kind of an application", kind));
        }
        if (!Message.isHub(kind)) return;
        if (!hasHub()) throw new Fault.Refused("unknown-kind", String.format("%02x without the hub profile", kind));
        if ((kind == Message.POST) != (role == Role.CLIENT)) {
            throw new Fault.Refused("unexpected-kind", String.format("%02x from a %s", kind, role));
        }
    }

    private Action write(Message message, long now) {
        clock.sent(now);
        return new Action.Write(message.toFrame().encode());
    }

    private Action sendHello(long now) {
        clock.sent(now);
        return new Action.Write(new Frame(Hello.KIND, TextEncoding.BINARY, hello.body()).encode());
    }

    private Action sendError(long id, long current, Fault fault, long now) {
        TextEncoding wanted = peer.preferred() == TextEncoding.BINARY ? TextEncoding.ASCII : peer.preferred();
        Payload reason = Message.reason(fault.getMessage(), wanted);
        return write(new Message.Error(id, current, fault.code(), reason), now);
    }

    private void sendClose(int code, String reason, long now, List<Action> actions) {
        actions.add(write(new Message.Close(code, Message.reason(reason, TextEncoding.ASCII)), now));
        actions.add(new Action.HalfClose());
        clock.close(now);
        state = State.CLOSING;
    }

    // Ending

    private void fail(Fault fault, long now, List<Action> actions) {
        end = endOf(fault);
        sendClose(fault.code(), fault.getMessage(), now, actions);
    }

    private void discard(long count, List<Action> actions) {
        discarded += count;
        if (discarded >= DRAIN_BYTES) finish(actions);
    }

    private void finish(List<Action> actions) {
        state = State.CLOSED;
        reportEnd(actions);
    }

    private void reportEnd(List<Action> actions) {
        if (end == null || endIsReported) return;
        endIsReported = true;
        actions.add(end);
    }

    private static Action.End endOf(Fault fault) {
        return new Action.End(fault.name(), fault);
    }
}
