using System.Linq;

namespace Bookend
{
    /// <summary>The kinds of SPEC section 3, without HELLO.</summary>
    public enum Kind : byte
    {
        Message = 0x02, Request = 0x03, Reply = 0x04, Error = 0x05, Ping = 0x06, Pong = 0x07, Close = 0x08,
        Welcome = 0x10, Presence = 0x11, Post = 0x12, Delivery = 0x13, Gap = 0x14, Cancel = 0x81,
    }

    /// <summary>The event of a PRESENCE. With Crowd, Member is the number of members in the room.</summary>
    public enum PresenceEvent : byte { Here = 0, Joined = 1, Left = 2, Crowd = 3 }

    /// <summary>A decoded frame. Its kind determines which properties are used (SPEC sections 3 and 9).</summary>
    public sealed class Message
    {
        internal const int ErrorFixed = 10, CloseFixed = 2; // bytes before the reason
        private const int MaxPing = 64; // bytes

        public Message(Kind kind, Payload payload = null)
        {
            Kind = kind;
            Payload = payload ?? Payload.Binary(new byte[0]);
        }

        /// <summary>Of a message of a private kind: its byte, such as (Kind)0xC0.</summary>
        public Kind Kind { get; }

        /// <summary>Also a reason, a greeting, or the name in a PRESENCE.</summary>
        public Payload Payload { get; private set; }

        public uint Id { get; set; }
        public uint FrameNumber { get; set; }
        public ushort Code { get; set; }
        public uint Member { get; set; }
        public PresenceEvent Event { get; set; }
        public uint From { get; set; }
        public uint To { get; set; }
        public ulong Seq { get; set; }
        public ulong Time { get; set; }
        public string Name { get; set; } = "";
        public ulong Missed { get; set; }

        /// <summary>The number of the frame that carried the message, for an ERROR that answers it.</summary>
        public uint Number { get; internal set; }

        /// <summary>
        /// A message of a private kind, C0 to EF, whose meaning the applications have agreed on (R3.7). Throws Fault unknown-kind for
        /// any other kind.
        /// </summary>
        public static Message Private(byte kind, Payload payload)
        {
            if (!IsPrivate(kind)) throw new Fault("unknown-kind", kind.ToString("x2") + " is not private");
            return new Message((Kind)kind, payload);
        }

        public static bool IsHub(byte kind) => kind >= 0x10 && kind <= 0x14;

        public static bool IsPrivate(byte kind) => kind >= 0xC0 && kind <= 0xEF;

        /// <summary>
        /// Decodes a frame, with the hub profile in force. Returns null if the kind must be ignored (R3.6).
        /// Throws Fault unknown-kind, malformed or bad-text.
        /// </summary>
        public static Message Parse(Frame frame, params byte[] agreed)
        {
            var body = frame.Body;
            if (IsPrivate(frame.Kind) && agreed.Contains(frame.Kind)) return new Message((Kind)frame.Kind, Payload.Decode(body, frame.Encoding));
            if (frame.Kind >= 0x80 && !IsKnown(frame.Kind)) return null;
            if (!IsKnown(frame.Kind)) throw new Fault("unknown-kind", "found " + frame.Kind.ToString("x2"));
            var message = new Message((Kind)frame.Kind);
            Check(message.Allows(frame.Encoding), "kind " + frame.Kind.ToString("x2") + " in encoding " + (int)frame.Encoding);
            var reader = new Fields(body);
            message.Exchange(reader);
            Check(reader.IsWhole, "kind " + frame.Kind.ToString("x2") + " with " + body.Length + " bytes");
            if (message.Kind == Kind.Delivery) reader.ReadName(message);
            message.CheckFields();
            message.Payload = message.DecodeRest(reader.Rest(), frame.Encoding);
            message.CheckPayload();
            return message;
        }

        /// <summary>Encodes the message as a frame. Throws Fault malformed or unmappable-text.</summary>
        public Frame ToFrame()
        {
            Check();
            var writer = new Fields(null);
            Exchange(writer);
            if (Kind == Kind.Delivery) writer.WriteName(this);
            return new Frame((byte)Kind, Payload.Encoding, writer.Written.Concat(Payload.Sendable).ToArray());
        }

        /// <summary>Checks everything but whether the text can be sent (R5.15). Throws Fault malformed.</summary>
        internal void Check()
        {
            Check(Allows(Payload.Encoding), Kind + " in encoding " + (int)Payload.Encoding);
            CheckFields();
            CheckPayload();
            Check(Kind != Kind.Presence || Payload.Text.TrimStart('\uFEFF') != "", "the name has only byte order marks");
        }

        /// <summary>A reason of at most 200 bytes (R6.5), truncated between characters.</summary>
        public static Payload Reason(string text, TextEncoding wanted)
        {
            for (;; text = text.Substring(0, text.Length - (text.Length > 1 && char.IsLowSurrogate(text[text.Length - 1]) ? 2 : 1)))
            {
                if (text.Length > Fault.MaxReason) continue;
                var payload = Payload.Of(text, wanted, TextEncoding.Utf8);
                if (payload.Octets.Length <= Fault.MaxReason) return payload;
            }
        }

        /// <summary>Whether the kind is in the table of section 3, without HELLO, or private.</summary>
        internal static bool IsListed(byte kind) => IsPrivate(kind) || IsKnown(kind);

        private static bool IsKnown(byte kind) => kind >= 0x02 && kind <= 0x08 || IsHub(kind) || kind == (byte)Kind.Cancel;

        private bool Allows(TextEncoding encoding)
        {
            switch (Kind)
            {
                case Kind.Ping: case Kind.Pong: case Kind.Gap: case Kind.Cancel: return encoding == TextEncoding.Binary;
                case Kind.Error: case Kind.Close: case Kind.Welcome: case Kind.Presence: return encoding != TextEncoding.Binary;
                default: return true;
            }
        }

        /// <summary>Reads or writes the fixed part.</summary>
        private void Exchange(Fields fields)
        {
            switch (Kind)
            {
                case Kind.Request: case Kind.Reply: case Kind.Cancel: Id = (uint)fields.Next(4, Id); break;
                case Kind.Error:
                    Id = (uint)fields.Next(4, Id);
                    FrameNumber = (uint)fields.Next(4, FrameNumber);
                    Code = (ushort)fields.Next(2, Code);
                    break;
                case Kind.Close: Code = (ushort)fields.Next(2, Code); break;
                case Kind.Welcome:
                    Member = (uint)fields.Next(4, Member);
                    Seq = fields.Next(8, Seq);
                    break;
                case Kind.Presence:
                    Member = (uint)fields.Next(4, Member);
                    Event = (PresenceEvent)fields.Next(1, (ulong)Event);
                    break;
                case Kind.Post: To = (uint)fields.Next(4, To); break;
                case Kind.Delivery:
                    From = (uint)fields.Next(4, From);
                    To = (uint)fields.Next(4, To);
                    Seq = fields.Next(8, Seq);
                    Time = fields.Next(8, Time);
                    fields.NameLength = (int)fields.Next(1, (ulong)Payload.Utf8(Name).Length);
                    break;
                case Kind.Gap: Missed = fields.Next(8, Missed); break;
            }
        }

        private Payload DecodeRest(byte[] rest, TextEncoding encoding)
        {
            if (Kind != Kind.Error && Kind != Kind.Close) return Payload.Decode(rest, encoding);
            try
            {
                return Payload.Decode(rest, encoding);
            }
            catch (Fault)
            {
                return Payload.Of("", encoding); // R3.21
            }
        }

        private void CheckFields()
        {
            if (Kind == Kind.Request || Kind == Kind.Reply || Kind == Kind.Cancel) Check(Id != 0, "id is 0");
            if (Kind == Kind.Presence) Check(Event <= PresenceEvent.Crowd, "event is " + (byte)Event);
            if (Kind == Kind.Delivery) Check(Payload.IsPlainLine(Name, 0, 64), "the name is not a plain line of at most 64 bytes");
        }

        private void CheckPayload()
        {
            var length = Payload.Octets.Length;
            if (Kind == Kind.Ping || Kind == Kind.Pong) Check(length <= MaxPing, length + " bytes");
            if (Kind == Kind.Gap || Kind == Kind.Cancel) Check(length == 0, "a " + Kind + " with a payload");
            if (Kind == Kind.Presence) Check(Payload.IsPlainLine(Payload.Text, 1, 64), "the name is not a plain line of 1 to 64 bytes");
        }

        private static void Check(bool holds, string detail)
        {
            if (!holds) throw new Fault("malformed", detail);
        }

        /// <summary>Reads numbers from a body, or writes them.</summary>
        private sealed class Fields
        {
            private readonly byte[] body; // null when writing
            private int at;

            public Fields(byte[] body) { this.body = body; }

            public int NameLength { get; set; }
            public bool IsWhole { get; private set; } = true;
            public byte[] Written { get; private set; } = new byte[0];

            public ulong Next(int width, ulong value)
            {
                if (body == null)
                {
                    var octets = new byte[width];
                    BigEndian.Write(octets, 0, width, value);
                    Written = Written.Concat(octets).ToArray();
                    return value;
                }
                IsWhole = IsWhole && at + width <= body.Length;
                if (!IsWhole) return 0;
                at += width;
                return BigEndian.Read(body, at - width, width);
            }

            public void ReadName(Message message)
            {
                Check(NameLength <= 64 && at + NameLength <= body.Length, "the name has " + NameLength + " bytes");
                message.Name = Payload.Line(body.Skip(at).Take(NameLength).ToArray());
                at += NameLength;
            }

            public void WriteName(Message message) => Written = Written.Concat(Payload.Utf8(message.Name)).ToArray();

            public byte[] Rest() => body.Skip(at).ToArray();
        }
    }
}
