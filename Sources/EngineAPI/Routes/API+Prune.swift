// SPDX-License-Identifier: Apache-2.0

import APIModel
import TandemModel

/// What `docker system prune` asks for and Tandem never has any of.
extension API {
    func pruneBuildCache(_ call: Call) async throws(EngineError) {
        try await call.connection.respond(["CachesDeleted": nil, "SpaceReclaimed": 0])
    }
}
