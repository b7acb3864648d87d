// SPDX-License-Identifier: Apache-2.0

/// The store's table of contents, `index.json`: which images there are and what they are called.
struct StoreIndex: Codable {
    /// The ids of all images.
    var images: [String] = []
    /// The image of each reference.
    var references: [String: String] = [:]
    /// The ids of deleted images whose layers a workload still needs.
    var retained: [String]?
    /// When each image was last named, as RFC 3339.
    var tagged: [String: String]?
    /// The image of each name with a digest.
    var digests: [String: String]?
    /// Where layers lie in registries, by diff id.
    var sources: [String: [LayerSource]]?
    /// The image that each one was built or committed from here.
    var parents: [String: String]?
}
