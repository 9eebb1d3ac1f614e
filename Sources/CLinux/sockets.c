#define _GNU_SOURCE
#include "CLinux.h"
#include "close.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const size_t before_path = offsetof(struct sockaddr_un, sun_path);

/* An abstract name begins with NUL and has no end mark, so the address's length counts. */
static socklen_t address_of(const char *text, struct sockaddr_un *address) {
    size_t length = strlen(text);
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (length >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return 0;
    }
    memcpy(address->sun_path, text, length);
    if (text[0] != '@') return sizeof *address;
    address->sun_path[0] = 0;
    return (socklen_t)(before_path + length);
}

ssize_t clinux_send_datagram(const char *to, const void *bytes, size_t count) {
    struct sockaddr_un address;
    socklen_t size = address_of(to, &address);
    if (size == 0) return -1;
    int made = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (made < 0) return -1;
    ssize_t sent = sendto(
        made, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, size);
    if (sent < 0) return close_keeping_errno(made);
    close(made);
    return sent;
}

int clinux_connect_stream(const char *to) {
    struct sockaddr_un address;
    socklen_t size = address_of(to, &address);
    if (size == 0) return -1;
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0) return -1;
    if (connect(made, (struct sockaddr *)&address, size) < 0) return close_keeping_errno(made);
    return made;
}

static int option(int descriptor, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

int clinux_listening_family(int descriptor) {
    if (option(descriptor, SO_ACCEPTCONN) != 1) return 0;
    if (option(descriptor, SO_TYPE) != SOCK_STREAM) return 0;
    return option(descriptor, SO_DOMAIN);
}

int clinux_unix_address(int descriptor, char text[110]) {
    struct sockaddr_un address;
    socklen_t size = sizeof address;
    memset(text, 0, 110);
    memset(&address, 0, sizeof address);
    if (getsockname(descriptor, (struct sockaddr *)&address, &size) < 0) return -1;
    if (address.sun_family != AF_UNIX || size <= before_path) return 0;
    size_t length = size - before_path;
    if (length > sizeof address.sun_path) length = sizeof address.sun_path;
    memcpy(text, address.sun_path, length);
    if (text[0] == 0) text[0] = '@';
    return (int)length;
}

void clinux_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

union passed {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int) * CLINUX_MOST_PASSED)];
};

ssize_t clinux_send(
    int socket, const void *bytes, size_t count, const int *descriptors, size_t passed) {
    if (passed > CLINUX_MOST_PASSED) {
        errno = EINVAL;
        return -1;
    }
    union passed control = {0};
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (passed > 0) {
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * passed);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * passed);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * passed);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t clinux_receive(
    int socket, void *bytes, size_t count, int *descriptors, size_t *received) {
    union passed control;
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room,
        .msg_controllen = sizeof control.room};
    *received = 0;
    ssize_t length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
    if (length < 0) return -1;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t found = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(descriptors + *received, CMSG_DATA(header), found * sizeof(int));
        *received += found;
    }
    if (!(message.msg_flags & MSG_CTRUNC)) return length;
    for (size_t index = 0; index < *received; index++) close(descriptors[index]);
    *received = 0;
    errno = EMFILE;
    return -1;
}
