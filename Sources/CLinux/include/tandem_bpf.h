// SPDX-License-Identifier: Apache-2.0
// bpf(2), which glibc does not wrap.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int tandem_load_device_program(const void *instructions, uint32_t count) {
    union bpf_attr request;
    memset(&request, 0, sizeof request);
    request.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    request.insns = (uint64_t)(uintptr_t)instructions;
    request.insn_cnt = count;
    request.license = (uint64_t)(uintptr_t)"Apache-2.0";
    return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &request, sizeof request);
}

static inline int tandem_attach_device_program(int group, int program) {
    union bpf_attr request;
    memset(&request, 0, sizeof request);
    request.target_fd = (uint32_t)group;
    request.attach_bpf_fd = (uint32_t)program;
    request.attach_type = BPF_CGROUP_DEVICE;
    // As runc: groups below may have programs of their own, and each of them has to agree.
    request.attach_flags = BPF_F_ALLOW_MULTI;
    return (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &request, sizeof request);
}
