#!/usr/bin/env bats
# conflicts.bats - what two people have changed: shown, and resolved by words, in a dialogue, offline, on another machine

bats_require_minimum_version 1.5.0
load server

# as LOGIN COMMAND...
as() {
    local home=$BATS_FILE_TMPDIR/$1
    shift
    CRM_HOME=$home "$@"
}

setup_file() {
    local url
    start_server
    url=$(crm admin user add lena --name 'Lena Wu' --team Company --role representative --json | jq -r .invitation.url)
    as lena crm login "$url" --quiet
    crm add customer name=Acme owner=lena industry=retail web=https://old.example tags=a --quiet
    as lena crm sync --quiet
}

teardown_file() {
    stop_server
}

# collide MINE THEIRS: lena changes C-1 offline, somebody else on the server, then she syncs. Both are lists of field=value, divided by spaces.
collide() {
    as lena crm sync --quiet
    as lena crm set C-1 $1 --offline --quiet
    crm set C-1 $2 --quiet
    as lena crm sync --quiet
}

# open_fields: of all open conflicts, in order.
open_fields() {
    as lena crm conflicts --json | jq -r '[.[].fields[].field] | join(",")'
}

field() {
    crm show C-1 --json | jq -r ".$1"
}

# answers LINE...: what a person types into crm resolve on a terminal of its own; $output is the screen.
answers() {
    local line
    for line in "$@"; do
        echo "$line"
    done >"$BATS_TEST_TMPDIR/typed"
    run script -qec "CRM_HOME=$BATS_FILE_TMPDIR/lena crm resolve C-1" /dev/null <"$BATS_TEST_TMPDIR/typed"
}

@test "without a conflict there is nothing to resolve" {
    run as lena crm conflicts --json
    [ "$output" = '[]' ]
    fails 3 as lena crm resolve C-1 --mine
    contains 'nothing is in conflict'
}

@test "what both have changed is listed, what only one has changed is merged" {
    collide 'name=远景科技集团 industry=finance tags=a tags=mine' 'name=远景控股 web=https://new.example tags=a tags=theirs'
    [ "$(open_fields)" = name ]
    [ "$(field industry)" = finance ]
    [ "$(field web)" = https://new.example ]
    [ "$(field 'tags | sort | join(",")')" = a,mine,theirs ]
    run as lena crm conflicts
    contains 'C-1 远景控股'
    contains '远景科技集团'
    run as lena crm conflicts --json
    [ "$(jq -r '.[0].fields[0] | [.before, .mine, .theirs] | join(",")' <<<"$output")" = Acme,远景科技集团,远景控股 ]
    [ "$(jq -r '.[0].record.number' <<<"$output")" = C-1 ]
    diff <(echo "$output") <(as lena crm conflicts --offline --json)
    diff <(as lena crm conflicts --csv) <(as lena crm conflicts C-1 --offline --csv)
    as lena crm conflicts --csv | grep -q '^[-0-9a-f]*,customer,C-1,[-0-9a-f]*,name,Acme,远景科技集团,远景控股,'
    [ "$(crm conflicts --json)" = '[]' ] # they are lena's
}

@test "describe says how each field merges, and a field of the company's own may say it" {
    run crm describe customer --json
    [ "$(jq -r '.fields[] | select(.name == "tags" or .name == "name" or .name == "note") | "\(.name)=\(.merge)"' <<<"$output" | sort | paste -sd,)" = name=ask,note=append,tags=union ]
    fails 6 crm add field_definition kind=customer name=level type=text merge=max
    crm add field_definition kind=customer name=visits type=number merge=max --quiet
    [ "$(crm describe customer --json | jq -r '.fields[] | select(.name == "visits").merge')" = max ]
    run crm describe customer
    contains 'larger value'
    collide visits=3 visits=7
    [ "$(field visits)" = 7 ]
    [ "$(open_fields)" = name ] # as before
}

@test "a choice that cannot be meant is refused, and nothing is changed" {
    fails 2 as lena crm resolve C-1
    fails 2 as lena crm resolve C-1 --mine --theirs
    fails 2 as lena crm resolve C-1 --drop --mine
    fails 2 as lena crm resolve C-1 --mine=name name=Other
    fails 6 as lena crm resolve C-1 --mine=industry
    contains 'name'
    fails 6 as lena crm resolve C-1 nonsense=1
    fails 2 as lena crm resolve C-1 tags+=x
    run as lena crm resolve C-1 --mine --dry-run
    [ "$status" -eq 0 ]
    contains 'Dry run'
    contains '远景科技集团'
    [ "$(open_fields)" = name ]
    [ "$(field name)" = 远景控股 ]
}

@test "mine is taken, and what the outbox has kept for it goes at once" {
    [ "$(as lena crm outbox list --json | jq -r '.[0].state')" = conflict ]
    run as lena crm resolve C-1 --mine
    [ "$status" -eq 0 ]
    contains 'Resolved C-1'
    [ "$(field name)" = 远景科技集团 ]
    [ "$(open_fields)" = '' ]
    [ "$(as lena crm outbox list --json)" = '[]' ]
    [ "$(as lena crm conflicts --offline --json)" = '[]' ]
    crm history C-1 | grep -q resolve
}

@test "several fields are settled in one change, each in its own way" {
    local before
    collide 'name=Mine industry=mine web=https://mine.example' 'name=Theirs industry=theirs web=https://theirs.example'
    [ "$(open_fields)" = name,industry,web ]
    before=$(field rev)
    run as lena crm resolve C-1 --mine=name industry=between
    [ "$status" -eq 0 ]
    [ "$(field rev)" -eq $((before + 1)) ]
    [ "$(field name)" = Mine ]
    [ "$(field industry)" = between ]
    [ "$(open_fields)" = web ]
    as lena crm resolve C-1 --theirs --quiet
    [ "$(field web)" = https://theirs.example ]
    [ "$(open_fields)" = '' ]
    [ "$(as lena crm outbox list --json)" = '[]' ]
}

@test "on a terminal each field is asked for, and once whether to write" {
    collide 'name=集团 industry=mine web=https://mine.example' 'name=控股 industry=theirs web=https://theirs2.example'
    answers m x t s n
    contains 'before'
    contains '集团'
    contains '控股'
    contains 'stays open'
    [ "$(open_fields)" = name,industry,web ]
    answers m e '-' s y
    [ "$(field name)" = 集团 ]
    [ "$(field industry)" = null ]
    [ "$(open_fields)" = web ]
    answers q
    [ "$status" -ne 0 ]
    answers t y
    [ "$(open_fields)" = '' ]
    [ "$(field web)" = https://theirs2.example ]
}

@test "an editor gets what I wanted, with the two others above it" {
    collide 'name=Wanted' 'name=Had'
    printf '#!/bin/sh\ncp "$1" %s\nsed -i "s/^name: .*/name: Edited/" "$1"\n' "$BATS_TEST_TMPDIR/seen" >"$BATS_TEST_TMPDIR/editor"
    chmod +x "$BATS_TEST_TMPDIR/editor"
    EDITOR=$BATS_TEST_TMPDIR/editor answers e y
    grep -q '^# theirs: Had' "$BATS_TEST_TMPDIR/seen"
    grep -q '^name: Wanted' "$BATS_TEST_TMPDIR/seen"
    [ "$(field name)" = Edited ]
}

@test "several conflicts of one record are shown, the oldest first, and the later wish wins" {
    collide 'name=First' 'name=Theirs1'
    as lena crm set C-1 name=Second --offline --quiet
    crm set C-1 name=Theirs2 --quiet
    as lena crm sync --quiet
    [ "$(as lena crm conflicts --json | jq -r '[.[].fields[0].mine] | join(",")')" = First,Second ]
    answers s s
    [ "$(open_fields)" = name,name ]
    contains '(1/2)'
    as lena crm resolve C-1 --mine --quiet
    [ "$(field name)" = Second ]
    [ "$(as lena crm outbox list --json)" = '[]' ]
}

@test "offline a resolution is shown at once, queued, and sent" {
    collide 'name=Offline web=https://offline.example' 'name=Online web=https://online.example'
    run as lena crm resolve C-1 --mine=name --offline
    contains 'Queued C-1'
    [ "$(as lena crm show C-1 --offline --json | jq -r .name)" = Offline ]
    [ "$(as lena crm conflicts --offline --json | jq -r '[.[].fields[].field] | join(",")')" = web ]
    [ "$(field name)" = Online ]
    as lena crm resolve C-1 --theirs --offline --quiet
    [ "$(as lena crm conflicts --offline --json)" = '[]' ]
    [ "$(as lena crm outbox list --json | jq -r '[.[].state] | join(",")')" = pending,pending ]
    as lena crm sync --quiet
    [ "$(field name)" = Offline ]
    [ "$(field web)" = https://online.example ]
    [ "$(open_fields)" = '' ]
    [ "$(as lena crm outbox list --json)" = '[]' ]
}

@test "another machine has them after its sync, and what it settles is settled here" {
    collide 'name=Here' 'name=There'
    cp -r "$BATS_FILE_TMPDIR/lena" "$BATS_FILE_TMPDIR/laptop"
    rm -r "$BATS_FILE_TMPDIR/laptop/replica"
    as laptop crm sync --quiet
    [ "$(as laptop crm conflicts --offline --json | jq -r '.[0].fields[0].mine')" = Here ]
    [ "$(as laptop crm sync --status --json | jq .conflicts)" = 1 ]
    as laptop crm resolve C-1 --mine --quiet
    [ "$(as lena crm outbox list --json | jq length)" = 1 ]
    as lena crm sync --quiet
    [ "$(as lena crm outbox list --json)" = '[]' ]
    [ "$(as lena crm conflicts --offline --json)" = '[]' ]
    [ "$(as lena crm sync --status --json | jq .conflicts)" = 0 ]
    [ "$(field name)" = Here ]
}

@test "an action that was refused as a whole says what it wanted, and can only be left or done again" {
    crm add deal name=Renewal customer=C-1 owner=lena amount='1000 USD' --quiet
    as lena crm sync --quiet
    as lena crm move D-1 Won closed=2026-11-20 --offline --quiet
    run as lena crm outbox list
    contains 'move stage=Won closed=2026-11-20'
    crm move D-1 Lost lost_reason=price --quiet
    run as lena crm sync
    contains 'crm resolve D-1'
    run as lena crm conflicts D-1 --json
    [ "$(jq -r '.[0] | [.action, .wanted] | join(",")' <<<"$output")" = 'move,stage=Won closed=2026-11-20' ]
    fails 6 as lena crm resolve D-1 --mine
    contains 'do it again'
    as lena crm resolve D-1 --theirs --quiet
    [ "$(as lena crm conflicts D-1 --json)" = '[]' ]
    [ "$(as lena crm outbox list --json)" = '[]' ]
}

@test "of a record that is gone the words stay until they are given up" {
    local id
    crm add customer name=Passing owner=lena --quiet
    as lena crm sync --quiet
    as lena crm set C-2 name=Kept --offline --quiet
    crm set C-2 name=Changed --quiet
    as lena crm sync --quiet
    crm rm C-2 --quiet
    as lena crm sync --quiet
    run as lena crm conflicts --json
    [ "$(jq -r '.[0] | [.gone, .fields[0].mine, .fields[0].theirs] | join(",")' <<<"$output")" = true,Kept, ]
    diff <(echo "$output") <(as lena crm conflicts --offline --json)
    id=$(jq -r '.[0].record.id' <<<"$output")
    fails 3 as lena crm resolve "$id" --mine
    contains '--drop'
    as lena crm resolve "${id: -8}" --drop --quiet
    [ "$(as lena crm conflicts --json)" = '[]' ]
    [ "$(as lena crm outbox list --json)" = '[]' ]
}
