// SPDX-License-Identifier: Apache-2.0

import APIModel
import Client
import FoundationEssentials

/// Reads the figures of a case from what its command has written.
struct FigureReader {
    let measures: [SuiteMeasure]

    /// The figures in the order of the measures.
    ///
    /// - Throws: If the command has failed, or one of the figures is not there: half a run is no run.
    func read(_ result: ProcessResult) throws(BenchmarkError) -> [Double] {
        guard result.code == 0 else {
            let words = String(
                decoding: (result.errors.isEmpty ? result.output : result.errors).suffix(300), as: UTF8.self)
            throw BenchmarkError("the command ended with \(result.code): \(words.split(separator: "\n").last ?? "")")
        }
        var figures: [Double] = []
        for measure in measures {
            guard let value = value(measure, result), value.isFinite else {
                throw BenchmarkError("the command wrote no figure for '\(measure.name)'")
            }
            figures.append(value * measure.factor)
        }
        return figures
    }

    private func value(_ measure: SuiteMeasure, _ result: ProcessResult) -> Double? {
        switch measure.source {
        case .duration, .engine: return result.duration.seconds
        case .pattern(let pattern):
            // Checked when the suite was read.
            guard let expression = try? Regex(pattern) else { return nil }
            let text = String(decoding: result.output + result.errors, as: UTF8.self)
            guard let match = try? expression.firstMatch(in: text), match.output.count > 1,
                let range = match.output[1].range
            else { return nil }
            return Double(text[range].filter { $0 != "," })
        case .json(let path):
            var document = JSONValue(parsing: Data(result.output)) ?? .null
            for name in path {
                if let index = Int(name), let items = document.array {
                    document = items.indices.contains(index) ? items[index] : .null
                } else {
                    document = document[name]
                }
            }
            return document.double
        }
    }
}
