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
    if [ -s "$BATS_FILE_TMPDIR/pid" ]; then # a story has put another in its place
        kill "$(cat "$BATS_FILE_TMPDIR/pid")"
    else
        stop_server
    fi
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

@test "what only the server knows or may do is refused with a sentence" {
    for line in 'history C-1' 'list customers --deleted' 'list customers --as-of 1' 'report' 'access who C-1'; do
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
    fails 7 as lena crm set C-1 industry=finance
    run script -qec "CRM_HOME=$BATS_FILE_TMPDIR/lena crm set C-1 industry=finance --json" /dev/null
    [ "$status" -eq 7 ]
    [ "$(as lena crm outbox list --json)" = '[]' ]
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

@test "what is added, set and logged offline is shown at once and queued" {
    as lena crm sync --quiet
    run as lena crm add customer name='Field Finds' industry=retail --offline
    [ "$status" -eq 0 ]
    contains 'Queued C-~1'
    run as lena crm add contact name='Ada Field' customer=C-~1 --offline --json
    [ "$(jq -r .state <<<"$output")" = pending ]
    [ "$(jq -r .number <<<"$output")" = 'P-~2' ]
    as lena crm set C-1 industry=finance --offline --quiet
    as lena crm log C-1 visit 'Saw the new hall' --offline --quiet
    run as lena crm show C-~1 --offline --json
    [ "$(jq -r .name <<<"$output")" = 'Field Finds' ]
    run as lena crm list customers industry=finance --offline --json
    [ "$(jq -r .[].number <<<"$output")" = C-1 ]
    run as lena crm outbox list --json
    [ "$(jq length <<<"$output")" = 4 ]
    [ "$(jq -r '[.[].state] | unique | join(",")' <<<"$output")" = pending ]
    run as lena crm sync --status --json
    [ "$(jq .pending <<<"$output")" = 4 ]
    [ "$(crm show C-1 --json | jq -r .industry)" = retail ]
    [ "$(crm count customers 'name = "Field Finds"')" = 0 ]
}

@test "a sync sends each change once, whatever is lost on the way" {
    local there=$BATS_FILE_TMPDIR/lena/replica number
    cp -r "$there" "$BATS_FILE_TMPDIR/replica.unsent"
    run as lena crm sync
    [ "$status" -eq 0 ]
    contains 'C-~1 → C-'
    contains 'Changes sent: 4.'
    number=$(sed -n 's/^C-~1 → //p' <<<"$output")
    [ "$(crm count activities 'subject = "Saw the new hall"')" = 1 ]
    # as if it had been killed before the answers: the same bytes under the same numbers again
    rm -r "$there"
    mv "$BATS_FILE_TMPDIR/replica.unsent" "$there"
    run as lena crm sync
    [ "$status" -eq 0 ]
    contains "C-~1 → $number"
    [ "$(crm count activities 'subject = "Saw the new hall"')" = 1 ]
    [ "$(crm count customers 'name = "Field Finds"')" = 1 ]
    [ "$(crm show C-1 --json | jq -r .industry)" = finance ]
    run as lena crm outbox list --json
    [ "$(jq length <<<"$output")" = 0 ]
    [ "$(as lena crm show C-~1 --offline --json | jq -r .number)" = "$number" ]
    diff <(as lena crm list customers --json) <(as lena crm list customers --json --offline)
}

@test "a server killed between two syncs has each change once" {
    as lena crm log C-1 note 'Killed once' --offline --quiet
    cp -r "$BATS_FILE_TMPDIR/lena/replica" "$BATS_FILE_TMPDIR/replica.unsent"
    as lena crm sync --quiet
    kill -KILL "$SERVER_PID"
    wait_for flock -n "$SERVER_DIR/lock" true
    sed -i "s/^listen.*/listen = 127.0.0.1:$SERVER_PORT/" "$SERVER_DIR/crmd.conf"
    : >"$BATS_FILE_TMPDIR/port"
    crmd run "$SERVER_DIR" --port-file "$BATS_FILE_TMPDIR/port" >>"$BATS_FILE_TMPDIR/server.log" 2>&1 3>&- 4>&- &
    echo $! >"$BATS_FILE_TMPDIR/pid"
    wait_for test -s "$BATS_FILE_TMPDIR/port"
    rm -r "$BATS_FILE_TMPDIR/lena/replica"
    mv "$BATS_FILE_TMPDIR/replica.unsent" "$BATS_FILE_TMPDIR/lena/replica"
    as lena crm sync --quiet
    [ "$(crm count activities 'subject = "Killed once"')" = 1 ]
}

@test "a server restored from its backup is sent again what it has lost, once and under its number" {
    crmd backup "$SERVER_DIR" "$BATS_FILE_TMPDIR/before.backup" 3>&- 4>&-
    as lena crm add customer name='Lost Works' --offline --quiet
    as lena crm log C-1 note 'Lost once' --offline --quiet
    as lena crm sync --quiet
    number=$(crm list customers 'name = "Lost Works"' --csv --columns number | tail -1)
    kill -KILL "$(cat "$BATS_FILE_TMPDIR/pid")"
    wait_for flock -n "$SERVER_DIR/lock" true
    mv "$SERVER_DIR" "$SERVER_DIR.lost"
    crmd restore "$BATS_FILE_TMPDIR/before.backup" "$SERVER_DIR"
    sed -i "s/^listen.*/listen = 127.0.0.1:$SERVER_PORT/" "$SERVER_DIR/crmd.conf"
    : >"$BATS_FILE_TMPDIR/port"
    crmd run "$SERVER_DIR" --port-file "$BATS_FILE_TMPDIR/port" >>"$BATS_FILE_TMPDIR/server.log" 2>&1 3>&- 4>&- &
    echo $! >"$BATS_FILE_TMPDIR/pid"
    wait_for test -s "$BATS_FILE_TMPDIR/port"
    [ "$(crm count activities 'subject = "Lost once"')" = 0 ]
    run as lena crm sync
    contains 'restored from a backup'
    [ "$(crm count activities 'subject = "Lost once"')" = 1 ]
    [ "$(crm list customers 'name = "Lost Works"' --csv --columns number | tail -1)" = "$number" ]
    [ "$(as lena crm count activities 'subject = "Lost once"' --offline)" = 1 ]
    run as lena crm sync
    [[ $output != *'restored from a backup'* ]]
}

@test "what others have changed too is in conflict and kept, what is refused lets the rest pass" {
    as lena crm set C-3 name='Mine Holding' --offline --quiet
    as lena crm set C-1 name=Mine --offline --quiet
    as lena crm add contact name='Nobody' customer=C-3 --offline --quiet
    as lena crm add task subject='Call back' customer=C-1 --offline --quiet
    crm set C-3 name='Theirs Holding' --quiet
    crm assign C-3 anna --quiet
    crm set C-1 name=Theirs --quiet
    run as lena crm sync
    echo "$output"
    [ "$status" -eq 0 ]
    contains 'Changes sent: 1.'
    [ "$(crm show C-1 --json | jq -r .name)" = Theirs ]
    [ "$(as lena crm show C-1 --offline --json | jq -r .name)" = Theirs ]
    [ "$(crm count tasks 'subject = "Call back"')" = 1 ]
    run as lena crm outbox list --json
    [ "$(jq length <<<"$output")" = 3 ]
    [ "$(jq -r '[.[].state] | join(",")' <<<"$output")" = rejected,conflict,rejected ]
    [ "$(jq -r '.[1].fields[0]' <<<"$output")" = name ]
    local changes=($(jq -r '.[].change' <<<"$output"))
    run as lena crm outbox show "${changes[1]}" --json
    [ "$(jq -r .status <<<"$output")" = conflict ]
    for change in "${changes[@]}"; do
        as lena crm outbox drop "$change" --quiet
    done
    fails 3 as lena crm outbox drop "${changes[0]}"
    [ "$(as lena crm outbox list --json)" = '[]' ]
}

@test "a change that is given up is not shown any more, and never sent" {
    as lena crm set C-1 industry=retail --offline --quiet
    [ "$(as lena crm show C-1 --offline --json | jq -r .industry)" = retail ]
    fails 4 as lena crm sync --wipe
    as lena crm outbox drop "$(as lena crm outbox list --json | jq '.[0].change')"
    [ "$(as lena crm show C-1 --offline --json | jq -r .industry)" = finance ]
    as lena crm sync --quiet
    [ "$(crm show C-1 --json | jq -r .industry)" = finance ]
}

@test "a wiped replica leaves nothing behind" {
    grep -rqa Marker "$BATS_FILE_TMPDIR/lena/replica"
    as lena crm sync --wipe
    ! grep -rqa -e Marker -e 'Bo Li' "$BATS_FILE_TMPDIR/lena"
    fails 3 as lena crm list customers --offline
    as lena crm sync --wipe
}
