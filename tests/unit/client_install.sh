#!/bin/sh
# client_install.sh - libcrm as a stranger finds it: installed to a fresh prefix, found by pkg-config, used from C and C++
#
#     client_install.sh BUILD SOURCE
set -eu
build=$1
source=$2
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT

cmake --install "$build" --component libcrm --prefix "$prefix" >/dev/null
pc=$(find "$prefix" -name crm.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
flags=$(pkg-config --define-variable=prefix="$prefix" --cflags --libs crm)
LD_LIBRARY_PATH=$(dirname "$(find "$prefix" -name libcrm.so)")
export LD_LIBRARY_PATH

# Everything that is exported begins with crm_ (the messages' functions with crm__).
foreign=$(nm -D --defined-only "$LD_LIBRARY_PATH/libcrm.so" | awk '$2 != "A" { print $3 }' | grep -v '^crm_' || true)
if [ -n "$foreign" ]; then
    echo "exported by mistake: $foreign" >&2
    exit 1
fi
# And every function that the header promises is there.
for function in $(grep -oE '^CRM_API [^(]*\(' "$prefix/include/crm.h" | grep -oE 'crm_[a-z0-9_]+\(' | tr -d '('); do
    nm -D --defined-only "$LD_LIBRARY_PATH/libcrm.so" | grep -q " $function@" || {
        echo "not exported: $function" >&2
        exit 1
    }
done

# shellcheck disable=SC2086 # flags are several words
cc -std=c17 -Wall -Wextra -Werror "$source/client/example/customers.c" -o "$prefix/customers" $flags
status=0
"$prefix/customers" 2>/dev/null || status=$?
[ "$status" -eq 2 ]
if command -v g++ >/dev/null; then
    # shellcheck disable=SC2086
    g++ -Wall -Wextra -Werror "$source/tests/unit/client_header.cc" -o "$prefix/header" $flags
    [ "$("$prefix/header")" = tls ]
fi
