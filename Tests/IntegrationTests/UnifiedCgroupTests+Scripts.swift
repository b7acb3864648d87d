// SPDX-License-Identifier: Apache-2.0

extension UnifiedCgroupTests {
    /// Runs in the guest's workload, with the path of `inside` below /host and the folder of the programs.
    ///
    /// Makes the host's files the root, with the guest's own kernel file systems in it.
    static let outside = #"""
        set -e
        # A group with processes cannot hand its controllers on: everybody moves into a leaf.
        mkdir /sys/fs/cgroup/init
        echo 0 > /sys/fs/cgroup/init/cgroup.procs
        cd /host
        for folder in proc sys dev; do mount -o rbind /$folder $folder; done
        script=$(cat "$1")
        # They may lie in a folder that is covered below.
        mount -o bind ".$2" srv
        for folder in tmp run; do mount -t tmpfs tmpfs $folder; done
        mkdir tmp/old
        # Not chroot: who enters a mount namespace starts at its root, not at that of its processes.
        pivot_root . tmp/old
        exec chroot . /bin/sh -c "umount -l /tmp/old; $script" sh /srv
        """#

    /// Runs on the host's files in the guest, with the folder of the programs; prints a fact a line.
    static let inside = #"""
        export TANDEM_HOST=unix:///tmp/r/tandem.sock PATH=$1:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp
        cd /tmp
        start() {
            # The test driver answers without a hypervisor: only containers are run here.
            tandemd --data-root /tmp/d --run-root /tmp/r --accelerator tcg --libvirt-uri test:///default 2>>/tmp/log &
            daemon=$!
            await tandem version
        }
        await() {
            for attempt in $(seq 150); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
            echo "in vain: $*" >&2
        }
        # Without networks: the stock kernel has bridges as modules, which the guest does not have.
        # Every call of tandem takes a second here: ids come from `run -d`.
        group() { echo /sys/fs/cgroup/tandem/*/$1; }
        # none if the folder is gone, else what is in it
        gone() { if [ -e "$1" ]; then echo $(find "$1" -type d); else echo none; fi; }
        # The path of a container's view within the hierarchy: field 4 of proc_pid_mountinfo(5).
        mount='grep " /sys/fs/cgroup " /proc/self/mountinfo | cut -d" " -f4'
        start
        echo "doctor=$(tandem doctor | grep cgroup:)"
        echo "own group=$(tandem run --network none --rm busybox cat /proc/self/cgroup)"
        echo "own mount=$(tandem run --network none --rm busybox sh -c "$mount")"

        group=$(group $(tandem run --network none -d --name limited -m 64m --memory-swap 96m --memory-reservation 32m --cpus 0.5 --pids-limit 33 \
            --cpu-shares 512 --cpuset-cpus 1 busybox sleep 1000))
        for file in memory.max memory.swap.max memory.low cpu.max pids.max cpu.weight cpuset.cpus; do
            echo "$file=$(cat $group/$file)"
        done
        echo "members=$(wc -l < $group/cgroup.procs)"
        first=$(cat $group/cgroup.procs)
        tandem exec limited sh -c "
            echo exec group=\$(cat /proc/self/cgroup)
            echo exec mount=\$($mount)
            echo exec processors=\$(sed -n 's/^Cpus_allowed_list:.//p' /proc/self/status)
            exec sleep 1000" > exec.out &
        await grep processors exec.out
        cat exec.out
        echo "members during exec=$(wc -l < $group/cgroup.procs)"
        for process in $(cat $group/cgroup.procs); do [ $process = $first ] || kill -9 $process; done
        tandem update -m 48m --cpus 0.75 --pids-limit 44 --cpu-shares 2048 --cpuset-cpus 0 limited >/dev/null
        for file in memory.max cpu.max pids.max cpu.weight cpuset.cpus; do echo "updated $file=$(cat $group/$file)"; done
        tandem run --network none --rm --pids-limit 4 busybox sh -c 'for i in 1 2 3 4; do sleep 1 & done; wait' 2>&1 | grep -q fork \
            && echo "forks beyond the limit=refused"
        echo "stats=$(tandem stats --no-stream limited | awk 'END {print $6, $NF}')"
        tandem pause limited >/dev/null
        echo "paused=$(grep frozen $group/cgroup.events)"
        tandem unpause limited >/dev/null
        echo "unpaused=$(grep frozen $group/cgroup.events)"

        # The guest's writable disk.
        numbers=$(tr : ' ' < /sys/block/vdb/dev)
        try() { echo "head -c 1 $1 >/dev/null 2>&1 && echo $2=read || echo $2=refused"; }
        try_write() { echo "(: > $1) 2>/dev/null && echo $2, writing=done || echo $2, writing=refused"; }
        tandem exec limited sh -c "cd /tmp; mknod zero c 1 5; mknod disk b $numbers; $(try zero zero); $(try disk disk)"
        tandem run --network none --rm --device /dev/vdb:/dev/disk:r busybox sh -c "
            $(try /dev/disk 'disk by --device'); $(try_write /dev/disk 'disk by --device')"
        tandem run --network none --rm --privileged busybox sh -c "mknod /tmp/disk b $numbers
            $(try /tmp/disk 'disk, privileged'); $(try_write /tmp/disk 'disk, privileged')"

        tandem kill limited >/dev/null
        echo "killed=$(tandem wait limited)"
        tandem rm limited >/dev/null
        echo "group after rm=$(gone $group)"

        tandem run --network none --name greedy -m 8m --memory-swap 8m busybox tail /dev/zero >/dev/null 2>&1
        echo "oom=$? $(tandem inspect --format '{{.State.OOMKilled}}' greedy)"

        group=$(group $(tandem run --network none -d --name parent --privileged busybox sh -c '
            cd /sys/fs/cgroup; mkdir leaf; echo 1 > leaf/cgroup.procs
            echo +memory +pids > cgroup.subtree_control; mkdir leaf2; exec sleep 1000'))
        await [ -e $group/leaf2 ]
        echo "delegated=$([ -e $group/leaf2/memory.max ] && echo yes)"
        echo "exec after delegation=$(tandem exec parent cat /proc/self/cgroup)"
        tandem rm -f parent >/dev/null
        echo "groups after rm -f=$(gone $group)"

        group=$(group $(tandem run --network none -d --name frozen busybox sleep 1000))
        tandem pause frozen >/dev/null
        tandem rm -f frozen >/dev/null
        echo "paused one after rm -f=$(gone $group)"

        tandem run --network none -d --name survivor busybox sleep 1000 >/dev/null
        kill -9 $daemon
        wait $daemon
        start
        echo "state after a crash=$(tandem inspect --format '{{.State.Status}}' survivor)"
        echo "exec after a crash=$(tandem exec survivor cat /proc/self/cgroup)"
        tandem rm -f survivor greedy >/dev/null
        strays=$(find /sys/fs/cgroup/tandem -mindepth 2 -type d)
        echo "strays=${strays:-none}"
        kill $daemon
        wait $daemon
        echo "scope after the daemon's end=$(gone /sys/fs/cgroup/tandem)"
        echo end=reached
        cat /tmp/log >&2
        """#
}
