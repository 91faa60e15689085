#!/bin/bash
# Software : ansible-core 2.19.14 (PyPI).
# Behaviour: A file of a role's tasks names another one of the same folder. One would expect that `import_tasks` and
#            `include_tasks` find the same file, the role's own, as they do in the role's main.yml. In a file that main.yml
#            has imported, `import_tasks` takes a file of that name from `tasks` below the current directory first;
#            `include_tasks` in the same place takes the role's. So what a role does depends on where the command is
#            given, and on a file that does not belong to it.
# Seen     : main.yml    import_tasks: role          include_tasks: role
#            inner.yml   import_tasks: elsewhere     include_tasks: role
# Exit 0 = as stated, 1 = it has changed, 2 = could not be tried. Needs python3 with venv, and PyPI.
set -u
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT
if ! { python3 -m venv "$T/venv" && "$T/venv/bin/pip" install -q ansible-core==2.19.14; } >/dev/null 2>&1; then
  echo 'cannot install ansible-core 2.19.14, which needs Python 3.11 or later'
  exit 2
fi
role="$T/project/roles/given/tasks"
mkdir -p "$role" "$T/elsewhere/tasks"
statements='- ansible.builtin.import_tasks: same.yml
- ansible.builtin.include_tasks: same.yml'
printf '%s\n- ansible.builtin.import_tasks: inner.yml\n' "$statements" > "$role/main.yml"
printf '%s\n' "$statements" > "$role/inner.yml"
for place in role elsewhere; do
  echo "- ansible.builtin.debug: {msg: found=$place}" > "$T/$place.yml"
done
mv "$T/role.yml" "$role/same.yml"
mv "$T/elsewhere.yml" "$T/elsewhere/tasks/same.yml"
echo '- {hosts: localhost, gather_facts: false, roles: [given]}' > "$T/project/play.yml"
export ANSIBLE_HOME="$T/home" LC_ALL=C.UTF-8
cd "$T/elsewhere" || exit 2
"$T/venv/bin/ansible-playbook" -c local "$T/project/play.yml" > "$T/output" 2>&1 || { cat "$T/output"; exit 2; }
# In the order of the play: the two of main.yml, then the two of inner.yml.
mapfile -t found < <(sed -n 's/.*"found=\(.*\)".*/\1/p' "$T/output")
printf '%-11s import_tasks: %-13s include_tasks: %s\n' main.yml "${found[0]-}" "${found[1]-}" inner.yml "${found[2]-}" "${found[3]-}"
[ "${found[*]}" = 'role role elsewhere role' ]
