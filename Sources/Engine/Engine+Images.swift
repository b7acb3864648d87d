// SPDX-License-Identifier: Apache-2.0

public import ImageStore
import LinuxSystem
import Logging
import OCI
public import TandemModel

/// Images as workloads and clients see them; what changes them happens between two steps of the engine, so that no
/// workload is created from one that goes.
extension Engine {
    /// Who uses which image.
    public func imageUsers() -> ImageUsers {
        var users: ImageUsers = [:]
        for workload in workloads.values.sorted(by: { $0.record.created < $1.record.created }) {
            users[workload.record.spec.imageID, default: []].append(
                ImageUser(name: workload.id.short, isRunning: workload.record.isRunning))
        }
        return users
    }

    /// Gives an image a further name.
    public func tagImage(_ source: String, as target: String) throws(EngineError) {
        try images.tag(source, as: target)
        let name = try Reference(target).description
        let image = try images.image(name)
        emit(type: "image", action: "tag", id: image.id, attributes: Self.attributes(of: image, name: name))
    }

    /// Says that an image has got a name.
    func emitTag(_ image: Image, _ name: String) {
        emit(type: "image", action: "tag", id: image.id, attributes: Self.attributes(of: image, name: name))
    }

    /// Removes an image or one of its names, see `ImageStore.remove`.
    public func removeImage(
        _ name: String, force: Bool, prunes: Bool = true
    ) throws(EngineError) -> [ImageStore.Removal] {
        let image = try images.image(name)
        let removals = try images.remove(name, force: force, users: imageUsers(), prunes: prunes)
        let attributes = Self.attributes(of: image, name: image.id)
        for removal in removals {
            switch removal {
            case .untagged: emit(type: "image", action: "untag", id: image.id, attributes: attributes)
            case .deleted(let digest) where digest == image.id:
                // Its labels are gone by now, as for dockerd.
                emit(type: "image", action: "delete", id: image.id, attributes: ["name": image.id])
            case .deleted: break
            }
        }
        return removals
    }

    /// Removes the images without a workload that `isWanted` picks; `danglingOnly` spares those with a name.
    ///
    /// - Returns: What was done, and the bytes of the layers that went.
    public func pruneImages(
        danglingOnly: Bool, _ isWanted: @Sendable (Image) -> Bool
    ) throws(EngineError) -> (removals: [ImageStore.Removal], space: UInt64) {
        var removals: [ImageStore.Removal] = []
        let before = images.layerSizes
        let users = imageUsers()
        let parents = Set(images.images.compactMap(\.parent))
        for image in images.images where users[image.id] == nil && isWanted(image) {
            // What others were built from goes with them; and an earlier turn may have taken it.
            guard !parents.contains(image.id) || !image.references.isEmpty,
                images.images.contains(where: { $0.id == image.id })
            else { continue }
            if image.references.isEmpty {
                // Without a tag an image is nobody's, whatever digests it is known by; by id only one repository's go.
                for digest in image.digests.dropFirst() { removals += try removeImage(digest, force: false) }
                removals += try removeImage(image.id, force: false)
            } else if !danglingOnly {
                for reference in image.references { removals += try removeImage(reference, force: false) }
            }
        }
        let after = images.layerSizes
        let space = before.filter { after[$0.key] == nil }.values.reduce(0, +)
        emit(type: "image", action: "prune", id: "", attributes: ["reclaimed": String(space)])
        return (removals, space)
    }

    /// Says that images have come in, or gone out.
    public func reportImages(_ images: [Image], _ action: String) {
        for image in images {
            if action == "import", let name = image.references.first {
                emit(type: "image", action: "tag", id: image.id, attributes: Self.attributes(of: image, name: name))
            }
            emit(type: "image", action: action, id: image.id, attributes: Self.attributes(of: image, name: image.id))
        }
    }

    /// As dockerd's `LogImageEvent`: the labels, and a name.
    private static func attributes(of image: Image, name: String) -> [String: String] {
        (image.configuration.config?.labels ?? [:]).merging(["name": name]) { $1 }
    }

    /// Lets go of images that were deleted while a workload used them.
    func releaseImages() async {
        let users = Set(workloads.values.map(\.record.spec.imageID))
        do throws(EngineError) {
            try await BlockingQueue.run { [images] () throws(EngineError) in
                try images.releaseRetained(except: users)
            }
        } catch {
            logger.error("a deleted image could not be let go of: \(error)")
        }
    }
}
