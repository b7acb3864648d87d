// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What the fault tests do with a daemon, at each of its steps.
extension SweptOperation {
    static let ofTheDaemon: [SweptOperation] = [
        run, runAndRemove, execute, copy, pause, stop, remove, update, createVolume, removeVolume, importImage,
        removeImage, publish, createNetwork, removeNetwork, connect, disconnect,
    ]

    static let script = "trap 'exit 0' TERM; while :; do sleep 0.05; done"

    /// A container with everything that is made for one.
    static let run = SweptOperation("run") { daemon in
        try await daemon.inTime(
            "run", "-d", "--name", "swept", "-m", "64m", "--cpus", "1", "--pids-limit", "50", "-v", "/anonymous", "-v",
            "swept:/named", "busybox", "sh", "-c", script)
    } verify: { daemon in
        try await daemon.expect("exec", "swept", "true")
    } clean: { daemon in
        try await removeContainer(daemon)
        try await daemon.inTime("volume", "rm", "swept")
    }

    /// A workload that makes no step of its own.
    static let launch = SweptOperation("launch") { daemon in
        try await daemon.inTime("run", "-d", "--name", "swept", "busybox", "sleep", "1000")
    } verify: { daemon in
        try await daemon.expect("inspect", "swept")
    } clean: { daemon in
        try await removeContainer(daemon)
    }

    static let runAndRemove = SweptOperation("run --rm") { daemon in
        try await daemon.inTime("run", "--rm", "-v", "/anonymous", "--name", "swept", "busybox", "true")
    } verify: { daemon in
        let left = try await daemon.inTime("inspect", "swept")
        #expect(left.status == 1)
    } clean: { daemon in
        try await removeContainer(daemon)
    }

    static let execute = SweptOperation("exec", prepare: startContainer) { daemon in
        try await daemon.inTime("exec", "swept", "true")
    } verify: { daemon in
        try await daemon.expect("exec", "swept", "true")
    } clean: { daemon in
        try await removeContainer(daemon)
    }

    /// A stopped container is started without its command for this.
    static let copy = SweptOperation("cp") { daemon in
        try await daemon.expect("create", "--name", "swept", "busybox", "true")
    } run: { daemon in
        try await daemon.inTime("cp", Binaries.path("tandem-init"), "swept:/copied")
    } verify: { daemon in
        try await daemon.expect("cp", "swept:/copied", "-")
    } clean: { daemon in
        try await removeContainer(daemon)
    }

    static let pause = SweptOperation("pause", prepare: startContainer) { daemon in
        try await daemon.inTime("pause", "swept")
    } verify: { daemon in
        try await daemon.expect("unpause", "swept")
        try await daemon.expect("exec", "swept", "true")
    } clean: { daemon in
        try await removeContainer(daemon)
    }

    static let stop = SweptOperation("stop", prepare: startContainer) { daemon in
        try await daemon.inTime("stop", "swept")
    } verify: { daemon in
        let state = try await daemon.inTime("inspect", "-f", "{{.State.Status}}", "swept")
        #expect(state.trimmed == "exited")
    } clean: { daemon in
        try await removeContainer(daemon)
    }

    static let remove = SweptOperation("rm", prepare: startContainer) { daemon in
        try await daemon.inTime("rm", "-f", "-v", "swept")
    } verify: { daemon in
        let left = try await daemon.inTime("inspect", "swept")
        #expect(left.status == 1)
    } clean: { daemon in
        try await removeContainer(daemon)
    }

    static let update = SweptOperation("update", prepare: startContainer) { daemon in
        try await daemon.inTime(
            "update", "-m", "48m", "--memory-swap", "96m", "--cpus", "0.5", "--pids-limit", "40", "swept")
    } clean: { daemon in
        try await removeContainer(daemon)
    }

    static let createVolume = SweptOperation("volume create") { daemon in
        try await daemon.inTime("volume", "create", "swept")
    } verify: { daemon in
        try await daemon.expect("run", "--rm", "-v", "swept:/data", "busybox", "touch", "/data/file")
    } clean: { daemon in
        try await daemon.inTime("volume", "rm", "swept")
    }

    static let removeVolume = SweptOperation("volume rm") { daemon in
        try await daemon.expect("run", "--rm", "-v", "swept:/data", "busybox", "touch", "/data/file")
    } run: { daemon in
        try await daemon.inTime("volume", "rm", "swept")
    } verify: { daemon in
        let left = try await daemon.inTime("volume", "inspect", "swept")
        #expect(left.status == 1)
    } clean: { daemon in
        try await daemon.inTime("volume", "rm", "swept")
    }

    static let importImage = SweptOperation("image import") { daemon in
        let archive = try await Archive.make(for: daemon)
        return try await daemon.inTime("image", "import", archive, "swept")
    } verify: { daemon in
        try await daemon.expect("image", "history", "swept")
    } clean: { daemon in
        try await daemon.inTime("rmi", "swept")
    }

    static let removeImage = SweptOperation("rmi") { daemon in
        try await daemon.expect("image", "import", try await Archive.make(for: daemon), "swept")
    } run: { daemon in
        try await daemon.inTime("rmi", "swept")
    } clean: { daemon in
        try await daemon.inTime("rmi", "swept")
    }

    static func startContainer(_ daemon: Daemon) async throws {
        try await daemon.expect("run", "-d", "--name", "swept", "-v", "/anonymous", "busybox", "sh", "-c", script)
    }

    static func removeContainer(_ daemon: Daemon) async throws {
        try await daemon.inTime("rm", "-f", "-v", "swept")
    }
}

/// A small root file system with one entry of each kind.
private enum Archive {
    /// In the daemon's folder, with which it goes.
    static func make(for daemon: Daemon) async throws -> String {
        let path = daemon.folder.path + "/swept.tar"
        guard !FileManager.default.fileExists(atPath: path) else { return path }
        let folder = try ScratchFolder(prefix: "swept")
        defer { folder.remove() }
        let script = """
            mkdir bin && echo content > bin/file && ln bin/file bin/hard && ln -s file bin/soft && mkfifo bin/pipe \
            && tar -c -f \(path) bin
            """
        let result = try await Program("/bin/sh", ["-c", "cd \(folder.path) && \(script)"]).run()
        #expect(result.status == 0, "\(result.errors)")
        return path
    }
}

extension Daemon {
    /// Runs `tandem`, for which a few seconds are enough.
    @discardableResult
    func inTime(_ arguments: String...) async throws -> Program.Result {
        try await tandem(arguments, deadline: 20)
    }

    /// Runs `tandem`, which has to succeed.
    func expect(_ arguments: String...) async throws {
        let result = try await tandem(arguments, deadline: 20)
        #expect(result.status == 0, "tandem \(arguments.joined(separator: " ")): \(result.errors)")
    }
}
