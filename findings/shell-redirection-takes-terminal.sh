#!/bin/bash
# Software : dash 0.5.12 and busybox 1.35.0 (Debian 12), beside bash; Linux.
# Behaviour: A shell without a terminal leads its session, as a child of a small init does, and runs `program < terminal`.
#            One would expect the program's input to be the terminal, and nothing else to change. dash and busybox open the
#            file in the shell itself, without O_NOCTTY, so the terminal becomes the controlling one of the whole session,
#            and its end (a monitor that dies) sends SIGHUP to all of it. bash does not. In a subshell,
#            `(exec program) < terminal`, none does, for a child that leads no session opens it.
# Seen     : dash: simple yes, subshell no; busybox sh: simple yes, subshell no; bash: simple no, subshell no
# Exit 0 = as stated, 1 = it has changed, 2 = could not be tried. Needs root for packages that are not there.
set -u
[ "$(id -u)" = 0 ] || { echo 'needs root'; exit 2; }
PACKAGES='dash=0.5.12-2 busybox=1:1.35.0-4+deb12u1+b1 python3-minimal=3.11.2-1+b1'
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
cat > "$T/try.py" <<'PYTHON'
import os, pty, subprocess, sys

name = os.ttyname(pty.openpty()[1])
for shell in sys.argv[1:]:
    seen = []
    for form in ("/bin/true < %s; echo; read wait", "(exec /bin/true) < %s; echo; read wait"):
        process = subprocess.Popen(
            [*shell.split(), "-c", form % name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        process.stdout.readline()
        with open("/proc/%d/stat" % process.pid) as stream:
            seen.append("no" if stream.read().rpartition(")")[2].split()[4] == "0" else "yes")
        process.communicate(b"\n")
    print("%s: simple %s, subshell %s" % (shell, *seen))
PYTHON
python3 "$T/try.py" dash 'busybox sh' bash | tee "$T/seen"
[ "$(paste -sd ';' "$T/seen")" = 'dash: simple yes, subshell no;busybox sh: simple yes, subshell no;bash: simple no, subshell no' ]
