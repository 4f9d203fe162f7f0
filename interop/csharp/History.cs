using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Bookend
{
    /// <summary>Asks a hub for messages that it has kept: the payload of a REQUEST (SPEC section 9, History).</summary>
    public sealed class Query
    {
        /// <summary>Greater than the number of any message.</summary>
        public const ulong Now = ulong.MaxValue;

        private const int FixedLength = 13; // bytes before the text
        private const int MaxText = 256; // bytes
        private const byte Last = 1, Search = 2;

        // Throws, and keeps a byte order mark, which is a part of the text.
        private static readonly UTF8Encoding Strict = new UTF8Encoding(false, true);

        private readonly byte[] octets;

        /// <summary>
        /// The last messages whose Seq is less than `before`, or the last ones that contain a text, in upper or lower case.
        /// Throws ArgumentException.
        /// </summary>
        public Query(ulong before = Now, uint count = 50, string text = null)
        {
            octets = text == null ? new byte[0] : Strict.GetBytes(text);
            if (count == 0) throw new ArgumentOutOfRangeException(nameof(count), "at least 1");
            if (text != null && (octets.Length == 0 || octets.Length > MaxText)) throw new ArgumentException("1 to 256 bytes", nameof(text));
            Before = before;
            Count = count;
            Text = text;
        }

        public ulong Before { get; }
        public uint Count { get; }

        /// <summary>The text that is searched for, or null.</summary>
        public string Text { get; }

        /// <summary>The payload of the REQUEST.</summary>
        public Payload Encode()
        {
            var bytes = new byte[FixedLength];
            bytes[0] = Text == null ? Last : Search;
            BigEndian.Write(bytes, 1, 8, Before);
            BigEndian.Write(bytes, 9, 4, Count);
            return Payload.Binary(bytes.Concat(octets).ToArray());
        }

        /// <summary>The query in the payload of a REQUEST, or null if it is none: a hub answers it with `policy`.</summary>
        public static Query Parse(Payload payload)
        {
            var bytes = payload.Octets;
            if (payload.Encoding != TextEncoding.Binary || bytes.Length < FixedLength) return null;
            var hasText = bytes.Length > FixedLength;
            if (bytes[0] != (hasText ? Search : Last)) return null;
            try
            {
                var text = hasText ? Strict.GetString(bytes, FixedLength, bytes.Length - FixedLength) : null;
                return new Query(BigEndian.Read(bytes, 1, 8), (uint)BigEndian.Read(bytes, 9, 4), text);
            }
            catch (ArgumentException)
            {
                return null;
            }
        }
    }

    /// <summary>Messages that a hub has kept, oldest first: the payload of a REPLY (SPEC section 9, History).</summary>
    public sealed class Page
    {
        private Page(ulong? lostBefore, IReadOnlyList<Message> entries)
        {
            LostBefore = lostBefore;
            Entries = entries;
        }

        /// <summary>
        /// If nothing earlier matches, how many earlier messages of the room are not there, 0 after a search. Null if there may
        /// be more: ask again before the first one.
        /// </summary>
        public ulong? LostBefore { get; }

        /// <summary>Of the kind Delivery, or Gap where messages are not there.</summary>
        public IReadOnlyList<Message> Entries { get; }

        /// <summary>The page in the payload of a REPLY. Throws Fault malformed if it is none.</summary>
        public static Page Parse(Payload payload)
        {
            var entries = payload.Encoding == TextEncoding.Binary ? EntriesOf(payload.Octets) : new List<Message>();
            if (entries.Count == 0) throw new Fault("malformed", "the answer is not a page of history");
            if (entries[0].Kind != Kind.Gap) return new Page(null, entries);
            return new Page(entries[0].Missed, entries.Skip(1).ToList());
        }

        /// <summary>None if a frame is cut short, is of another kind or breaks a rule.</summary>
        private static List<Message> EntriesOf(byte[] octets)
        {
            var decoder = new Decoder(Frame.MaxLength);
            decoder.Feed(octets, 0, octets.Length);
            var entries = new List<Message>();
            try
            {
                for (var frame = decoder.Next(); frame != null; frame = decoder.Next()) entries.Add(Message.Parse(frame));
            }
            catch (Fault)
            {
                return new List<Message>();
            }
            var isPage = decoder.Pending == 0 && entries.All(entry => entry != null && (entry.Kind == Kind.Delivery || entry.Kind == Kind.Gap));
            return isPage ? entries : new List<Message>();
        }
    }
}
