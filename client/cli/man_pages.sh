#!/bin/sh
# man_pages.sh CRM DIR - write crm.1 and a page for each command into DIR; run by the build
set -eu
crm=$1
dir=$2
mkdir -p "$dir"
"$crm" help --man >"$dir/crm.1"
for verb in $(sed -n 's/^\.It Xr crm\\-\([a-z]*\) 1$/\1/p' "$dir/crm.1"); do
    "$crm" help "$verb" --man >"$dir/crm-$verb.1"
done
