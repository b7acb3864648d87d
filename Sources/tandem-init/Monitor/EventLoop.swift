// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Waits for descriptors, signals and deadlines on one thread and calls whoever asked for them.
final class EventLoop {
    private let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    private var handlers: [Int32: (UInt32) -> Void] = [:]
    private var deadlines: [(time: UInt64, action: () -> Void)] = []
    private var isRunning = true

    static let readable = EPOLLIN.rawValue
    static let writable = EPOLLOUT.rawValue

    /// Watches a descriptor; an event mask of 0 still reports hang-ups.
    func watch(_ descriptor: Int32, _ events: UInt32, _ handler: @escaping (UInt32) -> Void) {
        handlers[descriptor] = handler
        _ = tandem_epoll_set(epoll, EPOLL_CTL_ADD, descriptor, events)
    }

    /// Changes what is waited for.
    func change(_ descriptor: Int32, _ events: UInt32) {
        _ = tandem_epoll_set(epoll, EPOLL_CTL_MOD, descriptor, events)
    }

    /// Forgets a descriptor; to be called before it is closed.
    func forget(_ descriptor: Int32) {
        guard handlers.removeValue(forKey: descriptor) != nil else { return }
        _ = tandem_epoll_set(epoll, EPOLL_CTL_DEL, descriptor, 0)
    }

    /// Calls `action` once, after a time in milliseconds.
    func after(milliseconds: UInt64, _ action: @escaping () -> Void) {
        deadlines.append((tandem_monotonic() + milliseconds * 1_000_000, action))
    }

    /// Ends `run` after the events at hand.
    func stop() { isRunning = false }

    /// Serves until `stop`.
    func run() {
        var events = [epoll_event](repeating: epoll_event(), count: 32)
        while isRunning {
            let count = epoll_wait(epoll, &events, Int32(events.count), timeout)
            for index in 0..<max(0, Int(count)) {
                let descriptor = tandem_epoll_descriptor(&events[index])
                // An earlier handler of this round may have forgotten it.
                handlers[descriptor]?(events[index].events)
            }
            runDeadlines()
        }
    }

    private var timeout: Int32 {
        guard let next = deadlines.map({ $0.time }).min() else { return -1 }
        let now = tandem_monotonic()
        return next <= now ? 0 : Int32(truncatingIfNeeded: (next - now) / 1_000_000 + 1)
    }

    private func runDeadlines() {
        guard !deadlines.isEmpty else { return }
        let now = tandem_monotonic()
        let due = deadlines.filter { $0.time <= now }
        guard !due.isEmpty else { return }
        deadlines.removeAll { $0.time <= now }
        for deadline in due { deadline.action() }
    }
}
