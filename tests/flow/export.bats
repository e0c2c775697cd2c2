#!/usr/bin/env bats
# export.bats - exports: what comes back changes nothing, spreadsheets run nothing, cuts, the right, the audit trail

bats_require_minimum_version 1.5.0
load server

setup_file() {
    start_server
    crm add customer name='=HYPERLINK("x")' phones=+49301234567 note="'-1" registration_number=913100001234567890 tags='a;b' --quiet
    crm add customer name='大连, "机械"' revenue='-12.50 USD' parent=C-1 --quiet
}

teardown_file() {
    stop_server
}

setup() {
    cd "$BATS_TEST_TMPDIR"
}

@test "an export that comes back changes nothing, edited it changes what was edited" {
    crm export customers -o all.csv --quiet
    run --separate-stderr crm apply all.csv --kind customers --match number --json
    [ "$(jq -r '[.unchanged, .updated, .refused] | join(",")' <<<"$output")" = 2,0,0 ]
    sed 's/机械/机床/' all.csv >edited.csv
    crm apply edited.csv --kind customers --match number --quiet
    [ "$(crm show C-2 --json | jq -r .name)" = '大连, "机床"' ]
    [ ! -e all.csv.resume ]
}

@test "no cell is a formula, and none is lost" {
    crm export customers -o safe.csv --quiet
    run ! grep -E '(^|,)"?[=+@-][^0-9]' safe.csv
    grep -q -- ",-12.50 USD," safe.csv # a number is one
    crm export customers --raw | grep -q '^"=HYPERLINK'
    crm export customers --excel -o excel.csv --quiet
    [ "$(head -c 3 excel.csv)" = $'\xef\xbb\xbf' ]
    grep -q '"=""913100001234567890"""' excel.csv
    grep -q $'\r$' excel.csv
    run --separate-stderr crm apply excel.csv --kind customers --match number --json
    [ "$(jq .unchanged <<<"$output")" -eq 2 ]
    [ "$(crm export customers --jsonl | jq -rs '.[0].registration_number')" = 913100001234567890 ]
}

@test "cut off, it goes on where it was, and shows the same state" {
    printf '{"kind":"product","name":"Part %05d"}\n' $(seq 12000) >many.jsonl
    crm apply many.jsonl --quiet
    crm export products -o parts.csv --quiet &
    pid=$!
    wait_for test -e parts.csv.resume
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    crm add product name=Later --quiet
    crm export products -o parts.csv --quiet
    [ "$(grep -c 'Part' parts.csv)" -eq 12000 ]
    [ "$(cut -d, -f2 parts.csv | sort -u | wc -l)" -ge 12001 ]
}

@test "it needs the right, and is in the audit trail" {
    crm admin role add clerk --quiet
    url=$(crm admin user add lena --name 'Lena Wu' --team Company --role clerk --json | jq -r .invitation.url)
    CRM_HOME=$BATS_TEST_TMPDIR/lena crm login "$url" --quiet
    CRM_HOME=$BATS_TEST_TMPDIR/lena fails 9 crm export customers
    crm audit list --act export | grep -q 'customers'
}
