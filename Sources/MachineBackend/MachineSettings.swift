// SPDX-License-Identifier: Apache-2.0

/// What a user sets for all VMs of a daemon.
public struct MachineSettings: Sendable {
    /// What runs the guests' processors.
    public var accelerator: AcceleratorSetting
    /// The libvirt connection; `nil` is the driver embedded in this process.
    public var libvirtURI: String?

    /// Combines the settings.
    public init(accelerator: AcceleratorSetting, libvirtURI: String?) {
        self.accelerator = accelerator
        self.libvirtURI = libvirtURI
    }
}
