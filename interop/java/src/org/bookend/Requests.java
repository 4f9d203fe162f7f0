package org.bookend;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** The unanswered REQUESTs of both sides of a session (SPEC section 3). */
final class Requests {
    private static final long MAX = 64; // in one direction, if HELLO does not say otherwise

    private final Set<Long> asked = new HashSet<>(); // ids of this side's
    private final Map<Long, Long> owed = new HashMap<>(); // ids of the peer's, and the numbers of their frames

    boolean asks(long id) {
        return asked.contains(id);
    }

    /** An answer to a REQUEST of this side has arrived. Returns false if none is unanswered. */
    boolean answer(long id) {
        return asked.remove(id);
    }

    /** The number of the frame of the peer's REQUEST, which is answered with this, or null if it is not unanswered. */
    Long cancel(long id) {
        return owed.remove(id);
    }

    /** The number of the frame of the peer's unanswered REQUEST. */
    long frameOf(long id) {
        return owed.get(id);
    }

    /** Throws duplicate-request if a REQUEST of the peer with this id is unanswered. */
    void checkNew(long id) {
        if (owed.containsKey(id)) throw new Fault("duplicate-request", "id " + id);
    }

    /** Adds a REQUEST of the peer. Returns false if there are too many. Throws duplicate-request. */
    boolean owe(long id, long frame, Hello own) {
        checkNew(id);
        if (owed.size() >= limit(own)) return false;
        owed.put(id, frame);
        return true;
    }

    /** Throws Refused if the id of a message forbids to send it. */
    void permit(Message message, Hello peer) {
        if (message instanceof Message.Reply reply) checkOwed(reply.id());
        if (message instanceof Message.Error error && error.id() != 0) checkOwed(error.id());
        if (message instanceof Message.Cancel cancel && !asked.contains(cancel.id())) throw noSuchRequest(cancel.id());
        if (message instanceof Message.Request request) {
            if (asked.contains(request.id())) throw new Fault.Refused("duplicate-request", "id " + request.id());
            if (asked.size() >= limit(peer)) throw new Fault.Refused("try-later", limit(peer) + " requests are unanswered");
        }
    }

    /** A permitted message was sent. */
    void sent(Message message) {
        if (message instanceof Message.Request request) asked.add(request.id());
        if (message instanceof Message.Reply reply) owed.remove(reply.id());
        if (message instanceof Message.Error error) owed.remove(error.id());
    }

    private void checkOwed(long id) {
        if (!owed.containsKey(id)) throw noSuchRequest(id);
    }

    private static Fault.Refused noSuchRequest(long id) {
        return new Fault.Refused("no-such-request", "no REQUEST " + id + " is unanswered");
    }

    /** How many REQUESTs of the other side the sender of a HELLO takes (R3.16). */
    private static long limit(Hello hello) {
        return hello.requests() == null ? MAX : hello.requests();
    }
}
