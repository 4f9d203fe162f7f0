package bookend;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A session over streams that block: a Socket, or for TLS an SSLSocket. One thread calls {@link #open} and then
 * {@link #receive} again and again; every other method may be called from any thread, and blocks while the peer does not
 * read, ten seconds at most.
 */
public final class Connection implements AutoCloseable {
    /** Something that may fail as streams do. */
    public interface Step {
        void run() throws IOException;
    }

    private static final long STALL = 10_000; // ms without progress in writing
    private static final int PIECE = 1 << 14; // bytes written at once
    private static final ScheduledExecutorService TIMERS = Executors.newScheduledThreadPool(1, Connection::thread);
    private static final ExecutorService WORKERS = Executors.newCachedThreadPool(Connection::thread); // a timer must not wait

    private final InputStream in;
    private final OutputStream out;
    private final Step halfClose;
    private final Closeable stream;
    private final Closeable stalled; // the same while a write may be stuck in it
    private final Object reader = new Object(); // is locked by who reads
    private final byte[] buffer = new byte[1 << 16];
    private final Session session; // this and what follows are guarded by it
    private final Queue<Action> actions = new ArrayDeque<>(); // of what was read; the rest is done at once
    private long left; // when the last read ended; Long.MAX_VALUE while there is one
    private long alarm = Long.MAX_VALUE; // when the next look at the clock is
    private boolean isShut; // nothing more is written
    private Fault fault;
    private volatile long writing = Long.MAX_VALUE; // when the write began that goes on
    private final AtomicBoolean isWatched = new AtomicBoolean();

    /** A client's or a server's side of a socket that is connected. */
    public Connection(Socket socket, Session.Role role, Hello hello) throws IOException {
        this(socket.getInputStream(), socket.getOutputStream(), socket::shutdownOutput, socket, () -> tear(socket), role, hello);
        socket.setTcpNoDelay(true);
    }

    /** The same over any two streams, of which `halfClose` ends one direction and `stream` all. */
    public Connection(InputStream in, OutputStream out, Step halfClose, Closeable stream, Session.Role role, Hello hello) {
        this(in, out, halfClose, stream, stream, role, hello);
    }

    private Connection(InputStream in, OutputStream out, Step halfClose, Closeable stream, Closeable stalled, Session.Role role,
            Hello hello) {
        this.in = in;
        this.out = out;
        this.halfClose = halfClose;
        this.stream = stream;
        this.stalled = stalled;
        session = new Session(role, hello);
    }

    /** Exchanges HELLOs; throws the Fault if that fails. */
    public void open() {
        synchronized (session) {
            left = now();
            run(session.start(left));
        }
        while (!isOpenOrOver()) {
            read();
            runUpToMessage();
        }
        if (peer() != null) return;
        receive();
        throw new Fault("no-close", "the peer went before its HELLO");
    }

    /** The peer's HELLO, once it has come; else null. */
    public Hello peer() {
        synchronized (session) {
            return session.peer();
        }
    }

    public boolean hasHub() {
        synchronized (session) {
            return session.hasHub();
        }
    }

    /** What came: the message, and the number of its frame, which an ERROR about it names. */
    public record Received(Message message, long number) {}

    /**
     * The next message, or null once the session has ended in good order; throws the Fault otherwise, or Fault.Unreadable,
     * which ends nothing. Calling it again says that the last message has been acted on, and lets a PONG go that waited for
     * that (R3.10).
     */
    public Received receive() {
        while (true) {
            Action action;
            synchronized (session) {
                action = actions.poll();
                if (action == null && session.isDone()) break;
                if (action != null) run(List.of(action));
            }
            if (action == null) read();
            else if (action instanceof Action.Unreadable unreadable) throw unreadable.fault();
            else if (action instanceof Action.Deliver deliver) return new Received(deliver.message(), deliver.number());
        }
        end(stream);
        if (fault != null) throw fault;
        return null;
    }

    /** Sends a message, or throws Refused. */
    public void send(Message message) {
        synchronized (session) {
            run(session.send(message, now()));
        }
    }

    /** Posts text to a member of the room, or to everyone if that is 0, in the encoding that the peer prefers. */
    public void post(String text, long to) {
        synchronized (session) {
            TextEncoding wanted = session.peer() == null ? TextEncoding.UTF_8 : session.peer().preferred();
            Payload payload = Payload.of(text, wanted, TextEncoding.UTF_8);
            if (to != 0 && !session.hasHub()) throw new Fault.Refused("no-such-member", "there are no members without a hub");
            run(session.send(session.hasHub() ? new Message.Post(to, payload) : new Message.Plain(payload), now()));
        }
    }

    /** Answers what was received with an ERROR. */
    public void refuse(Received received, Fault refusal) {
        long id = received.message instanceof Message.Request request ? request.id() : 0;
        Payload reason = Message.reason(refusal.getMessage(), TextEncoding.ASCII);
        send(new Message.Refusal(id, received.number, refusal.code(), reason));
    }

    /** Sends CLOSE, unless one was sent already; receive goes on until the peer's has come. */
    public void close(int code) {
        synchronized (session) {
            run(session.close(code, null, now()));
        }
    }

    /** Sends CLOSE and reads until the session is over; whatever comes meanwhile is passed over. */
    @Override
    public void close() {
        close(1000);
        while (true) {
            try {
                if (receive() == null) return;
            } catch (Fault.Unreadable passedOver) {
                continue;
            } catch (Fault known) {
                return; // receive has thrown it before, or nobody wanted to know
            }
        }
    }

    private static long now() {
        return System.nanoTime() / 1_000_000;
    }

    /** The own HELLO, or a CLOSE in its place, waits for nobody. */
    private void runUpToMessage() {
        synchronized (session) {
            while (actions.peek() instanceof Action.Write || actions.peek() instanceof Action.HalfClose) run(List.of(actions.remove()));
        }
    }

    private boolean isOpenOrOver() {
        synchronized (session) {
            return session.peer() != null || session.isDone();
        }
    }

    /** Reads once, unless another thread has read meanwhile. */
    private void read() {
        synchronized (reader) {
            synchronized (session) {
                if (session.isDone() || !actions.isEmpty()) return;
                excuse();
                left = Long.MAX_VALUE;
            }
            int count;
            try {
                count = in.read(buffer);
            } catch (IOException gone) {
                count = -1; // as if it had ended
            }
            synchronized (session) {
                left = now();
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
            run(session.tick(now()));
            if (session.isDone()) end(stream); // wakes whoever reads
        }
    }

    /** What was not read may have come any time. */
    private void excuse() {
        if (left == Long.MAX_VALUE) return;
        long now = now();
        session.excuse(now - left);
        left = now;
    }

    /** Who writes holds the lock, perhaps for ever: ending the stream wakes it. */
    private void watch() {
        isWatched.set(false);
        long since = writing;
        if (since == Long.MAX_VALUE) return;
        long left = since + STALL - now();
        if (left <= 0) WORKERS.execute(() -> end(stalled));
        else if (isWatched.compareAndSet(false, true)) TIMERS.schedule(this::watch, left, TimeUnit.MILLISECONDS);
    }

    private void run(List<Action> wanted) {
        for (Action action : wanted) {
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
            isShut = true; // what the peer said last may still be read
            if (now() - writing >= STALL) run(session.abort(new Fault("slow-consumer", "no progress for " + STALL + " ms")));
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
            return; // the CLOSE has said it
        }
    }

    /** Looks at the clock when something is due, or before, and then again. */
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

    /** Without a last word, for which TLS would wait as long as the write does. */
    private static void tear(Socket socket) throws IOException {
        socket.setSoLinger(true, 0);
        socket.close();
    }

    private static void end(Closeable stream) {
        try {
            stream.close();
        } catch (IOException gone) {
            return; // it is over in any case
        }
    }
}
