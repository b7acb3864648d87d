// SPDX-License-Identifier: Apache-2.0

import CLinux

extension ProcessPlan {
    /// Process 1 of `--init`: starts the command as its child, forwards signals to it, reaps whatever is orphaned, and
    /// ends as the command ends.
    func runTinyInit(home: Bytes, helper: Int32, _ report: FailureReport) -> Never {
        // Signals are blocked before the fork, so that none is lost between it and the first wait.
        let signals = tandem_signal_descriptor()
        report.check(signals, .clone)
        // This memory is still the monitor's, with its plan: the command must not read it. Its own execve undoes that.
        _ = tandem_hide_memory()
        let child = fork()
        report.check(child, .clone)
        if child == 0 {
            close(signals)
            tandem_reset_signals()
            // A process group of its own in the foreground, so that the terminal's signals reach the command.
            _ = setpgid(0, 0)
            if terminal {
                var blocked = sigset_t()
                sigemptyset(&blocked)
                sigaddset(&blocked, SIGTTOU)
                sigprocmask(SIG_BLOCK, &blocked, nil)
                _ = tcsetpgrp(0, getpid())
                sigprocmask(SIG_UNBLOCK, &blocked, nil)
            }
            execute(home: home, helper: helper, report)
        }
        close(report.descriptor)
        close(signals)
        // What process 1 of `--init` is called under Docker.
        _ = withPath(bytes("docker-init")) { tandem_set_name($0) }
        while true {
            let number = tandem_wait_for_signal()
            if number == SIGCHLD { reapAll(endingWith: child) } else if number > 0 { kill(child, number) }
        }
    }

    private func reapAll(endingWith child: Int32) {
        while true {
            var code: Int32 = 0
            let reaped = tandem_reap(-1, &code)
            if reaped <= 0 { return }
            if reaped == child { _exit(code) }
        }
    }
}
