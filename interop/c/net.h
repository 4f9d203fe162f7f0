/* What the chat needs of the system: a connection, standard input, a clock. All of POSIX and Winsock is in net.c. */
#ifndef NET_H
#define NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct net {
    intptr_t socket;
    const char *problem; /* what went wrong last */
} net;

enum { NET_END = 0, NET_LATER = -1, NET_FAILED = -2 };

/* Connects; from then on nothing blocks but net_wait. */
bool net_connect(net *net, const char *host, const char *port);
/* Bytes read or written, or NET_END, NET_LATER, NET_FAILED. */
long net_read(net *net, uint8_t *to, size_t capacity);
long net_write(net *net, const uint8_t *from, size_t length);
void net_end_writing(net *net);
void net_close(net *net);

typedef struct net_wish {
    bool read, write; /* the connection */
    bool input;       /* standard input; afterwards: it can be read or has ended */
} net_wish;

/* Waits until one of the wishes comes true, at most `ms` milliseconds, without limit if that is negative. */
void net_wait(const net *net, net_wish *wish, int ms);
/* Bytes of standard input, or NET_END. */
long net_read_input(uint8_t *to, size_t capacity);
/* Milliseconds of a clock that does not go back. */
uint64_t net_now(void);

#endif
