// SPDX-License-Identifier: Apache-2.0

import Glibc
public import SystemPackage

/// A thread of its own with a working folder of its own, for calls whose paths have to be short.
///
/// The folder of all other threads stays what it was.
public enum FolderThread {
    private final class Work {
        let folder: FilePath
        let body: () -> Void
        var problem: Int32 = 0

        init(folder: FilePath, body: @escaping () -> Void) {
            self.folder = folder
            self.body = body
        }
    }

    /// Runs a body and waits for its end.
    ///
    /// - Returns: 0, or the errno of what failed before the body.
    public static func run(in folder: FilePath, _ body: () -> Void) -> Int32 {
        withoutActuallyEscaping(body) { body in
            let work = Work(folder: folder, body: body)
            var thread = pthread_t()
            let created = pthread_create(
                &thread, nil,
                { context in
                    guard let context else { return nil }
                    let work = Unmanaged<Work>.fromOpaque(context).takeUnretainedValue()
                    // From here on the folder is this thread's alone.
                    if unshare(CLONE_FS) == 0, work.folder.withPlatformString({ chdir($0) }) == 0 {
                        work.body()
                    } else {
                        work.problem = errno
                    }
                    return nil
                }, Unmanaged.passUnretained(work).toOpaque())
            guard created == 0 else { return created }
            pthread_join(thread, nil)
            return work.problem
        }
    }
}
