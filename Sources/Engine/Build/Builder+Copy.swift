// SPDX-License-Identifier: Apache-2.0

import Dockerfile
import ImageStore
import LinuxSystem
import OCI
import SystemPackage
import TandemModel

/// Steps whose layers are written without executing anything.
extension Builder {
    /// Where a copy takes its files from.
    private enum Source: Sendable {
        case context
        case image(Image)
    }

    func copy(_ instruction: CopyInstruction) async throws(EngineError) {
        let name = instruction.isAdd ? "ADD" : "COPY"
        var sources: [String] = []
        for source in instruction.sources { sources.append(try expand(source)) }
        var documents = instruction.documents
        for index in documents.indices where documents[index].expands {
            documents[index].content = try expand(documents[index].content)
        }
        var operation = CopyOperation(
            name: name, sources: sources, documents: documents, target: absolute(try expand(instruction.target)))
        operation.owner = try expand(instruction.owner)
        operation.mode = try mode(try expand(instruction.mode))
        operation.sources = sources.filter { !RemoteAddress.isWeb($0) }
        operation.fetched = try await fetch(sources.filter(RemoteAddress.isWeb), for: instruction)
        let from = try await source(of: instruction, &operation)
        let dockerfile = request.dockerfile
        if case .context = from {
            operation.excluded = try await withContext { root throws(EngineError) in
                ContextFile.excluded(dockerfile, in: root)
            }
        }
        let prepared = operation
        let digest = try await withRoot(of: from) { root throws(EngineError) in try prepared.digest(of: root) }
        // As dockerd writes them: without a blank behind.
        let owner = operation.owner.isEmpty ? "" : "--chown=\(operation.owner)"
        let mode = instruction.mode.isEmpty ? "" : "--chmod=\(try expand(instruction.mode))"
        let target = try expand(instruction.target)
        let step = imageExtension(
            (progress.shell + ["#(nop) \(name) \(owner)\(mode)\(digest) in \(target) "]).joined(
                separator: " "))
        if try await takeFromCache(step) { return }
        let (images, parent) = (engine.images, progress.image)
        let (time, latest) = (self.time.nanoseconds / 1_000_000_000, epoch ?? .max)
        let image = try await BytePipe.run(for: "layer") { (descriptor) async throws(EngineError) in
            try await withRoots(of: from, and: parent) { (root, image) throws(EngineError) in
                let writer = try LayerTarWriter(descriptor)
                var overlay = LayerOverlay(image: image, writer: writer, time: time, latest: latest)
                try prepared.write(to: &overlay, from: root, image: image)
                try writer.finish()
            }
        } to: { descriptor throws(EngineError) in
            try await images.extend(parent, by: step, layer: descriptor)
        }
        await take(image)
    }

    /// `WORKDIR`: the folder is there afterwards.
    func enter(_ path: String) async throws(EngineError) {
        let text = try expand(path)
        var target = absolute(text)
        while target.count > 1 && target.hasSuffix("/") { target.removeLast() }
        progress.defaults.workingDirectory = target
        let step = imageExtension((progress.shell + ["#(nop) WORKDIR \(target)"]).joined(separator: " "))
        if try await takeFromCache(step) { return }
        let (images, parent, folder) = (engine.images, progress.image, target)
        let (time, latest) = (self.time.nanoseconds / 1_000_000_000, epoch ?? .max)
        let image = try await BytePipe.run(for: "layer") { (descriptor) async throws(EngineError) in
            try await withRoots(of: .context, and: parent) { (_, image) throws(EngineError) in
                let writer = try LayerTarWriter(descriptor)
                var overlay = LayerOverlay(image: image, writer: writer, time: time, latest: latest)
                _ = try overlay.resolve(LayerOverlay.split(folder.utf8), making: Owner())
                try writer.finish()
            }
        } to: { descriptor throws(EngineError) in
            try await images.extend(parent, by: step, layer: descriptor)
        }
        await take(image)
    }

    /// Fetches what `ADD` names by addresses.
    private func fetch(
        _ addresses: [String], for instruction: CopyInstruction
    ) async throws(EngineError) -> [FetchedFile] {
        guard addresses.isEmpty || instruction.isAdd else {
            throw EngineError(
                .invalidArgument, "COPY failed: source can't be a URL for COPY", hint: "ADD fetches files.")
        }
        let checksum = try expand(instruction.checksum)
        if !checksum.isEmpty {
            guard instruction.sources.count == 1 else {
                throw EngineError(.invalidArgument, "checksum can't be specified for multiple sources")
            }
            guard !addresses.isEmpty else {
                throw EngineError(.invalidArgument, "checksum can't be specified for non-HTTP(S) sources")
            }
            let digits = checksum.utf8.dropFirst(7)
            guard checksum.hasPrefix("sha256:"), digits.count == 64,
                digits.allSatisfy({
                    UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || UInt8(ascii: "a")...UInt8(ascii: "f") ~= $0
                })
            else {
                throw EngineError(
                    .invalidArgument, "invalid checksum digest format: \(checksum)",
                    hint: "It is sha256: and 64 hexadecimal digits in small letters.")
            }
        }
        var files: [FetchedFile] = []
        for address in addresses {
            do throws(EngineError) {
                files.append(try await fetch(address))
            } catch {
                throw EngineError(error.code, "ADD failed: \(error.message)", hint: error.hint)
            }
        }
        if let found = files.first.map({ "sha256:\($0.content)" }), !checksum.isEmpty, found != checksum {
            throw EngineError(
                .corruptData, "ADD failed: digest mismatch \(found): \(checksum)",
                hint: "The file is another one than it was: look at it before you change the checksum.")
        }
        return files
    }

    private func fetch(_ address: String) async throws(EngineError) -> FetchedFile {
        let (engine, send) = (engine, sendMessage)
        let file = try await control.run { () throws(EngineError) in
            try await engine.fetch(address) { message in await send(.transfer(message)) }
        }
        await say("\n")
        return file
    }

    // MARK: Words

    /// A path of the image, from its root; a slash at the end stays.
    private func absolute(_ path: String) -> String {
        var directory = progress.defaults.workingDirectory ?? "/"
        if !directory.hasPrefix("/") { directory = "/" + directory }
        let whole = path.hasPrefix("/") ? path : "\(directory)/\(path)"
        var parts: [Substring] = []
        for part in whole.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        let isFolder = path.hasSuffix("/") || path == "." || path.hasSuffix("/.")
        return "/" + parts.joined(separator: "/") + (isFolder && !parts.isEmpty ? "/" : "")
    }

    private func mode(_ text: String) throws(EngineError) -> UInt32? {
        guard !text.isEmpty else { return nil }
        guard let mode = UInt32(text, radix: 8), mode <= 0o7777 else {
            throw EngineError(
                .invalidArgument,
                "invalid chmod parameter: '\(text)'. it should be octal string and between 0 and 07777")
        }
        return mode
    }

    private func source(
        of instruction: CopyInstruction, _ operation: inout CopyOperation
    ) async throws(EngineError) -> Source {
        let from = instruction.from
        guard !from.isEmpty else { return .context }
        operation.isFromContext = false
        operation.keepsOwners = operation.owner.isEmpty
        // The present stage is the last one.
        let earlier = stages.dropLast()
        if let index = Int(from) {
            guard index < earlier.count, index >= 0 else {
                throw EngineError(
                    .invalidArgument, "invalid from flag value \(from): index out of bounds",
                    hint: "The first stage is 0; only earlier ones can be copied from.")
            }
            guard let image = earlier[index].image else {
                throw EngineError(.invalidArgument, "invalid from flag value \(from): the stage is empty")
            }
            return .image(image)
        }
        if let stage = earlier.last(where: { $0.name == from.lowercased() }) {
            guard let image = stage.image else {
                throw EngineError(.invalidArgument, "invalid from flag value \(from): the stage is empty")
            }
            return .image(image)
        }
        do throws(EngineError) {
            return .image(try await baseImage(from, platform: ""))
        } catch {
            throw EngineError(error.code, "invalid from flag value \(from): \(error.message)", hint: error.hint)
        }
    }

    // MARK: Roots

    private func withRoot<Value: Sendable>(
        of source: Source, _ body: @escaping @Sendable (Int32) throws(EngineError) -> Value
    ) async throws(EngineError) -> Value {
        switch source {
        case .context: try await withContext(body)
        case .image(let image):
            try await BlockingQueue.run { [engine] () throws(EngineError) in
                try engine.withRoot(of: image, body)
            }
        }
    }

    private func withRoots<Value: Sendable>(
        of source: Source, and image: Image?,
        _ body: @escaping @Sendable (_ source: Int32, _ image: Int32) throws(EngineError) -> Value
    ) async throws(EngineError) -> Value {
        let engine = engine
        return try await withRoot(of: source) { root throws(EngineError) in
            try engine.withRoot(of: image) { image throws(EngineError) in try body(root, image) }
        }
    }
}
