// SPDX-License-Identifier: Apache-2.0

import Glibc
public import TandemModel

extension Accelerator {
    /// Whether the daemon may open what it needs; whether that works is another question.
    var hasDevice: Bool { self == .tcg || access("/dev/kvm", R_OK | W_OK) == 0 }

    /// libvirt's word.
    var domainType: String {
        switch self {
        case .kvm: "kvm"
        case .tcg: "qemu"
        }
    }

    /// The processor that the guest sees: the host's own, or all that the emulation can do.
    ///
    /// Except for one feature: it tells programs that copying bytes one by one is fast, which is so in a processor, where
    /// many of them move at once, and not in an emulation.
    var processorElement: String {
        switch self {
        case .kvm: "<cpu mode='host-passthrough' check='none' migratable='off'/>"
        case .tcg:
            "<cpu mode='maximum' check='none' migratable='off'><feature policy='disable' name='erms'/></cpu>"
        }
    }

    /// How many processors the guest has.
    ///
    /// Under emulation there is room for a second one. For a guest that cannot have more than one, QEMU before 8.1 leaves
    /// memory barriers out (its commit c914d46), and the guest and a device's thread miss each other's notifications: under
    /// load, requests to disks and shared folders were never answered.
    func processorCountElement(_ count: Int) -> String {
        self == .tcg && count == 1
            ? "<vcpu placement='static' current='1'>2</vcpu>" : "<vcpu placement='static'>\(count)</vcpu>"
    }

    /// What the guest's kernel is told besides the common part.
    ///
    /// Under emulation the calibration of the processor's clock against the timer chip is a matter of luck, and hangs at
    /// times. The emulated clock runs at the host's rate, which is given instead.
    func kernelArguments(hostClockKilohertz: Int?, processors: Int) -> [String] {
        switch self {
        case .kvm: return []
        case .tcg:
            // Rewriting the kernel's locks for a single processor throws translated code away at each of them.
            // All processors read the host's own clock; the kernel would not trust it where there may be more than one, and
            // ask an emulated device for the time instead.
            var arguments = ["no_timer_check", "noreplace-smp", "tsc=reliable"]
            if let hostClockKilohertz { arguments.append("tsc_early_khz=\(hostClockKilohertz)") }
            // The processor's own timer is calibrated for 100 ms. The HPET, whose rate is known, is as good, but there is
            // only one of it.
            if processors == 1 { arguments.append("nolapic_timer") }
            return arguments
        }
    }
}

/// What the user wants of the accelerator.
public enum AcceleratorSetting: String, Sendable, Codable, Hashable, CaseIterable {
    /// KVM where a probe guest shows that it works, else emulation.
    case auto
    /// KVM, unseen.
    case kvm
    /// Emulation.
    case tcg
}

/// The accelerator that guests get, and why.
public struct AcceleratorDecision: Sendable, Codable, Hashable {
    /// What guests get.
    public var accelerator: Accelerator
    /// Why; one clause.
    public var reason: String
    /// `/proc/sys/kernel/random/boot_id` and the kernel of the guest for which it was found out.
    public var validFor: String

    /// Describes a decision.
    public init(accelerator: Accelerator, reason: String, validFor: String) {
        self.accelerator = accelerator
        self.reason = reason
        self.validFor = validFor
    }

    /// What a probe guest showed.
    public enum ProbeOutcome: Sendable, Hashable {
        /// Its agent spoke after so many milliseconds.
        case answered(milliseconds: Int)
        /// It did not within the deadline.
        case silent(seconds: Int)
        /// It ended before its agent spoke.
        case died(console: String)
        /// libvirt refused to start it.
        case refused(String)
    }

    /// Turns what was found into a decision.
    ///
    /// `outcome` is `nil` where no probe was made, because the device is missing.
    public static func decide(
        setting: AcceleratorSetting, devicePresent: Bool, outcome: ProbeOutcome?, validFor: String
    ) -> AcceleratorDecision {
        func decision(_ accelerator: Accelerator, _ reason: String) -> AcceleratorDecision {
            AcceleratorDecision(accelerator: accelerator, reason: reason, validFor: validFor)
        }
        switch setting {
        case .kvm: return decision(.kvm, "as the setting 'kvm' demands")
        case .tcg: return decision(.tcg, "as the setting 'tcg' demands")
        case .auto: break
        }
        guard devicePresent else { return decision(.tcg, "/dev/kvm is missing or cannot be opened") }
        switch outcome {
        case .answered(let milliseconds)?:
            return decision(.kvm, "a probe guest answered after \(milliseconds) ms")
        case .silent(let seconds)?:
            return decision(.tcg, "/dev/kvm exists, but a probe guest did not come up within \(seconds) s")
        case .died(let console)?:
            let detail = console.isEmpty ? "" : " (\(console))"
            return decision(.tcg, "/dev/kvm exists, but a probe guest died before it came up\(detail)")
        case .refused(let text)?:
            return decision(.tcg, "/dev/kvm exists, but libvirt refused a probe guest: \(text)")
        case nil:
            return decision(.tcg, "/dev/kvm was not probed")
        }
    }
}
