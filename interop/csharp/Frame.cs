using System;

namespace Bookend
{
    /// <summary>The fourth byte of a header: how a payload's text is encoded.</summary>
    public enum TextEncoding : byte { Binary = 0, Ascii = 1, Utf8 = 2, Utf16BE = 3, Utf16LE = 4 }

    /// <summary>One unit on the wire (SPEC section 2).</summary>
    public sealed class Frame
    {
        public const int HeaderLength = 8;
        public const uint MaxLength = 0x7FFFFFFF;

        public Frame(byte kind, TextEncoding encoding, byte[] body)
        {
            Kind = kind;
            Encoding = encoding;
            Body = body;
        }

        public byte Kind { get; }
        public TextEncoding Encoding { get; }
        public byte[] Body { get; }

        /// <summary>The bytes of the frame.</summary>
        public byte[] Encode()
        {
            var octets = new byte[HeaderLength + Body.Length + 2];
            octets[0] = 0xF5;
            octets[1] = 0xF8;
            octets[2] = Kind;
            octets[3] = (byte)Encoding;
            BigEndian.Write(octets, 4, 4, (ulong)Body.Length);
            Body.CopyTo(octets, HeaderLength);
            octets[octets.Length - 2] = 0xF8;
            octets[octets.Length - 1] = 0xF5;
            return octets;
        }
    }

    /// <summary>Numbers in network byte order.</summary>
    internal static class BigEndian
    {
        public static ulong Read(byte[] octets, int at, int width)
        {
            ulong value = 0;
            for (var i = 0; i < width; i++) value = value << 8 | octets[at + i];
            return value;
        }

        public static void Write(byte[] octets, int at, int width, ulong value)
        {
            for (var i = width - 1; i >= 0; i--, value >>= 8) octets[at + i] = (byte)value;
        }
    }

    /// <summary>
    /// Turns bytes into frames, wherever reads split them: Feed what was read, then call Next until it returns null.
    /// Memory grows with the bytes that have arrived, never with a claimed length. A fault is sticky. Not thread-safe.
    /// </summary>
    public sealed class Decoder
    {
        private static readonly byte[] Start = { 0xF5, 0xF8 };
        private static readonly byte[] End = { 0xF8, 0xF5 };

        private byte[] buffer = new byte[0];
        private int from, to; // the next frame's bytes in the buffer
        private long start, examined; // offsets in the stream: of the next frame, and after the last byte that was examined
        private Fault fault;

        public Decoder(uint limit) { Limit = limit; }

        /// <summary>The longest allowed body, in bytes. It may change between frames.</summary>
        public uint Limit { get; set; }

        /// <summary>The number of bytes of the next frame that have arrived; 0 between frames.</summary>
        public int Pending => to - from;

        /// <summary>The number of bytes that have arrived after the last one that was examined.</summary>
        public long Unused => start + Pending - examined;

        /// <summary>Adds bytes that have arrived.</summary>
        public void Feed(byte[] octets, int at, int count)
        {
            var pending = Pending;
            if (to + count > buffer.Length)
            {
                var roomy = 2L * (pending + count) <= buffer.Length ? buffer : new byte[checked(2 * (pending + count))];
                Buffer.BlockCopy(buffer, from, roomy, 0, pending);
                buffer = roomy;
                from = 0;
                to = pending;
            }
            Buffer.BlockCopy(octets, at, buffer, to, count);
            to += count;
        }

        /// <summary>Whether the header of the next frame is complete. Throws Fault bad-start, unknown-encoding or too-long.</summary>
        public bool Header(out byte kind, out uint length)
        {
            kind = 0;
            length = 0;
            if (fault != null) throw fault;
            for (var at = 0; at < 2 && at < Pending; at++)
                if (buffer[from + at] != Start[at]) throw Fail("bad-start", at, Found(at));
            if (Pending >= 4 && buffer[from + 3] > 4) throw Fail("unknown-encoding", 3, Found(3));
            if (Pending < Frame.HeaderLength) return false;
            kind = buffer[from + 2];
            length = (uint)BigEndian.Read(buffer, from + 4, 4);
            if (length > Limit || length > Frame.MaxLength)
                throw Fail("too-long", 4, length + " bytes, the limit is " + Limit, 4);
            return true;
        }

        /// <summary>A copy of at most `count` received bytes of the body. They are not verified; use them only for early faults (R4.7).</summary>
        public byte[] Body(int count)
        {
            if (!Header(out _, out var length)) return new byte[0];
            var octets = new byte[(int)Math.Min(Math.Min(count, length), Pending - Frame.HeaderLength)];
            Buffer.BlockCopy(buffer, from + Frame.HeaderLength, octets, 0, octets.Length);
            return octets;
        }

        /// <summary>The next frame, or null while it is not complete. Throws Fault.</summary>
        public Frame Next()
        {
            if (!Header(out var kind, out var length)) return null;
            var end = Frame.HeaderLength + (long)length;
            for (var at = 0; at < 2 && end + at < Pending; at++)
                if (buffer[from + end + at] != End[at]) throw Fail("bad-end", end + at, Found(end + at));
            if (Pending < end + 2) return null;
            var body = new byte[length];
            Buffer.BlockCopy(buffer, from + Frame.HeaderLength, body, 0, body.Length);
            var frame = new Frame(kind, (TextEncoding)buffer[from + 3], body);
            from += (int)end + 2;
            examined = start += end + 2;
            if (from == to) from = to = 0;
            return frame;
        }

        /// <summary>Makes a fault in the first `length` bytes of the next frame sticky, and returns it.</summary>
        public Fault Fail(Fault found, long length)
        {
            examined = start + length;
            return fault = found;
        }

        private string Found(long at) => "found " + buffer[from + at].ToString("x2");

        private Fault Fail(string name, long at, string detail, int width = 1) =>
            Fail(new Fault(name, detail, start + at), at + width);
    }
}
