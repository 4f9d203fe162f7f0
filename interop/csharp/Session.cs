using System;
using System.Collections.Generic;
using System.Linq;

namespace Bookend
{
    public enum Role { Client, Server }

    /// <summary>What a session wants done, in order.</summary>
    public sealed class Act
    {
        /// <summary>Send these bytes, one whole frame; else null.</summary>
        public byte[] Write { get; internal set; }

        /// <summary>A message for the application, and the frame it came in; else null.</summary>
        public Message Deliver { get; internal set; }
        public Frame Frame { get; internal set; }

        /// <summary>The answer to an own request came and cannot be read; else null.</summary>
        public Unreadable Unreadable { get; internal set; }

        /// <summary>Close the sending direction behind all that is written, and read on.</summary>
        public bool HalfClose { get; internal set; }

        /// <summary>The session is over: the first cause by name; else null.</summary>
        public string End { get; internal set; }

        /// <summary>The fault behind End; null if this side closed of its own will.</summary>
        public Fault Fault { get; internal set; }
    }

    /// <summary>
    /// What one side of a connection does, without a socket and without a clock (SPEC section 7). Times are milliseconds
    /// from any origin. Call Start first, and Tick when Deadline has come. Not thread-safe.
    /// </summary>
    public sealed class Session
    {
        private const int MaxLine = 1024; // bytes before the server's first F5 (R4.21)
        private const int MaxRequests = 64;
        private const int DrainBytes = 1 << 16;
        private const uint BeforeHello = 4096;

        private enum State { Greeting, Open, Closing, Closed }

        private readonly byte[] agreed;
        private readonly Clock clock = new Clock();
        private readonly Window pings = new Window(10, 10000), empties = new Window(1000, 1000);
        private readonly Decoder decoder = new Decoder(BeforeHello);
        private readonly HashSet<uint> asked = new HashSet<uint>(), owed = new HashSet<uint>(); // unanswered ids, own and the peer's
        private readonly HashSet<string> ponged = new HashSet<string>(); // payloads of PINGs without PONG
        private State state = State.Greeting;
        private int skipped = -1; // bytes before the first frame; -1: nothing is skipped
        private uint number; // of the frame that comes next
        private long discarded;
        private Act end;
        private bool endIsTold;

        public Session(Role role, Hello hello, params byte[] agreed)
        {
            Role = role;
            Hello = hello;
            this.agreed = agreed;
            if (role == Role.Client) skipped = 0;
        }

        public Role Role { get; }
        public Hello Hello { get; }

        /// <summary>The other side's HELLO, once accepted.</summary>
        public Hello Peer { get; private set; }

        public bool IsOpen => state == State.Open;
        public bool IsDone => state == State.Closed;
        public bool HasHub => Peer != null && Peer.Hub && Hello.Hub;

        /// <summary>When to call Tick; long.MaxValue: nothing is due.</summary>
        public long Deadline => IsDone ? long.MaxValue : clock.NextDue().Key;

        private bool Reads => state == State.Greeting || state == State.Open;

        // What the driver says

        public List<Act> Start(long now)
        {
            clock.Start(now);
            return Role == Role.Client ? new List<Act> { SendHello(now) } : new List<Act>();
        }

        public List<Act> Receive(byte[] octets, int at, int count, long now)
        {
            var acts = new List<Act>();
            if (count > 0) clock.Heard = now; // none at all are no sign of life
            if (state == State.Closing) Discard(count, acts);
            if (!Reads) return acts;
            try
            {
                FeedBehindLine(octets, at, count);
                while (Reads)
                {
                    var frame = NextFrame(now);
                    if (frame == null) return acts;
                    Take(frame, now, acts);
                }
            }
            catch (Fault fault)
            {
                Fail(fault, now, acts);
            }
            Discard(decoder.Unused, acts);
            return acts;
        }

        public List<Act> EndOfStream(long now)
        {
            var acts = new List<Act>();
            if (Reads && decoder.Pending > 0) Fail(new Fault("truncated", decoder.Pending + " bytes of a frame"), now, acts);
            else if (Reads) end = EndOf(new Fault("no-close"));
            Finish(acts);
            return acts;
        }

        /// <summary>The driver cannot go on, and closes the stream (R7.14).</summary>
        public List<Act> Abort(Fault fault)
        {
            var acts = new List<Act>();
            end = end ?? EndOf(fault);
            Finish(acts);
            return acts;
        }

        public List<Act> Tick(long now)
        {
            var acts = new List<Act>();
            while (!IsDone)
            {
                var due = clock.Overdue(now);
                if (due.Key > now) break;
                if (due.Value == "drain") Finish(acts);
                else if (due.Value == "ping") acts.Add(Write(new Message(Kind.Ping), now));
                else Fail(new Fault(due.Value), now, acts);
            }
            return acts;
        }

        /// <summary>The driver did not read for so long: the peer is not to blame for it.</summary>
        public void Excuse(long duration)
        {
            clock.Excuse(duration);
            pings.Excuse(duration);
            empties.Excuse(duration);
        }

        /// <summary>Bytes have left: a long frame in transit keeps the promise (R7.2).</summary>
        public void Wrote(long now) => clock.Wrote = now;

        // What the application says

        /// <summary>Sends a message, or throws Refused or Fault malformed and sends nothing.</summary>
        public List<Act> Send(Message message, long now)
        {
            var frame = Permit(message);
            if (message.Kind == Kind.Request) asked.Add(message.Id);
            if (message.Kind == Kind.Reply || message.Kind == Kind.Error) owed.Remove(message.Id);
            if (message.Kind == Kind.Ping) ponged.Add(Key(message));
            clock.Wrote = now;
            return new List<Act> { new Act { Write = frame.Encode() } };
        }

        /// <summary>Sends CLOSE, unless one was sent already; the reason is the code's first name if none is given.</summary>
        public List<Act> Close(ushort code, string words, long now)
        {
            var acts = new List<Act>();
            if (!Reads) return acts;
            var name = Fault.FirstName(code) ?? "";
            end = new Act { End = name == "" ? code.ToString() : name };
            SendClose(code, words ?? name, now, acts);
            return acts;
        }

        // Receiving

        /// <summary>Drops what a server says before its first frame (R4.21).</summary>
        private void FeedBehindLine(byte[] octets, int at, int count)
        {
            if (skipped >= 0)
            {
                var start = Array.IndexOf(octets, (byte)0xF5, at, count);
                var line = start < 0 ? count : start - at;
                var allowed = MaxLine - skipped;
                if (line > allowed)
                {
                    decoder.Feed(octets, at + allowed, count - allowed);
                    throw decoder.Abandon(new Fault("bad-start", "no F5 in " + (MaxLine + 1) + " bytes"), 1);
                }
                skipped = start < 0 ? skipped + line : -1;
                at += line;
                count -= line;
            }
            decoder.Feed(octets, at, count);
        }

        private Frame NextFrame(long now)
        {
            var hasHeader = decoder.Header(out var kind, out var length);
            if (hasHeader && state == State.Greeting) JudgeFirst(kind);
            var frame = decoder.Next();
            if (frame != null) clock.FrameEnds();
            else if (decoder.Pending > 0) clock.FrameGrows(hasHeader ? length : (long?)null, now);
            return frame;
        }

        /// <summary>Names early what is no HELLO (R4.3, R4.7, R4.19).</summary>
        private void JudgeFirst(byte kind)
        {
            if (kind == (byte)Kind.Close) return;
            if (kind != Hello.Kind)
                throw decoder.Abandon(new Fault("hello-expected", "found kind " + kind.ToString("x2")), Frame.HeaderLength);
            var wrong = Hello.JudgePrefix(decoder.Body(Hello.PrefixLength), out var position);
            if (wrong != null) throw decoder.Abandon(wrong, Frame.HeaderLength + position + 1);
        }

        private void Take(Frame frame, long now, List<Act> acts)
        {
            var current = unchecked(number++);
            if (state == State.Greeting && frame.Kind == Hello.Kind)
            {
                if (frame.Encoding != TextEncoding.Binary) throw new Fault("malformed", "HELLO in encoding " + (int)frame.Encoding);
                Peer = Hello.Parse(frame.Body);
                state = State.Open;
                decoder.Limit = Hello.MaxBody;
                clock.Open(Hello.Keepalive, Peer.Keepalive, now);
                if (Role == Role.Server) acts.Add(SendHello(now));
                return;
            }
            JudgeFlood(frame, now);
            JudgeKind(frame.Kind);
            Message message;
            try
            {
                message = Message.Parse(frame, agreed);
            }
            catch (Fault fault) when (fault.Name == "bad-text")
            {
                AnswerBadText(frame, current, fault, now, acts);
                return;
            }
            if (message != null) Act(message, current, frame, now, acts);
        }

        private void JudgeFlood(Frame frame, long now)
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

        private void JudgeKind(byte kind)
        {
            if (kind == Hello.Kind) throw new Fault("second-hello");
            if (!Message.IsHub(kind)) return;
            if (!HasHub) throw new Fault("unknown-kind", kind.ToString("x2") + " without the hub profile");
            if (kind == (byte)Kind.Post != (Role == Role.Server)) throw new Fault("unexpected-kind", kind.ToString("x2") + " to a " + Role);
        }

        private void Act(Message message, uint current, Frame frame, long now, List<Act> acts)
        {
            switch (message.Kind)
            {
                case Kind.Close:
                    end = new Act { End = "peer-" + message.Code, Fault = new PeerClosed(message.Code, message.Payload.Text) };
                    SendClose(message.Code, "", now, acts);
                    TellEnd(acts);
                    return;
                case Kind.Ping:
                    acts.Add(Write(new Message(Kind.Pong, message.Payload), now));
                    return;
                case Kind.Pong:
                    if (!ponged.Remove(Key(message))) return; // R3.11
                    break;
                case Kind.Error:
                    asked.Remove(message.Id);
                    break;
                default:
                    if (!Hello.Accepts(frame.Encoding))
                    {
                        AnswerBadText(frame, current, null, now, acts);
                        return;
                    }
                    if (message.Kind == Kind.Reply && !asked.Remove(message.Id)) return; // R3.14
                    if (message.Kind == Kind.Request && !Owe(message.Id, current, now, acts)) return;
                    break;
            }
            message.Number = current;
            acts.Add(new Act { Deliver = message, Frame = frame });
        }

        private bool Owe(uint id, uint current, long now, List<Act> acts)
        {
            JudgeId(id);
            if (owed.Count < MaxRequests) return owed.Add(id);
            acts.Add(SendError(id, current, new Fault("try-later", MaxRequests + " requests wait for an answer"), now));
            return false;
        }

        /// <summary>The frame was whole, so the connection lives (R5.8, R5.11).</summary>
        private void AnswerBadText(Frame frame, uint current, Fault found, long now, List<Act> acts)
        {
            var fault = Hello.Accepts(frame.Encoding) ? found : new Fault("encoding-refused", "encoding " + (int)frame.Encoding);
            var hasId = frame.Kind == (byte)Kind.Request || frame.Kind == (byte)Kind.Reply;
            var id = hasId ? (uint)BigEndian.Read(frame.Body, 0, 4) : 0;
            if (frame.Kind != (byte)Kind.Reply)
            {
                JudgeId(id);
                acts.Add(SendError(id, current, fault, now));
            }
            else if (asked.Remove(id))
            {
                // A reply never provokes a reply (R3.20): who waits for it is told on this side.
                acts.Add(new Act { Unreadable = new Unreadable(id, fault) });
            }
        }

        private void JudgeId(uint id)
        {
            if (owed.Contains(id)) throw new Fault("duplicate-request", "id " + id);
        }

        // Sending

        private Frame Permit(Message message)
        {
            if (!IsOpen) throw new Refused("not-open", "the session is not open");
            if (message.Kind == Kind.Close || message.Kind == Kind.Pong)
                throw new Refused("protocol-error", "the session sends CLOSE and PONG itself");
            var frame = message.ToFrame();
            if (Message.IsHub(frame.Kind) && !HasHub) throw new Refused("unknown-kind", frame.Kind.ToString("x2") + " without the hub profile");
            if (Message.IsHub(frame.Kind) && (message.Kind == Kind.Post) != (Role == Role.Client))
                throw new Refused("unexpected-kind", frame.Kind.ToString("x2") + " from a " + Role);
            if (!Peer.Accepts(frame.Encoding)) throw new Refused("encoding-refused", "the peer does not accept " + frame.Encoding);
            if (frame.Body.Length > Peer.MaxBody) throw new Refused("too-long", frame.Body.Length + " bytes, the peer accepts " + Peer.MaxBody);
            if (message.Kind == Kind.Request && asked.Contains(message.Id)) throw new Refused("duplicate-request", "id " + message.Id);
            if (message.Kind == Kind.Request && asked.Count >= MaxRequests)
                throw new Refused("try-later", MaxRequests + " requests wait for an answer");
            if ((message.Kind == Kind.Reply || message.Kind == Kind.Error && message.Id != 0) && !owed.Contains(message.Id))
                throw new Refused("no-such-request", "REQUEST " + message.Id + " waits for no answer");
            return frame;
        }

        private Act Write(Message message, long now)
        {
            clock.Wrote = now;
            return new Act { Write = message.ToFrame().Encode() };
        }

        private Act SendHello(long now)
        {
            clock.Wrote = now;
            return new Act { Write = new Frame(Hello.Kind, TextEncoding.Binary, Hello.Body()).Encode() };
        }

        private Act SendError(uint id, uint current, Fault fault, long now)
        {
            var wanted = Peer.Preferred == TextEncoding.Binary ? TextEncoding.Ascii : Peer.Preferred;
            var reason = Message.Reason(fault.Message, wanted);
            return Write(new Message(Kind.Error, reason) { Id = id, FrameNumber = current, Code = fault.Code.Value }, now);
        }

        private void SendClose(ushort code, string words, long now, List<Act> acts)
        {
            acts.Add(Write(new Message(Kind.Close, Message.Reason(words, TextEncoding.Ascii)) { Code = code }, now));
            acts.Add(new Act { HalfClose = true });
            clock.Close(now);
            state = State.Closing;
        }

        // Ending

        private void Fail(Fault fault, long now, List<Act> acts)
        {
            end = EndOf(fault);
            SendClose(fault.Code.Value, fault.Message, now, acts);
        }

        private void Discard(long count, List<Act> acts)
        {
            discarded += count;
            if (discarded >= DrainBytes) Finish(acts);
        }

        private void Finish(List<Act> acts)
        {
            state = State.Closed;
            TellEnd(acts);
        }

        private void TellEnd(List<Act> acts)
        {
            if (end == null || endIsTold) return;
            endIsTold = true;
            acts.Add(end);
        }

        private static Act EndOf(Fault fault) => new Act { End = fault.Name, Fault = fault };

        private static string Key(Message message) => BitConverter.ToString(message.Payload.Octets);
    }

    /// <summary>What is due when (SPEC section 7), in milliseconds.</summary>
    internal sealed class Clock
    {
        private const long Never = long.MaxValue;

        private long helloDue = Never, headerDue = Never, bodyDue = Never, drainDue = Never, idle = Never, quiet = Never;

        public long Heard { get; set; }
        public long Wrote { private get; set; }

        public void Start(long now) => helloDue = now + 5000;

        /// <summary>What is promised counts from now (R7.1).</summary>
        public void Open(int keepalive, int peerKeepalive, long now)
        {
            helloDue = Never;
            Wrote = now;
            quiet = keepalive == 0 ? Never : 1000L * keepalive;
            idle = peerKeepalive == 0 ? Never : 2000L * peerKeepalive;
        }

        public void Close(long now)
        {
            helloDue = headerDue = bodyDue = idle = quiet = Never;
            drainDue = now + 2000;
        }

        /// <summary>A part of a frame is there; its length, once its header is.</summary>
        public void FrameGrows(long? length, long now)
        {
            if (headerDue == Never) headerDue = now + 5000;
            if (length != null && bodyDue == Never) bodyDue = now + 5000 + length.Value * 1000 / 1024;
        }

        /// <summary>The driver did not read for so long: the peer is not to blame.</summary>
        public void Excuse(long duration)
        {
            Heard += duration;
            if (helloDue != Never) helloDue += duration;
            if (headerDue != Never) headerDue += duration;
            if (bodyDue != Never) bodyDue += duration;
        }

        public void FrameEnds() => headerDue = bodyDue = Never;

        /// <summary>What is due first, and when.</summary>
        public KeyValuePair<long, string> NextDue() => Earliest(Dues());

        /// <summary>The same, but a fault that is due now before a PING: whoever is gone need not be asked.</summary>
        public KeyValuePair<long, string> Overdue(long now)
        {
            var faults = Dues().Where(due => due.Key <= now && due.Value != "ping").ToArray();
            return Earliest(faults.Length > 0 ? faults : Dues());
        }

        private static KeyValuePair<long, string> Earliest(IEnumerable<KeyValuePair<long, string>> dues) =>
            dues.Aggregate((first, due) => due.Key < first.Key ? due : first);

        private KeyValuePair<long, string>[] Dues() => new[]
        {
            new KeyValuePair<long, string>(drainDue, "drain"),
            new KeyValuePair<long, string>(helloDue, "hello-timeout"),
            new KeyValuePair<long, string>(bodyDue == Never ? headerDue : bodyDue, "frame-timeout"),
            new KeyValuePair<long, string>(idle == Never ? Never : Heard + idle, "idle"),
            new KeyValuePair<long, string>(quiet == Never ? Never : Wrote + quiet, "ping"),
        };
    }

    /// <summary>Admits so many events in any period.</summary>
    internal sealed class Window
    {
        private readonly Queue<long> times = new Queue<long>();
        private readonly int count;
        private readonly long period;
        private long spare; // events that are admitted because they may have waited

        public Window(int count, long period)
        {
            this.count = count;
            this.period = period;
        }

        public bool Admits(long now)
        {
            if (times.Count == count && now - times.Peek() < period && --spare < 0)
            {
                spare = 0;
                return false;
            }
            if (times.Count == count) times.Dequeue();
            times.Enqueue(now);
            return true;
        }

        public void Clear() => times.Clear();

        public void Excuse(long duration) => spare += duration * count / period;
    }
}
