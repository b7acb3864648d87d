// SPDX-License-Identifier: Apache-2.0

extension CaseMeasurement {
    func measureFootprints(_ result: inout BenchmarkResult, _ seed: UInt64) async {
        let shape = shape
        await repeatInTurns(&result, seed, subjects) { (subject, _) throws(BenchmarkError) in
            let figures = try await limited { () throws(BenchmarkError) in
                try await Self.withWorkload(of: subject, shape) { workload throws(BenchmarkError) in
                    // What a start leaves in motion comes to rest.
                    try? await Task.sleep(for: .seconds(1))
                    return try await workload.footprint(idle: .seconds(2))
                }
            }
            return try engineFigures(figures)
        }
    }

    /// Starts one after another until the number is reached or the memory of the host runs low.
    func fill(_ result: inout BenchmarkResult, _ seed: UInt64) async {
        let (shape, least) = (shape, MemoryInformation.total / 8)
        await repeatInTurns(&result, seed, subjects) { (subject, _) throws(BenchmarkError) in
            var held: [any HeldWorkload] = []
            var last = Duration.zero
            let before = await MemoryInformation.settled()
            let begun = ContinuousClock.now
            var problem: BenchmarkError?
            while held.count < suiteCase.count, MemoryInformation.available > least, !Task.isCancelled {
                report("\(suiteCase.name), \(subject.name), \(held.count + 1) of \(suiteCase.count)", 0)
                let start = ContinuousClock.now
                do throws(BenchmarkError) {
                    held.append(try await limited { () throws(BenchmarkError) in try await subject.hold(shape) })
                    last = ContinuousClock.now - start
                } catch {
                    problem = error
                    break
                }
            }
            let whole = (ContinuousClock.now - begun).seconds
            let used = Double(before) - Double(await MemoryInformation.settled())
            let count = Double(held.count)
            let shared = await Self.sharedMemory(held)
            for workload in held { await Self.release(workload) }
            if let problem { throw problem }
            var figures = [
                "workloads": count, "all": whole, "last": last.seconds,
                "memory each": count > 0 ? used / count : 0,
            ]
            figures["shared each"] = shared
            return try engineFigures(figures)
        }
    }

    /// The mean of what each shares with others, in bytes; `nil` if nobody tells.
    private static func sharedMemory(_ held: [any HeldWorkload]) async -> Double? {
        var all: [Double] = []
        for workload in held {
            guard let shared = try? await workload.footprint(idle: .zero)["shared"] else { return nil }
            all.append(shared)
        }
        return all.isEmpty ? nil : all.reduce(0, +) / Double(all.count)
    }
}
