// SPDX-License-Identifier: Apache-2.0

public import Backend
import FoundationEssentials
import TandemModel

extension MachineBackend {
    /// Says what this host can do.
    public func report() async -> BackendReport {
        let libvirt = await libvirtCheck()
        let accelerator = await acceleratorCheck()
        let checks = [emulatorCheck, libvirt, accelerator.check, kernelCheck, shareCheck]
        return BackendReport(
            kind: kind, usable: !checks.contains { $0.outcome == .missing }, accelerator: accelerator.name,
            checks: checks)
    }

    private var emulatorCheck: BackendReport.Check {
        let path = "/usr/bin/qemu-system-x86_64"
        return FileManager.default.isExecutableFile(atPath: path)
            ? BackendReport.Check("qemu", .ok, path)
            : BackendReport.Check("qemu", .missing, "\(path) is not there", hint: "apt install qemu-system-x86")
    }

    private func libvirtCheck() async -> BackendReport.Check {
        do throws(EngineError) {
            let connection = try await host.connection()
            // A driver that works but does not tell its version is fine.
            guard let versions = try? await connection.versions() else {
                return BackendReport.Check("libvirt", .ok, connection.uri)
            }
            return BackendReport.Check(
                "libvirt", .ok, "\(versions.libvirt), QEMU \(versions.hypervisor), \(connection.uri)")
        } catch {
            return BackendReport.Check("libvirt", .missing, error.message, hint: error.hint)
        }
    }

    private func acceleratorCheck() async -> (name: String?, check: BackendReport.Check) {
        do throws(EngineError) {
            let decision = try await host.accelerator()
            let name = decision.accelerator.rawValue
            let hint = decision.accelerator == .tcg ? "Figures of VMs are those of emulation." : nil
            return (
                name,
                BackendReport.Check(
                    "accelerator", decision.accelerator == .kvm ? .ok : .degraded, "\(name): \(decision.reason)",
                    hint: hint)
            )
        } catch {
            return (nil, BackendReport.Check("accelerator", .missing, error.message, hint: error.hint))
        }
    }

    private var kernelCheck: BackendReport.Check {
        do throws(EngineError) {
            let kernel = try kernels.current()
            return BackendReport.Check("guest kernel", .ok, "\(kernel.name): \(kernel.release)")
        } catch {
            return BackendReport.Check("guest kernel", .missing, error.message, hint: error.hint)
        }
    }

    private var shareCheck: BackendReport.Check {
        let path = "/usr/lib/qemu/virtiofsd"
        return FileManager.default.isExecutableFile(atPath: path)
            ? BackendReport.Check("virtiofsd", .ok, path)
            : BackendReport.Check(
                "virtiofsd", .degraded, "\(path) is not there: volumes of VMs do not work",
                hint: "apt install qemu-system-common")
    }
}
