#define _GNU_SOURCE
#include "inherited.h"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* fork(2) and execve(2) pass on what a process has set for itself. A task inherits none of that
   from the shim, the daemon, or the daemon's starter:

   attribute                          a task gets                        set by
   umask                              0022, also for mount points        here, and the runtime
   signals: ignored, blocked          none                               clinux_default_signals
   nice, scheduling policy            0, SCHED_OTHER                     here
   I/O priority                       none: it follows nice              here
   CPUs                               all of its cpuset                  here
   NUMA memory policy                 the default                        here
   timer slack                        50 us                              here
   huge pages, merged pages           as the host has them               here
   personality                        PER_LINUX                          here
   securebits                         0                                  here
   session keyring                    its own                            here, and the runtime
   oom_score_adj                      0; unchanged if lowering it needs  here, and config.json
                                      a missing CAP_SYS_RESOURCE
   capabilities                       those of its spec                  config.json
   cgroups, the v1 cpuset too         its own below --cgroup-parent      config.json
   RLIMIT_NOFILE                      the daemon's before it raised it   config.json
   other limits, core dump filter     the daemon's: its unit sets them   inherited
   environment, directory             those of its spec                  config.json
   descriptors                        0, 1 and 2                         clinux_exec
   session, terminal                  a session of its own, no terminal  clinux_exec
   dumpable, subreaper, parent death  the default; never inherited       the kernel
   no_new_privs, seccomp filters,     at least the daemon's: nothing     inherited
   bounding set, PR_SET_MDWE          undoes them
   audit login                        the starter's: that is its use     inherited

   Each reset is independent: if the kernel lacks one, or the daemon may not make it, the task
   still runs. */

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

enum { IOPRIO_WHO_PROCESS_ = 1, KEYCTL_JOIN_SESSION_KEYRING_ = 1 };

void clinux_default_signals(void) {
    /* The kernel's own structure, all zero: SIG_DFL. glibc reserves signals 32 and 33, and
       posix_spawn(3) passes them on as ignored. */
    static const unsigned long handler[8], mask[1];
    for (int number = 1; number <= 64; number++)
        syscall(SYS_rt_sigaction, number, handler, NULL, sizeof mask);
    syscall(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, mask, NULL, sizeof mask);
}

static void reset_oom_score(void) {
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0) return;
    (void)!write(file, "0", 1);
    close(file);
}

static void reset_scheduling(void) {
    static const struct sched_param zero;
    static unsigned long every[128];
    for (int index = 0; index < 128; index++) every[index] = ~0UL;
    sched_setscheduler(0, SCHED_OTHER, &zero);
    setpriority(PRIO_PROCESS, 0, 0);
    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS_, 0, 0);
    /* The kernel uses only the bits of CPUs that exist. */
    syscall(SYS_sched_setaffinity, 0, sizeof every, every);
    syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0);
}

void clinux_drop_inherited(void) {
    umask(0022);
    reset_scheduling();
    reset_oom_score();
    prctl(PR_SET_TIMERSLACK, 50000, 0, 0, 0);
    prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
    prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0);
    prctl(PR_SET_SECUREBITS, 0, 0, 0, 0);
    personality(PER_LINUX);
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING_, NULL);
}
