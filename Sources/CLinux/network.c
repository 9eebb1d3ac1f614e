#define _GNU_SOURCE
#include "CLinux.h"
#include "close.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* A socket that was bound with SO_REUSEADDR is refused only if another one listens, so old
   connections in TIME_WAIT are no obstacle. Without the option afterwards, no program can listen
   on the port, whatever options it sets (tcp_v4_get_port, inet_csk_bind_conflict). */
int clinux_hold_port(int transport, const unsigned char *address, int length, int port) {
    struct sockaddr_storage storage;
    memset(&storage, 0, sizeof storage);
    int family = length == 16 ? AF_INET6 : AF_INET;
    socklen_t size;
    if (family == AF_INET6) {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)&storage;
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((unsigned short)port);
        memcpy(&six->sin6_addr, address, 16);
        size = sizeof *six;
    } else {
        struct sockaddr_in *four = (struct sockaddr_in *)&storage;
        four->sin_family = AF_INET;
        four->sin_port = htons((unsigned short)port);
        memcpy(&four->sin_addr, address, 4);
        size = sizeof *four;
    }
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
