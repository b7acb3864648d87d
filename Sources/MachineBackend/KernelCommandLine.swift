// SPDX-License-Identifier: Apache-2.0

import TandemModel

/// What a guest's kernel is told.
enum KernelCommandLine {
    static func text(for accelerator: Accelerator, processors: Int) -> String {
        let common = [
            // Messages from errors upwards go to the console file.
            "console=ttyS0", "quiet", "loglevel=4",
            // A guest that panics is over; QEMU ends with it.
            "panic=-1",
            // Nothing waits for devices that are not there.
            "i8042.nokbd", "i8042.noaux", "i8042.nomux", "i8042.nopnp",
            // Cards come and go by ACPI; the ports' own services, each with an interrupt, would only take time.
            "pcie_ports=compat",
            // The agent is process 1.
            "rdinit=/init",
        ]
        let clock = HostClock.kilohertz()
        let own = accelerator.kernelArguments(hostClockKilohertz: clock, processors: processors)
        return (common + own).joined(separator: " ")
    }
}
