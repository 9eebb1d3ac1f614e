/* Starts a program in a running task, as the runtime's exec does, without the runtime.

   caller ──fork──> helper ──clone in the PID namespace──> reaper ──fork──> program
                    not in the task's cgroups

   The reaper is the subreaper of what the program leaves (prctl(2)): the task's first process need
   not reap that. It ends when it has no child.

   The helper reaps the reaper, and then ends too: before that the task's PID namespace cannot end
   (pid_namespaces(7)). If the caller dies, the helper kills the reaper, because the process that
   would adopt it may be slow to reap it. */
#define _GNU_SOURCE
#include "CLinux.h"
#include "inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEYCTL_JOIN_SESSION_KEYRING_ = 1 };

enum { UNPRIVILEGED = 65534, STACK = 1 << 18 };

static int tell(int report, int word, int number) {
    int told[2] = {word, number};
    return write(report, told, sizeof told) == sizeof told ? 0 : -1;
}

static _Noreturn void refuse(int report, int step) {
    (void)tell(report, step, errno);
    _exit(127);
}

/* No process of the task can look into this one, or through its descriptors. The kernel permits
   that again when the user or the capabilities change. */
static void hide(void) { prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

#define DO(step, call)                                                                            \
    do {                                                                                          \
        if ((call) < 0) refuse(report, step);                                                     \
    } while (0)

/* Others of the task's may reach the streams by /proc, so they belong to the user, as runc has it.
   Only a stream that another user has is changed. */
static void give_streams(uid_t uid) {
    struct stat null, found;
    int hasNull = stat("/dev/null", &null) == 0;
    for (int stream = 0; stream < 3; stream++) {
        if (fstat(stream, &found) < 0 || found.st_uid == uid) continue;
        if (hasNull && found.st_rdev == null.st_rdev) continue;
        (void)!fchown(stream, uid, found.st_gid);
    }
}

static int set_capabilities(const struct clinux_entry *entry) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    for (int half = 0; half < 2; half++) {
        data[half].effective = (uint32_t)(entry->permitted >> 32 * half);
        data[half].permitted = (uint32_t)(entry->permitted >> 32 * half);
        data[half].inheritable = (uint32_t)(entry->inheritable >> 32 * half);
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &header, data) < 0) return -1;
    for (int number = 0; number < 64; number++)
        if (entry->ambient >> number & 1
            && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) < 0)
            return -1;
    return 0;
}

/* A directory outside of the root has no path in it (CVE-2024-21626). */
static int is_in_root(void) {
    char path[4096];
    if (syscall(SYS_getcwd, path, sizeof path) > 0 && path[0] == '/') return 0;
    errno = ENOENT;
    return -1;
}

/* The task sees the command line of the reaper (proc(5)): not with the paths of the shim's. They
   are in one piece before the environment (execve(2)). */
static void be_nameless(void) {
    char *from = program_invocation_name, *to = environ != NULL ? environ[0] : NULL;
    if (to > from && to - from < 1 << 17) memset(from, 0, (size_t)(to - from));
    prctl(PR_SET_NAME, "staunch-check", 0, 0, 0);
}

/* As the runtime has it: the user's home in the root's passwd(5), or "/". fgetpwent(3) loads no
   library. */
static const char *home_of(uid_t uid) {
    struct stat found;
    struct passwd *entry = NULL;
    FILE *file = fopen("/etc/passwd", "re");
    if (file == NULL || fstat(fileno(file), &found) < 0 || !S_ISREG(found.st_mode)) return "/";
    while ((entry = fgetpwent(file)) != NULL && entry->pw_uid != uid) {}
    return entry != NULL ? entry->pw_dir : "/";
}

/* Executes the first file of that name in PATH, like runc: a file that cannot be executed is passed
   over, unless there is no other. */
static void execute(char *const *words, char *const *environment) {
    const char *name = words[0], *path = NULL;
    if (strchr(name, '/') != NULL) {
        execve(name, words, environment);
        return;
    }
    for (char *const *next = environment; *next != NULL; next++)
        if (strncmp(*next, "PATH=", 5) == 0) path = *next + 5;
    int refused = ENOENT;
    while (path != NULL) {
        char file[4096];
        const char *end = strchrnul(path, ':');
        int length = snprintf(file, sizeof file, "%.*s/%s", (int)(end - path), path, name);
        if (end > path && length < (int)sizeof file) {
            execve(file, words, environment);
            if (errno != ENOENT && errno != ENOTDIR) refused = errno;
            if (errno == ENOEXEC) break;
        }
        path = *end == ':' ? end + 1 : NULL;
    }
    errno = refused;
}

/* The arguments of clinux_enter_task. */
struct start {
    const struct clinux_entry *entry;
    const struct clinux_limit *limits;
    size_t limit_count;
    const uint32_t *groups;
    size_t group_count;
    const void *filter;
    size_t filter_bytes;
    const char *keyring, *directory;
    char *const *words, *const *environment;
    const int *cgroups;
    size_t cgroup_count;
    int report;
};

static int install_filter(const struct start *start) {
    if (start->filter_bytes == 0) return 0;
    struct sock_fprog program = {
        (unsigned short)(start->filter_bytes / sizeof(struct sock_filter)),
        (struct sock_filter *)start->filter};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static void take_user(const struct start *start) {
    const struct clinux_entry *entry = start->entry;
    const int report = start->report;
    DO(CLINUX_ENTRY_USER, prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
    /* As root, and if that may not enter it, as the user. */
    int entered = chdir(start->directory);
    if (entered < 0 && errno != EACCES && errno != EPERM) refuse(report, CLINUX_ENTRY_DIRECTORY);
    give_streams(entry->uid);
    DO(CLINUX_ENTRY_USER, syscall(SYS_setgroups, start->group_count, start->groups));
    DO(CLINUX_ENTRY_USER, syscall(SYS_setresgid, entry->gid, entry->gid, entry->gid));
    DO(CLINUX_ENTRY_USER, syscall(SYS_setresuid, entry->uid, entry->uid, entry->uid));
    hide();
    if (entered < 0) DO(CLINUX_ENTRY_DIRECTORY, chdir(start->directory));
    DO(CLINUX_ENTRY_DIRECTORY, is_in_root());
    DO(CLINUX_ENTRY_USER, prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0));
    DO(CLINUX_ENTRY_CAPABILITIES, set_capabilities(entry));
    hide();
}

static _Noreturn void be_program(const struct start *start) {
    const struct clinux_entry *entry = start->entry;
    const int report = start->report;
    size_t count = 0;
    while (start->environment[count] != NULL) count++;
    char *environment[count + 2], home[4096];
    memcpy(environment, start->environment, (count + 1) * sizeof *environment);
    if (entry->finds_home) {
        snprintf(home, sizeof home, "HOME=%s", home_of(entry->uid));
        environment[count] = home;
        environment[count + 1] = NULL;
    }
    DO(CLINUX_ENTRY_SESSION, setsid());
    if (start->keyring[0] != 0)
        DO(CLINUX_ENTRY_KEYRING,
           syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING_, start->keyring));
    for (size_t index = 0; index < start->limit_count; index++) {
        const struct clinux_limit *wish = &start->limits[index];
        struct rlimit limit = {wish->soft, wish->hard};
        DO(CLINUX_ENTRY_LIMIT, setrlimit((__rlimit_resource_t)wish->resource, &limit));
    }
    if (entry->no_new_privs) DO(CLINUX_ENTRY_PRIVILEGES, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    /* Without no_new_privs only a capability that is dropped below permits a filter. */
    if (!entry->no_new_privs) DO(CLINUX_ENTRY_FILTER, install_filter(start));
    DO(CLINUX_ENTRY_BOUNDING, clinux_drop_bounding(entry->bounding));
    take_user(start);
    umask(entry->umask);
    if (entry->no_new_privs) DO(CLINUX_ENTRY_FILTER, install_filter(start));
    execute(start->words, environment);
    refuse(report, CLINUX_ENTRY_EXECUTE);
}

/* The first process of ours in the PID namespace, where the task's processes see it. It has no
   privileges once the program is executed. */
static int be_reaper(void *argument) {
    const struct start *start = argument;
    const int report = start->report;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    signal(SIGTERM, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (size_t index = 0; index < start->cgroup_count; index++)
        DO(CLINUX_ENTRY_CGROUP, write(start->cgroups[index], "0", 1));
    clinux_close_from(3, &report, 1);
    DO(CLINUX_ENTRY_PROCESS, prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    pid_t program = vfork();
    if (program == 0) be_program(start);
    DO(CLINUX_ENTRY_PROCESS, program);
    sigprocmask(SIG_BLOCK, &all, NULL);
    clinux_close_from(0, &report, 1);
    syscall(SYS_setgroups, 0, NULL);
    syscall(SYS_setresgid, UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED);
    syscall(SYS_setresuid, UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED);
    hide();
    int status;
    pid_t ended = 0;
    while (ended != program) ended = waitpid(-1, &status, __WALL);
    (void)tell(report, CLINUX_ENTRY_ENDED, status);
    while ((ended = waitpid(-1, NULL, __WALL | WNOHANG)) > 0) {}
    if (ended == 0) (void)tell(report, CLINUX_ENTRY_LEFT, 0);
    while (waitpid(-1, NULL, __WALL) > 0) {}
    _exit(0);
}

/* Above 9, so that no dup2 to 0, 1 or 2 overwrites it. */
static int lifted(int descriptor) { return fcntl(descriptor, F_DUPFD_CLOEXEC, 10); }

/* Before a call that may wait: the caller's ends of pipes would not seem closed meanwhile. */
static void close_others(int report, int task, const int *cgroups, size_t count) {
    int kept[count + 2];
    for (size_t index = 0; index < count + 2; index++) {
        int next = index < count ? cgroups[index] : index == count ? report : task;
        size_t place = index;
        for (; place > 0 && kept[place - 1] > next; place--) kept[place] = kept[place - 1];
        kept[place] = next;
    }
    clinux_close_from(3, kept, count + 2);
}

/* The helper's child; 0 before it has one. */
static volatile pid_t reaper;

/* The caller has died. */
static void end_reaper(int number) {
    (void)number;
    if (reaper == 0) _exit(127);
    kill(reaper, SIGKILL);
}

static void end_with_caller(pid_t caller) {
    struct sigaction action = {.sa_handler = end_reaper, .sa_flags = SA_RESTART};
    sigaction(SIGTERM, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != caller) _exit(127);
}

static _Noreturn void be_helper(struct start *start, pid_t caller) {
    const struct clinux_entry *entry = start->entry;
    end_with_caller(caller);
    setsid();
    hide();
    be_nameless();
    int report = lifted(start->report), task = lifted(entry->task);
    if (report < 0) _exit(127);
    start->report = report;
    int streams[3] = {lifted(entry->input), lifted(entry->output), lifted(entry->errors)};
    for (int stream = 0; stream < 3; stream++)
        DO(CLINUX_ENTRY_DESCRIPTORS, dup2(streams[stream], stream));
    close_others(report, task, start->cgroups, start->cgroup_count);
    clinux_drop_inherited();
    if (entry->sets_oom_score) {
        int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        DO(CLINUX_ENTRY_OOM_SCORE, dprintf(file, "%d", entry->oom_score));
    }
    /* All but the user namespace: a task has none of its own. */
    const int kinds = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
        | CLONE_NEWCGROUP;
    DO(CLINUX_ENTRY_NAMESPACES, setns(task, kinds));
    close(task);
    char *stack = mmap(
        NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) refuse(report, CLINUX_ENTRY_PROCESS);
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    /* In the helper's memory, which is not copied again: copies are most of the cost. */
    pid_t child = clone(be_reaper, stack + STACK, CLONE_VM | SIGCHLD, start);
    DO(CLINUX_ENTRY_PROCESS, child);
    reaper = child;
    sigprocmask(SIG_UNBLOCK, &term, NULL);
    (void)tell(report, CLINUX_ENTRY_BEGUN, child);
    clinux_close_from(0, NULL, 0);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    _exit(0);
}

pid_t clinux_enter_task(
    const struct clinux_entry *entry, const int *cgroups, size_t cgroup_count,
    const struct clinux_limit *limits, size_t limit_count, const uint32_t *groups,
    size_t group_count, const void *filter, size_t filter_bytes, const char *keyring,
    const char *directory, char *const *words, char *const *environment, int report) {
    struct start start = {
        entry,   limits,    limit_count, groups, group_count, filter, filter_bytes,
        keyring, directory, words,       environment, cgroups, cgroup_count, report};
    pid_t caller = getpid(), helper = clinux_fork();
    if (helper == 0) be_helper(&start, caller);
    return helper;
}
