#!/usr/bin/env bats
# maven_access.bats - three offices, six managers, thirty-five agents: each sees the deals that the sales files give them, and no other
#
# Each manager has a team of their own below the office; an office has a head. What is due is read from the CSV files themselves.

bats_require_minimum_version 1.5.0
load server

maven=${CRM_SHARED_DATA-}/maven

setup_file() {
    [ -f "$maven/sales_pipeline.csv" ] || return 0
    local work=$BATS_FILE_TMPDIR/maven login
    start_server
    crm-sample --maven "$maven" "$work" >/dev/null
    # Between office and agent: the manager's team.
    jq -c '{name: .login, parent: .team}' "$work/managers.jsonl" >"$work/teams.jsonl"
    jq -c '.team = .login' "$work/managers.jsonl" >"$work/heads.jsonl"
    jq -c '.team = .manager' "$work/agents.jsonl" >"$work/people.jsonl"
    crm add team --from "$work/offices.jsonl" --quiet
    crm add team --from "$work/teams.jsonl" --quiet
    crm add user --from "$work/heads.jsonl" --quiet
    crm add user --from "$work/people.jsonl" --quiet
    for office in Central East West; do
        crm add user "login=head.$office" "team=$office" role=manager --quiet
    done
    crm add product --from "$work/products.jsonl" --quiet
    crm add customer --from "$work/customers.jsonl" --quiet
    crm add customer --from "$work/subsidiaries.jsonl" --quiet
    crm add deal --from "$work/deals.jsonl" --quiet
    # login, the names of the agents whose deals they see
    {
        tail -n +2 "$maven/sales_teams.csv" | tr -d '\r' | awk -F, '{ print login($1) "\t" $1; print login($2) "\t" $1; print "head." $3 "\t" $1 }
            function login(name) { name = tolower(name); gsub(/ /, ".", name); return name }'
    } >"$BATS_FILE_TMPDIR/sees"
}

teardown_file() {
    [ ! -f "$maven/sales_pipeline.csv" ] || stop_server
}

setup() {
    [ -f "$maven/sales_pipeline.csv" ] || skip "the Maven sales files are not here"
}

# as LOGIN COMMAND...: with a profile of its own; logged in by an invitation, once.
as() {
    local home=$BATS_FILE_TMPDIR/$1
    [ -d "$home" ] || CRM_HOME=$home crm login "$(crm admin invite "$1" --json | jq -r .url)" --quiet
    shift
    CRM_HOME=$home "$@"
}

# due LOGIN: the ids of the deals that the CSV gives them, one a line.
due() {
    awk -F, -v login="$1" 'FNR == NR { split($0, part, "\t"); if (part[1] == login) mine[part[2]]; next } FNR > 1 && $2 in mine { print $1 }' \
        "$BATS_FILE_TMPDIR/sees" "$maven/sales_pipeline.csv" | sort
}

# worth LOGIN: what the won ones of these are worth, from the CSV.
worth() {
    awk -F, -v login="$1" 'FNR == NR { split($0, part, "\t"); if (part[1] == login) mine[part[2]]; next }
        FNR > 1 && $2 in mine && $5 == "Won" { sum += $8 } END { printf "%d.00\n", sum }' "$BATS_FILE_TMPDIR/sees" "$maven/sales_pipeline.csv"
}

# sees_what_is_due LOGIN: list, count, sum and report.
sees_what_is_due() {
    local n
    due "$1" >"$BATS_TEST_TMPDIR/due"
    n=$(wc -l <"$BATS_TEST_TMPDIR/due")
    [ "$n" -gt 0 ]
    as "$1" crm list deals --columns name --csv | tail -n +2 | sed 's/"//g; s/.* //' | sort | diff "$BATS_TEST_TMPDIR/due" - >&2
    [ "$(as "$1" crm count deals --json | jq .count)" -eq "$n" ]
    [ "$(as "$1" crm count deals 'stage = Won' --sum amount --json | jq -r '.groups[0].amount[0].amount')" = "$(worth "$1")" ]
    as "$1" crm report pipeline --json >"$BATS_TEST_TMPDIR/pipeline"
    [ "$(jq '[.[] | select(.level == "total").deals] | add' "$BATS_TEST_TMPDIR/pipeline")" -eq "$n" ]
    [ "$(jq -r '.[] | select(.stage == "Won").amount.amount' "$BATS_TEST_TMPDIR/pipeline")" = "$(worth "$1")" ]
}

@test "each agent sees the deals that the files give them" {
    local agent
    [ "$(wc -l <"$BATS_FILE_TMPDIR/maven/agents.jsonl")" -eq 35 ]
    # Five of them have never had a deal.
    for agent in $(jq -r .login "$BATS_FILE_TMPDIR/maven/agents.jsonl"); do
        if [ -n "$(due "$agent")" ]; then
            sees_what_is_due "$agent"
        else
            [ "$(as "$agent" crm count deals --json | jq .count)" -eq 0 ]
            [ -z "$(as "$agent" crm list deals --columns name --csv | tail -n +2)" ]
        fi
    done
}

@test "each manager sees the deals of the team" {
    local manager
    [ "$(wc -l <"$BATS_FILE_TMPDIR/maven/managers.jsonl")" -eq 6 ]
    for manager in $(jq -r .login "$BATS_FILE_TMPDIR/maven/managers.jsonl"); do
        sees_what_is_due "$manager"
    done
}

@test "the head of an office sees those of its managers, and the offices add up to all" {
    local office n=0
    for office in Central East West; do
        sees_what_is_due "head.$office"
        n=$((n + $(as "head.$office" crm count deals --json | jq .count)))
    done
    [ "$n" -eq "$(crm count deals --json | jq .count)" ]
    [ "$n" -eq 8800 ]
}

@test "a deal of another agent is not there, by whatever name" {
    local mine other number
    mine=$(jq -r '.login' "$BATS_FILE_TMPDIR/maven/agents.jsonl" | head -n 1)
    other=$(comm -23 <(tail -n +2 "$maven/sales_pipeline.csv" | cut -d, -f1 | sort) <(due "$mine") | head -n 1)
    number=$(crm list deals "name ~ $other" --columns number --csv | tail -n 1)
    run as "$mine" crm show "$number"
    [ "$status" -eq 3 ]
    run as "$mine" crm history "$number"
    [ "$status" -eq 3 ]
    [ "$(as "$mine" crm find "$other" --json | jq length)" -eq 0 ]
    run as "$mine" crm set "$number" next_step=mine
    [ "$status" -eq 3 ]
    [ "$(crm show "$number" --json | jq -r .next_step)" = null ]
}
