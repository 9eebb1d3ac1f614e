#define _GNU_SOURCE
#include "CLinux.h"
#include "close.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

static void set(int socket, int level, int option, int value) {
    setsockopt(socket, level, option, &value, sizeof value);
}

int clinux_netlink_open(int protocol) {
    int made = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (made < 0) return -1;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    if (bind(made, (struct sockaddr *)&address, sizeof address) < 0)
        return close_keeping_errno(made);
    /* None of these can fail for a reason that matters: old kernels lack the first two, and without
       CAP_NET_ADMIN the buffers stay as large as they are. */
    set(made, SOL_NETLINK, NETLINK_EXT_ACK, 1);
    set(made, SOL_NETLINK, NETLINK_CAP_ACK, 1);
    set(made, SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20);
    set(made, SOL_SOCKET, SO_SNDBUFFORCE, 664 << 20);
    return made;
}

int clinux_netlink_join(int socket, int group) {
    return setsockopt(socket, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group);
}

ssize_t clinux_netlink_send(int socket, const void *bytes, size_t count) {
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {
        .msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = &part, .msg_iovlen = 1};
    return sendmsg(socket, &message, 0);
}

ssize_t clinux_netlink_receive(int socket, void *bytes, size_t count, int wait) {
    while (1) {
        struct sockaddr_nl from;
        socklen_t size = sizeof from;
        ssize_t length = recvfrom(
            socket, bytes, count, MSG_TRUNC | (wait ? 0 : MSG_DONTWAIT), (struct sockaddr *)&from,
            &size);
        if (length < 0 || (size == sizeof from && from.nl_pid == 0)) return length;
    }
}

int clinux_enter_network(int descriptor) { return setns(descriptor, CLONE_NEWNET); }
