// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The package's targets lie in levels, and every dependency points downward; `docs/architecture.md` has the picture.
struct LevelTests {
    /// Each target's level.
    ///
    /// A new target is entered here, or `everyTargetHasALevel` fails.
    static let levels: [String: Int] = [
        "CLinux": 0, "CLibvirt": 0, "CLibseccomp": 0, "CLibcap": 0, "CLibarchive": 0, "CLibnftables": 0, "CZlib": 0,
        "TandemModel": 1, "LaunchProtocol": 1,
        "LinuxSystem": 2, "Netlink": 2, "OCI": 2, "Statistics": 2, "Dockerfile": 2, "APIModel": 2,
        "ImageStore": 3, "Registry": 3, "VolumeStore": 3, "Networking": 3, "StateStore": 3, "Monitor": 3,
        "Backend": 3,
        "ContainerBackend": 4, "MachineBackend": 4,
        "Engine": 5,
        "EngineAPI": 6, "Client": 6, "Benchmark": 6, "Report": 6,
        "tandem": 7, "tandemd": 7, "tandem-init": 7,
    ]

    /// Dependencies inside one level, each with its reason.
    static let siblings: Set<[String]> = [
        ["Backend", "Monitor"],  // an instance is reached through its monitor
        ["Benchmark", "Client"],  // subjects are driven through the API alone
        ["Report", "Benchmark"],  // a report shows a benchmark's result
    ]

    /// What must not be linked into a program, because each has a start-up and trust budget of its own.
    static let forbidden: [String: Set<String>] = [
        "tandem": ["Engine", "CLibvirt", "MachineBackend", "ContainerBackend", "LinuxSystem", "StateStore"],
        "ContainerBackend": ["MachineBackend", "CLibvirt"],
        "MachineBackend": ["ContainerBackend"],
        "Engine": ["ContainerBackend", "MachineBackend", "CLibvirt"],
    ]

    @Test func everyTargetHasALevel() throws {
        let names = try Manifest.load().targets.filter(\.isShipped).map(\.name)
        #expect(Set(names) == Set(Self.levels.keys))
    }

    @Test func dependenciesPointDownward() throws {
        for target in try Manifest.load().targets where target.isShipped {
            let level = try #require(Self.levels[target.name])
            for dependency in target.siblings {
                let below = try #require(Self.levels[dependency], "\(target.name) depends on unknown \(dependency)")
                let allowed = below < level || Self.siblings.contains([target.name, dependency])
                #expect(allowed, "\(target.name) (level \(level)) must not depend on \(dependency) (level \(below))")
            }
        }
    }

    @Test(arguments: ["tandem", "ContainerBackend", "MachineBackend", "Engine"])
    func nothingForbiddenIsReached(from name: String) throws {
        let targets = try Manifest.load().targets
        let graph = Dictionary(uniqueKeysWithValues: targets.map { ($0.name, $0.siblings) })
        var reached: Set<String> = []
        var pending = [name]
        while let next = pending.popLast() {
            if reached.insert(next).inserted { pending += graph[next] ?? [] }
        }
        #expect(reached.intersection(Self.forbidden[name] ?? []).isEmpty)
    }

    @Test func kindsAreToldApartOnlyAtTheTop() throws {
        let mayKnow = [
            "Sources/TandemModel", "Sources/tandemd", "Sources/tandem/", "Sources/Report", "Sources/Benchmark",
            "Sources/APIModel", "Sources/EngineAPI", "Sources/ContainerBackend", "Sources/MachineBackend",
        ]
        let root = Manifest.packageRoot
        let files = try #require(FileManager.default.enumerator(atPath: root + "/Sources"))
        for case let file as String in files where file.hasSuffix(".swift") {
            let path = "Sources/" + file
            guard !mayKnow.contains(where: path.hasPrefix) else { continue }
            let text = try String(contentsOfFile: root + "/" + path, encoding: .utf8)
            #expect(!text.contains("switch kind") && !text.contains("== .vm"), "\(path) branches on the kind")
        }
    }
}
