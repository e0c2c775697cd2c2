#!/usr/bin/env bats
# bad_input.bats - everything that people and machines get wrong: the exit code, a message that names the field or place, nothing half done, the server alive
#
# What needs bytes that crm would never send is in tests/net; what concerns a data directory is in crmd.bats.

bats_require_minimum_version 1.5.0
load server

setup_file() {
    start_server
    crm add customer name=Acme --quiet
    crm add product name=Box code=B-1 --quiet
    crm admin team add name=North --quiet
    crm admin team add name=South parent=North --quiet
}

teardown_file() {
    stop_server
    crmd check "$SERVER_DIR"
}

setup() {
    stranger=$BATS_TEST_TMPDIR/home # a home of somebody who is not logged in
    before=$(state)
}

# Whatever was refused has left nothing, and everybody else is served.
teardown() {
    [ -z "$before" ] || [ "$(state)" = "$before" ]
    [ -z "${own_server:-}" ] || kill "$own_server" 2>/dev/null || true
    ! mountpoint -q "$BATS_TEST_TMPDIR/small" || umount --lazy "$BATS_TEST_TMPDIR/small"
}

# What there is, with the revision of each.
state() {
    crm list customers --deleted --jsonl --columns number,rev
    crm list customers --jsonl --columns number,rev,name
    crm list contacts --jsonl --columns number,rev
    crm list products --jsonl --columns number,rev
    crm list users --jsonl --columns number,rev
}

log_in_as() {
    crm login "${2:-localhost}:${3:-$SERVER_PORT}" --home "$stranger" --ca "${4:-$SERVER_DIR/ca.crt}" --user "$1"
}

# caret TEXT: the line below the one that repeats TEXT points at this column, counted from 0.
caret() {
    local line
    line=$(grep -F -A1 -- "  $1" <<<"$output" | tail -n 1)
    [ "$line" = "$(printf '%*s^' $((2 + $2)) '')" ] || {
        echo "no caret under column $2: $output"
        return 1
    }
}

# --- who is there

@test "a wrong password and an unknown user get the same answer for the same work" {
    export CRM_PASSWORD=wrong-horse-9
    local wrong known=0 unknown=0 start
    cpu() { awk '{ print $14 + $15 }' "/proc/$SERVER_PID/stat"; }
    fails 5 log_in_as admin
    wrong=$output
    contains "wrong user name or password"
    fails 5 log_in_as nemo
    [ "$output" = "$wrong" ]
    fails 5 log_in_as "$(printf 'x%.0s' {1..300})"
    [ ! -e "$stranger/credentials" ]
    # By the processor's time, which another's load does not change.
    for i in {1..10}; do
        start=$(cpu)
        fails 5 log_in_as admin
        known=$((known + $(cpu) - start))
        start=$(cpu)
        fails 5 log_in_as "nemo$i"
        unknown=$((unknown + $(cpu) - start))
        CRM_PASSWORD=correct-horse-9 log_in_as admin >/dev/null # else the next one has to wait
        rm -r "$stranger"
    done
    echo "ticks: $known for a wrong password, $unknown for an unknown user"
    [ "$known" -gt 0 ]
    [ "$unknown" -gt $((known / 2)) ]
    [ "$unknown" -lt $((known * 2)) ]
}

@test "without a login, and after a logout, nothing is told" {
    fails 5 crm list customers --home "$stranger"
    contains "not logged in"
    log_in_as admin
    cp -r "$stranger" "$stranger.kept"
    crm logout --home "$stranger"
    fails 5 crm list customers --home "$stranger"
    fails 5 crm list customers --home "$stranger.kept"
    [[ $output != *Acme* ]]
}

@test "a session that has expired asks for a new login" {
    local faketime=/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1 dir=$BATS_TEST_TMPDIR/late
    [ -e "$faketime" ] || skip "faketime is not installed"
    serve_own() {
        rm -f "$BATS_TEST_TMPDIR/port"
        env "$@" crmd run "$dir" --port-file "$BATS_TEST_TMPDIR/port" >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- 4>&- &
        own_server=$!
        wait_for test -s "$BATS_TEST_TMPDIR/port"
    }
    crmd init "$dir" --listen 127.0.0.1:0 >/dev/null
    sed -i 's/^hours = .*/hours = 1/' "$dir/crmd.conf"
    serve_own
    log_in_as admin localhost "$(cat "$BATS_TEST_TMPDIR/port")" "$dir/ca.crt"
    crm add customer name=Early --home "$stranger"
    kill "$own_server"
    wait "$own_server"
    serve_own LD_PRELOAD="$faketime" FAKETIME=+2h FAKETIME_DONT_FAKE_MONOTONIC=1 ASAN_OPTIONS=verify_asan_link_order=0
    sed -i "s/^port = .*/port = $(cat "$BATS_TEST_TMPDIR/port")/" "$stranger/profile"
    fails 5 crm add customer name=Late --home "$stranger"
    contains "the session has ended, log in again"
    log_in_as admin localhost "$(cat "$BATS_TEST_TMPDIR/port")" "$dir/ca.crt"
    [ "$(crm list customers --jsonl --columns name --home "$stranger")" = '{"name":"Early"}' ]
    kill "$own_server"
    wait "$own_server"
    own_server=
    crmd check "$dir"
}

@test "a server of another CA, of another name, or with no CA to know it by is not trusted" {
    crmd init "$BATS_TEST_TMPDIR/other" >/dev/null
    fails 7 log_in_as admin localhost "$SERVER_PORT" "$BATS_TEST_TMPDIR/other/ca.crt"
    contains "certificate is not trusted"
    fails 7 log_in_as admin 127.1 "$SERVER_PORT"
    contains "certificate is not for 127.1"
    fails 7 log_in_as admin localhost "$SERVER_PORT" "$SERVER_DIR/crmd.conf"
    contains "no CA certificate can be read from $SERVER_DIR/crmd.conf"
    fails 2 log_in_as admin localhost "$SERVER_PORT" "$BATS_TEST_TMPDIR/none"
    contains "$BATS_TEST_TMPDIR/none: No such file"
    fails 2 crm login "localhost:$SERVER_PORT" --home "$stranger" --user admin
    contains "--ca"
    [ ! -e "$stranger/credentials" ]
}

# --- fields and values

@test "an unknown field, kind or record is named" {
    fails 6 crm add customer name=A shoe=3
    contains "'shoe'"
    fails 6 crm set C-1 shoe=3
    contains "'shoe'"
    fails 2 crm add shoe name=A
    contains "'shoe'"
    fails 3 crm set C-99 name=A
    contains "'C-99'"
    fails 3 crm rm C-99
    contains "'C-99'"
    fails 6 crm list customers --sort nam
    contains "'nam'"
    contains "did you mean 'name'"
    fails 6 crm list customers --columns name,nam
    contains "'nam'"
}

@test "a value that its field cannot hold is named with its field" {
    fails 6 crm set C-1 revenue=12x
    contains "'revenue'"
    contains "'12x' is not an amount of money"
    fails 6 crm set C-1 revenue='12 XYZ'
    contains "'revenue'"
    fails 6 crm set C-1 revenue=99999999999999999999
    contains "'revenue'"
    fails 6 crm set C-1 founded=2017-02-30
    contains "'founded'"
    contains "'2017-02-30' is not a day"
    fails 6 crm set C-1 size=many
    contains "'size'"
    fails 6 crm set C-1 size=-1
    contains "'size'"
    fails 6 crm set C-1 status=gone
    contains "one of prospect, active, dormant, lost"
    fails 6 crm set C-1 rev=7
    contains "'rev'"
    fails 6 crm add customer
    contains "'name'"
    fails 6 crm set C-1 name=
    contains "'name'"
    fails 6 crm set C-1 name=New revenue=12x
    contains "'revenue'"
}

@test "text that is no text, or too long, is named with its field" {
    fails 6 crm add customer name=$'a\xff'
    contains "'name'"
    fails 6 crm add customer name=$'\xed\xa0\x80'
    contains "'name'"
    fails 6 crm add customer name="$(printf 'x%.0s' {1..1025})"
    contains "'name'"
    contains "too long"
    printf 'a\0b' >"$BATS_TEST_TMPDIR/nul"
    fails 6 crm set C-1 note=@"$BATS_TEST_TMPDIR/nul"
    contains "'note'"
    printf 'x%.0s' {1..32769} >"$BATS_TEST_TMPDIR/long"
    fails 6 crm set C-1 note=@"$BATS_TEST_TMPDIR/long"
    printf 'x%.0s' {1..70000} >"$BATS_TEST_TMPDIR/big"
    fails 6 crm set C-1 note=@"$BATS_TEST_TMPDIR/big"
    contains "$BATS_TEST_TMPDIR/big"
    fails 2 crm set C-1 note=@"$BATS_TEST_TMPDIR/none"
    contains "$BATS_TEST_TMPDIR/none"
}

@test "a reference to nothing is named" {
    fails 3 crm add contact name=Bob customer=C-99
    contains "'customer'"
    contains "'C-99'"
    fails 6 crm set C-1 parent=0123456789abcdef0123456789abcdef
    contains "'parent'"
    fails 6 crm admin team set North parent=South # which is below North
    contains "'parent'"
}

@test "a unique value that is there is a conflict, and deletion does not hide it" {
    fails 4 crm add product name=Other code=B-1
    contains "'code'"
    fails 4 crm add product name=Other code=b-1
    contains "'code'"
    fails 4 crm admin user add login=admin name=Second
    contains "'login'"
}

@test "a stale revision is a conflict" {
    fails 4 crm set C-1 name=New --rev 9
    contains "the record is at revision 1, not 9"
    fails 2 crm set C-1 name=New --rev 0
    contains "--rev"
    fails 2 crm set C-1 name=New --rev one
    contains "--rev"
}

# --- filters

@test "a filter that is wrong is shown with a caret under the place" {
    fails 6 crm list customers 'nam = x'
    contains "did you mean 'name'"
    caret 'nam = x' 0
    fails 6 crm list customers 'name = '
    caret 'name = ' 7
    fails 6 crm list customers 'name = "a'
    contains "not closed"
    caret 'name = "a' 7
    fails 6 crm list customers '(name = x'
    caret '(name = x' 0
    fails 6 crm list customers 'name = x)'
    caret 'name = x)' 8
    fails 6 crm list customers 'name = x name = y'
    caret 'name = x name = y' 14
    fails 6 crm list customers 'created > 2017-02-30'
    contains "'2017-02-30' is not a day"
    caret 'created > 2017-02-30' 10
    fails 6 crm list deals 'amount > 12q'
    contains "'12q' is not an amount of money"
    caret 'amount > 12q' 9
    fails 6 crm list deals 'stage = x and amount > 1.2.3'
    caret 'stage = x and amount > 1.2.3' 23
    fails 6 crm list customers 'parent.parent.name = x'
    fails 3 crm list customers '@nowhere'
    caret '@nowhere' 0
    fails 6 crm count customers 'nam = x'
    fails 6 crm set customers --where 'nam = x' name=All
    fails 6 crm rm customers --where 'nam = x'
}

@test "the caret stands under the right column behind wide characters" {
    fails 6 crm list customers 'name = 华东 and nam = x'
    # two columns for each of the two characters
    caret 'name = 华东 and nam = x' 16
}

@test "a filter that is too deep or too long is refused, not obeyed" {
    fails 6 crm list customers "$(printf '(%.0s' {1..2000})name = x$(printf ')%.0s' {1..2000})"
    fails 6 crm list customers "$(printf 'not %.0s' {1..2000})name = x"
    fails 6 crm list customers "$(printf 'name = x or %.0s' {1..300})name = y"
}

# --- files

@test "a file with a wrong line names the line, and dry runs do nothing" {
    printf '{"name": "a\\u0000b"}\n' >"$BATS_TEST_TMPDIR/nul.jsonl"
    fails 6 crm add customer --from "$BATS_TEST_TMPDIR/nul.jsonl"
    contains "nul.jsonl:1:"
    printf '{"name": "ok"}\n{"name": \n' >"$BATS_TEST_TMPDIR/cut.jsonl"
    fails 8 crm add customer --from "$BATS_TEST_TMPDIR/cut.jsonl" --dry-run
    contains "cut.jsonl:2:"
    printf 'name,shoe\nA,3\n' >"$BATS_TEST_TMPDIR/column.csv"
    run crm add customer --from "$BATS_TEST_TMPDIR/column.csv"
    [ "$status" -ne 0 ]
    contains "'shoe'"
    printf 'name\n\xff\n' >"$BATS_TEST_TMPDIR/latin.csv"
    fails 6 crm add customer --from "$BATS_TEST_TMPDIR/latin.csv"
    contains "latin.csv:2:"
}

# --- a full disk

@test "a disk that fills up takes no more changes, but reads and deletions go on; with room again all is as before" {
    [ "$(id -u)" -eq 0 ] || skip "only root can mount a small disk"
    local small=$BATS_TEST_TMPDIR/small dir=$BATS_TEST_TMPDIR/small/data ballast=$BATS_TEST_TMPDIR/small/ballast
    mkdir "$small"
    mount -t tmpfs -o size=300m crm-test "$small" || skip "no small disk can be mounted here"
    crmd init "$dir" --listen 127.0.0.1:0 >/dev/null
    crmd run "$dir" --port-file "$BATS_TEST_TMPDIR/port" >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- 4>&- &
    own_server=$!
    wait_for test -s "$BATS_TEST_TMPDIR/port"
    log_in_as admin localhost "$(cat "$BATS_TEST_TMPDIR/port")" "$dir/ca.crt"
    small_crm() { crm "$@" --home "$stranger"; }
    is_refused() { ! small_crm add customer name=More; }
    is_taken() { small_crm add customer name=More; }
    for name in One Two Three; do
        small_crm add customer name="$name"
    done

    fallocate -l 60M "$ballast" # less is left than the server wants in reserve
    wait_for is_refused
    fails 1 small_crm add customer name=Never
    contains "disk is nearly full: only deletions are taken"
    fails 1 small_crm set C-1 name=Never
    [ "$(small_crm list customers 'name = One' --jsonl --columns name)" = '{"name":"One"}' ]
    small_crm rm C-1 --yes

    fallocate -l 400M "$ballast" 2>/dev/null || dd if=/dev/zero of="$ballast" bs=1M oflag=append conv=notrunc 2>/dev/null || true
    [ "$(df --output=avail "$small" | tail -n 1)" -lt 2048 ]
    fails 1 small_crm add customer name=Never
    contains "disk is"
    small_crm rm C-2 --yes || true # there may be room for it or not
    [ "$(small_crm count customers 'name = Three' --json | jq .count)" = 1 ]

    rm "$ballast"
    wait_for is_taken
    [ "$(small_crm count customers 'name = Never' --json | jq .count)" = 0 ]
    kill -TERM "$own_server"
    wait "$own_server"
    own_server=
    crmd check "$dir"
}
