using System.Collections.Generic;

namespace Bookend
{
    /// <summary>The unanswered REQUESTs of both sides of a session (SPEC section 3).</summary>
    internal sealed class Requests
    {
        private const uint Max = 64; // in one direction, if HELLO does not say otherwise

        private readonly HashSet<uint> asked = new HashSet<uint>(); // ids of this side's

        // Ids of the peer's, and the numbers of their frames; sorted, because the peer chooses ids that collide in a hash table.
        private readonly SortedDictionary<uint, uint> owed = new SortedDictionary<uint, uint>();

        public bool Asks(uint id) => asked.Contains(id);

        /// <summary>An answer to a REQUEST of this side has arrived. Returns false if none is unanswered.</summary>
        public bool Answer(uint id) => asked.Remove(id);

        /// <summary>Removes a REQUEST of the peer, which had this frame. Returns false if it is not unanswered.</summary>
        public bool Cancel(uint id, out uint frame) => owed.TryGetValue(id, out frame) && owed.Remove(id);

        /// <summary>The number of the frame of the peer's unanswered REQUEST.</summary>
        public uint FrameOf(uint id) => owed[id];

        /// <summary>Throws Fault duplicate-request if a REQUEST of the peer with this id is unanswered.</summary>
        public void CheckNew(uint id)
        {
            if (owed.ContainsKey(id)) throw new Fault("duplicate-request", "id " + id);
        }

        /// <summary>Adds a REQUEST of the peer. Returns false if there are too many. Throws Fault duplicate-request.</summary>
        public bool Owe(uint id, uint frame, Hello own)
        {
            CheckNew(id);
            if (owed.Count >= Limit(own)) return false;
            owed.Add(id, frame);
            return true;
        }

        /// <summary>Throws Refused if the id of a message forbids to send it.</summary>
        public void Permit(Message message, Hello peer)
        {
            var isAnswer = message.Kind == Kind.Reply || message.Kind == Kind.Error && message.Id != 0;
            if (isAnswer && !owed.ContainsKey(message.Id) || message.Kind == Kind.Cancel && !asked.Contains(message.Id))
                throw new Refused("no-such-request", "no REQUEST " + message.Id + " is unanswered");
            if (message.Kind != Kind.Request) return;
            if (asked.Contains(message.Id)) throw new Refused("duplicate-request", "id " + message.Id);
            if (asked.Count >= Limit(peer)) throw new Refused("try-later", Limit(peer) + " requests are unanswered");
        }

        /// <summary>A permitted message was sent.</summary>
        public void Sent(Message message)
        {
            if (message.Kind == Kind.Request) asked.Add(message.Id);
            if (message.Kind == Kind.Reply || message.Kind == Kind.Error) owed.Remove(message.Id);
        }

        /// <summary>How many REQUESTs of the other side the sender of a HELLO takes (R3.16).</summary>
        private static uint Limit(Hello hello) => hello.Requests ?? Max;
    }
}
