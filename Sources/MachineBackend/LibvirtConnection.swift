// SPDX-License-Identifier: Apache-2.0

import CLibvirt
import CLinux
import Dispatch
import Synchronization

/// A connection to libvirt whose blocking calls run on threads of their own.
///
/// libvirt's connections may be used by several threads at once, so that guests start in parallel. Domains are looked up
/// by UUID in each call: no pointer to a domain outlives a call.
public final class LibvirtConnection: Sendable {
    /// A pointer that libvirt itself guards.
    private struct Handle: @unchecked Sendable {
        // Safety: libvirt locks virConnect objects internally; the pointer is only freed in `deinit`.
        let pointer: virConnectPtr
    }

    // QEMU inherits a thread's nice value, which follows its quality of service.
    private static let queue = DispatchQueue(label: "tandem.libvirt", qos: .default, attributes: .concurrent)
    private let handle: Handle
    /// The URI that was opened.
    public let uri: String

    private init(handle: Handle, uri: String) {
        self.handle = handle
        self.uri = uri
    }

    deinit { virConnectClose(handle.pointer) }

    /// Opens a connection; the first one of a process starts libvirt's event loop.
    ///
    /// libvirt's own log goes to the file `log`, not to stderr.
    public static func open(_ uri: String, log: String) async throws(LibvirtError) -> LibvirtConnection {
        try await run { () throws(LibvirtError) in
            // libvirt reads its log settings from the environment once; a user's own settings win.
            setenv("LIBVIRT_LOG_OUTPUTS", "2:file:\(log)", 0)
            try LibvirtEventLoop.start()
            guard let pointer = virConnectOpen(uri) else { throw .last("virConnectOpen") }
            return LibvirtConnection(handle: Handle(pointer: pointer), uri: uri)
        }
    }

    /// Runs a blocking call on one of libvirt's threads.
    private static func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(LibvirtError) -> Value
    ) async throws(LibvirtError) -> Value {
        let result: Result<Value, LibvirtError> = await withCheckedContinuation { continuation in
            queue.async {
                do throws(LibvirtError) {
                    continuation.resume(returning: .success(try body()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }

    private func withDomain<Value: Sendable>(
        _ uuid: String, _ body: @escaping @Sendable (virDomainPtr) throws(LibvirtError) -> Value
    ) async throws(LibvirtError) -> Value {
        let handle = handle
        return try await Self.run { () throws(LibvirtError) in
            guard let domain = virDomainLookupByUUIDString(handle.pointer, uuid) else {
                throw .last("virDomainLookupByUUIDString")
            }
            defer { virDomainFree(domain) }
            return try body(domain)
        }
    }

    /// Starts a transient domain.
    ///
    /// Answers when its processors run.
    public func create(xml: String) async throws(LibvirtError) {
        let handle = handle
        try await Self.run { () throws(LibvirtError) in
            guard let domain = virDomainCreateXML(handle.pointer, xml, UInt32(VIR_DOMAIN_NONE.rawValue)) else {
                throw .last("virDomainCreateXML")
            }
            virDomainFree(domain)
        }
    }

    /// Ends a domain at once.
    public func destroy(uuid: String) async throws(LibvirtError) {
        try await withDomain(uuid) { domain throws(LibvirtError) in
            guard virDomainDestroyFlags(domain, 0) == 0 else { throw .last("virDomainDestroy") }
        }
    }

    /// Stops a domain's processors.
    public func suspend(uuid: String) async throws(LibvirtError) {
        try await withDomain(uuid) { domain throws(LibvirtError) in
            guard virDomainSuspend(domain) == 0 else { throw .last("virDomainSuspend") }
        }
    }

    /// Lets a domain's processors go on.
    public func resume(uuid: String) async throws(LibvirtError) {
        try await withDomain(uuid) { domain throws(LibvirtError) in
            guard virDomainResume(domain) == 0 else { throw .last("virDomainResume") }
        }
    }

    /// Plugs a device into a running domain.
    public func attach(_ device: String, uuid: String) async throws(LibvirtError) {
        try await withDomain(uuid) { domain throws(LibvirtError) in
            guard virDomainAttachDeviceFlags(domain, device, UInt32(VIR_DOMAIN_AFFECT_LIVE.rawValue)) == 0 else {
                throw .last("virDomainAttachDeviceFlags")
            }
        }
    }

    /// Asks a running domain to let go of a device; the guest's kernel has a say, and takes its time.
    public func detach(_ device: String, uuid: String) async throws(LibvirtError) {
        try await withDomain(uuid) { domain throws(LibvirtError) in
            guard virDomainDetachDeviceFlags(domain, device, UInt32(VIR_DOMAIN_AFFECT_LIVE.rawValue)) == 0 else {
                throw .last("virDomainDetachDeviceFlags")
            }
        }
    }

    /// Whether a domain exists and is not shut off.
    public func isActive(uuid: String) async -> Bool {
        do {
            return try await withDomain(uuid) { domain throws(LibvirtError) in virDomainIsActive(domain) == 1 }
        } catch {
            // No such domain: not active. The same holds for a connection that broke with its driver.
            return false
        }
    }

    /// How many processors a running domain has.
    public func processors(uuid: String) async throws(LibvirtError) -> Int {
        try await withDomain(uuid) { domain throws(LibvirtError) in
            var information = virDomainInfo()
            guard virDomainGetInfo(domain, &information) == 0 else { throw .last("virDomainGetInfo") }
            return Int(information.nrVirtCpu)
        }
    }

    /// The XML of a domain as libvirt runs it.
    public func xml(uuid: String) async throws(LibvirtError) -> String {
        try await withDomain(uuid) { domain throws(LibvirtError) in
            guard let text = virDomainGetXMLDesc(domain, 0) else { throw .last("virDomainGetXMLDesc") }
            defer { free(text) }
            return String(cString: text)
        }
    }

    /// Names and UUIDs of all running domains.
    public func domains() async throws(LibvirtError) -> [(name: String, uuid: String)] {
        let handle = handle
        let found: [[String]] = try await Self.run { () throws(LibvirtError) in
            var list: UnsafeMutablePointer<virDomainPtr?>?
            let count = virConnectListAllDomains(
                handle.pointer, &list, UInt32(VIR_CONNECT_LIST_DOMAINS_ACTIVE.rawValue))
            guard count >= 0, let list else { throw .last("virConnectListAllDomains") }
            defer { free(list) }
            var result: [[String]] = []
            for index in 0..<Int(count) {
                guard let domain = list[index] else { continue }
                defer { virDomainFree(domain) }
                var uuid = [CChar](repeating: 0, count: Int(VIR_UUID_STRING_BUFLEN))
                guard virDomainGetUUIDString(domain, &uuid) == 0, let name = virDomainGetName(domain) else { continue }
                let bytes = uuid.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                result.append([String(cString: name), String(decoding: bytes, as: UTF8.self)])
            }
            return result
        }
        return found.map { (name: $0[0], uuid: $0[1]) }
    }

    /// Asks for the driver's capabilities, which makes it examine QEMU; the answer is cached by libvirt.
    public func probeCapabilities() async throws(LibvirtError) {
        let handle = handle
        try await Self.run { () throws(LibvirtError) in
            guard let text = virConnectGetCapabilities(handle.pointer) else {
                throw .last("virConnectGetCapabilities")
            }
            free(text)
        }
    }

    /// Version of libvirt and of QEMU, each as `9.0.0`.
    public func versions() async throws(LibvirtError) -> (libvirt: String, hypervisor: String) {
        let handle = handle
        let numbers: [UInt] = try await Self.run { () throws(LibvirtError) in
            var library: UInt = 0
            var hypervisor: UInt = 0
            guard virConnectGetLibVersion(handle.pointer, &library) == 0 else { throw .last("virConnectGetLibVersion") }
            guard virConnectGetVersion(handle.pointer, &hypervisor) == 0 else { throw .last("virConnectGetVersion") }
            return [library, hypervisor]
        }
        return (Self.text(numbers[0]), Self.text(numbers[1]))
    }

    private static func text(_ version: UInt) -> String {
        "\(version / 1_000_000).\(version / 1000 % 1000).\(version % 1000)"
    }
}

/// libvirt's event loop, on a thread of its own for as long as the process lives.
enum LibvirtEventLoop {
    private static let started = Mutex(false)

    /// Starts the loop once; the embedded driver refuses to open without it.
    static func start() throws(LibvirtError) {
        let isFirst = started.withLock { value in
            defer { value = true }
            return !value
        }
        guard isFirst else { return }
        // Errors are returned to callers; libvirt's habit of printing them to stderr is switched off.
        virSetErrorFunc(nil) { _, _ in }
        guard virEventRegisterDefaultImpl() == 0 else { throw .last("virEventRegisterDefaultImpl") }
        let thread = DispatchQueue(label: "tandem.libvirt.events")
        thread.async {
            while virEventRunDefaultImpl() == 0 {}
        }
    }
}
