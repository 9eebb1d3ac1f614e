/* Makes the system calls that a seccomp profile decides on, and keeps a key. It calls by number, to
   bypass the C library. Tests/MachineTests/ConfinementTests.swift uses it. It is linked statically,
   so that it runs in any rootfs.

     confinement calls       one line for each call: its name, and 0 or the errno's name
     confinement compat      makes a call of the i386 ABI, and says "compat" if it lives on
     confinement keep KEY    adds KEY to the session keyring, says "kept", and waits
     confinement find KEY    whether the session keyring leads to KEY: "found" or "none" */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(const char *name, long result) {
    printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : "0");
}

/* The raw clone(2) system call; the child ends at once. */
static long cloned(unsigned long flags) {
    long pid = syscall(SYS_clone, flags | 17, 0, 0, 0, 0);
    if (pid == 0) _exit(0);
    if (pid > 0) waitpid((pid_t)pid, NULL, 0);
    return pid;
}

static void tell_socket(const char *name, unsigned long family, unsigned long protocol) {
    long made = syscall(SYS_socket, family, 3, protocol);
    tell(name, made);
    if (made >= 0) close((int)made);
}

static int calls(void) {
    tell("clone", cloned(0));
    tell("clone-user", cloned(CLONE_NEWUSER));
    tell("clone-net-ipc", cloned(CLONE_NEWNET | CLONE_NEWIPC));
    tell("clone3", syscall(SYS_clone3, NULL, 0));
    tell("unshare-files", syscall(SYS_unshare, CLONE_FILES | CLONE_FS));
    tell_socket("inet", 2, 1);
    tell_socket("inet-9", 2, 9);
    tell_socket("audit", 16, 9);
    tell_socket("vsock", 40, 0);
    tell_socket("vsock-high", (1UL << 32) + 40, 0);
    tell("personality", syscall(SYS_personality, 0xffffffff));
    tell("personality-40000", syscall(SYS_personality, 0x40000));
    tell("add_key", syscall(SYS_add_key, NULL, NULL, NULL, 0, 0));
    tell("keyctl", syscall(SYS_keyctl, 6, -3, NULL, 0));
    tell("io_uring_setup", syscall(SYS_io_uring_setup, 1, NULL));
    tell("bpf", syscall(SYS_bpf, 0, NULL, 0));
    tell("mount", syscall(SYS_mount, NULL, NULL, NULL, 0, NULL));
    tell("swapon", syscall(SYS_swapon, NULL, 0));
    /* Last, because the process loses its rights over the old namespaces. */
    tell("unshare-time", syscall(SYS_unshare, 0x80));
    tell("unshare-user", syscall(SYS_unshare, CLONE_NEWUSER));
    tell("unknown", syscall(9999));
    return 0;
}

/* getpid(2) as i386 has it: system call 20 by interrupt 0x80. */
static int compat(void) {
#ifdef __x86_64__
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
    puts(result > 0 ? "compat" : "refused");
#else
    puts("compat");
#endif
    return 0;
}

int main(int count, char **words) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(words[1], "compat") == 0) return compat();
    if (count == 2) return calls();
    if (strcmp(words[1], "keep") == 0) {
        long key = syscall(SYS_add_key, "user", words[2], "secret", 6, -3);
        tell("kept", key);
        return key < 0 || pause();
    }
    /* KEYCTL_SEARCH in KEY_SPEC_SESSION_KEYRING. */
    puts(syscall(SYS_keyctl, 10, -3, "user", words[2], 0) < 0 ? "none" : "found");
    return 0;
}
