/* The entry point of the shim's program (scripts/build, `-e clinux_entry`), before libc is
 * initialized. The verb `reap` runs here for good: see reaper.c.
 *
 * Each delete ends with `staunch-shim absent PARENT NAME …`, and nearly always none of the files
 * exists. Checking that takes one call per file, but initializing libc and Swift's runtime takes
 * 1.4 ms of CPU (half of it for cpuid, which a virtual machine traps). So the check runs here.
 * If its result is anything else than "all absent", the program starts normally.
 *
 * No libc: nothing is relocated yet; there is no thread-local storage and no stack protector. */

#if defined(__x86_64__)
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdint.h>

#define BARE __attribute__((no_stack_protector, no_builtin))

BARE static long call(long number, long a, long b, long c, long d, long e) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall"
                     : "+a"(number)
                     : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return number;
}

BARE static int is_same(const char *one, const char *other) {
    while (*one && *one == *other) one++, other++;
    return *one == *other;
}

/* Whether the kernel reports that PARENT/NAME does not exist. */
BARE static int is_absent(const char *parent, const char *name) {
    char path[4096];
    unsigned long length = 0;
    for (const char *part = parent; *part && length < sizeof path; part++) path[length++] = *part;
    if (length < sizeof path) path[length++] = '/';
    for (const char *part = name; *part && length < sizeof path; part++) path[length++] = *part;
    if (length == sizeof path) return 0;
    path[length] = 0;
    struct statx found;
    return call(__NR_statx, AT_FDCWD, (long)path, AT_SYMLINK_NOFOLLOW, STATX_TYPE,
                (long)&found) == -ENOENT;
}

extern _Noreturn void clinux_be_reaper(void);

/* `stack` is the kernel's initial stack: argc, argv. */
BARE __attribute__((used)) void clinux_look(const uintptr_t *stack) {
    const uintptr_t count = stack[0];
    const char *const *words = (const char *const *)(stack + 1);
    if (count > 1 && is_same(words[1], "reap")) clinux_be_reaper();
    if (count < 4 || count % 2 != 0 || !is_same(words[1], "absent")) return;
    for (uintptr_t index = 2; index < count; index += 2)
        if (!is_absent(words[index], words[index + 1])) return;
    call(__NR_exit_group, 0, 0, 0, 0, 0);
}

/* _start needs rdx, and the original stack. */
__asm__(".section .text.clinux_entry,\"ax\",@progbits\n"
        ".globl clinux_entry\n"
        ".type clinux_entry,@function\n"
        "clinux_entry:\n"
        "    mov %rsp, %rbx\n"
        "    mov %rdx, %r12\n"
        "    mov %rsp, %rdi\n"
        "    xor %ebp, %ebp\n"
        "    and $-16, %rsp\n"
        "    call clinux_look\n"
        "    mov %rbx, %rsp\n"
        "    mov %r12, %rdx\n"
        "    jmp _start\n"
        ".size clinux_entry, . - clinux_entry\n"
        ".previous\n");
#endif
