// SPDX-License-Identifier: Apache-2.0

import TandemModel

extension API {
    /// Every route, without its version prefix.
    static let router: Router = {
        var router = Router()
        router.add("GET", "_ping") { (api, call) throws(EngineError) in try await api.ping(call) }
        router.add("HEAD", "_ping") { (api, call) throws(EngineError) in try await api.ping(call) }
        router.add("GET", "version") { (api, call) throws(EngineError) in try await api.version(call) }
        router.add("GET", "info") { (api, call) throws(EngineError) in try await api.info(call) }
        router.add("GET", "system/df") { (api, call) throws(EngineError) in try await api.diskUsage(call) }
        router.add("GET", "events") { (api, call) throws(EngineError) in try await api.events(call) }
        addContainers(&router)
        addImages(&router)
        addVolumes(&router)
        addNetworks(&router)
        addTandem(&router)
        addRefused(&router)
        return router
    }()

    private static func addContainers(_ router: inout Router) {
        router.add("POST", "containers/create") { (api, call) throws(EngineError) in try await api.createContainer(call)
        }
        router.add("GET", "containers/json") { (api, call) throws(EngineError) in try await api.listContainers(call) }
        router.add("POST", "containers/prune") { (api, call) throws(EngineError) in try await api.pruneContainers(call)
        }
        router.add("GET", "containers/{id}/changes") { (api, call) throws(EngineError) in
            try await api.containerChanges(call)
        }
        router.add("GET", "containers/{id}/export") { (api, call) throws(EngineError) in
            try await api.exportContainer(call)
        }
        router.add("GET", "containers/{id}/json") { (api, call) throws(EngineError) in
            try await api.inspectContainer(call)
        }
        router.add("POST", "containers/{id}/start") { (api, call) throws(EngineError) in
            try await api.startContainer(call)
        }
        router.add("POST", "containers/{id}/stop") { (api, call) throws(EngineError) in
            try await api.stopContainer(call)
        }
        router.add("POST", "containers/{id}/kill") { (api, call) throws(EngineError) in
            try await api.killContainer(call)
        }
        router.add("POST", "containers/{id}/restart") { (api, call) throws(EngineError) in
            try await api.restartContainer(call)
        }
        router.add("POST", "containers/{id}/pause") { (api, call) throws(EngineError) in
            try await api.pauseContainer(call)
        }
        router.add("POST", "containers/{id}/unpause") { (api, call) throws(EngineError) in
            try await api.unpauseContainer(call)
        }
        router.add("POST", "containers/{id}/rename") { (api, call) throws(EngineError) in
            try await api.renameContainer(call)
        }
        router.add("POST", "containers/{id}/update") { (api, call) throws(EngineError) in
            try await api.updateContainer(call)
        }
        router.add("POST", "containers/{id}/wait") { (api, call) throws(EngineError) in
            try await api.waitContainer(call)
        }
        router.add("POST", "containers/{id}/resize") { (api, call) throws(EngineError) in
            try await api.resizeContainer(call)
        }
        router.add("POST", "containers/{id}/attach") { (api, call) throws(EngineError) in
            try await api.attachContainer(call)
        }
        router.add("GET", "containers/{id}/attach/ws") { (api, call) throws(EngineError) in
            try await api.attachByWebSocket(call)
        }
        router.add("GET", "containers/{id}/logs") { (api, call) throws(EngineError) in try await api.containerLogs(call)
        }
        router.add("GET", "containers/{id}/top") { (api, call) throws(EngineError) in try await api.topContainer(call) }
        router.add("GET", "containers/{id}/stats") { (api, call) throws(EngineError) in
            try await api.containerStats(call)
        }
        router.add("HEAD", "containers/{id}/archive") { (api, call) throws(EngineError) in
            try await api.statArchive(call)
        }
        router.add("GET", "containers/{id}/archive") { (api, call) throws(EngineError) in try await api.getArchive(call)
        }
        router.add("PUT", "containers/{id}/archive") { (api, call) throws(EngineError) in try await api.putArchive(call)
        }
        router.add("DELETE", "containers/{id}") { (api, call) throws(EngineError) in try await api.removeContainer(call)
        }
        router.add("POST", "containers/{id}/exec") { (api, call) throws(EngineError) in try await api.createExec(call) }
        router.add("POST", "exec/{id}/start") { (api, call) throws(EngineError) in try await api.startExec(call) }
        router.add("POST", "exec/{id}/resize") { (api, call) throws(EngineError) in try await api.resizeExec(call) }
        router.add("GET", "exec/{id}/json") { (api, call) throws(EngineError) in try await api.inspectExec(call) }
    }

    private static func addImages(_ router: inout Router) {
        router.add("GET", "images/json") { (api, call) throws(EngineError) in try await api.listImages(call) }
        router.add("POST", "images/create") { (api, call) throws(EngineError) in try await api.createImage(call) }
        router.add("POST", "images/load") { (api, call) throws(EngineError) in try await api.loadImage(call) }
        router.add("GET", "images/{name...}/json") { (api, call) throws(EngineError) in try await api.inspectImage(call)
        }
        router.add("GET", "images/{name...}/history") { (api, call) throws(EngineError) in
            try await api.imageHistory(call)
        }
        router.add("POST", "images/{name...}/tag") { (api, call) throws(EngineError) in try await api.tagImage(call) }
        router.add("DELETE", "images/{name...}") { (api, call) throws(EngineError) in try await api.removeImage(call) }
        router.add("POST", "images/prune") { (api, call) throws(EngineError) in try await api.pruneImages(call) }
        router.add("POST", "images/{name...}/push") { (api, call) throws(EngineError) in try await api.pushImage(call) }
        router.add("GET", "distribution/{name...}/json") { (api, call) throws(EngineError) in
            try await api.inspectDistribution(call)
        }
        router.add("POST", "auth") { (api, call) throws(EngineError) in try await api.logIn(call) }
        router.add("GET", "images/get") { (api, call) throws(EngineError) in try await api.saveImages(call) }
        router.add("POST", "build") { (api, call) throws(EngineError) in try await api.build(call) }
        router.add("POST", "commit") { (api, call) throws(EngineError) in try await api.commitContainer(call) }
        router.add("GET", "images/{name...}/get") { (api, call) throws(EngineError) in try await api.saveImages(call) }
        router.add("POST", "build/prune") { (api, call) throws(EngineError) in try await api.pruneBuildCache(call) }
    }

    private static func addVolumes(_ router: inout Router) {
        router.add("GET", "volumes") { (api, call) throws(EngineError) in try await api.listVolumes(call) }
        router.add("POST", "volumes/create") { (api, call) throws(EngineError) in try await api.createVolume(call) }
        router.add("POST", "volumes/prune") { (api, call) throws(EngineError) in try await api.pruneVolumes(call) }
        router.add("GET", "volumes/{name}") { (api, call) throws(EngineError) in try await api.inspectVolume(call) }
        router.add("DELETE", "volumes/{name}") { (api, call) throws(EngineError) in try await api.removeVolume(call) }
    }

    private static func addNetworks(_ router: inout Router) {
        router.add("GET", "networks") { (api, call) throws(EngineError) in try await api.listNetworks(call) }
        router.add("POST", "networks/create") { (api, call) throws(EngineError) in try await api.createNetwork(call) }
        router.add("POST", "networks/prune") { (api, call) throws(EngineError) in try await api.pruneNetworks(call) }
        router.add("GET", "networks/{id}") { (api, call) throws(EngineError) in try await api.inspectNetwork(call) }
        router.add("DELETE", "networks/{id}") { (api, call) throws(EngineError) in try await api.removeNetwork(call) }
        router.add("POST", "networks/{id}/connect") { (api, call) throws(EngineError) in
            try await api.connectNetwork(call)
        }
        router.add("POST", "networks/{id}/disconnect") { (api, call) throws(EngineError) in
            try await api.disconnectNetwork(call)
        }
    }

    private static func addTandem(_ router: inout Router) {
        router.add("POST", "tandem/run") { (api, call) throws(EngineError) in try await api.runContainer(call) }
        router.add("POST", "tandem/containers/{id}/exec") { (api, call) throws(EngineError) in
            try await api.runExec(call)
        }
        router.add("GET", "tandem/report") { (api, call) throws(EngineError) in try await api.report(call) }
        router.add("GET", "tandem/containers/{id}/trace") { (api, call) throws(EngineError) in try await api.trace(call)
        }
        router.add("GET", "tandem/containers/{id}/footprint") { (api, call) throws(EngineError) in
            try await api.footprint(call)
        }
        router.add("POST", "tandem/images/import") { (api, call) throws(EngineError) in try await api.importImage(call)
        }
        router.add("POST", "tandem/images/default") { (api, call) throws(EngineError) in
            try await api.defaultImage(call)
        }
        router.add("GET", "tandem/kernels") { (api, call) throws(EngineError) in try await api.listKernels(call) }
        router.add("POST", "tandem/kernels/{name}/use") { (api, call) throws(EngineError) in
            try await api.useKernel(call)
        }
    }
}
