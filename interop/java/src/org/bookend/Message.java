package org.bookend;

import java.io.ByteArrayOutputStream;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.Set;

/** A decoded frame (SPEC sections 3 and 9). A u32 is a long. A u64 is a long to be read as unsigned. */
public sealed interface Message {
    /** MESSAGE. */
    record Plain(Payload payload) implements Message {}

    record Request(long id, Payload payload) implements Message {}

    record Reply(long id, Payload payload) implements Message {}

    /** ERROR. `id` is that of a REQUEST or 0; `frame` is the number of the frame that it answers. */
    record Error(long id, long frame, int code, Payload payload) implements Message {}

    record Ping(Payload payload) implements Message {}

    record Pong(Payload payload) implements Message {}

    record Close(int code, Payload payload) implements Message {}

    record Welcome(long member, long seq, Payload payload) implements Message {}

    /** `event` is 0 here, 1 joined, 2 left or 3 crowd. With 3, `member` is the number of members in the room. */
    record Presence(long member, int event, Payload payload) implements Message {}

    /** `to` is the number of a member, or 0 for everyone. */
    record Post(long to, Payload payload) implements Message {}

    record Delivery(long from, long to, long seq, long time, String name, Payload payload) implements Message {}

    record Gap(long missed) implements Message {
        @Override
        public Payload payload() {
            return Payload.binary(new byte[0]);
        }
    }

    /** Cancels the REQUEST with this id. A received one has been answered by the session (R3.23). */
    record Cancel(long id) implements Message {
        @Override
        public Payload payload() {
            return Payload.binary(new byte[0]);
        }
    }

    /** A message of a private kind, C0 to EF, whose meaning the applications have agreed on (R3.7). */
    record Private(int kind, Payload payload) implements Message {
        /** Throws unknown-kind for any other kind. */
        public Private {
            if (!isPrivate(kind)) throw new Fault("unknown-kind", String.format("%02x is not private", kind));
        }
    }

    int CLOSE = 0x08;
    int PONG = 0x07;
    int POST = 0x12;
    int CANCEL = 0x81;
    int MAX_PING = 64; // bytes
    int MAX_NAME = 64;
    int ERROR_FIXED = 10; // bytes before the reason
    int CLOSE_FIXED = 2;

    /** Also a reason, a greeting, or the name in a PRESENCE. */
    Payload payload();

    static boolean isHub(int kind) {
        return kind >= 0x10 && kind <= 0x14;
    }

    static boolean isPrivate(int kind) {
        return kind >= 0xC0 && kind <= 0xEF;
    }

    /** Whether the kind is in the table of section 3, without HELLO, or private. */
    static boolean isListed(int kind) {
        return isPrivate(kind) || isKnown(kind);
    }

    private static boolean isKnown(int kind) {
        return kind >= 0x02 && kind <= 0x08 || isHub(kind) || kind == CANCEL;
    }

    /** The byte of the kind on the wire. */
    default int kind() {
        if (this instanceof Plain) return 0x02;
        if (this instanceof Request) return 0x03;
        if (this instanceof Reply) return 0x04;
        if (this instanceof Error) return 0x05;
        if (this instanceof Ping) return 0x06;
        if (this instanceof Pong) return PONG;
        if (this instanceof Close) return CLOSE;
        if (this instanceof Welcome) return 0x10;
        if (this instanceof Presence) return 0x11;
        if (this instanceof Post) return POST;
        if (this instanceof Delivery) return 0x13;
        if (this instanceof Gap) return 0x14;
        if (this instanceof Cancel) return CANCEL;
        return ((Private) this).kind();
    }

    /**
     * Decodes a frame, with the hub profile in force. Returns null if the kind must be ignored (R3.6). Throws unknown-kind,
     * malformed or bad-text.
     */
    static Message parse(Frame frame, Set<Integer> agreed) {
        int kind = frame.kind();
        if (isPrivate(kind) && agreed.contains(kind)) return new Private(kind, Payload.decode(frame.body(), frame.encoding()));
        if (kind >= 0x80 && kind != CANCEL) return null;
        if (!isKnown(kind)) throw new Fault("unknown-kind", String.format("found %02x", kind));
        checkEncoding(kind, frame.encoding());
        try {
            return read(kind, frame.encoding(), ByteBuffer.wrap(frame.body()));
        } catch (BufferUnderflowException tooShort) {
            throw new Fault("malformed", String.format("kind %02x with %d bytes", kind, frame.body().length));
        }
    }

    private static Message read(int kind, TextEncoding encoding, ByteBuffer in) {
        switch (kind) {
            case 0x02: return new Plain(rest(in, encoding));
            case 0x03: return new Request(checkId(u32(in)), rest(in, encoding));
            case 0x04: return new Reply(checkId(u32(in)), rest(in, encoding));
            case 0x05: return new Error(u32(in), u32(in), u16(in), reasonOf(in, encoding));
            case 0x06: return new Ping(checkPing(rest(in, encoding)));
            case 0x07: return new Pong(checkPing(rest(in, encoding)));
            case 0x08: return new Close(u16(in), reasonOf(in, encoding));
            case 0x10: return new Welcome(u32(in), in.getLong(), rest(in, encoding));
            case 0x11: return new Presence(u32(in), checkEvent(in.get()), checkName(rest(in, encoding)));
            case 0x12: return new Post(u32(in), rest(in, encoding));
            case 0x13:
                long from = u32(in);
                long to = u32(in);
                long seq = in.getLong();
                long time = in.getLong();
                byte[] name = new byte[in.get() & 0xFF];
                check(name.length <= MAX_NAME && name.length <= in.remaining(), "the name has " + name.length + " bytes");
                in.get(name);
                return new Delivery(from, to, seq, time, checkLine(Payload.line(name)), rest(in, encoding));
            case CANCEL:
                Cancel cancel = new Cancel(checkId(u32(in)));
                check(!in.hasRemaining(), "a CANCEL with a payload");
                return cancel;
            default:
                long missed = in.getLong();
                check(!in.hasRemaining(), "a GAP with a payload");
                return new Gap(missed);
        }
    }

    /** Encodes the message as a frame. Throws malformed or unmappable-text. */
    default Frame toFrame() {
        check();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(fixed());
        out.writeBytes(payload().sendable());
        return new Frame(kind(), payload().encoding(), out.toByteArray());
    }

    /** Checks everything but whether the text can be sent (R5.15). Throws malformed. */
    default void check() {
        checkEncoding(kind(), payload().encoding());
        fixed();
        boolean isNamed = !(this instanceof Presence) || !Payload.withoutMarks(payload().text()).isEmpty();
        check(isNamed, "the name has only byte order marks");
    }

    private byte[] fixed() {
        ByteBuffer out = ByteBuffer.allocate(25 + MAX_NAME);
        if (this instanceof Request it) out.putInt((int) checkId(it.id));
        if (this instanceof Reply it) out.putInt((int) checkId(it.id));
        if (this instanceof Error it) out.putInt((int) it.id).putInt((int) it.frame).putShort((short) it.code);
        if (this instanceof Ping || this instanceof Pong) checkPing(payload());
        if (this instanceof Close it) out.putShort((short) it.code);
        if (this instanceof Welcome it) out.putInt((int) it.member).putLong(it.seq);
        if (this instanceof Presence it) {
            checkName(it.payload);
            out.putInt((int) it.member).put((byte) checkEvent(it.event));
        }
        if (this instanceof Post it) out.putInt((int) it.to);
        if (this instanceof Delivery it) {
            byte[] name = Payload.utf8(checkLine(it.name));
            out.putInt((int) it.from).putInt((int) it.to).putLong(it.seq).putLong(it.time).put((byte) name.length).put(name);
        }
        if (this instanceof Gap it) out.putLong(it.missed);
        if (this instanceof Cancel it) out.putInt((int) checkId(it.id));
        byte[] octets = new byte[out.position()];
        out.flip().get(octets);
        return octets;
    }

    /** A reason of at most 200 bytes (R6.5), truncated between characters. */
    static Payload reason(String text, TextEncoding wanted) {
        String rest = text.substring(0, Math.min(text.length(), Fault.MAX_REASON));
        while (true) {
            if (rest.isEmpty() || !Character.isHighSurrogate(rest.charAt(rest.length() - 1))) {
                Payload payload = Payload.of(rest, wanted, TextEncoding.UTF_8);
                if (payload.octets().length <= Fault.MAX_REASON) return payload;
            }
            rest = rest.substring(0, rest.length() - 1);
        }
    }

    private static long u32(ByteBuffer in) {
        return in.getInt() & 0xFFFFFFFFL;
    }

    private static int u16(ByteBuffer in) {
        return in.getShort() & 0xFFFF;
    }

    private static Payload rest(ByteBuffer in, TextEncoding encoding) {
        byte[] octets = new byte[in.remaining()];
        in.get(octets);
        return Payload.decode(octets, encoding);
    }

    /** A reason that cannot be decoded becomes empty (R3.21). */
    private static Payload reasonOf(ByteBuffer in, TextEncoding encoding) {
        try {
            return rest(in, encoding);
        } catch (Fault fault) {
            return Payload.of("", encoding);
        }
    }

    private static void checkEncoding(int kind, TextEncoding encoding) {
        boolean isBinary = encoding == TextEncoding.BINARY;
        boolean allowed = switch (kind) {
            case 0x06, 0x07, 0x14, CANCEL -> isBinary;
            case 0x05, 0x08, 0x10, 0x11 -> !isBinary;
            default -> true;
        };
        check(allowed, String.format("kind %02x in encoding %d", kind, encoding.ordinal()));
    }

    private static long checkId(long id) {
        check(id != 0, "id is 0");
        return id;
    }

    private static int checkEvent(int event) {
        check(event >= 0 && event <= 3, "event is " + (event & 0xFF));
        return event;
    }

    private static Payload checkPing(Payload payload) {
        check(payload.octets().length <= MAX_PING, payload.octets().length + " bytes");
        return payload;
    }

    private static Payload checkName(Payload payload) {
        check(Payload.isPlainLine(payload.text(), 1, MAX_NAME), "the name is not a plain line of 1 to 64 bytes");
        return payload;
    }

    private static String checkLine(String name) {
        check(Payload.isPlainLine(name, 0, MAX_NAME), "the name is not a plain line of at most 64 bytes");
        return name;
    }

    private static void check(boolean holds, String detail) {
        if (!holds) throw new Fault("malformed", detail);
    }
}
