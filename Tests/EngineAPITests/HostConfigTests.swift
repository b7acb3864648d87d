// SPDX-License-Identifier: Apache-2.0

import APIModel
import OCI
import TandemModel
import Testing

@testable import EngineAPI

/// The checks of a HostConfig and their words, as a dockerd 20.10 or newer has them.
@Suite("What a HostConfig may say")
struct HostConfigTests {
    /// Reads everything that needs neither an image nor the host.
    private func read(_ host: JSONValue) throws {
        try RequestSchema.check(create: ["HostConfig": host])
        try CreateRefusal.check(["HostConfig": host])
        _ = try NamespaceRequest(host: host, hostname: "", joined: [:]).namespaces()
        _ = try SecurityRequest.security(from: host)
        _ = try LimitsRequest.limits(from: host)
        _ = try LogRequest.options(from: host["LogConfig"])
        _ = try NetworkRequest.extraHosts(from: host)
        _ = try NetworkRequest.resolver(from: host)
        _ = try DeviceRequest.devices(from: host)
        _ = try DeviceRequest.rules(from: host)
        _ = try DeviceRequest.processLimits(from: host)
        _ = try MountRequest.mounts(body: [:], host: host, image: ImageConfiguration.Defaults())
    }

    @Test(
        "what is wrong is refused in dockerd's words",
        arguments: [
            (["PidMode": "foo"], "invalid PID mode: foo"), (["IpcMode": "foo"], "invalid IPC mode: foo"),
            (["UTSMode": "foo"], "invalid UTS mode: foo"),
            (["CgroupnsMode": "foo"], "invalid cgroup namespace mode: foo"),
            (
                ["CpuPeriod": 999],
                "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
            ),
            (["NanoCpus": 1_000_000], "Range of CPUs is from 0.01 to"),
            (["CpuQuota": 999], "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
            (
                ["CpuQuota": 50_000, "NanoCpus": 1_000_000_000],
                "Conflicting options: Nano CPUs and CPU Quota cannot both be set"
            ), (["CpusetCpus": "a"], "Invalid value a for cpuset cpus: invalid format: a"),
            (["CpusetMems": "4095"], "Requested memory nodes are not available - requested 4095, available: "),
            (["BlkioWeight": 5], "Range of blkio weight is from 10 to 1000"),
            (["BlkioDeviceReadBps": [["Path": "/dev/nope", "Rate": 1]]], "stat /dev/nope: no such file or directory"),
            (["MemorySwappiness": 101], "Invalid value: 101, valid memory swappiness range is 0-100"),
            (
                ["Memory": 67_108_864, "MemoryReservation": 134_217_728],
                "Minimum memory limit can not be less than memory reservation limit, see usage"
            ), (["MemoryReservation": 1], "Minimum memory reservation allowed is 6MB"),
            (["DeviceCgroupRules": ["bad"]], "invalid device cgroup rule format: 'bad'"),
            (["ExtraHosts": ["nope"]], "bad format for add-host: \"nope\""),
            (["ExtraHosts": ["h:notip"]], "invalid IP address in add-host: \"notip\""),
            (["SecurityOpt": ["foo"]], "invalid --security-opt 1: \"foo\""),
            (["SecurityOpt": ["no-new-privileges=maybe"]], "invalid --security-opt 2: \"no-new-privileges=maybe\""),
            (["LogConfig": ["Type": "foo"]], "error looking up logging plugin foo: plugin \"foo\" not found"),
            (["LogConfig": ["Config": ["mode": "foo"]]], "logger: logging mode not supported: foo"),
            (
                ["LogConfig": ["Config": ["compress": "true", "max-size": "1m"]]],
                "failed to initialize logging driver: compress cannot be true when max-file is less than 2 or max-size is not set"
            ), (["Tmpfs": ["/t": "bad=1"]], "invalid tmpfs option [\"bad\" \"1\"]"),
            (["Binds": ["/tmp:/x:ro,rw"]], "invalid mode: ro,rw"),
            (
                ["Binds": ["/tmp:/x:nocopy"]],
                "invalid volume specification: '/tmp:/x:nocopy': invalid mount config for type \"bind\": field VolumeOptions must not be specified"
            ),
            (
                ["Binds": ["/tmp:/"]],
                "invalid volume specification: '/tmp:/': invalid mount config for type \"bind\": invalid specification: destination can't be '/'"
            ),
            (
                ["Mounts": [["Type": "bind", "Source": "/tmp", "Target": ""]]],
                "invalid mount config for type \"bind\": field Target must not be empty"
            ),
            (
                ["Mounts": [["Type": "bind", "Source": "/tmp", "Target": "/x", "VolumeOptions": [:]]]],
                "invalid mount config for type \"bind\": field VolumeOptions must not be specified"
            ),
            (
                ["Mounts": [["Type": "tmpfs", "Source": "/tmp", "Target": "/x"]]],
                "invalid mount config for type \"tmpfs\": field Source must not be specified"
            ), (["Mounts": [["Target": "/x"]]], "invalid mount config for type \"\": mount type unknown"),
            (
                ["Memory": "64m"],
                "invalid JSON: json: cannot unmarshal string into Go struct field HostConfig.Memory of type int64"
            ),
            (
                ["Sysctls": ["a": 1]],
                "invalid JSON: json: cannot unmarshal number into Go struct field HostConfig.Sysctls of type string"
            ),
        ] as [(JSONValue, String)])
    func wrong(host: JSONValue, message: String) {
        let error = #expect(throws: EngineError.self) { try read(host) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "nothing")")
    }

    @Test("everything that nobody would carry out is told at once")
    func refusedTogether() {
        let host: JSONValue = [
            "KernelMemory": 1, "Nonsense": true, "Links": ["a:b"],
            "DeviceRequests": [["Driver": "", "Count": -1, "Capabilities": [["gpu"]]]],
        ]
        let error = #expect(throws: EngineError.self) { try CreateRefusal.check(["HostConfig": host, "Odd": 1]) }
        #expect(error?.code == .unsupported)
        for part in [
            "KernelMemory is not supported (", "Nonsense is not", "Links is", "with capabilities: [[gpu]]", "Odd is",
        ] {
            #expect(error?.message.contains(part) == true, "\(part)")
        }
    }

    @Test(
        "what is the case anyway is accepted",
        arguments: [
            ["UsernsMode": "host"], ["CgroupnsMode": "private"], ["IpcMode": "private"], ["Isolation": "default"],
            ["VolumeDriver": "local"], ["MemorySwappiness": -1], ["MemorySwap": -1], ["CpuQuota": -1],
            ["PidsLimit": -1], ["Init": nil], ["KernelMemory": 0], ["PublishAllPorts": false], ["Links": nil],
            ["SecurityOpt": ["apparmor=unconfined", "label=disable"]], ["LogConfig": ["Config": ["mode": "blocking"]]],
            ["LogConfig": ["Config": ["max-file": "2"]]], ["Annotations": ["a": "b"]], ["CapAdd": "NET_ADMIN"],
        ] as [JSONValue])
    func harmless(host: JSONValue) throws { try read(host) }

    @Test("namespaces are read")
    func namespaces() throws {
        let id = WorkloadID.random()
        let host: JSONValue = ["PidMode": "container:a", "IpcMode": "none", "CgroupnsMode": "host", "UTSMode": "host"]
        #expect(NamespaceRequest.references(in: host) == ["a"])
        let spec = try NamespaceRequest(host: host, hostname: "", joined: ["a": id]).namespaces()
        #expect(spec.processes == .joined(id))
        #expect(spec.communication == .withoutSharedMemory)
        #expect(spec.sharesControlGroups && spec.sharesHostName)
        #expect(spec.joinedWorkloads == [id])
    }

    @Test("updates have dockerd's conflicts")
    func updates() throws {
        var present = ResourceLimits()
        present.nanoCPUs = 1_000_000_000
        let quota = #expect(throws: EngineError.self) {
            try LimitsRequest.limits(from: ["CpuQuota": 50_000], on: present)
        }
        #expect(quota?.code == .conflict)
        let memory = #expect(throws: EngineError.self) {
            try LimitsRequest.limits(from: ["Memory": 67_108_864], on: ResourceLimits())
        }
        #expect(memory?.message.contains("already set memoryswap limit") == true)
        let unknown = #expect(throws: EngineError.self) {
            try LimitsRequest.limits(from: ["Devices": [["PathOnHost": "/dev/null"]]], on: ResourceLimits())
        }
        #expect(unknown?.message == "cannot be updated: Devices")
        let changed = try LimitsRequest.limits(
            from: ["Memory": 67_108_864, "MemorySwap": -1, "PidsLimit": 5], on: present)
        #expect(changed.memory == .mebibytes(64) && changed.pids == 5 && changed.nanoCPUs == 1_000_000_000)
    }

    @Test("bind mounts say what becomes of the mounts below")
    func mountsBelow() throws {
        let mount = { (options: JSONValue) throws -> MountSpec in
            let host: JSONValue = [
                "Mounts": [["Type": "bind", "Source": "/tmp", "Target": "/x", "BindOptions": options]]
            ]
            return try #require(
                try MountRequest.mounts(body: [:], host: host, image: ImageConfiguration.Defaults()).first)
        }
        #expect(try mount([:]).below == nil)
        #expect(try mount(["NonRecursive": true]).below == MountsBelow(excluded: true))
        #expect(try mount(["ReadOnlyForceRecursive": true]).below?.readOnly == .always)
        #expect(try mount(["Propagation": "rslave"]).propagation == "rslave")
        #expect(throws: EngineError.self) {
            try mount(["ReadOnlyForceRecursive": true, "ReadOnlyNonRecursive": true])
        }
    }
}
