// SPDX-License-Identifier: Apache-2.0

import Synchronization
public import TandemModel

/// Collects the phases of one start from everyone who takes part in it.
public final class PhaseRecorder: Sendable {
    private let trace: Mutex<StartupTrace>

    /// Begins a trace; `requested` is in nanoseconds of the host's `CLOCK_MONOTONIC`.
    public init(requested: UInt64) { trace = Mutex(StartupTrace(requested: requested)) }

    /// Adds an interval.
    public func record(_ phase: Phase) { trace.withLock { $0.append(phase) } }

    /// The trace so far.
    public var snapshot: StartupTrace { trace.withLock { $0 } }
}
