// SPDX-License-Identifier: Apache-2.0

import TandemModel
import Testing

@testable import EngineAPI

@Suite("Filters of images and times")
struct ImageFilterTests {
    @Test("dangling is a truth value in dockerd's words")
    func dangling() throws {
        #expect(try ImageFilter.dangling([:]) == nil)
        #expect(try ImageFilter.dangling(["dangling": ["true"]]) == true)
        #expect(try ImageFilter.dangling(["dangling": ["0"]]) == false)
        for values in [["maybe"], ["true", "false"]] {
            let error = #expect(throws: EngineError.self) { try ImageFilter.dangling(["dangling": values]) }
            #expect(error?.message == "invalid filter 'dangling=[\(values.joined(separator: " "))]'")
        }
    }

    @Test(
        "times are ages, seconds or dates, whole or cut short",
        arguments: [
            ("1h30m", 94_600), ("100", 100), ("1970-01-02", 86_400), ("1970-01-02T01:00", 90_000),
            ("1970-01-02T00:00:05", 86_405), ("1970-01-02T00:00:00Z", 86_400),
        ])
    func until(text: String, seconds: Int64) throws {
        let now = Timestamp(nanoseconds: 100_000_000_000_000)
        #expect(try UntilFilter.parse(text, now: now).nanoseconds == seconds * 1_000_000_000)
    }

    @Test("what is no time is refused", arguments: ["soon", "1970-13-02", ""])
    func noTime(text: String) { #expect(throws: EngineError.self) { try UntilFilter.parse(text) } }

    @Test(
        "platforms have three forms",
        arguments: [
            ("linux/amd64", "linux", "amd64"), ("linux", "linux", ""), ("x86_64", "", "amd64"),
            ("linux/aarch64/v8", "linux", "arm64"), (#"{"os":"linux","architecture":"arm64"}"#, "linux", "arm64"),
        ])
    func platforms(text: String, os: String, architecture: String) throws {
        let platform = try PlatformParameter(text)
        #expect(platform.os == os && platform.architecture == architecture)
    }

    @Test("bad platforms are refused", arguments: ["linux/", "a/b/c/d", "{", "li nux/amd64"])
    func badPlatforms(text: String) { #expect(throws: EngineError.self) { try PlatformParameter(text) } }
}
