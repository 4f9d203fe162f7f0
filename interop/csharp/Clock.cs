using System.Collections.Generic;
using System.Linq;

namespace Bookend
{
    /// <summary>The deadlines of a session (SPEC section 7), in milliseconds.</summary>
    internal sealed class Clock
    {
        private const long Never = long.MaxValue;

        private long helloDue = Never, headerDue = Never, bodyDue = Never, drainDue = Never;
        private long idleTimeout = Never, pingInterval = Never; // longest allowed silence of the peer, of this side

        public long LastReceived { get; set; }
        public long LastSent { private get; set; }

        public void Start(long now) => helloDue = now + 5000;

        /// <summary>Starts both keepalives, in seconds; 0 = no promise. They count from now (R7.1).</summary>
        public void Open(int keepalive, int peerKeepalive, long now)
        {
            helloDue = Never;
            LastSent = now;
            pingInterval = keepalive == 0 ? Never : 1000L * keepalive;
            idleTimeout = peerKeepalive == 0 ? Never : 2000L * peerKeepalive;
        }

        public void Close(long now)
        {
            helloDue = headerDue = bodyDue = idleTimeout = pingInterval = Never;
            drainDue = now + 2000;
        }

        /// <summary>A part of a frame has arrived; length is null until its header has.</summary>
        public void FrameGrows(long? length, long now)
        {
            if (headerDue == Never) headerDue = now + 5000;
            if (length != null && bodyDue == Never) bodyDue = now + 5000 + length.Value * 1000 / 1024;
        }

        /// <summary>Extends the peer's deadlines by the time for which the driver did not read.</summary>
        public void Excuse(long duration)
        {
            LastReceived += duration;
            if (helloDue != Never) helloDue += duration;
            if (headerDue != Never) headerDue += duration;
            if (bodyDue != Never) bodyDue += duration;
        }

        public void FrameEnds() => headerDue = bodyDue = Never;

        /// <summary>The earliest task and its time.</summary>
        public KeyValuePair<long, string> NextDue() => Earliest(Dues());

        /// <summary>The same, but faults that are due come before a PING: a dead peer needs no PING.</summary>
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
            new KeyValuePair<long, string>(idleTimeout == Never ? Never : LastReceived + idleTimeout, "idle"),
            new KeyValuePair<long, string>(pingInterval == Never ? Never : LastSent + pingInterval, "ping"),
        };
    }

    /// <summary>Admits at most `count` events in any `period`.</summary>
    internal sealed class Window
    {
        private readonly Queue<long> times = new Queue<long>();
        private readonly int count;
        private readonly long period;
        private long spare; // extra events to admit, because they may have waited unread

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
