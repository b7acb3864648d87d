// SPDX-License-Identifier: Apache-2.0

public import Statistics

/// One figure of one case with one combination of parameters, of all subjects side by side.
public struct BenchmarkSection: Sendable, Hashable {
    /// One subject's figures.
    public struct Row: Sendable, Hashable {
        /// The subject.
        public let subject: String
        /// Its place among all subjects of the result, by which drawings colour it.
        public let position: Int
        /// What has to be known about it.
        public let remark: String
        /// Every sample, in order.
        public let samples: [Double]
        /// Their summary.
        public let summary: Summary
        /// The median's interval.
        public let interval: MedianInterval
        /// The outliers; `nil` for too few samples.
        public let outliers: Outliers?
        /// Against the first subject that has figures; `nil` for that one, and for what must not be compared.
        public let difference: Difference?
    }

    /// The case.
    public let caseName: String
    /// The case's sentence.
    public let title: String
    /// The parameters in the suite's order, as `memory 1g`, `cpus 2`.
    public let words: [String]
    /// The figure.
    public let measure: SuiteMeasure
    /// The subjects that have figures, in the result's order.
    public let rows: [Row]

    /// The parameters, as `memory 1g, cpus 2`; empty without any.
    public var parameters: String { words.joined(separator: ", ") }
}

extension BenchmarkResult {
    /// Everything that was measured, in the order of the suite.
    public var sections: [BenchmarkSection] {
        var sections: [BenchmarkSection] = []
        for suiteCase in suite.cases {
            for parameters in suite.combinations {
                for measure in suiteCase.measures {
                    if let section = section(suiteCase, parameters, measure) { sections.append(section) }
                }
            }
        }
        return sections
    }

    private func section(
        _ suiteCase: SuiteCase, _ parameters: [String: String], _ measure: SuiteMeasure
    ) -> BenchmarkSection? {
        let all = cells.filter { $0.caseName == suiteCase.name && $0.measure.name == measure.name }
        guard all.contains(where: { $0.parameters == parameters }) else { return nil }
        let found = subjectOrder.compactMap { subject in
            let measured = self.measured(parameters, for: subject)
            return all.first { $0.subject == subject && $0.parameters == measured }
        }
        guard let base = found.first else { return nil }
        let rows = found.compactMap { cell -> BenchmarkSection.Row? in
            guard let summary = cell.summary, let interval = MedianInterval(cell.samples) else { return nil }
            let isComparable = cell.subject != base.subject && areComparable(cell.subject, base.subject)
            return BenchmarkSection.Row(
                subject: cell.subject, position: subjectOrder.firstIndex(of: cell.subject) ?? 0,
                remark: subjects[cell.subject] ?? "", samples: cell.samples, summary: summary,
                interval: interval, outliers: Outliers(cell.samples),
                difference: isComparable ? Difference(of: cell.samples, to: base.samples) : nil)
        }
        return BenchmarkSection(
            caseName: suiteCase.name, title: suiteCase.title, words: words(parameters), measure: measure, rows: rows)
    }

    /// Parameters in the suite's order, as `memory 1g`, `cpus 2`.
    public func words(_ parameters: [String: String]) -> [String] {
        suite.parameters.map(\.name.rawValue).compactMap { name in parameters[name].map { "\(name) \($0)" } }
    }

    /// With what a subject was measured instead: the first values of the parameters that make no difference to it.
    private func measured(_ parameters: [String: String], for subject: String) -> [String: String] {
        var measured = parameters
        for parameter in suite.parameters where indifferent?[subject]?.contains(parameter.name) ?? false {
            measured[parameter.name.rawValue] = parameter.values.first
        }
        return measured
    }

    /// A figure of emulation never stands against one of KVM.
    private func areComparable(_ first: String, _ second: String) -> Bool {
        let remarks = Set([subjects[first] ?? "", subjects[second] ?? ""])
        return !remarks.isSuperset(of: ["tcg", "kvm"])
    }

    /// What workloads are given, of which processes take no notice; `nil` if there is nothing to say.
    private var limitsOfOthers: String? {
        guard subjectOrder.contains("process"), subjectOrder.count > 1 else { return nil }
        func varied(_ name: Suite.Parameter.Name) -> String? {
            suite.values(of: name)?.joined(separator: " or ")
        }
        let fixed = suite.limits.processors.map { $0 == $0.rounded() ? String(Int($0)) : String($0) }
        let words = [
            (varied(.cpus) ?? fixed).map { "\($0) processor\($0 == "1" ? "" : "s")" },
            (varied(.memory) ?? suite.limits.memory).map { "\($0) of memory" },
        ].compactMap(\.self)
        return words.isEmpty ? nil : words.joined(separator: " and ")
    }

    /// What has to be said about the figures before anybody reads them.
    public var warnings: [String] {
        var warnings: [String] = []
        if subjects.values.contains("tcg") {
            let isMixed = subjects.values.contains("kvm")
            let emulated = subjectOrder.filter { subjects[$0] == "tcg" }.joined(separator: " and ")
            warnings.append(
                "Processors of \(emulated) are emulated here (tcg): the figures show emulation, not what virtualization by KVM costs"
                    + (isMixed ? ", and are not compared with those of KVM." : "."))
        }
        if environment.isVirtual {
            warnings.append(
                "The host is a virtual machine itself: other guests of its host may have disturbed the figures.")
        }
        if let limits = limitsOfOthers {
            warnings.append("Processes are not limited, but the other subjects are, to \(limits).")
        }
        if !isComplete {
            warnings.append(
                "Not everything was measured: \(finished.count) of \(suite.cases.count * suite.combinations.count) cases."
            )
        }
        return warnings
    }
}
