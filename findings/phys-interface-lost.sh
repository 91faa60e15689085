#!/bin/bash
# Software : lxc 1:5.0.2-1+deb12u4 (Debian 12), with iproute2 6.1.0-3, on Linux 6.18.
# Behaviour: an interface of type phys comes back under its own name when its container stops, also after a kill of PID 1. After a
#            start that fails because the init program is not there, LXC does not give it back: a virtual one is gone with the
#            network namespace, a device comes back under the name that it had in the container. One would have expected the same.
# Seen     : after a stop: nic; after a start that failed: nothing
# Exit 0 = as stated, 1 = it has changed, 2 = could not be tried. Needs root.
set -u
[ "$(id -u)" = 0 ] || { echo 'needs root'; exit 2; }
PACKAGES='lxc=1:5.0.2-1+deb12u4 iproute2=6.1.0-3'
# Packages that are not here in just these versions are installed into a temporary folder: an overlay on / in a mount namespace of its own.
if [ -z "${IN_TEMPORARY-}" ]; then
  missing=; for p in $PACKAGES; do [ "$(dpkg-query -W -f '${db:Status-Abbrev}${Version}' "${p%%=*}" 2>/dev/null)" = "ii ${p#*=}" ] || missing=1; done
  [ -z "$missing${FORCE_TEMPORARY-}" ] || { folder=$(mktemp -d); unshare -m --propagation private bash -c '
    t=$1; mount -t tmpfs none "$t" && mkdir "$t/u" "$t/w" "$t/r" && mount -t overlay none -o "lowerdir=/,upperdir=$t/u,workdir=$t/w" "$t/r" &&
    for d in proc sys dev run tmp; do mount --rbind "/$d" "$t/r/$d" || exit 2; done && cp "$0" "$t/r/finding.sh" && mkdir "$t/r/.old" && cd "$t/r" && pivot_root . .old && cd / &&
    (apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --allow-downgrades '"$PACKAGES"') >/dev/null 2>&1 || { echo "cannot install '"$PACKAGES"'"; exit 2; }
    IN_TEMPORARY=1 exec bash /finding.sh' "$0" "$folder"; status=$?; rmdir "$folder"; exit "$status"; }
fi
# In a network of its own, so that nothing of this machine is touched.
[ -n "${IN_NETWORK-}" ] || IN_NETWORK=1 exec unshare -n bash "$0"
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT
mkdir -p "$T/c/rootfs/"{proc,sys,dev,usr,lib,lib64}
config() {
  printf '%s\n' 'lxc.uts.name = c' "lxc.rootfs.path = dir:$T/c/rootfs" "lxc.init.cmd = $1" 'lxc.mount.auto = proc:mixed' \
    'lxc.mount.entry = /usr usr none bind,ro 0 0' 'lxc.mount.entry = /lib lib none bind,ro 0 0' \
    'lxc.mount.entry = /lib64 lib64 none bind,ro,optional 0 0' \
    'lxc.net.0.type = phys' 'lxc.net.0.link = nic' 'lxc.net.0.name = eth0' > "$T/c/config"
}
ip link add nic type veth peer name other || { echo 'no veth'; exit 2; }
config '/usr/bin/sleep 1000'
lxc-start -n c -P "$T" -d && lxc-stop -n c -P "$T" -k || { echo 'cannot run a container'; exit 2; }
stopped=$(ip -o link show nic 2>/dev/null | grep -o 'nic@' | head -1)
config '/no/such/program'
lxc-start -n c -P "$T" -d 2>/dev/null && { echo 'it started'; exit 1; }
sleep 1
failed=$(ip -o link show nic 2>/dev/null | grep -o 'nic@' | head -1)
echo "after a stop: ${stopped:-nothing}; after a start that failed: ${failed:-nothing}"
[ -n "$stopped" ] && [ -z "$failed" ]
