// SPDX-License-Identifier: Apache-2.0

import APIModel
import TandemModel

extension API {
    /// The rest of Docker's API: known, and refused in a sentence instead of by "page not found".
    static func addRefused(_ router: inout Router) {
        addLater(&router)
        addSwarm(&router)
        addPlugins(&router)
    }

    private static func addLater(_ router: inout Router) {
        router.refuse(
            "GET", "images/search", "searching registries is not supported", hint: "Search on the registry's own page.")
        for path in ["build/cancel", "session", "grpc"] {
            router.refuse(
                "POST", path, "BuildKit is not supported: images are built by the classic builder",
                hint: "Set DOCKER_BUILDKIT=0.")
        }
        router.refuse("PUT", "volumes/{name}", "there are no cluster volumes: Tandem knows no swarm")
        router.refuse("GET", "containers/{id}/checkpoints", "checkpoints are not supported")
        router.refuse("POST", "containers/{id}/checkpoints", "checkpoints are not supported")
        router.refuse("DELETE", "containers/{id}/checkpoints/{checkpoint}", "checkpoints are not supported")
    }

    private static func addSwarm(_ router: inout Router) {
        var routes = [
            ("GET", "swarm"), ("POST", "swarm/init"), ("POST", "swarm/join"), ("POST", "swarm/leave"),
            ("POST", "swarm/update"), ("GET", "swarm/unlockkey"), ("POST", "swarm/unlock"),
            ("GET", "nodes"), ("GET", "nodes/{id}"), ("DELETE", "nodes/{id}"), ("POST", "nodes/{id}/update"),
            ("GET", "services/{id}/logs"), ("GET", "tasks"), ("GET", "tasks/{id}"), ("GET", "tasks/{id}/logs"),
        ]
        for kind in ["services", "secrets", "configs"] {
            routes += [
                ("GET", kind), ("POST", "\(kind)/create"), ("GET", "\(kind)/{id}"), ("DELETE", "\(kind)/{id}"),
                ("POST", "\(kind)/{id}/update"),
            ]
        }
        for (method, pattern) in routes {
            router.refuse(
                method, pattern, "Tandem knows no swarm: it runs workloads on one host",
                hint: "Use compose for several services on this host.")
        }
    }

    private static func addPlugins(_ router: inout Router) {
        router.add("GET", "plugins") { (_, call) throws(EngineError) in try await call.connection.respond([]) }
        for (method, pattern) in [
            ("GET", "plugins/privileges"), ("POST", "plugins/pull"), ("POST", "plugins/create"),
            ("GET", "plugins/{name...}/json"), ("DELETE", "plugins/{name...}"), ("POST", "plugins/{name...}/enable"),
            ("POST", "plugins/{name...}/disable"), ("POST", "plugins/{name...}/upgrade"),
            ("POST", "plugins/{name...}/push"), ("POST", "plugins/{name...}/set"),
        ] {
            router.refuse(method, pattern, "plugins are not supported")
        }
    }
}
