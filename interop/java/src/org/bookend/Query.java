package org.bookend;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Asks a hub for the last `count` messages that it has kept and whose seq is less than `before`, or for the last ones that
 * contain `text`, in upper or lower case (SPEC section 9, History). `text` may be null. Throws IllegalArgumentException.
 */
public record Query(long before, long count, String text) {
    /** Greater than the number of any message; `before` is unsigned. */
    public static final long NOW = -1;

    private static final int FIXED_LENGTH = 13; // bytes before the text
    private static final int MAX_TEXT = 256; // bytes
    private static final byte LAST = 1;
    private static final byte SEARCH = 2;

    public Query {
        if (count < 1 || count > 0xFFFFFFFFL) throw new IllegalArgumentException("count is 1 to 2^32-1");
        int length = text == null ? 1 : Payload.utf8(text).length;
        if (length < 1 || length > MAX_TEXT || text != null && Payload.unpairedAt(text) >= 0) throw new IllegalArgumentException("a text has 1 to 256 bytes");
    }

    /** The last `count` messages. */
    public static Query last(long count) {
        return new Query(NOW, count, null);
    }

    /** The payload of the REQUEST. */
    public Payload payload() {
        byte[] octets = text == null ? new byte[0] : Payload.utf8(text);
        ByteBuffer out = ByteBuffer.allocate(FIXED_LENGTH + octets.length);
        out.put(text == null ? LAST : SEARCH).putLong(before).putInt((int) count).put(octets);
        return Payload.binary(out.array());
    }

    /** The query in the payload of a REQUEST, or null if it is none: a hub answers it with `policy`. */
    public static Query parse(Payload payload) {
        byte[] octets = payload.octets();
        if (payload.encoding() != TextEncoding.BINARY || octets.length < FIXED_LENGTH) return null;
        boolean hasText = octets.length > FIXED_LENGTH;
        if (octets[0] != (hasText ? SEARCH : LAST)) return null;
        String text = hasText ? Payload.line(Arrays.copyOfRange(octets, FIXED_LENGTH, octets.length)) : null;
        if (hasText && text == null) return null;
        ByteBuffer in = ByteBuffer.wrap(octets, 1, FIXED_LENGTH - 1);
        try {
            return new Query(in.getLong(), in.getInt() & 0xFFFFFFFFL, text);
        } catch (IllegalArgumentException notOne) {
            return null;
        }
    }
}
