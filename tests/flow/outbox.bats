#!/usr/bin/env bats
# outbox.bats - changes made without the server: seen, edited, given up, refused, held, tried again

bats_require_minimum_version 1.5.0
load server

# lena COMMAND...: as her.
lena() {
    CRM_HOME=$BATS_FILE_TMPDIR/lena "$@"
}

setup_file() {
    local url
    start_server
    url=$(crm admin user add lena --name 'Lena Wu' --team Company --role representative --json | jq -r .invitation.url)
    lena crm login "$url" --quiet
    url=$(crm admin user add anna --name 'Anna Snelling' --team Company --role representative --json | jq -r .invitation.url)
    CRM_HOME=$BATS_FILE_TMPDIR/anna crm login "$url" --quiet
    crm add customer name=Acme owner=lena industry=retail tags=a --quiet
    crm add customer name=南方机械 owner=lena --quiet
    lena crm sync --quiet
}

teardown_file() {
    stop_server
}

# states: of all that is in the outbox, in order.
states() {
    lena crm outbox list --json | jq -r '[.[].state] | join(",")'
}

@test "what waits is listed by its record's name, with what it changes" {
    [ "$(lena crm outbox list --json)" = '[]' ]
    lena crm add contact name=王小明 customer=C-2 --offline --quiet
    lena crm set C-2 industry=steel note=x --offline --quiet
    [ "$(states)" = pending,pending ]
    run lena crm outbox list
    contains 'P-~1 王小明'
    contains 'set industry, note'
    contains 'C-2 南方机械'
    run lena crm outbox list --json
    [ "$(jq -r '.[0] | [.change, .what, .kind, .number, .name] | join(",")' <<<"$output")" = 1,add,contact,P-~1,王小明 ]
    [ "$(jq -r '.[1].fields | join(",")' <<<"$output")" = industry,note ]
    run lena crm outbox show 1
    contains '南方机械' # the customer by its name
    fails 3 lena crm outbox show 9
    fails 2 lena crm outbox show first
}

@test "a queued change is edited before it is sent" {
    lena crm outbox edit 1 name=王大明 --quiet
    [ "$(lena crm show P-~1 --offline --json | jq -r .name)" = 王大明 ]
    fails 6 lena crm outbox edit 1 name=
    fails 6 lena crm outbox edit 1 nothing=1
    fails 2 lena crm outbox edit 1 owner=anna
    fails 2 lena crm outbox edit 1
    printf '#!/bin/sh\nsed -i "s/steel/iron/" "$1"\n' >"$BATS_TEST_TMPDIR/editor"
    chmod +x "$BATS_TEST_TMPDIR/editor"
    EDITOR=$BATS_TEST_TMPDIR/editor lena crm outbox edit 2 --quiet
    run lena crm sync
    contains 'P-~1 → P-1'
    contains 'Changes sent: 2.'
    [ "$(crm show P-1 --json | jq -r .name)" = 王大明 ]
    [ "$(crm show C-2 --json | jq -r '[.industry, .note] | join(",")')" = iron,x ]
}

@test "a sync says what was merged, in conflict, refused and held, and how to go on" {
    lena crm set C-1 tags+=mine name=Mine --offline --quiet
    lena crm add contact name=Bo customer=C-2 --offline --quiet
    lena crm log P-~2 note 'Met Bo' --offline --quiet
    crm set C-1 tags+=theirs name=Theirs --quiet
    crm assign C-2 anna --quiet
    run lena crm sync --json
    echo "$output"
    [ "$(jq -r '.merged[0] | [.record, .fields[]] | join(",")' <<<"$output")" = C-1,tags ]
    [ "$(jq -r '.conflicts[0].record' <<<"$output")" = 'C-1 Theirs' ]
    [ "$(jq -r '.rejected[0].what' <<<"$output")" = add ]
    [ "$(jq -r '.held | length' <<<"$output")" = 1 ]
    [ "$(states)" = conflict,rejected,held ]
    run lena crm outbox list
    contains 'waits for'
    run lena crm sync
    [ "$status" -eq 0 ]
    [ "$(states)" = conflict,rejected,held ]
}

@test "what was refused is sent again once it can be taken, and what was held with it" {
    fails 4 lena crm outbox retry "$(lena crm outbox list --json | jq '.[0].change')"
    contains 'crm resolve C-1'
    fails 4 lena crm outbox edit "$(lena crm outbox list --json | jq '.[0].change')" name=Other
    fails 2 lena crm outbox retry
    fails 3 lena crm outbox retry 99
    crm assign C-2 lena --quiet
    lena crm sync --quiet
    lena crm outbox retry --rejected --quiet
    [ "$(states)" = conflict,pending,pending ]
    run lena crm sync
    contains 'P-~2 → P-'
    [ "$(crm count activities 'subject = "Met Bo"')" = 1 ]
    [ "$(states)" = conflict ]
    lena crm resolve C-1 --mine --quiet
    [ "$(states)" = '' ]
    [ "$(crm show C-1 --json | jq -r .name)" = Mine ]
}

@test "changes are given up one by one, several at once, or all that were refused" {
    lena crm set C-1 industry=a --offline --quiet
    lena crm log C-1 note one --offline --quiet
    lena crm log C-1 note two --offline --quiet
    fails 2 lena crm outbox drop
    fails 2 lena crm outbox drop 1 --rejected
    fails 3 lena crm outbox drop 1 77
    [ "$(lena crm outbox list --json | jq length)" = 3 ]
    run lena crm outbox drop $(lena crm outbox list --json | jq '.[1:][].change') --json
    [ "$(jq '.changes | length' <<<"$output")" = 2 ]
    [ "$(lena crm outbox list --json | jq length)" = 1 ]
    lena crm outbox drop --rejected --quiet
    [ "$(states)" = pending ]
    lena crm outbox drop "$(lena crm outbox list --json | jq '.[0].change')" --quiet
    [ "$(lena crm show C-1 --offline --json | jq -r .industry)" = retail ]
    lena crm sync --quiet
    [ "$(crm count activities 'subject = one')" = 0 ]
}
