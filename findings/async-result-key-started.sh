#!/bin/bash
# Software : ansible-core 2.19.14 (PyPI).
# Behaviour: A module returns a list under the key `started`, for example of what it has started. Run as it is, the task
#            gets it. One would expect the same with `async`, where the module runs as it is too, only in the background.
#            But async_status takes the keys `started` and `finished` of the result for its own. A result that has a
#            `started` of the module's looks like a job that still runs, so the task polls until its time is over and
#            fails, although the module ended at once and well.
# Seen     : plain rc=0 done=['a']
#            async rc=2 timed_out=yes; the same module with another key: async rc=0
# Exit 0 = as stated, 1 = it has changed, 2 = could not be tried. Needs python3 with venv, and PyPI.
set -u
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT
if ! { python3 -m venv "$T/venv" && "$T/venv/bin/pip" install -q ansible-core==2.19.14; } >/dev/null 2>&1; then
  echo 'cannot install ansible-core 2.19.14, which needs Python 3.11 or later'
  exit 2
fi
mkdir "$T/library"
for key in started begun; do
  cat > "$T/library/list_$key.py" <<MODULE
#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
AnsibleModule(argument_spec={}).exit_json(changed=True, $key=["a"])
MODULE
  echo "- {hosts: localhost, gather_facts: false, tasks: [{list_$key: }]}" > "$T/plain_$key.yml"
  echo "- {hosts: localhost, gather_facts: false, tasks: [{list_$key: , async: 8, poll: 1}]}" > "$T/async_$key.yml"
done
export ANSIBLE_HOME="$T/home" ANSIBLE_LIBRARY="$T/library" ANSIBLE_ASYNC_DIR="$T/async" LC_ALL=C.UTF-8
seen=
for play in plain_started async_started async_begun; do
  "$T/venv/bin/ansible-playbook" -c local -e "ansible_python_interpreter=$T/venv/bin/python" "$T/$play.yml" > "$T/$play" 2>&1
  code=$?
  late=no
  grep -q 'did not complete within the requested time' "$T/$play" && late=yes
  echo "$play rc=$code timed_out=$late"
  seen="$seen $code:$late"
done
[ "$seen" = ' 0:no 2:yes 0:no' ]
