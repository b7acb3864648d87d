// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LinuxSystem
import OCI
public import TandemModel

/// One image of an archive, and the names that it has there.
public struct SavedImage: Sendable {
    /// The image.
    public var image: Image
    /// Its names in the archive.
    public var references: [String]
}

extension ImageStore {
    /// What names mean to `docker save`: a name with a tag is that one, a name without all of its tags, an id the image
    /// without its names.
    public func selection(_ names: [String]) throws(EngineError) -> [SavedImage] {
        var selected: [SavedImage] = []
        func add(_ image: Image, _ references: [String]) {
            if let index = selected.firstIndex(where: { $0.image.id == image.id }) {
                selected[index].references += references.filter { !selected[index].references.contains($0) }
            } else {
                selected.append(SavedImage(image: image, references: references))
            }
        }
        for name in names {
            let image = try? image(name)  // a name without a tag may have others than `latest`
            let reference = try? Reference(name)
            let isWhole = reference.map { $0.digest != nil || name.hasSuffix(":\($0.tag ?? "")") } ?? false
            if let reference, !isWhole {
                let tags = references.filter { (try? Reference($0.key).familiarName) == reference.familiarName }
                for (tag, id) in tags.sorted(by: { $0.key < $1.key }) { add(try self.image(id), [tag]) }
                if !tags.isEmpty { continue }
            }
            guard let image else {
                _ = try self.image(name)
                continue
            }
            let isNamed = reference.map { image.references.contains($0.description) } ?? false
            add(image, isNamed ? [reference?.description ?? name] : [])
        }
        return selected
    }

    /// Writes an archive as `docker save` does since Docker 25: an OCI layout with Docker's `manifest.json` and
    /// `repositories` (image/tarexport/save.go).
    ///
    /// Blocks.
    ///
    /// - Throws: `.unsupported` for a layer without a record of its tar, before anything is written; `.corruptData` for one
    ///   that is damaged.
    public func save(_ selected: [SavedImage], to descriptor: Int32) throws(EngineError) {
        var plan = ArchivePlan()
        for selection in selected {
            var layers: [(Layer, LayerTar)] = []
            for layer in selection.image.layers {
                layers.append((layer, try LayerTar(layer, split: files.split(layer.diffID))))
            }
            try plan.add(selection, content: try files.read(blob: selection.image.id), layers: layers)
        }
        try plan.write(to: descriptor)
    }
}
