// SPDX-License-Identifier: Apache-2.0

import CLinux
import Dispatch
import Glibc
import Synchronization

/// Collects the ends of child processes as they come, without a thread for each.
public enum ChildReaper {
    private static let queue = DispatchQueue(label: "tandem.reaper")
    private static let sources = Mutex<[Int32: any DispatchSourceRead]>([:])

    /// Collects the end of one child whenever it comes.
    ///
    /// Nothing happens if it is not a child of this process.
    public static func collect(_ process: Int32) {
        let descriptor = tandem_pidfd_open(process)
        guard descriptor >= 0 else { return }
        sources.withLock { sources in
            let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
            source.setEventHandler {
                var code: Int32 = 0
                _ = tandem_reap(process, &code)
                Self.sources.withLock { $0.removeValue(forKey: descriptor)?.cancel() }
            }
            source.setCancelHandler { close(descriptor) }
            sources[descriptor] = source
            source.resume()
        }
    }
}
