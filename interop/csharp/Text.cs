using System.Linq;
using System.Text;

namespace Bookend
{
    /// <summary>Text in one of the four encodings, or binary (SPEC section 5). Every value is legal.</summary>
    public sealed class Payload
    {
        private const char Bom = '\uFEFF';
        private const char NotFirst = '\uFFFE'; // illegal first in UTF-16: the byte order mark of the other order

        // Encoding.Unicode is UTF-16LE and replaces illegal text silently. These throw, although received text is checked first.
        private static readonly System.Text.Encoding[] Codecs =
        {
            null,
            System.Text.Encoding.GetEncoding("us-ascii", EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback),
            new UTF8Encoding(false, true),
            new UnicodeEncoding(true, false, true),
            new UnicodeEncoding(false, false, true),
        };

        private Payload(TextEncoding encoding, byte[] octets, string text, bool hadBom)
        {
            Encoding = encoding;
            Octets = octets;
            Text = text;
            HadBom = hadBom;
        }

        public TextEncoding Encoding { get; }
        public byte[] Octets { get; }

        /// <summary>The text, or null if the payload is binary.</summary>
        public string Text { get; }

        /// <summary>The bytes to send. A received text that still starts with a byte order mark is encoded again (R5.5, R5.15).</summary>
        public byte[] Sendable => Text != null && Text.Length > 0 && (Text[0] == Bom || Text[0] == NotFirst) ? Of(Text, Encoding).Octets : Octets;

        /// <summary>Whether a byte order mark was removed; the sender should be warned.</summary>
        public bool HadBom { get; }

        public static Payload Binary(byte[] octets) => new Payload(TextEncoding.Binary, octets, null, false);

        /// <summary>Throws Fault unmappable-text, with the offset of the character in the text's UTF-8.</summary>
        public static Payload Of(string text, TextEncoding encoding = TextEncoding.Utf8)
        {
            var value = encoding == TextEncoding.Ascii ? text : text.TrimStart(Bom);
            var wrong = UnmappableAt(value, encoding);
            if (wrong >= 0)
            {
                var at = text.Length - value.Length + wrong;
                throw new Fault("unmappable-text", "U+" + ((int)text[at]).ToString("X4") + " in " + encoding, Utf8(text.Substring(0, at)).Length);
            }
            return new Payload(encoding, Codecs[(int)encoding].GetBytes(value), value, false);
        }

        /// <summary>Text in the wanted encoding if it can carry the text, otherwise in the other one.</summary>
        public static Payload Of(string text, TextEncoding wanted, TextEncoding otherwise) =>
            wanted != TextEncoding.Binary && UnmappableAt(text.TrimStart(Bom), wanted) < 0 ? Of(text.TrimStart(Bom), wanted) : Of(text, otherwise);

        /// <summary>Decodes a received payload and removes its byte order mark. Throws Fault bad-text.</summary>
        public static Payload Decode(byte[] octets, TextEncoding encoding)
        {
            if (encoding == TextEncoding.Binary) return Binary(octets);
            var wrong = IllegalAt(octets, encoding);
            if (wrong >= 0) throw new Fault("bad-text", "byte " + wrong, wrong);
            var text = Codecs[(int)encoding].GetString(octets);
            if (text.Length == 0 || text[0] != Bom) return new Payload(encoding, octets, text, false);
            return new Payload(encoding, octets.Skip(encoding == TextEncoding.Utf8 ? 3 : 2).ToArray(), text.Substring(1), true);
        }

        public static byte[] Utf8(string value) => Codecs[2].GetBytes(value);

        /// <summary>The text of a name, or null if it is not UTF-8. A leading U+FEFF is part of it.</summary>
        public static string Line(byte[] octets) => IllegalAt(octets, TextEncoding.Utf8) < 0 ? Codecs[2].GetString(octets) : null;

        /// <summary>Whether a name is a plain line of `least` to `most` bytes of UTF-8 (R4.11).</summary>
        public static bool IsPlainLine(string value, int least, int most)
        {
            if (value == null || UnpairedAt(value) >= 0 || value.Any(IsUnprintable)) return false;
            var length = Utf8(value).Length;
            return length >= least && length <= most;
        }

        /// <summary>Text for a terminal: unprintable characters become \u{hex}.</summary>
        public static string Printable(string value)
        {
            var shown = new StringBuilder();
            foreach (var unit in value) shown.Append(IsUnprintable(unit) ? "\\u{" + ((int)unit).ToString("x") + "}" : unit.ToString());
            return shown.ToString();
        }

        public static bool IsUnprintable(char c) =>
            c < 0x20 || c >= 0x7F && c <= 0x9F || c == 0x2028 || c == 0x2029 || c == 0x061C || c == 0x200E || c == 0x200F
            || c >= 0x202A && c <= 0x202E || c >= 0x2066 && c <= 0x2069;

        private static int UnmappableAt(string text, TextEncoding encoding)
        {
            if (encoding == TextEncoding.Ascii)
            {
                for (var at = 0; at < text.Length; at++) if (text[at] > 0x7F) return at;
                return -1;
            }
            if (encoding != TextEncoding.Utf8 && text.Length > 0 && text[0] == NotFirst) return 0;
            return UnpairedAt(text);
        }

        private static int UnpairedAt(string text)
        {
            for (var at = 0; at < text.Length; at++)
            {
                if (!char.IsSurrogate(text[at])) continue;
                if (at + 1 == text.Length || !char.IsSurrogatePair(text[at], text[at + 1])) return at;
                at++;
            }
            return -1;
        }

        private static int IllegalAt(byte[] octets, TextEncoding encoding)
        {
            if (encoding == TextEncoding.Ascii)
            {
                for (var at = 0; at < octets.Length; at++) if (octets[at] > 0x7F) return at;
                return -1;
            }
            return encoding == TextEncoding.Utf8 ? IllFormedAt(octets) : IllegalUtf16At(octets, encoding == TextEncoding.Utf16LE);
        }

        private static int IllFormedAt(byte[] octets)
        {
            for (var at = 0; at < octets.Length;)
            {
                var length = SequenceLength(octets, at);
                if (length == 0) return at;
                at += length;
            }
            return -1;
        }

        /// <summary>The length of the well-formed sequence at an offset (Unicode, table 3-7), or 0 if it is ill-formed.</summary>
        private static int SequenceLength(byte[] octets, int at)
        {
            var first = octets[at];
            if (first < 0x80) return 1;
            if (first < 0xC2 || first > 0xF4) return 0;
            var length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
            if (at + length > octets.Length) return 0;
            var least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
            var most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
            if (octets[at + 1] < least || octets[at + 1] > most) return 0;
            for (var next = at + 2; next < at + length; next++) if ((octets[next] & 0xC0) != 0x80) return 0;
            return length;
        }

        private static int IllegalUtf16At(byte[] octets, bool isLittle)
        {
            var even = octets.Length & ~1;
            if (even > 0 && Unit(octets, 0, isLittle) == NotFirst) return 0;
            for (var at = 0; at < even; at += 2)
            {
                if (!char.IsSurrogate(Unit(octets, at, isLittle))) continue;
                if (at + 2 >= even || !char.IsSurrogatePair(Unit(octets, at, isLittle), Unit(octets, at + 2, isLittle))) return at;
                at += 2;
            }
            return even < octets.Length ? even : -1;
        }

        private static char Unit(byte[] octets, int at, bool isLittle) =>
            (char)(isLittle ? octets[at] | octets[at + 1] << 8 : octets[at] << 8 | octets[at + 1]);
    }
}
