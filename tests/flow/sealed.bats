#!/usr/bin/env bats
# sealed.bats - a replica that nobody reads without its key; a role that wants that; a replica that goes when its user or device is shut out

bats_require_minimum_version 1.5.0
load server

# first_login LOGIN: by invitation, into a profile of its own.
first_login() {
    local url
    url=$(crm admin invite "$1" --json | jq -r .url)
    CRM_HOME=$BATS_FILE_TMPDIR/$1 crm login "$url" --quiet
}

as() {
    local home=$BATS_FILE_TMPDIR/$1
    shift
    CRM_HOME=$home "$@"
}

# Without a terminal and without CRM_REPLICA_PASSPHRASE, whoever runs the tests.
alone() {
    setsid -w env -u CRM_REPLICA_PASSPHRASE "$@"
}

# holds LOGIN TEXT: somewhere in the replica's files.
holds() {
    grep -rqa "$2" "$BATS_FILE_TMPDIR/$1/replica"
}

# A keyring may be forbidden (in containers it often is): then each command gives the passphrase.
has_keyring() {
    as lena alone crm list customers --offline >/dev/null 2>&1
}

setup_file() {
    start_server
    for user in lena anna ben carl dora; do
        crm admin user add login=$user name="$user Wu" role=representative team=Company --quiet
        first_login $user
    done
    for i in 1 2 3; do
        crm add customer name="Marker Holding $i" owner=lena industry=retail --quiet
        crm add contact name="Bo Li $i" customer=C-$i owner=lena --quiet
        crm add deal name="Renewal $i" customer=C-$i owner=lena amount="${i}000 USD" --quiet
    done
    crm add customer name=上海科技 owner=lena --quiet
    crm add customer name='Vanishing Vendors' owner=anna --quiet
    crm add customer name='Staying Stationers' owner=anna --quiet
    export CRM_REPLICA_PASSPHRASE='a long road home'
}

teardown_file() {
    for user in lena anna ben carl dora; do # keys do not outlive the test
        as $user crm sync --wipe --yes --quiet || true
    done
    stop_server
}

readings() {
    cat <<'END'
list customers
list customers --sort -name --json
list customers 'industry = retail' --limit 2
list deals 'amount > 1500' --sort -amount --json
list deals 'customer.industry = retail' --csv
list contacts 'customer = C-2' --jsonl
list customers 'name ~ marker' --columns number,name
list customers 'id = C-1'
show C-1
show deal 'Renewal 2' --json
find marker --json
find 上海 --json
find 'bo li'
count customers
count deals --by customer --sum amount --json
END
}

@test "a passphrase is asked for, and is no trifle" {
    fails 2 as lena crm sync --keyring
    fails 2 as lena crm sync --encrypt --keep forever
    CRM_REPLICA_PASSPHRASE=short fails 6 as lena crm sync --encrypt
    fails 5 as lena alone crm sync --encrypt
    contains CRM_REPLICA_PASSPHRASE
    fails 3 as lena crm sync --lock # nothing has come of it
    as lena crm sync --quiet
    fails 6 as lena crm sync --lock
    contains 'is not encrypted'
}

@test "an encrypted replica holds no value in clear, and answers as before" {
    local plain=$BATS_TEST_TMPDIR/plain sealed=$BATS_TEST_TMPDIR/sealed line
    holds lena 'Marker Holding'
    while read -r line; do
        echo "$line"
        eval "as lena crm $line --offline" </dev/null || echo "exit code $?"
    done < <(readings) >"$plain" 2>/dev/null
    run as lena crm sync --encrypt
    [ "$status" -eq 0 ]
    contains 'The replica is encrypted.'
    for text in Marker marker Renewal renewal retail 上海 'Bo Li' Company lena; do
        ! holds lena "$text"
    done
    while read -r line; do
        echo "$line"
        eval "as lena crm $line --offline" </dev/null || echo "exit code $?"
    done < <(readings) >"$sealed" 2>/dev/null
    diff "$plain" "$sealed"
    [ "$(grep -c Marker "$sealed")" -gt 10 ]
    [ -z "$(ls -A "$BATS_FILE_TMPDIR/lena/replica" | grep next)" ]
}

@test "it is written offline, and synced, as before" {
    run as lena crm add customer name='Made Underway' industry=retail --offline --json
    [ "$(jq -r .state <<<"$output")" = pending ]
    number=$(jq -r .number <<<"$output")
    as lena crm add contact name='Ada New' customer="$number" --offline --quiet
    as lena crm set C-1 name='Marker Renamed' --offline --quiet
    [ "$(as lena crm find underway --offline --json | jq length)" = 1 ]
    [ "$(as lena crm show "$number" --offline --json | jq -r .name)" = 'Made Underway' ]
    ! holds lena Underway
    ! holds lena Renamed
    as lena crm sync --quiet
    [ "$(crm show C-1 --json | jq -r .name)" = 'Marker Renamed' ]
    [ "$(crm find 'made underway' --json | jq length)" = 1 ]
    [ "$(as lena crm outbox list --json)" = '[]' ]
    ! holds lena Renamed
}

@test "without its key nobody reads it" {
    as lena crm sync --lock --quiet
    fails 5 as lena alone crm list customers --offline
    contains CRM_REPLICA_PASSPHRASE
    [[ $output != *Marker* ]]
    fails 5 as lena alone crm sync --status
    fails 5 as lena alone crm sync
    CRM_REPLICA_PASSPHRASE='another road home' fails 5 as lena crm list customers --offline
    contains "not the replica's passphrase"
    # On a terminal, where the server answers, nobody is asked.
    run setsid -w env -u CRM_REPLICA_PASSPHRASE CRM_HOME="$BATS_FILE_TMPDIR/lena" script -qec "timeout -s KILL 20 crm list customers" /dev/null </dev/null
    [ "$status" -eq 0 ]
    contains 'Marker Holding'
    [[ $output != *assphrase* ]]
    # What waits is counted by whoever wants to remove it.
    as lena crm set C-2 name='Marker Kept' --offline --quiet
    as lena crm sync --lock --quiet
    fails 4 as lena alone crm sync --wipe
    contains '1 changes are not in the server'
    as lena crm sync --quiet
    as lena crm list customers --offline | grep Marker
    has_keyring || skip "the kernel's keyring cannot be used here"
    as lena crm sync --lock --quiet
    ! has_keyring
}

@test "the passphrase is changed, and the replica is taken back into the clear" {
    as lena crm list customers --offline --quiet >/dev/null
    if has_keyring; then
        CRM_REPLICA_PASSPHRASE='the next road home' as lena crm sync --encrypt --keep 1 --quiet
        as lena crm sync --lock
        fails 5 as lena crm list customers --offline
        CRM_REPLICA_PASSPHRASE='the next road home' as lena crm list customers --offline | grep Marker
    fi
    ! holds lena Marker
    CRM_REPLICA_PASSPHRASE='the next road home' as lena crm sync --decrypt || as lena crm sync --decrypt
    holds lena Marker
    as lena alone crm find marker --offline | grep 'Marker Kept'
    as lena alone crm list contacts 'customer = C-2' --offline | grep 'Bo Li 2'
    as lena alone crm sync --quiet
}

@test "a key in the keyring alone" {
    as dora crm sync --encrypt --keyring --quiet || skip "the kernel's keyring cannot be used here"
    as dora alone crm sync --status --json | jq -e .complete
    fails 6 as dora crm sync --lock
    contains 'nobody could read it again'
}

@test "of what was forgotten nothing is left in the file" {
    as anna crm sync --quiet
    holds anna Vanishing
    crm assign 'Vanishing Vendors' lena --quiet
    as anna crm sync --quiet
    ! holds anna Vanishing
    ! holds anna vanishing
    holds anna Staying
    as anna crm list customers --offline | grep Staying
}

@test "a role that wants it has no replica in clear" {
    as ben crm add customer name='Plain Sight' --quiet
    as ben crm sync --quiet
    crm admin role set representative --encrypted-replica on --quiet
    [ "$(crm admin role show representative --json | jq .offline_encrypted)" = true ]
    fails 9 as ben crm sync
    contains 'crm sync --encrypt'
    fails 9 as ben crm list customers --offline
    contains 'crm sync --encrypt'
    as ben crm sync --encrypt --quiet
    ! holds ben 'Plain Sight'
    as ben crm list customers --offline | grep 'Plain Sight'
    fails 9 as ben crm sync --decrypt
    # And none is begun.
    fails 9 as carl crm sync
    contains 'crm sync --encrypt'
    fails 3 as carl crm list customers --offline
    as carl crm sync --encrypt --quiet
    crm admin role set representative --encrypted-replica off --quiet
}

@test "who was shut out while away loses the replica at the next contact, and is told what went with it" {
    as anna crm add customer name='Never Sent' --offline --quiet
    # A wrong password and a session that has ended are none of it.
    CRM_PASSWORD=wrong-horse-1 fails 5 as ben crm login "localhost:$SERVER_PORT" --ca "$SERVER_DIR/ca.crt" --user ben
    [ -e "$BATS_FILE_TMPDIR/ben/replica/data.mdb" ]
    as ben crm logout --quiet
    fails 5 as ben crm sync
    [ -e "$BATS_FILE_TMPDIR/ben/replica/data.mdb" ]

    crm admin user disable anna --heir lena --quiet
    fails 5 as anna crm sync
    contains 'the replica here was removed, and with it 1 change that the server never got'
    [ ! -e "$BATS_FILE_TMPDIR/anna/replica" ]
    fails 3 as anna crm list customers --offline
    fails 5 as anna crm list customers
}

@test "a device that was revoked loses its replica" {
    url=$(crm admin device enroll --user lena --name "Lena laptop" --json | jq -r .url)
    as lena crm device enrol "$url" --quiet
    as lena crm sync --quiet
    as lena crm set C-2 name='Never Arrives' --offline --quiet
    id=$(crm admin device list --json | jq -r '.[] | select(.name == "Lena laptop") | .id')
    crm admin device revoke "$id" --quiet
    fails 5 as lena crm sync
    contains 'this device was revoked'
    contains 'the replica here was removed, and with it 1 change that the server never got'
    [ ! -e "$BATS_FILE_TMPDIR/lena/replica" ]
}
