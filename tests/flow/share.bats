#!/usr/bin/env bats
# share.bats - whose a record is, and who else may see or change it: crm assign, share, unshare, history --owners, deal teams, heirs

bats_require_minimum_version 1.5.0
load server

setup_file() {
    start_server
    crm admin team add North parent=Company --quiet
    crm admin team add South parent=Company --quiet
    add_user lena 'Lena Wu' North representative
    add_user anna 'Anna Snelling' South representative
    add_user ben 'Ben Adler' South representative
    add_user max 'Max Berg' North manager
    crm add customer name=Acme owner=lena --quiet
    crm add contact name='Bo Li' customer=Acme owner=lena --quiet
    crm add deal name=Renewal customer=Acme owner=lena --quiet
    crm add customer name=Globex owner=lena --quiet
    crm add task subject='Call Globex' customer=Globex assigned=lena --quiet
    crm add deal name='Globex pilot' customer=Globex owner=lena --quiet
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

@test "a share lets somebody see the record with what belongs to it, and change it where that is said" {
    fails 3 as anna crm show C-1
    as lena crm share C-1 --with anna
    run as anna crm show C-1
    [ "$status" -eq 0 ]
    contains 'Shared with'
    contains 'Anna Snelling: may see it'
    contains 'Bo Li'
    fails 9 as anna crm set C-1 industry=retail
    as lena crm share C-1 --with anna --write
    as anna crm set C-1 industry=retail
    run as lena crm share C-1 --json
    [ "$(jq -r '.[0].with.title // .[0].with' <<<"$output" | head -1)" != null ]
    [ "$(jq '.[0].may_write' <<<"$output")" = true ]
    as lena crm unshare C-1 --with anna
    fails 3 as anna crm show C-1
    [ "$(as lena crm share C-1)" = 'Not shared.' ]
    fails 6 as lena crm unshare C-1 --with anna
    contains 'not shared with them'
}

@test "a team, with those below it" {
    as lena crm share C-1 --with South
    as ben crm show C-1 --json
    as lena crm unshare C-1 --with South
    as lena crm share C-1 --with Company
    fails 3 as ben crm show C-1
    as lena crm share C-1 --with Company --below
    as ben crm show C-1 --json
    run as lena crm share C-1
    [ "${#lines[@]}" -eq 1 ]
    contains 'Company and below: may see it'
    as lena crm unshare C-1 --with Company
}

@test "a share ends by itself, and the log tells" {
    fails 6 as lena crm share C-1 --with anna --until -1d
    as lena crm share C-1 --with anna --until "$(date -d '+2 seconds' --iso-8601=seconds)"
    as anna crm show C-1 --json
    wait_for no_longer_sees anna C-1
    wait_for expired
    run crm history C-1
    [[ $output == *crmd*expire*'Anna Snelling: no longer'* ]]
}

no_longer_sees() {
    ! as "$1" crm show "$2" --json 2>/dev/null
}

expired() {
    [ "$(crm history C-1 --json | jq '[.[] | select(.action == "expire")] | length')" = 1 ]
}

@test "who may write and share may share, nobody else" {
    fails 3 as anna crm share C-1 --with ben
    as lena crm share C-1 --with anna
    fails 9 as anna crm share C-1 --with ben
    as lena crm unshare C-1 --with anna
}

@test "the team of a deal sees the deal" {
    fails 3 as ben crm show D-1
    as lena crm set D-1 "members={\"user\": \"ben\", \"role\": \"engineer\"}"
    as ben crm show D-1 --json
    fails 9 as ben crm set D-1 next_step=call
    run as lena crm share D-1
    contains 'Ben Adler: may see it, deal team'
    as lena crm set D-1 members=
    fails 3 as ben crm show D-1
}

@test "what belongs with a customer goes along, and the owner history says why" {
    fails 9 as lena crm assign C-2 anna
    as max crm assign C-2 anna --reason 'new territory'
    [ "$(crm show C-2 --json | jq -r '.owner')" = "$(crm show K-1 --json | jq -r '.owner')" ]
    as anna crm show K-1 --json
    as lena crm show D-2 --json
    crm assign C-2 ben --with-deals
    as lena crm show D-2 --json # only those of the owner before
    run crm history C-2
    contains '(new territory)'
    run crm history C-2 --owners
    [ "${#lines[@]}" -eq 4 ]
    contains 'new territory'
    [[ ${lines[1]} == 'Ben Adler'* ]]
    [[ ${lines[2]} == 'Anna Snelling'*'Max Berg'*'new territory' ]]
    [[ ${lines[3]} == 'Lena Wu'* ]]
    [ "$(crm history C-2 --owners --json | jq '[.[] | .until == null] == [true, false, false]')" = true ]
}

@test "who goes leaves what is open to an heir" {
    fails 4 crm admin user disable lena </dev/null
    contains '2 open deals'
    crm admin user disable lena --heir ben
    as ben crm show C-1 --json
    as ben crm show D-1 --json
    [ "$(crm list users 'login = lena' --json | jq '.[0].active')" = false ]
}

@test "the directory is whole" {
    run crmd check "$SERVER_DIR"
    [ "$status" -eq 0 ]
}
