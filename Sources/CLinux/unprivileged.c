/* Gives up privileges. capset(2) and prctl(2) are not in Swift's Glibc module. */
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int drop_bounding_set(void) {
    for (int number = 0; prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++)
        if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0) return -1;
    return 0;
}

static int drop_capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    static const struct __user_cap_data_struct none[2];
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return (int)syscall(SYS_capset, &header, none);
}

int clinux_become_unprivileged(uid_t uid, gid_t gid) {
    /* The order matters: each step needs a privilege that a later one gives up. */
    if (drop_bounding_set() < 0) return -1;
    if (setgroups(0, NULL) < 0) return -1;
    if (setresgid(gid, gid, gid) < 0) return -1;
    if (setresuid(uid, uid, uid) < 0) return -1;
    if (drop_capabilities() < 0) return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -1;
    /* setresuid(2) sets it to the system's default. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return -1;
    /* A step without effect must not pass for success. */
    if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0) {
        errno = EPERM;
        return -1;
    }
    return 0;
}
