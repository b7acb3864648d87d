// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Lets the executor's own groups stand still, or go on if the first argument is `thaw`, in a child of the executor.
///
/// That is done when the process counts as started, so that two such requests take effect in their order.
func freeze(_ cgroup: CgroupPlacement, _ process: ProcessPlan) -> Result<LaunchedProcess, LaunchFailure> {
    spawn(process, namespaces: 0, group: -1) { streams, report in
        report.check(tandem_die_with_parent(), .clone)
        tandem_reset_signals()
        setsid()
        let group = cgroup.openFreezer()
        report.check(group, .cgroup)
        CgroupPlacement.setFrozen(process.arguments.first != bytes("thaw"), group)
        let report = process.takeStreams(streams, isFirst: false, report)
        // This memory is still the executor's.
        _ = tandem_hide_memory()
        report.ready()
        close(report.descriptor)
        _exit(0)
    }
}
