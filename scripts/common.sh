# shellcheck shell=sh
# common.sh - what the scripts of this folder share; sourced by them, with $root set to the project's folder
: "${root:?}"

# A line about what the script itself does, apart from what its commands print.
say()
{
    printf '== %s\n' "$*" >&2
}

die()
{
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Run a command silently; what it said is shown only if it fails.
quietly()
{
    log=$(mktemp)
    if "$@" >"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    cat "$log" >&2
    rm -f "$log"
    die "failed: $*"
}

# Configure a preset of CMakePresets.json where that has not been done, and build targets of it (all where none is named).
build_preset()
{
    preset=$1
    shift
    [ -f "$root/build/$preset/build.ninja" ] || (cd "$root" && quietly cmake --preset "$preset")
    if [ $# -gt 0 ]; then
        (cd "$root" && quietly cmake --build --preset "$preset" --target "$@" -- --quiet)
    else
        (cd "$root" && quietly cmake --build --preset "$preset" -- --quiet)
    fi
}
