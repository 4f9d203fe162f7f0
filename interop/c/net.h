/* The system services that the chat uses: a connection, standard input, a clock. Only net.c knows POSIX and Winsock. */
#ifndef NET_H
#define NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct net {
    intptr_t socket;
    const char *problem; /* the last error, for people */
} net;

enum { NET_END = 0, NET_LATER = -1, NET_FAILED = -2 };

/* Connects. Afterwards only net_wait blocks. */
bool net_connect(net *net, const char *host, const char *port);
/* The number of bytes read or written, or NET_END, NET_LATER, NET_FAILED. */
long net_read(net *net, uint8_t *to, size_t capacity);
long net_write(net *net, const uint8_t *from, size_t length);
void net_end_writing(net *net);
void net_close(net *net);

typedef struct net_interest {
    bool read, write; /* the connection */
    bool input;       /* standard input; after net_wait: it can be read or has ended */
} net_interest;

/* Waits until one of them is ready, but at most `ms` milliseconds; without limit if that is negative. */
void net_wait(const net *net, net_interest *interest, int ms);
/* The number of bytes read from standard input, or NET_END. */
long net_read_input(uint8_t *to, size_t capacity);
/* Milliseconds of a clock that never goes backwards. */
uint64_t net_now(void);

#endif
