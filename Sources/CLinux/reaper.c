/* The first process of a pod's PID namespace (pid_namespaces(7)). It reaps orphans of the tasks,
 * and all processes of the namespace end with it. It ends when the shim does.
 *
 * It is the shim's program, which has just been executed so that none of the shim's memory is kept.
 * If entry.c is the entry point, nothing of libc and Swift is ever initialized.
 *
 * Tasks see it as their pid 1. So it has no privileges, is not dumpable, and its root directory is
 * empty (prctl(2), ptrace(2)). */
#define _GNU_SOURCE
#include "CLinux.h"
#include "close.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BARE __attribute__((no_stack_protector, no_builtin))
#define UNPRIVILEGED 65534
#define ALL_CHILDREN 0x40000000 /* __WALL */

#if defined(__x86_64__)
/* No libc: see entry.c. */
BARE static long call(long number, long a, long b, long c, long d) {
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "+a"(number)
                     : "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return number;
}
#else
#define call syscall
#endif

BARE _Noreturn void clinux_be_reaper(void) {
    const unsigned long child = 1UL << (SIGCHLD - 1);
    call(SYS_rt_sigprocmask, SIG_BLOCK, (long)&child, 0, sizeof child);
    call(SYS_prctl, PR_SET_NAME, (long)"staunch-reaper", 0, 0);
    call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0);
    call(SYS_setgroups, 0, 0, 0, 0);
    call(SYS_setresgid, UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED, 0);
    call(SYS_setresuid, UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED, 0);
    /* Both were reset by the change of the user. */
    call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0);
    call(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0);
    for (;;) {
        while (call(SYS_wait4, -1, 0, 1 | ALL_CHILDREN, 0) > 0) {}
        call(SYS_rt_sigtimedwait, (long)&child, 0, 0, sizeof child);
    }
}

/* Without entry.c, the reaper must be one before Swift's runtime starts, which needs /proc and ends
 * the process in an empty root. A constructor with a priority comes before the runtime's. No other
 * program of ours is the first process of a PID namespace with these arguments. */
__attribute__((constructor(101))) static void reap_instead(int count, char **words) {
    if (count > 1 && getpid() == 1 && strcmp(words[0], "staunch-shim") == 0
        && strcmp(words[1], "reap") == 0)
        clinux_be_reaper();
}

/* A read-only copy of a mount, not attached anywhere: nothing leads from it to another file. */
int clinux_clone_read_only(const char *path) {
    int made = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (made < 0) return -1;
    struct mount_attr wish = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(made, "", AT_EMPTY_PATH, &wish, sizeof wish) < 0)
        return close_keeping_errno(made);
    return made;
}

pid_t clinux_start_reaper(int program, int root, const char *name, const char *uid) {
    /* Not unshare(2): all later children of the shim would be in the namespace, too. */
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
    if (pid != 0) return pid;
    const char *const words[] = {"staunch-shim", "reap", name, uid, NULL};
    const char *const none[] = {NULL};
    if (setsid() < 0 || fchdir(root) < 0 || chroot(".") < 0) _exit(126);
    close_range(0, (unsigned)program - 1, 0);
    close_range((unsigned)program + 1, ~0U, 0);
    syscall(SYS_execveat, program, "", words, none, AT_EMPTY_PATH);
    _exit(127);
}
