// SPDX-License-Identifier: Apache-2.0

import CLinux

extension ProcessPlan {
    /// Gives up every right that the process is not to have.
    ///
    /// The order matters; each step says why.
    ///
    /// - Returns: The user's home folder.
    func applyCredentials(_ report: FailureReport) -> Bytes {
        // Raising a hard limit needs a capability, so limits come first. Lowering the score needs one too.
        for limit in resourceLimits {
            report.check(
                tandem_set_limit(limit.resource, limit.soft, limit.hard), .resourceLimit, digits(Int(limit.resource)))
        }
        if outOfMemoryScoreAdjustment != 0 {
            let problem = writeFile(bytes("/proc/self/oom_score_adj"), digits(Int(outOfMemoryScoreAdjustment)))
            if problem != 0 {
                report.fail(LaunchFailure(.resourceLimit, errno: problem, object: bytes("oom_score_adj")))
            }
        }
        // Names are looked up while every file of the root can still be read.
        var identity = UserLookup()
        if let failure = identity.resolve(user: user, additional: additionalGroups) { report.fail(failure) }
        // `> /dev/stderr` opens the pipe anew, which takes its owner's rights.
        if identity.uid != 0 {
            for stream in Int32(openStandardInput || terminal ? 0 : 1)...2 { _ = fchown(stream, identity.uid, .max) }
        }
        // Dropping from the bounding set needs CAP_SETPCAP, which goes below.
        for capability in Int32(0)..<64 {
            let state = tandem_bounding_has(capability)
            if state < 0 { break }
            if state == 1 && boundingCapabilities & (1 << UInt64(capability)) == 0 {
                report.check(tandem_bounding_drop(capability), .capabilities, digits(Int(capability)))
            }
        }
        // Without no_new_privs a filter needs CAP_SYS_ADMIN, so it is loaded while that is still there; with it, the
        // filter comes last, so that it need not allow the calls in between.
        if !noNewPrivileges { installFilter(report) }
        report.check(tandem_keep_capabilities(1), .capabilities)
        // Always, even for an empty list: the caller's groups must not be inherited. Groups before user, since
        // changing them needs a capability that the change of the user clears from the effective set.
        report.check(setgroups(identity.groups.count, identity.groups), .user)
        report.check(setresgid(identity.gid, identity.gid, identity.gid), .user)
        report.check(setresuid(identity.uid, identity.uid, identity.uid), .user)
        // As Docker: only root starts with permitted capabilities; others get theirs from the ambient set.
        let isRoot = identity.uid == 0
        // A host that is a container itself may lack some: those cannot be given on.
        let available = tandem_permitted_capabilities()
        let permitted = ((isRoot ? permittedCapabilities : 0) | ambientCapabilities) & available
        let inheritable = (inheritableCapabilities | ambientCapabilities) & available
        report.check(tandem_set_capabilities(permitted, permitted, inheritable), .capabilities)
        report.check(tandem_ambient_clear(), .capabilities)
        for capability in Int32(0)..<64 where ambientCapabilities & available & (1 << UInt64(capability)) != 0 {
            report.check(tandem_ambient_raise(capability), .capabilities, digits(Int(capability)))
        }
        CLinux.umask(umask)
        if noNewPrivileges {
            report.check(tandem_no_new_privileges(), .capabilities, bytes("no_new_privs"))
            installFilter(report)
        }
        return identity.home
    }

    private func installFilter(_ report: FailureReport) {
        guard !seccomp.isEmpty else { return }
        let size = MemoryLayout<sock_filter>.size
        let result = seccomp.withUnsafeBytes {
            tandem_install_filter($0.baseAddress, UInt16(truncatingIfNeeded: seccomp.count / size), seccompFlags)
        }
        report.check(result, .seccomp)
    }
}
