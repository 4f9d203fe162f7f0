/*
 * bookend-transfer: sends a file, or receives files into a folder; a transfer that broke off resumes (section 12).
 *
 *     bookend-transfer receive HOST:PORT FOLDER [--once] [--stop-after BYTES]
 *     bookend-transfer send HOST:PORT FILE [--stop-after BYTES]
 *
 * A file that is incomplete is called NAME.part. --stop-after ends the program in the middle, with status 3. For POSIX.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64
#include "bookend_transfer.h"
#include "net.h"

#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_BODY = 1 << 18, CHUNK = 1 << 17 }; /* bytes */

struct connection {
    bookend_session session;
    net net;
    uint8_t in[MAX_BODY + BOOKEND_OVERHEAD];
    uint8_t out[MAX_BODY + BOOKEND_OVERHEAD + BOOKEND_RESERVE];
    size_t have, used; /* bytes in `in`, and how many of them the last message took */
    uint32_t next_id;
    uint64_t stop_after;
};

static struct connection connection; /* the only one of this program */

/* ---- The connection -------------------------------------------------------------------------------------------- */

static void open_session(bookend_role role) {
    bookend_hello hello;
    intptr_t socket = connection.net.socket;
    uint64_t stop_after = connection.stop_after;

    memset(&connection, 0, sizeof connection);
    connection.net.socket = socket;
    connection.stop_after = stop_after;
    bookend_hello_init(&hello);
    hello.max_body = MAX_BODY;
    /* Cannot fail: the HELLO is legal and the output large enough. */
    (void)bookend_session_init(&connection.session, role, &hello, connection.out, sizeof connection.out, net_now());
}

/* Writes what waits and reads once, or waits until one of them is possible or something is due. False at the end. */
static bool turn(void) {
    size_t length;
    const uint8_t *out = bookend_session_output(&connection.session, &length);
    long done = length == 0 ? 0 : net_write(&connection.net, out, length);
    uint64_t due = bookend_session_deadline(&connection.session), now = net_now();
    net_interest interest;

    if (done > 0) bookend_session_sent(&connection.session, (size_t)done, net_now());
    if (done == NET_FAILED) bookend_session_sent(&connection.session, length, net_now()); /* reading reports it */
    (void)bookend_session_output(&connection.session, &length);
    if (length == 0 && connection.session.state >= BOOKEND_CLOSING) net_end_writing(&connection.net);
    if (connection.session.state == BOOKEND_CLOSED) return false;

    interest.read = true;
    interest.write = length > 0;
    interest.input = false;
    net_wait(&connection.net, &interest, due == UINT64_MAX ? -1 : due <= now ? 0 : due - now < 60000 ? (int)(due - now) : 60000);
    if (connection.have < sizeof connection.in) {
        done = net_read(&connection.net, connection.in + connection.have, sizeof connection.in - connection.have);
        if (done > 0) connection.have += (size_t)done;
        if (done == NET_END || done == NET_FAILED) (void)bookend_session_end_of_stream(&connection.session, net_now());
    }
    return true;
}

/* The next message, borrowed until the next call; false once the session is over. */
static bool next(bookend_message *message) {
    bookend_event event;
    size_t used;

    for (;;) {
        memmove(connection.in, connection.in + connection.used, connection.have -= connection.used);
        connection.used = 0;
        event = bookend_session_receive(&connection.session, connection.in, connection.have, net_now(), &used, message);
        connection.used = used;
        if (event == BOOKEND_EVENT_MESSAGE) return true;
        if (event == BOOKEND_EVENT_OPENED) continue;
        if (used == 0 && (!turn() || event == BOOKEND_EVENT_ENDED)) return false;
        if (bookend_session_tick(&connection.session, net_now()) == BOOKEND_EVENT_ENDED) return false;
    }
}

/* Writes everything that waits, until the session is over. */
static void finish(void) {
    bookend_message ignored;
    size_t length;

    while (connection.session.state != BOOKEND_CLOSED && next(&ignored)) continue;
    (void)bookend_session_output(&connection.session, &length);
    if (length > 0) (void)turn();
    net_close(&connection.net);
}

/* Sends a payload in a message; false if that is not possible. */
static bool send_payload(uint8_t kind, uint32_t id, const uint8_t *payload, size_t length) {
    bookend_message message;
    bookend_error error;

    memset(&message, 0, sizeof message);
    message.kind = kind;
    message.id = id;
    message.payload.data = payload;
    message.payload.length = length;
    while (bookend_session_send(&connection.session, &message, net_now(), &error) != BOOKEND_OK) {
        if (error.fault != BOOKEND_FAULT_NO_ROOM || !turn()) return false;
    }
    return true;
}

/* Prints why the session is over; the status of the program. */
static int report_end(void) {
    char reason[BOOKEND_REASON_MAX + 1];
    const bookend_error *cause = &connection.session.cause;

    if (cause->fault == BOOKEND_FAULT_NORMAL) return 0;
    if (cause->fault == BOOKEND_FAULT_PEER_CLOSE && cause->code == 1000) return 0;
    (void)bookend_explain(cause, reason, sizeof reason);
    fprintf(stderr, "%s\n", reason);
    return 1;
}

static void stop_at(uint64_t position) {
    if (position < connection.stop_after) return;
    printf("stopped at %" PRIu64 " bytes\n", position);
    fflush(stdout);
    _exit(3);
}

/* ---- Sending --------------------------------------------------------------------------------------------------- */

/* Sends a chunk in a REQUEST and takes its answer, whose type must be `wanted`. */
static bookend_cause ask(bookend_outgoing *outgoing, const uint8_t *payload, size_t length, uint8_t wanted) {
    uint32_t id = ++connection.next_id;
    bookend_message message;
    bookend_chunk answer;
    bookend_cause cause;

    if (!send_payload(BOOKEND_KIND_REQUEST, id, payload, length)) return BOOKEND_CAUSE_FAILED;
    while (next(&message)) {
        if (message.kind == BOOKEND_KIND_ERROR && message.id == id) return BOOKEND_CAUSE_REFUSED;
        if (message.kind != BOOKEND_KIND_REPLY || message.id != id) continue;
        cause = bookend_outgoing_answer(outgoing, message.payload.data, message.payload.length, &answer);
        if (cause != BOOKEND_CAUSE_NONE) return cause;
        if (answer.type == BOOKEND_CHUNK_REFUSE) return answer.cause;
        return answer.type == wanted ? BOOKEND_CAUSE_NONE : BOOKEND_CAUSE_BAD_CHUNK;
    }
    return BOOKEND_CAUSE_FAILED;
}

static bookend_cause send_all(FILE *source, const char *name, uint64_t length) {
    static uint8_t buffer[BOOKEND_CHUNK_HEADER + CHUNK];
    uint8_t *bytes = buffer + BOOKEND_CHUNK_HEADER, header[BOOKEND_CHUNK_HEADER];
    bookend_outgoing outgoing;
    size_t count, held, most = CHUNK;
    bookend_cause cause;

    count = bookend_outgoing_init(&outgoing, 1, length, name, buffer, sizeof buffer);
    if (count == 0) return BOOKEND_CAUSE_BAD_CHUNK;
    cause = ask(&outgoing, buffer, count, BOOKEND_CHUNK_WANT);
    if (cause != BOOKEND_CAUSE_NONE) return cause;
    if (outgoing.arrived > 0) printf("the receiver has %" PRIu64 " bytes already\n", outgoing.arrived);
    if (connection.session.peer.max_body < BOOKEND_CHUNK_HEADER + 4 + most)
        most = connection.session.peer.max_body - BOOKEND_CHUNK_HEADER - 4; /* max_body is at least 1,024 */
    while ((count = fread(bytes, 1, most, source)) > 0) {
        cause = bookend_outgoing_data(&outgoing, bytes, count, header, &held);
        if (cause == BOOKEND_CAUSE_NONE && held < count) {
            memcpy(bytes + held - sizeof header, header, sizeof header);
            cause = ask(&outgoing, bytes + held - sizeof header, sizeof header + count - held, BOOKEND_CHUNK_WANT);
        }
        if (cause != BOOKEND_CAUSE_NONE) return cause;
        stop_at(outgoing.arrived);
    }
    if (ferror(source)) return BOOKEND_CAUSE_FAILED;
    cause = bookend_outgoing_end(&outgoing, buffer);
    if (cause != BOOKEND_CAUSE_NONE) return cause;
    return ask(&outgoing, buffer, BOOKEND_CHUNK_HEADER + BOOKEND_DIGEST, BOOKEND_CHUNK_DONE);
}

static int send_file(const char *host, const char *port, const char *path) {
    const char *name = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
    FILE *source = fopen(path, "rb");
    bookend_cause cause;
    off_t length;

    if (source == NULL || fseeko(source, 0, SEEK_END) != 0 || (length = ftello(source)) < 0) {
        perror(path);
        return 1;
    }
    rewind(source);
    if (!net_connect(&connection.net, host, port)) {
        fprintf(stderr, "%s:%s: %s\n", host, port, connection.net.problem);
        return 1;
    }
    open_session(BOOKEND_CLIENT);
    while (connection.session.state == BOOKEND_GREETING && turn()) {
        size_t used;
        bookend_message ignored;

        (void)bookend_session_receive(&connection.session, connection.in, connection.have, net_now(), &used, &ignored);
        memmove(connection.in, connection.in + used, connection.have -= used);
        (void)bookend_session_tick(&connection.session, net_now());
    }
    cause = send_all(source, name, (uint64_t)length);
    fclose(source);
    if (cause != BOOKEND_CAUSE_NONE) fprintf(stderr, "%s: the transfer ended: %s\n", name, bookend_cause_name(cause));
    if (cause == BOOKEND_CAUSE_NONE) printf("sent %s, %jd bytes\n", name, (intmax_t)length);
    /* Ends the transfer too, if it is open. */
    bookend_session_close(&connection.session, 1000, NULL, net_now());
    finish();
    return report_end() != 0 || cause != BOOKEND_CAUSE_NONE;
}

/* ---- Receiving ------------------------------------------------------------------------------------------------- */

typedef struct part {
    char name[BOOKEND_CHUNK_NAME + 1];
    char path[4096], whole[4096]; /* of the incomplete file, and of the complete one */
    FILE *file;
} part;

/* Opens the file for an offer, and digests what it holds. */
static bookend_cause open_part(part *part, const char *folder, const bookend_chunk *offer, bookend_sha256 *held) {
    static uint8_t buffer[1 << 16];
    size_t count;

    memcpy(part->name, offer->rest.data, offer->rest.length);
    part->name[offer->rest.length] = '\0';
    /* The name must be that of a file in the folder, and of nothing else. */
    if (*part->name == '\0' || strpbrk(part->name, "/\\:") != NULL || strcmp(part->name, ".") == 0 ||
        strcmp(part->name, "..") == 0)
        return BOOKEND_CAUSE_REFUSED;
    if ((size_t)snprintf(part->path, sizeof part->path, "%s/%s.part", folder, part->name) >= sizeof part->path ||
        (size_t)snprintf(part->whole, sizeof part->whole, "%s/%s", folder, part->name) >= sizeof part->whole)
        return BOOKEND_CAUSE_REFUSED;
    part->file = fopen(part->path, "a+b");
    if (part->file == NULL) return BOOKEND_CAUSE_FAILED;
    rewind(part->file);
    bookend_sha256_init(held);
    while ((count = fread(buffer, 1, sizeof buffer, part->file)) > 0) bookend_sha256_add(held, buffer, count);
    if (offer->position != BOOKEND_LENGTH_UNKNOWN && held->length > offer->position) {
        part->file = freopen(part->path, "wb", part->file);
        bookend_sha256_init(held);
    }
    if (part->file == NULL || ferror(part->file)) return BOOKEND_CAUSE_FAILED;
    (void)fseeko(part->file, 0, SEEK_END); /* between reading and writing */
    if (held->length > 0) printf("%" PRIu64 " bytes are here already\n", held->length);
    fflush(stdout);
    return BOOKEND_CAUSE_NONE;
}

static void close_part(part *part) {
    if (part->file != NULL) fclose(part->file);
    part->file = NULL;
}

static void complete(part *part, uint64_t length, const uint8_t *digest) {
    size_t at;

    close_part(part);
    if (rename(part->path, part->whole) != 0) perror(part->whole);
    printf("received %s, %" PRIu64 " bytes, SHA-256 ", part->name, length);
    for (at = 0; at < BOOKEND_DIGEST; at++) printf("%02x", digest[at]);
    putchar('\n');
    fflush(stdout);
}

/* Acts on the payload of a message, and writes the answer. */
static void take(bookend_incoming *incoming, part *part, const char *folder, const bookend_message *message,
                 bookend_answer *answer) {
    bookend_chunk chunk;
    bookend_sha256 held;
    bookend_step step =
        bookend_incoming_receive(incoming, message->payload.data, message->payload.length, &chunk, answer);
    bookend_cause cause = BOOKEND_CAUSE_NONE;

    if (step == BOOKEND_STEP_OFFER) {
        cause = open_part(part, folder, &chunk, &held);
        if (cause == BOOKEND_CAUSE_NONE) cause = bookend_incoming_accept(incoming, chunk.transfer, &held, answer);
    } else if (step == BOOKEND_STEP_DATA) {
        if (fwrite(chunk.rest.data, 1, chunk.rest.length, part->file) < chunk.rest.length || fflush(part->file) != 0)
            cause = BOOKEND_CAUSE_FAILED;
        stop_at(chunk.position + chunk.rest.length);
    } else if (step == BOOKEND_STEP_DONE) {
        complete(part, chunk.position, chunk.rest.data);
    } else if (step == BOOKEND_STEP_ABORTED || step == BOOKEND_STEP_FAULT) {
        close_part(part);
        fprintf(stderr, "%s: the transfer ended: %s\n", part->name, bookend_cause_name(chunk.cause));
        if (step == BOOKEND_STEP_FAULT && chunk.cause == BOOKEND_CAUSE_WRONG_DIGEST)
            (void)remove(part->path); /* it would be wrong again */
    }
    if (cause != BOOKEND_CAUSE_NONE) {
        close_part(part);
        bookend_incoming_refuse(incoming, chunk.transfer, cause, answer);
    }
}

/* Receives the files of one connection. */
static int serve(const char *folder) {
    static bookend_incoming incoming;
    static part part;
    bookend_message message;
    bookend_answer answer;

    bookend_incoming_init(&incoming);
    incoming.max_length = (uint64_t)1 << 40;
    incoming.max_open = 1; /* as many files as `part` */
    open_session(BOOKEND_SERVER);
    while (next(&message)) {
        if (message.kind != BOOKEND_KIND_REQUEST && message.kind != BOOKEND_KIND_MESSAGE) continue;
        answer.length = 0;
        if (message.encoding == BOOKEND_BINARY) take(&incoming, &part, folder, &message, &answer);
        /* A REQUEST that is no chunk gets an empty answer. */
        if (message.kind == BOOKEND_KIND_REQUEST &&
            !send_payload(BOOKEND_KIND_REPLY, message.id, answer.payload, answer.length))
            break;
    }
    close_part(&part);
    finish();
    return report_end();
}

/* Listens, and prints the address; -1 if that is not possible. */
static int listen_at(const char *host, const char *port) {
    struct addrinfo wanted, *found = NULL;
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    char number[16];
    int on = 1, listener = -1;

    memset(&wanted, 0, sizeof wanted);
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = AI_PASSIVE;
    if (getaddrinfo(host, port, &wanted, &found) != 0) return -1;
    listener = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (listener >= 0) (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listener >= 0 && (bind(listener, found->ai_addr, found->ai_addrlen) != 0 || listen(listener, 16) != 0)) {
        close(listener);
        listener = -1;
    }
    freeaddrinfo(found);
    if (listener < 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0) return -1;
    if (getnameinfo((struct sockaddr *)&address, length, NULL, 0, number, sizeof number, NI_NUMERICSERV) != 0) return -1;
    printf("listening on %s:%s\n", host, number);
    fflush(stdout);
    return listener;
}

static int receive_files(const char *host, const char *port, const char *folder, bool once) {
    int listener = listen_at(host, port), status = 1;

    if (listener < 0) {
        perror(host);
        return 1;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    do {
        int stream = accept(listener, NULL, NULL);

        if (stream < 0) continue;
        (void)fcntl(stream, F_SETFL, fcntl(stream, F_GETFL) | O_NONBLOCK);
        connection.net.socket = stream;
        status = serve(folder);
    } while (!once);
    close(listener);
    return status;
}

/* ---- Main ------------------------------------------------------------------------------------------------------ */

int main(int count, char **words) {
    bool once = false;
    char *port;
    int at;

    connection.stop_after = UINT64_MAX;
    for (at = 4; at < count; at++) {
        if (strcmp(words[at], "--once") == 0) once = true;
        if (strcmp(words[at], "--stop-after") == 0 && at + 1 < count) connection.stop_after = strtoull(words[++at], NULL, 10);
    }
    port = count > 3 ? strrchr(words[2], ':') : NULL;
    if (port == NULL || (strcmp(words[1], "send") != 0 && strcmp(words[1], "receive") != 0)) {
        fprintf(stderr, "usage: bookend-transfer send HOST:PORT FILE [--stop-after BYTES]\n"
                        "       bookend-transfer receive HOST:PORT FOLDER [--once] [--stop-after BYTES]\n");
        return 2;
    }
    *port++ = '\0';
    if (strcmp(words[1], "send") == 0) return send_file(words[2], port, words[3]);
    return receive_files(words[2], port, words[3], once);
}
