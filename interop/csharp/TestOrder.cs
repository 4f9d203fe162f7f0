using System;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Bookend;

/// <summary>The order of the checks of a frame that arrives (R3.25) and of a message that is sent (R7.18), and private kinds.</summary>
internal static partial class Test
{
    private const byte Mine = 0xC0;

    private static void Orders()
    {
        SendingIsCheckedInOneOrder();
        OwnKindsAreNotSent();
        ErrorsOfTheApplication();
        ReceivingIsCheckedInOneOrder();
        AnswersThatCannotBeRead();
        PrivateKinds();
        PrivateKindsOverStreams();
        PrivateKindsOverSockets();
    }

    /// <summary>A message that breaks two rules is refused by the name of the first one.</summary>
    private static void SendingIsCheckedInOneOrder()
    {
        var closed = new Session(Role.Server, new Hello());
        Is("malformed comes before not-open", "malformed ", Refusal(closed, Request(0)));
        Is("not-open comes before unknown-kind", "not-open ", Refusal(closed, new Message((Kind)0x20)));
        var session = Opened(Role.Server, new Hello { Hub = true });
        var big = Payload.Of(new string('x', 2000), TextEncoding.Utf16LE);
        Is("malformed comes before unknown-kind", "malformed ", Refusal(session, new Message(Kind.Presence, Payload.Of(""))));
        Is("a hub kind needs the profile", "unknown-kind ", Refusal(session, new Message(Kind.Post, big)));
        Is("a kind below 80 is not private", "unknown-kind ", Refusal(session, new Message((Kind)0x20, big)));
        Is("F0 is not private", "unknown-kind ", Refusal(session, new Message((Kind)0xF0, big)));
        Is("no-such-request comes before encoding-refused", "no-such-request ", Refusal(session, new Message(Kind.Reply, big) { Id = 7 }));
        Is("encoding-refused comes before too-long", "encoding-refused ", Refusal(session, new Message(Kind.Request, big) { Id = 1 }));
        Is("the fixed part counts", "too-long ", Refusal(session, new Message(Kind.Request, Payload.Binary(new byte[1021])) { Id = 1 }));
        Is("max body may be used", "no fault", Refusal(session, new Message(Kind.Request, Payload.Binary(new byte[1020])) { Id = 1 }));
        Is("duplicate-request comes before try-later", "duplicate-request ", Refusal(session, new Message(Kind.Request, big) { Id = 1 }));
        Is("try-later comes before encoding-refused", "try-later ", Refusal(session, new Message(Kind.Request, big) { Id = 2 }));
        var hub = Opened(Role.Server, new Hello { Hub = true }, hub: true);
        Is("unexpected-kind comes before encoding-refused", "unexpected-kind ", Refusal(hub, new Message(Kind.Post, big)));
        var marks = Payload.Decode(new byte[] { 0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF }, TextEncoding.Utf8);
        Is("a name of marks alone is empty", "malformed ", Refusal(hub, new Message(Kind.Presence, marks)));
        var unmappable = new Message(Kind.Message, Payload.Decode(new byte[] { 0xFE, 0xFF, 0xFF, 0xFE }.Concat(new byte[2000]).ToArray(), TextEncoding.Utf16BE));
        Is("encoding-refused comes before unmappable-text", "encoding-refused ", Refusal(session, unmappable));
        Is("unmappable-text comes before too-long", "unmappable-text 0", Refusal(Opened(Role.Client, new Hello(), accepted: 0x1F), unmappable));
        var marked = Payload.Decode(new byte[] { 0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF }.Concat(Payload.Utf8(new string('x', 1024))).ToArray(), TextEncoding.Utf8);
        Is("a mark is removed before the length is judged", "no fault", Refusal(session, new Message(Kind.Message, marked)));
    }

    private static void OwnKindsAreNotSent()
    {
        var session = Opened(Role.Client, new Hello());
        foreach (var message in new[] { new Message((Kind)Hello.Kind), new Message(Kind.Pong), new Message(Kind.Close, Payload.Of("normal")) })
        {
            Is(message.Kind + " is sent by the session", "unexpected-kind ", Refusal(session, message));
            Is(message.Kind + " is not sent before HELLO", "not-open ", Refusal(new Session(Role.Client, new Hello()), message));
        }
        var large = Payload.Binary(new byte[65]);
        Is("a malformed PONG is refused as such", "malformed ", Refusal(session, new Message(Kind.Pong, large)));
        Is("HELLO is refused whatever its body", "unexpected-kind ", Refusal(session, new Message((Kind)Hello.Kind, large)));
    }

    private static void ErrorsOfTheApplication()
    {
        var session = Opened(Role.Server, new Hello());
        var error = new Message(Kind.Error, Payload.Of("policy")) { Id = 5, FrameNumber = 77, Code = 1008 };
        Happens(session, new Message(Kind.Message));
        Is("a REQUEST is delivered", "Request", Happens(session, Request(5)));
        Is("the session writes the number of the REQUEST's frame", "5 2", ErrorOf(session.Send(error, 0)[0].Write));
        Is("an ERROR answers its REQUEST once", "no-such-request ", Refusal(session, error));
        Is("its id is free again", "Request", Happens(session, Request(5)));
        error.Id = 0;
        Is("an ERROR with id 0 keeps its number", "0 77", ErrorOf(session.Send(error, 0)[0].Write));
        Is("a reason of 201 bytes is too long", "too-long ", Refusal(session, new Message(Kind.Error, Payload.Of(new string('x', 201)))));
        Is("a reason of 200 bytes is not", "no fault", Refusal(session, new Message(Kind.Error, Payload.Of(new string('x', 200)))));
    }

    private static void ReceivingIsCheckedInOneOrder()
    {
        var session = Opened(Role.Client, new Hello());
        for (var count = 0; count < 10; count++) Arrives(session, 0x06, 0);
        Is("a malformed PING counts for the flood first", "ping-flood", Arrives(session, 0x06, 0, new byte[65]));
        session = Opened(Role.Server, new Hello { Accepted = 0x07, Requests = 1 });
        Arrives(session, 0x03, 2, 0, 0, 0, 1);
        Is("encoding-refused comes before bad-text", "encoding-refused", Arrives(session, 0x03, 3, 0, 0, 0, 2, 0xFF));
        Is("bad-text comes before try-later", "bad-text", Arrives(session, 0x03, 2, 0, 0, 0, 2, 0xFF));
        Is("a further REQUEST is refused", "try-later", Arrives(session, 0x03, 2, 0, 0, 0, 2));
        Is("duplicate-request comes before encoding-refused", "duplicate-request", Arrives(session, 0x03, 3, 0, 0, 0, 1, 0xFF));
        session = Opened(Role.Client, new Hello());
        Is("an ERROR about no REQUEST is delivered", "got 05", Arrives(session, 0x05, 2, 0, 0, 0, 99, 0, 0, 0, 0, 3, 0xF0));
    }

    /// <summary>A REPLY of bad text, or in an encoding that is not accepted, is an answer all the same (R3.26).</summary>
    private static void AnswersThatCannotBeRead()
    {
        var session = Opened(Role.Client, new Hello { Accepted = 0x07 });
        foreach (byte encoding in new[] { 2, 3 })
        {
            session.Send(Request(7), 0);
            Is("an unreadable REPLY fails its REQUEST", encoding == 2 ? "unreadable bad-text" : "unreadable encoding-refused", Arrives(session, 0x04, encoding, 0, 0, 0, 7, 0xFF));
            Is("a later REPLY is ignored", "", Arrives(session, 0x04, 2, 0, 0, 0, 7));
        }
    }

    private static void PrivateKinds()
    {
        var session = Opened(Role.Client, new Hello { Accepted = 0x07 });
        var marked = Payload.Decode(new byte[] { 0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF, 0x68 }, TextEncoding.Utf8);
        Is("a private kind is sent without a mark", "F5-F8-EF-02-00-00-00-01-68-F8-F5", BitConverter.ToString(session.Send(Message.Private(0xEF, marked), 0)[0].Write));
        Is("a private kind is C0 to EF", "unknown-kind ", FaultOf(() => Message.Private(0xF0, marked)));
        Is("the peer must accept the encoding", "encoding-refused ", Refusal(session, Message.Private(Mine, Payload.Of("a", TextEncoding.Utf16BE))));
        Is("a private kind is ignored whatever its text", "", Arrives(session, Mine, 2, 0xFF));
        session = Opened(Role.Client, new Hello { Accepted = 0x07 }, false, 0x07, Mine);
        Is("an agreed kind is delivered", "got c0", Arrives(session, Mine, 2, 0x61));
        Is("its text is checked", "bad-text", Arrives(session, Mine, 2, 0xFF));
        Is("its encoding is checked first", "encoding-refused", Arrives(session, Mine, 3, 0xFF));
        Is("another private kind is ignored", "", Arrives(session, 0xC1, 2, 0xFF));
    }

    private static void PrivateKindsOverStreams()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var thread = new Thread(() =>
        {
            using (var server = new StreamConnection(listener.AcceptTcpClient().GetStream(), Role.Server, new Hello()))
            {
                server.Open();
                server.Send(Message.Private(0xC1, Payload.Of("ignored")));
                server.Send(Message.Private(Mine, Payload.Of("taken")));
                while (server.Receive() != null) continue;
            }
        });
        thread.Start();
        using (var tcp = new TcpClient("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port))
        using (var client = new StreamConnection(tcp.GetStream(), Role.Client, new Hello(), null, Mine))
        {
            client.Open();
            Is("an agreed kind arrives over a stream", "taken", client.Receive().Payload.Text);
            client.Close();
            Is("the connection closes normally", "True", (client.Receive() == null).ToString());
        }
        Is("the other side ends", "True", thread.Join(10000).ToString());
        listener.Stop();
    }

    private static void PrivateKindsOverSockets()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var context = new SynchronizationContext();
        var got = "";
        using (var over = new CountdownEvent(2))
        {
            var client = new Connection(new Socket(SocketType.Stream, ProtocolType.Tcp), Role.Client, new Hello(), context);
            client.Ended += fault => over.Signal();
            client.Opened += () => client.Send(Message.Private(Mine, Payload.Of("taken")));
            client.BeginConnect("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port);
            var server = new Connection(listener.AcceptSocket(), Role.Server, new Hello(), context, Mine);
            server.Ended += fault => over.Signal();
            server.Received += message =>
            {
                got = (byte)message.Kind + " " + message.Payload.Text;
                server.Close();
            };
            server.Start();
            Is("both sides end", "True", over.Wait(10000).ToString());
        }
        listener.Stop();
        Is("an agreed kind arrives over a socket", Mine + " taken", got);
    }

    /// <summary>An open session whose peer takes bodies of 1,024 bytes and one REQUEST and, by default, no UTF-16.</summary>
    private static Session Opened(Role role, Hello own, bool hub = false, byte accepted = 0x07, params byte[] agreed)
    {
        var session = new Session(role, own, agreed);
        session.Start(0);
        var peer = new Hello { Accepted = accepted, MaxBody = 1024, Requests = 1, Hub = hub };
        var octets = new Frame(Hello.Kind, TextEncoding.Binary, peer.Body()).Encode();
        session.Receive(octets, 0, octets.Length, 0);
        return session;
    }

    private static string Refusal(Session session, Message message) => FaultOf(() => session.Send(message, 0));

    private static string ErrorOf(byte[] octets) => Decoded(octets).Id + " " + Decoded(octets).FrameNumber;

    /// <summary>What a session does when a frame arrives: the names of its ERROR or CLOSE, and what it delivers.</summary>
    private static string Arrives(Session session, byte kind, byte encoding, params byte[] body)
    {
        var octets = new Frame(kind, (TextEncoding)encoding, body).Encode();
        var items = session.Receive(octets, 0, octets.Length, 0).Select(action =>
        {
            if (action.Deliver != null) return "got " + ((byte)action.Deliver.Kind).ToString("x2");
            if (action.Unreadable != null) return "unreadable " + action.Unreadable.Name;
            if (action.Write == null) return null;
            var answer = Decoded(action.Write);
            return answer.Kind == Kind.Pong ? null : answer.Payload.Text.Split(':')[0];
        });
        return string.Join(", ", items.Where(item => item != null));
    }
}
