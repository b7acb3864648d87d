// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import TandemModel

/// Where libarchive writes to: a descriptor of its own.
///
/// An archive that is given up writes what it still holds when it is freed. By then the caller's descriptor may be closed,
/// and its number may be another file's. Who holds this frees the archive in its own `deinit`, and so before this one.
final class ArchiveTarget {
    let descriptor: Int32

    init(_ descriptor: Int32) throws(EngineError) {
        self.descriptor = tandem_duplicate_above(descriptor, 3)
        guard self.descriptor >= 0 else {
            throw EngineError(.resourceExhausted, "no file descriptor is left for the archive")
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}
