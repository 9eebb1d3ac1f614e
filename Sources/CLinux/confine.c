#define _GNU_SOURCE
#include "CLinux.h"
#include "close.h"
#include "inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Not in the headers of every libc. */
#ifndef MOVE_MOUNT_T_EMPTY_PATH
#define MOVE_MOUNT_T_EMPTY_PATH 0x00000040
#endif

int clinux_enter_alone(void) {
    if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) < 0) return -1;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return -1;
    /* unshare(2) has moved the current directory to the new namespace's copy of its mount. */
    int copy = open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (copy < 0) return -1;
    struct mount_attr attributes = {
        .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
    if (syscall(SYS_mount_setattr, copy, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0
        || move_mount(copy, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) < 0 || fchdir(copy) < 0)
        return close_keeping_errno(copy);
    close(copy);
    /* Afterwards the old root is mounted on the new one (pivot_root(2), NOTES). */
    if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0) return -1;
    return chdir("/");
}

int clinux_drop_bounding(uint64_t kept) {
    for (int number = 0; prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++)
        if (!(kept >> number & 1) && prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0) return -1;
    return 0;
}

static int keep_capabilities(uint64_t kept) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    for (int half = 0; half < 2; half++) {
        data[half].effective = data[half].permitted = (uint32_t)(kept >> 32 * half);
        data[half].inheritable = 0;
    }
    return (int)syscall(SYS_capset, &header, data);
}

int clinux_drop_privileges(uint64_t kept, uid_t uid, gid_t gid) {
    /* The order matters: each step needs a privilege that a later one gives up. */
    if (clinux_drop_bounding(kept) < 0) return -1;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, gid, gid, gid) < 0
        || syscall(SYS_setresuid, uid, uid, uid) < 0)
        return -1;
    if (keep_capabilities(kept) < 0) return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -1;
    /* setresuid(2) sets it to the system's default. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return -1;
    /* A step without effect must not pass for success. */
    if (uid != 0 && syscall(SYS_setresuid, -1, 0, -1) == 0) {
        errno = EPERM;
        return -1;
    }
    return 0;
}

int clinux_limit(uint64_t memory, uint64_t descriptors) {
    struct rlimit limits[] = {{memory, memory}, {descriptors, descriptors}, {0, 0}};
    if (setrlimit(RLIMIT_DATA, &limits[0]) < 0 || setrlimit(RLIMIT_NOFILE, &limits[1]) < 0)
        return -1;
    return setrlimit(RLIMIT_CORE, &limits[2]);
}

int clinux_detach_from_session(void) {
    /* A process that already leads a session keeps it (setsid(2), EPERM). */
    (void)setsid();
    const int ignored[] = {SIGHUP, SIGPIPE, SIGXFSZ};
    for (size_t index = 0; index < sizeof ignored / sizeof *ignored; index++)
        if (signal(ignored[index], SIG_IGN) == SIG_ERR) return -1;
    return 0;
}

/* What the handler of a crash needs, without a lock or the heap. */
static volatile int crash_output = -1;
static const char *crash_format;

static void tell_crash(int number, siginfo_t *info, void *context) {
    (void)context;
    int output = crash_output;
    crash_output = -1;
    char text[512];
    int call = number == SIGSYS ? info->si_syscall : -1;
    int length = snprintf(text, sizeof text, crash_format, number, call);
    if (output >= 0 && length > 0 && length < (int)sizeof text)
        (void)!write(output, text, (size_t)length);
    _exit(1);
}

int clinux_on_crash(int output, const char *format) {
    static char stack[16384];
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    if (sigaltstack(&alternative, NULL) < 0) return -1;
    crash_output = output;
    crash_format = format;
    struct sigaction action = {.sa_sigaction = tell_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
    for (size_t index = 0; index < sizeof signals / sizeof *signals; index++)
        if (sigaction(signals[index], &action, NULL) < 0) return -1;
    return 0;
}

void clinux_forget_crash(void) { crash_output = -1; }

int clinux_sync_filesystem(int file) { return syncfs(file); }

int clinux_set_file_attribute(int file, const char *name, const void *value, size_t size) {
    return fsetxattr(file, name, value, size, 0);
}

int clinux_remove_file_attribute(int file, const char *name) { return fremovexattr(file, name); }

ssize_t clinux_get_file_attribute(int file, const char *name, void *value, size_t size) {
    return fgetxattr(file, name, value, size);
}

ssize_t clinux_list_file_attributes(int file, char *names, size_t size) {
    return flistxattr(file, names, size);
}

int clinux_has_space(int file) {
    struct statfs found;
    if (fstatfs(file, &found) < 0) return -1;
    /* btrfs makes inodes as needed, and tells 0 of them. */
    return found.f_bavail > 0 && (found.f_ffree > 0 || found.f_files == 0);
}
