package org.bookend;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.HexFormat;
import java.util.Set;
import java.util.StringJoiner;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** The tests of this peer. Prints each failure and exits with 1 if there is any. */
final class Tests {
    private static final InetAddress HERE = InetAddress.getLoopbackAddress();
    private static int failures;

    private Tests() {}

    public static void main(String[] words) throws Exception {
        is("a frame matches the example of SPEC section 2", "f5f80202000000026869f8f5",
                HexFormat.of().formatHex(new Message.Plain(Payload.of("hi")).toFrame().encode()));
        is("a length over the limit fails before the body arrives", "too-long 4", faultOf(() -> {
            Decoder decoder = new Decoder(1024);
            decoder.feed(HexFormat.of().parseHex("f5f8020200000401"), 0, 8);
            decoder.next();
        }));
        is("an odd byte in UTF-16 is bad-text", "bad-text 2",
                faultOf(() -> Payload.decode(new byte[] {0x61, 0, 0x61}, TextEncoding.UTF_16LE)));
        is("a query has one form", "Query[before=-1, count=10, text=noon]", String.valueOf(Query.parse(new Query(Query.NOW, 10, "noon").payload())));
        is("text is not a query", "null", String.valueOf(Query.parse(Payload.of("xxxxxxxxxxxxx"))));
        is("the gap at the start is no entry", "Page[lostBefore=3, entries=[]]",
                Page.parse(Payload.binary(new Message.Gap(3).toFrame().encode())).toString());
        is("text is not a page", "malformed -1", faultOf(() -> Page.parse(Payload.of(""))));
        is("a lone surrogate is not replaced", "unmappable-text 1", faultOf(() -> Payload.of("a\ud800")));
        is("an unmappable character is not replaced", "unmappable-text 2", faultOf(() -> Payload.of("ab\u20ac", TextEncoding.ASCII)));
        is("a forwarded payload has no byte order mark", "6869", HexFormat.of().formatHex(new Message.Plain(
                Payload.decode(HexFormat.of().parseHex("efbbbfefbbbf6869"), TextEncoding.UTF_8)).toFrame().body()));
        is("an illegal HELLO cannot be encoded", "bad-hello -1", faultOf(() -> new Hello().withName("a\nb").body()));
        is("nothing is sent before HELLO", "not-open -1",
                faultOf(() -> new Session(Session.Role.CLIENT, new Hello()).send(new Message.Gap(1), 0)));
        is("a long reason is truncated between characters", "200",
                "" + Message.reason("\ud83d\ude00".repeat(60), TextEncoding.UTF_8).octets().length);
        is("an unknown kind from 80 on is ignored", "null",
                "" + Message.parse(new Frame(0x80, TextEncoding.BINARY, new byte[1]), Set.of()));
        is("time without reading does not count against the peer", "true false", "" + isOpenAt(109_000, 50_000) + " " + isOpenAt(110_000, 50_000));
        is("twenty PINGs at once are a flood", "false", "" + takesTwentyPings(0));
        is("twenty PINGs that may have waited unread are not a flood", "true", "" + takesTwentyPings(10_000));
        cancel();
        OrderTests.run();
        is("an unreadable answer is reported for its request", "bad-text 1", unreadable());
        CompletableFuture<String> stalled = CompletableFuture.supplyAsync(Tests::stall);
        requestOverStreams();
        cancelOverChannels();
        echoOverStreams();
        echoOverTls();
        endAsIdle();
        echoOverChannels();
        closeBeforeTheAnswer();
        is("a peer that does not read ends the connection as slow-consumer", "not-open -1, slow-consumer -1", stalled.get(30, TimeUnit.SECONDS));
        System.out.println(failures == 0 ? "ok" : failures + " failed");
        System.exit(failures == 0 ? 0 : 1);
    }

    /** An open session of a client at time 0. The peer's HELLO has a keepalive of 30 s. */
    private static Session openSession() {
        Session session = new Session(Session.Role.CLIENT, new Hello());
        session.start(0);
        byte[] hello = new Frame(Hello.KIND, TextEncoding.BINARY, new Hello().body()).encode();
        session.receive(hello, 0, hello.length, 0);
        return session;
    }

    private static boolean isOpenAt(long time, long excused) {
        Session session = openSession();
        session.excuse(excused);
        session.tick(time);
        return session.isOpen();
    }

    private static boolean takesTwentyPings(long excused) {
        Session session = openSession();
        session.excuse(excused);
        byte[] ping = new Message.Ping(Payload.binary(new byte[0])).toFrame().encode();
        for (int count = 0; count < 20; count++) session.receive(ping, 0, ping.length, excused);
        return session.isOpen();
    }

    private static void cancel() {
        Hello limited = new Hello().withRequests(1L);
        Hello sent = Hello.parse(limited.withClient(true).body());
        is("requests and client round-trip", "1 true", sent.requests() + " " + sent.client());
        Session serving = new Session(Session.Role.SERVER, limited);
        byte[] hello = ((Action.Write) new Session(Session.Role.CLIENT, new Hello()).start(0).get(0)).octets();
        serving.receive(hello, 0, hello.length, 0);
        is("a REQUEST is delivered", "Request", happens(serving, new Message.Request(7, Payload.of("?"))));
        is("a REQUEST above the own limit is refused", "8 2 1013", happens(serving, new Message.Request(8, Payload.of("?"))));
        is("a CANCEL is answered at once and delivered", "7 1 4012, Cancel", happens(serving, new Message.Cancel(7)));
        is("a second CANCEL is ignored", "", happens(serving, new Message.Cancel(7)));
        is("a cancelled REQUEST is not answered again", "no-such-request -1",
                faultOf(() -> serving.send(new Message.Reply(7, Payload.of("")), 0)));
        is("its id is free again", "Request", happens(serving, new Message.Request(7, Payload.of("?"))));
        Session doubled = new Session(Session.Role.CLIENT, new Hello());
        doubled.start(0);
        Message close = decoded(((Action.Write) doubled.receive(hello, 0, hello.length, 0).get(0)).octets());
        is("a client refuses a client", "two-clients", close.payload().text().split(":")[0]);
    }

    static Message decoded(byte[] octets) {
        Decoder decoder = new Decoder(octets.length);
        decoder.feed(octets, 0, octets.length);
        return Message.parse(decoder.next(), Set.of());
    }

    /** What a session does when a message arrives: the ERRORs that it sends, and the messages that it delivers. */
    private static String happens(Session session, Message message) {
        byte[] octets = message.toFrame().encode();
        StringJoiner items = new StringJoiner(", ");
        for (Action action : session.receive(octets, 0, octets.length, 0)) {
            if (action instanceof Action.Deliver deliver) items.add(deliver.message().getClass().getSimpleName());
            if (action instanceof Action.Write write && decoded(write.octets()) instanceof Message.Error error) {
                items.add(error.id() + " " + error.frame() + " " + error.code());
            }
        }
        return items.toString();
    }

    /** The server answers "now", refuses "no", and keeps "later" until it is cancelled. */
    private static void requestOverStreams() throws Exception {
        CompletableFuture<Long> cancelled = new CompletableFuture<>();
        CompletableFuture<Long> asked = new CompletableFuture<>();
        try (ServerSocket listener = new ServerSocket(0, 1, HERE)) {
            CompletableFuture<String> server = CompletableFuture.supplyAsync(() -> serve(listener, asked, cancelled));
            Connection client = new Connection(new Socket(HERE, listener.getLocalPort()), Session.Role.CLIENT, new Hello());
            client.open();
            CompletableFuture<String> reading = CompletableFuture.supplyAsync(() -> faultOf(() -> is("no answer is returned", "null", "" + client.receive())));
            is("a REPLY is the result", "noon", resultOf(client.request(Payload.of("now"))));
            is("an ERROR is the fault", "policy (1008): policy: never", resultOf(client.request(Payload.of("no"))));
            CompletableFuture<Message.Reply> later = client.request(Payload.of("later"));
            long id = asked.get(10, TimeUnit.SECONDS);
            CompletableFuture<Message.Reply> other = client.request(Payload.of("later"));
            is("the peer's limit is kept", "try-later -1", faultOf(() -> client.request(Payload.of("now"))));
            later.cancel(true);
            is("cancelling a future sends CANCEL", "" + id, "" + cancelled.get(10, TimeUnit.SECONDS));
            is("an unknown REQUEST is not cancelled", "false", "" + client.cancel(77));
            client.close(1000);
            is("reading ends", "no fault", reading.get(10, TimeUnit.SECONDS));
            is("the end is the fault of the others", "no-close: the connection was closed before the answer", resultOf(other));
            is("the other side ends too", "over", server.get(10, TimeUnit.SECONDS));
        }
    }

    private static String serve(ServerSocket listener, CompletableFuture<Long> asked, CompletableFuture<Long> cancelled) {
        try (Connection connection = new Connection(listener.accept(), Session.Role.SERVER, new Hello().withRequests(2L))) {
            connection.open();
            for (var it = connection.receive(); it != null; it = connection.receive()) {
                if (it.message() instanceof Message.Cancel cancel) cancelled.complete(cancel.id());
                if (!(it.message() instanceof Message.Request request)) continue;
                switch (request.payload().text()) {
                    case "now" -> connection.send(new Message.Reply(request.id(), Payload.of("noon")));
                    case "no" -> connection.refuse(it, new Fault("policy", "never"));
                    default -> asked.complete(request.id());
                }
            }
            return "over";
        } catch (IOException error) {
            return error.toString();
        }
    }

    private static String resultOf(CompletableFuture<Message.Reply> future) throws Exception {
        try {
            return future.get(10, TimeUnit.SECONDS).payload().text();
        } catch (ExecutionException error) {
            return error.getCause().toString();
        }
    }

    /** A REQUEST and its CANCEL arrive at once. The answer of the listener is too late, and dropped. */
    private static void cancelOverChannels() throws Exception {
        Session session = new Session(Session.Role.CLIENT, new Hello());
        ByteArrayOutputStream octets = new ByteArrayOutputStream();
        octets.writeBytes(((Action.Write) session.start(0).get(0)).octets());
        octets.writeBytes(new Message.Request(7, Payload.of("?")).toFrame().encode());
        octets.writeBytes(new Message.Cancel(7).toFrame().encode());
        octets.writeBytes(new Message.Close(1000, Payload.of("")).toFrame().encode());
        StringJoiner seen = new StringJoiner(" ");
        boolean[] isOver = {false};
        ChannelConnection.Listener answering = new ChannelConnection.Listener() {
            @Override
            public void received(ChannelConnection connection, Message message, long number) {
                seen.add(message.getClass().getSimpleName());
                if (message instanceof Message.Request request) connection.send(new Message.Reply(request.id(), Payload.of("!")));
            }

            @Override
            public void ended(ChannelConnection connection, Fault fault) {
                isOver[0] = true;
                seen.add("" + fault);
            }
        };
        try (Selector selector = Selector.open(); ServerSocketChannel listener = ServerSocketChannel.open()) {
            listener.bind(new InetSocketAddress(HERE, 0));
            try (SocketChannel client = SocketChannel.open(listener.getLocalAddress())) {
                client.write(ByteBuffer.wrap(octets.toByteArray()));
                client.shutdownOutput();
                ChannelConnection.register(listener.accept(), selector, Session.Role.SERVER, new Hello(), answering);
                long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
                while (!isOver[0] && System.nanoTime() < end) ChannelConnection.turn(selector);
            }
        }
        is("an answer that a CANCEL has crossed does not end the connection", "Request Cancel null", seen.toString());
    }

    private static String unreadable() {
        Session session = openSession();
        session.send(new Message.Request(7, Payload.of("?")), 0);
        byte[] reply = new Frame(0x04, TextEncoding.UTF_8, new byte[] {0, 0, 0, 7, 'a', (byte) 0xFF}).encode();
        for (Action action : session.receive(reply, 0, reply.length, 0)) {
            if (action instanceof Action.Unreadable it && it.fault().id() == 7) return it.fault().name() + " " + it.fault().offset();
        }
        return "nothing";
    }

    /** A client and a server over blocking streams. Each has a thread and reads until the other has closed. */
    private static void echoOverStreams() throws Exception {
        try (ServerSocket listener = new ServerSocket(0, 1, HERE)) {
            echoOverStreams(listener, () -> new Socket(HERE, listener.getLocalPort()));
        }
    }

    /** The same over TLS, with a new certificate. */
    private static void echoOverTls() throws Exception {
        Path store = Files.createTempDirectory("bookend").resolve("store");
        String tool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
        new ProcessBuilder(tool, "-genkeypair", "-keyalg", "EC", "-dname", "CN=bookend", "-storepass", "secret", "-keystore",
                store.toString()).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor();
        KeyStore keys = KeyStore.getInstance(store.toFile(), "secret".toCharArray());
        Files.delete(store);
        Files.delete(store.getParent());
        KeyManagerFactory own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        own.init(keys, "secret".toCharArray());
        TrustManagerFactory trusted = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trusted.init(keys);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(own.getKeyManagers(), trusted.getTrustManagers(), null);
        try (ServerSocket listener = context.getServerSocketFactory().createServerSocket(0, 1, HERE)) {
            echoOverStreams(listener, () -> context.getSocketFactory().createSocket(HERE, listener.getLocalPort()));
        }
    }

    private static void echoOverStreams(ServerSocket listener, Callable<Socket> connect) throws Exception {
        String words = "ü".repeat(100_000);
        CompletableFuture<String> server = CompletableFuture.supplyAsync(() -> {
            try (Connection connection = new Connection(listener.accept(), Session.Role.SERVER, new Hello())) {
                connection.open();
                connection.post("welcome", 0); // after this side's HELLO
                for (var it = connection.receive(); it != null; it = connection.receive()) {
                    connection.post(it.message().payload().text() + "!", 0);
                }
                return "over";
            } catch (IOException error) {
                return error.toString();
            }
        });
        Hello hello = new Hello().withPreferred(TextEncoding.UTF_16LE);
        try (Connection client = new Connection(connect.call(), Session.Role.CLIENT, hello)) {
            client.open();
            is("the server's first message arrives", "welcome", client.receive().message().payload().text());
            client.post("grüß", 0);
            client.post(words, 0);
            Payload first = client.receive().message().payload();
            is("an echoed text arrives in the preferred encoding", "grüß! UTF_16LE", first.text() + " " + first.encoding());
            is("a long text is echoed completely", "true", "" + client.receive().message().payload().text().equals(words + "!"));
        }
        is("the other side ends too", "over", server.get(10, TimeUnit.SECONDS));
    }

    /** The peer sends HELLO, and then neither reads nor sends. */
    private static String stall() {
        try (ServerSocket listener = new ServerSocket(0, 1, HERE);
                Connection client = new Connection(new Socket(HERE, listener.getLocalPort()), Session.Role.CLIENT, new Hello());
                Socket silent = listener.accept()) {
            silent.getOutputStream().write(new Frame(Hello.KIND, TextEncoding.BINARY, new Hello().withKeepalive(0).body()).encode());
            client.open();
            String much = "ü".repeat(500_000);
            String refused = faultOf(() -> {
                for (int time = 0; time < 1000; time++) client.post(much, 0);
            });
            return refused + ", " + faultOf(client::receive);
        } catch (IOException error) {
            return error.toString();
        }
    }

    /** The peer promises bytes each second, and sends nothing after its HELLO. */
    private static void endAsIdle() throws Exception {
        try (ServerSocket listener = new ServerSocket(0, 1, HERE);
                Connection client = new Connection(new Socket(HERE, listener.getLocalPort()), Session.Role.CLIENT, new Hello());
                Socket silent = listener.accept()) {
            silent.getOutputStream().write(new Frame(Hello.KIND, TextEncoding.BINARY, new Hello().withKeepalive(1).body()).encode());
            client.open();
            is("a silent peer ends the connection as idle", "idle -1", faultOf(client::receive));
        }
    }

    /** A server and three clients over channels in one thread. The server echoes each message. */
    private static void echoOverChannels() throws Exception {
        int[] ended = {0};
        StringBuilder lengths = new StringBuilder();
        ChannelConnection.Listener sender = new ChannelConnection.Listener() {
            @Override
            public void opened(ChannelConnection connection) {
                connection.send(new Message.Plain(Payload.of("grüß".repeat(50_000))));
            }

            @Override
            public void received(ChannelConnection connection, Message message, long number) {
                lengths.append(message.payload().text().length()).append(' ');
                connection.close(1000);
            }

            @Override
            public void ended(ChannelConnection connection, Fault fault) {
                ended[0] += fault == null ? 1 : 100;
            }
        };
        try (Selector selector = Selector.open(); ServerSocketChannel listener = ServerSocketChannel.open()) {
            listener.bind(new InetSocketAddress(HERE, 0));
            for (int client = 0; client < 3; client++) {
                SocketChannel channel = SocketChannel.open();
                channel.configureBlocking(false);
                channel.connect(listener.getLocalAddress());
                ChannelConnection.register(channel, selector, Session.Role.CLIENT, new Hello(), sender);
                ChannelConnection.register(listener.accept(), selector, Session.Role.SERVER, new Hello(), echo(ended));
            }
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
            while (ended[0] < 6 && System.nanoTime() < end) ChannelConnection.turn(selector);
        }
        is("each client over a channel is answered", "200001 200001 200001 ", lengths.toString());
        is("each connection over a channel closes normally", "6", "" + ended[0]);
    }

    /** The client has closed before the server answers. Only this connection is affected. */
    private static void closeBeforeTheAnswer() throws Exception {
        int[] ended = {0};
        Session session = new Session(Session.Role.CLIENT, new Hello());
        ByteArrayOutputStream octets = new ByteArrayOutputStream();
        octets.writeBytes(((Action.Write) session.start(0).get(0)).octets());
        octets.writeBytes(new Message.Plain(Payload.of("hi")).toFrame().encode());
        octets.writeBytes(new Message.Close(1000, Payload.of("")).toFrame().encode());
        try (Selector selector = Selector.open(); ServerSocketChannel listener = ServerSocketChannel.open()) {
            listener.bind(new InetSocketAddress(HERE, 0));
            try (SocketChannel client = SocketChannel.open(listener.getLocalAddress())) {
                ChannelConnection.register(listener.accept(), selector, Session.Role.SERVER, new Hello(), echo(ended));
                client.write(ByteBuffer.wrap(octets.toByteArray()));
                client.shutdownOutput();
                long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
                while (ended[0] == 0 && System.nanoTime() < end) ChannelConnection.turn(selector);
            }
        }
        is("a client that closes early ends only its own connection", "1", "" + ended[0]);
    }

    /** Echoes each message, and counts the connections that closed normally. */
    private static ChannelConnection.Listener echo(int[] ended) {
        return new ChannelConnection.Listener() {
            @Override
            public void received(ChannelConnection connection, Message message, long number) {
                connection.send(new Message.Plain(Payload.of(message.payload().text() + "!")));
            }

            @Override
            public void ended(ChannelConnection connection, Fault fault) {
                ended[0] += fault == null ? 1 : 100;
            }
        };
    }

    static void is(String claim, String expected, String found) {
        if (expected.equals(found)) return;
        failures++;
        System.out.println(claim + ": expected " + expected + ", found " + found);
    }

    static String faultOf(Runnable work) {
        try {
            work.run();
            return "no fault";
        } catch (Fault fault) {
            return fault.name() + " " + fault.offset();
        }
    }
}
