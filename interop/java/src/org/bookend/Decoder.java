package org.bookend;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Turns bytes into frames, wherever reads split them: feed what was read, then call {@link #next} until it returns null.
 * Memory grows with the bytes that have arrived, never with a claimed length. A fault is sticky. Not thread-safe.
 */
public final class Decoder {
    private byte[] buffer = {};
    private int from; // start of the next frame in the buffer
    private int to; // end of the received bytes in the buffer
    private long start; // offset of the next frame in the stream
    private long examined; // offset in the stream after the last byte that was examined
    private long limit;
    private Fault fault;

    /** `limit` is the longest allowed body, in bytes. */
    public Decoder(long limit) {
        this.limit = limit;
    }

    /** Changes the limit, starting with the next frame. */
    public void setLimit(long limit) {
        this.limit = limit;
    }

    /** The number of bytes of the next frame that have arrived; 0 between frames. */
    public int pending() {
        return to - from;
    }

    /** The number of bytes that have arrived after the last one that was examined. */
    long unused() {
        return start + pending() - examined;
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

    /** The header of the next frame, or null while it is not complete. Throws bad-start, unknown-encoding or too-long. */
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

    /** A copy of at most `count` received bytes of the body. They are not verified; use them only for early faults (R4.7). */
    byte[] body(int count) {
        Header header = header();
        if (header == null) return new byte[0];
        long length = Math.min(Math.min(count, header.length), pending() - Frame.HEADER_LENGTH);
        return Arrays.copyOfRange(buffer, from + Frame.HEADER_LENGTH, from + Frame.HEADER_LENGTH + (int) length);
    }

    /** The next frame, or null while it is not complete. Throws Fault. */
    public Frame next() {
        Header header = header();
        if (header == null) return null;
        long end = Frame.HEADER_LENGTH + header.length;
        for (int at = 0; at < 2 && end + at < pending(); at++) {
            if (buffer[(int) (from + end + at)] != Frame.END[at]) throw fail("bad-end", end + at, 1, found(end + at));
        }
        if (pending() < end + 2) return null;
        byte[] body = Arrays.copyOfRange(buffer, from + Frame.HEADER_LENGTH, (int) (from + end));
        Frame frame = new Frame(header.kind, TextEncoding.of(buffer[from + 3]), body);
        from += (int) end + 2;
        start += end + 2;
        examined = start;
        if (from == to) {
            from = 0;
            to = 0;
        }
        return frame;
    }

    /** Makes a fault in the first `length` bytes of the next frame sticky, and returns it. */
    Fault fail(Fault found, long length) {
        examined = start + length;
        fault = found;
        return found;
    }

    private String found(long at) {
        return String.format("found %02x", buffer[(int) (from + at)]);
    }

    private Fault fail(String name, long at, int width, String detail) {
        return fail(new Fault(name, detail, start + at), at + width);
    }
}
