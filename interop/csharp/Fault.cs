using System;
using System.Collections.Generic;
using System.Linq;

namespace Bookend
{
    /// <summary>A broken rule. Its name is the same on the wire, in logs and in every language (SPEC section 6).</summary>
    public class Fault : Exception
    {
        /// <summary>The longest reason, in bytes (R6.5).</summary>
        public const int MaxReason = 200;

        /// <summary>The offset is in bytes: in the stream for framing, in the payload for text; null if it has none.</summary>
        public Fault(string name, string detail = "", long? offset = null)
            : base(detail == "" ? name : name + ": " + detail)
        {
            Name = name;
            Detail = detail;
            Offset = offset;
        }

        public string Name { get; }
        public string Detail { get; }
        public long? Offset { get; }

        /// <summary>The u16 of CLOSE and ERROR, or null if the fault has no code on the wire.</summary>
        public virtual ushort? Code => CodeOf(Name);

        /// <summary>One line for people.</summary>
        public override string ToString() =>
            Name + (Code == null ? "" : " (" + Code + ")") + (Detail == "" ? "" : ": " + Detail);

        /// <summary>The code of a name, or null if it has none.</summary>
        public static ushort? CodeOf(string name)
        {
            foreach (var entry in Codes) if (entry.Value.Contains(name)) return entry.Key;
            return null;
        }

        /// <summary>The first name of a code in the table, or null.</summary>
        public static string FirstName(ushort code) => Codes.TryGetValue(code, out var names) ? names[0] : null;

        // SPEC section 6. The first name of a code is its preferred name.
        private static readonly Dictionary<ushort, string[]> Codes = new Dictionary<ushort, string[]>
        {
            [1000] = new[] { "normal" },
            [1001] = new[] { "going-away" },
            [1002] = new[]
            {
                "protocol-error", "unknown-encoding", "malformed", "hello-expected", "second-hello", "bad-hello",
                "bad-canary", "two-clients", "unexpected-kind", "duplicate-request", "truncated",
            },
            [1003] = new[] { "unknown-kind" },
            [1007] = new[] { "bad-text", "encoding-refused" },
            [1008] = new[] { "policy" },
            [1009] = new[] { "too-long" },
            [1011] = new[] { "internal" },
            [1013] = new[] { "try-later" },
            [4000] = new[] { "bad-start" },
            [4001] = new[] { "bad-end" },
            [4003] = new[] { "version" },
            [4004] = new[] { "hello-timeout" },
            [4005] = new[] { "idle" },
            [4006] = new[] { "slow-consumer" },
            [4007] = new[] { "rate", "ping-flood", "empty-flood" },
            [4008] = new[] { "frame-timeout" },
            [4009] = new[] { "resume-refused" },
            [4010] = new[] { "no-such-member" },
            [4011] = new[] { "unmappable-text" },
            [4012] = new[] { "cancelled" },
        };
    }

    /// <summary>The application asked to send something that this session must not send. Nothing was sent.</summary>
    public sealed class Refused : Fault
    {
        public Refused(string name, string detail) : base(name, detail) { }
    }

    /// <summary>The answer to this side's REQUEST with this id cannot be read. The session stays open.</summary>
    public sealed class Unreadable : Fault
    {
        public Unreadable(uint id, Fault fault) : base(fault.Name, fault.Detail, fault.Offset) { Id = id; }

        public uint Id { get; }
    }

    /// <summary>The peer answered a REQUEST of this side with an ERROR.</summary>
    public sealed class PeerRefused : Fault
    {
        private readonly ushort code;

        public PeerRefused(ushort code, string reason) : base(FirstName(code) ?? "code-" + code, reason) { this.code = code; }

        public override ushort? Code => code;
    }

    /// <summary>The peer closed the connection. Programs use the code; the reason is for people (R6.3).</summary>
    public sealed class PeerClosed : Fault
    {
        private readonly ushort code;

        public PeerClosed(ushort code, string reason) : base(FirstName(code) ?? "code-" + code, reason) { this.code = code; }

        public override ushort? Code => code;
    }
}
