package org.bookend;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A session over blocking streams: a Socket, or an SSLSocket for TLS. One thread calls {@link #open} and then
 * {@link #receive} repeatedly. Every other method may be called from any thread, and blocks for at most ten seconds while the
 * peer does not read.
 */
public final class Connection implements AutoCloseable {
    /** An operation that may throw IOException. */
    public interface IoOperation {
        void run() throws IOException;
    }

    private static final long STALL = 10_000; // ms without progress in writing
    private static final int PIECE = 1 << 14; // bytes written at once
    private static final ScheduledExecutorService TIMERS = Executors.newScheduledThreadPool(1, Connection::thread);
    private static final ExecutorService WORKERS = Executors.newCachedThreadPool(Connection::thread); // a timer must not wait

    private final InputStream in;
    private final OutputStream out;
    private final IoOperation halfClose;
    private final Closeable stream;
    private final Closeable stalled; // closes the stream even while a write is blocked
    private final Object reader = new Object(); // locked by the reading thread
    private final byte[] buffer = new byte[1 << 16];
    private final Session session; // also the lock of itself and of the fields below
    private final Queue<Action> actions = new ArrayDeque<>(); // caused by received bytes; all others are applied immediately
    private final Map<Long, CompletableFuture<Message.Reply>> requests = new HashMap<>(); // sent by request and not yet answered
    private long lastId; // of request
    private long lastRead; // when the last read ended; Long.MAX_VALUE during a read
    private long alarm = Long.MAX_VALUE; // when onTime runs next
    private boolean isShut; // nothing more is written
    private Fault fault;
    private volatile long writing = Long.MAX_VALUE; // when the current write began
    private final AtomicBoolean isWatched = new AtomicBoolean();

    /**
     * The client's or server's side of a connected socket. `agreed` lists the private kinds (C0 to EF) that are received; the
     * others are ignored.
     */
    public Connection(Socket socket, Session.Role role, Hello hello, Integer... agreed) throws IOException {
        this(socket.getInputStream(), socket.getOutputStream(), socket::shutdownOutput, socket, () -> reset(socket), role, hello, agreed);
        socket.setTcpNoDelay(true);
    }

    /** The same over any two streams. `halfClose` closes the sending direction; `stream` closes both. */
    public Connection(InputStream in, OutputStream out, IoOperation halfClose, Closeable stream, Session.Role role, Hello hello,
            Integer... agreed) {
        this(in, out, halfClose, stream, stream, role, hello, agreed);
    }

    private Connection(InputStream in, OutputStream out, IoOperation halfClose, Closeable stream, Closeable stalled, Session.Role role,
            Hello hello, Integer... agreed) {
        this.in = in;
        this.out = out;
        this.halfClose = halfClose;
        this.stream = stream;
        this.stalled = stalled;
        session = new Session(role, hello, agreed);
    }

    /** Exchanges HELLOs. Throws the Fault if that fails. */
    public void open() {
        synchronized (session) {
            lastRead = now();
            apply(session.start(lastRead));
        }
        while (!isOpenOrOver()) {
            read();
            applyUpToMessage();
        }
        if (peer() != null) return;
        receive();
        throw new Fault("no-close", "the peer closed before its HELLO");
    }

    /** The peer's HELLO, or null before it has arrived. */
    public Hello peer() {
        synchronized (session) {
            return session.peer();
        }
    }

    /** Whether the hub profile is in force (R9.1). */
    public boolean hasHub() {
        synchronized (session) {
            return session.hasHub();
        }
    }

    /** A received message and the number of its frame, which an ERROR that answers it names. */
    public record Received(Message message, long number) {}

    /**
     * Returns the next message, or null once the session has closed normally. Throws the Fault that ended it, or
     * Fault.Unreadable, after which the connection stays open. A call confirms that the application has acted on the last
     * message, and releases a PONG that waited for that (R3.10). A Cancel means that the session has answered the peer's REQUEST
     * with this id: stop working on it. Answers to {@link #request} are not returned.
     */
    public Received receive() {
        while (true) {
            Action action;
            synchronized (session) {
                action = actions.poll();
                if (action == null && session.isDone()) break;
                if (action != null) apply(List.of(action));
            }
            if (action == null) read();
            else if (action instanceof Action.Unreadable unreadable) {
                if (!answer(unreadable.fault().id(), null, unreadable.fault())) throw unreadable.fault();
            } else if (action instanceof Action.Deliver deliver && !isAwaited(deliver.message())) {
                return new Received(deliver.message(), deliver.number());
            }
        }
        close(stream);
        endRequests();
        if (fault != null) throw fault;
        return null;
    }

    /**
     * Sends a REQUEST with an unused id. The future completes on the thread that calls {@link #receive}, which therefore must
     * not wait for it: with the REPLY, or exceptionally with PeerRefused if the answer is an ERROR, with Unreadable, or with the
     * Fault that ended the connection. If it is cancelled or times out (orTimeout) first, the peer gets a CANCEL. Throws Refused.
     */
    public CompletableFuture<Message.Reply> request(Payload payload) {
        CompletableFuture<Message.Reply> answer = new CompletableFuture<>();
        long id;
        synchronized (session) {
            do lastId = lastId % 0xFFFFFFFFL + 1;
            while (session.asks(lastId));
            id = lastId;
            List<Action> written = session.send(new Message.Request(id, payload), now());
            requests.put(id, answer);
            apply(written);
        }
        answer.whenComplete((reply, failure) -> giveUp(id, answer));
        return answer;
    }

    /**
     * Sends a CANCEL for a REQUEST of this side. Returns false if it is not unanswered any more. Otherwise its answer still
     * arrives, usually an Error `cancelled`.
     */
    public boolean cancel(long id) {
        synchronized (session) {
            if (!session.isOpen() || !session.asks(id)) return false;
            apply(session.send(new Message.Cancel(id), now()));
            return true;
        }
    }

    /**
     * Sends a message. Throws Refused; for an answer, no-such-request may also mean that the peer has cancelled the REQUEST: the
     * Cancel is then received next.
     */
    public void send(Message message) {
        synchronized (session) {
            apply(session.send(message, now()));
        }
    }

    /** Posts text in the encoding that the peer prefers, to a member of the room, or to everyone if `to` is 0. */
    public void post(String text, long to) {
        synchronized (session) {
            TextEncoding wanted = session.peer() == null ? TextEncoding.UTF_8 : session.peer().preferred();
            Payload payload = Payload.of(text, wanted, TextEncoding.UTF_8);
            if (to != 0 && !session.hasHub()) throw new Fault.Refused("no-such-member", "without a hub there are no members");
            apply(session.send(session.hasHub() ? new Message.Post(to, payload) : new Message.Plain(payload), now()));
        }
    }

    /** Answers a received message with an ERROR. */
    public void refuse(Received received, Fault reason) {
        long id = received.message instanceof Message.Request request ? request.id() : 0;
        Payload text = Message.reason(reason.getMessage(), TextEncoding.ASCII);
        send(new Message.Error(id, received.number, reason.code(), text));
    }

    /** Sends CLOSE, unless one was sent already. Keep calling receive until the peer's CLOSE has arrived. */
    public void close(int code) {
        synchronized (session) {
            apply(session.close(code, null, now()));
        }
    }

    /** Sends CLOSE and reads until the session is over. Messages that arrive meanwhile are discarded. */
    @Override
    public void close() {
        close(1000);
        while (true) {
            try {
                if (receive() == null) return;
            } catch (Fault.Unreadable ignored) {
                continue;
            } catch (Fault known) {
                return; // an earlier receive has thrown it, or the application did not call receive
            }
        }
    }

    private static long now() {
        return System.nanoTime() / 1_000_000;
    }

    /** Writes this side's HELLO, or a CLOSE instead of it, without waiting for a call of receive. */
    private void applyUpToMessage() {
        synchronized (session) {
            while (actions.peek() instanceof Action.Write || actions.peek() instanceof Action.HalfClose) apply(List.of(actions.remove()));
        }
    }

    private boolean isOpenOrOver() {
        synchronized (session) {
            return session.peer() != null || session.isDone();
        }
    }

    /** Completes the future of the REQUEST that this message answers, if it has one. */
    private boolean isAwaited(Message message) {
        if (message instanceof Message.Reply reply) return answer(reply.id(), reply, null);
        return message instanceof Message.Error error
                && answer(error.id(), null, new Fault.PeerRefused(error.code(), error.payload().text()));
    }

    private boolean answer(long id, Message.Reply reply, Fault failure) {
        CompletableFuture<Message.Reply> answer;
        synchronized (session) {
            answer = requests.remove(id);
        }
        if (answer == null) return false;
        if (reply != null) answer.complete(reply);
        else answer.completeExceptionally(failure);
        return true;
    }

    /** Cancels the REQUEST of a future that was not completed by its answer, which still arrives and is dropped. */
    private void giveUp(long id, CompletableFuture<Message.Reply> answer) {
        synchronized (session) {
            if (requests.get(id) == answer) cancel(id);
        }
    }

    private void endRequests() {
        List<CompletableFuture<Message.Reply>> rest;
        synchronized (session) {
            rest = List.copyOf(requests.values());
            requests.clear();
        }
        Fault reason = fault != null ? fault : new Fault("no-close", "the connection was closed before the answer");
        for (CompletableFuture<Message.Reply> answer : rest) answer.completeExceptionally(reason);
    }

    /** Reads once, unless another thread has just read. */
    private void read() {
        synchronized (reader) {
            synchronized (session) {
                if (session.isDone() || !actions.isEmpty()) return;
                excuse();
                lastRead = Long.MAX_VALUE;
            }
            int count;
            try {
                count = in.read(buffer);
            } catch (IOException gone) {
                count = -1; // the same as the end of the stream
            }
            synchronized (session) {
                lastRead = now();
                if (session.isDone()) return;
                actions.addAll(count > 0 ? session.receive(buffer, 0, count, now()) : session.endOfStream(now()));
                schedule();
            }
        }
    }

    private void onTime() {
        synchronized (session) {
            alarm = Long.MAX_VALUE;
            if (session.isDone()) return;
            excuse();
            apply(session.tick(now()));
            if (session.isDone()) close(stream); // wakes the reading thread
        }
    }

    /** Reports to the session how long nothing was read. */
    private void excuse() {
        if (lastRead == Long.MAX_VALUE) return;
        long now = now();
        session.excuse(now - lastRead);
        lastRead = now;
    }

    /** Closes the stream if a write makes no progress: the writing thread holds the lock, and only this wakes it. */
    private void watch() {
        isWatched.set(false);
        long since = writing;
        if (since == Long.MAX_VALUE) return;
        long remaining = since + STALL - now();
        if (remaining <= 0) WORKERS.execute(() -> close(stalled));
        else if (isWatched.compareAndSet(false, true)) TIMERS.schedule(this::watch, remaining, TimeUnit.MILLISECONDS);
    }

    private void apply(List<Action> actions) {
        for (Action action : actions) {
            if (action instanceof Action.Write write) write(write.octets());
            if (action instanceof Action.HalfClose) endOutput();
            if (action instanceof Action.End end) {
                fault = end.fault() instanceof Fault.PeerClosed closed && closed.code() == 1000 ? null : end.fault();
            }
        }
        schedule();
    }

    private void write(byte[] octets) {
        if (isShut) return;
        try {
            for (int at = 0; at < octets.length; at += PIECE) {
                writing = now();
                if (isWatched.compareAndSet(false, true)) TIMERS.schedule(this::watch, STALL, TimeUnit.MILLISECONDS);
                out.write(octets, at, Math.min(PIECE, octets.length - at));
                session.wrote(now());
            }
            out.flush();
        } catch (IOException gone) {
            isShut = true; // the peer's last messages can still be read
            if (now() - writing >= STALL) apply(session.abort(new Fault("slow-consumer", "no progress for " + STALL + " ms")));
        } finally {
            writing = Long.MAX_VALUE;
        }
    }

    private void endOutput() {
        if (isShut) return;
        isShut = true;
        try {
            halfClose.run();
        } catch (IOException | UnsupportedOperationException gone) {
            return; // the peer has the CLOSE
        }
    }

    /** Schedules onTime for the deadline, or keeps an earlier schedule. */
    private void schedule() {
        long due = session.deadline();
        if (due >= alarm) return;
        alarm = due;
        TIMERS.schedule(() -> WORKERS.execute(this::onTime), Math.max(0, due - now()), TimeUnit.MILLISECONDS);
    }

    private static Thread thread(Runnable work) {
        Thread thread = new Thread(work, "bookend");
        thread.setDaemon(true);
        return thread;
    }

    /** Resets the connection. A normal close of TLS would block as long as the write does. */
    private static void reset(Socket socket) throws IOException {
        socket.setSoLinger(true, 0);
        socket.close();
    }

    private static void close(Closeable stream) {
        try {
            stream.close();
        } catch (IOException gone) {
            return; // the connection is over anyway
        }
    }
}
