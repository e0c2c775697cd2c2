#!/usr/bin/env bats
# maven_sync.bats - thirty agents with a replica each: it holds exactly the deals that the sales files give them, also after two hundred have changed hands
#
# What is due is read from the CSV files themselves. The replicas are read with the server standing still.

bats_require_minimum_version 1.5.0
load server

maven=${CRM_SHARED_DATA-}/maven

setup_file() {
    [ -f "$maven/sales_pipeline.csv" ] || return 0
    local work=$BATS_FILE_TMPDIR/maven agent
    start_server
    crm-sample --maven "$maven" "$work" >/dev/null
    crm add team --from "$work/offices.jsonl" --quiet
    crm add user --from "$work/managers.jsonl" --quiet
    crm add user --from "$work/agents.jsonl" --quiet
    crm add product --from "$work/products.jsonl" --quiet
    crm add customer --from "$work/customers.jsonl" --quiet
    crm add customer --from "$work/subsidiaries.jsonl" --quiet
    crm add deal --from "$work/deals.jsonl" --quiet
    # deal, agent: the ledger
    tail -n +2 "$maven/sales_pipeline.csv" | tr -d '\r' | awk -F, '{ login = tolower($2); gsub(/ /, ".", login); print $1 "\t" login }' |
        sort >"$BATS_FILE_TMPDIR/ledger"
    for agent in $(agents); do
        CRM_HOME=$BATS_FILE_TMPDIR/$agent crm login "$(crm admin invite "$agent" --json | jq -r .url)" --quiet
    done
}

teardown_file() {
    [ ! -f "$maven/sales_pipeline.csv" ] || stop_server
}

setup() {
    [ -f "$maven/sales_pipeline.csv" ] || skip "the Maven sales files are not here"
}

# Those who have had a deal.
agents() {
    cut -f 2 "$BATS_FILE_TMPDIR/ledger" | sort -u
}

# all_sync: each brings the replica up to date; the records that came are added up in $came, those that went in $went.
all_sync() {
    local agent report
    came=0 went=0
    for agent in $(agents); do
        report=$(CRM_HOME=$BATS_FILE_TMPDIR/$agent crm sync --json)
        came=$((came + $(jq .records <<<"$report")))
        went=$((went + $(jq .forgotten <<<"$report")))
    done
}

# all_hold_what_is_due: each replica has the deals that the ledger gives its agent, and no other.
all_hold_what_is_due() {
    local agent n=0
    kill -STOP "$SERVER_PID"
    for agent in $(agents); do
        CRM_HOME=$BATS_FILE_TMPDIR/$agent crm list deals --offline --quiet --json | jq -r '.[].name' | sed 's/.* //' | sort >"$BATS_TEST_TMPDIR/held"
        awk -F '\t' -v agent="$agent" '$2 == agent { print $1 }' "$BATS_FILE_TMPDIR/ledger" >"$BATS_TEST_TMPDIR/due"
        diff "$BATS_TEST_TMPDIR/due" "$BATS_TEST_TMPDIR/held" >&2 || break
        n=$((n + 1))
    done
    kill -CONT "$SERVER_PID"
    [ "$n" -eq 30 ]
}

@test "each agent's replica holds the deals that the files give them" {
    [ "$(agents | wc -l)" -eq 30 ]
    all_sync
    [ "$came" -gt 8800 ]
    all_hold_what_is_due
}

@test "two hundred deals change hands, and after the next sync each replica is exact again" {
    local agents=($(agents)) deal from to number i=0
    crm list deals --columns name,number --csv | tail -n +2 | tr -d '"' | sed 's/.* //; s/,/\t/' | sort >"$BATS_TEST_TMPDIR/numbers"
    # Each forty-fourth deal goes to the next but one of the agents.
    join -t "$(printf '\t')" "$BATS_FILE_TMPDIR/ledger" "$BATS_TEST_TMPDIR/numbers" | awk 'NR % 44 == 1 && n++ < 200' >"$BATS_TEST_TMPDIR/moving"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/moving")" -eq 200 ]
    while IFS=$'\t' read -r deal from number; do
        i=$((i + 1))
        to=${agents[$((i % 30))]}
        [ "$to" != "$from" ] || to=${agents[$(((i + 1) % 30))]}
        crm assign "$number" "$to" --quiet
        echo "$deal"$'\t'"$to" >>"$BATS_TEST_TMPDIR/moved"
    done <"$BATS_TEST_TMPDIR/moving"
    sort -m -t "$(printf '\t')" -k 1,1 -u <(sort "$BATS_TEST_TMPDIR/moved") "$BATS_FILE_TMPDIR/ledger" >"$BATS_TEST_TMPDIR/ledger"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/ledger")" -eq 8800 ]
    [ "$(comm -13 "$BATS_FILE_TMPDIR/ledger" "$BATS_TEST_TMPDIR/ledger" | wc -l)" -eq 200 ]
    cp "$BATS_TEST_TMPDIR/ledger" "$BATS_FILE_TMPDIR/ledger"
    all_sync
    # Some come to the product or customer for the first time; nobody is sent everything again.
    [ "$went" -ge 200 ]
    [ "$came" -ge 200 ]
    [ "$came" -lt 2000 ]
    all_hold_what_is_due
}
