// SPDX-License-Identifier: Apache-2.0

import OCI
import Registry
import TandemModel

extension RegistryFailure {
    /// The failure of a pull in dockerd's words (distribution/errors.go).
    func pulling(_ reference: Reference) -> EngineError {
        switch code {
        case "DENIED":
            EngineError(
                .notFound,
                "pull access denied for \(reference.familiarName), repository does not exist or may require 'docker login': \(message)",
                hint: "Check the name, or log in: tandem login \(reference.registry)")
        case "MANIFEST_UNKNOWN":
            EngineError(
                .notFound, "manifest for \(reference.description) not found: \(message)", hint: "Check the tag.")
        case "NAME_UNKNOWN":
            EngineError(
                .notFound, "repository \(reference.familiarName) not found: \(message)", hint: "Check the name.")
        default: engineError
        }
    }

    /// The failure as it is.
    var engineError: EngineError {
        let code: EngineError.Code =
            switch reason {
            // Not `unauthorized`: at that status Docker's client asks for a password, also where nobody is.
            case .unauthorized: .permissionDenied
            case .corrupt: .corruptData
            case .cancelled: .unavailable
            case .refused(let status) where status == 403: .permissionDenied
            case .refused(let status) where status == 404: .notFound
            default: .unavailable
            }
        let advice: String? =
            switch reason {
            case .unauthorized: "Log in to the registry first: tandem login"
            case .broken: "Try again: what has come already is kept."
            default: nil
            }
        return EngineError(code, message, hint: hint ?? advice)
    }
}
