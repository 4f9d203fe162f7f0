using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using Bookend;

/// <summary>
/// A chat client of a hub, built like a program with a window. The main thread stands for the UI thread and never blocks
/// on the network: received messages and lines of input are posted to it.
/// </summary>
internal sealed class Chat
{
    private static readonly string[] Preferences = { "as-sent", "ascii", "utf-8", "utf-16be", "utf-16le" };

    private readonly UiThread ui = new UiThread();
    private readonly StreamWriter output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)) { AutoFlush = true, NewLine = "\n" };
    private readonly List<Payload> sends = new List<Payload>();
    private readonly Hello hello = new Hello { Hub = true, Preferred = TextEncoding.Utf8, Software = "bookend-csharp 0.1.0" };
    private Connection connection;
    private string host;
    private int port, count = int.MaxValue, got, status;
    private bool json;
    private uint member;

    // When Main returns, mono may wait up to a minute for idle threads of the pool. Exit does not wait.
    private static void Main(string[] words) => Environment.Exit(Begin(words));

    private static int Begin(string[] words)
    {
        var chat = new Chat();
        try
        {
            chat.Read(words);
        }
        catch (Exception error) when (error is FormatException || error is ArgumentException || error is Fault)
        {
            Console.Error.WriteLine(Payload.Printable(error is Fault ? error.ToString() : error.Message));
            if (!(error is Fault)) Console.Error.WriteLine("usage: chat.exe HOST:PORT [--name NAME] [--room ROOM] [--resume SEQ] [--encoding ENCODING] [--count N] [--json] [--send-hex ENC HEX]...");
            return error is Fault ? 1 : 2;
        }
        return chat.Run();
    }

    private void Read(string[] words)
    {
        var rest = new Queue<string>(words);
        while (rest.Count > 0)
        {
            var word = rest.Dequeue();
            Func<string> next = () => rest.Count > 0 ? rest.Dequeue() : throw new FormatException(word + " needs a value");
            switch (word)
            {
                case "--name": hello.Name = next(); break;
                case "--room": hello.Room = next(); break;
                case "--count": count = Number(word, next(), 1, int.MaxValue); break;
                case "--json": json = true; break;
                case "--resume":
                    var seq = next();
                    if (!ulong.TryParse(seq, NumberStyles.None, CultureInfo.InvariantCulture, out var last)) throw new FormatException(word + ": " + seq + " is not the number of a message");
                    hello.Resume = last;
                    break;
                case "--encoding":
                    var name = next();
                    var preferred = Array.IndexOf(Preferences, name);
                    if (preferred < 0) throw new FormatException("--encoding: unknown encoding " + name);
                    hello.Preferred = (TextEncoding)preferred;
                    break;
                case "--send-hex":
                    var encoding = (TextEncoding)Number(word, next(), 0, 4);
                    var hex = next();
                    if (hex.Length % 2 != 0 || !hex.All(Uri.IsHexDigit)) throw new FormatException("--send-hex: " + hex + " is not hex");
                    var octets = Enumerable.Range(0, hex.Length / 2).Select(at => Convert.ToByte(hex.Substring(2 * at, 2), 16)).ToArray();
                    sends.Add(Payload.Decode(octets, encoding));
                    break;
                default:
                    var colon = word.LastIndexOf(':');
                    if (colon < 0 || host != null) throw new FormatException("unexpected argument " + word);
                    host = word.Substring(0, colon).Trim('[', ']');
                    port = Number("port", word.Substring(colon + 1), 0, 0xFFFF);
                    break;
            }
        }
        if (host == null) throw new FormatException("the address of the hub is missing: give HOST:PORT");
        hello.Body(); // throws if it is illegal
    }

    private static int Number(string option, string value, int least, int most)
    {
        if (int.TryParse(value, out var number) && number >= least && number <= most) return number;
        throw new FormatException(option + ": " + value + " is not a number from " + least + " to " + most);
    }

    private int Run()
    {
        connection = new Connection(new Socket(SocketType.Stream, ProtocolType.Tcp), Role.Client, hello, ui);
        connection.Received += OnReceived;
        connection.Ended += OnEnded;
        connection.BeginConnect(host, port);
        ui.Run();
        return status;
    }

    private void OnReceived(Message message)
    {
        try
        {
            Handle(message);
        }
        catch (Fault fault)
        {
            Report(fault.ToString()); // the answer was not sent
        }
    }

    private void Handle(Message message)
    {
        if (message.Kind == Kind.Welcome)
        {
            member = message.Member;
            foreach (var payload in sends) connection.Send(new Message(Kind.Post, payload));
            new Thread(ReadLines) { IsBackground = true }.Start();
        }
        if (message.Kind == Kind.Error) Report(message.Code + ": " + message.Payload.Text);
        if (message.Kind == Kind.Request) connection.Refuse(message, new Fault("policy", "this is a chat client, which answers no requests"));
        if (message.Kind == Kind.Pong) connection.Close(); // the peer has acted on everything that was sent
        if (got == count) return;
        var line = json ? AsJson(message) : Plain(message);
        if (line != null) output.WriteLine(line);
        if (message.Kind == Kind.Delivery && ++got == count) connection.Close();
    }

    private void OnEnded(Fault fault)
    {
        if (fault != null) Report(fault.ToString());
        ui.Stop();
    }

    private void OnLine(string line)
    {
        try
        {
            if (line == null && count == int.MaxValue) connection.Send(new Message(Kind.Ping, Payload.Binary(new byte[] { 1 })));
            if (line == null) return;
            var words = line.Split(new[] { ' ' }, 3);
            uint to = 0;
            var isToOne = words[0] == "/to";
            if (isToOne && (words.Length < 2 || !uint.TryParse(words[1], out to) || to == 0)) Report("write /to ID text, where ID is a member's number");
            else connection.Post(isToOne ? words.Skip(2).FirstOrDefault() ?? "" : line, to);
        }
        catch (Fault fault)
        {
            Report(fault.ToString());
        }
    }

    private void ReadLines()
    {
        var input = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false));
        for (var line = input.ReadLine(); line != null; line = input.ReadLine())
        {
            var current = line;
            ui.Send(_ => OnLine(current), null);
        }
        ui.Send(_ => OnLine(null), null);
    }

    private void Report(string line)
    {
        status = 1;
        Console.Error.WriteLine(Payload.Printable(line));
    }

    private string Plain(Message it)
    {
        switch (it.Kind)
        {
            case Kind.Delivery: return it.Name + (it.To == 0 ? "" : it.To == member ? " (to you)" : " (to " + it.To + ")") + ": " + Shown(it.Payload);
            case Kind.Presence:
                if (it.Event == PresenceEvent.Crowd) return "* " + it.Member + " in " + it.Payload.Text + ", too many to announce who joins and leaves";
                return "* " + it.Payload.Text + " " + it.Event.ToString().ToLowerInvariant();
            case Kind.Gap: return "* " + it.Missed + " messages missed";
            default: return null;
        }
    }

    private static string AsJson(Message it)
    {
        var payload = it.Payload.Text == null ? "\"encoding\":0,\"hex\":\"" + Hex(it.Payload) + "\"" : "\"encoding\":" + (int)it.Payload.Encoding + ",\"text\":" + Quoted(it.Payload.Text);
        switch (it.Kind)
        {
            case Kind.Delivery:
                return "{\"from\":" + it.From + ",\"name\":" + Quoted(it.Name) + ",\"to\":" + it.To + ",\"seq\":" + it.Seq + ",\"time\":" + it.Time + "," + payload + "}";
            case Kind.Welcome: return "{\"event\":\"welcome\",\"member\":" + it.Member + ",\"next_seq\":" + it.Seq + ",\"greeting\":" + Quoted(it.Payload.Text) + "}";
            case Kind.Presence: return "{\"event\":\"" + it.Event.ToString().ToLowerInvariant() + "\",\"member\":" + it.Member + ",\"name\":" + Quoted(it.Payload.Text) + "}";
            case Kind.Gap: return "{\"event\":\"gap\",\"missed\":" + it.Missed + "}";
            default: return null;
        }
    }

    private static string Shown(Payload payload) => payload.Text == null ? "[binary " + payload.Octets.Length + " bytes]" : Payload.Printable(payload.Text);

    private static string Hex(Payload payload) => string.Concat(payload.Octets.Select(octet => octet.ToString("x2")));

    private static string Quoted(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in text)
        {
            if (c == '"' || c == '\\') quoted.Append('\\').Append(c);
            else if (Payload.IsUnprintable(c)) quoted.Append("\\u").Append(((int)c).ToString("x4"));
            else quoted.Append(c);
        }
        return quoted.Append('"').ToString();
    }
}

/// <summary>Stands for the message loop of a window: posted work runs on the thread that called Run, in order.</summary>
internal sealed class UiThread : SynchronizationContext
{
    private readonly BlockingCollection<Action> work = new BlockingCollection<Action>();
    private bool isOver;

    public override void Post(SendOrPostCallback callback, object state) => work.Add(() => callback(state));

    /// <summary>Posts work and waits until it is done. Do not call it on the loop's own thread.</summary>
    public override void Send(SendOrPostCallback callback, object state)
    {
        using (var done = new ManualResetEventSlim())
        {
            work.Add(() =>
            {
                callback(state);
                done.Set();
            });
            done.Wait();
        }
    }

    public void Run()
    {
        while (!isOver) work.Take()();
    }

    public void Stop() => isOver = true;
}
