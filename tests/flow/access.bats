#!/usr/bin/env bats
# access.bats - who may see and change a record, and why: crm access explain and crm access who

bats_require_minimum_version 1.5.0
load server

setup_file() {
    start_server
    crm admin team add North parent=Company --quiet
    crm admin team add Harbour parent=North --quiet
    crm admin team add South parent=Company --quiet
    add_user lena 'Lena Wu' Harbour representative
    add_user anna 'Anna Snelling' Harbour representative
    add_user max 'Max Berg' North manager
    add_user ute 'Ute Kern' South manager
    add_user aud 'Aud Itor' Company auditor
    crm add customer name=Acme owner=lena team=Harbour --quiet
    crm add contact name='Bo Li' customer=Acme owner=lena team=Harbour --quiet
    crm add customer name=Solo owner=ute team=South --quiet
}

teardown_file() {
    stop_server
}

# add_user LOGIN NAME TEAM ROLE: with a profile of its own in $BATS_FILE_TMPDIR/LOGIN, logged in.
add_user() {
    local url
    url=$(crm admin user add "$1" --name "$2" --team "$3" --role "$4" --json | jq -r .invitation.url)
    CRM_HOME=$BATS_FILE_TMPDIR/$1 crm login "$url" --quiet
}

# as LOGIN COMMAND...
as() {
    local home=$BATS_FILE_TMPDIR/$1
    shift
    CRM_HOME=$home "$@"
}

@test "the answer comes first, then the rules; the exit code says it too" {
    run crm access explain lena C-1
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = 'read: yes, change: yes' ]
    contains 'Role representative reads customers: own.'
    contains "C-1 Acme is Lena Wu's own."
    fails 9 crm access explain anna C-1
    [ "${lines[0]}" = 'read: no, change: no' ]
    contains 'C-1 Acme belongs to Lena Wu, team Harbour; Anna Snelling is not the owner.'
    contains 'It is not shared with Anna Snelling or a team of theirs.'
    contains 'What may not be read may not be changed.'
}

@test "team, branch and all" {
    run crm access explain max C-1
    contains 'Max Berg is in a team above Harbour'
    fails 9 crm access explain ute C-1
    contains 'Ute Kern is neither the owner nor in team Harbour or one above'
    run crm access explain aud C-1
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = 'read: yes, change: no' ]
    contains 'Role auditor changes customers: none.'
    crm admin role set representative --scope customer:read=team,write=own --quiet
    run crm access explain anna C-1
    [ "${lines[0]}" = 'read: yes, change: no' ]
    contains 'Anna Snelling is in team Harbour'
    crm admin role set representative --scope customer:own --quiet
    fails 9 crm access explain anna C-1
}

@test "of a contact the customer decides" {
    fails 9 crm access explain anna contact 'Bo Li'
    contains 'C-1 Acme decides: it belongs to Lena Wu, team Harbour; Anna Snelling is not the owner.'
    run crm access explain lena contact 'Bo Li'
    contains "C-1 Acme decides: it is Lena Wu's own."
}

@test "a field that is hidden or protected" {
    run crm access explain lena C-1 level
    [ "$status" -eq 0 ]
    contains 'Role representative shows the field level.'
    crm admin role set representative --hide customer.level --read-only customer.industry --quiet
    fails 9 crm access explain lena C-1 level
    contains 'Role representative hides the field level.'
    run crm access explain lena C-1 industry
    [ "${lines[0]}" = 'read: yes, change: no' ]
    contains 'Role representative does not let the field industry be changed.'
    run crm access explain lena C-1 number
    contains 'Only the server sets the field number.'
    crm admin role set representative --open customer.level --open customer.industry --quiet
    fails 6 crm access explain lena C-1 shoe_size
}

@test "a disabled user sees nothing" {
    crm admin user add gone --team South --role manager --no-invitation --quiet
    crm access explain gone C-2
    crm admin user disable gone --quiet
    fails 9 crm access explain gone C-2
    contains 'gone is disabled and cannot log in.'
    run crm access who C-2
    [[ $output != *gone* ]]
}

@test "who may ask: about oneself everybody, about others who manages users or audits" {
    run as lena crm access explain me C-1
    [ "$status" -eq 0 ]
    contains 'Role representative reads customers: own.'
    fails 9 as lena crm access explain anna C-1
    contains 'about others only who manages users or audits may ask'
    fails 9 as max crm access explain anna C-1
    run as aud crm access explain max C-1
    [ "$status" -eq 0 ]
}

@test "a record that one may not read is not there, whoever is asked about" {
    fails 3 as ute crm access explain me C-1
    contains "there is no record 'C-1'"
    fails 3 as ute crm access explain me C-999
    contains "there is no record 'C-999'"
    fails 3 as ute crm access who C-1
}

@test "who lists everybody who can, by what, and until when" {
    run crm access who C-1 --json
    [ "$(jq -r '[.[] | "\(.login):\(.rule):\(.may_write)"] | sort | join(" ")' <<<"$output")" = \
        'admin:all:true aud:all:false lena:own:true max:branch:true' ]
    # What it lists is what the users find.
    [ "$(as lena crm count customers)" = 1 ]
    [ "$(as anna crm count customers)" = 0 ]
    [ "$(as max crm count customers)" = 1 ]
    [ "$(as ute crm list customers --json | jq -r '.[].name')" = Solo ]
    run crm access who contact 'Bo Li'
    contains 'Max Berg'
    [[ $output != *Snelling* ]]
}

@test "who asks whether one may share, manages users or audits" {
    as lena crm access who C-1
    crm admin user set anna --role assistant
    fails 9 as anna crm access who C-1
    contains 'your role does not allow this'
    crm admin user set anna --role representative
}

@test "a question about others is in the audit trail" {
    crm access explain max C-2 || true
    run crm audit list --json
    jq -e '[.[] | select(.act == "access")] | length > 0' <<<"$output"
}
