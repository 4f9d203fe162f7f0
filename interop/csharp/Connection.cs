using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;

namespace Bookend
{
    /// <summary>
    /// A session that owns a socket and uses BeginConnect, BeginReceive and BeginSend. Every method may be called from any
    /// thread, and none blocks. Events are raised in order on the given SynchronizationContext. A Fault thrown by a handler,
    /// for example because it sends while the peer closes, ends this connection only. The exception is the answer to a REQUEST
    /// that the peer has cancelled: it is dropped.
    /// </summary>
    public sealed class Connection
    {
        private const int MaxWaiting = 1 << 20; // bytes of messages posted and not yet handled; beyond that, reading stops
        private const int MaxUnsent = 1 << 16; // bytes queued for a peer that does not read; beyond that, reading stops
        private const int MessageCost = 256; // memory for an empty message, in bytes
        private const long Stall = 10000; // ms without progress in writing
        private static readonly Stopwatch Watch = Stopwatch.StartNew();

        private readonly object gate = new object(); // guards everything below
        private readonly SynchronizationContext context;
        private readonly Socket socket;
        private readonly Session session;
        private readonly byte[] buffer = new byte[1 << 16];
        private readonly Queue<byte[]> outgoing = new Queue<byte[]>();
        private readonly Timer timer;
        private readonly Dictionary<uint, TaskCompletionSource<Message>> asked = new Dictionary<uint, TaskCompletionSource<Message>>();
        private uint lastId; // of RequestAsync
        private int sent; // written bytes of the first frame in `outgoing`
        private long unsent, waiting, progress;
        private long pausedAt = long.MaxValue; // when reading stopped
        private Fault handlerFault; // thrown by a handler
        private Fault ended; // why the session is over; reported once everything is written and the peer has closed
        private bool isSending, isReading, halfCloses, isShut, isBroken, isClosed, isOpened;

        /// <summary>`agreed` lists the private kinds (C0 to EF) that are delivered; the others are ignored.</summary>
        public Connection(Socket socket, Role role, Hello hello, SynchronizationContext context, params byte[] agreed)
        {
            this.socket = socket;
            this.context = context;
            session = new Session(role, hello, agreed);
            timer = new Timer(_ => Locked(OnTime), null, Timeout.Infinite, Timeout.Infinite);
        }

        /// <summary>The peer's HELLO has arrived: messages can be sent.</summary>
        public event Action Opened;

        /// <summary>
        /// A message arrived. A Cancel means that the session has answered the peer's REQUEST with this id: stop working on it.
        /// </summary>
        public event Action<Message> Received;

        /// <summary>The answer to one of this side's REQUESTs cannot be read.</summary>
        public event Action<Unreadable> Unreadable;

        /// <summary>The connection is over. The fault is null if this side closed, or the peer closed with `normal`.</summary>
        public event Action<Fault> Ended;

        /// <summary>Whether the hub profile is in force (R9.1).</summary>
        public bool HasHub { get { lock (gate) return session.HasHub; } }

        private static long Now => Watch.ElapsedMilliseconds;

        /// <summary>Connects, then exchanges HELLOs. Subscribe to the events first.</summary>
        public void BeginConnect(string host, int port) => socket.BeginConnect(host, port, OnConnected, null);

        /// <summary>Exchanges HELLOs over a connected socket.</summary>
        public void Start() => Locked(() => Apply(session.Start(Now)));

        /// <summary>Sends a message. Throws Refused.</summary>
        public void Send(Message message) => Locked(() => Apply(session.Send(message, Now)));

        /// <summary>Posts text in the encoding that the peer prefers, to a member of the room, or to everyone if `to` is 0.</summary>
        public void Post(string text, uint to = 0) => Locked(() =>
        {
            if (to != 0 && session.IsOpen && !session.HasHub) throw new Refused("no-such-member", "without a hub there are no members");
            var payload = Payload.Of(text, session.Peer?.Preferred ?? TextEncoding.Utf8, TextEncoding.Utf8);
            Apply(session.Send(new Message(session.HasHub ? Kind.Post : Kind.Message, payload) { To = to }, Now));
        });

        /// <summary>
        /// Sends a REQUEST with an unused id and waits for its REPLY. Fails with PeerRefused if the answer is an ERROR, with
        /// Unreadable, with Refused if it must not be sent, or with the Fault that ends the connection. If the token is
        /// cancelled first, the task is cancelled at once and the peer gets a CANCEL.
        /// </summary>
        public Task<Message> RequestAsync(Payload payload, CancellationToken cancellation = default(CancellationToken))
        {
            var answer = new TaskCompletionSource<Message>(TaskCreationOptions.RunContinuationsAsynchronously);
            if (cancellation.IsCancellationRequested)
            {
                answer.SetCanceled();
                return answer.Task;
            }
            uint id = 0;
            try
            {
                Locked(() => id = Ask(payload, answer));
            }
            catch (Fault fault)
            {
                answer.SetException(fault);
            }
            if (!cancellation.CanBeCanceled || answer.Task.IsCompleted) return answer.Task;
            var registration = cancellation.Register(() =>
            {
                if (answer.TrySetCanceled()) Cancel(id); // the answer, which still arrives, is dropped
            });
            answer.Task.ContinueWith(_ => registration.Dispose(), TaskScheduler.Default);
            return answer.Task;
        }

        /// <summary>
        /// The last `count` messages that the hub has kept of the room and whose Seq is less than `before`. Fails as RequestAsync
        /// does: with PeerRefused `policy` if the hub keeps nothing.
        /// </summary>
        public Task<Page> HistoryAsync(ulong before = Query.Now, uint count = 50, CancellationToken cancellation = default(CancellationToken)) =>
            AskAsync(new Query(before, count), cancellation);

        /// <summary>The last ones of these messages that contain a text, in upper or lower case.</summary>
        public Task<Page> SearchAsync(
            string text, ulong before = Query.Now, uint count = 50, CancellationToken cancellation = default(CancellationToken)) =>
            AskAsync(new Query(before, count, text), cancellation);

        private async Task<Page> AskAsync(Query query, CancellationToken cancellation)
        {
            var reply = await RequestAsync(query.Encode(), cancellation).ConfigureAwait(false);
            return Page.Parse(reply.Payload);
        }

        /// <summary>Sends a CANCEL for a REQUEST of this side. Returns false if it is not unanswered any more.</summary>
        public bool Cancel(uint id)
        {
            var asks = false;
            Locked(() =>
            {
                asks = session.IsOpen && session.Asks(id);
                if (asks) Apply(session.Send(new Message(Kind.Cancel) { Id = id }, Now));
            });
            return asks;
        }

        /// <summary>Answers a received message with an ERROR.</summary>
        public void Refuse(Message message, Fault fault)
        {
            var reason = Message.Reason(fault.Message, TextEncoding.Ascii);
            var id = message.Kind == Kind.Request ? message.Id : 0;
            Send(new Message(Kind.Error, reason) { Id = id, FrameNumber = message.Number, Code = fault.Code.Value });
        }

        /// <summary>Sends CLOSE, unless one was sent already.</summary>
        public void Close(ushort code = 1000) => Locked(() => Apply(session.Close(code, null, Now)));

        private void OnConnected(IAsyncResult result) => Locked(() =>
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

        private void OnReceived(IAsyncResult result) => Locked(() =>
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

        private void OnSent(IAsyncResult result) => Locked(() =>
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

        /// <summary>Runs work under the lock, then settles.</summary>
        private void Locked(Action work)
        {
            lock (gate)
            {
                work();
                if (!isClosed) Settle();
            }
        }

        private void Apply(List<SessionAction> actions)
        {
            if (!isOpened && session.Peer != null)
            {
                isOpened = true;
                Raise(() => Opened?.Invoke());
            }
            foreach (var action in actions)
            {
                // A PONG confirms that everything before its PING was acted on (R3.10), so it is written after the events.
                if (action.Write != null && action.Write[2] == (byte)Kind.Pong) context.Post(_ => Locked(() => WritePong(action.Write)), null);
                else if (action.Write != null) Write(action.Write);
                if (action.Deliver != null) Deliver(action);
                if (action.Unreadable != null && !Answer(action.Unreadable.Id, null, action.Unreadable)) Raise(() => Unreadable?.Invoke(action.Unreadable));
                if (action.HalfClose) halfCloses = true;
                if (action.End != null) EndRequests(action.Fault ?? new Fault("not-open", "this side has closed"));
                if (action.End != null) ended = handlerFault ?? (action.Fault is PeerClosed && action.Fault.Code == 1000 ? null : action.Fault);
            }
        }

        private uint Ask(Payload payload, TaskCompletionSource<Message> answer)
        {
            do lastId++; while (lastId == 0 || session.Asks(lastId));
            var id = lastId;
            var actions = session.Send(new Message(Kind.Request, payload) { Id = id }, Now);
            asked.Add(id, answer);
            Apply(actions);
            return id;
        }

        /// <summary>Completes the task of a REQUEST, if it has one.</summary>
        private bool Answer(uint id, Message reply, Fault fault)
        {
            if (!asked.TryGetValue(id, out var answer)) return false;
            asked.Remove(id);
            if (reply != null) answer.TrySetResult(reply);
            else answer.TrySetException(fault);
            return true;
        }

        private void EndRequests(Fault fault)
        {
            foreach (var answer in asked.Values) answer.TrySetException(fault);
            asked.Clear();
        }

        private void Deliver(SessionAction action)
        {
            var message = action.Deliver;
            if (message.Kind == Kind.Reply && Answer(message.Id, message, null)) return;
            if (message.Kind == Kind.Error && Answer(message.Id, null, new PeerRefused(message.Code, message.Payload.Text))) return;
            var cost = action.Frame.Body.Length + MessageCost;
            waiting += cost;
            Raise(() => Received?.Invoke(message), () => waiting -= cost);
        }

        private void RaiseEnded(Fault fault) => Raise(() => Ended?.Invoke(fault));

        /// <summary>Runs a handler on the context, and then other work under the lock.</summary>
        private void Raise(Action handler, Action then = null) => context.Post(_ =>
        {
            try
            {
                handler();
            }
            catch (Refused refused) when (refused.Name == "no-such-request")
            {
                // The REQUEST was cancelled before this answer.
            }
            catch (Fault fault)
            {
                Locked(() => CloseWith(fault));
            }
            finally
            {
                Locked(() => then?.Invoke());
            }
        }, null);

        private void CloseWith(Fault fault)
        {
            if (!session.IsOpen) return; // too late to report it to the peer
            handlerFault = fault;
            Apply(session.Close(1011, fault.ToString(), Now));
        }

        /// <summary>Reports to the session how long reading was paused.</summary>
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
            isBroken = true; // the peer's last messages can still be read
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
