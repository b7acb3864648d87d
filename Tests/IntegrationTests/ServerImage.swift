// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// An image of the host's own nginx and dnsmasq with their libraries, and of busybox to ask others from there.
enum ServerImage {
    static let name = "servers-of-the-host"

    /// Makes it, unless the daemon has it.
    ///
    /// Its web server says the name of its host.
    static func make(on daemon: Daemon) async throws {
        if try await daemon.tandem("image", "inspect", name).status == 0 { return }
        let folder = try ScratchFolder(prefix: "servers")
        defer { folder.remove() }
        let result = try await Program("/bin/sh", ["-ec", script, folder.path]).run(deadline: 60)
        #expect(result.status == 0, "\(result.errors)")
        try await daemon.succeed("image", "import", "-c", "CMD [\"/usr/sbin/nginx\"]", folder.path + "/image.tar", name)
    }

    private static let script = """
        cd "$0"
        mkdir -p root/bin root/etc/nginx root/usr/sbin root/var/log/nginx root/var/lib/nginx root/run root/var/run root/www root/tmp
        cp /usr/sbin/nginx /usr/sbin/dnsmasq root/usr/sbin/
        for library in $(ldd root/usr/sbin/* | grep -o '/lib[^ ]*' | sort -u); do cp --parents -L "$library" root; done
        cp /bin/busybox root/bin/
        for applet in sh wget sleep cat head wc seq; do ln -s busybox root/bin/$applet; done
        echo 'root:x:0:0:root:/:/bin/sh' > root/etc/passwd
        echo 'root:x:0:' > root/etc/group
        head -c 3000000 /dev/zero > root/www/large
        cat > root/etc/nginx/nginx.conf <<'CONFIGURATION'
        user root root;
        daemon off;
        pid /run/nginx.pid;
        error_log stderr;
        events {}
        http {
            access_log off;
            server {
                listen 80;
                root /www;
                location = / { return 200 "$hostname\\n"; }
            }
        }
        CONFIGURATION
        tar -c -f image.tar -C root .
        """
}
