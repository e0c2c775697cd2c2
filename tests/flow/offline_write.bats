#!/usr/bin/env bats
# offline_write.bats - every verb that writes, without the server: deleting, groups, edits, numbers of one's own, keys, files, what the role forbids

bats_require_minimum_version 1.5.0
load server

# lena COMMAND...: as Lena, with her own profile and replica.
lena() {
    CRM_HOME=$BATS_FILE_TMPDIR/lena "$@"
}

# The places in the outbox, one a line.
waiting() {
    lena crm outbox list --json | jq -r '.[].change'
}

setup_file() {
    local url
    start_server
    url=$(crm admin user add lena --name 'Lena Wu' --team Company --role representative --json | jq -r .invitation.url)
    CRM_HOME=$BATS_FILE_TMPDIR/lena crm login "$url" --quiet
    for i in 1 2 3; do
        crm add customer name="Marker Holding $i" owner=lena industry=retail --quiet
        crm add contact name="Bo Li $i" customer=C-$i owner=lena --quiet
    done
    crm add deal name=Renewal customer=C-1 owner=lena amount='1000 USD' --quiet
    crm add product name=Press --quiet
    CRM_HOME=$BATS_FILE_TMPDIR/lena crm sync --quiet
}

teardown_file() {
    stop_server
}

@test "what is deleted offline is gone here at once, and at the server after the sync" {
    fails 4 lena crm rm C-1 --yes --offline
    contains 'deals refer to this customer'
    run lena crm rm C-2 --yes --offline
    [ "$status" -eq 0 ]
    contains 'Queued C-2'
    fails 3 lena crm show C-2 --offline
    [ "$(lena crm count contacts --offline)" = 2 ]
    [ "$(crm count contacts)" = 3 ]
    lena crm sync --quiet
    fails 3 crm show C-2
    [ "$(crm count contacts)" = 2 ]
    [ "$(waiting)" = '' ]
}

@test "what was deleted offline can be taken back, or given up, before it is sent" {
    lena crm set C-3 industry=mining --offline --quiet
    lena crm rm C-3 --yes --offline --quiet
    lena crm restore C-3 --offline --quiet
    [ "$(lena crm show C-3 --offline --json | jq -r .industry)" = mining ]
    lena crm rm C-3 --yes --offline --quiet
    fails 3 lena crm show C-3 --offline
    lena crm outbox drop "$(waiting | tail -1)" --quiet
    [ "$(lena crm show C-3 --offline --json | jq -r .industry)" = mining ]
    lena crm sync --quiet
    [ "$(crm show C-3 --json | jq -r .industry)" = mining ]
    [ "$(waiting)" = '' ]
    fails 7 lena crm restore C-2 --offline
    contains 'needs the server'
}

@test "a deletion follows one's own change, but not another's" {
    lena crm add customer name=Short --quiet
    lena crm sync --quiet
    lena crm set 'Short' industry=finance --offline --quiet
    lena crm rm 'Short' --yes --offline --quiet
    lena crm sync --quiet
    [ "$(waiting)" = '' ]
    [ "$(crm count customers 'name = Short')" = 0 ]
    lena crm rm C-3 --yes --offline --quiet
    crm set C-3 note='still needed' --quiet
    lena crm sync --quiet
    [ "$(crm show C-3 --json | jq -r .note)" = 'still needed' ]
    [ "$(lena crm show C-3 --offline --json | jq -r .note)" = 'still needed' ]
    lena crm outbox drop "$(waiting)" --quiet
}

@test "ten edits of one record are one change" {
    local rev
    rev=$(crm show C-3 --json | jq .rev)
    for i in 0 1 2 3 4 5 6 7 8 9; do
        lena crm set C-3 note="draft $i" --offline --quiet
    done
    [ "$(waiting | wc -l)" = 1 ]
    lena crm sync --quiet
    [ "$(crm show C-3 --json | jq -r .note)" = 'draft 9' ]
    [ "$(crm show C-3 --json | jq .rev)" = $((rev + 1)) ]
}

@test "what is all or none stays so" {
    printf 'name,customer\nAda Field,C-3\nEve Field,C-3\n' >"$BATS_TEST_TMPDIR/good.csv"
    printf 'name,customer\nIda Field,C-3\n,C-3\n' >"$BATS_TEST_TMPDIR/bad.csv"
    run lena crm add contacts --from "$BATS_TEST_TMPDIR/bad.csv" --atomic --offline
    [ "$status" -ne 0 ]
    [ "$(waiting)" = '' ]
    lena crm add contacts --from "$BATS_TEST_TMPDIR/good.csv" --atomic --offline --quiet
    [ "$(waiting | wc -l)" = 1 ]
    [ "$(lena crm count contacts 'name ~ Field' --offline)" = 2 ]
    lena crm outbox drop "$(waiting)" --quiet
    [ "$(lena crm count contacts 'name ~ Field' --offline)" = 0 ]
    lena crm add contacts --from "$BATS_TEST_TMPDIR/good.csv" --atomic --offline --quiet
    lena crm sync --quiet
    [ "$(crm count contacts 'name ~ Field')" = 2 ]
    [ "$(waiting)" = '' ]
}

@test "the number that a record had offline means it everywhere, before and after" {
    local label
    label=$(lena crm add customer name='Field Finds' --offline --quiet)
    [[ $label == C-~* ]]
    fails 3 lena crm show "$label"
    contains 'crm sync sends it'
    lena crm add contact name='Ida Finds' customer="$label" --offline --quiet
    lena crm sync --quiet
    [ "$(lena crm show "$label" --json | jq -r .name)" = 'Field Finds' ]
    lena crm set "$label" industry=mining --quiet
    lena crm add contact name='Una Finds' customer="$label" --quiet
    [ "$(lena crm count contacts "customer = $label")" = 2 ]
    lena crm sync --quiet
    [ "$(lena crm count contacts "customer = $label" --offline)" = 2 ]
    lena crm set "$label" note='offline again' --offline --quiet
    lena crm sync --quiet
    [ "$(crm show customer 'Field Finds' --json | jq -r .note)" = 'offline again' ]
    fails 3 lena crm show C-~99
    fails 3 crm show "$label"
}

@test "under the same key nothing is done twice" {
    run lena crm log C-3 note 'Said once' --key visit-1 --offline --json
    [ "$status" -eq 0 ]
    [ "$(lena crm log C-3 note 'Said once' --key visit-1 --offline --json | jq -r .id)" = "$(jq -r .id <<<"$output")" ]
    [ "$(waiting | wc -l)" = 1 ]
    lena crm sync --quiet
    lena crm log C-3 note 'Said once' --key visit-1 --offline --quiet
    [ "$(waiting)" = '' ]
    run lena crm log C-3 note 'Said otherwise' --key visit-1 --offline
    [ "$status" -ne 0 ]
    run lena crm log C-3 note 'Said once' --key visit-1
    [ "$(crm count activities 'subject = "Said once"')" = 1 ]
}

@test "what the role does not allow is refused at once" {
    fails 9 lena crm set product Press name=Other --offline
    contains 'your role does not allow'
    fails 9 lena crm assign C-3 admin --offline
    crm set user lena role=auditor --quiet
    lena crm set C-3 note='not known yet' --offline --quiet
    lena crm outbox drop "$(waiting)" --quiet
    lena crm sync --quiet
    fails 9 lena crm set C-3 note='too late' --offline
    fails 9 lena crm rm C-3 --yes --offline
    fails 9 lena crm add customer name=Mine --offline
    crm set user lena role=representative --quiet
    lena crm sync --quiet
    lena crm set C-3 note='again' --offline --quiet
    lena crm outbox drop "$(waiting)" --quiet
    [ "$(waiting)" = '' ]
}

@test "a file of some hundred rows waits, and is sent" {
    seq 1 300 | sed 's/.*/Row &,C-3/' | sed '1i name,customer' >"$BATS_TEST_TMPDIR/rows.csv"
    lena crm add contacts --from "$BATS_TEST_TMPDIR/rows.csv" --offline --quiet
    [ "$(waiting | wc -l)" = 300 ]
    [ "$(lena crm count contacts 'name ~ Row' --offline)" = 300 ]
    lena crm sync --quiet
    [ "$(crm count contacts 'name ~ Row')" = 300 ]
    [ "$(waiting)" = '' ]
}
