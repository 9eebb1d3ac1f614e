// The system calls of the built-in profile, by topic (syscalls(2)). Names of 32-bit ABIs are beside
// their 64-bit versions; a runtime skips names that its libseccomp does not know.

enum DefaultCalls {
    /// Permitted for every task. None of them reaches beyond the task's namespaces, capabilities
    /// and mounts.
    static let permitted =
        [
            files, directories, attributes, readingAndWriting, watching, memory, processes,
            credentials, signals, scheduling, time, waiting, exchange, sockets, system,
        ].flatMap(words)

    /// The names of calls in a text.
    static func words(_ text: String) -> [String] {
        text.utf8.split { $0 == 0x20 || $0 == 0x0A }.map { String(decoding: $0, as: UTF8.self) }
    }

    private static let files = """
        open openat openat2 creat close close_range dup dup2 dup3 fcntl fcntl64 flock ioctl
        access faccessat faccessat2 link linkat symlink symlinkat readlink readlinkat
        rename renameat renameat2 unlink unlinkat mknod mknodat name_to_handle_at memfd_create
        truncate truncate64 ftruncate ftruncate64 fallocate
        sync syncfs fsync fdatasync sync_file_range
        """

    private static let directories = """
        mkdir mkdirat rmdir chdir fchdir getcwd readdir getdents getdents64 umask
        """

    private static let attributes = """
        stat stat64 lstat lstat64 fstat fstat64 fstatat64 newfstatat statx
        statfs statfs64 fstatfs fstatfs64 statmount listmount
        chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat lchown lchown32
        utime utimes futimesat utimensat utimensat_time64 file_getattr file_setattr
        getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat
        listxattr llistxattr flistxattr listxattrat
        removexattr lremovexattr fremovexattr removexattrat
        """

    private static let readingAndWriting = """
        read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek
        readahead fadvise64 fadvise64_64 cachestat copy_file_range sendfile sendfile64 splice tee
        io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64
        """

    private static let watching = """
        inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark
        """

    private static let memory = """
        brk mmap mmap2 munmap mremap remap_file_pages mprotect madvise mincore msync mseal
        mlock mlock2 mlockall munlock munlockall memfd_secret membarrier map_shadow_stack
        pkey_alloc pkey_free pkey_mprotect
        mbind get_mempolicy set_mempolicy set_mempolicy_home_node
        """

    private static let processes = """
        fork vfork execve execveat exit exit_group wait4 waitid waitpid
        getpid getppid gettid getpgid getpgrp setpgid getsid setsid
        pidfd_open pidfd_getfd pidfd_send_signal process_mrelease
        process_vm_readv process_vm_writev ptrace prctl
        seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self
        set_thread_area get_thread_area set_tid_address set_robust_list get_robust_list rseq
        futex futex_time64 futex_wait futex_waitv futex_wake futex_requeue uretprobe
        getrlimit ugetrlimit setrlimit prlimit64 getrusage
        """

    private static let credentials = """
        getuid getuid32 geteuid geteuid32 getresuid getresuid32
        setuid setuid32 setreuid setreuid32 setresuid setresuid32 setfsuid setfsuid32
        getgid getgid32 getegid getegid32 getresgid getresgid32
        setgid setgid32 setregid setregid32 setresgid setresgid32 setfsgid setfsgid32
        getgroups getgroups32 setgroups setgroups32 capget capset
        """

    private static let signals = """
        kill tkill tgkill pause signal sigaction sigpending sigprocmask sigreturn sigsuspend
        sigaltstack rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
        rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo
        signalfd signalfd4 restart_syscall
        """

    private static let scheduling = """
        sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr
        sched_getparam sched_setparam sched_getscheduler sched_setscheduler
        sched_get_priority_max sched_get_priority_min
        sched_rr_get_interval sched_rr_get_interval_time64
        getpriority setpriority ioprio_get ioprio_set getcpu
        """

    /// adjtimex and similar calls also read the clock's state; setting it requires CAP_SYS_TIME.
    private static let time = """
        time times gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64
        clock_nanosleep clock_nanosleep_time64 nanosleep alarm getitimer setitimer
        adjtimex clock_adjtime clock_adjtime64
        timer_create timer_delete timer_getoverrun
        timer_gettime timer_gettime64 timer_settime timer_settime64
        timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64
        """

    private static let waiting = """
        select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64
        epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
        eventfd eventfd2
        """

    private static let exchange = """
        pipe pipe2 ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop
        semtimedop_time64 shmat shmctl shmdt shmget
        mq_open mq_unlink mq_notify mq_getsetattr mq_timedreceive mq_timedreceive_time64
        mq_timedsend mq_timedsend_time64
        """

    /// socket(2) has its own rules. They do not apply to socketcall(2) of 32-bit x86, because a
    /// filter cannot read behind a pointer.
    private static let sockets = """
        socketpair socketcall bind listen accept accept4 connect shutdown
        getsockname getpeername getsockopt setsockopt
        recv recvfrom recvmsg recvmmsg recvmmsg_time64 send sendto sendmsg sendmmsg
        """

    private static let system = "uname sysinfo getrandom"
}
