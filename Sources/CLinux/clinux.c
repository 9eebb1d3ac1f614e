#define _GNU_SOURCE
#include "CLinux.h"
#include "close.h"
#include "inherited.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

const char *clinux_error_name(int number) { return strerrorname_np(number); }
const char *clinux_error_text(int number) { return strerrordesc_np(number); }

const int clinux_o_path = O_PATH;

void *clinux_open_directory(const char *path) {
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int directory = open(path, flags | O_NOATIME);
    if (directory < 0 && errno == EPERM) directory = open(path, flags);
    if (directory < 0) return NULL;
    DIR *stream = fdopendir(directory);
    if (stream == NULL) close_keeping_errno(directory);
    return stream;
}

int clinux_open(const char *path, int flags, unsigned mode) { return open(path, flags, mode); }

int clinux_openat(int directory, const char *path, int flags, unsigned mode) {
    return openat(directory, path, flags, mode);
}

int clinux_openat2(int directory, const char *path, uint64_t flags, uint64_t resolve) {
    struct open_how how = {.flags = flags, .resolve = resolve};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int clinux_create_beneath(int directory, const char *path, uint64_t flags, uint64_t mode) {
    struct open_how how = {
        .flags = O_CREAT | O_EXCL | flags,
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int clinux_is_directory(const char *path) {
    struct stat found;
    if (stat(path, &found) < 0) return -1;
    return S_ISDIR(found.st_mode) ? 1 : 0;
}

int clinux_unshare(int flags) { return unshare(flags); }
int clinux_enter_mounts(int descriptor) { return setns(descriptor, CLONE_NEWNS); }
int clinux_sethostname(const char *name, size_t length) { return sethostname(name, length); }
int clinux_set_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }
int clinux_disable_huge_pages(void) { return prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); }

int clinux_loopback_up(void) {
    int socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_ < 0) return -1;
    struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
    strcpy(request.ifr_name, "lo");
    int result = ioctl(socket_, SIOCSIFFLAGS, &request);
    int saved = errno;
    close(socket_);
    errno = saved;
    return result;
}

int clinux_ustat(uint64_t device) {
#ifdef SYS_ustat
    /* struct ustat has some 32 bytes; the result is not used. */
    long found[16];
    return (int)syscall(SYS_ustat, (unsigned)device, found);
#else
    (void)device;
    errno = ENOSYS;
    return -1;
#endif
}

int clinux_memfd(void) { return memfd_create("staunch", MFD_CLOEXEC); }

int clinux_device(int descriptor, uint64_t *device, uint32_t *mode) {
    struct statx found;
    int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
    if (statx(descriptor, "", flags, STATX_TYPE, &found) < 0) return -1;
    *device = makedev(found.stx_dev_major, found.stx_dev_minor);
    *mode = found.stx_mode;
    return 0;
}

int clinux_umount_nofollow(const char *target) { return umount2(target, UMOUNT_NOFOLLOW); }

int clinux_slave_all_mounts(void) {
    return mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL);
}

int clinux_make_mounts_private(void) {
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

int64_t clinux_filesystem_type(const char *path) {
    struct statfs found;
    return statfs(path, &found) < 0 ? -1 : (int64_t)found.f_type;
}

int clinux_is_noexec(const char *path) {
    struct statvfs found;
    return statvfs(path, &found) < 0 ? -1 : (found.f_flag & ST_NOEXEC) != 0;
}

int clinux_mount_tmpfs(const char *source, const char *target, int noexec, const char *options) {
    unsigned long flags = MS_NOSUID | MS_NODEV | (noexec ? MS_NOEXEC : 0);
    return mount(source, target, "tmpfs", flags, options);
}

int clinux_watch_unmount(const char *path) {
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch < 0) return -1;
    /* IN_UNMOUNT is always reported, but some event has to be requested. */
    if (inotify_add_watch(watch, path, IN_DELETE_SELF | IN_ONLYDIR) >= 0) return watch;
    return close_keeping_errno(watch);
}

int clinux_inotify(void) { return inotify_init1(IN_CLOEXEC | IN_NONBLOCK); }

int clinux_watch_directory(int watch, const char *path, int contents) {
    uint32_t events = IN_CREATE | IN_DELETE | IN_MOVE;
    if (contents) events |= IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
    return inotify_add_watch(watch, path, events | IN_ONLYDIR | IN_MASK_ADD) < 0 ? -1 : 0;
}

int clinux_notify(int directory) {
    long events = DN_MODIFY | DN_CREATE | DN_DELETE | DN_RENAME | DN_ATTRIB | DN_MULTISHOT;
    if (fcntl(directory, F_NOTIFY, events) < 0) return -1;
    struct f_owner_ex owner = {F_OWNER_TID, gettid()};
    return fcntl(directory, F_SETOWN_EX, &owner);
}

int clinux_clone_mount(const char *path, int recursive) {
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
    return open_tree(AT_FDCWD, path, flags);
}

int clinux_attach_mount(int mount, const char *target) {
    return move_mount(mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
}

int clinux_overlay(const char *upper, const char *work) {
    int context = fsopen("overlay", FSOPEN_CLOEXEC);
    if (context < 0) return -1;
    if (fsconfig(context, FSCONFIG_SET_STRING, "source", "overlay", 0) < 0
        || fsconfig(context, FSCONFIG_SET_STRING, "lowerdir", ".", 0) < 0
        || fsconfig(context, FSCONFIG_SET_STRING, "upperdir", upper, 0) < 0
        || fsconfig(context, FSCONFIG_SET_STRING, "workdir", work, 0) < 0
        || fsconfig(context, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0
        || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return close_keeping_errno(context);
    int made = fsmount(context, FSMOUNT_CLOEXEC, 0);
    close_keeping_errno(context);
    return made;
}

int clinux_umount_detach(const char *target) {
    return umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW);
}

int clinux_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int clinux_epoll_set(int epoll, int operation, int descriptor, uint32_t events, uint64_t tag) {
    struct epoll_event event = {.events = events, .data.u64 = tag};
    return epoll_ctl(epoll, operation, descriptor, &event);
}

int clinux_epoll_wait(int epoll, struct clinux_epoll_event *events, int count, int milliseconds) {
    /* The kernel's events are shorter, so they are made ours in place, from the last one on. */
    _Static_assert(sizeof(struct epoll_event) <= sizeof *events, "in place");
    int ready = epoll_wait(epoll, (struct epoll_event *)(void *)events, count, milliseconds);
    for (int index = ready - 1; index >= 0; index--) {
        struct epoll_event found;
        memcpy(&found, (char *)events + (size_t)index * sizeof found, sizeof found);
        struct clinux_epoll_event ours = {found.data.u64, found.events};
        memcpy(&events[index], &ours, sizeof ours);
    }
    return ready;
}

int clinux_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int clinux_block_all_signals(void) {
    sigset_t all;
    sigfillset(&all);
    return sigprocmask(SIG_BLOCK, &all, NULL);
}

int clinux_signalfd(const int *signals) {
    sigset_t set;
    sigemptyset(&set);
    for (; *signals; signals++) sigaddset(&set, *signals);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int clinux_signalfd_read(int descriptor) {
    struct signalfd_siginfo found;
    return read(descriptor, &found, sizeof found) == sizeof found ? (int)found.ssi_signo : 0;
}

int clinux_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int clinux_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

static int wait_for(int kind, id_t id, int options, struct clinux_exit *out) {
    siginfo_t found = {0};
    int result = waitid(kind, id, &found, options);
    out->pid = found.si_pid;
    out->code = found.si_code;
    out->status = found.si_status;
    return result;
}

int clinux_peek_any_exit(struct clinux_exit *out) {
    return wait_for(P_ALL, 0, WEXITED | WNOHANG | WNOWAIT, out);
}

int clinux_peek_exit(pid_t pid, struct clinux_exit *out) {
    return wait_for(P_PID, (id_t)pid, WEXITED | WNOHANG | WNOWAIT, out);
}

int clinux_reap(pid_t pid, struct clinux_exit *out) {
    return wait_for(P_PID, (id_t)pid, WEXITED | WNOHANG, out);
}

int clinux_reap_pidfd(int pidfd, struct clinux_exit *out) {
    return wait_for(P_PIDFD, (id_t)pidfd, WEXITED | WNOHANG, out);
}

int clinux_wait_pidfd(int pidfd, struct clinux_exit *out) {
    return wait_for(P_PIDFD, (id_t)pidfd, WEXITED, out);
}

int clinux_has_x32(void) {
#ifdef __x86_64__
    return syscall(0x40000000 | SYS_getpid) >= 0;
#else
    return 0;
#endif
}

pid_t clinux_fork(void) {
    pid_t pid = fork();
    if (pid == 0) {
        clinux_default_signals();
        /* A helper creates files in a rootfs for all of its users. */
        umask(0022);
    }
    return pid;
}

void clinux_close_from(int first, const int *keep, size_t count) {
    for (size_t index = 0; index < count; index++) {
        if (keep[index] > first) close_range((unsigned)first, (unsigned)keep[index] - 1, 0);
        if (keep[index] >= first) first = keep[index] + 1;
    }
    close_range((unsigned)first, ~0U, 0);
}

_Noreturn void clinux_exec(
    const char *path, char *const *argv, char *const *envp, int in, int out, int err) {
    setsid();
    clinux_drop_inherited();
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(127);
    close_range(3, ~0U, 0);
    execve(path, argv, envp);
    _exit(127);
}

int clinux_spawn(
    const char *path, char *const *argv, char *const *envp, const int *descriptors, size_t count,
    pid_t *pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    /* First moves them above 0 … count-1, so that no dup2 overwrites a descriptor not yet moved. */
    int base = (int)count;
    for (size_t index = 0; index < count; index++)
        if (descriptors[index] >= base) base = descriptors[index] + 1;
    for (size_t index = 0; index < count; index++)
        posix_spawn_file_actions_adddup2(&actions, descriptors[index], base + (int)index);
    for (size_t index = 0; index < count; index++)
        posix_spawn_file_actions_adddup2(&actions, base + (int)index, (int)index);
    posix_spawn_file_actions_addclosefrom_np(&actions, (int)count);
    /* Otherwise a shim would keep the file system of the daemon's starting directory busy. */
    posix_spawn_file_actions_addchdir_np(&actions, "/");
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    int result = posix_spawn(pid, path, &actions, &attributes, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return result;
}

static int address_in(struct sockaddr_un *address, int directory, const char *name) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    int length = snprintf(
        address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", directory, name);
    if (length < (int)sizeof address->sun_path) return 0;
    errno = ENAMETOOLONG;
    return -1;
}

int clinux_listen_unix(int directory, const char *name, int is_stream, int backlog) {
    struct sockaddr_un address;
    if (address_in(&address, directory, name) < 0) return -1;
    int type = is_stream ? SOCK_STREAM : SOCK_SEQPACKET;
    int made = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0) return -1;
    unlinkat(directory, name, 0);
    if (bind(made, (struct sockaddr *)&address, sizeof address) < 0 || listen(made, backlog) < 0)
        return close_keeping_errno(made);
    return made;
}

int clinux_connect_seqpacket(int directory, const char *name) {
    struct sockaddr_un address;
    if (address_in(&address, directory, name) < 0) return -1;
    int made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0) return -1;
    if (connect(made, (struct sockaddr *)&address, sizeof address) < 0)
        return close_keeping_errno(made);
    return made;
}

int clinux_accept(int listener) {
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int clinux_peer_credentials(int socket, struct clinux_credentials *out) {
    struct ucred found;
    socklen_t length = sizeof found;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &found, &length) < 0) return -1;
    out->pid = found.pid;
    out->uid = found.uid;
    out->gid = found.gid;
    return 0;
}

ssize_t clinux_next_packet(int socket) {
    return recv(socket, NULL, 0, MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC);
}

pid_t clinux_lock_holder(int descriptor) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(descriptor, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK) return 0;
    return lock.l_pid;
}

int clinux_lock(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB); }

int clinux_wait_for_lock(int descriptor) {
    int result;
    do result = flock(descriptor, LOCK_EX);
    while (result < 0 && errno == EINTR);
    return result;
}

int64_t clinux_boot_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clinux_wall_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clinux_timestamp(char text[32]) {
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t length = strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + length, 32 - length, ".%09ldZ", now.tv_nsec);
}

int clinux_narrow(int file, uint32_t mode) {
    struct stat found;
    if (fstat(file, &found) < 0) return -1;
    mode_t own = found.st_mode & 0777;
    return (own & ~mode) == 0 ? 0 : fchmod(file, own & mode);
}

int clinux_copy_ownership(int from, const char *to) {
    struct stat found;
    if (fstat(from, &found) < 0) return -1;
    if (lchown(to, found.st_uid, found.st_gid) < 0) return -1;
    return chmod(to, found.st_mode & 07777);
}

int clinux_copy_up(int file) {
    struct stat found;
    if (fstat(file, &found) < 0) return -1;
    return fchownat(file, "", found.st_uid, found.st_gid, AT_EMPTY_PATH);
}

int clinux_file_type(int file) {
    struct stat found;
    return fstat(file, &found) < 0 ? -1 : (int)(found.st_mode & S_IFMT);
}

ssize_t clinux_read_link(int link, char *target, size_t size) {
    return readlinkat(link, "", target, size);
}

int clinux_punch_hole(int descriptor, long bytes) {
    return fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, bytes);
}

int clinux_set_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 ? -1 : fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

int clinux_duplicate(int descriptor) { return fcntl(descriptor, F_DUPFD_CLOEXEC, 3); }

int clinux_set_pipe_size(int descriptor, int bytes) {
    return fcntl(descriptor, F_SETPIPE_SZ, bytes);
}

ssize_t clinux_splice(int from, int to, size_t count) {
    return splice(from, NULL, to, NULL, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

void *clinux_share_memory(size_t size) {
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return base == MAP_FAILED ? NULL : base;
}

uint64_t clinux_load(const uint64_t *number) { return __atomic_load_n(number, __ATOMIC_ACQUIRE); }

void clinux_store(uint64_t *number, uint64_t value) {
    __atomic_store_n(number, value, __ATOMIC_RELEASE);
}

void clinux_add(uint64_t *number, uint64_t value) {
    __atomic_add_fetch(number, value, __ATOMIC_ACQ_REL);
}

int clinux_pending(int descriptor) {
    int count = 0;
    return ioctl(descriptor, FIONREAD, &count) < 0 ? -1 : count;
}

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

/* RLIMIT_NOFILE before we raised it. */
static struct rlimit first_limit;

int clinux_raise_descriptor_limit(void) {
    if (getrlimit(RLIMIT_NOFILE, &first_limit) < 0) return -1;
    struct rlimit limit = {first_limit.rlim_max, first_limit.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &limit);
}

void clinux_first_descriptor_limit(uint64_t *soft, uint64_t *hard) {
    *soft = first_limit.rlim_cur;
    *hard = first_limit.rlim_max;
}

int clinux_hard_limit(int resource, uint64_t *hard) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) return -1;
    *hard = limit.rlim_max;
    return 0;
}

int clinux_clear_file_flags(int directory, const char *name) {
    int file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return -1;
    int flags = 0;
    int result = ioctl(file, FS_IOC_GETFLAGS, &flags);
    if (result == 0) {
        flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
        result = ioctl(file, FS_IOC_SETFLAGS, &flags);
    }
    close_keeping_errno(file);
    return result;
}

int clinux_set_attribute(const char *path, const char *name, const char *value) {
    return setxattr(path, name, value, strlen(value), 0);
}

ssize_t clinux_get_attribute(const char *path, const char *name, char *value, size_t size) {
    return getxattr(path, name, value, size);
}

void clinux_small_heap(void) {
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TRIM_THRESHOLD, 64 * 1024);
    mallopt(M_TOP_PAD, 16 * 1024);
}

void clinux_give_memory_back(void) {
    malloc_trim(0);
    /* The pages below the page that this function may still use. The kernel keeps a gap below a
       stack, so nothing else is mapped there. */
    uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - 256) & ~(uintptr_t)4095;
    madvise((void *)(end - 64 * 1024), 64 * 1024, MADV_DONTNEED);
}

static int release_segments(struct dl_phdr_info *object, size_t size, void *context) {
    (void)size, (void)context;
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
        if (segment->p_type != PT_LOAD || segment->p_flags & PF_W) continue;
        uintptr_t start = object->dlpi_addr + segment->p_vaddr;
        uintptr_t first = (start + 4095) & ~(uintptr_t)4095;
        uintptr_t end = (start + segment->p_memsz) & ~(uintptr_t)4095;
        if (end > first) madvise((void *)first, end - first, MADV_DONTNEED);
    }
    return 0;
}

void clinux_release_text(void) { dl_iterate_phdr(release_segments, NULL); }

const char *clinux_next_entry(void *stream, unsigned char *type) {
    struct dirent *entry = readdir(stream);
    if (entry == NULL) return NULL;
    *type = entry->d_type;
    return entry->d_name;
}
