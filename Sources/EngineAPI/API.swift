// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import Logging
import NIOHTTP1
import TandemModel

/// Finds the function for a request, and turns its failure into a response.
struct API: Sendable {
    let engine: Engine
    let host: HostFacts
    let kernels: any KernelChoice
    let logger: Logger

    func handle(_ request: Request, _ connection: Connection) async throws(EngineError) {
        do throws(EngineError) {
            try check(version: request.version)
            guard let (route, parameters) = Self.router.find(request.method.rawValue, request.path) else {
                throw EngineError(
                    .notFound, "page not found",
                    hint: "The path of a request begins with a version, for example /v\(APIVersion.newest)/info.")
            }
            try await route.handler(self, Call(request: request, connection: connection, parameters: parameters))
            if !connection.isTakenOver { try await request.skipBody() }
        } catch {
            if !connection.hasResponded {
                if !connection.isTakenOver { try await request.skipBody() }
                try await respond(error, to: request, connection)
            } else {
                logger.info("\(request.method.rawValue) \(request.path) failed after its response had begun: \(error)")
                throw error
            }
        }
    }

    private func check(version: String?) throws(EngineError) {
        guard let version else { return }
        let asked = Self.number(version)
        if asked > Self.number(APIVersion.newest) {
            throw EngineError(
                .invalidArgument,
                "client version \(version) is too new. Maximum supported API version is \(APIVersion.newest)",
                hint: "Set DOCKER_API_VERSION=\(APIVersion.newest).")
        }
        if asked < Self.number(APIVersion.oldest) {
            throw EngineError(
                .invalidArgument,
                "client version \(version) is too old. Minimum supported API version is \(APIVersion.oldest), please upgrade your client to a newer version"
            )
        }
    }

    private static func number(_ version: String) -> Int {
        let parts = version.split(separator: ".").map { Int($0) ?? 0 }
        return (parts.first ?? 0) * 1_000 + (parts.dropFirst().first ?? 0)
    }

    private func respond(_ error: EngineError, to request: Request, _ connection: Connection) async throws(EngineError)
    {
        var document: JSONValue = ["message": .string(error.message)]
        if let hint = error.hint { document["hint"] = .string(hint) }
        if error.code == .internal || !error.cleanupFailures.isEmpty {
            logger.error("\(request.method.rawValue) \(request.path): \(error) \(error.cleanupFailures.map(\.message))")
        }
        let status = Self.status(error.code)
        let headers = [("Tandem-Error-Code", error.code.description)]
        if status == .notModified || request.method == .HEAD {
            try await connection.respond(status, headers: headers)
        } else {
            try await connection.respond(status, document.encoded() + [0x0A], headers: headers)
        }
    }

    private static func status(_ code: EngineError.Code) -> HTTPResponseStatus {
        switch code {
        case .invalidArgument, .corruptData, .commandNotFound, .commandNotExecutable: .badRequest
        case .notFound: .notFound
        case .conflict: .conflict
        case .notModified: .notModified
        case .unsupported: .notImplemented
        case .permissionDenied: .forbidden
        case .unauthorized: .unauthorized
        default: .internalServerError
        }
    }
}

/// A request on its way.
struct Call {
    let request: Request
    let connection: Connection
    /// What stood in the places of the route's placeholders, by their names.
    let parameters: [String: String]

    /// A placeholder's value.
    subscript(name: String) -> String { parameters[name] ?? "" }
}
