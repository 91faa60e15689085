#!/bin/bash
# Software : LXC 5.0.2 (Debian 12, lxc 1:5.0.2-1+deb12u4), tools; as root.
# Behaviour: A container that runs is known by the text of the path that it was started with. By another path of the same
#            directory, through a link, lxc-info says STOPPED and lxc-ls lists nothing as running, both with exit status 0;
#            and lxc-start starts it once more: two PID 1 in one root file system. One would expect one directory to be
#            one place. It is met where a lxc path is a link: lxc-autostart uses lxc.lxcpath, a person another spelling.
# Seen     : by link RUNNING, by real STOPPED; started again by real: 0, and 2 monitors
# Exit 0 = as stated, 1 = it has changed, 2 = could not be tried. Needs root, and a kernel that runs containers.
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
T=$(mktemp -d); trap 'lxc-stop -k -P "$T/real" -n c 2>/dev/null; lxc-stop -k -P "$T/link" -n c 2>/dev/null; rm -rf --one-file-system "$T"' EXIT
mkdir -p "$T/real/c/rootfs"; ln -s real "$T/link"; cd "$T" || exit 2
for d in bin sbin lib lib64 usr proc; do mkdir -p "real/c/rootfs/$d"; done
{
  printf 'lxc.uts.name = c\nlxc.rootfs.path = dir:%s/real/c/rootfs\nlxc.init.cmd = /bin/sleep 60\nlxc.net.0.type = empty\n' "$T"
  for d in bin sbin lib lib64 usr; do echo "lxc.mount.entry = /$d $d none rbind,ro 0 0"; done
} > real/c/config
lxc-start -P "$T/link" -n c || { echo 'cannot start a container here'; exit 2; }
by_link=$(lxc-info -P "$T/link" -n c -s -H) by_real=$(lxc-info -P "$T/real" -n c -s -H); status=$?
listed=$(lxc-ls -P "$T/real" --running -1)
lxc-start -P "$T/real" -n c; again=$?
sockets=$(grep -c "@$T/\(link\|real\)/c/command" /proc/net/unix)
echo "by link $by_link, by real $by_real with exit status $status, listed by real: '$listed'; started again by real: $again, and $sockets monitors"
[ "$by_link,$by_real,$status,$listed,$again,$sockets" = RUNNING,STOPPED,0,,0,2 ]
