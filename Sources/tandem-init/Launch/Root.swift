// SPDX-License-Identifier: Apache-2.0

import CLinux

extension LaunchPlan {
    /// Builds the root file system in the new mount namespace and makes it this process's root.
    ///
    /// Runs in the child, after clone3. Every failure ends the process.
    func enterRoot(_ report: FailureReport) {
        let trees = mounts.map { $0.copyTree(report) }
        // Nothing that happens here may reach the executor's mounts, and nothing later of theirs is kept alive here.
        let propagation = root.propagation == 0 ? UInt(MS_REC | MS_PRIVATE) : UInt(root.propagation)
        report.check(
            mountFileSystem(source: [], target: [0x2F], type: [], flags: propagation, options: []), .root, [0x2F])
        mountRoot(report)
        let descriptor = open(root.mountPoint, O_PATH | O_DIRECTORY)
        report.check(descriptor, .root, root.mountPoint)
        let folder = RootFolder(descriptor: descriptor)
        for index in mounts.indices {
            if let failure = folder.mount(mounts[index], tree: trees[index]) { report.fail(failure) }
            if trees[index] >= 0 { close(trees[index]) }
        }
        for device in devices { folder.make(device, report) }
        for link in links { folder.make(link, report) }
        for file in files { folder.make(file, report) }
        makeWorkingDirectory(in: folder, report)
        report.check(fchdir(descriptor), .root, root.mountPoint)
        // pivot_root(2), "pivot_root(".", ".")": the old root lies on top of the new one and is then detached.
        report.check(tandem_pivot_root(".", "."), .root, bytes("pivot_root"))
        report.check(umount2(".", Int32(MNT_DETACH)), .root, bytes("umount"))
        report.check(chdir("/"), .root, [0x2F])
        close(descriptor)
        finishRoot(report)
    }

    private func mountRoot(_ report: FailureReport) {
        guard !root.layers.isEmpty else {
            bindRoot(root.upper, report)
            return
        }
        // The option string must stay below a page: the layers' common folder becomes the working directory, and
        // each layer is named relative to it. overlayfs wants the highest layer first.
        if root.upper.isEmpty && root.layers.count == 1 { return bindRoot(root.layers[0], report) }
        let folder = parent(of: root.layers[0])
        report.check(withPath(folder) { chdir($0) }, .root, folder)
        var options = bytes("lowerdir=")
        for (index, layer) in root.layers.reversed().enumerated() {
            if index > 0 { options.append(0x3A) }
            options += escaped(parent(of: layer) == folder ? Bytes(layer[(folder.count + 1)...]) : layer)
        }
        if !root.upper.isEmpty {
            options += bytes(",upperdir=") + escaped(root.upper) + bytes(",workdir=") + escaped(root.work)
        }
        let optional = root.discardable ? bytes(",volatile") : []
        var result = mountOverlay(options + optional)
        if result < 0 && tandem_errno() == ENOENT {
            // A new writable disk of a guest is empty.
            for needed in [root.upper, root.work, root.mountPoint] where !needed.isEmpty { makeFolders(needed) }
            result = mountOverlay(options + optional)
        }
        if result < 0 && root.discardable && tandem_errno() == EINVAL {
            // An earlier start has left the sign that not everything may have come to the disk (Documentation/filesystems/
            // overlayfs, "Volatile mount"). It was this guest's, or its predecessor's that was ended in order.
            let sign = root.work + bytes("/work/incompat/volatile")
            _ = withPath(sign + bytes("/dirty")) { unlink($0) }
            _ = withPath(sign) { rmdir($0) }
            result = mountOverlay(options + optional)
        }
        // A kernel before 5.10 does not know the option.
        if result < 0 && root.discardable && tandem_errno() == EINVAL { result = mountOverlay(options) }
        report.check(result, .root, bytes("overlay"))
    }

    private func bindRoot(_ folder: Bytes, _ report: FailureReport) {
        report.check(
            mountFileSystem(
                source: folder, target: root.mountPoint, type: [], flags: UInt(MS_BIND | MS_REC), options: []),
            .root, folder)
    }

    /// overlayfs separates layers with colons and options with commas.
    private func escaped(_ path: Bytes) -> Bytes {
        var result: Bytes = []
        for byte in path {
            if byte == 0x3A || byte == 0x2C || byte == 0x5C { result.append(0x5C) }
            result.append(byte)
        }
        return result
    }

    private func mountOverlay(_ options: Bytes) -> Int32 {
        mountFileSystem(
            source: bytes("overlay"), target: root.mountPoint, type: bytes("overlay"), flags: 0, options: options)
    }

    private func parent(of path: Bytes) -> Bytes {
        guard let slash = path.lastIndex(of: 0x2F) else { return [0x2E] }
        return Bytes(path[..<slash])
    }

    /// Docker makes a missing working directory when the container is made.
    private func makeWorkingDirectory(in folder: RootFolder, _ report: FailureReport) {
        guard process.workingDirectory.count > 1, process.program == .arguments else { return }
        let existing = folder.openOrMake(process.workingDirectory, asFile: false)
        report.check(existing, .workingDirectory, process.workingDirectory)
        close(existing)
    }

    private func finishRoot(_ report: FailureReport) {
        let descriptor = open([0x2F], O_PATH | O_DIRECTORY)
        report.check(descriptor, .root, [0x2F])
        let folder = RootFolder(descriptor: descriptor)
        for path in readOnlyPaths {
            if let failure = folder.protect(path) { report.fail(failure) }
        }
        for path in maskedPaths {
            if let failure = folder.mask(path) { report.fail(failure) }
        }
        if root.readOnly { report.check(remountBind(descriptor, flags: UInt(MS_RDONLY)), .root, bytes("read-only")) }
        close(descriptor)
    }

    /// Writes a kernel parameter.
    ///
    /// The tables of the new namespaces follow the writer, so the executor's /proc serves, whatever the plan mounts.
    func write(_ sysctl: Sysctl, _ report: FailureReport) {
        let path = bytes("/proc/sys/") + sysctl.name.map { $0 == 0x2E ? 0x2F : $0 }
        let problem = writeFile(path, sysctl.value)
        if problem != 0 { report.fail(LaunchFailure(.sysctl, errno: problem, object: sysctl.name)) }
    }
}

extension RootFolder {
    func make(_ device: DeviceNode, _ report: FailureReport) {
        guard let place = makeParent(of: device.path) else { report.fail(.device, device.path) }
        let number = UInt(tandem_device(device.major, device.minor))
        // The mask of the caller must not take bits away.
        let mask = umask(0)
        var made = withPath(place.last) { mknodat(place.folder, $0, device.mode, number) }
        if made < 0 && tandem_errno() == EEXIST {
            // Left by the image or an earlier start: what the plan says counts.
            _ = withPath(place.last) { unlinkat(place.folder, $0, 0) }
            made = withPath(place.last) { mknodat(place.folder, $0, device.mode, number) }
        }
        report.check(made, .device, device.path)
        umask(mask)
        let owned = withPath(place.last) {
            fchownat(place.folder, $0, device.uid, device.gid, AT_SYMLINK_NOFOLLOW)
        }
        report.check(owned, .device, device.path)
        close(place.folder)
    }

    func make(_ link: SymbolicLink, _ report: FailureReport) {
        guard let place = makeParent(of: link.path) else { report.fail(.device, link.path) }
        let made = withPath(link.target) { target in
            withPath(place.last) { symlinkat(target, place.folder, $0) }
        }
        if made < 0 && tandem_errno() != EEXIST { report.fail(.device, link.path) }
        close(place.folder)
    }

    func make(_ file: FileContent, _ report: FailureReport) {
        guard let place = makeParent(of: file.path) else { report.fail(.device, file.path) }
        // What the image has there may be a link to anywhere: it is replaced, not followed.
        _ = withPath(place.last) { unlinkat(place.folder, $0, 0) }
        let descriptor = withPath(place.last) {
            tandem_openat(place.folder, $0, O_CREAT | O_WRONLY | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file.mode)
        }
        report.check(descriptor, .device, file.path)
        let problem = writeAll(descriptor, file.content)
        if problem != 0 { report.fail(LaunchFailure(.device, errno: problem, object: file.path)) }
        _ = fchmod(descriptor, file.mode)
        close(descriptor)
        close(place.folder)
    }
}
