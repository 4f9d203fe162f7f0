using System;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Bookend;

/// <summary>The peer's own tests: prints what fails, and ends with 1 if anything does.</summary>
internal static class Test
{
    private static int failures;

    // Mono, when Main returns, may wait up to a minute for an idle thread of the pool; Exit does not.
    private static void Main() => Environment.Exit(Run());

    private static int Run()
    {
        Is("a frame is what SPEC section 2 shows", "F5-F8-02-02-00-00-00-02-68-69-F8-F5",
            BitConverter.ToString(new Message(Kind.Message, Payload.Of("hi")).ToFrame().Encode()));
        Is("length over the limit fails before the body arrives", "too-long 4", FaultOf(() =>
        {
            var decoder = new Decoder(1024);
            decoder.Feed(new byte[] { 0xF5, 0xF8, 2, 2, 0, 0, 4, 1 }, 0, 8);
            decoder.Next();
        }));
        Is("an odd byte of UTF-16 is named", "bad-text 2", FaultOf(() => Payload.Decode(new byte[] { 0x61, 0, 0x61 }, TextEncoding.Utf16LE)));
        Is("a lone surrogate is not replaced", "unmappable-text 1", FaultOf(() => Payload.Of("a\ud800")));
        Is("no mark is sent on", "68-69", BitConverter.ToString(new Message(Kind.Message, Payload.Decode(new byte[] { 0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF, 0x68, 0x69 }, TextEncoding.Utf8)).ToFrame().Body));
        Is("a question mark stands for nothing", "unmappable-text 2", FaultOf(() => Payload.Of("ab\u20ac", TextEncoding.Ascii)));
        Is("no illegal HELLO is sent", "bad-hello ", FaultOf(() => new Hello { Name = "a\nb" }.Body()));
        Is("nothing is sent before HELLO", "not-open ", FaultOf(() => new Session(Role.Client, new Hello()).Send(new Message(Kind.Message), 0)));
        var patient = OpenSession();
        patient.Excuse(50000);
        patient.Tick(109000);
        Is("a peer is not to blame for a driver that does not read", "True", patient.IsOpen.ToString());
        patient.Tick(110000);
        Is("for longer it is", "False", patient.IsOpen.ToString());
        Is("twenty PINGs at once are a flood", "False", TakesTwentyPings(0).ToString());
        Is("unless they may have waited", "True", TakesTwentyPings(10000).ToString());
        var asking = OpenSession();
        asking.Send(new Message(Kind.Request, Payload.Of("?")) { Id = 7 }, 0);
        var reply = new Frame(4, TextEncoding.Utf8, new byte[] { 0, 0, 0, 7, 0x61, 0xFF }).Encode();
        var answer = asking.Receive(reply, 0, reply.Length, 0).Select(act => act.Unreadable).FirstOrDefault();
        Is("an answer that cannot be read is told", "7 bad-text 1", answer?.Id + " " + answer?.Name + " " + answer?.Offset);
        Talk();
        OutlastHaste();
        TalkOverStreams();
        LeaveThoseWhoFallSilent();
        Console.WriteLine(failures == 0 ? "ok" : failures + " failed");
        return failures == 0 ? 0 : 1;
    }

    /// <summary>A client's session with a peer of the same HELLO, whose keepalive is 30 s; open at 0.</summary>
    private static Session OpenSession()
    {
        var session = new Session(Role.Client, new Hello());
        var hello = session.Start(0)[0].Write;
        session.Receive(hello, 0, hello.Length, 0);
        return session;
    }

    private static bool TakesTwentyPings(long excused)
    {
        var session = OpenSession();
        session.Excuse(excused);
        var ping = new Message(Kind.Ping).ToFrame().Encode();
        for (var count = 0; count < 20; count++) session.Receive(ping, 0, ping.Length, excused);
        return session.IsOpen;
    }

    /// <summary>A client that has closed before it can be answered: the handler's Refused ends nothing else.</summary>
    private static void OutlastHaste()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var hasty = new Session(Role.Client, new Hello());
        var octets = hasty.Start(0)[0].Write
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
            Is("who is in haste harms nobody", "True", over.Wait(10000).ToString());
        }
        listener.Stop();
    }

    /// <summary>Two connections over TCP, each with its own context: a message, its order before the PONG, and the end.</summary>
    private static void Talk()
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
        Is("what was said came back", "grüß!", got);
    }

    /// <summary>The same over streams, which block: each side has a thread, and reads until the other has closed.</summary>
    private static void TalkOverStreams()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var heard = "";
        var thread = new Thread(() =>
        {
            var socket = listener.AcceptSocket();
            using (var server = new StreamConnection(new NetworkStream(socket, true), Role.Server, new Hello(), () => socket.Shutdown(SocketShutdown.Send)))
            {
                server.Open();
                server.Post("welcome"); // behind its HELLO
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
            Is("what a server says first", "welcome", client.Receive().Payload.Text);
            var first = client.Receive();
            heard = first.Payload.Text + " " + first.Payload.Encoding + " " + (client.Receive().Payload.Text == words + "!");
            client.Close();
            Is("the end is in good order", "True", (client.Receive() == null).ToString());
        }
        Is("the other side ends as well", "True", thread.Join(10000).ToString());
        listener.Stop();
        Is("what was said over a stream came back", "grüß! Utf16LE True", heard);
    }

    /// <summary>A peer that promises a word a second, and says no more after its HELLO.</summary>
    private static void LeaveThoseWhoFallSilent()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using (var tcp = new TcpClient("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port))
        using (var silent = listener.AcceptSocket())
        using (var client = new StreamConnection(tcp.GetStream(), Role.Client, new Hello()))
        {
            silent.Send(new Frame(Hello.Kind, 0, new Hello { Keepalive = 1 }.Body()).Encode());
            client.Open();
            Is("who falls silent is left", "idle ", FaultOf(() => client.Receive()));
        }
        listener.Stop();
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
