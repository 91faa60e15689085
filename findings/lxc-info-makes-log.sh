#!/bin/bash
# Software : LXC 5.0.2 (Debian 12, lxc 1:5.0.2-1+deb12u4), tools; as root.
# Behaviour: A config has lxc.log.file. One would expect LXC to write there when it starts or stops the container. It opens
#            the file whenever it loads the config: lxc-info of a container that never ran makes it, and the directories
#            that are missing on the way, with exit status 0. So whoever only looks has changed the disk, and a config that
#            is tried under another name leaves the log of the real one behind.
# Seen     : before: nothing; lxc-info: 0; after: logs logs/deep logs/deep/here.log
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
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT
mkdir -p "$T/lxc/one/rootfs"
printf '%s\n' 'lxc.uts.name = one' "lxc.rootfs.path = dir:$T/lxc/one/rootfs" "lxc.log.file = $T/logs/deep/here.log" > "$T/lxc/one/config"
before=$(cd "$T" && find logs 2>/dev/null)
lxc-info -P "$T/lxc" -n one -s > /dev/null
code=$?
after=$(cd "$T" && find logs 2>/dev/null | sort | xargs)
echo "before: ${before:-nothing}; lxc-info: $code; after: $after"
[ -z "$before" ] && [ "$code" = 0 ] && [ "$after" = 'logs logs/deep logs/deep/here.log' ]
