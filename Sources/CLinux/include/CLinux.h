/* Functions that Swift's Glibc module lacks: calls without a glibc wrapper or behind
   _GNU_SOURCE, variadic calls, macros, and structures with unions. Plain wrappers with plain
   types, without policy: each returns the kernel's result, and leaves errno. */
#ifndef STAUNCH_CLINUX_H
#define STAUNCH_CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* strerrorname_np(3) and strerrordesc_np(3) are behind _GNU_SOURCE; NULL for an unknown number. */
const char *clinux_error_name(int number);
const char *clinux_error_text(int number);

/* open(2) is variadic. */
int clinux_open(const char *path, int flags, unsigned mode);
int clinux_openat(int directory, const char *path, int flags, unsigned mode);
/* openat2(2) has no wrapper. `resolve` is RESOLVE_*. */
int clinux_openat2(int directory, const char *path, uint64_t flags, uint64_t resolve);
/* The same with O_CREAT | O_EXCL, RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS. */
int clinux_create_beneath(int directory, const char *path, uint64_t flags, uint64_t mode);
enum {
    CLINUX_RESOLVE_NO_XDEV = 0x01,
    CLINUX_RESOLVE_NO_MAGICLINKS = 0x02,
    CLINUX_RESOLVE_NO_SYMLINKS = 0x04,
    CLINUX_RESOLVE_BENEATH = 0x08,
    CLINUX_RESOLVE_IN_ROOT = 0x10
};
/* opendir(3), with O_NOATIME if that is permitted, because updating the access time may wait for
   the disk, with the directory locked. Returns a DIR. */
void *clinux_open_directory(const char *path);
/* O_PATH is behind _GNU_SOURCE. */
extern const int clinux_o_path;
/* `S_ISDIR` is a macro. Returns 1 for a directory, 0 for anything else, -1 with errno. Follows a
   last symlink. */
int clinux_is_directory(const char *path);

/* unshare(2), setns(2), sethostname(2) and prctl(2): _GNU_SOURCE, variadic. */
int clinux_unshare(int flags);
int clinux_enter_mounts(int descriptor);
/* Binds a port of the caller's network namespace, and returns the socket. `transport` is 6, 17 or
   132, and `address` has 4 or 16 bytes. */
int clinux_hold_port(int transport, const unsigned char *address, int length, int port);
/* Begins a connection to a TCP port of an address of 4 or 16 bytes, and returns the socket, which
   does not block. `resets`: its close resets the connection. */
int clinux_connect_port(const unsigned char *address, int length, int port, int resets);
/* 0 if that connection is made, EINPROGRESS if it is not made yet, or else why it failed. */
int clinux_connection_error(int socket, const unsigned char *address, int length, int port);
enum {
    CLINUX_NEWNS = 0x00020000,
    CLINUX_NEWUTS = 0x04000000,
    CLINUX_NEWIPC = 0x08000000,
    CLINUX_NEWNET = 0x40000000
};
int clinux_sethostname(const char *name, size_t length);
int clinux_set_subreaper(void);
/* PR_SET_THP_DISABLE: a 2 MiB page would be most of a shim's memory. */
int clinux_disable_huge_pages(void);
/* Sets IFF_UP on `lo` of the caller's network namespace (netdevice(7)). */
int clinux_loopback_up(void);

/* umount2(2)'s flag is an enum in one libc and a macro in the other. */
int clinux_umount_nofollow(const char *target);
/* ustat(2) has no wrapper: 0 if a superblock has this device, EINVAL if none has. ENOSYS on
   machines without the call. */
int clinux_ustat(uint64_t device);
/* memfd_create(2) is behind _GNU_SOURCE. */
int clinux_memfd(void);
/* statx(2) of an open file with AT_STATX_DONT_SYNC: st_dev and st_mode. */
int clinux_device(int descriptor, uint64_t *device, uint32_t *mode);
/* mount(2) with MS_SLAVE|MS_REC on "/". */
int clinux_slave_all_mounts(void);
/* mount(2) with MS_PRIVATE|MS_REC on "/". */
int clinux_make_mounts_private(void);
/* statfs(2): the f_type of the file system of `path`; -1 on failure. */
int64_t clinux_filesystem_type(const char *path);
/* statvfs(3): 1 if programs on the file system of `path` cannot be executed. */
int clinux_is_noexec(const char *path);
/* nosuid and nodev, and noexec if that is not 0. mountinfo shows `source`. */
int clinux_mount_tmpfs(const char *source, const char *target, int noexec, const char *options);
/* inotify(7): a non-blocking descriptor that becomes readable when the file system of the
   directory `path` is gone. It does not hold the file system or a mount of it. */
int clinux_watch_unmount(const char *path);
/* inotify(7): a non-blocking descriptor without a watch. */
int clinux_inotify(void);
/* Watches the names in the directory `path`, and if `contents` also the files with those names
   and the directory itself. */
int clinux_watch_directory(int watch, const char *path, int contents);
/* fcntl(2), F_NOTIFY: sends SIGIO to the calling thread after each change of a name in the open
   directory, or of a file with such a name. */
int clinux_notify(int directory);
enum { CLINUX_SIGIO = 29 };
/* open_tree(2) with OPEN_TREE_CLONE: copies the mount at `path`, and those below it if
   `recursive`. The copy is unattached, and disappears with the descriptor unless it is moved. */
int clinux_clone_mount(const char *path, int recursive);
/* move_mount(2): mounts such a copy, or a mount of fsmount(2), at `target`. */
int clinux_attach_mount(int mount, const char *target);
/* Makes an unattached overlay (fsopen(2), fsconfig(2), fsmount(2)), `volatile`, with the current
   directory as its lower layer. A path may have 255 bytes at most. */
int clinux_overlay(const char *upper, const char *work);
/* umount2(2) with MNT_DETACH and UMOUNT_NOFOLLOW. */
int clinux_umount_detach(const char *target);

/* Epoll's data is a union. */
int clinux_epoll_create(void);
int clinux_epoll_set(int epoll, int operation, int descriptor, uint32_t events, uint64_t tag);
enum { CLINUX_EPOLL_ADD = 1, CLINUX_EPOLL_DELETE = 2, CLINUX_EPOLL_MODIFY = 3 };
struct clinux_epoll_event { uint64_t tag; uint32_t events; };
/* At most `count` events; -1 and EINTR like epoll_wait(2). */
int clinux_epoll_wait(int epoll, struct clinux_epoll_event *events, int count, int milliseconds);
int clinux_eventfd(void);

/* Blocks every signal for this thread and the threads that it creates. */
int clinux_block_all_signals(void);
/* signalfd(2) for `signals` (0-terminated), which stay blocked. */
int clinux_signalfd(const int *signals);
/* Reads one signal's number; 0 if none is pending. */
int clinux_signalfd_read(int descriptor);

/* pidfd_open(2), pidfd_send_signal(2) and waitid(2)'s P_PIDFD. */
int clinux_pidfd_open(pid_t pid);
int clinux_pidfd_send_signal(int pidfd, int signal);
struct clinux_exit { pid_t pid; int code; int status; };
enum { CLINUX_CLD_EXITED = 1 };
/* waitid(P_ALL, WEXITED|WNOHANG|WNOWAIT): `pid` is 0 if no child has ended. */
int clinux_peek_any_exit(struct clinux_exit *out);
/* The same for one child; fails with ECHILD if it is not the caller's child. */
int clinux_peek_exit(pid_t pid, struct clinux_exit *out);
/* waitid(P_PID, WEXITED|WNOHANG), and for a pidfd. */
int clinux_reap(pid_t pid, struct clinux_exit *out);
int clinux_reap_pidfd(int pidfd, struct clinux_exit *out);

/* waitid(P_PIDFD, WEXITED): blocks. */
int clinux_wait_pidfd(int pidfd, struct clinux_exit *out);
/* 1 if the kernel supports x86-64's x32 ABI: getpid(2) with the x32 bit does not return ENOSYS. */
int clinux_has_x32(void);

/* fork(2) is hidden from Swift on some platforms. The child has no signal blocked, ignored or
   handled, and the umask 0022. */
pid_t clinux_fork(void);
/* In a forked child: closes every descriptor from `first` on, except the `count` descriptors in
   `keep`, in ascending order. */
void clinux_close_from(int first, const int *keep, size_t count);
/* In a forked child: starts a new session, makes the given descriptors 0, 1 and 2, closes all
   others, resets what a task must not inherit (inherited.c), and calls execve(2). If that fails,
   the process ends with 127. */
_Noreturn void clinux_exec(
    const char *path, char *const *argv, char *const *envp, int in, int out, int err);
/* posix_spawn(3): the `count` `descriptors` become 0, 1, 2, 3, 4 …; all others are closed. The
   child has a new session, the directory /, and no signal blocked or ignored. Returns 0 or an
   errno. */
int clinux_spawn(
    const char *path, char *const *argv, char *const *envp, const int *descriptors, size_t count,
    pid_t *pid);

/* SOCK_SEQPACKET and SOCK_STREAM are an enum in Swift, and sockaddr_un's path a tuple. The
   address is /proc/self/fd/<directory>/<name>, because a path has at most 107 bytes. */
int clinux_listen_unix(int directory, const char *name, int is_stream, int backlog);
int clinux_connect_seqpacket(int directory, const char *name);
int clinux_accept(int listener);
struct clinux_credentials { pid_t pid; uid_t uid; gid_t gid; };
int clinux_peer_credentials(int socket, struct clinux_credentials *out);
/* One packet with up to CLINUX_MOST_PASSED descriptors (unix(7), SCM_RIGHTS; cmsg(3) has only
   macros). Neither call blocks, and none raises SIGPIPE. `clinux_receive` returns the length of the
   whole packet (MSG_TRUNC). The received descriptors are closed at an exec. If the process has no
   room for all of them, none is left open, the packet is lost, and the errno is EMFILE. */
#define CLINUX_MOST_PASSED 8
ssize_t clinux_send(
    int socket, const void *bytes, size_t count, const int *descriptors, size_t passed);
ssize_t clinux_receive(
    int socket, void *bytes, size_t count, int *descriptors, size_t *received);
/* The length of the next packet, which stays queued; -1 if there is none now. */
ssize_t clinux_next_packet(int socket);

/* Unix sockets by their address: a path, or `@` and an abstract name (unix(7)). Sends one
   datagram, or connects a stream. Neither blocks: EAGAIN if the other side has no room. */
ssize_t clinux_send_datagram(const char *to, const void *bytes, size_t count);
int clinux_connect_stream(const char *to);
/* AF_… of a listening stream socket (SO_DOMAIN); 0 for anything else. */
int clinux_listening_family(int descriptor);
enum { CLINUX_AF_UNIX = 1, CLINUX_AF_INET = 2, CLINUX_AF_INET6 = 10 };
/* A unix socket's address in the same form, with a final NUL; 0 if it has none. */
int clinux_unix_address(int descriptor, char text[110]);

/* PR_SET_NAME for the calling thread; at most 15 bytes are used. */
void clinux_name_thread(const char *name);

/* ioctl(2) is variadic: TIOCGWINSZ's columns; 0 if this is not a terminal. */
int clinux_terminal_width(int descriptor);
/* TIOCSWINSZ. */
int clinux_set_terminal_size(int descriptor, unsigned short columns, unsigned short rows);

/* flock(2) shares its name with a structure. Exclusive and non-blocking. */
int clinux_lock(int descriptor);
/* The same, but waits. */
int clinux_wait_for_lock(int descriptor);
/* fcntl(2), F_GETLK: the process that holds a conflicting lock on the file; 0 if there is none. */
pid_t clinux_lock_holder(int descriptor);
/* CLOCK_BOOTTIME in nanoseconds, CLOCK_REALTIME in milliseconds. */
int64_t clinux_boot_time(void);
int64_t clinux_wall_time(void);
/* RFC 3339 in UTC with nanoseconds, 30 bytes and a NUL; Swift's `tm` would need as many lines. */
void clinux_timestamp(char text[32]);
/* fstat(2) and fchmod(2) in one: removes the permissions of `file` that `mode` does not have. */
int clinux_narrow(int file, uint32_t mode);
/* fstat(2), lchown(2) and chmod(2) in one: gives `to` the owner and mode of `from`. */
int clinux_copy_ownership(int from, const char *to);
/* fchownat(2) with AT_EMPTY_PATH to the file's present owner: an overlay then copies the file to
   its upper layer. */
int clinux_copy_up(int file);
/* The type of an open file: S_IFDIR, S_IFLNK … without the mode's other bits; -1 errno. */
int clinux_file_type(int file);
enum { CLINUX_IFDIR = 0040000, CLINUX_IFLNK = 0120000, CLINUX_IFREG = 0100000 };
/* readlinkat(2) with an empty path: the target of an open symbolic link (O_PATH | O_NOFOLLOW). */
ssize_t clinux_read_link(int link, char *target, size_t size);
/* fcntl(2) is variadic. */
int clinux_set_nonblocking(int descriptor);
/* F_DUPFD_CLOEXEC; never 0, 1 or 2. */
int clinux_duplicate(int descriptor);
int clinux_set_pipe_size(int descriptor, int bytes);
/* splice(2) without blocking: moves bytes from one pipe to another, or to /dev/null, without
   copying, and returns their number. 0 at the end; -1 with EAGAIN if `from` is empty or `to` is
   full. */
ssize_t clinux_splice(int from, int to, size_t count);
/* fallocate(2), whose flags are behind _GNU_SOURCE: frees the first bytes of a file, and keeps its
   size. */
int clinux_punch_hole(int descriptor, long bytes);
/* FIONREAD: the number of bytes in a pipe. */
int clinux_pending(int descriptor);
int clinux_pipe(int ends[2]);
/* Anonymous memory of `size` bytes that a forked child shares (mmap(2), MAP_SHARED); NULL on
   failure. */
void *clinux_share_memory(size_t size);
/* Numbers that two processes share: no reader sees half a number, and what was written before a
   store is seen after the load of it. */
uint64_t clinux_load(const uint64_t *number);
void clinux_store(uint64_t *number, uint64_t value);
void clinux_add(uint64_t *number, uint64_t value);
/* Raises RLIMIT_NOFILE to its hard limit; call it before other threads exist. */
int clinux_raise_descriptor_limit(void);
/* The limits before that; 0 if they were not raised. */
void clinux_first_descriptor_limit(uint64_t *soft, uint64_t *hard);
/* getrlimit(2); Glibc's enum of resources cannot be made of a number. */
int clinux_hard_limit(int resource, uint64_t *hard);
/* ioctl FS_IOC_SETFLAGS: clears immutable and append-only. */
int clinux_clear_file_flags(int directory, const char *name);
/* One arena, and memory returned early (mallopt(3)). */
void clinux_small_heap(void);
/* Returns the heap's free pages (malloc_trim(3)) and those below the calling thread's stack
   (madvise(2) MADV_DONTNEED) to the kernel. */
void clinux_give_memory_back(void);
/* Unmaps the pages of every read-only segment (dl_iterate_phdr(3), madvise(2) MADV_DONTNEED). At
   their next use they are mapped again from the page cache. */
void clinux_release_text(void);
/* The type (`d_type`) and the name of a directory stream's next entry; NULL at its end. */
const char *clinux_next_entry(void *stream, unsigned char *type);
enum { CLINUX_DT_UNKNOWN = 0, CLINUX_DT_DIR = 4 };
/* setxattr(2) with a string, and getxattr(2): Glibc's module has no sys/xattr.h. */
int clinux_set_attribute(const char *path, const char *name, const char *value);
ssize_t clinux_get_attribute(const char *path, const char *name, char *value, size_t size);

/* For a program that parses what strangers made; call these in this order, with one thread.
   A session of its own, in which SIGHUP, SIGPIPE and SIGXFSZ are ignored (setsid(2)). */
int clinux_detach_from_session(void);
/* Mount, network and IPC namespaces of its own, in which the current directory is the root,
   with nosuid, nodev and noexec, and no other mount exists. A descriptor of an earlier mount
   stays valid. */
int clinux_enter_alone(void);
/* RLIMIT_DATA and RLIMIT_NOFILE; no core dump. */
int clinux_limit(uint64_t memory, uint64_t descriptors);
/* Gives up every privilege for good but the capabilities whose bits `kept` has: groups, the
   bounding set, real, effective and saved ids. Sets no_new_privs, and is not dumpable: no other
   process of that user may look into this one (prctl(2)). For a process with one thread. */
int clinux_drop_privileges(uint64_t kept, uid_t uid, gid_t gid);
/* After a signal such as SIGSEGV, SIGABRT or SIGSYS, writes `format` to `output` and ends the
   process with 1. The format takes the signal's number and the refused system call's
   number, -1 if there is none, and lives as long as the process. */
int clinux_on_crash(int output, const char *format);
/* From now on a crash writes nothing. */
void clinux_forget_crash(void);
/* syncfs(2) is behind _GNU_SOURCE. */
int clinux_sync_filesystem(int file);
/* fsetxattr(2) and its kin, which Glibc's module lacks. */
int clinux_set_file_attribute(int file, const char *name, const void *value, size_t size);
int clinux_remove_file_attribute(int file, const char *name);
ssize_t clinux_get_file_attribute(int file, const char *name, void *value, size_t size);
ssize_t clinux_list_file_attributes(int file, char *names, size_t size);
/* fstatfs(2): 1 if the file system of `file` has a free block and a free inode. */
int clinux_has_space(int file);

/* netlink(7): sockaddr_nl and the options are not in Glibc's module. A socket of the caller's
   network namespace, with extended acks and large buffers. */
int clinux_netlink_open(int protocol);
/* The socket gets the messages of a multicast group. */
int clinux_netlink_join(int socket, int group);
enum { CLINUX_NETLINK_ROUTE = 0, CLINUX_NETLINK_NETFILTER = 12 };
ssize_t clinux_netlink_send(int socket, const void *bytes, size_t count);
/* The next datagram of the kernel, never of another process. Returns its whole length, also if
   that exceeds `count`. If `wait` is 0 and there is none, fails with EAGAIN. */
ssize_t clinux_netlink_receive(int socket, void *bytes, size_t count, int wait);
/* setns(2) with CLONE_NEWNET, for the calling thread. */
int clinux_enter_network(int descriptor);

/* reaper.c */
_Noreturn void clinux_be_reaper(void);
int clinux_clone_read_only(const char *path);
pid_t clinux_start_reaper(int program, int root, const char *name, const char *uid);

/* enter.c: a program in a running task. The fields are those of the runtime-spec's process. */
struct clinux_entry {
    int task;         /* A pidfd of the task's first process. */
    int input, output, errors;
    uint32_t uid, gid, umask;
    uint64_t bounding, permitted, inheritable, ambient;
    int no_new_privs;
    int sets_oom_score, oom_score;
    int finds_home;   /* Adds HOME, which is looked up in the task's passwd(5). */
};
struct clinux_limit { int resource; uint64_t soft, hard; };
/* The pipe `report` has pairs of ints: a word and its number. Each other word is a step that
   failed, with its errno. */
enum {
    CLINUX_ENTRY_BEGUN, /* The pid of the reaper. */
    CLINUX_ENTRY_ENDED, /* The status of the program, as wait(2) has it. */
    CLINUX_ENTRY_LEFT,  /* The program has left processes, and the reaper waits for them. */
    CLINUX_ENTRY_DESCRIPTORS, CLINUX_ENTRY_OOM_SCORE, CLINUX_ENTRY_CGROUP,
    CLINUX_ENTRY_NAMESPACES, CLINUX_ENTRY_PROCESS, CLINUX_ENTRY_SESSION, CLINUX_ENTRY_KEYRING,
    CLINUX_ENTRY_LIMIT, CLINUX_ENTRY_PRIVILEGES, CLINUX_ENTRY_FILTER, CLINUX_ENTRY_BOUNDING,
    CLINUX_ENTRY_USER, CLINUX_ENTRY_DIRECTORY, CLINUX_ENTRY_CAPABILITIES, CLINUX_ENTRY_EXECUTE,
};
/* Forks a helper that starts the program `words` in the task, and returns the helper's pid; -1 if
   it could not be made. The helper ends with the reaper, and kills it if the caller ends. `cgroups`
   are descriptors of files cgroup.procs. Nothing here waits. */
pid_t clinux_enter_task(
    const struct clinux_entry *entry, const int *cgroups, size_t cgroup_count,
    const struct clinux_limit *limits, size_t limit_count, const uint32_t *groups,
    size_t group_count, const void *filter, size_t filter_bytes, const char *keyring,
    const char *directory, char *const *words, char *const *environment, int report);

#endif
