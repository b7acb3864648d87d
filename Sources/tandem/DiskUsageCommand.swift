// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client

struct DiskUsageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "df", abstract: "Show what images, containers, VMs and volumes take on the disk.")

    @Flag(name: .shortAndLong, help: "Show every single one.")
    var verbose = false

    @Option(help: "json, a template such as {{.Type}}, or table and a template.")
    var format: String?

    func run() async throws {
        let usage = try await Daemon.client().request("GET", "/system/df").json
        if verbose {
            guard format == nil || format == "json" else {
                throw CommandFailure(125, "--verbose takes no other format than json", hint: "Leave one of them out.")
            }
            if format != nil { return Output.line(String(decoding: usage.encoded(), as: UTF8.self)) }
            return showAll(usage)
        }
        let rows = Self.rows(usage)
        try TableFormat(
            format ?? "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
            headers: [
                "Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE",
                "Reclaimable": "RECLAIMABLE",
            ]
        ).show(rows.map { ($0, [:]) })
    }

    /// As docker's `df`: what nobody uses can be reclaimed, of images without what others have too.
    private static func rows(_ usage: JSONValue) -> [JSONValue] {
        let size = { (row: JSONValue, name: String) in max(0, row[name].integer ?? 0) }
        let images = usage["Images"].array ?? []
        let layers = size(usage, "LayersSize")
        let usedImages = images.filter { size($0, "Containers") > 0 }
        let used = usedImages.reduce(0) { $0 + size($1, "Size") - size($1, "SharedSize") }
        let containers = usage["Containers"].array ?? []
        let active = containers.filter { ["running", "paused", "restarting"].contains($0["State"].string ?? "") }
        let written = containers.reduce(0) { $0 + size($1, "SizeRw") }
        let volumes = usage["Volumes"].array ?? []
        let mounted = volumes.filter { size($0["UsageData"], "RefCount") > 0 }
        let stored = volumes.reduce(0) { $0 + size($1["UsageData"], "Size") }
        return [
            row("Images", images.count, usedImages.count, layers, max(0, layers - used)),
            row(
                "Containers", containers.count, active.count, written,
                written - active.reduce(0) { $0 + size($1, "SizeRw") }),
            row(
                "Local Volumes", volumes.count, mounted.count, stored,
                stored - mounted.reduce(0) { $0 + size($1["UsageData"], "Size") }),
            row("Build Cache", 0, 0, 0, 0),
        ]
    }

    private static func row(_ type: String, _ total: Int, _ active: Int, _ size: Int64, _ free: Int64) -> JSONValue {
        let share = size > 0 ? " (\(free * 100 / size)%)" : ""
        return .map([
            "Type": type, "TotalCount": String(total), "Active": String(active), "Size": Size.decimal(size),
            "Reclaimable": Size.decimal(free) + share,
        ])
    }

    private func showAll(_ usage: JSONValue) {
        Output.line("Images space usage:\n")
        let columns = [
            "Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers",
        ]
        let images = (usage["Images"].array ?? []).flatMap { ImagesCommand.rows($0, truncating: true) }
        Output.table(
            columns.map { ImagesCommand.headers[$0] ?? "" },
            images.map { row in columns.map { row[$0].string ?? "" } })
        Output.line("\nContainers space usage:\n")
        Output.table(
            ["CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "KIND", "NAMES"],
            (usage["Containers"].array ?? []).map { container in
                let row = ListCommand.Row(container, truncating: true)
                return [
                    row["ID"], row["Image"], row["Command"], row["LocalVolumes"],
                    Size.decimal(container["SizeRw"].integer ?? 0), row["RunningFor"], row["Status"], row["Kind"],
                    row["Names"],
                ]
            })
        Output.line("\nLocal Volumes space usage:\n")
        Output.table(
            ["VOLUME NAME", "LINKS", "SIZE"],
            (usage["Volumes"].array ?? []).map { volume in
                let size = volume["UsageData"]["Size"].integer ?? -1
                return [
                    volume["Name"].string ?? "", String(volume["UsageData"]["RefCount"].integer ?? 0),
                    size < 0 ? "N/A" : Size.decimal(size),
                ]
            })
        Output.line("\nBuild cache usage: 0B")
    }
}
