package org.bookend;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/** The adapter: reads one request per line and prints one answer per line (interop/README.md). */
final class Adapter {
    private Adapter() {}

    public static void main(String[] words) throws IOException {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream output = new PrintStream(System.out, false, StandardCharsets.US_ASCII);
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String answer;
            try {
                answer = answer(line.split(" "));
            } catch (Fault fault) {
                answer = word(fault);
            }
            output.print(answer + "\n");
            output.flush();
        }
    }

    private static String answer(String[] words) {
        switch (words[0]) {
            case "frame": return answerFrame(Long.parseLong(words[1]), words[2], words[3]);
            case "encode": return "ok " + hex(frameOf(words[1], words[2], words[3]).encode());
            case "text":
                Payload text = Payload.decode(bytes(words[2]), encodingOf(words[1]));
                return "ok " + hex(text.text()) + (text.hadBom() ? " bom" : " nobom");
            case "encode-text":
                Payload given = Payload.decode(bytes(words[2]), TextEncoding.UTF_8); // here a byte order mark is part of the text
                return "ok " + hex(Payload.of((given.hadBom() ? "\uFEFF" : "") + given.text(), encodingOf(words[1])).octets());
            case "hello": return answerHello(Hello.parse(bytes(words[1])));
            case "message": return answerMessage(Message.parse(frameOf(words[1], words[2], words[3]), Set.of()));
            case "query": return answerQuery(Query.parse(Payload.binary(bytes(words[1]))));
            case "page": return answerPage(Payload.binary(bytes(words[1])));
            case "session": return answerSession(words);
            default: throw new IllegalArgumentException(words[0]);
        }
    }

    private static String answerFrame(long limit, String cut, String hex) {
        Decoder decoder = new Decoder(limit);
        List<String> items = new ArrayList<>();
        try {
            for (byte[] piece : cut(cut, hex)) {
                decoder.feed(piece, 0, piece.length);
                for (Frame frame = decoder.next(); frame != null; frame = decoder.next()) {
                    items.add(String.format("%02x:%d:%s", frame.kind(), frame.encoding().ordinal(), hex(frame.body())));
                }
            }
            items.add(decoder.pending() > 0 ? "more" : "end");
        } catch (Fault fault) {
            items.add(word(fault));
        }
        return String.join(" ", items);
    }

    private static String answerHello(Hello hello) {
        return String.format("ok major=1 minor=%d accepted=%02x preferred=%d max-body=%d keepalive=%d features=%d", hello.minor(),
                hello.accepted(), hello.preferred().ordinal(), hello.maxBody(), hello.keepalive(), hello.hub() ? 1 : 0)
                + option("name", hello.name() == null ? null : hex(hello.name()))
                + option("room", hello.room() == null ? null : hex(hello.room()))
                + option("token", hello.token() == null ? null : hex(hello.token()))
                + option("resume", hello.resume() == null ? null : Long.toUnsignedString(hello.resume()))
                + option("software", hello.software() == null ? null : hex(hello.software()))
                + option("client", hello.client() ? "1" : null)
                + option("requests", hello.requests() == null ? null : hello.requests().toString())
                + " wire=" + hex(hello.body());
    }

    private static String option(String name, String value) {
        return value == null ? "" : " " + name + "=" + value;
    }

    private static String answerMessage(Message it) {
        return it == null ? "ignored" : "ok " + fields(it) + " wire=" + wire(it);
    }

    private static String fields(Message message) {
        String payload = shown(message.payload());
        if (message instanceof Message.Plain) return "MESSAGE payload=" + payload;
        if (message instanceof Message.Request it) return "REQUEST id=" + it.id() + " payload=" + payload;
        if (message instanceof Message.Reply it) return "REPLY id=" + it.id() + " payload=" + payload;
        if (message instanceof Message.Error it) {
            return "ERROR id=" + it.id() + " frame=" + it.frame() + " code=" + it.code() + " reason=" + payload;
        }
        if (message instanceof Message.Ping) return "PING payload=" + payload;
        if (message instanceof Message.Pong) return "PONG payload=" + payload;
        if (message instanceof Message.Close it) return "CLOSE code=" + it.code() + " reason=" + payload;
        if (message instanceof Message.Welcome it) {
            return "WELCOME member=" + it.member() + " seq=" + Long.toUnsignedString(it.seq()) + " greeting=" + payload;
        }
        if (message instanceof Message.Presence it) {
            return "PRESENCE member=" + it.member() + " event=" + it.event() + " name=" + payload;
        }
        if (message instanceof Message.Post it) return "POST to=" + it.to() + " payload=" + payload;
        if (message instanceof Message.Delivery it) {
            return "DELIVERY from=" + it.from() + " to=" + it.to() + " seq=" + Long.toUnsignedString(it.seq()) + " time="
                    + Long.toUnsignedString(it.time()) + " name=" + hex(it.name()) + " payload=" + payload;
        }
        if (message instanceof Message.Cancel it) return "CANCEL id=" + it.id();
        return "GAP missed=" + Long.toUnsignedString(((Message.Gap) message).missed());
    }

    private static String answerQuery(Query it) {
        return it == null ? "other" : "ok before=" + Long.toUnsignedString(it.before()) + " count=" + it.count()
                + option("text", it.text() == null ? null : hex(it.text())) + " wire=" + hex(it.payload().octets());
    }

    private static String answerPage(Payload payload) {
        try {
            Page page = Page.parse(payload);
            StringBuilder answer = new StringBuilder("ok lost=");
            answer.append(page.lostBefore() == null ? "-" : Long.toUnsignedString(page.lostBefore()));
            page.entries().forEach(entry -> answer.append(' ').append(entryWord(entry)));
            return answer.toString();
        } catch (Fault notOne) {
            return "other";
        }
    }

    private static String entryWord(Message entry) {
        if (entry instanceof Message.Gap gap) return "gap:" + Long.toUnsignedString(gap.missed());
        Message.Delivery it = (Message.Delivery) entry;
        return it.from() + ":" + Long.toUnsignedString(it.seq()) + ":" + Long.toUnsignedString(it.time()) + ":" + hex(it.name()) + ":"
                + shown(it.payload());
    }

    private static String shown(Payload payload) {
        return payload.text() == null ? hex(payload.octets()) : hex(payload.text());
    }

    private static String wire(Message message) {
        try {
            return hex(message.toFrame().body());
        } catch (Fault fault) {
            return word(fault); // in UTF-16, U+FFFE after a byte order mark may be received but not sent (R5.15)
        }
    }

    private static String answerSession(String[] words) {
        Session.Role role = words[1].equals("client") ? Session.Role.CLIENT : Session.Role.SERVER;
        boolean agrees = words.length > 4 && words[4].equals("agree");
        Integer[] agreed = agrees ? IntStream.rangeClosed(0xC0, 0xEF).boxed().toArray(Integer[]::new) : new Integer[0];
        Session session = new Session(role, Hello.parse(bytes(words[3])), agreed);
        long now = 0;
        List<String> answers = new ArrayList<>(List.of(show(session.start(now))));
        for (String step : List.of(words).subList(4, words.length)) {
            String[] parts = step.split(":");
            switch (parts[0]) {
                case "agree" -> answers.add("-");
                case "recv" -> {
                    List<Action> actions = new ArrayList<>();
                    for (byte[] piece : cut(words[2], parts[1])) actions.addAll(session.receive(piece, 0, piece.length, now));
                    answers.add(show(actions));
                }
                case "time" -> {
                    now = Long.parseLong(parts[1]);
                    answers.add(show(session.tick(now)));
                }
                case "eof" -> answers.add(show(session.endOfStream(now)));
                case "send" -> answers.add(send(session, frameOf(parts[1], parts[2], parts[3]), now));
                case "close" -> answers.add(show(session.close(Integer.parseInt(parts[1]), null, now)));
                default -> throw new IllegalArgumentException(step);
            }
        }
        return String.join(" ", answers);
    }

    private static String send(Session session, Frame frame, long now) {
        try {
            // The session refuses the other kinds whatever they contain.
            if (!Message.isListed(frame.kind())) session.permitKind(frame.kind());
            Message message = Message.parse(frame, Set.of(frame.kind()));
            // A reason that is not legal text may be received, but not sent.
            if (message instanceof Message.Error) Payload.decode(rest(frame.body(), Message.ERROR_FIXED), frame.encoding());
            if (message instanceof Message.Close) Payload.decode(rest(frame.body(), Message.CLOSE_FIXED), frame.encoding());
            return "sent=" + hex(((Action.Write) session.send(message, now).get(0)).octets());
        } catch (Fault fault) {
            return "refused:" + fault.name();
        }
    }

    /** Lists the actions in order. Written frames are decoded from their bytes. */
    private static String show(List<Action> actions) {
        List<String> items = new ArrayList<>();
        for (Action action : actions) {
            if (action instanceof Action.Write write) items.add(showSent(write.octets()) + "=" + hex(write.octets()));
            if (action instanceof Action.Deliver deliver && !(deliver.message() instanceof Message.Pong)) {
                // A CANCEL is delivered after its REQUEST was answered, and shown before.
                int at = deliver.message() instanceof Message.Cancel ? items.size() - 1 : items.size();
                items.add(at, String.format("got:%02x:%s", deliver.frame().kind(), hex(deliver.frame().body())));
            }
            if (action instanceof Action.End end) items.add("end:" + end.cause());
        }
        return items.isEmpty() ? "-" : String.join(",", items);
    }

    private static String showSent(byte[] octets) {
        Decoder decoder = new Decoder(octets.length);
        decoder.feed(octets, 0, octets.length);
        Frame frame = decoder.next();
        if (frame.kind() == Hello.KIND) return "hello";
        Message message = Message.parse(frame, Set.of());
        if (message instanceof Message.Ping) return "ping";
        if (message instanceof Message.Pong pong) return "pong:" + hex(pong.payload().octets());
        String name = message.payload().text().split(":", 2)[0];
        String reason = name.isEmpty() ? "-" : name;
        if (message instanceof Message.Error it) return "error:" + it.id() + ":" + it.frame() + ":" + it.code() + ":" + reason;
        return "close:" + ((Message.Close) message).code() + ":" + reason;
    }

    private static byte[] rest(byte[] octets, int from) {
        return Arrays.copyOfRange(octets, from, octets.length);
    }

    private static List<byte[]> cut(String cut, String hex) {
        byte[] whole = bytes(hex);
        if (cut.equals("whole")) return List.of(whole);
        List<byte[]> pieces = new ArrayList<>();
        for (byte octet : whole) pieces.add(new byte[] {octet});
        return pieces;
    }

    private static Frame frameOf(String kind, String encoding, String body) {
        return new Frame(Integer.parseInt(kind, 16), encodingOf(encoding), bytes(body));
    }

    private static TextEncoding encodingOf(String word) {
        return TextEncoding.of(Integer.parseInt(word));
    }

    private static String word(Fault fault) {
        return "fault:" + fault.name() + (fault.offset() < 0 ? "" : ":" + fault.offset());
    }

    private static byte[] bytes(String word) {
        return word.equals("-") ? new byte[0] : HexFormat.of().parseHex(word);
    }

    private static String hex(String text) {
        return hex(Payload.utf8(text));
    }

    private static String hex(byte[] octets) {
        return octets.length == 0 ? "-" : HexFormat.of().formatHex(octets);
    }
}
