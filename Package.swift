// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// Settings of every target: Swift 6 rules without escape hatches, and no warning left behind.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
    // CLinux needs the C library's Linux part; every module of C headers has to be read with the same view of it.
    .unsafeFlags(["-Xcc", "-D_GNU_SOURCE"]),
]

/// tandem-init has no Foundation and no runtime metadata: Embedded Swift, one module, optimized for size.
let embedded: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableExperimentalFeature("Embedded"),
    .unsafeFlags(["-wmo", "-Osize", "-parse-as-library"]),
]

let package = Package(
    name: "tandem",
    products: [
        .executable(name: "tandem", targets: ["tandem"]),
        .executable(name: "tandemd", targets: ["tandemd"]),
        .executable(name: "tandem-init", targets: ["tandem-init"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // Level 0: system calls and libraries, no policy.
        .target(name: "CLinux"),
        .systemLibrary(name: "CLibvirt", pkgConfig: "libvirt", providers: [.apt(["libvirt-dev"])]),
        .systemLibrary(name: "CLibseccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CLibcap", pkgConfig: "libcap", providers: [.apt(["libcap-dev"])]),
        .systemLibrary(name: "CLibnftables", pkgConfig: "libnftables", providers: [.apt(["libnftables-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CLibarchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),

        // Level 1: words of the domain and the message that starts a workload.
        .target(name: "TandemModel", swiftSettings: strict),
        .target(name: "LaunchProtocol", swiftSettings: strict),

        // Level 2: one concern each.
        .target(
            name: "LinuxSystem",
            dependencies: [
                "CLinux", "CLibseccomp", "CLibcap", "TandemModel",
                .product(name: "SystemPackage", package: "swift-system"),
            ], swiftSettings: strict),
        .target(name: "Netlink", dependencies: ["CLinux", "LaunchProtocol"], swiftSettings: strict),
        .target(name: "OCI", dependencies: ["TandemModel"], swiftSettings: strict),
        .target(name: "Dockerfile", dependencies: ["TandemModel"], swiftSettings: strict),
        .target(name: "Statistics", swiftSettings: strict),
        .target(name: "APIModel", dependencies: ["TandemModel"], swiftSettings: strict),

        // Level 3: stores, the monitor's client and the seam between the kinds.
        .target(
            name: "ImageStore",
            dependencies: [
                "APIModel", "CLibarchive", "CLinux", "CZlib", "Dockerfile", "LinuxSystem", "OCI", "TandemModel",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: strict),
        .target(
            name: "Registry",
            dependencies: [
                "LinuxSystem", "OCI", "TandemModel",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "SystemPackage", package: "swift-system"),
            ], swiftSettings: strict),
        .target(
            name: "VolumeStore",
            dependencies: [
                "CLinux", "LinuxSystem", "TandemModel",
                .product(name: "SystemPackage", package: "swift-system"),
            ], swiftSettings: strict),
        .target(
            name: "Networking",
            dependencies: [
                "CLibnftables", "CLinux", "LinuxSystem", "Netlink", "TandemModel",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ], swiftSettings: strict),
        .target(
            name: "StateStore",
            dependencies: ["TandemModel", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict),
        .target(
            name: "Monitor",
            dependencies: [
                "CLinux", "LaunchProtocol", "LinuxSystem", "TandemModel",
                .product(name: "SystemPackage", package: "swift-system"),
            ], swiftSettings: strict),
        .target(
            name: "Backend",
            dependencies: [
                "CLinux", "LaunchProtocol", "LinuxSystem", "Monitor", "OCI", "TandemModel",
                .product(name: "SystemPackage", package: "swift-system"),
            ], swiftSettings: strict),

        // Level 4: the two kinds; neither knows of the other.
        .target(
            name: "ContainerBackend",
            dependencies: [
                "Backend", "CLinux", "LaunchProtocol", "LinuxSystem", "Monitor", "Netlink", "OCI", "TandemModel",
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: strict),
        .target(
            name: "MachineBackend",
            dependencies: [
                "Backend", "CLibvirt", "CLinux", "LaunchProtocol", "LinuxSystem", "Monitor", "OCI", "TandemModel",
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: strict),

        // Level 5: order of steps, lifecycle, events.
        .target(
            name: "Engine",
            dependencies: [
                "Backend", "CLinux", "Dockerfile", "ImageStore", "LaunchProtocol", "LinuxSystem", "Monitor", "Netlink",
                "Networking", "OCI", "Registry", "StateStore", "TandemModel", "VolumeStore",
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: strict),

        // Level 6: the API, its client, measuring and showing.
        .target(
            name: "EngineAPI",
            dependencies: [
                "APIModel", "Backend", "CLinux", "Engine", "ImageStore", "LaunchProtocol", "LinuxSystem", "Monitor",
                "Netlink", "Networking", "OCI", "Registry", "TandemModel", "VolumeStore",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "SystemPackage", package: "swift-system"),
            ], swiftSettings: strict),
        .target(
            name: "Client",
            dependencies: [
                "APIModel", "TandemModel",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ], swiftSettings: strict),
        .target(
            name: "Benchmark",
            dependencies: [
                "APIModel", "Client", "Statistics", "TandemModel", .product(name: "Yams", package: "Yams"),
            ], swiftSettings: strict),
        .target(name: "Report", dependencies: ["Benchmark", "Statistics", "TandemModel"], swiftSettings: strict),

        // Level 7: the three programs.
        .executableTarget(
            name: "tandem",
            dependencies: [
                "APIModel", "Benchmark", "CLinux", "Client", "Dockerfile", "OCI", "Report", "TandemModel",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: strict,
            // No loader, no relocations: half of the time that the command line needs to start.
            linkerSettings: [.unsafeFlags(["-static-executable"], .when(configuration: .release))]),
        .executableTarget(
            name: "tandemd",
            dependencies: [
                "APIModel", "Backend", "CLinux", "ContainerBackend", "Engine", "EngineAPI", "ImageStore", "LinuxSystem",
                "MachineBackend", "Monitor", "Networking", "Registry", "StateStore", "TandemModel", "VolumeStore",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ], swiftSettings: strict),
        .executableTarget(
            name: "tandem-init",
            dependencies: ["CLinux"],
            swiftSettings: embedded,
            // libm: the standard library's hash tables call ceil.
            linkerSettings: [.unsafeFlags(["-Xclang-linker", "-static"]), .linkedLibrary("m")]),

        // Tests: one target for each target of Sources, and the suites that need root and a whole host.
        .target(
            name: "TestSupport", dependencies: [.product(name: "Crypto", package: "swift-crypto")],
            path: "Tests/TestSupport", swiftSettings: strict),
        .target(name: "CTrace", path: "Tests/CTrace"),
        .executableTarget(
            name: "fault-injector", dependencies: ["CTrace"], path: "Tests/FaultInjector", swiftSettings: strict),
        .testTarget(name: "ArchitectureTests", swiftSettings: strict),
        .testTarget(name: "ConformanceTests", dependencies: ["TestSupport"], swiftSettings: strict),
        .testTarget(name: "IntegrationTests", dependencies: ["CLinux", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "TandemModelTests", dependencies: ["TandemModel"], swiftSettings: strict),
        .testTarget(
            name: "LaunchProtocolTests", dependencies: ["LaunchProtocol", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "LinuxSystemTests",
            dependencies: [
                "CLinux", "LinuxSystem", "TandemModel", .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict),
        .testTarget(name: "OCITests", dependencies: ["OCI", "TandemModel"], swiftSettings: strict),
        .testTarget(
            name: "DockerfileTests", dependencies: ["Dockerfile", "TandemModel", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "StatisticsTests", dependencies: ["Statistics"], swiftSettings: strict),
        .testTarget(name: "APIModelTests", dependencies: ["APIModel", "TandemModel"], swiftSettings: strict),
        .testTarget(
            name: "ImageStoreTests",
            dependencies: [
                "CLibarchive", "CLinux", "ImageStore", "LinuxSystem", "OCI", "TandemModel", "TestSupport",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SystemPackage", package: "swift-system"),
            ], swiftSettings: strict),
        .testTarget(
            name: "RegistryTests",
            dependencies: ["Registry", "TestSupport", .product(name: "NIOHTTP1", package: "swift-nio")],
            swiftSettings: strict),
        .testTarget(
            name: "VolumeStoreTests",
            dependencies: [
                "VolumeStore", "LinuxSystem", "TandemModel", .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "NetworkingTests",
            dependencies: ["Networking", "TandemModel", .product(name: "SystemPackage", package: "swift-system")],
            swiftSettings: strict),
        .testTarget(
            name: "StateStoreTests",
            dependencies: ["StateStore", "TandemModel", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict),
        .testTarget(
            name: "MonitorTests",
            dependencies: [
                "Monitor", "LaunchProtocol", "LinuxSystem", "TandemModel",
                .product(name: "SystemPackage", package: "swift-system"),
            ], swiftSettings: strict),
        .testTarget(
            name: "BackendTests",
            dependencies: [
                "Backend", "LaunchProtocol", "LinuxSystem", "TandemModel",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ContainerBackendTests",
            dependencies: [
                "ContainerBackend", "Backend", "LaunchProtocol", "LinuxSystem", "Monitor", "TandemModel",
                .product(name: "SystemPackage", package: "swift-system"),
            ], swiftSettings: strict),
        .testTarget(
            name: "MachineBackendTests",
            dependencies: [
                "MachineBackend", "Backend", "LaunchProtocol", "LinuxSystem", "Monitor", "TandemModel",
                .product(name: "SystemPackage", package: "swift-system"),
            ], swiftSettings: strict),
        .testTarget(
            name: "EngineTests",
            dependencies: [
                "Engine", "Backend", "ImageStore", "LaunchProtocol", "LinuxSystem", "Monitor", "OCI", "StateStore",
                "TandemModel", "VolumeStore", .product(name: "SystemPackage", package: "swift-system"),
            ], swiftSettings: strict),
        .testTarget(
            name: "EngineAPITests",
            dependencies: [
                "EngineAPI", "APIModel", "Engine", "ImageStore", "OCI", "TandemModel", "TestSupport", "VolumeStore",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict),
        .testTarget(name: "ClientTests", dependencies: ["Client", "APIModel", "TandemModel"], swiftSettings: strict),
        .testTarget(
            name: "BenchmarkTests", dependencies: ["Benchmark", "APIModel", "Client", "Statistics", "TandemModel"],
            swiftSettings: strict),
        .testTarget(
            name: "ReportTests", dependencies: ["Report", "Benchmark", "Statistics", "TandemModel"],
            swiftSettings: strict),
    ]
)
