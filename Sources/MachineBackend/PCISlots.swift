// SPDX-License-Identifier: Apache-2.0

/// Places devices on the root bus of machine `q35`, one after the other.
///
/// libvirt would put each of them behind a port of its own, which the guest's kernel has to find and set up as well; ports
/// are for devices that come and go.
struct PCISlots {
    /// Slot 0 is the host bridge, 31 the machine's own devices.
    private var slot = 0

    /// The address element of the next device; none once the bus is full, and libvirt finds a place.
    mutating func next() -> [String] {
        slot += 1
        guard slot < 31 else { return [] }
        let digits = (slot < 16 ? "0" : "") + String(slot, radix: 16)
        return ["      <address type='pci' domain='0x0000' bus='0x00' slot='0x\(digits)' function='0x0'/>"]
    }
}
