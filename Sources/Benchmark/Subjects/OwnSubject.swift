// SPDX-License-Identifier: Apache-2.0

/// The subjects that Tandem runs itself, by their names on the command line.
public enum OwnSubject: String, Sendable, Hashable, CaseIterable {
    /// A process of the host, in a chroot of the image.
    case process
    /// A container.
    case container
    /// A VM whose processors are run by what the engine has chosen.
    case machine = "vm"
    /// A VM by KVM.
    case machineByKVM = "vm-kvm"
    /// A VM by emulation.
    case machineByEmulation = "vm-tcg"

    /// All of them, for a sentence.
    public static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
