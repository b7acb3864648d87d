// SPDX-License-Identifier: Apache-2.0

import APIModel
import OCI
import TandemModel
import Testing

@testable import EngineAPI

@Suite("What clients may ask for")
struct CreateRequestTests {
    private func mounts(_ host: JSONValue, body: JSONValue = [:]) throws -> [MountSpec] {
        try MountRequest.mounts(body: body, host: host, image: ImageConfiguration.Defaults())
    }

    @Test("binds, volumes and anonymous volumes are told apart")
    func binds() throws {
        let found = try mounts(["Binds": ["/tmp:/a:ro", "data:/b", "/c"]])
        #expect(found.map(\.target) == ["/a", "/b", "/c"])
        #expect(found[0].source == .bind(path: "/tmp") && found[0].readOnly)
        #expect(found[1].source == .volume(name: "data") && !found[1].anonymous)
        #expect(found[2].anonymous)
    }

    @Test("a volume's own settings are read, and a volume is left empty on request")
    func volumeSettings() throws {
        let found = try mounts([
            "Binds": ["data:/a:ro,nocopy"],
            "Mounts": [
                [
                    "Type": "volume", "Source": "cache", "Target": "/b",
                    "VolumeOptions": [
                        "NoCopy": true, "Labels": ["x": "y"],
                        "DriverConfig": ["Name": "local", "Options": ["type": "tmpfs", "device": "tmpfs"]],
                    ],
                ]
            ],
        ])
        #expect(found[0].noCopy && found[0].readOnly && found[0].volume == nil)
        #expect(found[1].noCopy)
        #expect(found[1].volume == VolumeRequest(labels: ["x": "y"], options: ["type": "tmpfs", "device": "tmpfs"]))
    }

    @Test(
        "other drivers and parts of volumes are refused",
        arguments: [["DriverConfig": ["Name": "rexray"]], ["Subpath": "a"]] as [JSONValue])
    func badVolumeSettings(_ options: JSONValue) {
        #expect(throws: EngineError.self) {
            try mounts(["Mounts": [["Type": "volume", "Source": "data", "Target": "/b", "VolumeOptions": options]]])
        }
    }

    @Test("parents are mounted before what lies in them")
    func order() throws {
        #expect(try mounts(["Binds": ["x:/a/b/c", "y:/a"]]).map(\.target) == ["/a", "/a/b/c"])
    }

    @Test("bad mounts are refused", arguments: ["/a:b", "x:/", "a::b", ":/x", "a:/b:c:d", "a:/b:sideways"])
    func badMounts(_ text: String) {
        let error = #expect(throws: EngineError.self) { try mounts(["Binds": [.string(text)]]) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("one target takes one mount")
    func duplicate() { #expect(throws: EngineError.self) { try mounts(["Binds": ["a1:/x", "b1:/x/"]]) } }

    @Test(
        "limits have dockerd's bounds",
        arguments: [
            ["Memory": 1_000_000], ["MemorySwap": 100_000_000], ["NanoCpus": -1], ["NanoCpus": 900_000_000_000_000],
            ["CpusetCpus": "0-999"], ["CpusetCpus": "one"],
        ] as [JSONValue])
    func badLimits(_ host: JSONValue) {
        #expect(throws: EngineError.self) { try LimitsRequest.limits(from: host) }
    }

    @Test("limits are read")
    func limits() throws {
        let limits = try LimitsRequest.limits(
            from: ["Memory": 268_435_456, "CpuQuota": 50_000, "PidsLimit": 7])
        #expect(limits.memory == .mebibytes(256))
        #expect(limits.processors == 500_000_000)
        #expect(limits.pids == 7)
    }

    @Test("restart policies are read")
    func restartPolicies() throws {
        #expect(try RestartRequest.policy(from: [:]) == nil)
        let failure: JSONValue = ["RestartPolicy": ["Name": "on-failure", "MaximumRetryCount": 3]]
        #expect(try RestartRequest.policy(from: failure) == .onFailure(maximumRetries: 3))
        #expect(try RestartRequest.policy(from: ["RestartPolicy": ["Name": "always"]]) == .always)
    }

    @Test(
        "bad restart policies are refused in dockerd's words",
        arguments: [
            (
                "sometimes", 0,
                "unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
            ),
            ("always", 1, "maximum retry count can only be used with 'on-failure'"),
            ("no", -1, "maximum retry count can only be used with 'on-failure' and cannot be negative"),
            ("on-failure", -1, "maximum retry count cannot be negative"),
        ])
    func badRestartPolicies(_ name: String, _ count: Int, _ reason: String) {
        let error = #expect(throws: EngineError.self) {
            try RestartRequest.policy(
                from: ["RestartPolicy": ["Name": .string(name), "MaximumRetryCount": .count(count)]])
        }
        #expect(error?.message == "invalid restart policy: \(reason)")
    }

    @Test("a health check takes from the image what the user leaves out")
    func healthChecks() throws {
        var image = ImageConfiguration.Defaults()
        #expect(try HealthRequest.check(from: .null, image: image) == nil)
        image.healthCheck = .init()
        image.healthCheck?.test = ["CMD", "own"]
        image.healthCheck?.timeout = 5_000_000
        image.healthCheck?.retries = 7
        let check = try #require(try HealthRequest.check(from: ["Retries": 2, "Interval": 1_000_000], image: image))
        #expect(check.test == ["CMD", "own"])
        #expect(check.interval == .milliseconds(1))
        #expect(check.timeout == .milliseconds(5))
        #expect(check.retries == 2)
        #expect(try HealthRequest.check(from: ["Test": ["NONE"]], image: image)?.command == nil)
        for (body, words) in [
            (["Interval": 999_999], "Interval in Healthcheck cannot be less than 1ms"),
            (["StartPeriod": -1], "StartPeriod in Healthcheck cannot be less than 1ms"),
            (["Retries": -1], "Retries in Healthcheck cannot be negative"),
        ] as [(JSONValue, String)] {
            let error = #expect(throws: EngineError.self) { try HealthRequest.check(from: body, image: image) }
            #expect(error?.message == words)
        }
    }

    @Test("times are seconds with a fraction, or RFC 3339")
    func times() throws {
        #expect(try TimeParameter.parse("1.5").nanoseconds == 1_500_000_000)
        #expect(try TimeParameter.parse("1970-01-01T00:00:02Z").nanoseconds == 2_000_000_000)
        #expect(throws: EngineError.self) { try TimeParameter.parse("soon") }
    }

    @Test("versions and placeholders are taken out of paths")
    func routes() throws {
        let image = try #require(API.router.find("GET", "/images/localhost:5000/a/b:c/json"))
        #expect(image.1["name"] == "localhost:5000/a/b:c")
        #expect(API.router.find("GET", "/containers/x%2Fy/json")?.1["id"] == "x/y")
        #expect(API.router.find("PATCH", "/containers/x/json") == nil)
        #expect(Request.decode("a+b%20c%2F%zz") == "a b c/%zz")
    }

    @Test(
        "durations are docker's words",
        arguments: [
            (0, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"),
            (3_600, "About an hour"),
            (7_200, "2 hours"), (86_400 * 3, "3 days"), (86_400 * 30, "4 weeks"), (86_400 * 90, "3 months"),
        ] as [(Int64, String)])
    func durations(_ seconds: Int64, _ text: String) { #expect(ContainerDocument.duration(seconds: seconds) == text) }
}
