// SPDX-License-Identifier: Apache-2.0
// Files and mounts: functions that Swift cannot import (variadic, macros) or that glibc 2.36 does not have.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static inline int tandem_errno(void) { return errno; }

static inline int tandem_openat(int folder, const char *path, int flags, unsigned mode) {
    return openat(folder, path, flags, mode);
}

// openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS: `path` never leaves the folder `root`.
static inline int tandem_open_in_root(int root, const char *path, uint64_t flags, uint64_t mode) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

// openat2(2) with RESOLVE_NO_XDEV: what is mounted below `folder` is not entered (EXDEV).
static inline int tandem_open_same_mount(int folder, const char *path, uint64_t flags) {
    struct open_how how = {.flags = flags, .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

static inline int tandem_pivot_root(const char *new_root, const char *put_old) {
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}

static inline int tandem_set_flag(int descriptor, int get, int set, int flag, int on) {
    int flags = fcntl(descriptor, get);
    return flags < 0 ? -1 : fcntl(descriptor, set, on ? flags | flag : flags & ~flag);
}

static inline int tandem_set_nonblocking(int descriptor, int on) {
    return tandem_set_flag(descriptor, F_GETFL, F_SETFL, O_NONBLOCK, on);
}

static inline int tandem_set_close_on_exec(int descriptor, int on) {
    return tandem_set_flag(descriptor, F_GETFD, F_SETFD, FD_CLOEXEC, on);
}

static inline int tandem_duplicate_above(int descriptor, int least) { return fcntl(descriptor, F_DUPFD_CLOEXEC, least); }

static inline int tandem_seal(int descriptor) {
    return fcntl(descriptor, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

static inline int tandem_close_range(unsigned first, unsigned last) {
    return (int)syscall(SYS_close_range, first, last, 0);
}

static inline uint64_t tandem_device(unsigned major, unsigned minor) { return makedev(major, minor); }
static inline unsigned tandem_major(uint64_t device) { return major(device); }
static inline unsigned tandem_minor(uint64_t device) { return minor(device); }

// When a file was last changed. Swift sees `struct timespec` in whichever module happens to bring it first, and refuses
// its members in all others: its fields are read here.
static inline int64_t tandem_modified_seconds(struct stat status) { return status.st_mtim.tv_sec; }
static inline int64_t tandem_modified_nanoseconds(struct stat status) { return status.st_mtim.tv_nsec; }


static inline int tandem_finit_module(int descriptor) { return (int)syscall(SYS_finit_module, descriptor, "", 0); }

// open_tree(2) with OPEN_TREE_CLONE: a mount of its own of what is at `path`, without what is mounted below it.
static inline int tandem_clone_mount(const char *path) {
    return (int)syscall(428 /* SYS_open_tree */, AT_FDCWD, path, 1u | O_CLOEXEC);
}

// mount_setattr(2): the mount that a descriptor shows, and all below it, become read-only.
static inline int tandem_set_tree_read_only(int tree) {
    struct { uint64_t set, clear, propagation, user_namespace; } attributes = {.set = 1 /* MOUNT_ATTR_RDONLY */};
    return (int)syscall(442 /* SYS_mount_setattr */, tree, "", 0x9000 /* AT_EMPTY_PATH | AT_RECURSIVE */, &attributes,
                        sizeof attributes);
}

// open_tree(2): a copy of the mounts at a path, which belongs to no mount namespace yet.
static inline int tandem_copy_tree(const char *path, int recursive) {
    unsigned flags = 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC | (recursive ? 0x8000 /* AT_RECURSIVE */ : 0);
    return (int)syscall(428 /* SYS_open_tree */, AT_FDCWD, path, flags);
}

// move_mount(2): hangs such a copy over an open folder or file.
static inline int tandem_hang_tree(int tree, int target) {
    return (int)syscall(429 /* SYS_move_mount */, tree, "", target, "", 0x44 /* both paths are empty */);
}

static inline int tandem_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING); }

static inline int tandem_set_pipe_size(int pipe, int size) { return fcntl(pipe, F_SETPIPE_SZ, size); }
