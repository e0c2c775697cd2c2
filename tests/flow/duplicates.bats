#!/usr/bin/env bats
# duplicates.bats - likely duplicates: found, told why, and merged

bats_require_minimum_version 1.5.0
load server

setup_file() {
    start_server
    crm add customer name='Nordwind Maschinenbau GmbH' phones=+4930123456 --quiet
    crm add customer name='Nordwind Maschinenbau Gmbh.' phones=030-123456 --quiet
    crm add customer name='Sued Textil AG' phones=+49899999 --quiet
    crm add contact name='Anna Snelling' emails=anna@example.com customer=C-1 --quiet
    crm add contact name='Snelling, Anna' emails=anna@example.com customer=C-1 --quiet
    crm add contact name='Bo Lindgren' emails=bo@example.com customer=C-1 --quiet
}

teardown_file() {
    stop_server
}

@test "likely duplicates are told with score and reasons" {
    run --separate-stderr crm duplicates customers --json
    [ "$(jq -r '[.[] | [.first.number, .second.number] | sort | join("+")] | join(",")' <<<"$output")" = C-1+C-2 ]
    [ "$(jq '.[0].score > 0.5 and (.[0].reasons | length > 0)' <<<"$output")" = true ]
    run crm duplicates contacts
    contains 'same e-mail'
    [[ $output != *Lindgren* ]]
    run crm duplicates contacts 'name ~ Lindgren'
    contains 'No likely duplicates'
    fails 2 crm duplicates customers --min 7
    fails 6 crm duplicates deals
}

@test "merged they are found no more" {
    crm merge C-1 C-2 --quiet
    [ "$(crm duplicates customers --csv | wc -l)" -eq 1 ]
}
