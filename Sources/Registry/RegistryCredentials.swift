// SPDX-License-Identifier: Apache-2.0

/// How a client shows a registry who it is.
public struct RegistryCredentials: Sendable, Hashable {
    /// A user's name; empty for none.
    public var user: String
    /// The password.
    public var password: String
    /// A token that a token server gave for the password, and takes instead of it.
    public var identityToken: String
    /// A token for the registry itself.
    public var registryToken: String

    /// Names a user.
    public init(user: String = "", password: String = "", identityToken: String = "", registryToken: String = "") {
        self.user = user
        self.password = password
        self.identityToken = identityToken
        self.registryToken = registryToken
    }

    /// Nobody.
    public static let anonymous = RegistryCredentials()

    /// Whether there is something to keep from others.
    var isSecret: Bool { self != .anonymous }
}
