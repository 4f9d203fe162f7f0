using System;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;
using Bookend;

/// <summary>The tests of this peer. Prints each failure and exits with 1 if there is any.</summary>
internal static partial class Test
{
    private static int failures;

    // When Main returns, mono may wait up to a minute for idle threads of the pool. Exit does not wait.
    private static void Main() => Environment.Exit(Run());

    private static int Run()
    {
        Is("a frame matches the example of SPEC section 2", "F5-F8-02-02-00-00-00-02-68-69-F8-F5",
            BitConverter.ToString(new Message(Kind.Message, Payload.Of("hi")).ToFrame().Encode()));
        Is("length over the limit fails before the body arrives", "too-long 4", FaultOf(() =>
        {
            var decoder = new Decoder(1024);
            decoder.Feed(new byte[] { 0xF5, 0xF8, 2, 2, 0, 0, 4, 1 }, 0, 8);
            decoder.Next();
        }));
        Is("an odd byte in UTF-16 is bad-text", "bad-text 2", FaultOf(() => Payload.Decode(new byte[] { 0x61, 0, 0x61 }, TextEncoding.Utf16LE)));
        Is("a lone surrogate is not replaced", "unmappable-text 1", FaultOf(() => Payload.Of("a\ud800")));
        Is("a forwarded payload has no byte order mark", "68-69", BitConverter.ToString(new Message(Kind.Message, Payload.Decode(new byte[] { 0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF, 0x68, 0x69 }, TextEncoding.Utf8)).ToFrame().Body));
        Is("an unmappable character is not replaced", "unmappable-text 2", FaultOf(() => Payload.Of("ab\u20ac", TextEncoding.Ascii)));
        Is("an illegal HELLO cannot be encoded", "bad-hello ", FaultOf(() => new Hello { Name = "a\nb" }.Body()));
        Is("nothing is sent before HELLO", "not-open ", FaultOf(() => new Session(Role.Client, new Hello()).Send(new Message(Kind.Message), 0)));
        var session = OpenSession();
        session.Excuse(50000);
        session.Tick(109000);
        Is("time without reading does not count against the peer", "True", session.IsOpen.ToString());
        session.Tick(110000);
        Is("a longer silence of the peer ends the session", "False", session.IsOpen.ToString());
        Is("twenty PINGs at once are a flood", "False", TakesTwentyPings(0).ToString());
        Is("twenty PINGs that may have waited unread are not a flood", "True", TakesTwentyPings(10000).ToString());
        var asking = OpenSession();
        asking.Send(new Message(Kind.Request, Payload.Of("?")) { Id = 7 }, 0);
        var reply = new Frame(4, TextEncoding.Utf8, new byte[] { 0, 0, 0, 7, 0x61, 0xFF }).Encode();
        var answer = asking.Receive(reply, 0, reply.Length, 0).Select(action => action.Unreadable).FirstOrDefault();
        Is("an unreadable answer is reported for its request", "7 bad-text 1", answer?.Id + " " + answer?.Name + " " + answer?.Offset);
        var limited = new Hello { Requests = 1 };
        Is("requests and client round-trip", "1 True", Hello.Parse(limited.Of(Role.Client).Body()).Requests + " " + Hello.Parse(limited.Of(Role.Client).Body()).Client);
        var serving = new Session(Role.Server, limited);
        var clientHello = new Session(Role.Client, new Hello()).Start(0)[0].Write;
        serving.Receive(clientHello, 0, clientHello.Length, 0);
        Is("a REQUEST is delivered", "Request", Happens(serving, Request(7)));
        Is("a REQUEST above the own limit is refused", "8 2 1013", Happens(serving, Request(8)));
        Is("a CANCEL is answered at once and delivered", "7 1 4012, Cancel", Happens(serving, new Message(Kind.Cancel) { Id = 7 }));
        Is("a second CANCEL is ignored", "", Happens(serving, new Message(Kind.Cancel) { Id = 7 }));
        Is("a cancelled REQUEST is not answered again", "no-such-request ", FaultOf(() => serving.Send(new Message(Kind.Reply, Payload.Of("")) { Id = 7 }, 0)));
        Is("its id is free again", "Request", Happens(serving, Request(7)));
        var doubled = new Session(Role.Client, new Hello());
        doubled.Start(0);
        Is("a client refuses a client", "two-clients", doubled.Receive(clientHello, 0, clientHello.Length, 0).Select(action => action.Write == null ? null : Decoded(action.Write).Payload.Text.Split(':')[0]).First());
        Orders();
        RequestsOverSockets();
        EchoOverSockets();
        CloseBeforeTheAnswer();
        CancelBeforeTheAnswer();
        EchoOverStreams();
        EndAsIdle();
        Console.WriteLine(failures == 0 ? "ok" : failures + " failed");
        return failures == 0 ? 0 : 1;
    }

    /// <summary>An open session of a client at time 0. The peer's HELLO has a keepalive of 30 s.</summary>
    private static Session OpenSession()
    {
        var session = new Session(Role.Client, new Hello());
        session.Start(0);
        var hello = new Frame(Hello.Kind, TextEncoding.Binary, new Hello().Body()).Encode();
        session.Receive(hello, 0, hello.Length, 0);
        return session;
    }

    private static Message Request(uint id) => new Message(Kind.Request, Payload.Of("?")) { Id = id };

    private static Message Decoded(byte[] octets)
    {
        var decoder = new Decoder((uint)octets.Length);
        decoder.Feed(octets, 0, octets.Length);
        return Message.Parse(decoder.Next());
    }

    /// <summary>What a session does when a message arrives: the ERRORs that it sends, and the kinds that it delivers.</summary>
    private static string Happens(Session session, Message message)
    {
        var octets = message.ToFrame().Encode();
        return string.Join(", ", session.Receive(octets, 0, octets.Length, 0).Select(action =>
        {
            if (action.Deliver != null) return action.Deliver.Kind.ToString();
            var error = Decoded(action.Write);
            return error.Id + " " + error.FrameNumber + " " + error.Code;
        }));
    }

    /// <summary>The server answers "now", refuses "no", and keeps "later" until it is cancelled.</summary>
    private static void RequestsOverSockets()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var context = new SynchronizationContext();
        using (var opened = new ManualResetEvent(false))
        using (var asked = new ManualResetEvent(false))
        using (var cancelled = new ManualResetEvent(false))
        using (var over = new CountdownEvent(2))
        {
            var client = new Connection(new Socket(SocketType.Stream, ProtocolType.Tcp), Role.Client, new Hello(), context);
            client.Opened += () => opened.Set();
            client.Received += message => Is("an awaited answer is not an event", "", message.Kind.ToString());
            client.Ended += fault => over.Signal();
            client.BeginConnect("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port);
            var server = new Connection(listener.AcceptSocket(), Role.Server, new Hello { Requests = 2 }, context);
            server.Ended += fault => over.Signal();
            server.Received += message =>
            {
                if (message.Kind == Kind.Cancel) cancelled.Set();
                else if (message.Payload.Text == "now") server.Send(new Message(Kind.Reply, Payload.Of("noon")) { Id = message.Id });
                else if (Query.Parse(message.Payload) is Query query)
                {
                    var page = new Message(Kind.Gap) { Missed = query.Count }.ToFrame().Encode();
                    server.Send(new Message(Kind.Reply, query.Text == "page" ? Payload.Binary(page) : Payload.Of("")) { Id = message.Id });
                }
                else if (message.Payload.Text == "no") server.Refuse(message, new Fault("policy", "never"));
                else asked.Set();
            };
            server.Start();
            Is("the client opens", "True", opened.WaitOne(10000).ToString());
            Is("a REPLY is the result", "noon", ResultOf(client.RequestAsync(Payload.Of("now"))));
            Is("an ERROR is the fault", "policy (1008): policy: never", ResultOf(client.RequestAsync(Payload.Of("no"))));
            Is("a page of the history is read", "10 0", PageOf(client.SearchAsync("page", count: 10)));
            Is("another answer is no page", "malformed (1002): the answer is not a page of history", PageOf(client.HistoryAsync()));
            using (var source = new CancellationTokenSource())
            {
                var later = client.RequestAsync(Payload.Of("later"), source.Token);
                Is("the REQUEST arrives", "True", asked.WaitOne(10000).ToString());
                var other = client.RequestAsync(Payload.Of("later"));
                Is("the peer's limit is kept", "try-later (1013): 2 requests are unanswered", ResultOf(client.RequestAsync(Payload.Of("now"))));
                source.Cancel();
                Is("the task is cancelled", "cancelled", ResultOf(later));
                Is("the CANCEL arrives", "True", cancelled.WaitOne(10000).ToString());
                Is("a cancelled token sends nothing", "cancelled", ResultOf(client.RequestAsync(Payload.Of("now"), source.Token)));
                Is("an unknown REQUEST is not cancelled", "False", client.Cancel(77).ToString());
                client.Close();
                Is("the connection ends", "True", over.Wait(10000).ToString());
                Is("the end is the fault of the others", "not-open: this side has closed", ResultOf(other));
            }
        }
        listener.Stop();
    }

    private static string PageOf(Task<Page> task)
    {
        try
        {
            return task.Wait(10000) ? task.Result.LostBefore + " " + task.Result.Entries.Count : "nothing";
        }
        catch (AggregateException error)
        {
            return error.InnerException.ToString();
        }
    }

    private static string ResultOf(Task<Message> task)
    {
        try
        {
            return task.Wait(10000) ? task.Result.Payload.Text : "nothing";
        }
        catch (AggregateException error)
        {
            return error.InnerException is TaskCanceledException ? "cancelled" : error.InnerException.ToString();
        }
    }

    private static bool TakesTwentyPings(long excused)
    {
        var session = OpenSession();
        session.Excuse(excused);
        var ping = new Message(Kind.Ping).ToFrame().Encode();
        for (var count = 0; count < 20; count++) session.Receive(ping, 0, ping.Length, excused);
        return session.IsOpen;
    }

    /// <summary>The client has closed before the server answers. The Refused thrown by the handler ends only this connection.</summary>
    private static void CloseBeforeTheAnswer()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var session = new Session(Role.Client, new Hello());
        var octets = session.Start(0)[0].Write
            .Concat(new Message(Kind.Message, Payload.Of("hi")).ToFrame().Encode())
            .Concat(new Message(Kind.Close, Payload.Of("")) { Code = 1000 }.ToFrame().Encode()).ToArray();
        using (var over = new CountdownEvent(1))
        using (var tcp = new TcpClient("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port))
        {
            var server = new Connection(listener.AcceptSocket(), Role.Server, new Hello(), new SynchronizationContext());
            server.Received += message => server.Post("late");
            server.Ended += fault => over.Signal();
            server.Start();
            tcp.GetStream().Write(octets, 0, octets.Length);
            tcp.Client.Shutdown(SocketShutdown.Send);
            Is("a client that closes early ends only its own connection", "True", over.Wait(10000).ToString());
        }
        listener.Stop();
    }

    /// <summary>A REQUEST and its CANCEL arrive at once. The answer of the handler is too late, and dropped.</summary>
    private static void CancelBeforeTheAnswer()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var octets = new Session(Role.Client, new Hello()).Start(0)[0].Write
            .Concat(Request(7).ToFrame().Encode())
            .Concat(new Message(Kind.Cancel) { Id = 7 }.ToFrame().Encode()).ToArray();
        var close = new Message(Kind.Close, Payload.Of("")) { Code = 1000 }.ToFrame().Encode();
        Fault end = null;
        using (var cancelled = new ManualResetEvent(false))
        using (var over = new CountdownEvent(1))
        using (var tcp = new TcpClient("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port))
        {
            var server = new Connection(listener.AcceptSocket(), Role.Server, new Hello(), new Immediate());
            server.Received += message =>
            {
                if (message.Kind == Kind.Cancel) cancelled.Set();
                else server.Send(new Message(Kind.Reply, Payload.Of("late")) { Id = message.Id });
            };
            server.Ended += fault =>
            {
                end = fault;
                over.Signal();
            };
            tcp.GetStream().Write(octets, 0, octets.Length);
            server.Start();
            Is("the CANCEL arrives after its REQUEST", "True", cancelled.WaitOne(10000).ToString());
            tcp.GetStream().Write(close, 0, close.Length);
            tcp.Client.Shutdown(SocketShutdown.Send);
            Is("the connection ends", "True", over.Wait(10000).ToString());
        }
        Is("an answer that a CANCEL has crossed does not end the connection", "", end?.ToString() ?? "");
        listener.Stop();
    }

    /// <summary>A client and a server over TCP. The client echoes the server's message, and the server closes.</summary>
    private static void EchoOverSockets()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var context = new SynchronizationContext();
        var got = "";
        using (var over = new CountdownEvent(2))
        {
            var client = new Connection(new Socket(SocketType.Stream, ProtocolType.Tcp), Role.Client, new Hello(), context);
            client.Ended += fault => over.Signal();
            client.BeginConnect("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port);
            var server = new Connection(listener.AcceptSocket(), Role.Server, new Hello(), context);
            server.Received += message =>
            {
                got += message.Payload.Text;
                server.Close();
            };
            server.Ended += fault => over.Signal();
            client.Received += message => client.Post(message.Payload.Text + "!");
            server.Opened += () => server.Post("grüß");
            server.Start();
            Is("both sides end", "True", over.Wait(10000).ToString());
        }
        listener.Stop();
        Is("a text is echoed", "grüß!", got);
    }

    /// <summary>A client and a server over blocking streams. Each has a thread and reads until the other has closed.</summary>
    private static void EchoOverStreams()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var received = "";
        var thread = new Thread(() =>
        {
            var socket = listener.AcceptSocket();
            using (var server = new StreamConnection(new NetworkStream(socket, true), Role.Server, new Hello(), () => socket.Shutdown(SocketShutdown.Send)))
            {
                server.Open();
                server.Post("welcome"); // after this side's HELLO
                for (var message = server.Receive(); message != null; message = server.Receive()) server.Post(message.Payload.Text + "!");
            }
        });
        thread.Start();
        using (var tcp = new TcpClient("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port))
        using (var client = new StreamConnection(tcp.GetStream(), Role.Client, new Hello { Preferred = TextEncoding.Utf16LE }))
        {
            client.Open();
            var words = new string('ü', 100000);
            client.Post("grüß");
            client.Post(words);
            Is("the server's first message arrives", "welcome", client.Receive().Payload.Text);
            var first = client.Receive();
            received = first.Payload.Text + " " + first.Payload.Encoding + " " + (client.Receive().Payload.Text == words + "!");
            client.Close();
            Is("the connection closes normally", "True", (client.Receive() == null).ToString());
        }
        Is("the other side ends too", "True", thread.Join(10000).ToString());
        listener.Stop();
        Is("texts over a stream are echoed in the preferred encoding", "grüß! Utf16LE True", received);
    }

    /// <summary>The peer promises bytes each second, and sends nothing after its HELLO.</summary>
    private static void EndAsIdle()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using (var tcp = new TcpClient("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port))
        using (var silent = listener.AcceptSocket())
        using (var client = new StreamConnection(tcp.GetStream(), Role.Client, new Hello()))
        {
            silent.Send(new Frame(Hello.Kind, 0, new Hello { Keepalive = 1 }.Body()).Encode());
            client.Open();
            Is("a silent peer ends the connection as idle", "idle ", FaultOf(() => client.Receive()));
        }
        listener.Stop();
    }

    /// <summary>Runs the handlers in the order of the events, on the thread that raises them.</summary>
    private sealed class Immediate : SynchronizationContext
    {
        public override void Post(SendOrPostCallback work, object state) => work(state);
    }

    private static void Is(string claim, string expected, string found)
    {
        if (expected == found) return;
        failures++;
        Console.WriteLine(claim + ": expected " + expected + ", found " + found);
    }

    private static string FaultOf(Action work)
    {
        try
        {
            work();
            return "no fault";
        }
        catch (Fault fault)
        {
            return fault.Name + " " + fault.Offset;
        }
    }
}
