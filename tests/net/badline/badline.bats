#!/usr/bin/env bats
# badline.bats - the program that runs a command over a bad line, as other stories use it

bats_require_minimum_version 1.5.0
: "${CRM_BIN:?where badline is}"
badline=$CRM_BIN/badline

# Without the right to make namespaces everything here is skipped.
setup() {
    run "$badline" -- true
    [ "$status" -ne 77 ] || skip "no network namespaces here"
    [ "$status" -eq 0 ]
}

@test "the exit code and the output are the command's" {
    run "$badline" --delay 10 -- sh -c 'echo here; exit 5'
    [ "$status" -eq 5 ]
    [ "$output" = here ]
    run "$badline" -- sh -c 'kill -9 $$'
    [ "$status" -eq 137 ]
    run -127 "$badline" -- no-such-command
}

@test "wrong use is told from a bad line" {
    for wrong in "--loss 101" "--loss x" "--delay -1" "--rate 5q" "--cut 5" "--cut 5/1" "--such"; do
        # shellcheck disable=SC2086 # two words
        run "$badline" $wrong -- true
        [ "$status" -eq 2 ]
    done
    run "$badline" --delay 5 --
    [ "$status" -eq 2 ]
}

@test "the two ends are networks of their own" {
    run "$badline" -- cat /proc/net/dev
    [ "$(grep -c : <<<"$output")" -eq 2 ]
    [[ $output == *badline:* && $output == *lo:* ]]
}

@test "a crm at one end works with a crmd at the other, and the packets are counted" {
    export CRM_PASSWORD=correct-horse-9 CRM_HOME=$BATS_TEST_TMPDIR/home
    server=$BATS_TEST_TMPDIR/server
    "$CRM_BIN/crmd" init "$server" --listen 10.77.0.2:7420 --name 10.77.0.2 --admin admin --time-zone UTC >/dev/null
    for i in 1 2; do # the second begins when the first server has ended, not before
        run --separate-stderr "$badline" --delay 20 --stats --server "$CRM_BIN/crmd run $server" -- \
            sh -c "$CRM_BIN/crm login 10.77.0.2:7420 --ca $server/ca.crt --user admin --quiet && $CRM_BIN/crm add customer name=Anna$i --json"
        [ "$status" -eq 0 ]
        [[ $output == *'"status": "ok"'* ]]
        # shellcheck disable=SC2154 # run sets it
        [[ $stderr == *"up   sent "* && $stderr == *"down sent "* ]]
    done
}

@test "options after --up are for what the client sends, after --down for what the server sends" {
    run "$badline" --up --dead --stats -- bash -c 'echo one >/dev/udp/10.77.0.2/9'
    [ "$status" -eq 0 ]
    [[ $output == *"up   sent 1 "*" cut 1 "* ]]
    run "$badline" --down --dead --stats -- bash -c 'echo one >/dev/udp/10.77.0.2/9'
    [[ $output == *"up   sent 1 "*" cut 0 "* ]]
}
