// SPDX-License-Identifier: Apache-2.0

public import TandemModel

/// Something that happened, in Docker's words.
public struct EngineEvent: Sendable {
    /// `container`, `image` or `volume`.
    public var type: String
    /// For example `start`.
    public var action: String
    /// The object's id or name.
    public var id: String
    /// Name, image, exit code and labels.
    public var attributes: [String: String]
    /// When.
    public var time: Timestamp

    /// Describes an event.
    public init(type: String, action: String, id: String, attributes: [String: String], time: Timestamp) {
        self.type = type
        self.action = action
        self.id = id
        self.attributes = attributes
        self.time = time
    }
}
