// SPDX-License-Identifier: Apache-2.0
// ptrace(2) as the fault injector needs it: variadic and full of registers, which Swift cannot import.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

// What a traced thread has stopped for.
enum tandem_trace_event {
    TANDEM_TRACE_ENDED,
    TANDEM_TRACE_CALL,     // it is about to make a system call
    TANDEM_TRACE_CHILD,    // it has made another process
    TANDEM_TRACE_THREAD,   // it has made another thread
    TANDEM_TRACE_SIGNAL,   // it is about to receive a signal
    TANDEM_TRACE_OTHER,
};

struct tandem_trace_stop {
    pid_t thread;
    enum tandem_trace_event event;
    pid_t made;             // for CHILD and THREAD
    int signal;             // for SIGNAL
    uint64_t number;        // for CALL
    uint64_t arguments[6];  // for CALL
};

// Takes hold of a thread; what it makes is held too, its processes only on request. It goes on at `tandem_trace_resume`.
static inline int tandem_trace_seize(pid_t thread, int with_children) {
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE;
    if (with_children) options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
    if (ptrace(PTRACE_SEIZE, thread, 0, options) < 0) return -1;
    return (int)ptrace(PTRACE_INTERRUPT, thread, 0, 0);
}

// Lets a thread run, up to its next system call or up to its next event.
static inline int tandem_trace_resume(pid_t thread, int to_next_call, int signal) {
    return (int)ptrace(to_next_call ? PTRACE_SYSCALL : PTRACE_CONT, thread, 0, (long)signal);
}

// Makes the call that a thread is about to make fail instead.
static inline int tandem_trace_refuse(pid_t thread, int problem) {
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, thread, 0, &registers) < 0) return -1;
    registers.orig_rax = (unsigned long long)-1;
    registers.rax = (unsigned long long)-(long long)problem;
    return (int)ptrace(PTRACE_SETREGS, thread, 0, &registers);
}

// Waits for the next stop of any thread. Returns -1 when nothing is held any more.
static inline int tandem_trace_wait(struct tandem_trace_stop *stop) {
    int status = 0;
    pid_t thread;
    do thread = waitpid(-1, &status, __WALL);
    while (thread < 0 && errno == EINTR);
    if (thread < 0) return -1;
    *stop = (struct tandem_trace_stop){.thread = thread, .event = TANDEM_TRACE_OTHER};
    if (!WIFSTOPPED(status)) {
        stop->event = TANDEM_TRACE_ENDED;
        return 0;
    }
    int event = status >> 16;
    unsigned long made = 0;
    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
        struct __ptrace_syscall_info information = {0};
        long size = ptrace(PTRACE_GET_SYSCALL_INFO, thread, (void *)sizeof information, &information);
        if (size <= 0 || information.op != PTRACE_SYSCALL_INFO_ENTRY) return 0;
        stop->event = TANDEM_TRACE_CALL;
        stop->number = information.entry.nr;
        for (int index = 0; index < 6; index++) stop->arguments[index] = information.entry.args[index];
    } else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
        ptrace(PTRACE_GETEVENTMSG, thread, 0, &made);
        stop->event = event == PTRACE_EVENT_CLONE ? TANDEM_TRACE_THREAD : TANDEM_TRACE_CHILD;
        stop->made = (pid_t)made;
    } else if (event == 0) {
        stop->event = TANDEM_TRACE_SIGNAL;
        stop->signal = WSTOPSIG(status);
    }
    return 0;
}

// Reads a string out of a thread's memory; always ends it. Returns its length.
static inline size_t tandem_trace_string(pid_t thread, uint64_t address, char *buffer, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", thread);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = memory < 0 ? -1 : pread(memory, buffer, size - 1, (off_t)address);
    if (memory >= 0) close(memory);
    size_t length = 0;
    while (count > 0 && length < (size_t)count && buffer[length]) length++;
    buffer[length] = 0;
    return length;
}
