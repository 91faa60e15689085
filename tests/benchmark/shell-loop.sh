#!/bin/sh
# The original's way: one lxc-create with the template and one lxc-start per container.
# Usage: shell-loop.sh create|remove LXC_PATH BASE_CONFIG NAME...
set -eu
phase=$1 lxc_path=$2 base_config=$3
shift 3
template=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)/template-softwarecontainer.sh

create() {
    lxc-create --quiet -P "$lxc_path" -n "$1" -f "$base_config" -t "$template"
    lxc-start -P "$lxc_path" -n "$1" -d
}

remove() {
    lxc-stop -P "$lxc_path" -n "$1"
    lxc-destroy --quiet -P "$lxc_path" -n "$1"
}

for name in "$@"; do
    "$phase" "$name"
done
