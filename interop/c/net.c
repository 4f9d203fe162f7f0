/* See net.h. First the code for Windows and for POSIX, then the code that they share. */
#ifndef _WIN32
#define _POSIX_C_SOURCE 200809L
#endif
#include "net.h"

#include <string.h>

#ifdef _WIN32

#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0600
#endif
#include <winsock2.h>
#include <ws2tcpip.h>

#include <io.h>
#include <windows.h>

/*
 * Winsock signals readiness by an event, which can be waited for together with that of the input. It signals once,
 * and again only after a call would have blocked.
 */
static struct {
    WSAEVENT event;
    bool readable, writable;
} link;

static bool start(void) {
    WSADATA ignored;

    return WSAStartup(MAKEWORD(2, 2), &ignored) == 0;
}

static bool try_again(bool reading) {
    if (WSAGetLastError() != WSAEWOULDBLOCK) return false;
    *(reading ? &link.readable : &link.writable) = false;
    return true;
}

static const char *last_problem(void) {
    return "the connection failed";
}

static bool never_block(intptr_t socket) {
    if (link.event == NULL) link.event = WSACreateEvent();
    link.readable = link.writable = true;
    return WSAEventSelect((SOCKET)socket, link.event, FD_READ | FD_WRITE | FD_CLOSE) == 0;
}

static void close_socket(intptr_t socket) {
    closesocket((SOCKET)socket);
}

/*
 * There is no common way to wait for a console, a pipe and a file, but all of them can be read. A thread reads them,
 * one piece at a time, and continues when the piece has been taken.
 */
static struct {
    uint8_t bytes[4096];
    long length; /* the result of _read: 0 at the end, -1 after an error */
    long taken;
    HANDLE ready, wanted;
} input;

static DWORD WINAPI read_input(void *unused) {
    (void)unused;
    do {
        input.taken = 0;
        input.length = _read(0, input.bytes, sizeof input.bytes);
        SetEvent(input.ready);
    } while (input.length > 0 && WaitForSingleObject(input.wanted, INFINITE) == WAIT_OBJECT_0);
    return 0;
}

static bool has_input(void) {
    if (input.ready == NULL) {
        input.ready = CreateEvent(NULL, TRUE, FALSE, NULL);
        input.wanted = CreateEvent(NULL, FALSE, FALSE, NULL);
        if (CreateThread(NULL, 0, read_input, NULL, 0, NULL) == NULL) {
            input.length = -1;
            SetEvent(input.ready);
        }
    }
    return WaitForSingleObject(input.ready, 0) == WAIT_OBJECT_0;
}

void net_wait(const net *net, net_interest *interest, int ms) {
    bool at_once = (interest->read && link.readable) || (interest->write && link.writable) ||
                   (interest->input && has_input());
    WSANETWORKEVENTS found;
    HANDLE awaited[2];

    awaited[0] = link.event;
    awaited[1] = input.ready;
    (void)WaitForMultipleObjects(interest->input ? 2 : 1, awaited, FALSE, at_once ? 0 : ms < 0 ? INFINITE : (DWORD)ms);
    interest->input = interest->input && has_input();
    if (WSAEnumNetworkEvents((SOCKET)net->socket, link.event, &found) != 0) return;
    if (found.lNetworkEvents & (FD_READ | FD_CLOSE)) link.readable = true;
    if (found.lNetworkEvents & (FD_WRITE | FD_CLOSE)) link.writable = true;
}

long net_read_input(uint8_t *to, size_t capacity) {
    size_t length = (size_t)(input.length - input.taken);

    if (input.length <= 0) return input.length;
    if (length > capacity) length = capacity;
    memcpy(to, input.bytes + input.taken, length);
    input.taken += (long)length;
    if (input.taken == input.length) {
        ResetEvent(input.ready);
        SetEvent(input.wanted);
    }
    return (long)length;
}

uint64_t net_now(void) {
    return GetTickCount64();
}

#else

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Writing to a closed connection must return an error, not raise a signal. */
static bool start(void) {
    return signal(SIGPIPE, SIG_IGN) != SIG_ERR;
}

static bool try_again(bool reading) {
    (void)reading;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static const char *last_problem(void) {
    return strerror(errno);
}

static bool never_block(intptr_t socket) {
    int flags = fcntl((int)socket, F_GETFL);

    return flags >= 0 && fcntl((int)socket, F_SETFL, flags | O_NONBLOCK) == 0;
}

static void close_socket(intptr_t socket) {
    close((int)socket);
}

void net_wait(const net *net, net_interest *interest, int ms) {
    struct pollfd asked[2];

    asked[0].fd = (int)net->socket;
    asked[0].events = (short)((interest->read ? POLLIN : 0) | (interest->write ? POLLOUT : 0));
    asked[1].fd = interest->input ? STDIN_FILENO : -1;
    asked[1].events = POLLIN;
    interest->input = poll(asked, 2, ms) > 0 && interest->input && asked[1].revents != 0;
}

long net_read_input(uint8_t *to, size_t capacity) {
    return read(STDIN_FILENO, to, capacity);
}

uint64_t net_now(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif

/* Connects to the first address that answers. */
static bool connect_any(net *net, const struct addrinfo *address) {
    int on = 1;

    for (; address != NULL; address = address->ai_next) {
        net->socket = (intptr_t)socket(address->ai_family, address->ai_socktype, address->ai_protocol);
        if (net->socket < 0) continue;
        if (connect(net->socket, address->ai_addr, address->ai_addrlen) == 0 && never_block(net->socket)) {
            /* Each write holds whole frames; waiting for more bytes would only delay them. */
            (void)setsockopt(net->socket, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
            return true;
        }
        net->problem = last_problem();
        close_socket(net->socket);
    }
    return false;
}

bool net_connect(net *net, const char *host, const char *port) {
    struct addrinfo wanted, *found = NULL;
    bool connected;

    net->problem = "no such host or port";
    memset(&wanted, 0, sizeof wanted);
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    if (!start() || getaddrinfo(host, port, &wanted, &found) != 0) return false;
    connected = connect_any(net, found);
    freeaddrinfo(found);
    return connected;
}

static long outcome(net *net, long length, bool reading) {
    if (length >= 0) return length;
    if (try_again(reading)) return NET_LATER;
    net->problem = last_problem();
    return NET_FAILED;
}

long net_read(net *net, uint8_t *to, size_t capacity) {
    return outcome(net, (long)recv(net->socket, (char *)to, capacity, 0), true);
}

long net_write(net *net, const uint8_t *from, size_t length) {
    return outcome(net, (long)send(net->socket, (const char *)from, length, 0), false);
}

void net_end_writing(net *net) {
#ifdef _WIN32
    (void)shutdown(net->socket, SD_SEND);
#else
    (void)shutdown(net->socket, SHUT_WR);
#endif
}

void net_close(net *net) {
    close_socket(net->socket);
}
