// SPDX-License-Identifier: Apache-2.0

import LaunchProtocol

/// Plans in which every field differs from its default, so that a forgotten one shows.
enum Samples {
    static let process: ProcessPlan = {
        var plan = ProcessPlan()
        plan.arguments = [Bytes("/bin/sh".utf8), Bytes("-c".utf8), []]
        plan.environment = [Bytes("A=1".utf8)]
        plan.workingDirectory = Bytes("/work".utf8)
        plan.user = Bytes("user:group".utf8)
        plan.additionalGroups = [Bytes("5".utf8)]
        plan.boundingCapabilities = 0xa804_25fb
        plan.permittedCapabilities = 1
        plan.inheritableCapabilities = 2
        plan.ambientCapabilities = 3
        plan.noNewPrivileges = true
        plan.seccomp = [1, 2, 3, 4, 5, 6, 7, 8]
        plan.seccompFlags = 4
        plan.resourceLimits = [ResourceLimit(resource: 7, soft: 1024, hard: .max)]
        plan.outOfMemoryScoreAdjustment = -500
        plan.umask = 0o77
        plan.terminal = true
        plan.rows = 24
        plan.columns = 80
        plan.openStandardInput = true
        plan.runInit = true
        plan.program = .helper
        return plan
    }()

    static let interface: NetworkInterface = {
        var interface = NetworkInterface(name: [44], hardwareAddress: [45])
        interface.mtu = 46
        interface.hasIPv6 = true
        interface.addresses = [InterfaceAddress(bytes: [47], prefix: 48)]
        interface.routes = [InterfaceRoute(destination: [49], prefix: 50, gateway: [51])]
        return interface
    }()

    static let launch: LaunchPlan = {
        var plan = LaunchPlan()
        plan.storage = [MountStep(source: [1], sourceKind: .diskSerial, target: [2], fileSystem: [3], optional: true)]
        plan.namespaces = [.mount, .pid]
        plan.joined = [JoinedNamespace(namespace: .ipc, process: 41)]
        plan.leavesCgroupNamespace = true
        plan.userMappings = [IdentityMapping(inside: 0, outside: 100_000, count: 65_536)]
        plan.groupMappings = [IdentityMapping(inside: 0, outside: 200_000, count: 65_536)]
        plan.cgroup.unifiedDirectory = [4]
        plan.cgroup.legacyDirectories = [[5], [6]]
        plan.cgroup.isMadeByExecutor = true
        plan.cgroup.processLimit = 77
        plan.root.layers = [[7], [8]]
        plan.root.upper = [9]
        plan.root.work = [10]
        plan.root.mountPoint = [11]
        plan.root.readOnly = true
        plan.root.discardable = true
        plan.root.propagation = 12
        plan.mounts = [
            MountStep(
                source: [13], sourceKind: .bind, target: [14], flags: .max, propagation: 15, options: [16],
                targetIsFile: true)
        ]
        plan.mounts[0].below = .protected
        plan.devices = [DeviceNode(path: [17], mode: 18, major: 19, minor: 20, uid: 21, gid: 22)]
        plan.links = [SymbolicLink(path: [23], target: [24])]
        plan.files = [FileContent(path: [25], mode: 26, content: [27])]
        plan.sysctls = [Sysctl(name: [28], value: [29])]
        plan.maskedPaths = [[30]]
        plan.readOnlyPaths = [[31]]
        plan.hostname = [32]
        plan.domainname = [33]
        plan.bringLoopbackUp = false
        plan.networkDescriptor = 43
        plan.interfaces = [interface]
        plan.process = process
        return plan
    }()

    static let monitor: MonitorPlan = {
        var plan = MonitorPlan()
        plan.socketPath = [34]
        plan.exitRecordPath = [35]
        plan.logPath = [36]
        plan.logMaximumSize = 37
        plan.logMaximumFiles = 38
        plan.logAttributes = [42]
        plan.guestChannelPath = [39]
        plan.guestDeadline = 40
        plan.standardInputOnce = true
        plan.launch = launch
        return plan
    }()
}
