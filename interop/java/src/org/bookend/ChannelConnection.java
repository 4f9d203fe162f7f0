package org.bookend;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;

/**
 * A session over a non-blocking channel. Many connections can share one thread: register each with a selector, and call
 * {@link #turn} repeatedly on that thread. Call all methods on that thread; the listener is called on it too.
 */
public final class ChannelConnection {
    /** Receives the events of a connection. */
    public interface Listener {
        /** The peer's HELLO has arrived: messages can be sent. */
        default void opened(ChannelConnection connection) {}

        /**
         * A message arrived, in the frame with this number. A Cancel means that the session has answered the peer's REQUEST with
         * this id: stop working on it.
         */
        void received(ChannelConnection connection, Message message, long number);

        /** The answer to one of this side's REQUESTs cannot be read. */
        default void unreadable(ChannelConnection connection, Fault.Unreadable fault) {}

        /** The connection is over. The fault is null if this side closed, or the peer closed with `normal`. */
        void ended(ChannelConnection connection, Fault fault);
    }

    private static final long STALL = 10_000; // ms without progress in writing
    private static final int MAX_UNSENT = 1 << 16; // bytes queued for a peer that does not read; beyond that, reading stops
    private static final ThreadLocal<ByteBuffer> BUFFER = ThreadLocal.withInitial(() -> ByteBuffer.allocate(1 << 16));

    private final SocketChannel channel;
    private final SelectionKey key;
    private final Session session;
    private final Listener listener;
    private final Queue<ByteBuffer> outgoing = new ArrayDeque<>();
    private long unsent;
    private long progress;
    private long pausedAt = Long.MAX_VALUE; // when reading stopped
    private boolean halfCloses;
    private boolean isShut;
    private boolean isBroken;
    private boolean isOpened;
    private boolean isApplying;
    private boolean isOver;
    private Fault fault;

    private ChannelConnection(SocketChannel channel, Selector selector, Session session, Listener listener) throws IOException {
        this.channel = channel;
        this.session = session;
        this.listener = listener;
        channel.configureBlocking(false);
        key = channel.register(selector, channel.isConnected() ? SelectionKey.OP_READ : SelectionKey.OP_CONNECT, this);
        if (channel.isConnected()) apply(session.start(now()));
    }

    /**
     * Creates a connection over a channel that is connected or connecting. `agreed` lists the private kinds (C0 to EF) that are
     * received; the others are ignored.
     */
    public static ChannelConnection register(SocketChannel channel, Selector selector, Session.Role role, Hello hello,
            Listener listener, Integer... agreed) throws IOException {
        return new ChannelConnection(channel, selector, new Session(role, hello, agreed), listener);
    }

    /** Waits for the next event of the selector's connections and handles it. Other keys are ignored. */
    public static void turn(Selector selector) throws IOException {
        long due = Long.MAX_VALUE;
        for (ChannelConnection connection : of(selector.keys())) due = Math.min(due, connection.due());
        long wait = due - now(); // 0 would wait forever
        if (due == Long.MAX_VALUE) selector.select();
        else if (wait <= 0) selector.selectNow();
        else selector.select(wait);
        List<ChannelConnection> ready = of(selector.selectedKeys());
        for (ChannelConnection connection : ready) {
            selector.selectedKeys().remove(connection.key);
            connection.ready();
        }
        if (due <= now()) for (ChannelConnection connection : of(selector.keys())) connection.onTime();
    }

    private static List<ChannelConnection> of(Set<SelectionKey> keys) {
        List<ChannelConnection> connections = new ArrayList<>();
        for (SelectionKey key : keys) if (key.attachment() instanceof ChannelConnection connection) connections.add(connection);
        return connections;
    }

    /** Whether the hub profile is in force (R9.1). */
    public boolean hasHub() {
        return session.hasHub();
    }

    /** Sends a message. Throws Refused. */
    public void send(Message message) {
        apply(session.send(message, now()));
    }

    /**
     * Sends a CANCEL for a REQUEST of this side. Returns false if it is not unanswered any more. Otherwise its answer still
     * arrives, usually an Error `cancelled`.
     */
    public boolean cancel(long id) {
        if (!session.isOpen() || !session.asks(id)) return false;
        send(new Message.Cancel(id));
        return true;
    }

    /** Sends CLOSE, unless one was sent already. */
    public void close(int code) {
        apply(session.close(code, null, now()));
    }

    private static long now() {
        return System.nanoTime() / 1_000_000;
    }

    private long due() {
        if (isOver || !channel.isConnected()) return Long.MAX_VALUE;
        return Math.min(session.deadline(), unsent > 0 ? progress + STALL : Long.MAX_VALUE);
    }

    private void onTime() {
        if (due() > now()) return;
        excuse();
        if (unsent > 0 && now() >= progress + STALL) {
            apply(session.abort(new Fault("slow-consumer", "no progress for " + STALL + " ms")));
        } else {
            apply(session.tick(now()));
        }
    }

    /** Reports to the session how long reading was paused. */
    private void excuse() {
        if (pausedAt == Long.MAX_VALUE) return;
        long now = now();
        session.excuse(now - pausedAt);
        pausedAt = now;
    }

    private void ready() {
        if (!key.isValid()) return;
        try {
            if (key.isConnectable() && channel.finishConnect()) apply(session.start(now()));
        } catch (IOException refused) {
            apply(session.abort(new Fault("no-close", String.valueOf(refused.getMessage()))));
            return;
        }
        if (key.isValid() && key.isReadable()) read();
        settle();
    }

    private void read() {
        ByteBuffer buffer = BUFFER.get().clear();
        int count;
        try {
            count = channel.read(buffer);
        } catch (IOException gone) {
            count = -1;
        }
        if (count != 0) apply(count > 0 ? session.receive(buffer.array(), 0, count, now()) : session.endOfStream(now()));
    }

    private void apply(List<Action> actions) {
        boolean isNested = isApplying; // called by a listener
        isApplying = true;
        try {
            for (Action action : actions) act(action);
            notifyOpened();
        } finally {
            isApplying = isNested;
        }
        if (!isNested) settle();
    }

    private void act(Action action) {
        if (action instanceof Action.Write write) enqueue(write.octets());
        notifyOpened(); // after this side's HELLO, which precedes everything that the application sends
        if (action instanceof Action.Deliver deliver) notify(() -> listener.received(this, deliver.message(), deliver.number()));
        if (action instanceof Action.Unreadable unreadable) notify(() -> listener.unreadable(this, unreadable.fault()));
        if (action instanceof Action.HalfClose) halfCloses = true;
        if (action instanceof Action.End end && fault == null) {
            fault = end.fault() instanceof Fault.PeerClosed closed && closed.code() == 1000 ? null : end.fault();
        }
    }

    private void notifyOpened() {
        if (isOpened || session.peer() == null) return;
        isOpened = true;
        notify(() -> listener.opened(this));
    }

    /** Calls the listener. A Fault that it throws ends this connection only; the answer to a cancelled REQUEST is dropped. */
    private void notify(Runnable event) {
        try {
            event.run();
        } catch (Fault known) {
            if (known instanceof Fault.Refused && known.name().equals("no-such-request")) return;
            if (!session.isOpen()) return; // too late to report it to the peer
            apply(session.close(1011, known.toString(), now()));
            fault = known;
        }
    }

    private void enqueue(byte[] octets) {
        if (isBroken || halfCloses) return;
        if (unsent == 0) progress = now();
        outgoing.add(ByteBuffer.wrap(octets));
        unsent += octets.length;
    }

    private void settle() {
        if (isOver) return;
        try {
            write();
            if (halfCloses && !isShut && unsent == 0 && !isBroken && channel.isConnected()) {
                isShut = true;
                channel.shutdownOutput();
            }
        } catch (IOException gone) {
            isBroken = true; // the peer's last messages can still be read
            outgoing.clear();
            unsent = 0;
        }
        if (session.isDone() && (unsent == 0 || now() >= progress + STALL)) {
            isOver = true;
            try {
                channel.close();
            } catch (IOException gone) {
                isBroken = true;
            }
            listener.ended(this, fault);
            return;
        }
        if (!channel.isConnected()) return;
        boolean reads = !session.isOpen() || unsent < MAX_UNSENT;
        excuse();
        pausedAt = reads ? Long.MAX_VALUE : now();
        key.interestOps((reads ? SelectionKey.OP_READ : 0) | (unsent > 0 ? SelectionKey.OP_WRITE : 0));
    }

    private void write() throws IOException {
        while (!outgoing.isEmpty() && channel.isConnected()) {
            int count = channel.write(outgoing.peek());
            if (count > 0) {
                unsent -= count;
                progress = now();
                session.wrote(progress);
            }
            if (outgoing.peek().hasRemaining()) return;
            outgoing.remove();
        }
    }
}
