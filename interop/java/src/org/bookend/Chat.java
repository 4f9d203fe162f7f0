package org.bookend;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Queue;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A chat client of a hub: posts each line of standard input and prints each message. */
final class Chat {
    private static final List<String> PREFERENCES = List.of("as-sent", "ascii", "utf-8", "utf-16be", "utf-16le");
    private static final String USAGE = "usage: chat HOST:PORT [--name NAME] [--room ROOM] [--encoding ENCODING] [--count N] [--json] "
            + "[--send-hex ENC HEX]...";

    // What makes a name look like the start of another line (R9.31): a colon before a blank or at the end, `*` or `!` at
    // the start or before a blank, the parenthesis of `(to `; and what looks like these.
    private static final String COLONS = "[:\u02d0\u02f8\u0589\u05c3\u0703\u0704\u0903\u0a83\u16ec\u1803\u1809\u205a\u2236\u2982\ua4fd\ua789\ufe13\ufe30\ufe55\uff1a]";
    private static final String STARS = "[*!\u01c3\u066d\u204e\u2055\u2217\u2731\u2d51\ufe15\ufe57\ufe61\uff01\uff0a]";
    private static final String PARENTHESES = "[(\u207d\u208d\u2768\u2772\u3014\ufd3e\ufe59\uff08]";
    private static final Pattern MISLEADING = Pattern.compile(
            COLONS + "(?=\\s|\\z)|^" + STARS + "|" + STARS + "(?=\\s)|(?<!\\S)" + PARENTHESES + "(?=[Tt][Oo]\\s)",
            Pattern.UNICODE_CHARACTER_CLASS);

    private final PrintStream output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private final PrintStream errors = new PrintStream(System.err, true, StandardCharsets.UTF_8);
    private final List<Payload> sends = new ArrayList<>();
    private Hello hello = new Hello().withHub(true).withPreferred(TextEncoding.UTF_8).withSoftware("bookend-java 0.1.0");
    private Connection connection;
    private String host;
    private int port;
    private long count = Long.MAX_VALUE;
    private long got;
    private boolean json;
    private volatile boolean hasFailed;
    private long member;

    private Chat() {}

    public static void main(String[] words) {
        Chat chat = new Chat();
        int status;
        try {
            chat.read(words);
            status = chat.run();
        } catch (IllegalArgumentException error) {
            chat.report(error.getMessage());
            chat.errors.println(USAGE);
            status = 2;
        } catch (Fault | IOException error) {
            chat.report(error.toString());
            status = 1;
        }
        System.exit(status); // the thread that reads the input may be blocked
    }

    private void read(String[] words) {
        Queue<String> rest = new ArrayDeque<>(List.of(words));
        while (!rest.isEmpty()) {
            String word = rest.remove();
            switch (word) {
                case "--name" -> hello = hello.withName(next(word, rest));
                case "--room" -> hello = hello.withRoom(next(word, rest));
                case "--count" -> count = number(word, next(word, rest), 1, Integer.MAX_VALUE);
                case "--json" -> json = true;
                case "--encoding" -> {
                    String name = next(word, rest);
                    int preferred = PREFERENCES.indexOf(name);
                    check(preferred >= 0, "--encoding: unknown encoding " + name);
                    hello = hello.withPreferred(TextEncoding.of(preferred));
                }
                case "--send-hex" -> {
                    TextEncoding encoding = TextEncoding.of(number(word, next(word, rest), 0, 4));
                    String hex = next(word, rest);
                    check(hex.matches("([0-9A-Fa-f]{2})*"), "--send-hex: " + hex + " is not hex");
                    sends.add(Payload.decode(HexFormat.of().parseHex(hex), encoding));
                }
                default -> {
                    int colon = word.lastIndexOf(':');
                    check(colon >= 0 && host == null, "unexpected argument " + word);
                    host = word.substring(0, colon).replaceAll("^\\[|\\]$", "");
                    port = number("port", word.substring(colon + 1), 0, 0xFFFF);
                }
            }
        }
        check(host != null, "the address of the hub is missing: give HOST:PORT");
        hello.body(); // throws if it is illegal
    }

    private static String next(String option, Queue<String> rest) {
        check(!rest.isEmpty(), option + " needs a value");
        return rest.remove();
    }

    private static int number(String option, String value, int least, int most) {
        check(value.matches("\\d{1,10}") && Long.parseLong(value) >= least && Long.parseLong(value) <= most,
                option + ": " + value + " is not a number from " + least + " to " + most);
        return Integer.parseInt(value);
    }

    private static void check(boolean holds, String problem) {
        if (!holds) throw new IllegalArgumentException(problem);
    }

    private int run() throws IOException {
        connection = new Connection(new Socket(host, port), Session.Role.CLIENT, hello);
        connection.open();
        if (!connection.hasHub()) postAll();
        for (Connection.Received it = connection.receive(); it != null; it = connection.receive()) {
            try {
                handle(it);
            } catch (Fault fault) {
                report(fault.toString()); // the answer was not sent
            }
        }
        return hasFailed ? 1 : 0;
    }

    private void handle(Connection.Received received) {
        Message message = received.message();
        if (message instanceof Message.Welcome welcome) {
            member = welcome.member();
            postAll();
        }
        if (message instanceof Message.Error error) report(error.code() + ": " + error.payload().text());
        if (message instanceof Message.Request) {
            connection.refuse(received, new Fault("policy", "this is a chat client, which answers no requests"));
        }
        if (message instanceof Message.Pong) connection.close(1000); // the peer has acted on everything that was sent
        if (got == count) return;
        String line = json ? asJson(message) : plain(message);
        if (line != null) output.print(line + "\n");
        boolean isCounted = message instanceof Message.Delivery || message instanceof Message.Plain;
        if (isCounted && ++got == count) connection.close(1000);
    }

    /** Posts the payloads of the command line, and then each line of input. */
    private void postAll() {
        for (Payload payload : sends) {
            connection.send(connection.hasHub() ? new Message.Post(0, payload) : new Message.Plain(payload));
        }
        Thread reader = new Thread(this::readLines, "input");
        reader.setDaemon(true);
        reader.start();
    }

    private void readLines() {
        try (BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = input.readLine(); line != null; line = input.readLine()) postLine(line);
            if (count == Long.MAX_VALUE) connection.send(new Message.Ping(Payload.binary(new byte[] {1})));
        } catch (Fault | IOException error) {
            report(error.toString());
        }
    }

    private void postLine(String line) {
        try {
            if (!line.startsWith("/to ")) {
                connection.post(line, 0);
                return;
            }
            String[] words = line.split(" ", 3);
            connection.post(words.length > 2 ? words[2] : "", Long.parseUnsignedLong(words[1]));
        } catch (NumberFormatException error) {
            report("write /to ID text, where ID is a member's number");
        } catch (Fault fault) {
            report(fault.toString());
        }
    }

    private void report(String line) {
        hasFailed = true;
        errors.println(Payload.printable(line));
    }

    private String plain(Message message) {
        if (message instanceof Message.Plain it) return shown(it.payload());
        if (message instanceof Message.Delivery it) {
            String to = it.to() == 0 ? "" : it.to() == member ? " (to you)" : " (to " + it.to() + ")";
            return displayed(it.name()) + to + ": " + shown(it.payload());
        }
        if (message instanceof Message.Presence it) {
            if (it.event() == 3) {
                return "* " + it.member() + " in " + displayed(it.payload().text()) + ", too many to announce who joins and leaves";
            }
            return "* " + displayed(it.payload().text()) + " " + List.of("here", "joined", "left").get(it.event());
        }
        if (message instanceof Message.Gap it) return "* " + Long.toUnsignedString(it.missed()) + " messages missed";
        return null;
    }

    /** A name in a line, which then cannot look like one of the hub or of another member (R9.31). */
    private static String displayed(String name) {
        return Payload.printable(MISLEADING.matcher(name).replaceAll(found -> Matcher.quoteReplacement("\\u{" + Integer.toHexString(found.group().charAt(0)) + "}")));
    }

    private static String asJson(Message message) {
        if (message instanceof Message.Delivery it) {
            String payload = it.payload().text() == null ? "\"hex\":\"" + HexFormat.of().formatHex(it.payload().octets()) + "\""
                    : "\"text\":" + quoted(it.payload().text());
            return String.format("{\"from\":%d,\"name\":%s,\"to\":%d,\"seq\":%s,\"time\":%s,\"encoding\":%d,%s}", it.from(),
                    quoted(it.name()), it.to(), Long.toUnsignedString(it.seq()), Long.toUnsignedString(it.time()),
                    it.payload().encoding().ordinal(), payload);
        }
        if (message instanceof Message.Welcome it) {
            return String.format("{\"event\":\"welcome\",\"member\":%d,\"next_seq\":%s,\"greeting\":%s}", it.member(),
                    Long.toUnsignedString(it.seq()), quoted(it.payload().text()));
        }
        if (message instanceof Message.Presence it) {
            String event = List.of("here", "joined", "left", "crowd").get(it.event());
            return String.format("{\"event\":\"%s\",\"member\":%d,\"name\":%s}", event, it.member(), quoted(it.payload().text()));
        }
        if (message instanceof Message.Gap it) return "{\"event\":\"gap\",\"missed\":" + Long.toUnsignedString(it.missed()) + "}";
        return null;
    }

    private static String shown(Payload payload) {
        return payload.text() == null ? "[binary " + payload.octets().length + " bytes]" : Payload.printable(payload.text());
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        text.chars().forEach(c -> {
            if (c == '"' || c == '\\') quoted.append('\\').append((char) c);
            else if (Payload.isUnprintable(c)) quoted.append(String.format("\\u%04x", c));
            else quoted.append((char) c);
        });
        return quoted.append('"').toString();
    }
}
