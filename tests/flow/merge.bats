#!/usr/bin/env bats
# merge.bats - several records become one: fields, what refers to them, numbers, history, and back again

bats_require_minimum_version 1.5.0
load server

setup_file() {
    start_server
    crm add customer name=Acme industry=retail tags=a note='First note' --quiet
    crm add customer name='ACME GmbH' industry=steel web=acme.example tags='b' note='Second note' --quiet
    crm add customer name='Acme Ltd' phones=+49301 --quiet
    crm add contact name=Anna customer=C-2 --quiet
    crm add contact name=Bob customer=C-3 --quiet
    crm add deal name=Renewal customer=C-2 amount='5k EUR' --quiet
    crm add customer name=Daughter parent=C-3 --quiet
}

teardown_file() {
    stop_server
}

# whole: what is looked at of the three, as one text.
whole() {
    crm list customers --json | jq -cS '[.[] | {name, industry, web, phones, tags, note, parent: .parent.number}]'
    crm list contacts --json | jq -cS '[.[] | {name, customer: .customer.number}]'
    crm show D-1 --json | jq -cS '.customer.number'
}

@test "one stays, with what the others have besides, and all that refers to them" {
    whole >"$BATS_FILE_TMPDIR/before"
    fails 2 crm merge C-1
    fails 2 crm merge C-1 C-1
    fails 6 crm merge C-1 C-2 --take owner=C-2
    crm merge C-1 C-2 C-3 --take name=C-2 --json | jq .seq >"$BATS_FILE_TMPDIR/seq"
    run --separate-stderr crm show C-1 --json
    [ "$(jq -r '[.name, .industry, .web, .phones[0], (.tags | sort | join("+"))] | join("|")' <<<"$output")" = 'ACME GmbH|retail|acme.example|+49301|a+b' ]
    [ "$(jq -r .note <<<"$output")" = $'First note\n\nSecond note' ]
    [ "$(crm count customers --json | jq .count)" -eq 2 ]
    [ "$(crm list contacts --json | jq -r '[.[].customer.number] | join(",")')" = C-1,C-1 ]
    [ "$(crm show D-1 --json | jq -r .customer.number)" = C-1 ]
    [ "$(crm show customer Daughter --json | jq -r .parent.number)" = C-1 ]
}

@test "the others' numbers lead to it, and its history has theirs" {
    [ "$(crm show C-2 --json | jq -r .number)" = C-1 ]
    [ "$(crm show C-3 --json | jq -r .number)" = C-1 ]
    run crm history C-1
    contains 'C-2: '
    contains 'C-3: '
    crmd check "$SERVER_DIR"
}

@test "it is taken back whole" {
    crm undo "#$(cat "$BATS_FILE_TMPDIR/seq")" --quiet
    whole >"$BATS_FILE_TMPDIR/after"
    diff "$BATS_FILE_TMPDIR/before" "$BATS_FILE_TMPDIR/after"
    [ "$(crm show C-2 --json | jq -r .number)" = C-2 ]
    run crm history C-1
    [[ $output != *'C-2: '* ]]
    crmd check "$SERVER_DIR"
}

@test "it needs the right, and a change of all of them" {
    crm admin role add clerk --scope '*:read=all,write=own' --right merge --quiet
    url=$(crm admin user add lena --name 'Lena Wu' --team Company --role clerk --json | jq -r .invitation.url)
    export CRM_HOME=$BATS_TEST_TMPDIR/lena
    crm login "$url" --quiet
    crm add customer name=Mine --quiet
    number=$(crm show customer Mine --json | jq -r .number)
    fails 9 crm merge "$number" C-1
    [ "$(crm show C-1 --json | jq -r .name)" = Acme ]
}
