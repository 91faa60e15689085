#!/bin/sh
# LXC template that does what the template of the chapter "SoftwareContainer using LXC" does: make the tree,
# copy busybox and link its functions, append to the config. Run by lxc-create; -n, -p and --rootfs come from it.
set -eu

name='' path='' rootfs=''
for argument in "$@"; do
    case "$argument" in
        --name=*) name=${argument#*=} ;;
        --path=*) path=${argument#*=} ;;
        --rootfs=*) rootfs=${argument#*=} ;;
    esac
done
rootfs=${rootfs#dir:}

install_prefix=/usr/local
busybox=$(command -v busybox)
init_directory=$(dirname "$(command -v init.lxc)")

install_tree() {
    for directory in bin dev etc etc/pulse gateways home lib lib64 proc root sbin sys tmp \
        usr usr/lib usr/lib64 usr/sbin "${install_prefix#/}"; do
        mkdir -p "$rootfs/$directory"
        chmod 755 "$rootfs/$directory"
    done
    echo 'root:x:0:0:root:/root:/bin/sh' >>"$rootfs/etc/passwd"
    echo 'root:x:0:root' >>"$rootfs/etc/group"
    echo 'disable-shm=yes' >>"$rootfs/etc/pulse/client.conf"
    tr -d - </proc/sys/kernel/random/uuid >"$rootfs/etc/machine-id"
    cp /etc/resolv.conf "$rootfs/etc/resolv.conf"
}

install_busybox() {
    cp "$busybox" "$rootfs/bin/busybox"
    for function in $("$busybox" --list); do
        [ "$function" = busybox ] || ln -s busybox "$rootfs/bin/$function"
    done
}

append_config() {
    {
        echo "lxc.uts.name = $name"
        echo "lxc.rootfs.path = dir:$rootfs"
        for directory in /lib64 /usr/lib64; do
            [ ! -d "$directory" ] || echo "lxc.mount.entry = $directory ${directory#/} none ro,bind 0 0"
        done
        echo "lxc.mount.entry = $install_prefix ${install_prefix#/} none ro,bind 0 0"
        echo "lxc.mount.entry = $init_directory usr/sbin none ro,bind 0 0"
        echo "lxc.init.cmd = /usr/sbin/init.lxc --name $name -- /bin/busybox sleep 100000000"
    } >>"$path/config"
}

install_tree
install_busybox
append_config
