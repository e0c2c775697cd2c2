#!/usr/bin/env bats
# crmd.bats - what an administrator does with a data directory: make, serve, look, back up, restore; and every way in which it may be refused

bats_require_minimum_version 1.5.0
load server

setup() {
    export CRM_PASSWORD=correct-horse-9 LC_ALL=C.UTF-8
    dir=$BATS_TEST_TMPDIR/data
    export CRM_HOME=$BATS_TEST_TMPDIR/home
    server=
}

teardown() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" || true
    ! mountpoint -q "$BATS_TEST_TMPDIR/full" || umount "$BATS_TEST_TMPDIR/full"
}

init() {
    crmd init "$dir" --listen 127.0.0.1:0 --time-zone UTC "$@" >/dev/null
}

# Serve $dir; sets server and port.
serve() {
    rm -f "$BATS_TEST_TMPDIR/port"
    crmd run "$dir" --port-file "$BATS_TEST_TMPDIR/port" >"$BATS_TEST_TMPDIR/says" 2>"$BATS_TEST_TMPDIR/log" 3>&- 4>&- &
    server=$!
    wait_for test -s "$BATS_TEST_TMPDIR/port"
    port=$(cat "$BATS_TEST_TMPDIR/port")
}

end() {
    kill -TERM "$server"
    wait "$server"
    server=
}

login() {
    crm login "localhost:$port" --ca "$dir/ca.crt" --user admin --quiet
}

@test "init makes a closed directory with keys that nobody else reads" {
    init
    [ "$(stat -c %a "$dir")" = 700 ]
    [ "$(stat -c %a "$dir/ca.key")" = 600 ]
    [ "$(stat -c %a "$dir/server.key")" = 600 ]
    openssl verify -CAfile "$dir/ca.crt" "$dir/server.crt"
    openssl x509 -in "$dir/server.crt" -noout -text | grep -q 'DNS:localhost, IP Address:127.0.0.1'
    openssl x509 -in "$dir/server.crt" -noout -checkend $((800 * 86400))
    run ! openssl x509 -in "$dir/server.crt" -noout -checkend $((825 * 86400))
    crmd check "$dir"
}

@test "init prints a generated password once, and it logs in" {
    unset CRM_PASSWORD
    run crmd init "$dir" --listen 127.0.0.1:0 --admin alice
    [ "$status" -eq 0 ]
    CRM_PASSWORD=$(sed -n 's/^  password  *\([^ ]*\).*/\1/p' <<<"$output")
    export CRM_PASSWORD
    [ "${#CRM_PASSWORD}" -eq 20 ]
    serve
    crm login "localhost:$port" --ca "$dir/ca.crt" --user alice --quiet
    run ! grep -rq "$CRM_PASSWORD" "$dir"
}

@test "init takes the password from a file and refuses a short one" {
    echo 'one from a file' >"$BATS_TEST_TMPDIR/password"
    crmd init "$dir" --listen 127.0.0.1:0 --password-file "$BATS_TEST_TMPDIR/password" >/dev/null
    serve
    CRM_PASSWORD='one from a file' login
    CRM_PASSWORD=short fails 6 crmd init "$BATS_TEST_TMPDIR/other"
    [ ! -e "$BATS_TEST_TMPDIR/other" ]
}

@test "init refuses a directory that is not empty, a file, and a place where it may not write" {
    mkdir "$dir"
    init # an empty one will do
    fails 4 crmd init "$dir"
    contains "$dir is not empty"
    touch "$BATS_TEST_TMPDIR/file"
    fails 4 crmd init "$BATS_TEST_TMPDIR/file"
    fails 1 crmd init "$BATS_TEST_TMPDIR/no/such/place"
    contains "$BATS_TEST_TMPDIR/no/such/place"
}

@test "a directory without permission is named" {
    [ "$(id -u)" -ne 0 ] || command -v setpriv >/dev/null || skip "neither an ordinary user nor setpriv"
    mkdir -m 700 "$BATS_TEST_TMPDIR/closed"
    crmd=$(command -v crmd)
    as=()
    if [ "$(id -u)" -eq 0 ]; then
        # crmd itself may lie where nobody else reaches it.
        cp "$crmd" /tmp/crmd.$$ && chmod 755 /tmp/crmd.$$
        crmd=/tmp/crmd.$$
        as=(setpriv --reuid=65534 --regid=65534 --clear-groups --)
    else
        chmod 500 "$BATS_TEST_TMPDIR/closed"
    fi
    run "${as[@]}" "$crmd" init "$BATS_TEST_TMPDIR/closed/data"
    rm -f /tmp/crmd.$$
    [ "$status" -eq 1 ]
    contains "Permission denied"
}

@test "help, usage and unknown commands" {
    run crmd --help
    [ "$status" -eq 0 ]
    for command in init run stats check backup restore upgrade; do
        contains "  $command "
        crmd "$command" --help | grep -q '^examples:'
    done
    fails 2 crmd
    fails 2 crmd nonsense
    fails 2 crmd run
    fails 2 crmd run "$dir" more
    fails 2 crmd init --nonsense "$dir"
    contains "no option --nonsense"
    fails 3 crmd run "$dir"
    contains "$dir"
    fails 3 crmd check "$dir"
}

@test "a second process on the directory refuses to start" {
    init
    serve
    fails 7 crmd run "$dir"
    contains "another crmd works on"
    fails 7 crmd upgrade "$dir"
    login
    end
    serve # and after its end the next one starts
    login
}

@test "a port in use is named" {
    init
    serve
    CRM_PASSWORD=correct-horse-9 crmd init "$BATS_TEST_TMPDIR/second" --listen "127.0.0.1:$port" >/dev/null
    run crmd run "$BATS_TEST_TMPDIR/second"
    [ "$status" -ne 0 ]
    contains "127.0.0.1:$port"
    contains "in use"
}

@test "the serving process can write in its data directory only" {
    [ -z "${CRM_NO_SANDBOX-}" ] || skip "a build that counts coverage writes beside its objects"
    init
    serve
    ! grep -q sandbox.none "$BATS_TEST_TMPDIR/log" || skip "this kernel has no Landlock"
    grep -q '^NoNewPrivs:[[:space:]]*1' "/proc/$server/status"
    run ! grep -q sandbox.failed "$BATS_TEST_TMPDIR/log"
}

@test "a wrong setting stops the start and is named with its line" {
    init
    sed -i 's/^workers = .*/workers = many/' "$dir/crmd.conf"
    fails 6 crmd run "$dir"
    contains "crmd.conf:"
    contains "server.workers"
}

@test "SIGTERM ends an orderly server, and what was written is there afterwards" {
    init
    serve
    login
    crm add customer name=Acme
    end
    grep -q server.stop "$BATS_TEST_TMPDIR/log"
    crmd check "$dir"
    serve
    login
    run crm list customers --csv --columns name
    contains Acme
}

@test "SIGHUP takes a new certificate; one that cannot be read leaves the old" {
    init
    serve
    login
    crmd init "$BATS_TEST_TMPDIR/other" --listen 127.0.0.1:0 >/dev/null
    mv "$dir/server.key" "$BATS_TEST_TMPDIR/kept.key"
    kill -HUP "$server"
    wait_for grep -q 'server.reload status=tls' "$BATS_TEST_TMPDIR/log"
    login
    cp "$BATS_TEST_TMPDIR/other/server.key" "$BATS_TEST_TMPDIR/other/server.crt" "$dir"
    sed -i 's/^level = .*/level = debug/' "$dir/crmd.conf"
    kill -HUP "$server"
    wait_for grep -q 'server.reload status=ok' "$BATS_TEST_TMPDIR/log"
    crm login "localhost:$port" --ca "$BATS_TEST_TMPDIR/other/ca.crt" --user admin --quiet
    fails 7 crm login "localhost:$port" --ca "$dir/ca.crt" --user admin --quiet
}

@test "an invitation carries the real port and the authority's fingerprint" {
    init
    serve
    login
    crm add user login=bob name=Bob >/dev/null
    run crm admin invite bob
    [ "$status" -eq 0 ]
    contains "crm://localhost:$port/?ca=sha256:$(openssl x509 -in "$dir/ca.crt" -outform DER | sha256sum | cut -d' ' -f1)"
}

@test "stats, check and backup work beside a running server; the backup comes back" {
    init
    serve
    login
    crm add customer name=Acme
    crmd stats "$dir" | grep -q '^seq '
    crmd check "$dir"
    crmd backup "$dir" "$BATS_TEST_TMPDIR/one.backup"
    [ "$(stat -c %a "$BATS_TEST_TMPDIR/one.backup")" = 600 ]
    crm add customer name=Later
    end
    fails 4 crmd backup "$dir" "$BATS_TEST_TMPDIR/one.backup"
    crmd restore "$BATS_TEST_TMPDIR/one.backup" "$BATS_TEST_TMPDIR/again"
    crmd check "$BATS_TEST_TMPDIR/again"
    crmd stats "$BATS_TEST_TMPDIR/again" | grep -Eq '^epoch +[0-9]{10}$' # the time, so that two restores differ
    dir=$BATS_TEST_TMPDIR/again
    serve
    login # the same authority, the same password
    run crm list customers --csv --columns name
    contains Acme
    [[ $output != *Later* ]]
}

@test "restore refuses what is no backup, and one that was cut" {
    init
    crmd backup "$dir" "$BATS_TEST_TMPDIR/one.backup"
    fails 6 crmd restore "$dir/ca.crt" "$BATS_TEST_TMPDIR/again"
    contains "no backup"
    truncate -s -1 "$BATS_TEST_TMPDIR/one.backup"
    fails 1 crmd restore "$BATS_TEST_TMPDIR/one.backup" "$BATS_TEST_TMPDIR/again"
    contains "cut off"
    [ ! -e "$BATS_TEST_TMPDIR/again" ]
}

@test "a byte changed in the file is found" {
    init
    serve
    login
    crm add customer name=Wertheimer-Quandt
    end
    at=$(grep -abo Wertheimer-Quandt "$dir/data/data.mdb" | tail -1 | cut -d: -f1)
    printf X | dd of="$dir/data/data.mdb" bs=1 seek="$at" conv=notrunc status=none
    fails 1 crmd check "$dir"
    contains "customer"
    contains "damaged"
    fails 1 crmd backup "$dir" "$BATS_TEST_TMPDIR/bad.backup"
    [ ! -e "$BATS_TEST_TMPDIR/bad.backup" ]
}

@test "a cut database is refused" {
    init
    truncate -s 8192 "$dir/data/data.mdb"
    fails 1 crmd run "$dir"
    contains "cut off"
}

@test "a database that is cut off in use ends the server with 70, and the next start is refused" {
    init
    serve
    login
    truncate -s 8192 "$dir/data/data.mdb"
    crm list customers || true
    ended=0
    wait "$server" || ended=$? # not by run: its subshell knows the end only if this shell has seen it first
    server=
    [ "$ended" -eq 70 ]
    grep -q "cut off while it was in use" "$BATS_TEST_TMPDIR/log"
    fails 1 crmd run "$dir"
    contains "cut off"
}

@test "a full disk stops a backup without a trace, and the source is unharmed" {
    full=$BATS_TEST_TMPDIR/full
    mkdir "$full"
    mount -t tmpfs -o size=40k tmpfs "$full" 2>/dev/null || skip "no tmpfs can be mounted here"
    init
    run crmd backup "$dir" "$full/one.backup"
    left=$(ls -A "$full")
    run_status=$status run_output=$output
    fails 1 crmd init "$full/data"
    [ ! -e "$full/data" ]
    umount "$full"
    [ "$run_status" -eq 1 ]
    [[ $run_output == *"$full"* ]]
    [ -z "$left" ]
    crmd check "$dir"
}

@test "run refuses a database of format 1 and names it; upgrade takes it along" {
    crmd restore "$BATS_TEST_DIRNAME/../data/format1.backup" "$dir"
    fails 1 crmd run "$dir"
    contains "format 1"
    contains "crmd upgrade"
    fails 1 crmd check "$dir"
    crmd upgrade "$dir"
    crmd check "$dir"
    sed -i 's/^listen = .*/listen = 127.0.0.1:0/' "$dir/crmd.conf"
    serve
    kill -0 "$server"
}
