#!/usr/bin/env bats
# session.bats - where somebody is logged in, how that ends, what passwords may be, and the password once more before what is sensitive

bats_require_minimum_version 1.5.0
load server

setup_file() {
    start_server
    crm admin team add name=North --quiet
}

teardown_file() {
    stop_server
}

# A user of a test's own who logs in as HOME $2 with CRM_NEW_PASSWORD.
add_user() {
    local url
    url=$(crm admin user add "$1" --team North --role representative --json | sed -n 's/.*"url": *"\([^"]*\)".*/\1/p')
    CRM_HOME=$BATS_TEST_TMPDIR/$1 crm login "$url" --device "$1's laptop" --quiet
}

as() {
    CRM_PASSWORD=$CRM_NEW_PASSWORD CRM_HOME=$BATS_TEST_TMPDIR/$1 "${@:2}"
}

# One more login of a user, in HOME $2.
login_again() {
    CRM_HOME=$BATS_TEST_TMPDIR/$2 CRM_PASSWORD=$CRM_NEW_PASSWORD \
        crm login "localhost:$SERVER_PORT" --ca "$SERVER_DIR/ca.crt" --user "$1" --device "$2" --quiet
}

@test "sessions are listed, each with where it is from" {
    add_user anna
    login_again anna phone
    run -0 as anna crm session list
    contains "anna's laptop"
    contains 'phone'
    contains '127.0.0.1 crm/'
    contains 'invitation'
    contains 'password'
    [ "$(as anna crm session list --json | grep -c '"current": true')" -eq 1 ]
    [ "$(as anna crm session list --json | grep -c '"id"')" -eq 2 ]
    # The administrator sees hers, she does not see the administrator's.
    crm session list --user anna | grep -q phone
    crm session list --all | grep -q phone
    fails 9 as anna crm session list --all
}

@test "a session that is killed is out at once, also where it watches" {
    add_user ben
    login_again ben phone
    as phone crm watch --jsonl >"$BATS_TEST_TMPDIR/events" 2>"$BATS_TEST_TMPDIR/said" 3>&- &
    watcher=$!
    id=$(as ben crm session list --json | tr -d '\n' | sed 's/.*"id": "\([^"]*\)"[^}]*"device": "phone".*/\1/')
    run -0 as ben crm session kill "${id: -8}"
    contains 'Sessions ended: 1.'
    run wait "$watcher"
    [ "$status" -ne 0 ]
    fails 5 as phone crm whoami
    as ben crm whoami
    fails 3 as ben crm session kill "${id: -8}"
    fails 2 as ben crm session kill xyz
    fails 2 as ben crm session kill
}

@test "all others end, and all of a user" {
    add_user carl
    login_again carl phone
    login_again carl tablet
    as carl crm session kill --others | grep -q 'ended: 2'
    fails 5 as phone crm whoami
    login_again carl phone
    fails 9 as carl crm session kill --user admin
    id=$(crm session list --json | sed -n 's/.*"id": "\([^"]*\)".*/\1/p' | head -1)
    fails 3 as carl crm session kill "$id" # the administrator's: for him there is none
    crm session kill --user carl | grep -q 'ended: 2'
    fails 5 as carl crm whoami
    crm whoami
}

@test "a new password ends the other sessions, and may not be a bad one" {
    add_user dora
    login_again dora phone
    for bad in short password1234 Dora2024 aaaaaaaaaaaa abcdefghij qwertyuiop new-battery-7; do
        CRM_PASSWORD=new-battery-7 CRM_NEW_PASSWORD=$bad CRM_HOME=$BATS_TEST_TMPDIR/dora fails 6 crm passwd
    done
    CRM_PASSWORD=wrong-horse-1 CRM_NEW_PASSWORD=river-of-brass CRM_HOME=$BATS_TEST_TMPDIR/dora fails 5 crm passwd
    CRM_PASSWORD=new-battery-7 CRM_NEW_PASSWORD=river-of-brass CRM_HOME=$BATS_TEST_TMPDIR/dora crm passwd
    as dora crm whoami
    fails 5 as phone crm whoami
}

@test "a temporary password is good for nothing but choosing another" {
    add_user emil
    CRM_NEW_PASSWORD=temporary-kettle-3 crm admin user reset-password emil --temporary
    fails 5 as emil crm whoami
    export CRM_PASSWORD=temporary-kettle-3 CRM_HOME=$BATS_TEST_TMPDIR/emil
    run -0 crm login --user emil
    contains 'choose a new password first'
    fails 5 crm list deals
    contains 'choose a new password first'
    CRM_NEW_PASSWORD=temporary-kettle-3 fails 6 crm passwd
    CRM_NEW_PASSWORD=brass-of-rivers crm passwd
    crm list deals
    CRM_PASSWORD=brass-of-rivers crm login --user emil --quiet
}

@test "wrong passwords are slowed down, the user from a known place is not" {
    add_user frida
    local home=$BATS_TEST_TMPDIR/stranger wait
    mkdir -p "$home"
    for i in 1 2 3 4 5; do
        rm -rf "$home"
        CRM_HOME=$home CRM_PASSWORD=wrong-horse-$i fails 5 crm login "localhost:$SERVER_PORT" --ca "$SERVER_DIR/ca.crt" --user frida
    done
    rm -rf "$home"
    CRM_HOME=$home CRM_PASSWORD=new-battery-7 fails 7 crm login "localhost:$SERVER_PORT" --ca "$SERVER_DIR/ca.crt" --user frida
    contains 'too many wrong passwords'
    as frida crm login --user frida --quiet
}
