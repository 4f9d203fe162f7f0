using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Net.Sockets;
using System.Threading;

namespace Bookend
{
    /// <summary>
    /// A session that owns a socket, with the callbacks of BeginConnect, BeginReceive and BeginSend. Every method may be
    /// called from any thread and none blocks; every event is raised on the SynchronizationContext that was given, in order.
    /// A Fault that leaves a handler, as when something is sent while the peer closes, ends this connection alone.
    /// </summary>
    public sealed class Connection
    {
        private const int MaxWaiting = 1 << 20; // bytes of messages posted and not yet handled; more are left to the peer
        private const int MaxUnsent = 1 << 16; // bytes that wait for a peer who does not read: nothing is read meanwhile
        private const int MessageCost = 256; // bytes that even an empty message takes
        private const long Stall = 10000; // ms without progress in writing
        private static readonly Stopwatch Watch = Stopwatch.StartNew();

        private readonly object gate = new object(); // guards everything below
        private readonly SynchronizationContext context;
        private readonly Socket socket;
        private readonly Session session;
        private readonly byte[] buffer = new byte[1 << 16];
        private readonly Queue<byte[]> outgoing = new Queue<byte[]>();
        private readonly Timer timer;
        private int sent; // bytes of the first of `outgoing`
        private long unsent, waiting, progress;
        private long pausedAt = long.MaxValue; // since when nothing is read
        private Fault refused; // what left a handler
        private Fault ended; // why the session is over; told once the last words are out and the peer's have come
        private bool isSending, isReading, halfCloses, isShut, isBroken, isClosed, isOpened;

        public Connection(Socket socket, Role role, Hello hello, SynchronizationContext context)
        {
            this.socket = socket;
            this.context = context;
            session = new Session(role, hello);
            timer = new Timer(_ => Do(OnTime), null, Timeout.Infinite, Timeout.Infinite);
        }

        /// <summary>The peer's HELLO has come: messages can be sent.</summary>
        public event Action Opened;

        /// <summary>A message came.</summary>
        public event Action<Message> Received;

        /// <summary>The answer to an own REQUEST came and cannot be read.</summary>
        public event Action<Unreadable> Unreadable;

        /// <summary>The connection is over; the fault is null if this side closed, or the peer with `normal`.</summary>
        public event Action<Fault> Ended;

        public bool HasHub { get { lock (gate) return session.HasHub; } }

        private static long Now => Watch.ElapsedMilliseconds;

        /// <summary>Connects, then exchanges HELLOs. Subscribe to the events first.</summary>
        public void BeginConnect(string host, int port) => socket.BeginConnect(host, port, OnConnected, null);

        /// <summary>Exchanges HELLOs over a socket that is connected already.</summary>
        public void Start() => Do(() => Apply(session.Start(Now)));

        /// <summary>Sends a message, or throws Refused.</summary>
        public void Send(Message message) => Do(() => Apply(session.Send(message, Now)));

        /// <summary>Posts text to a member of the room, or to everyone, in the encoding that the hub prefers.</summary>
        public void Post(string text, uint to = 0) => Do(() =>
        {
            if (to != 0 && session.IsOpen && !session.HasHub) throw new Refused("no-such-member", "there are no members without a hub");
            var payload = Payload.Of(text, session.Peer?.Preferred ?? TextEncoding.Utf8, TextEncoding.Utf8);
            Apply(session.Send(new Message(session.HasHub ? Kind.Post : Kind.Message, payload) { To = to }, Now));
        });

        /// <summary>Answers a message that was received with an ERROR.</summary>
        public void Refuse(Message message, Fault fault)
        {
            var reason = Message.Reason(fault.Message, TextEncoding.Ascii);
            var id = message.Kind == Kind.Request ? message.Id : 0;
            Send(new Message(Kind.Error, reason) { Id = id, FrameNumber = message.Number, Code = fault.Code.Value });
        }

        /// <summary>Sends CLOSE, unless one was sent already.</summary>
        public void Close(ushort code = 1000) => Do(() => Apply(session.Close(code, null, Now)));

        private void OnConnected(IAsyncResult result) => Do(() =>
        {
            try
            {
                socket.EndConnect(result);
            }
            catch (SocketException error)
            {
                isClosed = true;
                socket.Close();
                RaiseEnded(new Fault("no-close", error.Message));
                return;
            }
            socket.NoDelay = true;
            Apply(session.Start(Now));
        });

        private void OnReceived(IAsyncResult result) => Do(() =>
        {
            isReading = false;
            if (isClosed) return;
            var count = 0;
            try
            {
                count = socket.EndReceive(result);
            }
            catch (SocketException)
            {
            }
            Apply(count > 0 ? session.Receive(buffer, 0, count, Now) : session.EndOfStream(Now));
        });

        private void OnSent(IAsyncResult result) => Do(() =>
        {
            isSending = false;
            if (isClosed) return;
            try
            {
                var count = socket.EndSend(result);
                sent += count;
                unsent -= count;
                progress = Now;
                session.Wrote(progress);
                if (sent == outgoing.Peek().Length)
                {
                    outgoing.Dequeue();
                    sent = 0;
                }
            }
            catch (SocketException)
            {
                Break();
            }
        });

        private void OnTime()
        {
            Excuse();
            if (unsent > 0 && Now >= progress + Stall) Apply(session.Abort(new Fault("slow-consumer", "no progress for " + Stall + " ms")));
            else Apply(session.Tick(Now));
        }

        /// <summary>Does something under the lock, and then what follows from it.</summary>
        private void Do(Action work)
        {
            lock (gate)
            {
                work();
                if (!isClosed) Settle();
            }
        }

        private void Apply(List<Act> acts)
        {
            if (!isOpened && session.Peer != null)
            {
                isOpened = true;
                Raise(() => Opened?.Invoke());
            }
            foreach (var act in acts)
            {
                // A PONG says that what came before its PING was acted on (R3.10), so it goes behind the events.
                if (act.Write != null && act.Write[2] == (byte)Kind.Pong) context.Post(_ => Do(() => WritePong(act.Write)), null);
                else if (act.Write != null) Write(act.Write);
                if (act.Deliver != null) Deliver(act);
                if (act.Unreadable != null) Raise(() => Unreadable?.Invoke(act.Unreadable));
                if (act.HalfClose) halfCloses = true;
                if (act.End != null) ended = refused ?? (act.Fault is PeerClosed && act.Fault.Code == 1000 ? null : act.Fault);
            }
        }

        private void Deliver(Act act)
        {
            var cost = act.Frame.Body.Length + MessageCost;
            waiting += cost;
            Raise(() => Received?.Invoke(act.Deliver), () => waiting -= cost);
        }

        private void RaiseEnded(Fault fault) => Raise(() => Ended?.Invoke(fault));

        /// <summary>Lets a handler run on the context, and then does something under the lock.</summary>
        private void Raise(Action handler, Action then = null) => context.Post(_ =>
        {
            try
            {
                handler();
            }
            catch (Fault fault)
            {
                Do(() => EndBecauseOf(fault));
            }
            finally
            {
                Do(() => then?.Invoke());
            }
        }, null);

        private void EndBecauseOf(Fault fault)
        {
            if (!session.IsOpen) return; // too late to be said
            refused = fault;
            Apply(session.Close(1011, fault.ToString(), Now));
        }

        /// <summary>While nothing is read, the peer is not to blame for its silence.</summary>
        private void Excuse()
        {
            if (pausedAt == long.MaxValue) return;
            var now = Now;
            session.Excuse(now - pausedAt);
            pausedAt = now;
        }

        private void WritePong(byte[] octets)
        {
            if (session.IsOpen) Write(octets);
        }

        private void Write(byte[] octets)
        {
            if (isBroken || halfCloses) return;
            if (unsent == 0) progress = Now;
            outgoing.Enqueue(octets);
            unsent += octets.Length;
        }

        private void Break()
        {
            isBroken = true; // what the peer said last may still be read
            outgoing.Clear();
            unsent = 0;
        }

        private void Settle()
        {
            if (session.IsDone && (isBroken || unsent == 0 || Now >= progress + Stall))
            {
                isClosed = true;
                timer.Dispose();
                socket.Close();
                RaiseEnded(ended);
                return;
            }
            try
            {
                if (!isSending && outgoing.Count > 0)
                {
                    isSending = true;
                    socket.BeginSend(outgoing.Peek(), sent, outgoing.Peek().Length - sent, SocketFlags.None, OnSent, null);
                }
                else if (halfCloses && !isShut && unsent == 0)
                {
                    isShut = true;
                    socket.Shutdown(SocketShutdown.Send);
                }
            }
            catch (SocketException)
            {
                isSending = false;
                Break();
            }
            var reads = !session.IsOpen || waiting < MaxWaiting && unsent < MaxUnsent;
            Excuse();
            pausedAt = reads || isReading ? long.MaxValue : Now;
            if (reads && !isReading && !session.IsDone && socket.Connected) BeginReceive();
            var due = Math.Min(session.Deadline, unsent > 0 ? progress + Stall : long.MaxValue);
            if (due != long.MaxValue) timer.Change(Math.Max(0, due - Now), Timeout.Infinite);
        }

        private void BeginReceive()
        {
            try
            {
                isReading = true;
                socket.BeginReceive(buffer, 0, buffer.Length, SocketFlags.None, OnReceived, null);
            }
            catch (SocketException)
            {
                isReading = false;
                Apply(session.EndOfStream(Now));
            }
        }
    }
}
