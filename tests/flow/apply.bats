#!/usr/bin/env bats
# apply.bats - bulk work from files: what lines mean, refusals, going on after a cut, two at once, taking back

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

# counts FIELD...: of the counts that crm has printed as JSON into $output.
counts() {
    jq -r "[$(printf '.%s,' "$@" | sed 's/,$//')] | join(\",\")" <<<"$output"
}

@test "lines create, change, find and refer to each other" {
    cat >lines.jsonl <<'LINES'
{"kind":"customer","name":"Acme","industry":"retail","$as":"acme"}
{"kind":"contact","name":"Anna","customer":"@acme"}
{"kind":"deal","name":"Renewal","customer":"@acme","amount":"12k EUR"}
{"kind":"customer","$by":"name","name":"ACME","industry":"steel","$as":"found"}
{"kind":"customer","$by":"name","name":"Beta","$as":"made"}
{"kind":"contact","name":"Bob","customer":"@found"}
{"kind":"contact","name":"Cho","customer":"@made"}
{"kind":"customer","$record":"@acme","+tags":["key"],"industry":null}
{"kind":"deal","$record":"D-1","$do":"move","$with":{"stage":"Proposal"}}
{"kind":"contact","$record":"Anna","$do":"delete"}
LINES
    run --separate-stderr crm apply lines.jsonl --job lines --json
    [ "$status" -eq 0 ]
    [ "$(counts state created updated deleted refused)" = done,6,3,1,0 ]
    [ "$(crm show C-1 --json | jq -r '[.name, .industry, .tags[0]] | join(",")')" = ACME,,key ]
    [ "$(crm show D-1 --json | jq -r .stage)" = Proposal ]
    [ "$(crm list contacts --json | jq -r '[.[] | .name + ":" + .customer.name] | join(",")')" = Bob:ACME,Cho:Beta ]
}

@test "the same command again does nothing, other input is another job" {
    run --separate-stderr crm apply "$BATS_FILE_TMPDIR/none" --job lines
    [ "$status" -eq 2 ]
    echo '{"kind":"customer","name":"Other"}' >other.jsonl
    fails 4 crm apply other.jsonl --job lines
    contains "other input"
    [ "$(crm count customers --json | jq .count)" -eq 2 ]
}

@test "refused lines are named, go to a file, and can be applied once they are mended" {
    printf '%s\n' '$do,name,industry' ',First,retail' ',,retail' ',Third,retail,4' 'fly,Fourth,retail' ',Fifth,retail' >rows.csv
    run crm apply rows.csv --kind customer
    [ "$status" -eq 8 ]
    contains "rows.csv:3: field 'name': a value is required"
    contains 'rows.csv:4: the row has 4 cells, the header 3'
    contains "rows.csv:5: field '\$do'"
    contains '2 created, 3 refused'
    [ "$(head -1 rows.rejects.csv)" = '$rejected_line,$rejected_field,$rejected_reason,$do,name,industry' ]
    [ "$(wc -l <rows.rejects.csv)" -eq 4 ]
    run crm job show last
    contains "line 3: field 'name'"
    grep -v Third rows.rejects.csv | sed 's/,fly,/,,/; s/,,,retail$/,,Second,retail/' >mended.csv
    crm apply mended.csv --kind customer --quiet
    [ "$(crm count customers 'name in (First, Second, Fourth, Fifth)' --json | jq .count)" -eq 4 ]
}

@test "a single line that is refused is counted, too" {
    echo '{"kind":"customer","$record":"C-99999","name":"Nobody"}' >single.jsonl
    for dry in '' --dry-run; do
        run --separate-stderr crm apply single.jsonl $dry --json
        [ "$status" -eq 3 ]
        [ "$(counts refused created updated)" = 1,0,0 ]
        [[ $stderr == *'single.jsonl:1: '* ]]
    done
    [ "$(crm job show last --json | jq -r .state)" = done ]
}

@test "a dry run changes nothing and tells the same" {
    printf '{"kind":"customer","name":"Dry %d"}\n' $(seq 250) >dry.jsonl
    echo '{"kind":"customer"}' >>dry.jsonl
    before=$(crm count customers --json | jq .count)
    run --separate-stderr crm apply dry.jsonl --dry-run --json
    [ "$status" -eq 8 ]
    [ "$(counts created refused)" = 250,1 ]
    [ "$(crm count customers --json | jq .count)" -eq "$before" ]
    run --separate-stderr crm apply dry.jsonl --json
    [ "$(counts created refused)" = 250,1 ]
}

@test "all or nothing" {
    printf '{"kind":"product","name":"Whole %d"}\n' $(seq 3000) >whole.jsonl
    (cat whole.jsonl; echo '{"kind":"deal","name":"No customer","amount":"five"}') >broken.jsonl
    run crm apply broken.jsonl --atomic
    [ "$status" -eq 6 ]
    contains 'line 3001'
    [ "$(crm count products 'name ~ Whole' --json | jq .count)" -eq 0 ]
    (cat whole.jsonl; echo '{"kind":"product","$record":"I-99999","name":"x"}') >missing.jsonl
    run crm apply missing.jsonl --atomic
    [ "$status" -eq 3 ]
    contains 'line 3001'
    [ "$(crm count products 'name ~ Whole' --json | jq .count)" -eq 0 ]
    run --separate-stderr crm apply whole.jsonl --atomic --job whole --json
    [ "$(counts state created)" = done,3000 ]
    crm apply whole.jsonl --atomic --job whole --quiet
    [ "$(crm count products 'name ~ Whole' --json | jq .count)" -eq 3000 ]
}

@test "killed at any moment, each line is taken once" {
    printf '{"kind":"product","name":"Kill %d"}\n' $(seq 3000) >kill.jsonl
    for round in 1 2 3 4; do
        crm apply kill.jsonl --job kill --quiet &
        pid=$!
        wait_for reached $((round * 500))
        kill -9 "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    run --separate-stderr crm apply kill.jsonl --job kill --json
    [ "$status" -eq 0 ]
    [ "$(counts state position created)" = done,3000,3000 ]
    [ "$(crm count products 'name ~ Kill' --json | jq .count)" -eq 3000 ]
}

# reached N: the job has come so far, or to its end.
reached() {
    [ "$(crm job show kill --json 2>/dev/null | jq '.position // 0')" -ge "$1" ]
}

@test "two at once share the work" {
    printf '{"kind":"product","name":"Twin %d"}\n' $(seq 2000) >twin.jsonl
    crm apply twin.jsonl --job twin --quiet &
    first=$!
    crm apply twin.jsonl --job twin --quiet
    wait "$first"
    [ "$(crm count products 'name ~ Twin' --json | jq .count)" -eq 2000 ]
    [ "$(crm job show twin --json | jq .created)" -eq 2000 ]
}

@test "a job is taken back, but for what others have changed since" {
    printf '{"kind":"product","name":"Undo %d"}\n' 1 2 3 >made.jsonl
    crm apply made.jsonl --quiet
    printf '{"kind":"product","$record":"Undo %d","unit":"box"}\n' 1 2 3 >undo.jsonl
    run --separate-stderr crm apply undo.jsonl --json
    [ "$(counts updated)" = 3 ]
    crm set product 'Undo 2' unit=bag --quiet
    run crm undo last
    [ "$status" -eq 8 ]
    contains 'has been changed since'
    contains '2 taken back, 1 left'
    [ "$(crm list products 'name ~ Undo' --sort name --json | jq -r '[.[] | .unit // ""] | join(",")')" = ,bag, ]
    run crm job list
    contains 'undo last'
}

@test "one change is taken back, a cancelled job goes no further" {
    crm set customer Beta industry=chemicals --quiet
    seq=$(crm history customer Beta --json | jq '.[0].seq')
    crm undo "#$seq" --quiet
    [ "$(crm show customer Beta --json | jq -r .industry)" = null ]
    fails 2 crm undo '#x'
    fails 3 crm undo nothing
    fails 3 crm job cancel nothing
}
