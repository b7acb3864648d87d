// SPDX-License-Identifier: Apache-2.0

/// Files of the host.
enum HostFiles {
    /// Removes a folder with everything in it, but enters nothing that is mounted there; also where the task has been
    /// cancelled.
    static func remove(_ path: String) async {
        await Task.detached { _ = await HostProgram.run(["/bin/rm", "-rf", "--one-file-system", path]) }.value
    }
}
