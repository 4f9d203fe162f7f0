using System.Collections.Generic;
using System.Linq;

namespace Bookend
{
    /// <summary>HELLO, the first frame of each side (SPEC section 4).</summary>
    public sealed class Hello
    {
        public const byte Kind = 0x01;
        private const int Length = 24; // bytes, without options
        private const int Options = 8; // the highest type
        private const int Unassigned = 6; // a type that is not an option
        private static readonly byte[] Prefix = { 0x42, 0x4B, 0x4E, 0x44, 0x0D, 0x0A, 0x1A, 0x0A, 0xFF, 0x11, 0x0D, 0x00 };

        public static int PrefixLength => Prefix.Length;

        public byte Major { get; } = 1;
        public byte Minor { get; set; }
        public byte Accepted { get; set; } = 0x1F;
        public TextEncoding Preferred { get; set; }
        public uint MaxBody { get; set; } = 1 << 20;
        public ushort Keepalive { get; set; } = 30;
        public bool Hub { get; set; }
        public string Name { get; set; }
        public string Room { get; set; }
        public byte[] Token { get; set; }
        public ulong? Resume { get; set; }
        public string Software { get; set; }

        /// <summary>Whether the sender is the client. A Session sets it in its own HELLO.</summary>
        public bool Client { get; set; }

        /// <summary>How many REQUESTs of the other side may be unanswered (R3.16); null stands for 64.</summary>
        public uint? Requests { get; set; }

        /// <summary>The same HELLO as the one that this side of a connection sends (R4.23).</summary>
        internal Hello Of(Role role)
        {
            var hello = (Hello)MemberwiseClone();
            hello.Client = role == Role.Client;
            return hello;
        }

        public bool Accepts(TextEncoding encoding) => (Accepted >> (int)encoding & 1) == 1;

        /// <summary>The body of the frame, with the options in the order of their types. Throws Fault bad-hello.</summary>
        public byte[] Body()
        {
            CheckFields();
            var fixedPart = new byte[Length];
            Prefix.CopyTo(fixedPart, 0);
            fixedPart[12] = Major;
            fixedPart[13] = Minor;
            fixedPart[14] = Accepted;
            fixedPart[15] = (byte)Preferred;
            BigEndian.Write(fixedPart, 16, 4, MaxBody);
            BigEndian.Write(fixedPart, 20, 2, Keepalive);
            fixedPart[23] = (byte)(Hub ? 1 : 0);
            var octets = new List<byte>(fixedPart);
            byte[] resume = null, requests = null;
            if (Resume != null) BigEndian.Write(resume = new byte[8], 0, 8, Resume.Value);
            if (Requests != null) BigEndian.Write(requests = new byte[4], 0, 4, Requests.Value);
            var options = new[] { Octets(Name), Octets(Room), Token, resume, Octets(Software), null, Client ? new byte[0] : null, requests };
            for (var at = 0; at < options.Length; at++)
            {
                if (options[at] == null) continue;
                octets.Add((byte)(at + 1));
                octets.Add((byte)options[at].Length);
                octets.AddRange(options[at]);
            }
            return octets.ToArray();
        }

        /// <summary>Decodes a body and checks it in the order of R4.19. Throws Fault bad-hello, bad-canary or version.</summary>
        public static Hello Parse(byte[] body)
        {
            var wrong = CheckPrefix(body, out _);
            if (wrong != null) throw wrong;
            Check(body.Length >= Length, body.Length + " bytes");
            if (body[12] != 1) throw new Fault("version", "found major version " + body[12] + ", this side has 1");
            var options = new byte[Options + 1][];
            for (var at = Length; at < body.Length;)
            {
                Check(at + 2 <= body.Length && at + 2 + body[at + 1] <= body.Length, "an option runs past the end");
                if (body[at] >= 1 && body[at] <= Options && body[at] != Unassigned)
                {
                    Check(options[body[at]] == null, "option " + body[at] + " appears twice");
                    options[body[at]] = body.Skip(at + 2).Take(body[at + 1]).ToArray();
                }
                at += 2 + body[at + 1];
            }
            Check(options[4] == null || options[4].Length == 8, "resume is not eight bytes");
            Check(options[7] == null || options[7].Length == 0, "client has a value");
            Check(options[8] == null || options[8].Length == 4, "requests is not four bytes");
            var hello = new Hello
            {
                Minor = body[13],
                Accepted = (byte)(body[14] & 0x1F),
                Preferred = (TextEncoding)body[15],
                MaxBody = (uint)BigEndian.Read(body, 16, 4),
                Keepalive = (ushort)BigEndian.Read(body, 20, 2),
                Hub = (body[23] & 1) == 1,
                Name = Line(options[1]),
                Room = Line(options[2]),
                Token = options[3],
                Resume = options[4] == null ? (ulong?)null : BigEndian.Read(options[4], 0, 8),
                Software = Line(options[5]),
                Client = options[7] != null,
                Requests = options[8] == null ? (uint?)null : (uint)BigEndian.Read(options[8], 0, 4),
            };
            hello.CheckFields();
            return hello;
        }

        /// <summary>Checks as much of the magic and canary as has arrived (R4.7). Returns null if nothing is wrong.</summary>
        public static Fault CheckPrefix(byte[] body, out int position)
        {
            for (position = 0; position < body.Length && position < Prefix.Length; position++)
                if (body[position] != Prefix[position])
                    return position < 4
                        ? new Fault("bad-hello", "byte " + position + " of the magic is " + body[position].ToString("x2"))
                        : new Fault("bad-canary", "byte " + (position - 4) + " is " + body[position].ToString("x2"));
            return null;
        }

        private void CheckFields()
        {
            Check((Accepted & ~0x1F) == 0 && (Accepted & 7) == 7, "accepted is " + Accepted.ToString("x2"));
            Check((byte)Preferred <= 4 && Accepts(Preferred), "preferred is " + (byte)Preferred);
            Check(MaxBody >= 1024 && MaxBody <= Frame.MaxLength, "max body is " + MaxBody);
            foreach (var line in new[] { Name, Room, Software })
                Check(line == null || Payload.IsPlainLine(line, 1, 64), "an option is not a plain line of 1 to 64 bytes");
            Check(Token == null || Token.Length >= 1 && Token.Length <= 255, "token is not 1 to 255 bytes");
        }

        private static string Line(byte[] octets)
        {
            if (octets == null) return null;
            var line = Payload.Line(octets);
            Check(line != null, "an option is not UTF-8");
            return line;
        }

        private static byte[] Octets(string line) => line == null ? null : Payload.Utf8(line);

        private static void Check(bool holds, string detail)
        {
            if (!holds) throw new Fault("bad-hello", detail);
        }
    }
}
