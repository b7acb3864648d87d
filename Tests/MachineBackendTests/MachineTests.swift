// SPDX-License-Identifier: Apache-2.0

import TandemModel
import Testing

@testable import MachineBackend

@Suite("Virtual machines without one")
struct MachineTests {
    private func domain(_ change: (inout DomainXML) -> Void = { _ in }) -> DomainXML {
        var domain = DomainXML(
            name: "tandem-x", uuid: "00000000-0000-0000-0000-000000000000", accelerator: .kvm, memory: 256 << 20,
            processors: 2,
            kernel: "/k", initramfs: "/i", commandLine: "a b", agentSocket: "/s", consoleFile: "/c")
        change(&domain)
        return domain
    }

    @Test("the accelerator decides type and processor, and nothing else")
    func accelerator() {
        let kvm = domain().text
        let tcg = domain { $0.accelerator = .tcg }.text
        #expect(kvm.contains("<domain type='kvm' ") && kvm.contains("host-passthrough"))
        #expect(tcg.contains("<domain type='qemu' ") && tcg.contains("maximum"))
        let different = zip(kvm.split(separator: "\n"), tcg.split(separator: "\n")).filter { $0 != $1 }
        #expect(different.count == 2)
    }

    @Test("disks are found by serial, layers cannot be written, and names cannot break out of the XML")
    func disks() {
        let text = domain {
            $0.disks = [
                .init(file: "/l'<&>.erofs", serial: "layer-0", readOnly: true),
                .init(file: "/w", serial: "writable", readOnly: false),
            ]
        }.text
        #expect(text.contains("/l&apos;&lt;&amp;&gt;.erofs"))
        #expect(text.contains("<serial>layer-0</serial>"))
        #expect(text.components(separatedBy: "<readonly/>") == 2)
    }

    @Test("shares are virtiofs with memory that the daemon can map")
    func shares() {
        let text = domain { $0.shares = [.init(folder: "/v", tag: "share-0")] }.text
        #expect(text.contains("<driver type='virtiofs'"))
        #expect(text.contains("<source type='memfd'/>") && text.contains("<access mode='shared'/>"))
    }

    @Test("devices have slots of the root bus to themselves, as long as there are any")
    func slots() {
        let text = domain {
            $0.disks = (0..<40).map { .init(file: "/\($0)", serial: "\($0)", readOnly: true) }
        }.text
        let addresses = text.split(separator: "\n").filter { $0.contains("<address type='pci'") }
        #expect(addresses.count == 30)
        #expect(Set(addresses).count == 30)
        #expect(addresses.allSatisfy { $0.contains("bus='0x00'") && !$0.contains("slot='0x1f'") })
    }

    @Test("cards sit behind ports, of which some are spare; a guest without cards has none")
    func cards() {
        let text = domain {
            $0.interfaces = [.init(hardwareAddress: "02:42:00:00:00:01", hostName: "tv1")]
        }.text
        #expect(text.ranges(of: "model='pcie-root-port'").count == 1 + DomainXML.sparePorts)
        #expect(text.contains("<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>"))
        #expect(!domain().text.contains("pcie-root-port"))
        let many = domain {
            $0.disks = (0..<29).map { .init(file: "/\($0)", serial: "\($0)", readOnly: true) }
            $0.interfaces = [.init(hardwareAddress: "02:42:00:00:00:01", hostName: "tv1")]
        }.text
        #expect(many.ranges(of: "<interface type='bridge'>").count == 1)
        #expect(!many.contains("pcie-root-port"), "the root bus is full")
    }

    @Test("disk names go on after z")
    func deviceNames() {
        #expect([0, 25, 26, 27].map(DomainXML.deviceName) == ["vda", "vdz", "vdaa", "vdab"])
    }

    @Test("only a guest that answered makes KVM the choice")
    func decision() {
        func decide(
            _ setting: AcceleratorSetting, _ device: Bool, _ outcome: AcceleratorDecision.ProbeOutcome?
        ) -> Accelerator {
            AcceleratorDecision.decide(setting: setting, devicePresent: device, outcome: outcome, validFor: "x")
                .accelerator
        }
        #expect(decide(.auto, true, .answered(milliseconds: 5)) == .kvm)
        #expect(decide(.auto, true, .silent(seconds: 10)) == .tcg)
        #expect(decide(.auto, true, .died(console: "panic")) == .tcg)
        #expect(decide(.auto, true, .refused("no")) == .tcg)
        #expect(decide(.auto, false, nil) == .tcg)
        #expect(decide(.kvm, false, nil) == .kvm)
        #expect(decide(.tcg, true, .answered(milliseconds: 5)) == .tcg)
    }

    @Test("an emulated guest has room for a second processor, or QEMU leaves memory barriers out")
    func processorCount() {
        #expect(Accelerator.tcg.processorCountElement(1) == "<vcpu placement='static' current='1'>2</vcpu>")
        #expect(Accelerator.tcg.processorCountElement(3) == "<vcpu placement='static'>3</vcpu>")
        #expect(Accelerator.kvm.processorCountElement(1) == "<vcpu placement='static'>1</vcpu>")
    }

    @Test("the emulated clock is told its rate, the real one is not")
    func commandLine() {
        let single = Accelerator.tcg.kernelArguments(hostClockKilohertz: 2_000_000, processors: 1)
        #expect(single.contains("tsc_early_khz=2000000") && single.contains("nolapic_timer"))
        let several = Accelerator.tcg.kernelArguments(hostClockKilohertz: nil, processors: 2)
        #expect(several == ["no_timer_check", "noreplace-smp", "tsc=reliable"])
        #expect(Accelerator.kvm.kernelArguments(hostClockKilohertz: 2_000_000, processors: 1).isEmpty)
        #expect(HostClock.kilohertz(processorInformation: "cpu MHz\t\t: 2900.001\n") == 2_900_001)
        #expect(HostClock.kilohertz(processorInformation: "nothing") == nil)
    }
}

extension String {
    /// How many parts a separator cuts a text into.
    fileprivate func components(separatedBy separator: String) -> Int {
        var count = 1
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
