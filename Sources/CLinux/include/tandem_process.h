// SPDX-License-Identifier: Apache-2.0
// Processes, namespaces, waiting and clocks.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// fork(2) with namespaces: the child returns 0 on a copy of the caller's stack. Only for single-threaded callers.
// A control group descriptor of -1 leaves CLONE_INTO_CGROUP out.
static inline pid_t tandem_clone3(uint64_t namespaces, int cgroup, int *pidfd) {
    struct clone_args arguments = {
        .flags = namespaces | CLONE_PIDFD | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
    };
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

static inline int tandem_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

static inline int tandem_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

// Reaps a child. Returns its pid, 0 if it still runs, -1 on error; `code` as a shell reports it.
static inline pid_t tandem_reap(pid_t process, int *code) {
    int status = 0;
    pid_t reaped = waitpid(process, &status, WNOHANG | __WALL);
    if (reaped > 0) *code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return reaped;
}

// Reaps a child that is about to end, however long that takes.
static inline void tandem_await(pid_t process) {
    while (waitpid(process, NULL, __WALL) < 0 && errno == EINTR) {}
}

static inline int tandem_execveat(int descriptor, const char *path, char *const *arguments, char *const *environment) {
    return (int)syscall(SYS_execveat, descriptor, path, arguments, environment, path[0] ? 0 : 0x1000 /* AT_EMPTY_PATH */);
}

static inline uint64_t tandem_clock(clockid_t clock) {
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t tandem_monotonic(void) { return tandem_clock(CLOCK_MONOTONIC); }
static inline uint64_t tandem_realtime(void) { return tandem_clock(CLOCK_REALTIME); }

// Every signal back to its default and unblocked, as a fresh process expects it.
static inline void tandem_reset_signals(void) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

// Blocks every signal and returns a descriptor that delivers them.
static inline int tandem_signal_descriptor(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    return signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}

// Waits for any signal with all of them blocked; returns its number.
static inline int tandem_wait_for_signal(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    return sigwaitinfo(&all, NULL);
}

static inline int tandem_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); }
static inline int tandem_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }
static inline int tandem_set_name(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }

static inline int tandem_set_limit(unsigned resource, uint64_t soft, uint64_t hard) {
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    return setrlimit((__rlimit_resource_t)resource, &limit);
}

static inline uint64_t tandem_hard_limit(unsigned resource) {
    struct rlimit limit = {0};
    return getrlimit((__rlimit_resource_t)resource, &limit) < 0 ? 0 : (uint64_t)limit.rlim_max;
}

// A child that has ended, left as it is; 0 if there is none.
static inline pid_t tandem_peek_dead_child(void) {
    siginfo_t information = {0};
    return waitid(P_ALL, 0, &information, WEXITED | WNOHANG | WNOWAIT) < 0 ? 0 : information.si_pid;
}

static inline int tandem_power_off(void) { return reboot(RB_POWER_OFF); }

// Keeps others from looking into this process through /proc until its next execve.
static inline int tandem_hide_memory(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

// Children that end are reaped by the kernel.
static inline void tandem_ignore_children(void) { signal(SIGCHLD, SIG_IGN); }
