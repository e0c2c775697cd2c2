#!/usr/bin/env bats
# demo.bats - scripts/demo and the records that it loads
#
# Needs CRM_BIN, the folder of the build.
bats_require_minimum_version 1.5.0

setup()
{
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    demo=$root/scripts/demo
    export PATH="$CRM_BIN:$PATH"
    export TMPDIR="$BATS_TEST_TMPDIR/tmp"
    export LC_ALL=C.UTF-8
    unset CRM_HOME CRM_PASSWORD
    mkdir "$TMPDIR"
}

# A demo that was left running says how to end it.
teardown()
{
    local goodbye

    goodbye=$(sed -n 's/^    \(kill [0-9]* && rm -r .*\)$/\1/p' "$BATS_TEST_TMPDIR/demo.log" 2>/dev/null || true)
    [ -z "$goodbye" ] || eval "$goodbye"
}

maven_or_skip()
{
    maven=${CRM_SHARED_DATA-}/maven
    [ -f "$maven/sales_pipeline.csv" ] || skip "the Maven sales files are not here"
}

@test "the same seed and day give the same company" {
    crm-sample --seed 7 --until 2024-02-29 "$TMPDIR/a" >/dev/null
    crm-sample --seed 7 --until 2024-02-29 "$TMPDIR/b" >/dev/null
    crm-sample --seed 8 --until 2024-02-29 "$TMPDIR/c" >/dev/null
    diff -r "$TMPDIR/a" "$TMPDIR/b"
    run ! diff -rq "$TMPDIR/a" "$TMPDIR/c"
    [ "$(wc -l <"$TMPDIR/a/deals.jsonl")" -eq 5000 ]
    [ "$(wc -l <"$TMPDIR/a/customers.jsonl")" -eq 500 ]
}

@test "the sample's arguments are checked" {
    run crm-sample --until someday "$TMPDIR/a"
    [ "$status" -eq 6 ]
    run crm-sample
    [ "$status" -eq 2 ]
    run crm-sample --maven "$TMPDIR/nothing" "$TMPDIR/a"
    [ "$status" -eq 2 ]
    [[ $output == *nothing/accounts.csv* ]]
}

@test "a walk from end to end, and nothing is left behind" {
    "$demo" --quick --once >"$BATS_TEST_TMPDIR/demo.log" 2>&1
    grep -q '^Created 5,000 deals$' "$BATS_TEST_TMPDIR/demo.log"
    grep -q '^Moved D-' "$BATS_TEST_TMPDIR/demo.log"
    run ! grep -E '^crmd?: ' "$BATS_TEST_TMPDIR/demo.log"
    [ -z "$(ls -A "$TMPDIR")" ]
}

@test "the Maven files come in to the cent, and the server goes on" {
    maven_or_skip
    "$demo" --data "$maven" --quick >"$BATS_TEST_TMPDIR/demo.log" 2>&1
    export CRM_HOME=$(sed -n 's/^    export CRM_HOME=//p' "$BATS_TEST_TMPDIR/demo.log")

    awk -F, '{ sub(/\r$/, "") }
        NR == FNR { office[$1] = $3; next }
        $5 == "Won" { n[office[$2]]++; sum[office[$2]] += $8 }
        END { for (o in n) printf "%s %d %d.00 USD\n", o, n[o], sum[o] }' \
        "$maven/sales_teams.csv" "$maven/sales_pipeline.csv" | sort >"$TMPDIR/expected"
    # the walk has won one deal more
    walked=$(sed -n 's/^Moved \(D-[0-9]*\) .*/\1/p' "$BATS_TEST_TMPDIR/demo.log")
    crm rm "$walked"
    crm report pipeline --by team,stage --json | python3 -c '
import json, sys
for row in json.load(sys.stdin):
    if row["stage"] == "Won":
        print(row["team"], row["deals"], row["amount"]["amount"], row["amount"]["currency"])' | sort >"$TMPDIR/reported"
    [ "$(wc -l <"$TMPDIR/expected")" -eq 3 ]
    diff "$TMPDIR/expected" "$TMPDIR/reported"
    # a past day has its deals: won and lost by then, or engaged by then and open to this day
    awk -F, -v until=2017-06-30 '{ sub(/\r$/, "") }
        FNR == 1 { next }
        $5 == "Won" || $5 == "Lost" ? $7 <= until : $6 != "" && $6 <= until { n[$5]++ }
        END { for (s in n) printf "%s %d\n", s, n[s] }' "$maven/sales_pipeline.csv" | sort >"$TMPDIR/expected"
    crm report pipeline --by stage --as-of 2017-06-30 --csv | awk -F, '$1 ~ /^[A-Z]/ { print $1, $2 }' | sort >"$TMPDIR/reported"
    cat "$TMPDIR/reported"
    [ "$(wc -l <"$TMPDIR/expected")" -ge 3 ]
    diff "$TMPDIR/expected" "$TMPDIR/reported"
    crm restore "$walked"

    counts()
    {
        [ "$(crm count "$1" "$2" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["count"])')" -eq "$3" ]
    }
    counts deals '' 8800
    counts deals 'customer is empty' 1425
    counts deals 'estimated = yes' 4562
    counts deals 'product = "GTX Pro"' 1480
    counts deals 'state = open and expected_close is empty' 0
    counts deals 'state = won and closed is empty' 0
    counts customers '' 85
    counts customers 'parent is not empty' 15
    counts customers 'industry = technolgy or country = Philipines' 0
    counts users '' 42
}

@test "stopped half way, it takes the server and its directory along" {
    CI= "$demo" --once >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    demo_pid=$!
    until grep -q '^Created .* teams' "$BATS_TEST_TMPDIR/out"; do
        kill -0 "$demo_pid"
        sleep 0.05
    done
    server=$(pgrep -f "crmd run $TMPDIR/")
    kill -TERM "$demo_pid"
    wait "$demo_pid" || ended=$?
    [ "$ended" -eq 143 ]
    run ! kill -0 "$server"
    [ -z "$(ls -A "$TMPDIR")" ]
}

@test "what is not understood is refused before anything is made" {
    run "$demo" --fast
    [ "$status" -eq 1 ]
    [[ $output == *usage:* ]]
    run "$demo" --data "$TMPDIR/nothing"
    [ "$status" -eq 1 ]
    [[ $output == *nothing* ]]
    [ -z "$(ls -A "$TMPDIR")" ]
}
