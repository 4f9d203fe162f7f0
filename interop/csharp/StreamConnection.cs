using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Threading;

namespace Bookend
{
    /// <summary>
    /// A session over any Stream, such as a NetworkStream or, for TLS, an SslStream. One thread calls Open and then Receive
    /// again and again, which block; every other method may be called from any thread, and blocks while the peer does not
    /// read, ten seconds at most where the stream has timeouts.
    /// </summary>
    public sealed class StreamConnection : IDisposable
    {
        private const int Stall = 10000; // ms without progress in writing
        private static readonly Stopwatch Watch = Stopwatch.StartNew();

        private readonly object gate = new object(); // guards the session, what it wants done, and writing
        private readonly Stream stream;
        private readonly Session session;
        private readonly Action halfClose;
        private readonly byte[] buffer = new byte[1 << 16];
        private readonly Queue<Act> acts = new Queue<Act>(); // of what was read; the rest is done at once
        private readonly Timer timer;
        private long left; // when the last read ended; long.MaxValue while there is one
        private bool isBroken;
        private Fault fault;

        /// <summary>
        /// A stream knows no end of one direction alone: halfClose, if given, makes it, as in
        /// () => socket.Shutdown(SocketShutdown.Send).
        /// </summary>
        public StreamConnection(Stream stream, Role role, Hello hello, Action halfClose = null)
        {
            this.stream = stream;
            this.halfClose = halfClose;
            if (stream.CanTimeout) stream.WriteTimeout = Stall;
            session = new Session(role, hello);
            timer = new Timer(_ => OnTime(), null, Timeout.Infinite, Timeout.Infinite);
        }

        public bool HasHub { get { lock (gate) return session.HasHub; } }

        /// <summary>The peer's HELLO, once it has come.</summary>
        public Hello Peer { get { lock (gate) return session.Peer; } }

        private static long Now => Watch.ElapsedMilliseconds;

        /// <summary>Exchanges HELLOs. Throws the Fault if that fails.</summary>
        public void Open()
        {
            lock (gate)
            {
                left = Now;
                Do(session.Start(left));
            }
            while (!IsOpenOrOver())
            {
                Read();
                DoUpToMessage();
            }
            if (Peer != null) return;
            Receive();
            throw new Fault("no-close", "the peer went before its HELLO");
        }

        /// <summary>
        /// The next message, or null once the session has ended in good order; throws the Fault otherwise, or Unreadable,
        /// which ends nothing. Calling it again says that the last message has been acted on.
        /// </summary>
        public Message Receive()
        {
            while (true)
            {
                Act act = null;
                lock (gate)
                {
                    if (acts.Count > 0) Do(act = acts.Dequeue());
                    else if (session.IsDone) break;
                }
                if (act == null) Read();
                else if (act.Unreadable != null) throw act.Unreadable;
                else if (act.Deliver != null) return act.Deliver;
            }
            Dispose();
            if (fault != null) throw fault;
            return null;
        }

        /// <summary>Sends a message, or throws Refused.</summary>
        public void Send(Message message)
        {
            lock (gate) Do(session.Send(message, Now));
        }

        /// <summary>Posts text to a member of the room, or to everyone, in the encoding that the peer prefers.</summary>
        public void Post(string text, uint to = 0)
        {
            lock (gate)
            {
                if (to != 0 && session.IsOpen && !session.HasHub) throw new Refused("no-such-member", "there are no members without a hub");
                var payload = Payload.Of(text, session.Peer?.Preferred ?? TextEncoding.Utf8, TextEncoding.Utf8);
                Do(session.Send(new Message(session.HasHub ? Kind.Post : Kind.Message, payload) { To = to }, Now));
            }
        }

        /// <summary>Sends CLOSE, unless one was sent already; Receive goes on until the peer's has come.</summary>
        public void Close(ushort code = 1000)
        {
            lock (gate) Do(session.Close(code, null, Now));
        }

        /// <summary>Ends the stream, whatever state the session is in.</summary>
        public void Dispose()
        {
            timer.Dispose();
            stream.Dispose();
        }

        /// <summary>The own HELLO, or a CLOSE in its place, waits for nobody.</summary>
        private void DoUpToMessage()
        {
            lock (gate)
                while (acts.Count > 0 && (acts.Peek().Write != null || acts.Peek().HalfClose)) Do(acts.Dequeue());
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
                left = long.MaxValue;
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
                left = Now;
                if (session.IsDone) return;
                foreach (var act in count > 0 ? session.Receive(buffer, 0, count, Now) : session.EndOfStream(Now)) acts.Enqueue(act);
                Schedule();
            }
        }

        private void OnTime()
        {
            lock (gate)
            {
                if (session.IsDone) return;
                Excuse();
                Do(session.Tick(Now));
                if (session.IsDone) stream.Dispose(); // wakes whoever reads
            }
        }

        /// <summary>What was not read may have come any time.</summary>
        private void Excuse()
        {
            if (left == long.MaxValue) return;
            var now = Now;
            session.Excuse(now - left);
            left = now;
        }

        private void Do(IEnumerable<Act> wanted)
        {
            foreach (var act in wanted) Do(act);
            Schedule();
        }

        private void Do(Act act)
        {
            if (act.Write != null) Write(act.Write);
            if (act.HalfClose && !isBroken) HalfClose();
            if (act.End != null) fault = act.Fault is PeerClosed && act.Fault.Code == 1000 ? null : act.Fault;
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
                isBroken = true; // what the peer said last may still be read
                if (Now >= begin + Stall) Do(session.Abort(new Fault("slow-consumer", "no progress for " + Stall + " ms")));
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
