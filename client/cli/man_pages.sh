#!/bin/sh
# man_pages.sh CRM DIR - write crm.1 and a page for each command and each group of commands into DIR; run by the build
set -eu
crm=$1
dir=$2
mkdir -p "$dir"

# pages WORD...: of what the page of these words refers to
pages() {
    for name in $(sed -n 's/^\.It Xr crm\([-\\a-z]*\) 1$/\1/p' "$dir/crm${*:+-$(echo "$*" | tr ' ' -)}.1" | tr -d '\\'); do
        words=$(echo "${name#-}" | tr - ' ')
        # shellcheck disable=SC2086
        "$crm" help $words --man >"$dir/crm$name.1"
        # shellcheck disable=SC2086
        (pages $words)
    done
}

"$crm" help --man >"$dir/crm.1"
pages
