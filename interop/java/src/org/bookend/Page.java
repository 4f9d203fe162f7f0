package org.bookend;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Messages that a hub has kept, oldest first (SPEC section 9, History): each a Delivery, or a Gap where some are not there.
 * If nothing earlier matches, `lostBefore` is how many earlier messages of the room are not there, 0 after a search; it is
 * null if there may be more: ask again before the first one.
 */
public record Page(Long lostBefore, List<Message> entries) {
    /** The page in the payload of a REPLY. Throws malformed if it is none. */
    public static Page parse(Payload payload) {
        List<Message> entries = payload.encoding() == TextEncoding.BINARY ? entries(payload.octets()) : List.of();
        if (entries.isEmpty()) throw new Fault("malformed", "the answer is not a page of history");
        if (!(entries.get(0) instanceof Message.Gap first)) return new Page(null, entries);
        return new Page(first.missed(), entries.subList(1, entries.size()));
    }

    /** None if a frame is cut short, is of another kind or breaks a rule. */
    private static List<Message> entries(byte[] octets) {
        Decoder decoder = new Decoder(Frame.MAX_LENGTH);
        decoder.feed(octets, 0, octets.length);
        List<Message> entries = new ArrayList<>();
        try {
            for (Frame frame = decoder.next(); frame != null; frame = decoder.next()) {
                Message entry = Message.parse(frame, Set.of());
                if (!(entry instanceof Message.Delivery || entry instanceof Message.Gap)) return List.of();
                entries.add(entry);
            }
        } catch (Fault fault) {
            return List.of();
        }
        return decoder.pending() == 0 ? entries : List.of();
    }
}
