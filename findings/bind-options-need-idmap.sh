#!/bin/bash
# Software : LXC 5.0.2 (Debian 12, lxc 1:5.0.2-1+deb12u4), tools; as root, Linux 5.12 or later.
# Behaviour: A container with an id map has two bind mounts that may be written, both with nosuid, nodev and noexec. One would
#            expect both to have these options. LXC leaves all three out of the one, without a warning, and sets them on the
#            other one, which has idmap=container besides: that is made by newer system calls. So whether an option is in
#            force depends on another option of the same line.
# Seen     : plain: rw,relatime; with idmap: rw,nosuid,nodev,noexec,relatime,idmapped
# Exit 0 = as stated, 1 = it has changed, 2 = could not be tried. Needs root.
set -u
[ "$(id -u)" = 0 ] || { echo 'needs root'; exit 2; }
PACKAGES='lxc=1:5.0.2-1+deb12u4 liblxc1=1:5.0.2-1+deb12u4 liblxc-common=1:5.0.2-1+deb12u4'
# Packages that are not here in just these versions are installed into a temporary folder: an overlay on / in a mount namespace of its own.
if [ -z "${IN_TEMPORARY-}" ]; then
  missing=; for p in $PACKAGES; do [ "$(dpkg-query -W -f '${db:Status-Abbrev}${Version}' "${p%%=*}" 2>/dev/null)" = "ii ${p#*=}" ] || missing=1; done
  [ -z "$missing${FORCE_TEMPORARY-}" ] || { folder=$(mktemp -d); unshare -m --propagation private bash -c '
    t=$1; mount -t tmpfs none "$t" && mkdir "$t/u" "$t/w" "$t/r" && mount -t overlay none -o "lowerdir=/,upperdir=$t/u,workdir=$t/w" "$t/r" &&
    for d in proc sys dev run tmp; do mount --rbind "/$d" "$t/r/$d" || exit 2; done && cp "$0" "$t/r/finding.sh" && mkdir "$t/r/.old" && cd "$t/r" && pivot_root . .old && cd / &&
    (apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --allow-downgrades '"$PACKAGES"') >/dev/null 2>&1 || { echo "cannot install '"$PACKAGES"'"; exit 2; }
    IN_TEMPORARY=1 exec bash /finding.sh' "$0" "$folder"; status=$?; rmdir "$folder"; exit "$status"; }
fi
# Ids for root, should newuidmap ask for them; the mounts end with the namespace.
[ -n "${WITH_IDS-}" ] || WITH_IDS=1 exec unshare -m --propagation private bash -c '
  ids=$(mktemp); echo root:1879048192:65536 > "$ids"
  touch /etc/subuid /etc/subgid; mount --bind "$ids" /etc/subuid; mount --bind "$ids" /etc/subgid; rm "$ids"; exec bash "$0"' "$0"
T=$(mktemp -d); trap 'lxc-stop -P "$T" -n one -k 2>/dev/null; rm -rf "$T"' EXIT
chmod 755 "$T"; mkdir -p "$T/one/rootfs/"{plain,mapped,usr,lib,lib64,bin,proc,dev} "$T/a" "$T/b"
chown -R 1879048192:1879048192 "$T/one/rootfs"
chown 0:1879048192 "$T/one"; chmod 710 "$T/one"
cat > "$T/one/config" <<END
lxc.uts.name = one
lxc.rootfs.path = dir:$T/one/rootfs
lxc.init.cmd = /bin/sleep 30
lxc.net.0.type = empty
lxc.idmap = u 0 1879048192 65536
lxc.idmap = g 0 1879048192 65536
lxc.mount.entry = /usr usr none bind,ro 0 0
lxc.mount.entry = /lib lib none bind,ro 0 0
lxc.mount.entry = /lib64 lib64 none bind,ro,optional 0 0
lxc.mount.entry = /bin bin none bind,ro 0 0
lxc.mount.entry = $T/a plain none bind,rw,nosuid,nodev,noexec 0 0
lxc.mount.entry = $T/b mapped none bind,rw,nosuid,nodev,noexec,idmap=container 0 0
END
lxc-start -P "$T" -n one || { echo 'the container does not start'; exit 2; }
pid=$(lxc-info -P "$T" -n one -p -H)
options() { awk -v point="$1" '$5 == point { print $6 }' "/proc/$pid/mountinfo"; }
plain=$(options /plain) mapped=$(options /mapped)
echo "plain: $plain; with idmap: $mapped"
[ "$plain" = rw,relatime ] && [ "$mapped" = rw,nosuid,nodev,noexec,relatime,idmapped ]
