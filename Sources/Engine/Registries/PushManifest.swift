// SPDX-License-Identifier: Apache-2.0

import ImageStore
import Registry

/// The manifest under which an image is pushed: Docker's second schema, byte for byte as dockerd writes it, so that the same
/// image has the same digest; OCI's where a layer is not compressed by gzip.
enum PushManifest {
    static let gzipLayer = "application/vnd.docker.image.rootfs.diff.tar.gzip"

    static func make(configuration: (digest: String, size: Int), layers: [LayerSource]) -> RemoteManifest {
        let isDocker = layers.allSatisfy { $0.mediaType.hasSuffix("gzip") }
        let type =
            isDocker
            ? "application/vnd.docker.distribution.manifest.v2+json" : "application/vnd.oci.image.manifest.v1+json"
        let configurationType =
            isDocker
            ? "application/vnd.docker.container.image.v1+json" : "application/vnd.oci.image.config.v1+json"
        var text = """
            {
               "schemaVersion": 2,
               "mediaType": "\(type)",
               "config": {
                  "mediaType": "\(configurationType)",
                  "size": \(configuration.size),
                  "digest": "\(configuration.digest)"
               },
               "layers": [

            """
        text += layers.map { layer in
            """
                  {
                     "mediaType": "\(isDocker ? gzipLayer : layerType(layer))",
                     "size": \(layer.size),
                     "digest": "\(layer.digest)"
                  }
            """
        }.joined(separator: ",\n")
        text += "\n   ]\n}"
        return RemoteManifest(mediaType: type, content: Array(text.utf8))
    }

    private static func layerType(_ layer: LayerSource) -> String {
        let base = "application/vnd.oci.image.layer.v1.tar"
        if layer.mediaType.hasSuffix("gzip") { return base + "+gzip" }
        return layer.mediaType.hasSuffix("zstd") ? base + "+zstd" : base
    }
}
