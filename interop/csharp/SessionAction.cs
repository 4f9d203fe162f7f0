namespace Bookend
{
    /// <summary>Something that the driver must do for a session.</summary>
    public sealed class SessionAction
    {
        /// <summary>Write these bytes, one whole frame; otherwise null.</summary>
        public byte[] Write { get; internal set; }

        /// <summary>Deliver this message to the application; otherwise null. Frame is its frame.</summary>
        public Message Deliver { get; internal set; }
        public Frame Frame { get; internal set; }

        /// <summary>Report that the answer to a request cannot be read; otherwise null.</summary>
        public Unreadable Unreadable { get; internal set; }

        /// <summary>Close the sending direction after all writes, and keep reading.</summary>
        public bool HalfClose { get; internal set; }

        /// <summary>The session is over: the name of its first cause; otherwise null.</summary>
        public string End { get; internal set; }

        /// <summary>The fault of End, or null if this side closed without a fault.</summary>
        public Fault Fault { get; internal set; }
    }
}
