#!/usr/bin/env bats
# offline_eyes.bats - who comes to see more, less or other fields syncs the difference, and has exactly what a new replica would have

bats_require_minimum_version 1.5.0
load server

lena() {
    CRM_HOME=$BATS_FILE_TMPDIR/lena "$@"
}

customers() {
    local team=$1 from=$2 to=$3 i
    for ((i = from; i <= to; i++)); do
        jq -nc --arg name "$team Holding $i" --arg owner "$team-owner" '{name: $name, industry: "retail", owner: $owner}'
    done | crm add customers --from - --quiet
}

setup_file() {
    local url
    start_server
    crm admin team add North --quiet
    crm admin team add South --quiet
    crm admin user add north-owner --name North --team North --role assistant --no-invitation --quiet
    crm admin user add south-owner --name South --team South --role assistant --no-invitation --quiet
    url=$(crm admin user add lena --name 'Lena Wu' --team North --role assistant --json | jq -r .invitation.url)
    CRM_HOME=$BATS_FILE_TMPDIR/lena crm login "$url" --quiet
    customers North 1 200
    customers South 1 20
    customers North 201 400
    lena crm sync --scope team --quiet
}

teardown_file() {
    stop_server
}

# What a sync has brought and taken away, and that nothing tells the replica from a new one.
synced() {
    local fresh=$BATS_FILE_TMPDIR/fresh
    run --separate-stderr lena crm sync --json
    [ "$status" -eq 0 ]
    came=$(jq .records <<<"$output")
    went=$(jq .forgotten <<<"$output")
    [ "$(jq .snapshot <<<"$output")" = false ]
    rm -rf "$fresh"
    cp -r "$BATS_FILE_TMPDIR/lena" "$fresh"
    rm -rf "$fresh/replica"
    CRM_HOME=$fresh crm sync --scope team --quiet
    diff <(lena crm list customers --offline --jsonl) <(CRM_HOME=$fresh crm list customers --offline --jsonl)
    diff <(lena crm sync --status --json | jq .by_kind) <(CRM_HOME=$fresh crm sync --status --json | jq .by_kind)
}

@test "one more team brings its records" {
    crm admin user set lena more_teams+=South --quiet
    synced
    [ "$came" -ge 20 ]
    [ "$came" -le 25 ]
    [ "$(lena crm list customers 'name ~ South' --offline --json | jq length)" = 20 ]
}

@test "a team less takes them away" {
    crm admin user set lena more_teams-=South --quiet
    synced
    [ "$came" -le 5 ]
    [ "$went" -ge 20 ]
    [ "$went" -le 25 ]
    [ "$(lena crm list customers 'name ~ South' --offline --json | jq length)" = 0 ]
    lena crm sync --status --json | jq -e '.by_kind.customer == 400' >/dev/null
}

@test "a field that is hidden goes from every record, and comes back" {
    crm admin role set assistant --hide customer.industry --quiet
    synced
    [ "$came" -ge 400 ]
    ! lena crm list customers --offline --jsonl | grep -q retail
    crm admin role set assistant --open customer.industry --quiet
    synced
    [ "$(lena crm list customers 'industry = retail' --offline --jsonl | wc -l)" = 400 ]
}

@test "less of the same is less, with changes pending" {
    lena crm set 'North Holding 7' web=seven.example --offline --quiet
    crm admin user set lena more_teams+=South --quiet
    run lena crm sync --json
    [ "$(jq .sent <<<"$output")" = 1 ]
    [ "$(jq .records <<<"$output")" -le 26 ]
    [ "$(crm show 'North Holding 7' --json | jq -r .web)" = seven.example ]
    synced
}
