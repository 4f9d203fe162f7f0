package org.bookend;

import java.util.ArrayDeque;

/** The deadlines of a session (SPEC section 7), in milliseconds. */
final class Clock {
    static final long NEVER = Long.MAX_VALUE;

    record Due(long time, String what) {
        Due orEarlier(long other, String name) {
            return other < time ? new Due(other, name) : this;
        }
    }

    private long helloDue = NEVER;
    private long headerDue = NEVER;
    private long bodyDue = NEVER;
    private long drainDue = NEVER;
    private long idleTimeout = NEVER; // longest allowed silence of the peer
    private long pingInterval = NEVER; // longest allowed silence of this side
    private long lastReceived;
    private long lastSent;

    void start(long now) {
        helloDue = now + 5000;
    }

    /** Starts both keepalives, in seconds; 0 = no promise. They count from now (R7.1). */
    void open(int keepalive, int peerKeepalive, long now) {
        helloDue = NEVER;
        lastSent = now;
        pingInterval = keepalive == 0 ? NEVER : 1000L * keepalive;
        idleTimeout = peerKeepalive == 0 ? NEVER : 2000L * peerKeepalive;
    }

    void close(long now) {
        helloDue = NEVER;
        frameEnds();
        idleTimeout = NEVER;
        pingInterval = NEVER;
        drainDue = now + 2000;
    }

    void received(long now) {
        lastReceived = now;
    }

    void sent(long now) {
        lastSent = now;
    }

    /** A part of a frame has arrived; `length` is -1 until its header has. */
    void frameGrows(long length, long now) {
        if (headerDue == NEVER) headerDue = now + 5000;
        if (length >= 0 && bodyDue == NEVER) bodyDue = now + 5000 + length * 1000 / 1024;
    }

    /** Extends the peer's deadlines by the time for which the driver did not read. */
    void excuse(long duration) {
        lastReceived += duration;
        helloDue = helloDue == NEVER ? NEVER : helloDue + duration;
        headerDue = headerDue == NEVER ? NEVER : headerDue + duration;
        bodyDue = bodyDue == NEVER ? NEVER : bodyDue + duration;
    }

    void frameEnds() {
        headerDue = NEVER;
        bodyDue = NEVER;
    }

    /** The earliest deadline. */
    long next() {
        return Math.min(Math.min(Math.min(drainDue, helloDue), Math.min(frameDue(), idleDue())), pingDue());
    }

    /** The earliest task, but faults that are due come before a PING: a dead peer needs no PING. */
    Due overdue(long now) {
        Due first = new Due(drainDue, "drain");
        first = first.orEarlier(helloDue, "hello-timeout").orEarlier(frameDue(), "frame-timeout").orEarlier(idleDue(), "idle");
        return first.time <= now ? first : first.orEarlier(pingDue(), "ping");
    }

    private long frameDue() {
        return bodyDue == NEVER ? headerDue : bodyDue;
    }

    private long idleDue() {
        return idleTimeout == NEVER ? NEVER : lastReceived + idleTimeout;
    }

    private long pingDue() {
        return pingInterval == NEVER ? NEVER : lastSent + pingInterval;
    }

    /** Admits at most `count` events in any `period`. */
    static final class Window {
        private final ArrayDeque<Long> times = new ArrayDeque<>();
        private final int count;
        private final long period;
        private long spare; // extra events to admit, because they may have waited unread

        Window(int count, long period) {
            this.count = count;
            this.period = period;
        }

        boolean admits(long now) {
            if (times.size() == count && now - times.peek() < period && --spare < 0) {
                spare = 0;
                return false;
            }
            if (times.size() == count) times.remove();
            times.add(now);
            return true;
        }

        void excuse(long duration) {
            spare += duration * count / period;
        }

        void clear() {
            times.clear();
        }
    }
}
