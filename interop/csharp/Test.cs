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
        Is("a question mark stands for nothing", "unmappable-text 2", FaultOf(() => Payload.Of("ab\u20ac", TextEncoding.Ascii)));
        Is("no illegal HELLO is sent", "bad-hello ", FaultOf(() => new Hello { Name = "a\nb" }.Body()));
        Is("nothing is sent before HELLO", "not-open ", FaultOf(() => new Session(Role.Client, new Hello()).Send(new Message(Kind.Message), 0)));
        Talk();
        Console.WriteLine(failures == 0 ? "ok" : failures + " failed");
        return failures == 0 ? 0 : 1;
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
