#!/bin/sh
# layers.sh [ROOT] - reads every #include line and fails on one that runs upward
#
# The order is STYLE.md's. lmdb.h, event2/ and openssl/ stay where one file knows them. ctest runs it as "layers".
set -eu

cd "${1:-$(dirname "$0")/..}"

find common proto server client/lib client/replica client/import client/cli client/include -name '*.[ch]' | LC_ALL=C sort | xargs awk '
BEGIN {
    n = split("common/base common/match proto common/model common/store common/engine common/rules common/ops server/engine server/session server/reports " \
              "server/ops server/dispatch server/net server/admin server", order, " ")
    for (i = 1; i <= n; i++)
        rank[order[i]] = i

    # What a client may see, beside its own folder. The command line stands on the public header; of common it takes what shows and parses.
    split("common/base common/model common/store common/engine common/rules common/ops proto client/include", seen, " ")
    for (i in seen)
        lib[seen[i]] = 1
    split("common/base common/model proto client/include client/replica client/import", seen, " ")
    for (i in seen)
        cli[seen[i]] = 1

    split("common/base/digest.c common/base/cipher.c server/net/tls.c server/net/tls_device.c server/net/tls_device.h server/admin/ca.c server/admin/ca_inside.h " \
              "server/admin/ca_device.c client/lib/transport_tls.c client/lib/device.c", seen, " ")
    for (i in seen)
        secrets[seen[i]] = 1
}

function folder(path)
{
    sub(/\/[^\/]*$/, "", path)
    return path
}

function complain(why)
{
    printf "%s:%d: %s: %s\n", FILENAME, FNR, $0, why
    bad = 1
}

# A line of our own: "folder/file.h", from the root of the project.
/^[ \t]*#[ \t]*include[ \t]*"/ {
    from = folder(FILENAME)
    to = $0
    sub(/^[^"]*"/, "", to)
    sub(/".*/, "", to)
    if (to !~ /\//) {
        complain("headers are named by their path from the root")
        next
    }
    to = folder(to)
    checked++
    if (from == to)
        next
    if (from == "client/cli") {
        if (!(to in cli))
            complain("the command line sees crm.h, the replica, what is imported, common/base, common/model and the messages")
    } else if (from == "client/import") {
        if (to !~ /^common\/(base|model)$/)
            complain("reading files needs common/base and common/model only")
    } else if (from ~ /^client\//) {
        if (!(to in lib) && !(from == "client/replica" && to == "client/lib"))
            complain("the client sees common and proto only")
    } else if (!(from in rank)) {
        complain("this folder has no place in the order of layers")
    } else if (!(to in rank)) {
        complain("that folder has no place in the order of layers")
    } else if (rank[to] > rank[from]) {
        complain(from " lies below " to)
    }
}

/^[ \t]*#[ \t]*include[ \t]*</ {
    system_checked++
    if (/<lmdb\.h>/ && FILENAME !~ /^common\/store\//)
        complain("only common/store knows LMDB")
    if (/<event2\// && FILENAME !~ /^server\/net\//)
        complain("only server/net knows libevent")
    if (/<openssl\// && !(FILENAME in secrets))
        complain("OpenSSL stays in the TLS and secrets files")
}

END {
    if (checked < 500 || system_checked < 100) {
        print "hardly any #include was found: is this the root of the project?"
        bad = 1
    }
    exit bad
}
'
