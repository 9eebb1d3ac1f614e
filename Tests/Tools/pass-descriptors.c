/* Two tasks of two pods, and a directory that both see. One task sends descriptors of its root file
   system and of its network namespace. The other holds them until it is told to release the first,
   and then the second. A third task makes a network namespace for itself, leaves it again, and
   keeps a descriptor of it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void mark(const char *path) { close(open(path, O_WRONLY | O_CREAT, 0600)); }

static void wait_for(const char *path) {
    struct stat found;
    while (stat(path, &found) < 0) usleep(5000);
}

int main(int count, char **words) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/data/socket"};
    char byte = 0, room[CMSG_SPACE(2 * sizeof(int))] = {0};
    struct iovec one = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &one, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    int descriptors[2], made = socket(AF_UNIX, SOCK_STREAM, 0);
    if (count < 2) return 2;
    if (strcmp(words[1], "hold") == 0) {
        if (bind(made, (struct sockaddr *)&address, sizeof address) < 0 || listen(made, 1) < 0)
            return 3;
        mark("/data/listens");
        int client = accept(made, NULL, NULL);
        wait_for("/data/take");
        if (recvmsg(client, &message, 0) != 1) return 4;
        memcpy(descriptors, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof descriptors);
        mark("/data/holds");
        wait_for("/data/release");
        close(descriptors[0]);
        mark("/data/released");
        wait_for("/data/end");
        close(descriptors[1]);
        mark("/data/ended");
    } else if (strcmp(words[1], "make") == 0) {
        descriptors[0] = open("/proc/self/ns/net", O_RDONLY);
        if (unshare(CLONE_NEWNET) < 0 || open("/proc/self/ns/net", O_RDONLY) < 0) return 7;
        if (setns(descriptors[0], CLONE_NEWNET) < 0) return 8;
        mark("/data/made");
    } else {
        descriptors[0] = open(words[2], O_PATH);
        descriptors[1] = open("/proc/self/ns/net", O_RDONLY);
        wait_for("/data/listens");
        if (connect(made, (struct sockaddr *)&address, sizeof address) < 0) return 5;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof descriptors);
        memcpy(CMSG_DATA(head), descriptors, sizeof descriptors);
        if (sendmsg(made, &message, 0) != 1) return 6;
        mark("/data/sent");
    }
    for (;;) pause();
}
