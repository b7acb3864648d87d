// SPDX-License-Identifier: Apache-2.0

import CLinux
import Dispatch
import Glibc
import Synchronization

/// Collects processes that fell to us because we are a child subreaper (prctl(2)), and that nobody else here waits for.
public enum OrphanReaper {
    private static let timer = Mutex<(any DispatchSourceTimer)?>(nil)
    private static let lastSeen = Mutex<Int32>(0)

    /// Becomes the parent of all orphans below us, and collects them from now on.
    public static func start() {
        _ = tandem_become_subreaper()
        timer.withLock { timer in
            let source = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
            source.schedule(deadline: .now() + .seconds(2), repeating: .seconds(2), leeway: .seconds(1))
            source.setEventHandler { collect() }
            timer = source
            source.resume()
        }
    }

    /// A child that has been dead for a whole period has no one who waits for it: those who do are quicker.
    private static func collect() {
        while true {
            let dead = tandem_peek_dead_child()
            guard dead > 0 else { return }
            let isOld = lastSeen.withLock { last in
                defer { last = dead }
                return last == dead
            }
            guard isOld else { return }
            var code: Int32 = 0
            _ = tandem_reap(dead, &code)
        }
    }
}
