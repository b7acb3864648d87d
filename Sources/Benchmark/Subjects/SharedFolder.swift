// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A new folder of the host that a workload gets, on a disk rather than in memory as /tmp may be.
struct SharedFolder: Sendable {
    let path: String

    init() throws(BenchmarkError) {
        var template = Array("/var/tmp/tandem-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw BenchmarkError("no folder can be made in /var/tmp: \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Also where the task has been cancelled.
    func remove() async {
        await Task.detached { _ = await HostProgram.run(["/bin/rm", "-rf", "--one-file-system", path]) }.value
    }
}
