#!/usr/bin/env bats
# offline.bats - crm sync, and the same commands answered by the replica once the server is gone

bats_require_minimum_version 1.5.0
load server

# add_user LOGIN NAME ROLE: with a profile of its own in $BATS_FILE_TMPDIR/LOGIN, logged in.
add_user() {
    local url
    url=$(crm admin user add "$1" --name "$2" --team Company --role "$3" --json | jq -r .invitation.url)
    CRM_HOME=$BATS_FILE_TMPDIR/$1 crm login "$url" --quiet
}

# as LOGIN COMMAND...
as() {
    local home=$BATS_FILE_TMPDIR/$1
    shift
    CRM_HOME=$home "$@"
}

setup_file() {
    start_server
    crm add field_definition kind=customer name=zone type=choice choices=North choices=South --quiet
    add_user lena 'Lena Wu' representative
    add_user anna 'Anna Snelling' representative
    for i in 1 2 3; do
        crm add customer name="Marker Holding $i" owner=lena industry=retail zone=North --quiet
        crm add contact name="Bo Li $i" customer=C-$i owner=lena --quiet
        crm add deal name="Renewal $i" customer=C-$i owner=lena amount="${i}000 USD" --quiet
    done
    crm add customer name=上海科技 owner=lena --quiet
    crm add customer name=Elsewhere owner=anna --quiet
    crm add task subject='Call Bo' customer=C-1 assigned=lena --quiet
}

teardown_file() {
    stop_server
}

# What people read with, each line one command.
readings() {
    cat <<'END'
list customers
list customers --json
list customers zone=North --json
list deals 'amount > 1500' --sort -amount --json
list deals 'customer.industry = retail' --csv
list contacts 'customer = C-2' --jsonl
list customers 'name ~ marker' --limit 2
list deals 'owner = me' --columns name,customer,amount
show C-1
show C-1 --json
show deal 'Renewal 2' --json
show 4
find marker --json
find 上海 --json
find 'bo li'
count customers
count deals --by customer --sum amount --json
count tasks 'state = open'
describe customers
END
}

@test "before the first sync there is nothing to read from" {
    fails 3 as lena crm list customers --offline
    contains 'crm sync makes one'
    fails 3 as lena crm sync --status
    fails 2 as lena crm sync --scope everything
    fails 2 as lena crm sync --offline
}

@test "a sync brings what is the user's, a second one nothing" {
    run as lena crm sync --json
    [ "$status" -eq 0 ]
    [ "$(jq .snapshot <<<"$output")" = true ]
    [ "$(jq .records <<<"$output")" -gt 10 ]
    run as lena crm sync --json
    [ "$(jq .records <<<"$output")" = 0 ]
    run as lena crm sync --status --json
    [ "$(jq .by_kind.customer <<<"$output")" = 4 ]
    [ "$(jq -r .scope <<<"$output")" = mine ]
    [ "$(jq .complete <<<"$output")" = true ]
    [ "$(stat -c %a "$BATS_FILE_TMPDIR/lena/replica")" = 700 ]
    [ "$(stat -c %a "$BATS_FILE_TMPDIR/lena/replica/data.mdb")" = 600 ]
    ! grep -rqa Elsewhere "$BATS_FILE_TMPDIR/lena/replica"
}

@test "without the server every reading says what it said with it" {
    local online=$BATS_FILE_TMPDIR/online offline=$BATS_FILE_TMPDIR/offline line
    as lena crm sync --quiet
    while read -r line; do
        echo "$line"
        eval "as lena crm $line" </dev/null || echo "exit code $?"
    done < <(readings) >"$online" 2>&1
    kill -STOP "$SERVER_PID"
    while read -r line; do
        echo "$line"
        eval "CRM_OFFLINE=1 as lena crm $line" </dev/null || echo "exit code $?"
    done < <(readings) >"$offline" 2>&1
    kill -CONT "$SERVER_PID"
    diff "$online" "$offline"
    [ "$(grep -c Marker "$offline")" -gt 10 ]
}

@test "what only the server knows, and what changes, is refused with a sentence" {
    for line in 'history C-1' 'list customers --deleted' 'list customers --as-of 1' 'add customer name=New' \
        'set C-1 industry=finance' 'rm C-1 --yes' 'report' 'access who C-1'; do
        run as lena crm $line --offline
        [ "$status" -ne 0 ]
        [[ $line == report ]] || contains 'needs the server'
    done
    run as lena crm show C-1 --json
    [ "$(jq -r .industry <<<"$output")" = retail ]
}

@test "a program is not given what may be old, unless it asks" {
    sed "s/^port.*/port = 1/" "$BATS_FILE_TMPDIR/lena/profile" >"$BATS_FILE_TMPDIR/profile"
    cp "$BATS_FILE_TMPDIR/lena/profile" "$BATS_FILE_TMPDIR/profile.good"
    cp "$BATS_FILE_TMPDIR/profile" "$BATS_FILE_TMPDIR/lena/profile"
    fails 7 as lena crm list customers
    run script -qec "CRM_HOME=$BATS_FILE_TMPDIR/lena crm list customers --json" /dev/null
    [ "$status" -eq 7 ]
    run script -qec "CRM_HOME=$BATS_FILE_TMPDIR/lena crm set C-1 industry=finance" /dev/null
    [ "$status" -eq 7 ]
    run script -qec "CRM_HOME=$BATS_FILE_TMPDIR/lena crm list customers" /dev/null
    [ "$status" -eq 0 ]
    contains 'offline: as of'
    contains 'Marker Holding'
    cp "$BATS_FILE_TMPDIR/profile.good" "$BATS_FILE_TMPDIR/lena/profile"
}

@test "what is reassigned, deleted or changed is gone, or new, after the next sync" {
    crm assign C-2 anna --quiet
    crm set C-3 name='Renamed Holding' --quiet
    crm add customer name='Marker Newcomer' owner=lena --quiet
    crm rm C-4 --yes
    as lena crm sync --quiet
    fails 3 as lena crm show C-2 --offline
    fails 3 as lena crm show C-4 --offline
    run as lena crm list customers --offline --json
    [ "$(jq -r '[.[].name] | sort | join(",")' <<<"$output")" = 'Marker Holding 1,Marker Newcomer,Renamed Holding' ]
    run as lena crm list customers --json
    diff <(as lena crm list customers --json) <(as lena crm list customers --json --offline)
    diff <(as lena crm find marker --json) <(as lena crm find marker --json --offline)
}

@test "another scope brings more, and takes it away again" {
    crm sync --scope all --quiet
    run crm list customers --offline --json
    [ "$(jq length <<<"$output")" = 5 ]
    crm sync --scope mine --quiet
    run crm list customers --offline --json
    [ "$(jq length <<<"$output")" = 0 ]
    run crm sync --json
    [ "$(jq -r .scope <<<"$output")" = mine ]
}

@test "a replica is of one user, and is kept for that one" {
    cp "$BATS_FILE_TMPDIR/lena/profile" "$BATS_FILE_TMPDIR/profile.good"
    cp -r "$BATS_FILE_TMPDIR/anna" "$BATS_FILE_TMPDIR/both"
    rm -rf "$BATS_FILE_TMPDIR/both/replica"
    cp -r "$BATS_FILE_TMPDIR/lena/replica" "$BATS_FILE_TMPDIR/both/replica"
    fails 9 as both crm list customers --offline
    fails 4 as both crm sync
    as both crm sync --wipe
    as both crm sync --quiet
    run as both crm list customers --offline --json
    [ "$(jq -r .[].name <<<"$output" | head -1)" = 'Marker Holding 2' ]
}

@test "one process writes, and the other names it" {
    exec 8<>"$BATS_FILE_TMPDIR/lena/replica/lock"
    flock -n 8
    echo 4242 >&8
    fails 7 as lena crm sync
    contains 'at work on the replica'
    fails 7 as lena crm sync --wipe
    run as lena crm list customers --offline --json
    [ "$status" -eq 0 ]
    exec 8>&-
    as lena crm sync --quiet
}

@test "a wiped replica leaves nothing behind" {
    grep -rqa Marker "$BATS_FILE_TMPDIR/lena/replica"
    as lena crm sync --wipe
    ! grep -rqa -e Marker -e 'Bo Li' "$BATS_FILE_TMPDIR/lena"
    fails 3 as lena crm list customers --offline
    as lena crm sync --wipe
}
