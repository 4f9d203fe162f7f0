using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Threading;

namespace Bookend
{
    /// <summary>
    /// A session over any Stream, such as a NetworkStream, or an SslStream for TLS. One thread calls Open and then Receive
    /// repeatedly; both block. Every other method may be called from any thread, and blocks while the peer does not read, for
    /// at most ten seconds if the stream has timeouts.
    /// </summary>
    public sealed class StreamConnection : IDisposable
    {
        private const int Stall = 10000; // ms without progress in writing
        private static readonly Stopwatch Watch = Stopwatch.StartNew();

        private readonly object gate = new object(); // guards the session, its actions, and writing
        private readonly Stream stream;
        private readonly Session session;
        private readonly Action halfClose;
        private readonly byte[] buffer = new byte[1 << 16];
        private readonly Queue<SessionAction> actions = new Queue<SessionAction>(); // caused by received bytes; all others are applied immediately
        private readonly Timer timer;
        private long lastRead; // when the last read ended; long.MaxValue during a read
        private bool isBroken;
        private Fault fault;

        /// <summary>
        /// A Stream cannot close its sending direction alone. If halfClose is given, it does that, for example
        /// () => socket.Shutdown(SocketShutdown.Send). `agreed` lists the private kinds (C0 to EF) that are delivered; the others are
        /// ignored.
        /// </summary>
        public StreamConnection(Stream stream, Role role, Hello hello, Action halfClose = null, params byte[] agreed)
        {
            this.stream = stream;
            this.halfClose = halfClose;
            if (stream.CanTimeout) stream.WriteTimeout = Stall;
            session = new Session(role, hello, agreed);
            timer = new Timer(_ => OnTime(), null, Timeout.Infinite, Timeout.Infinite);
        }

        /// <summary>Whether the hub profile is in force (R9.1).</summary>
        public bool HasHub { get { lock (gate) return session.HasHub; } }

        /// <summary>The peer's HELLO, or null before it has arrived.</summary>
        public Hello Peer { get { lock (gate) return session.Peer; } }

        private static long Now => Watch.ElapsedMilliseconds;

        /// <summary>Exchanges HELLOs. Throws the Fault if that fails.</summary>
        public void Open()
        {
            lock (gate)
            {
                lastRead = Now;
                Apply(session.Start(lastRead));
            }
            while (!IsOpenOrOver())
            {
                Read();
                ApplyUpToMessage();
            }
            if (Peer != null) return;
            Receive();
            throw new Fault("no-close", "the peer closed before its HELLO");
        }

        /// <summary>
        /// Returns the next message, or null once the session has closed normally. Throws the Fault that ended it, or
        /// Unreadable, after which the connection stays open. A call confirms that the application has acted on the last
        /// message.
        /// </summary>
        public Message Receive()
        {
            while (true)
            {
                SessionAction action = null;
                lock (gate)
                {
                    if (actions.Count > 0) Apply(action = actions.Dequeue());
                    else if (session.IsDone) break;
                }
                if (action == null) Read();
                else if (action.Unreadable != null) throw action.Unreadable;
                else if (action.Deliver != null) return action.Deliver;
            }
            Dispose();
            if (fault != null) throw fault;
            return null;
        }

        /// <summary>
        /// Sends a message. Throws Refused; for an answer, no-such-request may also mean that the peer has cancelled the REQUEST:
        /// the Cancel is then received next.
        /// </summary>
        public void Send(Message message)
        {
            lock (gate) Apply(session.Send(message, Now));
        }

        /// <summary>Posts text in the encoding that the peer prefers, to a member of the room, or to everyone if `to` is 0.</summary>
        public void Post(string text, uint to = 0)
        {
            lock (gate)
            {
                if (to != 0 && session.IsOpen && !session.HasHub) throw new Refused("no-such-member", "without a hub there are no members");
                var payload = Payload.Of(text, session.Peer?.Preferred ?? TextEncoding.Utf8, TextEncoding.Utf8);
                Apply(session.Send(new Message(session.HasHub ? Kind.Post : Kind.Message, payload) { To = to }, Now));
            }
        }

        /// <summary>
        /// Sends a CANCEL for a REQUEST of this side. Returns false if it is not unanswered any more. Otherwise its answer is
        /// still received, usually an Error `cancelled`.
        /// </summary>
        public bool Cancel(uint id)
        {
            lock (gate)
            {
                if (!session.IsOpen || !session.Asks(id)) return false;
                Apply(session.Send(new Message(Kind.Cancel) { Id = id }, Now));
                return true;
            }
        }

        /// <summary>Sends CLOSE, unless one was sent already. Keep calling Receive until the peer's CLOSE has arrived.</summary>
        public void Close(ushort code = 1000)
        {
            lock (gate) Apply(session.Close(code, null, Now));
        }

        /// <summary>Closes the stream in any state of the session.</summary>
        public void Dispose()
        {
            timer.Dispose();
            stream.Dispose();
        }

        /// <summary>Writes this side's HELLO, or a CLOSE instead of it, without waiting for a call of Receive.</summary>
        private void ApplyUpToMessage()
        {
            lock (gate)
                while (actions.Count > 0 && (actions.Peek().Write != null || actions.Peek().HalfClose)) Apply(actions.Dequeue());
        }

        private bool IsOpenOrOver()
        {
            lock (gate) return session.Peer != null || session.IsDone;
        }

        private void Read()
        {
            lock (gate)
            {
                Excuse();
                lastRead = long.MaxValue;
            }
            var count = 0;
            try
            {
                count = stream.Read(buffer, 0, buffer.Length);
            }
            catch (Exception error) when (error is IOException || error is ObjectDisposedException)
            {
            }
            lock (gate)
            {
                lastRead = Now;
                if (session.IsDone) return;
                foreach (var action in count > 0 ? session.Receive(buffer, 0, count, Now) : session.EndOfStream(Now)) actions.Enqueue(action);
                Schedule();
            }
        }

        private void OnTime()
        {
            lock (gate)
            {
                if (session.IsDone) return;
                Excuse();
                Apply(session.Tick(Now));
                if (session.IsDone) stream.Dispose(); // wakes the reading thread
            }
        }

        /// <summary>Reports to the session how long nothing was read.</summary>
        private void Excuse()
        {
            if (lastRead == long.MaxValue) return;
            var now = Now;
            session.Excuse(now - lastRead);
            lastRead = now;
        }

        private void Apply(IEnumerable<SessionAction> actions)
        {
            foreach (var action in actions) Apply(action);
            Schedule();
        }

        private void Apply(SessionAction action)
        {
            if (action.Write != null) Write(action.Write);
            if (action.HalfClose && !isBroken) HalfClose();
            if (action.End != null) fault = action.Fault is PeerClosed && action.Fault.Code == 1000 ? null : action.Fault;
        }

        private void Write(byte[] octets)
        {
            if (isBroken) return;
            var begin = Now;
            try
            {
                stream.Write(octets, 0, octets.Length);
                stream.Flush();
                session.Wrote(Now);
            }
            catch (Exception error) when (error is IOException || error is ObjectDisposedException)
            {
                isBroken = true; // the peer's last messages can still be read
                if (Now >= begin + Stall) Apply(session.Abort(new Fault("slow-consumer", "no progress for " + Stall + " ms")));
            }
        }

        private void HalfClose()
        {
            try
            {
                halfClose?.Invoke();
            }
            catch (Exception error) when (error is IOException || error is System.Net.Sockets.SocketException || error is ObjectDisposedException)
            {
                isBroken = true;
            }
        }

        private void Schedule()
        {
            var due = session.Deadline;
            try
            {
                if (due != long.MaxValue) timer.Change(Math.Max(0, due - Now), Timeout.Infinite);
            }
            catch (ObjectDisposedException)
            {
            }
        }
    }
}
