package bookend;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Turns bytes into frames, however they were cut: feed what was read, then call {@link #next} until it returns null. Memory
 * follows what has arrived, never what a length claims. A fault is sticky. Not thread-safe.
 */
public final class Decoder {
    private byte[] buffer = {};
    private int from; // the next frame's bytes in the buffer
    private int to;
    private long start; // offset of the next frame in the stream
    private long judged; // offset behind the last byte that decided anything
    private long limit;
    private Fault fault;

    /** The limit in force, in bytes of body. */
    public Decoder(long limit) {
        this.limit = limit;
    }

    /** Another limit, from the next frame on. */
    public void setLimit(long limit) {
        this.limit = limit;
    }

    /** How many bytes of the next frame have arrived; 0 between frames. */
    public int pending() {
        return to - from;
    }

    /** How many bytes have arrived behind the last one that decided anything. */
    long unused() {
        return start + pending() - judged;
    }

    /** Adds bytes that have arrived. */
    public void feed(byte[] octets, int at, int count) {
        int pending = pending();
        if (to + (long) count > buffer.length) {
            long room = 2L * (pending + (long) count);
            byte[] roomy = room <= buffer.length ? buffer : new byte[(int) Math.min(room, Integer.MAX_VALUE - 16)];
            System.arraycopy(buffer, from, roomy, 0, pending);
            buffer = roomy;
            from = 0;
            to = pending;
        }
        System.arraycopy(octets, at, buffer, to, count);
        to += count;
    }

    /** The header of the next frame, or null while it is not complete; throws bad-start, unknown-encoding, too-long. */
    Header header() {
        if (fault != null) throw fault;
        for (int at = 0; at < 2 && at < pending(); at++) {
            if (buffer[from + at] != Frame.START[at]) throw fail("bad-start", at, 1, found(at));
        }
        if (pending() >= 4 && (buffer[from + 3] & 0xFF) > 4) throw fail("unknown-encoding", 3, 1, found(3));
        if (pending() < Frame.HEADER_LENGTH) return null;
        long length = ByteBuffer.wrap(buffer).getInt(from + 4) & 0xFFFFFFFFL;
        if (length > Math.min(limit, Frame.MAX_LENGTH)) {
            throw fail("too-long", 4, 4, length + " bytes, the limit is " + limit);
        }
        return new Header(buffer[from + 2] & 0xFF, length);
    }

    record Header(int kind, long length) {}

    /** A copy of the first bytes of body as far as they have arrived; not verified, only for faults named early (R4.7). */
    byte[] body(int count) {
        Header header = header();
        if (header == null) return new byte[0];
        long length = Math.min(Math.min(count, header.length), pending() - Frame.HEADER_LENGTH);
        return Arrays.copyOfRange(buffer, from + Frame.HEADER_LENGTH, from + Frame.HEADER_LENGTH + (int) length);
    }

    /** The next frame, or null while it is not complete; throws Fault. */
    public Frame next() {
        Header header = header();
        if (header == null) return null;
        long behind = Frame.HEADER_LENGTH + header.length;
        for (int at = 0; at < 2 && behind + at < pending(); at++) {
            if (buffer[(int) (from + behind + at)] != Frame.END[at]) throw fail("bad-end", behind + at, 1, found(behind + at));
        }
        if (pending() < behind + 2) return null;
        byte[] body = Arrays.copyOfRange(buffer, from + Frame.HEADER_LENGTH, (int) (from + behind));
        Frame frame = new Frame(header.kind, TextEncoding.of(buffer[from + 3]), body);
        from += (int) behind + 2;
        start += behind + 2;
        judged = start;
        if (from == to) {
            from = 0;
            to = 0;
        }
        return frame;
    }

    /** Makes a fault sticky that the caller found in the first bytes of the next frame; returns it. */
    Fault abandon(Fault found, long behind) {
        judged = start + behind;
        fault = found;
        return found;
    }

    private String found(long at) {
        return String.format("found %02x", buffer[(int) (from + at)]);
    }

    private Fault fail(String name, long at, int width, String detail) {
        return abandon(new Fault(name, detail, start + at), at + width);
    }
}
