// SPDX-License-Identifier: Apache-2.0

import APIModel
import FoundationEssentials
import ImageStore
import OCI
import TandemModel

/// Images in the form of Docker's API.
enum ImageDocument {
    /// What an answer has beside the usual, as far as it was asked for.
    struct Extras {
        /// Bytes of layers that other images have too.
        var sharedSize: UInt64?
        /// How many workloads were made from it.
        var containers: Int?
        /// Whether the client is older than API 1.44, which took `VirtualSize` away.
        var isOld = false
    }

    /// A row of `images/json`.
    static func summary(_ image: Image, names: ImageFilter.Names, _ extras: Extras) -> JSONValue {
        var document: JSONValue = [
            "Id": .string(image.id), "ParentId": .string(image.parent ?? ""), "RepoTags": .strings(names.tags),
            "RepoDigests": .strings(names.digests),
            "Created": .count(ImageFilter.created(image).nanoseconds / 1_000_000_000), "Size": .count(image.size),
            "SharedSize": extras.sharedSize.map { .count($0) } ?? -1,
            "Labels": image.configuration.config?.labels.map { .map($0) } ?? nil,
            "Containers": extras.containers.map { .count($0) } ?? -1,
        ]
        if extras.isOld { document["VirtualSize"] = .count(image.size) }
        return document
    }

    /// The whole document of `images/{name}/json`.
    ///
    /// `content` is the configuration as it came: it may have members that Tandem does not know.
    static func full(_ image: Image, content: Data, lastTagged: String?, request: Request) -> JSONValue {
        let configuration = JSONValue(parsing: content) ?? [:]
        let comment = configuration["comment"].string ?? ""
        let history = image.configuration.history ?? []
        var document: JSONValue = [
            "Id": .string(image.id), "RepoTags": .strings(image.references), "RepoDigests": .strings(image.digests),
            "Parent": .string(image.parent ?? ""),
            "Comment": .string(comment.isEmpty ? history.last?.comment ?? "" : comment),
            "Created": image.configuration.created.map { .string($0) } ?? nil,
            "DockerVersion": .string(configuration["docker_version"].string ?? ""),
            "Author": .string(image.configuration.author ?? ""), "Config": defaults(configuration["config"]),
            "Architecture": .string(image.configuration.architecture), "Os": .string(image.configuration.os),
            "Size": .count(image.size), "GraphDriver": ["Name": "erofs-overlayfs", "Data": nil],
            "RootFS": ["Type": "layers", "Layers": .strings(image.configuration.rootfs.diffIDs)],
            "Metadata": ["LastTagTime": .string(lastTagged ?? "0001-01-01T00:00:00Z")],
        ]
        if let variant = configuration["variant"].string, !variant.isEmpty { document["Variant"] = .string(variant) }
        if let version = configuration["os.version"].string, !version.isEmpty {
            document["OsVersion"] = .string(version)
        }
        if request.isOlder(than: 1, 44) { document["VirtualSize"] = .count(image.size) }
        if request.isOlder(than: 1, 45) {
            // Of the container that an image was once made from; docker-compose 1.29 fails without it.
            document["Container"] = ""
            document["ContainerConfig"] = defaults(.null)
        }
        return document
    }

    /// Docker's `container.Config`, with what the image says on top of nothing said.
    private static func defaults(_ present: JSONValue) -> JSONValue {
        var document: JSONValue = [
            "Hostname": "", "Domainname": "", "User": "", "AttachStdin": false, "AttachStdout": false,
            "AttachStderr": false, "Tty": false, "OpenStdin": false, "StdinOnce": false, "Env": nil, "Cmd": nil,
            "Image": "", "Volumes": nil, "WorkingDir": "", "Entrypoint": nil, "OnBuild": nil, "Labels": nil,
        ]
        for (name, value) in present.object ?? [:] where name != "Healthcheck" || !value.isEmpty {
            document[name] = value
        }
        return document
    }

    /// The rows of `images/{name}/history`, newest first.
    ///
    /// A row has the id of the image that ended with it, as far as that is here.
    static func history(_ image: Image, in images: ImageStore) throws(EngineError) -> JSONValue {
        var sizes = image.layers.map(\.size)[...]
        var rows: [JSONValue] = []
        for entry in image.configuration.history ?? [] {
            let size = entry.emptyLayer == true ? 0 : sizes.popFirst() ?? 0
            let time = try entry.created.map { (text) throws(EngineError) in try TimeParameter.parse(text) }
            rows.append([
                "Id": "<missing>", "Created": .count((time?.nanoseconds ?? 0) / 1_000_000_000),
                "CreatedBy": .string(entry.createdBy ?? ""), "Tags": nil, "Size": .count(size),
                "Comment": .string(entry.comment ?? ""),
            ])
        }
        rows.reverse()
        var step: Image? = image
        for index in rows.indices {
            guard let present = step else { break }
            rows[index]["Id"] = .string(present.id)
            rows[index]["Tags"] = present.references.isEmpty ? nil : .strings(present.references)
            // A parent that has gone ends the row of known ids.
            step = present.parent.flatMap { id in try? images.image(id) }
        }
        return .array(rows)
    }
}

/// How much of each image only it has.
struct LayerSharing {
    private let counts: [String: Int]

    init(_ images: [Image]) {
        var counts: [String: Int] = [:]
        for image in images {
            for layer in Set(image.layers.map(\.diffID)) { counts[layer, default: 0] += 1 }
        }
        self.counts = counts
    }

    /// Bytes of an image's layers that others have too.
    func sharedSize(of image: Image) -> UInt64 {
        var seen: Set<String> = []
        return image.layers.filter { seen.insert($0.diffID).inserted && counts[$0.diffID, default: 0] > 1 }
            .reduce(0) { $0 + $1.size }
    }
}
