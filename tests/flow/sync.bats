#!/usr/bin/env bats
# sync.bats - crm sync: what is carried, what is told of it, and following

bats_require_minimum_version 1.5.0
load server

setup_file() {
    start_server
    for i in 1 2 3; do
        crm add customer name="Marker $i" industry=retail --quiet
        crm add deal name="Renewal $i" customer=C-$i amount="${i}000 USD" --quiet
    done
}

teardown_file() {
    if [ -s "$BATS_FILE_TMPDIR/pid" ]; then # the last story has put another in its place
        kill "$(cat "$BATS_FILE_TMPDIR/pid")"
    else
        stop_server
    fi
}

# names KIND: as the replica has them
names() {
    crm list "$1" --offline --sort number --json | jq -r '[.[].name] | join(",")'
}

@test "a scope with filters carries what fits, and is kept" {
    crm sync --scope 'all; deals amount > 1500; customers where name ~ "marker 3" or name = "x; y"' --quiet
    [ "$(names deals)" = 'Renewal 2,Renewal 3' ]
    [ "$(names customers)" = 'Marker 3' ]
    crm add deal name='Too small' amount='5 USD' --quiet
    crm add deal name='Large' amount='9000 USD' --quiet
    crm sync --quiet
    [ "$(names deals)" = 'Renewal 2,Renewal 3,Large' ]
    crm set D-3 amount='1 USD' --quiet # out of the scope, and out of the replica
    crm set D-1 amount='7000 USD' --quiet
    crm sync --quiet
    [ "$(names deals)" = 'Renewal 1,Renewal 2,Large' ]
    [ "$(crm sync --status --json | jq -r .scope)" = 'all; deals amount > 1500; customers where name ~ "marker 3" or name = "x; y"' ]
}

@test "another scope takes away what is no longer in it" {
    grep -qa 'Renewal 2' "$CRM_HOME/replica/data.mdb"
    crm sync --scope 'deals amount > 8000' --quiet
    [ "$(names deals)" = Large ]
    [ "$(names customers)" = 'Marker 1,Marker 2,Marker 3' ] # all that is the user's
    crm sync --scope mine --quiet
    [ "$(names deals)" = 'Renewal 1,Renewal 2,Renewal 3,Too small,Large' ]
}

@test "a scope that is none is refused, and leaves everything as it was" {
    fails 2 crm sync --scope everything
    contains 'mine, team or all'
    fails 2 crm sync --scope 'all; custmers name = x'
    fails 2 crm sync --scope 'mine; customers'
    contains 'as for crm list'
    fails 2 crm sync --scope 'deals amount > 1; deals amount < 3'
    fails 2 crm sync --scope 'customers name = x; all'
    fails 6 crm sync --scope 'all; customers nme = x'
    contains "did you mean 'name'?"
    contains '^'
    fails 6 crm sync --scope 'deals customer.name = x'
    contains "own fields"
    crm sync --quiet
    [ "$(crm sync --status --json | jq -r .scope)" = mine ]
    [ "$(names customers)" = 'Marker 1,Marker 2,Marker 3' ]
}

@test "the status says what there is, for people and programs" {
    crm set C-1 industry=finance --offline --quiet
    run crm sync --status --json
    [ "$status" -eq 0 ]
    [ "$(jq -r '[.complete, .encrypted, .scope, .user, .pending, .conflicts, .rejected] | map(tostring) | join(" ")' <<<"$output")" = 'true false mine admin 1 0 0' ]
    [ "$(jq '.by_kind.deal' <<<"$output")" = 5 ]
    [ "$(jq '.age_seconds >= 0 and .bytes > 0 and .records > 10 and (.replica | length) == 36' <<<"$output")" = true ]
    crm set C-1 industry=telecom --quiet # since
    crm sync --quiet
    [ "$(crm sync --status --json | jq -r '[.pending, .conflicts] | map(tostring) | join(" ")')" = '0 1' ]
    run crm sync --status
    for row in 'Last sync' 'Shown until' 'Carries  *mine' 'Customers  *3' 'Pending  *0' 'In conflict  *1' 'On disk' 'Encrypted  *no' 'Of  *admin' 'Replica'; do
        grep -q "^$row" <<<"$output" || { echo "no row $row in $output"; return 1; }
    done
    crm outbox drop 1 --quiet
}

@test "watching, what changes there comes, what is queued here goes, and the interrupt key ends it" {
    local out=$BATS_FILE_TMPDIR/watch pid
    crm sync --watch --json >"$out" 2>"$BATS_FILE_TMPDIR/watch.err" 3>&- 4>&- &
    pid=$!
    crm set C-2 name='Watched There' --quiet
    wait_for grep -q '"records":1' "$out"
    [ "$(names customers)" = 'Marker 1,Watched There,Marker 3' ]
    # its lock is free between two syncs
    wait_for crm add customer name='Queued Beside' --offline --quiet
    wait_for grep -q '"sent":1' "$out"
    wait_for grep -q 'C-~' "$out"
    [ "$(crm count customers 'name = "Queued Beside"')" = 1 ]
    kill -INT "$pid"
    wait "$pid"
    [ "$(wc -l <"$BATS_FILE_TMPDIR/watch.err")" = 0 ]
}

@test "watching goes on where the line was lost" {
    local out=$BATS_FILE_TMPDIR/watch pid
    crm sync --watch --json >"$out" 2>/dev/null 3>&- 4>&- &
    pid=$!
    crm set C-2 name='Before' --quiet
    wait_for grep -q '"records":1' "$out"
    kill -KILL "$SERVER_PID"
    wait_for flock -n "$SERVER_DIR/lock" true
    crm set C-3 name='While it was away' --offline --quiet
    sed -i "s/^listen.*/listen = 127.0.0.1:$SERVER_PORT/" "$SERVER_DIR/crmd.conf"
    crmd run "$SERVER_DIR" >>"$BATS_FILE_TMPDIR/server.log" 2>&1 3>&- 4>&- &
    echo $! >"$BATS_FILE_TMPDIR/pid"
    wait_for grep -q '"sent":1' "$out"
    [ "$(crm show C-3 --json | jq -r .name)" = 'While it was away' ]
    kill -TERM "$pid"
    wait "$pid"
}
