// SPDX-License-Identifier: Apache-2.0

import CTrace
import Glibc

extension KnownCall {
    /// By the number of the call.
    static let all: [Int: KnownCall] = Dictionary(
        uniqueKeysWithValues: table.map { number, name, object, problem in
            let takesOnly = [SYS_memfd_create, SYS_socket, SYS_socketpair, SYS_pipe2, SYS_fcntl, SYS_pidfd_open]
            return (
                Int(number),
                KnownCall(name: name, object: object, problem: problem, changesHost: !takesOnly.contains(number))
            )
        })

    private static let table: [(Int32, String, Object, Int32)] = [
        // Names of files.
        (SYS_openat, "openat", .path(1, folder: 0), ENOSPC),
        (SYS_mkdir, "mkdir", .path(0), ENOSPC),
        (SYS_mkdirat, "mkdirat", .path(1, folder: 0), ENOSPC),
        (SYS_mknodat, "mknodat", .path(1, folder: 0), ENOSPC),
        (SYS_symlinkat, "symlinkat", .path(2, folder: 1), ENOSPC),
        (SYS_linkat, "linkat", .path(3, folder: 2), ENOSPC),
        (SYS_rename, "rename", .path(1), ENOSPC),
        (SYS_renameat, "renameat", .path(3, folder: 2), ENOSPC),
        (SYS_renameat2, "renameat2", .path(3, folder: 2), ENOSPC),
        (SYS_unlink, "unlink", .path(0), EIO),
        (SYS_unlinkat, "unlinkat", .path(1, folder: 0), EIO),
        (SYS_rmdir, "rmdir", .path(0), EIO),
        (SYS_chmod, "chmod", .path(0), EIO),
        (SYS_fchmodat, "fchmodat", .path(1, folder: 0), EIO),
        (SYS_chown, "chown", .path(0), EIO),
        (SYS_fchownat, "fchownat", .path(1, folder: 0), EIO),
        // Mounts.
        (SYS_mount, "mount", .path(1), ENOMEM),
        (SYS_umount2, "umount2", .path(0), EBUSY),
        (SYS_mount_setattr, "mount_setattr", .path(1, folder: 0), ENOMEM),
        (SYS_pivot_root, "pivot_root", .path(0), EINVAL),
        // Contents of files.
        (SYS_write, "write", .descriptor(0), ENOSPC),
        (SYS_pwrite64, "pwrite64", .descriptor(0), ENOSPC),
        (SYS_writev, "writev", .descriptor(0), ENOSPC),
        (SYS_sendfile, "sendfile", .descriptor(0), ENOSPC),
        (SYS_ftruncate, "ftruncate", .descriptor(0), ENOSPC),
        (SYS_fallocate, "fallocate", .descriptor(0), ENOSPC),
        (SYS_fsync, "fsync", .descriptor(0), EIO),
        (SYS_fdatasync, "fdatasync", .descriptor(0), EIO),
        (SYS_fchmod, "fchmod", .descriptor(0), EIO),
        (SYS_fchown, "fchown", .descriptor(0), EIO),
        // Processes and their rights.
        (SYS_fork, "fork", .none, EAGAIN),
        (SYS_vfork, "vfork", .none, EAGAIN),
        (SYS_clone, "clone", .none, EAGAIN),
        (SYS_clone3, "clone3", .none, EAGAIN),
        (SYS_execve, "execve", .none, ENOMEM),
        (SYS_execveat, "execveat", .none, ENOMEM),
        (SYS_setns, "setns", .none, ENOMEM),
        (SYS_unshare, "unshare", .none, ENOSPC),
        (SYS_sethostname, "sethostname", .none, EPERM),
        (SYS_capset, "capset", .none, EPERM),
        (SYS_setgroups, "setgroups", .none, EPERM),
        (SYS_seccomp, "seccomp", .none, ENOMEM),
        (SYS_bpf, "bpf", .none, ENOMEM),
        // Descriptors.
        (SYS_memfd_create, "memfd_create", .none, EMFILE),
        (SYS_socket, "socket", .none, EMFILE),
        (SYS_socketpair, "socketpair", .none, EMFILE),
        (SYS_pipe2, "pipe2", .none, EMFILE),
        (SYS_fcntl, "fcntl", .none, EMFILE),
        (SYS_pidfd_open, "pidfd_open", .none, EMFILE),
        // Words to a monitor.
        (SYS_connect, "connect", .none, ECONNREFUSED),
        (SYS_bind, "bind", .none, EADDRINUSE),
        (SYS_sendto, "sendto", .none, EPIPE),
    ]
}
