#!/usr/bin/env bats
# import.bats - other programs' files: columns found by their names, rows that add up, what comes again changes nothing

bats_require_minimum_version 1.5.0
load server

setup_file() {
    start_server
}

teardown_file() {
    stop_server
}

setup() {
    cd "$BATS_TEST_TMPDIR"
}

@test "columns are found by the names that other programs give them" {
    printf 'Account Name;Phone;Industry;Favourite colour\nAcme;+4930123;retail;red\nBeta;+4989456;steel;blue\n' >accounts.csv
    run crm import accounts.csv --kind customers --dry-run
    [ "$status" -eq 0 ]
    contains "divided by ';'"
    contains 'Favourite colour'
    run --separate-stderr crm import accounts.csv --kind customers --json
    [ "$(jq -r '[.created, .updated, .unchanged, .refused] | join(",")' <<<"$output")" = 2,0,0,0 ]
    [ "$(crm show customer Acme --json | jq -r '[.phones[0], .industry] | join(",")')" = +4930123,retail ]
}

@test "what comes again changes nothing" {
    printf 'Account Name,Industry\nGamma,retail\n' >again.csv
    crm import again.csv --kind customers --match name --quiet
    run --separate-stderr crm import again.csv --kind customers --match name --json
    [ "$(jq -r '[.created, .unchanged] | join(",")' <<<"$output")" = 0,1 ]
}

@test "rows in are rows created and rows refused, with line and reason" {
    printf 'name,industry\nOne,retail\n,retail\nThree,retail,more\nFour,retail\n' >rows.csv
    run crm import rows.csv --kind customers
    [ "$status" -eq 8 ]
    contains 'rows.csv:3'
    contains 'rows.csv:4'
    contains '2 created, 2 refused'
}

@test "another encoding is seen" {
    printf 'name,industry\n大连机械,零售\n' | iconv -t GB18030 >gb.csv
    crm import gb.csv --kind customers --quiet
    [ "$(crm show customer 大连机械 --json | jq -r .industry)" = 零售 ]
    printf 'name,industry\nKöln,Maß\n' | iconv -t LATIN1 >latin.csv
    crm import latin.csv --kind customers --encoding latin1 --quiet
    [ "$(crm show customer Köln --json | jq -r .industry)" = Maß ]
}

@test "vCards become contacts" {
    printf 'BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Anna Snelling\r\nN:Snelling;Anna;;;\r\nEMAIL:anna@example.com\r\nTEL;TYPE=cell:+49 170 1\r\nNOTE:two\\nlines and a fo\r\n lded one\r\nEND:VCARD\r\n' >cards.vcf
    crm import cards.vcf --kind contacts --quiet
    [ "$(crm show contact 'Anna Snelling' --json | jq -r '[.family, .given, .emails[0], .note] | join("|")')" = $'Snelling|Anna|anna@example.com|two\nlines and a folded one' ]
}

@test "a card of which nothing is taken over is refused, not passed over" {
    printf 'BEGIN:VCARD\nVERSION:3.0\nPHOTO;ENCODING=b:AAAA\nEND:VCARD\n' >photo.vcf
    fails 6 crm import photo.vcf --kind contacts
    contains 'photo.vcf:1'
    contains '1 refused'
}
