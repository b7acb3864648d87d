// SPDX-License-Identifier: Apache-2.0

import Benchmark
import FoundationEssentials
import Glibc
import Report

/// The suites that come along.
enum SuiteFolder {
    struct Entry {
        let name: String
        let path: String
        let suite: Suite
    }

    /// Every suite, in the order of the names.
    static func all() throws -> [Entry] {
        guard let folder else {
            throw CommandFailure(
                1, "the folder of the suites cannot be found",
                hint: "Set TANDEM_BENCHMARKS to it, or name a suite's file.")
        }
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder)
        return try names.filter { $0.hasSuffix(".yaml") }.sorted().map { name in
            let path = "\(folder)/\(name)"
            return Entry(name: String(name.dropLast(5)), path: path, suite: try read(path))
        }
    }

    /// A suite by its name or by its file.
    static func suite(_ name: String) throws -> Suite {
        if name.hasSuffix(".yaml") || name.hasSuffix(".yml") { return try read(name) }
        guard let folder, access("\(folder)/\(name).yaml", F_OK) == 0, !name.contains("..") else {
            throw CommandFailure(
                125, "there is no suite '\(name)'", hint: "`tandem bench list` shows those that come along.")
        }
        return try read("\(folder)/\(name).yaml")
    }

    private static func read(_ path: String) throws -> Suite {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw CommandFailure(
                125, "'\(path)' cannot be read", hint: "Name a suite of `tandem bench list`, or a YAML file.")
        }
        do throws(BenchmarkError) {
            return try SuiteFile.parse(text, file: path)
        } catch {
            throw CommandFailure(125, error.message, hint: error.hint)
        }
    }

    /// Beside the installed program, or in the folder that it was built from.
    private static var folder: String? {
        if let folder = getenv("TANDEM_BENCHMARKS").map({ String(cString: $0) }) { return folder }
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        var parts = program.split(separator: "/").dropLast()
        var candidates: [String] = []
        while !parts.isEmpty {
            parts = parts.dropLast()
            let root = "/" + parts.joined(separator: "/")
            candidates += ["\(root)/share/tandem/benchmarks", "\(root)/benchmarks"]
        }
        return candidates.first { access("\($0)/startup.yaml", F_OK) == 0 }
    }
}

/// Results as files.
enum ResultFile {
    /// A new file's path for a suite's result.
    static func newPath(_ suite: String) throws -> String {
        let state = getenv("XDG_STATE_HOME").map { String(cString: $0) }
        let home = getenv("HOME").map { String(cString: $0) } ?? "/root"
        let folder = (state ?? "\(home)/.local/state") + "/tandem/bench"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw CommandFailure(1, "the folder '\(folder)' cannot be made", hint: "Choose a file with --output.")
        }
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = "\(parts.tm_year + 1900)\(two(parts.tm_mon + 1))\(two(parts.tm_mday))"
        let clock = "\(two(parts.tm_hour))\(two(parts.tm_min))\(two(parts.tm_sec))"
        return "\(folder)/\(suite.replacing("/", with: "-"))-\(date)-\(clock).json"
    }

    static func read(_ path: String) throws(BenchmarkError) -> BenchmarkResult {
        let content: Data
        do { content = try Data(contentsOf: URL(filePath: path)) } catch {
            throw BenchmarkError("'\(path)' cannot be read", hint: "Name a file that `tandem bench run` has written.")
        }
        do {
            let result = try JSONDecoder().decode(BenchmarkResult.self, from: content)
            guard result.schema == BenchmarkResult.currentSchema else {
                throw BenchmarkError(
                    "'\(path)' has version \(result.schema) of the schema, and this is version \(BenchmarkResult.currentSchema)"
                )
            }
            return result
        } catch let error as BenchmarkError {
            throw error
        } catch {
            throw BenchmarkError(
                "'\(path)' is no result of a suite", hint: "Name a file that `tandem bench run` has written.")
        }
    }

    static func write(_ result: BenchmarkResult, to path: String) throws(BenchmarkError) {
        do {
            try OutputFile.write(try BenchmarkExports.json(result), to: path)
        } catch {
            throw BenchmarkError("the result cannot be kept in '\(path)'", hint: "Choose a file with --output.")
        }
    }
}
