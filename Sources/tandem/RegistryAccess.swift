// SPDX-License-Identifier: Apache-2.0

import APIModel
import Client
import FoundationEssentials
import OCI

/// What this user has to show to a registry.
enum RegistryAccess {
    /// The name of a reference's registry in Docker's config file.
    static func server(of reference: Reference) -> String {
        reference.registry == "docker.io" ? DockerConfiguration.hub : reference.registry
    }

    /// The header that hands over what opens the registry of a reference; none if nothing is known.
    static func headers(for reference: Reference) throws(ClientError) -> [(String, String)] {
        guard let credentials = try DockerConfiguration().credentials(for: server(of: reference)) else { return [] }
        let text = Data(credentials.encoded()).base64EncodedString()
        return [("X-Registry-Auth", text.replacing("+", with: "-").replacing("/", with: "_"))]
    }
}
