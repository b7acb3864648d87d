// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// What an earlier daemon of these tests has found out about KVM.
///
/// Each daemon would find it out anew, and one that does not work is waited for until the probe's deadline. A daemon trusts
/// the file only in the boot and with the guest kernel for which it was written.
enum KnownAccelerator {
    private static let shared = FileManager.default.temporaryDirectory.appending(path: "tandem-test-accelerator.json")

    private static func own(_ dataRoot: String) -> URL {
        URL(filePath: dataRoot).appending(path: "libvirt/accelerator.json")
    }

    /// Gives it to a daemon that is about to start, if there is any.
    static func hand(to dataRoot: String) {
        let file = own(dataRoot)
        guard let known = try? Data(contentsOf: shared), !FileManager.default.fileExists(atPath: file.path) else {
            return
        }
        // With the daemon's own modes. A daemon without the file finds it out itself.
        mkdir(dataRoot, 0o711)
        mkdir(dataRoot + "/libvirt", 0o700)
        try? known.write(to: file)
    }

    /// Keeps what a daemon has found out.
    static func keep(from dataRoot: String) {
        // Nothing was found out where no VM was started.
        guard let found = try? Data(contentsOf: own(dataRoot)) else { return }
        try? found.write(to: shared, options: .atomic)
    }
}
