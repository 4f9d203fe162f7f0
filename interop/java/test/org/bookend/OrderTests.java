package org.bookend;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.HexFormat;
import java.util.StringJoiner;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** The order of the checks of a frame that arrives (R3.25) and of a message that is sent (R7.18), and private kinds. */
final class OrderTests {
    private static final int MINE = 0xC0;

    private OrderTests() {}

    static void run() throws Exception {
        sendingIsCheckedInOneOrder();
        kindsThatNoApplicationSends();
        errorsOfTheApplication();
        receivingIsCheckedInOneOrder();
        answersThatCannotBeRead();
        privateKinds();
        privateKindsOverStreams();
        privateKindsOverChannels();
    }

    /** A message that breaks two rules is refused by the name of the first one. */
    private static void sendingIsCheckedInOneOrder() {
        Session closed = new Session(Session.Role.SERVER, new Hello());
        refused("malformed comes before not-open", "malformed -1", closed, new Message.Request(0, Payload.of("?")));
        Session session = opened(Session.Role.SERVER, new Hello().withHub(true), false);
        Payload big = Payload.of("x".repeat(2000), TextEncoding.UTF_16LE);
        refused("malformed comes before unknown-kind", "malformed -1", session, new Message.Presence(5, 1, Payload.of("")));
        refused("a hub kind needs the profile", "unknown-kind -1", session, new Message.Post(0, big));
        refused("no-such-request comes before encoding-refused", "no-such-request -1", session, new Message.Reply(7, big));
        refused("encoding-refused comes before too-long", "encoding-refused -1", session, new Message.Request(1, big));
        refused("the fixed part counts", "too-long -1", session, new Message.Request(1, Payload.binary(new byte[1021])));
        refused("max body may be used", "no fault", session, new Message.Request(1, Payload.binary(new byte[1020])));
        refused("duplicate-request comes before try-later", "duplicate-request -1", session, new Message.Request(1, big));
        refused("try-later comes before encoding-refused", "try-later -1", session, new Message.Request(2, big));
        Session hub = opened(Session.Role.SERVER, new Hello().withHub(true), true);
        refused("unexpected-kind comes before encoding-refused", "unexpected-kind -1", hub, new Message.Post(0, big));
        Payload marks = Payload.decode(HexFormat.of().parseHex("efbbbfefbbbf"), TextEncoding.UTF_8);
        refused("a name of marks alone is empty", "malformed -1", hub, new Message.Presence(5, 1, marks));
        Message unmappable = new Message.Plain(Payload.decode(HexFormat.of().parseHex("fefffffe" + "0078".repeat(1024)), TextEncoding.UTF_16BE));
        refused("encoding-refused comes before unmappable-text", "encoding-refused -1", session, unmappable);
        Session wide = new Session(Session.Role.SERVER, new Hello());
        byte[] hello = new Frame(Hello.KIND, TextEncoding.BINARY, new Hello().withMaxBody(1024).body()).encode();
        wide.receive(hello, 0, hello.length, 0);
        refused("unmappable-text comes before too-long", "unmappable-text 0", wide, unmappable);
        Payload marked = Payload.decode(HexFormat.of().parseHex("efbbbfefbbbf" + "78".repeat(1024)), TextEncoding.UTF_8);
        refused("a mark is removed before the length is judged", "no fault", session, new Message.Plain(marked));
    }

    /** The session sends HELLO, PONG and CLOSE itself; 20 and F0 are no kinds. */
    private static void kindsThatNoApplicationSends() {
        Session session = opened(Session.Role.CLIENT, new Hello(), false);
        for (Message message : new Message[] {new Message.Pong(Payload.binary(new byte[0])), new Message.Close(1000, Payload.of("normal"))}) {
            refused("the session itself sends it", "unexpected-kind -1", session, message);
            refused("nothing is sent before HELLO", "not-open -1", new Session(Session.Role.CLIENT, new Hello()), message);
        }
        refused("a malformed PONG is refused as such", "malformed -1", session, new Message.Pong(Payload.binary(new byte[65])));
        Tests.is("HELLO is sent once", "unexpected-kind -1", Tests.faultOf(() -> session.permitKind(Hello.KIND)));
        for (int kind : new int[] {0x00, 0x20, 0x80, 0xF0}) {
            Tests.is("an unlisted kind is not sent", "unknown-kind -1", Tests.faultOf(() -> session.permitKind(kind)));
        }
    }

    private static void errorsOfTheApplication() {
        Session session = opened(Session.Role.SERVER, new Hello(), false);
        Message.Error error = new Message.Error(5, 77, 1008, Payload.of("policy"));
        arrives(session, 0x02, 2);
        Tests.is("a REQUEST is delivered", "got 03", arrives(session, 0x03, 2, 0, 0, 0, 5));
        Message.Error sent = (Message.Error) Tests.decoded(((Action.Write) session.send(error, 0).get(0)).octets());
        Tests.is("the session writes the number of the REQUEST's frame", "5 2", sent.id() + " " + sent.frame());
        refused("an ERROR answers its REQUEST once", "no-such-request -1", session, error);
        Tests.is("its id is free again", "got 03", arrives(session, 0x03, 2, 0, 0, 0, 5));
        Message.Error other = new Message.Error(0, 77, 1008, Payload.of("policy"));
        sent = (Message.Error) Tests.decoded(((Action.Write) session.send(other, 0).get(0)).octets());
        Tests.is("an ERROR with id 0 keeps its number", "0 77", sent.id() + " " + sent.frame());
        refused("a reason of 201 bytes is too long", "too-long -1", session, new Message.Error(0, 1, 1008, Payload.of("x".repeat(201))));
        refused("a reason of 200 bytes is not", "no fault", session, new Message.Error(0, 1, 1008, Payload.of("x".repeat(200))));
    }

    private static void receivingIsCheckedInOneOrder() {
        Session session = opened(Session.Role.CLIENT, new Hello(), false);
        for (int count = 0; count < 10; count++) arrives(session, 0x06, 0);
        Tests.is("a malformed PING counts for the flood first", "ping-flood", arrives(session, 0x06, 0, new int[65]));
        session = opened(Session.Role.SERVER, withoutUtf16(new Hello().withRequests(1L)), false);
        arrives(session, 0x03, 2, 0, 0, 0, 1);
        Tests.is("encoding-refused comes before bad-text", "encoding-refused", arrives(session, 0x03, 3, 0, 0, 0, 2, 0xFF));
        Tests.is("bad-text comes before try-later", "bad-text", arrives(session, 0x03, 2, 0, 0, 0, 2, 0xFF));
        Tests.is("a further REQUEST is refused", "try-later", arrives(session, 0x03, 2, 0, 0, 0, 2));
        Tests.is("duplicate-request comes before encoding-refused", "duplicate-request", arrives(session, 0x03, 3, 0, 0, 0, 1, 0xFF));
        session = opened(Session.Role.CLIENT, new Hello(), false);
        Tests.is("an ERROR about no REQUEST is delivered", "got 05", arrives(session, 0x05, 2, 0, 0, 0, 99, 0, 0, 0, 0, 3, 0xF0));
    }

    /** A REPLY of bad text, or in an encoding that is not accepted, is an answer all the same (R3.26). */
    private static void answersThatCannotBeRead() {
        Session session = opened(Session.Role.CLIENT, withoutUtf16(new Hello()), false);
        for (int encoding = 2; encoding <= 3; encoding++) {
            session.send(new Message.Request(7, Payload.of("?")), 0);
            Tests.is("an unreadable REPLY fails its REQUEST", encoding == 2 ? "unreadable bad-text" : "unreadable encoding-refused",
                    arrives(session, 0x04, encoding, 0, 0, 0, 7, 0xFF));
            Tests.is("a later REPLY is ignored", "", arrives(session, 0x04, 2, 0, 0, 0, 7));
        }
    }

    private static void privateKinds() {
        Session session = opened(Session.Role.CLIENT, withoutUtf16(new Hello()), false);
        Payload marked = Payload.decode(HexFormat.of().parseHex("efbbbfefbbbf68"), TextEncoding.UTF_8);
        byte[] octets = ((Action.Write) session.send(new Message.Private(0xEF, marked), 0).get(0)).octets();
        Tests.is("a private kind is sent without a mark", "f5f8ef020000000168f8f5", HexFormat.of().formatHex(octets));
        Tests.is("a private kind is C0 to EF", "unknown-kind -1", Tests.faultOf(() -> new Message.Private(0xF0, marked)));
        refused("the peer must accept the encoding", "encoding-refused -1", session, new Message.Private(MINE, Payload.of("a", TextEncoding.UTF_16BE)));
        Tests.is("a private kind is ignored whatever its text", "", arrives(session, MINE, 2, 0xFF));
        session = opened(Session.Role.CLIENT, withoutUtf16(new Hello()), false, MINE);
        Tests.is("an agreed kind is delivered", "got c0", arrives(session, MINE, 2, 0x61));
        Tests.is("its text is checked", "bad-text", arrives(session, MINE, 2, 0xFF));
        Tests.is("its encoding is checked first", "encoding-refused", arrives(session, MINE, 3, 0xFF));
        Tests.is("another private kind is ignored", "", arrives(session, 0xC1, 2, 0xFF));
    }

    private static void privateKindsOverStreams() throws Exception {
        try (ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            CompletableFuture<String> server = CompletableFuture.supplyAsync(() -> {
                try (Connection connection = new Connection(listener.accept(), Session.Role.SERVER, new Hello())) {
                    connection.open();
                    connection.send(new Message.Private(0xC1, Payload.of("ignored")));
                    connection.send(new Message.Private(MINE, Payload.of("taken")));
                    while (connection.receive() != null) continue;
                    return "over";
                } catch (IOException error) {
                    return error.toString();
                }
            });
            Socket socket = new Socket(InetAddress.getLoopbackAddress(), listener.getLocalPort());
            try (Connection client = new Connection(socket, Session.Role.CLIENT, new Hello(), MINE)) {
                client.open();
                Tests.is("an agreed kind arrives over a stream", "taken", client.receive().message().payload().text());
            }
            Tests.is("the other side ends too", "over", server.get(10, TimeUnit.SECONDS));
        }
    }

    private static void privateKindsOverChannels() throws Exception {
        StringJoiner seen = new StringJoiner(" ");
        ChannelConnection.Listener both = new ChannelConnection.Listener() {
            @Override
            public void opened(ChannelConnection connection) {
                connection.send(new Message.Private(MINE, Payload.of("taken")));
            }

            @Override
            public void received(ChannelConnection connection, Message message, long number) {
                seen.add(Integer.toHexString(message.kind())).add(message.payload().text());
                connection.close(1000);
            }

            @Override
            public void ended(ChannelConnection connection, Fault fault) {
                seen.add("" + fault);
            }
        };
        try (Selector selector = Selector.open(); ServerSocketChannel listener = ServerSocketChannel.open()) {
            listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            SocketChannel client = SocketChannel.open(listener.getLocalAddress());
            ChannelConnection.register(client, selector, Session.Role.CLIENT, new Hello(), both);
            ChannelConnection.register(listener.accept(), selector, Session.Role.SERVER, new Hello(), both, MINE);
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
            while (seen.length() < "c0 taken null null".length() && System.nanoTime() < end) ChannelConnection.turn(selector);
        }
        Tests.is("only the side that agreed takes the kind", "c0 taken null null", seen.toString());
    }

    /** An open session whose peer accepts no UTF-16, takes bodies of 1,024 bytes and one REQUEST. */
    private static Session opened(Session.Role role, Hello own, boolean hub, Integer... agreed) {
        Session session = new Session(role, own, agreed);
        session.start(0);
        Hello peer = withoutUtf16(new Hello().withMaxBody(1024).withRequests(1L).withHub(hub));
        byte[] octets = new Frame(Hello.KIND, TextEncoding.BINARY, peer.body()).encode();
        session.receive(octets, 0, octets.length, 0);
        return session;
    }

    private static Hello withoutUtf16(Hello hello) {
        byte[] body = hello.body();
        body[14] = 0x07;
        return Hello.parse(body);
    }

    private static void refused(String claim, String expected, Session session, Message message) {
        Tests.is(claim, expected, Tests.faultOf(() -> session.send(message, 0)));
    }

    /** What a session does when a frame arrives: the names of its ERROR or CLOSE, and what it delivers. */
    private static String arrives(Session session, int kind, int encoding, int... body) {
        byte[] octets = new byte[body.length];
        for (int at = 0; at < body.length; at++) octets[at] = (byte) body[at];
        byte[] frame = new Frame(kind, TextEncoding.of(encoding), octets).encode();
        StringJoiner items = new StringJoiner(", ");
        for (Action action : session.receive(frame, 0, frame.length, 0)) {
            if (action instanceof Action.Deliver it) items.add(String.format("got %02x", it.message().kind()));
            if (action instanceof Action.Unreadable it) items.add("unreadable " + it.fault().name());
            if (action instanceof Action.Write it && !(Tests.decoded(it.octets()) instanceof Message.Pong)) {
                items.add(Tests.decoded(it.octets()).payload().text().split(":")[0]);
            }
        }
        return items.toString();
    }
}
