#define _GNU_SOURCE
#include "CLinux.h"
#include "close.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* The address of 4 or 16 bytes in network order, with the port; returns its size. */
static socklen_t port_address(
    struct sockaddr_storage *storage, const unsigned char *address, int length, int port) {
    memset(storage, 0, sizeof *storage);
    if (length == 16) {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)storage;
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((unsigned short)port);
        memcpy(&six->sin6_addr, address, 16);
        return sizeof *six;
    }
    struct sockaddr_in *four = (struct sockaddr_in *)storage;
    four->sin_family = AF_INET;
    four->sin_port = htons((unsigned short)port);
    memcpy(&four->sin_addr, address, 4);
    return sizeof *four;
}

/* A socket that was bound with SO_REUSEADDR is refused only if another one listens, so old
   connections in TIME_WAIT are no obstacle. Without the option afterwards, no program can listen
   on the port, whatever options it sets (tcp_v4_get_port, inet_csk_bind_conflict). */
int clinux_hold_port(int transport, const unsigned char *address, int length, int port) {
    struct sockaddr_storage storage;
    socklen_t size = port_address(&storage, address, length, port);
    int family = storage.ss_family;
    int type = transport == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
    int held = socket(family, type | SOCK_CLOEXEC, transport);
    if (held < 0) return -1;
    int on = 1, off = 0, least = 1;
    if (family == AF_INET6) setsockopt(held, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    /* Datagrams that reach it, for example after the firewall was flushed, are dropped. */
    setsockopt(held, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
    if (type == SOCK_STREAM) setsockopt(held, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(held, (struct sockaddr *)&storage, size) < 0) return close_keeping_errno(held);
    setsockopt(held, SOL_SOCKET, SO_REUSEADDR, &off, sizeof off);
    return held;
}

int clinux_connect_port(const unsigned char *address, int length, int port, int resets) {
    struct sockaddr_storage storage;
    socklen_t size = port_address(&storage, address, length, port);
    int made = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0) return -1;
    /* Without a reset the connection stays in TIME_WAIT for a minute. */
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (resets) setsockopt(made, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    int result = connect(made, (struct sockaddr *)&storage, size);
    if (result < 0 && errno != EINPROGRESS) return close_keeping_errno(made);
    return made;
}

int clinux_connection_error(int socket, const unsigned char *address, int length, int port) {
    /* Another call tells how the first call has ended, in one call. */
    struct sockaddr_storage storage, own;
    socklen_t size = port_address(&storage, address, length, port);
    if (connect(socket, (struct sockaddr *)&storage, size) < 0 && errno != EISCONN)
        return errno == EALREADY ? EINPROGRESS : errno;
    /* If no program listens on a port of the ephemeral range, the kernel may give the socket the
       same port, and then the socket is connected to itself. Both families have the port at the
       same place. */
    size = sizeof own;
    if (getsockname(socket, (struct sockaddr *)&own, &size) < 0) return errno;
    in_port_t taken = ((struct sockaddr_in *)&own)->sin_port;
    return taken == htons((unsigned short)port) ? ECONNREFUSED : 0;
}
