using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Bookend;

/// <summary>The adapter: reads one request per line and prints one answer per line (interop/README.md).</summary>
internal static class Adapter
{
    private static void Main()
    {
        var output = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true, NewLine = "\n" };
        var input = new StreamReader(Console.OpenStandardInput());
        for (var line = input.ReadLine(); line != null; line = input.ReadLine())
        {
            string answer;
            try
            {
                answer = Answer(line.Split(' '));
            }
            catch (Fault fault)
            {
                answer = Word(fault);
            }
            output.WriteLine(answer);
        }
    }

    private static string Answer(string[] words)
    {
        switch (words[0])
        {
            case "frame": return AnswerFrame(uint.Parse(words[1]), words[2], words[3]);
            case "encode": return "ok " + Hex(FrameOf(words[1], words[2], words[3]).Encode());
            case "text":
                var text = Payload.Decode(Bytes(words[2]), EncodingOf(words[1]));
                return "ok " + Hex(text.Text) + (text.HadBom ? " bom" : " nobom");
            case "encode-text":
                var given = Payload.Decode(Bytes(words[2]), TextEncoding.Utf8); // here a byte order mark is part of the text
                return "ok " + Hex(Payload.Of((given.HadBom ? "\uFEFF" : "") + given.Text, EncodingOf(words[1])).Octets);
            case "hello": return AnswerHello(Hello.Parse(Bytes(words[1])));
            case "message": return AnswerMessage(Message.Parse(FrameOf(words[1], words[2], words[3])));
            case "query": return AnswerQuery(Query.Parse(Payload.Binary(Bytes(words[1]))));
            case "page": return AnswerPage(Payload.Binary(Bytes(words[1])));
            case "session": return AnswerSession(words);
            default: throw new ArgumentException(words[0]);
        }
    }

    private static string AnswerFrame(uint limit, string cut, string hex)
    {
        var decoder = new Decoder(limit);
        var items = new List<string>();
        try
        {
            foreach (var piece in Cut(cut, hex))
            {
                decoder.Feed(piece, 0, piece.Length);
                for (var frame = decoder.Next(); frame != null; frame = decoder.Next())
                    items.Add(frame.Kind.ToString("x2") + ":" + (int)frame.Encoding + ":" + Hex(frame.Body));
            }
            items.Add(decoder.Pending > 0 ? "more" : "end");
        }
        catch (Fault fault)
        {
            items.Add(Word(fault));
        }
        return string.Join(" ", items);
    }

    private static string AnswerHello(Hello hello) =>
        "ok major=" + hello.Major + " minor=" + hello.Minor + " accepted=" + hello.Accepted.ToString("x2") + " preferred=" + (int)hello.Preferred
        + " max-body=" + hello.MaxBody + " keepalive=" + hello.Keepalive + " features=" + (hello.Hub ? 1 : 0)
        + (hello.Name == null ? "" : " name=" + Hex(hello.Name)) + (hello.Room == null ? "" : " room=" + Hex(hello.Room))
        + (hello.Token == null ? "" : " token=" + Hex(hello.Token)) + (hello.Resume == null ? "" : " resume=" + hello.Resume)
        + (hello.Software == null ? "" : " software=" + Hex(hello.Software))
        + (hello.Client ? " client=1" : "") + (hello.Requests == null ? "" : " requests=" + hello.Requests) + " wire=" + Hex(hello.Body());

    private static string AnswerMessage(Message it)
    {
        if (it == null) return "ignored";
        return "ok " + it.Kind.ToString().ToUpperInvariant() + " " + Fields(it) + " wire=" + Wire(it);
    }

    private static string Fields(Message it)
    {
        var payload = Shown(it.Payload);
        switch (it.Kind)
        {
            case Kind.Request: case Kind.Reply: return "id=" + it.Id + " payload=" + payload;
            case Kind.Error: return "id=" + it.Id + " frame=" + it.FrameNumber + " code=" + it.Code + " reason=" + payload;
            case Kind.Close: return "code=" + it.Code + " reason=" + payload;
            case Kind.Welcome: return "member=" + it.Member + " seq=" + it.Seq + " greeting=" + payload;
            case Kind.Presence: return "member=" + it.Member + " event=" + (int)it.Event + " name=" + payload;
            case Kind.Post: return "to=" + it.To + " payload=" + payload;
            case Kind.Delivery:
                return "from=" + it.From + " to=" + it.To + " seq=" + it.Seq + " time=" + it.Time + " name=" + Hex(it.Name) + " payload=" + payload;
            case Kind.Gap: return "missed=" + it.Missed;
            case Kind.Cancel: return "id=" + it.Id;
            default: return "payload=" + payload;
        }
    }

    private static string AnswerQuery(Query it) => it == null ? "other"
        : "ok before=" + it.Before + " count=" + it.Count + (it.Text == null ? "" : " text=" + Hex(it.Text)) + " wire=" + Hex(it.Encode().Octets);

    private static string AnswerPage(Payload payload)
    {
        try
        {
            var page = Page.Parse(payload);
            var words = page.Entries.Select(it => it.Kind == Kind.Gap ? " gap:" + it.Missed
                : " " + it.From + ":" + it.Seq + ":" + it.Time + ":" + Hex(it.Name) + ":" + Shown(it.Payload));
            return "ok lost=" + (page.LostBefore?.ToString() ?? "-") + string.Concat(words);
        }
        catch (Fault)
        {
            return "other";
        }
    }

    private static string AnswerSession(string[] words)
    {
        var agrees = words.Length > 4 && words[4] == "agree";
        var agreed = agrees ? Enumerable.Range(0xC0, 0x30).Select(kind => (byte)kind).ToArray() : new byte[0];
        var session = new Session(words[1] == "client" ? Role.Client : Role.Server, Hello.Parse(Bytes(words[3])), agreed);
        long now = 0;
        var answers = new List<string> { Show(session.Start(now)) };
        foreach (var step in words.Skip(4))
        {
            var parts = step.Split(':');
            if (parts[0] == "time") now = long.Parse(parts[1]);
            switch (parts[0])
            {
                case "agree": answers.Add("-"); break;
                case "recv": answers.Add(Show(Cut(words[2], parts[1]).SelectMany(piece => session.Receive(piece, 0, piece.Length, now)).ToList())); break;
                case "time": answers.Add(Show(session.Tick(now))); break;
                case "eof": answers.Add(Show(session.EndOfStream(now))); break;
                case "send": answers.Add(Send(session, FrameOf(parts[1], parts[2], parts[3]), now)); break;
                case "close": answers.Add(Show(session.Close(ushort.Parse(parts[1]), null, now))); break;
                default: throw new ArgumentException(step);
            }
        }
        return string.Join(" ", answers);
    }

    private static string Send(Session session, Frame frame, long now)
    {
        try
        {
            // The session refuses the other kinds whatever they contain.
            var message = Message.IsListed(frame.Kind) ? Message.Parse(frame, frame.Kind) : new Message((Kind)frame.Kind);
            // A reason that is not legal text may be received, but not sent.
            if (message.Kind == Kind.Error) Payload.Decode(frame.Body.Skip(Message.ErrorFixed).ToArray(), frame.Encoding);
            if (message.Kind == Kind.Close) Payload.Decode(frame.Body.Skip(Message.CloseFixed).ToArray(), frame.Encoding);
            return "sent=" + Hex(session.Send(message, now)[0].Write);
        }
        catch (Fault fault)
        {
            return "refused:" + fault.Name;
        }
    }

    /// <summary>Lists the actions in order. Written frames are decoded from their bytes.</summary>
    private static string Show(List<SessionAction> actions)
    {
        var items = new List<string>();
        foreach (var action in actions)
        {
            if (action.Write != null) items.Add(ShowSent(action.Write) + "=" + Hex(action.Write));
            if (action.Deliver != null && action.Deliver.Kind != Kind.Pong)
            {
                // A CANCEL is delivered after its REQUEST was answered, and shown before.
                var at = action.Deliver.Kind == Kind.Cancel ? items.Count - 1 : items.Count;
                items.Insert(at, "got:" + action.Frame.Kind.ToString("x2") + ":" + Hex(action.Frame.Body));
            }
            if (action.End != null) items.Add("end:" + action.End);
        }
        return items.Count == 0 ? "-" : string.Join(",", items);
    }

    private static string ShowSent(byte[] octets)
    {
        var decoder = new Decoder((uint)octets.Length);
        decoder.Feed(octets, 0, octets.Length);
        var frame = decoder.Next();
        if (frame.Kind == Hello.Kind) return "hello";
        var message = Message.Parse(frame);
        if (message.Kind == Kind.Ping) return "ping";
        if (message.Kind == Kind.Pong) return "pong:" + Hex(message.Payload.Octets);
        var name = message.Payload.Text.Split(':')[0];
        var end = message.Code + ":" + (name == "" ? "-" : name);
        return message.Kind == Kind.Error ? "error:" + message.Id + ":" + message.FrameNumber + ":" + end : "close:" + end;
    }

    private static IEnumerable<byte[]> Cut(string cut, string hex)
    {
        var whole = Bytes(hex);
        return cut == "whole" ? new[] { whole } : whole.Select(octet => new[] { octet });
    }

    private static Frame FrameOf(string kind, string encoding, string body) => new Frame(Convert.ToByte(kind, 16), EncodingOf(encoding), Bytes(body));

    private static TextEncoding EncodingOf(string word) => (TextEncoding)byte.Parse(word);

    // In UTF-16, U+FFFE after a byte order mark may be received but not sent (R5.15).
    private static string Wire(Message message)
    {
        try
        {
            return Hex(message.ToFrame().Body);
        }
        catch (Fault fault)
        {
            return Word(fault);
        }
    }

    private static string Shown(Payload payload) => payload.Text == null ? Hex(payload.Octets) : Hex(payload.Text);

    private static string Word(Fault fault) => "fault:" + fault.Name + (fault.Offset == null ? "" : ":" + fault.Offset);

    private static byte[] Bytes(string word) =>
        word == "-" ? new byte[0] : Enumerable.Range(0, word.Length / 2).Select(at => Convert.ToByte(word.Substring(2 * at, 2), 16)).ToArray();

    private static string Hex(string text) => Hex(Payload.Utf8(text));

    private static string Hex(byte[] octets)
    {
        var hex = new System.Text.StringBuilder();
        foreach (var octet in octets) hex.Append(octet.ToString("x2"));
        return hex.Length == 0 ? "-" : hex.ToString();
    }
}
