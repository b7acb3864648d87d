// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Something that runs a workload: each kind through Tandem, and `runc` as the reference that checks the expectations.
enum Runner: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case container
    case vm
    case runc

    var testDescription: String { rawValue }

    /// Runs the case's script.
    func run(_ conformance: ConformanceCase, with daemon: Daemon) async throws -> Program.Result {
        switch self {
        case .container: try await tandem(conformance, daemon, kind: .container)
        case .vm: try await tandem(conformance, daemon, kind: .vm)
        case .runc: try await reference(conformance)
        }
    }

    private func tandem(_ conformance: ConformanceCase, _ daemon: Daemon, kind: Kind) async throws -> Program.Result {
        var arguments = ["run"] + kind.flags + ["--rm", "--network", "none", "--hostname", conformance.hostname]
        arguments += ["-w", conformance.workingDirectory]
        arguments += conformance.environment.flatMap { ["-e", $0] }
        arguments += conformance.addedCapabilities.flatMap { ["--cap-add", $0] }
        arguments += conformance.droppedCapabilities.flatMap { ["--cap-drop", $0] }
        if !conformance.user.isEmpty { arguments += ["-u", conformance.user] }
        if conformance.readOnlyRoot { arguments += ["--read-only"] }
        if conformance.noNewPrivileges { arguments += ["--security-opt", "no-new-privileges"] }
        return try await daemon.tandem(arguments + ["busybox", "sh", "-c", conformance.script])
    }

    private func reference(_ conformance: ConformanceCase) async throws -> Program.Result {
        let bundle = try ScratchFolder(prefix: "runc")
        defer { bundle.remove() }
        try await makeRoot(bundle.path + "/rootfs")
        let specification = RuntimeSpecification(conformance)
        try specification.encoded().write(to: bundle.url("config.json"))
        return try await Program(
            "runc",
            [
                "--root", bundle.path + "/state", "run", "--bundle", bundle.path,
                "conformance-\(UInt32.random(in: 0 ... .max))",
            ]
        ).run()
    }

    /// Makes the same root file system that the default image has.
    private func makeRoot(_ path: String) async throws {
        let script = """
            mkdir -p \(path)/bin \(path)/tmp \(path)/usr \(path)/proc \(path)/sys \(path)/dev
            chmod 1777 \(path)/tmp
            cp /bin/busybox \(path)/bin/
            for a in $(/bin/busybox --list); do [ -e \(path)/bin/$a ] || ln -s /bin/busybox \(path)/bin/$a; done
            """
        let result = try await Program("sh", ["-ec", script]).run()
        guard result.status == 0 else { throw Daemon.Failure(description: result.errors) }
    }
}
