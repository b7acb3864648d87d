// SPDX-License-Identifier: Apache-2.0

import APIModel

/// Docker's `--format` of lists: `json`, a template for each row, or `table` and a template whose tabs make columns.
struct TableFormat {
    private let template: String
    private let isTable: Bool
    private let headers: [String: String]

    /// `headers` names the columns of the fields.
    init(_ format: String, headers: [String: String]) {
        isTable = format == "table" || format.hasPrefix("table ")
        template = isTable ? String(format.dropFirst(6)) : format
        self.headers = headers
    }

    /// Prints rows of fields and labels.
    func show(_ rows: [(fields: JSONValue, labels: [String: String])]) throws(CommandFailure) {
        var lines: [String] = []
        for row in rows { lines.append(try Template.render(template, row.fields, labels: row.labels)) }
        guard isTable else {
            for line in lines { Output.line(line) }
            return
        }
        let header = Self.cells(try Template.render(template, .map(headers)), .max)
        Output.table(header, lines.map { Self.cells($0, header.count) })
    }

    private static func cells(_ line: String, _ count: Int) -> [String] {
        line.split(separator: "\t", maxSplits: count - 1, omittingEmptySubsequences: false).map(String.init)
    }
}
