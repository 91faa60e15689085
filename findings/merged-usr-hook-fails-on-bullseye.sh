#!/bin/bash
# Software : mmdebstrap 1.3.5-7 (Debian 12), with its own hooks in /usr/share/mmdebstrap/hooks/merged-usr, run for Debian 11.
# Behaviour: The hooks are there to give a release whose packages leave /bin, /sbin and /lib apart the links into /usr that its
#            installer makes. With bullseye, the last such release, they always fail: the hook at the end wants to replace
#            mmdebstrap's own dummy package usr-is-merged by the release's, and bullseye has none. The hooks maybe-merged-usr
#            succeed, since they look for that package first, and then make no links. One would have expected merged links.
# Seen     : merged-usr: usr-is-merged is already the newest version (1). | E: setup failed: E: command failed: .../essential00.sh
#            maybe-merged-usr: exit 0, and /bin is a directory. Bookworm with merged-usr: exit 0, and /bin is a link.
# Exit 0 = as stated, 1 = it has changed, 2 = could not be tried. Needs root and Debian's archive in apt's list.
set -u
[ "$(id -u)" = 0 ] || { echo 'needs root'; exit 2; }
PACKAGES='mmdebstrap=1.3.5-7'
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
# Run it on valid input here, print what was seen, and end with the comparison:

mirror=$(apt-get indextargets --format '$(REPO_URI)|$(COMPONENT)|$(RELEASE)' 'Created-By: Packages' | awk -F'|' '$2 == "main" && $3 !~ /-/ { print $1; exit }')
[ -n "$mirror" ] || { echo 'apt knows no archive'; exit 2; }
hooks=/usr/share/mmdebstrap/hooks
try() { # release and hooks; prints the exit status and what /bin is, or the reason
  unshare --mount --pid --fork --kill-child mmdebstrap --quiet --variant=essential --aptopt='Acquire::Check-Valid-Until "false"' \
    --hook-directory="$hooks/$2" "$1" "$T/$1-$2" "$mirror" >"$T/log" 2>&1
  local status=$?
  grep -q 'Unable to fetch\|Could not\|Failed to fetch' "$T/log" && { cat "$T/log"; exit 2; }
  if [ "$status" = 0 ]; then echo "$1 $2: /bin is a $(stat -c %F "$T/$1-$2/bin")"; else
    echo "$1 $2: exit $status, $(grep -o 'command failed: .*essential00.sh' "$T/log" | head -n 1)"
  fi
}
seen=$(try bullseye merged-usr; try bullseye maybe-merged-usr; try bookworm merged-usr)
echo "$seen"
[ "$seen" = "bullseye merged-usr: exit 25, command failed: $hooks/merged-usr/essential00.sh
bullseye maybe-merged-usr: /bin is a directory
bookworm merged-usr: /bin is a symbolic link" ]
