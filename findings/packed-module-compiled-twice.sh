#!/bin/bash
# Software : ansible-core 2.19.14 (PyPI); the target's Python is the machine's python3, 3.8 to 3.13 do the same.
# Behaviour: Ansible sends a module and all that it imports as one archive, and Python compiles what it imports from an
#            archive with each run. One would expect that it compiles each file once. It compiles each twice: zipimport's
#            find_spec builds the spec by way of get_filename, which compiles the source to find out its path and throws
#            the code away, and get_code compiles it again to run it.
# Seen     : of 55 files of the archive 55 were compiled twice or more often, 0 once
# Exit 0 = as stated, 1 = it has changed, 2 = could not be tried. Needs python3 with venv, and PyPI.
set -u
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT
if ! { python3 -m venv "$T/venv" && "$T/venv/bin/pip" install -q ansible-core==2.19.14; } >/dev/null 2>&1; then
  echo 'cannot install ansible-core 2.19.14, which needs Python 3.11 or later'
  exit 2
fi
mkdir "$T/hook"
cat > "$T/hook/sitecustomize.py" <<'END'
import sys
log = open("%(log)s", "a")
def hook(event, arguments):
    # The second one is the name of the file; in an archive it stands behind that of the archive.
    if event == "compile" and isinstance(arguments[1], str) and ".zip/" in arguments[1]:
        log.write(arguments[1].partition(".zip/")[2] + "\n")
        log.flush()
sys.addaudithook(hook)
END
sed -i "s#%(log)s#$T/log#" "$T/hook/sitecustomize.py"
printf '#!/bin/sh\nPYTHONPATH=%s exec python3 "$@"\n' "$T/hook" > "$T/python3"
chmod 755 "$T/python3"
cd "$T" || exit 2
export ANSIBLE_HOME="$T/home" LC_ALL=C.UTF-8
"$T/venv/bin/ansible" localhost -c local -m ping -e ansible_python_interpreter="$T/python3" > "$T/output" 2>&1 || { cat "$T/output"; exit 2; }
sort "$T/log" | uniq -c | awk '{ n++; if ($1 >= 2) twice++; else once++ }
  END { printf "of %d files of the archive %d were compiled twice or more often, %d once\n", n, twice, once; exit !(n > 20 && !once) }'
