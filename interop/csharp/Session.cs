using System;
using System.Collections.Generic;

namespace Bookend
{
    public enum Role { Client, Server }

    /// <summary>
    /// One side of a connection, without a socket or a clock (SPEC section 7). Times are milliseconds from any origin. Each
    /// method returns the actions that the driver must carry out, in order. Call Start first, and Tick at each Deadline.
    /// Not thread-safe.
    /// </summary>
    public sealed class Session
    {
        private const int MaxPreamble = 1024; // bytes before the server's first F5 (R4.21)
        private const int DrainBytes = 1 << 16;
        private const uint BeforeHello = 4096;

        private enum State { Greeting, Open, Closing, Closed }

        private readonly byte[] agreed;
        private readonly Clock clock = new Clock();
        private readonly Window pings = new Window(10, 10000), empties = new Window(1000, 1000);
        private readonly Decoder decoder = new Decoder(BeforeHello);
        private readonly Requests requests = new Requests();
        private readonly HashSet<string> unansweredPings = new HashSet<string>(); // payloads of the application's unanswered PINGs
        private State state = State.Greeting;
        private int skipped = -1; // bytes before the first frame; -1 if none are skipped
        private uint number; // of the next frame
        private long discarded;
        private SessionAction end;
        private bool endIsReported;

        /// <summary>`agreed` lists the private kinds (C0 to EF) that are delivered; the others are ignored.</summary>
        public Session(Role role, Hello hello, params byte[] agreed)
        {
            Role = role;
            Hello = hello.Of(role);
            this.agreed = agreed;
            if (role == Role.Client) skipped = 0;
        }

        public Role Role { get; }

        /// <summary>The HELLO that this side sends, as it was when the session was created.</summary>
        public Hello Hello { get; }

        /// <summary>The other side's HELLO, or null before it has been accepted.</summary>
        public Hello Peer { get; private set; }

        /// <summary>Whether messages can be sent.</summary>
        public bool IsOpen => state == State.Open;
        /// <summary>Whether the session is over. The driver then closes the stream.</summary>
        public bool IsDone => state == State.Closed;
        /// <summary>Whether the hub profile is in force (R9.1).</summary>
        public bool HasHub => Peer != null && Peer.Hub && Hello.Hub;

        /// <summary>Whether a REQUEST of this side with this id is unanswered.</summary>
        public bool Asks(uint id) => requests.Asks(id);

        /// <summary>The time of the next Tick, or long.MaxValue if nothing is due.</summary>
        public long Deadline => IsDone ? long.MaxValue : clock.NextDue().Key;

        private bool Reads => state == State.Greeting || state == State.Open;

        // Events from the driver

        /// <summary>The stream is connected.</summary>
        public List<SessionAction> Start(long now)
        {
            clock.Start(now);
            return Role == Role.Client ? new List<SessionAction> { SendHello(now) } : new List<SessionAction>();
        }

        /// <summary>Bytes were received. An empty range does not count as activity of the peer.</summary>
        public List<SessionAction> Receive(byte[] octets, int at, int count, long now)
        {
            var actions = new List<SessionAction>();
            if (count > 0) clock.LastReceived = now;
            if (state == State.Closing) Discard(count, actions);
            if (!Reads) return actions;
            try
            {
                FeedAfterPreamble(octets, at, count);
                while (Reads)
                {
                    var frame = NextFrame(now);
                    if (frame == null) return actions;
                    Take(frame, now, actions);
                }
            }
            catch (Fault fault)
            {
                Fail(fault, now, actions);
            }
            Discard(decoder.Unused, actions);
            return actions;
        }

        /// <summary>No more bytes will arrive.</summary>
        public List<SessionAction> EndOfStream(long now)
        {
            var actions = new List<SessionAction>();
            if (Reads && decoder.Pending > 0) Fail(new Fault("truncated", decoder.Pending + " bytes of a frame"), now, actions);
            else if (Reads) end = EndOf(new Fault("no-close"));
            Finish(actions);
            return actions;
        }

        /// <summary>The driver cannot continue and closes the stream without a CLOSE: none can follow a half-written frame (R7.14).</summary>
        public List<SessionAction> Abort(Fault fault)
        {
            var actions = new List<SessionAction>();
            end = end ?? EndOf(fault);
            Finish(actions);
            return actions;
        }

        /// <summary>Handles everything that is due.</summary>
        public List<SessionAction> Tick(long now)
        {
            var actions = new List<SessionAction>();
            while (!IsDone)
            {
                var due = clock.Overdue(now);
                if (due.Key > now) break;
                if (due.Value == "drain") Finish(actions);
                else if (due.Value == "ping") actions.Add(Write(new Message(Kind.Ping), now));
                else Fail(new Fault(due.Value), now, actions);
            }
            return actions;
        }

        /// <summary>Extends the peer's deadlines by the time for which the driver did not read.</summary>
        public void Excuse(long duration)
        {
            clock.Excuse(duration);
            pings.Excuse(duration);
            empties.Excuse(duration);
        }

        /// <summary>Bytes were written: a long frame in transit keeps the keepalive promise (R7.2).</summary>
        public void Wrote(long now) => clock.LastSent = now;

        // Calls from the application

        /// <summary>
        /// Sends a message of any kind except HELLO, PONG and CLOSE, which the session sends itself. An ERROR with an id answers the
        /// peer's REQUEST with this id, and the session sets its FrameNumber. Throws, in the order of R7.18, Fault malformed, Refused
        /// not-open, unknown-kind, unexpected-kind, no-such-request, duplicate-request, try-later, encoding-refused, Fault
        /// unmappable-text or Refused too-long; then nothing was sent.
        /// </summary>
        public List<SessionAction> Send(Message message, long now)
        {
            var frame = Permit(message);
            requests.Sent(message);
            if (message.Kind == Kind.Ping) unansweredPings.Add(Key(message));
            clock.LastSent = now;
            return new List<SessionAction> { new SessionAction { Write = frame.Encode() } };
        }

        /// <summary>Sends CLOSE, unless one was sent already. If the reason is null, it is the first name of the code.</summary>
        public List<SessionAction> Close(ushort code, string reason, long now)
        {
            var actions = new List<SessionAction>();
            if (!Reads) return actions;
            var name = Fault.FirstName(code) ?? "";
            end = new SessionAction { End = name == "" ? code.ToString() : name };
            SendClose(code, reason ?? name, now, actions);
            return actions;
        }

        // Receiving

        /// <summary>Skips the bytes that a server sends before its first frame (R4.21).</summary>
        private void FeedAfterPreamble(byte[] octets, int at, int count)
        {
            if (skipped >= 0)
            {
                var start = Array.IndexOf(octets, (byte)0xF5, at, count);
                var length = start < 0 ? count : start - at;
                var allowed = MaxPreamble - skipped;
                if (length > allowed)
                {
                    decoder.Feed(octets, at + allowed, count - allowed);
                    throw decoder.Fail(new Fault("bad-start", "no F5 in " + (MaxPreamble + 1) + " bytes"), 1);
                }
                skipped = start < 0 ? skipped + length : -1;
                at += length;
                count -= length;
            }
            decoder.Feed(octets, at, count);
        }

        private Frame NextFrame(long now)
        {
            var hasHeader = decoder.Header(out var kind, out var length);
            if (hasHeader && state == State.Greeting) CheckFirst(kind);
            var frame = decoder.Next();
            if (frame != null) clock.FrameEnds();
            else if (decoder.Pending > 0) clock.FrameGrows(hasHeader ? length : (long?)null, now);
            return frame;
        }

        /// <summary>Rejects anything but a HELLO or CLOSE before the frame is complete (R4.3, R4.7, R4.19).</summary>
        private void CheckFirst(byte kind)
        {
            if (kind == (byte)Kind.Close) return;
            if (kind != Hello.Kind)
                throw decoder.Fail(new Fault("hello-expected", "found kind " + kind.ToString("x2")), Frame.HeaderLength);
            var wrong = Hello.CheckPrefix(decoder.Body(Hello.PrefixLength), out var position);
            if (wrong != null) throw decoder.Fail(wrong, Frame.HeaderLength + position + 1);
        }

        private void Take(Frame frame, long now, List<SessionAction> actions)
        {
            var current = unchecked(number++);
            if (state == State.Greeting && frame.Kind == Hello.Kind)
            {
                if (frame.Encoding != TextEncoding.Binary) throw new Fault("malformed", "HELLO in encoding " + (int)frame.Encoding);
                var peer = Hello.Parse(frame.Body);
                if (peer.Client && Role == Role.Client) throw new Fault("two-clients", "the other side is a client too, or sends this HELLO back");
                Peer = peer;
                state = State.Open;
                decoder.Limit = Hello.MaxBody;
                clock.Open(Hello.Keepalive, Peer.Keepalive, now);
                if (Role == Role.Server) actions.Add(SendHello(now));
                return;
            }
            CheckFlood(frame, now);
            CheckKind(frame.Kind);
            Message message;
            try
            {
                message = Message.Parse(frame, agreed);
            }
            catch (Fault fault) when (fault.Name == "bad-text")
            {
                AnswerBadText(frame, current, fault, now, actions);
                return;
            }
            if (message != null) Act(message, current, frame, now, actions);
        }

        private void CheckFlood(Frame frame, long now)
        {
            if (frame.Kind == (byte)Kind.Ping)
            {
                if (!pings.Admits(now)) throw new Fault("ping-flood");
            }
            else if (frame.Kind != (byte)Kind.Pong)
            {
                pings.Clear();
            }
            if (frame.Body.Length == 0 && !empties.Admits(now)) throw new Fault("empty-flood");
        }

        private void CheckKind(byte kind)
        {
            if (kind == Hello.Kind) throw new Fault("second-hello");
            if (!Message.IsHub(kind)) return;
            if (!HasHub) throw new Fault("unknown-kind", kind.ToString("x2") + " without the hub profile");
            if (kind == (byte)Kind.Post != (Role == Role.Server)) throw new Fault("unexpected-kind", kind.ToString("x2") + " to a " + Role);
        }

        private void Act(Message message, uint current, Frame frame, long now, List<SessionAction> actions)
        {
            switch (message.Kind)
            {
                case Kind.Close:
                    end = new SessionAction { End = "peer-" + message.Code, Fault = new PeerClosed(message.Code, message.Payload.Text) };
                    SendClose(message.Code, "", now, actions);
                    ReportEnd(actions);
                    return;
                case Kind.Ping:
                    actions.Add(Write(new Message(Kind.Pong, message.Payload), now));
                    return;
                case Kind.Pong:
                    if (!unansweredPings.Remove(Key(message))) return; // R3.11
                    break;
                case Kind.Error:
                    requests.Answer(message.Id);
                    break;
                case Kind.Cancel:
                    if (!requests.Cancel(message.Id, out var asking)) return; // R3.24
                    actions.Add(SendError(message.Id, asking, new Fault("cancelled"), now));
                    break;
                default:
                    if (!Hello.Accepts(frame.Encoding))
                    {
                        AnswerBadText(frame, current, null, now, actions);
                        return;
                    }
                    if (message.Kind == Kind.Reply && !requests.Answer(message.Id)) return; // R3.14
                    if (message.Kind == Kind.Request && !Owe(message.Id, current, now, actions)) return;
                    break;
            }
            message.Number = current;
            actions.Add(new SessionAction { Deliver = message, Frame = frame });
        }

        private bool Owe(uint id, uint current, long now, List<SessionAction> actions)
        {
            if (requests.Owe(id, current, Hello)) return true;
            actions.Add(SendError(id, current, new Fault("try-later", "too many requests are unanswered"), now));
            return false;
        }

        /// <summary>Answers illegal text or a refused encoding. The frame was whole, so the connection stays open (R5.8, R5.11).</summary>
        private void AnswerBadText(Frame frame, uint current, Fault found, long now, List<SessionAction> actions)
        {
            var fault = Hello.Accepts(frame.Encoding) ? found : new Fault("encoding-refused", "encoding " + (int)frame.Encoding);
            var hasId = frame.Kind == (byte)Kind.Request || frame.Kind == (byte)Kind.Reply;
            var id = hasId ? (uint)BigEndian.Read(frame.Body, 0, 4) : 0;
            if (frame.Kind != (byte)Kind.Reply)
            {
                requests.CheckNew(id);
                actions.Add(SendError(id, current, fault, now));
            }
            else if (requests.Answer(id))
            {
                // A reply never provokes a reply (R3.20): the fault is reported on this side.
                actions.Add(new SessionAction { Unreadable = new Unreadable(id, fault) });
            }
        }

        // Sending

        /// <summary>The frame of a message that this session may send; the checks are in the order of R7.18.</summary>
        private Frame Permit(Message message)
        {
            message.Check();
            PermitKind((byte)message.Kind);
            requests.Permit(message, Peer);
            var encoding = message.Payload.Encoding;
            if (!Peer.Accepts(encoding)) throw new Refused("encoding-refused", "the peer does not accept " + encoding);
            var frame = message.ToFrame();
            if (message.Kind == Kind.Error && message.Id != 0) BigEndian.Write(frame.Body, 4, 4, requests.FrameOf(message.Id)); // R3.17
            if (frame.Body.Length > Peer.MaxBody) throw new Refused("too-long", frame.Body.Length + " bytes, the peer accepts " + Peer.MaxBody);
            if (message.Kind == Kind.Error && frame.Body.Length > Message.ErrorFixed + Fault.MaxReason)
                throw new Refused("too-long", "a reason has at most " + Fault.MaxReason + " bytes");
            return frame;
        }

        private void PermitKind(byte kind)
        {
            if (!IsOpen) throw new Refused("not-open", "the session is not open");
            if (kind == Hello.Kind || kind == (byte)Kind.Pong || kind == (byte)Kind.Close)
                throw new Refused("unexpected-kind", "only the session itself sends HELLO, PONG and CLOSE");
            if (!Message.IsListed(kind)) throw new Refused("unknown-kind", kind.ToString("x2") + " is not a kind of an application");
            if (!Message.IsHub(kind)) return;
            if (!HasHub) throw new Refused("unknown-kind", kind.ToString("x2") + " without the hub profile");
            if ((kind == (byte)Kind.Post) != (Role == Role.Client)) throw new Refused("unexpected-kind", kind.ToString("x2") + " from a " + Role);
        }

        private SessionAction Write(Message message, long now)
        {
            clock.LastSent = now;
            return new SessionAction { Write = message.ToFrame().Encode() };
        }

        private SessionAction SendHello(long now)
        {
            clock.LastSent = now;
            return new SessionAction { Write = new Frame(Hello.Kind, TextEncoding.Binary, Hello.Body()).Encode() };
        }

        private SessionAction SendError(uint id, uint current, Fault fault, long now)
        {
            var wanted = Peer.Preferred == TextEncoding.Binary ? TextEncoding.Ascii : Peer.Preferred;
            var reason = Message.Reason(fault.Message, wanted);
            return Write(new Message(Kind.Error, reason) { Id = id, FrameNumber = current, Code = fault.Code.Value }, now);
        }

        private void SendClose(ushort code, string reason, long now, List<SessionAction> actions)
        {
            actions.Add(Write(new Message(Kind.Close, Message.Reason(reason, TextEncoding.Ascii)) { Code = code }, now));
            actions.Add(new SessionAction { HalfClose = true });
            clock.Close(now);
            state = State.Closing;
        }

        // Ending

        private void Fail(Fault fault, long now, List<SessionAction> actions)
        {
            end = EndOf(fault);
            SendClose(fault.Code.Value, fault.Message, now, actions);
        }

        private void Discard(long count, List<SessionAction> actions)
        {
            discarded += count;
            if (discarded >= DrainBytes) Finish(actions);
        }

        private void Finish(List<SessionAction> actions)
        {
            state = State.Closed;
            ReportEnd(actions);
        }

        private void ReportEnd(List<SessionAction> actions)
        {
            if (end == null || endIsReported) return;
            endIsReported = true;
            actions.Add(end);
        }

        private static SessionAction EndOf(Fault fault) => new SessionAction { End = fault.Name, Fault = fault };

        private static string Key(Message message) => BitConverter.ToString(message.Payload.Octets);
    }
}
