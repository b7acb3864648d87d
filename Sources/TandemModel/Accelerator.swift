// SPDX-License-Identifier: Apache-2.0

/// What runs a guest's processors.
public enum Accelerator: String, Sendable, Codable, Hashable, CaseIterable {
    /// The host's processor, by KVM.
    case kvm
    /// Software emulation by QEMU.
    case tcg

    /// The annotation by which a request asks for one (`HostConfig.Annotations` of Docker's API).
    public static let annotation = "tandem.accelerator"
}
