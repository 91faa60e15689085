#!/bin/bash
# Software : lxc 1:5.0.2-1+deb12u4 (Debian 12), on Linux 6.18.
# Behaviour: a recursive bind of the target's /usr brings the container's own root along, since LXC has mounted that below
#            /usr/lib by then, and it stays there, writable, although the entry says ro. A second such entry has it twice over:
#            the number of mounts doubles with each. One would have expected what the target itself has mounted below /usr.
# Seen     : mounts of the container below */lxc/rootfs: 6 after one entry, 19 after two; 0 without rbind
# Exit 0 = as stated, 1 = it has changed, 2 = could not be tried. Needs root.
set -u
[ "$(id -u)" = 0 ] || { echo 'needs root'; exit 2; }
PACKAGES='lxc=1:5.0.2-1+deb12u4'
# Packages that are not here in just these versions are installed into a temporary folder: an overlay on / in a mount namespace of its own.
if [ -z "${IN_TEMPORARY-}" ]; then
  missing=; for p in $PACKAGES; do [ "$(dpkg-query -W -f '${db:Status-Abbrev}${Version}' "${p%%=*}" 2>/dev/null)" = "ii ${p#*=}" ] || missing=1; done
  [ -z "$missing${FORCE_TEMPORARY-}" ] || { folder=$(mktemp -d); unshare -m --propagation private bash -c '
    t=$1; mount -t tmpfs none "$t" && mkdir "$t/u" "$t/w" "$t/r" && mount -t overlay none -o "lowerdir=/,upperdir=$t/u,workdir=$t/w" "$t/r" &&
    for d in proc sys dev run tmp; do mount --rbind "/$d" "$t/r/$d" || exit 2; done && cp "$0" "$t/r/finding.sh" && mkdir "$t/r/.old" && cd "$t/r" && pivot_root . .old && cd / &&
    (apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --allow-downgrades '"$PACKAGES"') >/dev/null 2>&1 || { echo "cannot install '"$PACKAGES"'"; exit 2; }
    IN_TEMPORARY=1 exec bash /finding.sh' "$0" "$folder"; status=$?; rmdir "$folder"; exit "$status"; }
fi
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT
mkdir -p "$T/c/rootfs/"{proc,sys,dev,usr,lib,lib64}
count() {
  printf '%s\n' 'lxc.uts.name = c' "lxc.rootfs.path = dir:$T/c/rootfs" 'lxc.init.cmd = /usr/bin/sleep 1000' \
    'lxc.mount.auto = proc:mixed' 'lxc.net.0.type = empty' 'lxc.mount.entry = /lib64 lib64 none bind,ro,optional 0 0' \
    "$@" > "$T/c/config"
  lxc-start -n c -P "$T" -d || { echo 'cannot run a container' >&2; exit 2; }
  pid=$(lxc-info -n c -P "$T" -p -H)
  grep -c '/lxc/rootfs' "/proc/$pid/mountinfo"
  grep '/lxc/rootfs ' "/proc/$pid/mountinfo" | cut -d ' ' -f 6 | grep -c '^rw' > "$T/writable"
  lxc-stop -n c -P "$T" -k
}
one=$(count 'lxc.mount.entry = /usr usr none rbind,ro 0 0' 'lxc.mount.entry = /lib lib none bind,ro 0 0') || exit 2
two=$(count 'lxc.mount.entry = /usr usr none rbind,ro 0 0' 'lxc.mount.entry = /lib lib none rbind,ro 0 0') || exit 2
writable=$(cat "$T/writable")
none=$(count 'lxc.mount.entry = /usr usr none bind,ro 0 0' 'lxc.mount.entry = /lib lib none bind,ro 0 0') || exit 2
echo "mounts of the container below */lxc/rootfs: $one after one entry, $two after two, of which $writable roots can be written; $none without rbind"
[ "$one" -gt 0 ] && [ "$two" -gt $((2 * one)) ] && [ "$writable" -gt 0 ] && [ "$none" = 0 ]
