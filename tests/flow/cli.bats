#!/usr/bin/env bats
# cli.bats - what people and scripts do with crm, against a real server

bats_require_minimum_version 1.5.0
load server

setup_file() {
    start_server
    cd "$BATS_FILE_TMPDIR"
}

teardown_file() {
    stop_server
}

setup() {
    cd "$BATS_TEST_TMPDIR"
}

@test "a record is made, seen, changed, and its history tells so" {
    run crm add customer name='Acme GmbH' industry=retail phones=+49301234567 tags=key
    [ "$status" -eq 0 ]
    [[ $output == "Created C-"* ]]
    number=${output#Created }
    run crm show "$number"
    contains "Acme GmbH"
    contains "+49301234567"
    crm set "$number" industry=software tags+=big
    crm set "$number" tags-=key
    run crm show "$number" --json
    [ "$(jq -r .industry <<<"$output")" = software ]
    [ "$(jq -c .tags <<<"$output")" = '["big"]' ]
    [ "$(jq -r .rev <<<"$output")" = 3 ]
    run crm history "$number"
    contains "Industry: retail → software"
    run crm history "$number" --json
    [ "$(jq -r '.[-1].verb' <<<"$output")" = create ]
    crm set "$number" industry=
    [ "$(crm show "$number" --json | jq .industry)" = null ]
}

@test "records are found by number, name, id and id's ending" {
    id=$(crm add customer name='Findable Ltd' --json | jq -r .id)
    for selector in "Findable Ltd" "$id" "${id: -8}"; do
        [ "$(crm show customer "$selector" --json | jq -r .name)" = "Findable Ltd" ]
    done
    run crm find findab
    contains "Findable Ltd"
    [ "$(crm find findab --kind customer --columns owner --csv)" = $'owner\nU-1' ]
    [ "$(crm find findab --json | jq -r '.[0].owner.name')" = admin ]
    run crm find findab --kind customer --columns name,owner
    contains admin
    fails 3 crm show C-99999
    fails 3 crm show customer nobody-of-that-name
}

@test "an ambiguous name exits 2 and names the candidates" {
    crm add customer name='Twin' --quiet
    crm add customer name='Twin' --quiet
    fails 2 crm show customer Twin
    contains "Twin"
    [ "$(grep -c 'C-' <<<"$output")" -ge 2 ]
}

@test "a filter selects, sorts and refuses with a caret" {
    crm add product code=F1 name=One price='10 USD' --quiet
    crm add product code=F2 name=Two price='2,000 USD' --quiet
    crm add product code=F3 name=Three price='300 USD' --quiet
    run crm list products 'code ~ F and price > 100' --sort -price --columns code,price --csv
    [ "$output" = $'code,price\nF2,2000.00 USD\nF3,300.00 USD' ]
    [ "$(crm count products 'code in (F1, F2)')" = 2 ]
    fails 6 crm list products 'price > and name = x'
    contains '^'
    fails 6 crm list products 'colour = red'
    contains "colour"
    fails 6 crm list products 'price > much'
    run crm list products 'code = F1' --explain
    contains examined
}

@test "output is a table, JSON, JSON lines or CSV" {
    crm add product code=O1 name='with, comma and "quotes"' --quiet
    [ "$(crm list products 'code = O1' --columns name --csv)" = $'name\n"with, comma and ""quotes"""' ]
    [ "$(crm list products 'code = O1' --json | jq length)" = 1 ]
    [ "$(crm list products 'code = O1' --jsonl | jq -r .name)" = 'with, comma and "quotes"' ]
    [ "$(crm list products 'code = nothing' --json | jq -c .)" = '[]' ]
    run crm list products 'code = O1'
    [[ ${lines[0]} == Number*Code*Name* ]]
    fails 6 crm list products --columns code,colour
}

@test "on a terminal a long change goes on in the next line, in a pipe it is one" {
    deal=$(crm add deal name=Short --quiet)
    crm set "$deal" name='A name that is longer than a narrow terminal is wide' --quiet
    run script -qec "stty cols 60; crm --no-color history $deal" /dev/null
    tr -d ' \r\n' <<<"$output" | grep -q 'Name:Short→Anamethatislongerthananarrowterminaliswide'
    [ "$(wc -L <<<"$output")" -le 60 ]
    crm history "$deal" | grep -q 'Name: Short → A name that is longer than a narrow terminal is wide'
}

@test "labels follow the locale, keys do not" {
    crm add customer name=华为技术有限公司 status=active --quiet
    LC_ALL=zh_CN.UTF-8 run crm list 客户 '名称 ~ 华为' --columns 名称,状态
    contains 名称
    contains 活跃
    en=$(crm list customers 'name ~ 华为' --json | jq -c '.[0] | keys')
    zh=$(LC_ALL=zh_CN.UTF-8 crm list customers 'name ~ 华为' --json | jq -c '.[0] | keys')
    [ "$en" = "$zh" ]
    run crm find 华为
    contains 华为技术有限公司
}

@test "control characters of data never reach the terminal" {
    printf 'evil\033]0;x\007name' >name
    fails 6 crm add customer name=@name
    contains name
}

@test "a deal moves through its stages, and a bad stage is refused" {
    crm add customer name='Mover' --quiet
    deal=$(crm add deal name=Deal customer=Mover amount=12k --quiet)
    crm move "$deal" Engaging
    crm set "$deal" stage=Proposal
    [ "$(crm show "$deal" --json | jq -r .stage)" = Proposal ]
    fails 6 crm move "$deal" Nowhere
    contains stage
    crm move "$deal" Won closed=yesterday
    [ "$(crm show "$deal" --json | jq -r .state)" = won ]
    run crm report pipeline --by stage
    contains Won
    contains 12,000.00
}

@test "a record shows what belongs to it: open deals first, the newest first, and where the rest is" {
    crm add customer name='Busy' --quiet
    for n in 1 2 3 4; do
        crm add deal name="Done $n" customer=Busy stage=Won closed=2017-0$n-01 engaged=2016-0$n-01 --quiet
        crm add deal name="Open $n" customer=Busy engaged=2015-0$n-01 --quiet
        crm log customer Busy call "Talk $n" started="2017-01-0$n 10:00" --quiet
    done
    run crm show customer Busy
    [ "$(grep -o 'Open [1-4]\|Done [1-4]\|Talk [1-4]' <<<"$output" | tr '\n' ,)" = \
        'Open 4,Open 3,Open 2,Open 1,Done 4,Talk 4,Talk 3,Talk 2,Talk 1,' ]
    more=$(sed -n 's/^3 more: crm list //p' <<<"$output")
    [[ $more == "deals 'customer = C-"* ]]
    [ "$(eval "crm list $more --jsonl" | wc -l)" = 8 ]
    run crm show customer Busy --all
    [ "$(grep -c 'Done [1-4]' <<<"$output")" = 4 ]
    run ! grep -q ' more: ' <<<"$output"
}

@test "what is deleted can be restored by the printed command" {
    crm add product code=R1 name=Going --quiet
    fails 0 crm rm product R1
    contains 'crm restore I-'
    restore=$(sed -n 's/^Take it back with: crm //p' <<<"$output")
    fails 3 crm show product R1
    crm list products --deleted --csv --columns code | grep -qx R1
    # shellcheck disable=SC2086
    crm $restore
    [ "$(crm show product R1 --json | jq -r .code)" = R1 ]
}

@test "an activity is logged on a deal and reaches its customer" {
    crm add customer name='Talker' --quiet
    deal=$(crm add deal name=Talk customer=Talker --quiet)
    crm log "$deal" call 'Asked for a discount' outcome='call back' duration=12 --at '2017-03-01 10:00' --quiet
    run crm list activities 'customer.name = Talker' --json
    [ "$(jq -r '.[0].activity_kind' <<<"$output")" = call ]
    [ "$(jq -r '.[0].started' <<<"$output")" = 2017-03-01T10:00:00+08:00 ]
    [ "$(jq -r '.[0].customer.name' <<<"$output")" = Talker ]
    fails 2 crm log "$deal"
}

@test "the same key does it once, another change with it is refused" {
    crm add product code=K1 name=Once --key job-1 --quiet
    crm add product code=K1 name=Once --key job-1 --quiet
    [ "$(crm count products 'code = K1')" = 1 ]
    fails 4 crm add product code=K2 name=Other --key job-1
    [ "$(crm add product code=K3 name=Key --key job-3 --json | jq -r .key)" = job-3 ]
}

@test "many records come from CSV and JSON lines, bad lines are named" {
    printf '\xef\xbb\xbfcode,name,price,tags\r\nB1,Bulk one,1.50 EUR,a;b\r\n\r\nB2,"two\nlines",much,\r\nB3,Three,,\r\n' >some.csv
    fails 8 crm add products --from some.csv
    contains "some.csv:4: field 'price'"
    [ "$(crm count products 'code in (B1, B2, B3)')" = 2 ]
    [ "$(crm show product B1 --json | jq -c .tags)" = '["a","b"]' ]
    for n in {1..500}; do echo "{\"code\":\"J$n\",\"name\":\"Json $n\"}"; done >some.jsonl
    crm add products --from some.jsonl --key bulk
    crm add products --from - --key bulk <some.jsonl
    [ "$(crm count products 'name ~ Json')" = 500 ]
    printf 'code,colour\nx,y\n' >bad.csv
    fails 6 crm add products --from bad.csv
    contains colour
    fails 2 crm add products --from absent.csv
}

@test "records from a file say when they came to be" {
    cat >some.jsonl <<'END'
{"name":"Old offer","amount":"2k CNY","stage":"Prospecting","happened":"2017-01-10"}
{"name":"Older offer","amount":"3k CNY","stage":"Prospecting","happened":"2016-06-01T09:30:00+08:00"}
{"name":"Offer of the option","amount":"5k CNY","stage":"Prospecting"}
{"name":"Bad offer","happened":"one day"}
END
    fails 8 crm add deals --from some.jsonl --at 2018-05-05
    contains "some.jsonl:4: field 'happened'"
    printf 'happened,name,amount\n2017-02-01,Offer of a table,7k CNY\n,Offer of today,11k CNY\n' | crm add deals --from -
    deals_at() { crm report pipeline --by team --as-of "$1" --json | jq -r '.[-1].deals // 0'; }
    [ "$(deals_at 2016-05-31)" = 0 ]
    [ "$(deals_at 2016-06-01)" = 1 ]
    [ "$(deals_at 2017-01-10)" = 2 ]
    [ "$(deals_at 2017-02-01)" = 3 ]
    [ "$(deals_at 2018-05-05)" = 4 ]
    [ "$(crm history deal 'Older offer' --json | jq -r '.[0].happened')" = 2016-06-01T09:30:00+08:00 ]
    fails 6 crm add deals --from some.jsonl --at someday
    crm rm deals --where 'name ~ offer' --yes --quiet
}

@test "what a list prints can be read in again" {
    crm add customer name='Round' phones=1 phones=2 revenue='3m EUR' founded=1999-12-31 \
        addresses='{"kind":"office","city":"Bonn"}' --quiet
    crm list customers 'name = Round' --json | jq 'map(del(.id) | .name = "Again")' >again.json
    crm add customers --from again.json
    crm list customers 'name = Round' --csv | sed 's/^Round,/Third,/' >third.csv
    crm add customers --from third.csv
    for name in Again Third; do
        [ "$(crm show customer $name --json | jq -c '[.phones, .revenue.amount, .founded, .addresses[0].city]')" = \
            '[["1","2"],"3000000.00","1999-12-31","Bonn"]' ]
    done
}

@test "everything that fits a filter is changed or deleted" {
    for n in 1 2 3; do crm add task subject="Bulk $n" due=2017-01-0$n --quiet; done
    run crm set tasks --where 'subject ~ Bulk' priority=high --dry-run
    contains 'Dry run'
    [ "$(crm count tasks 'subject ~ Bulk and priority = high')" = 0 ]
    run crm set tasks --where 'subject ~ Bulk' priority=high
    contains '3 changed'
    [ "$(crm count tasks 'subject ~ Bulk and priority = high')" = 3 ]
    run crm rm tasks --where 'subject ~ Bulk and due < 2017-01-03' --json
    [ "$(jq -c '[.done, .failed]' <<<"$output")" = '[2,0]' ]
    [ "$(crm count tasks 'subject ~ Bulk')" = 1 ]
}

@test "a stale revision is a conflict" {
    crm add product code=S1 name=Stale --quiet
    crm set product S1 name=Newer --rev 1
    fails 4 crm set product S1 name=Newest --rev 1
}

@test "the past can be read" {
    seq=$(crm add product code=P1 name=Before --json | jq .seq)
    crm set product P1 name=After --quiet
    [ "$(crm show product P1 --as-of "$seq" --json | jq -r .name)" = Before ]
    [ "$(crm list products 'code = P1' --as-of "$seq" --csv --columns name)" = $'name\nBefore' ]
    [ "$(crm show product P1 --json | jq -r .name)" = After ]
}

@test "the editor changes a record, and a mistake in it changes nothing" {
    crm add customer name='Edited' industry=retail note=$'one\ntwo' --quiet
    EDITOR='sed -i s/^industry:.*/industry:\ steel/' crm edit customer Edited
    [ "$(crm show customer Edited --json | jq -r '.industry, .note')" = $'steel\none\ntwo' ]
    EDITOR=true run crm edit customer Edited
    [ "$status" -eq 0 ]
    [ "$(crm show customer Edited --json | jq .rev)" = 2 ]
    EDITOR='sed -i s/^status:.*/status:\ sleepy/' fails 6 crm edit customer Edited
    contains status
    EDITOR=false fails 1 crm edit customer Edited
    [ "$(crm show customer Edited --json | jq .rev)" = 2 ]
}

@test "references must exist, unique values must be unique, required fields must be there" {
    fails 3 crm add deal name=x customer='no such customer'
    contains customer
    crm add product code=U1 name=Unique --quiet
    fails 4 crm add product code=u1 name=Again
    contains code
    fails 6 crm add customer industry=retail
    contains name
    fails 6 crm add customer name=x founded=someday
    fails 6 crm add deal name=x amount=1.005\ USD
    fails 6 crm add customer name=x rev=7
}

@test "usage mistakes exit 2 and say what was meant" {
    fails 2 crm lst
    contains "did you mean 'list'"
    fails 2 crm list custmers
    contains "did you mean 'customers'"
    fails 2 crm list
    fails 2 crm list customers --frob
    fails 2 crm add customer name
    crm list --help | grep -q Examples
}

@test "a reader that has had enough ends the output quietly" {
    run bash -c 'set -o pipefail; crm list products --jsonl 2>&1 | head -1 | wc -l'
    [ "$status" -eq 0 ]
    [ "$output" = 1 ]
    fails 1 bash -c 'crm list products --json >/dev/full'
    contains 'could not be written'
}

@test "an invitation logs a new user in, who may then change the password" {
    crm admin user add login=anna name='Anna Snelling' role=administrator --quiet
    run crm admin invite anna
    [ "$status" -eq 0 ]
    [[ $output == "crm login 'crm://localhost:$SERVER_PORT/?ca=sha256:"*"&code="*"'" ]]
    line=$output
    export CRM_HOME=$BATS_TEST_TMPDIR/anna
    eval "$line"
    [ "$(crm whoami --json | jq -r .login)" = anna ]
    [ "$(stat -c %a "$CRM_HOME/credentials")" = 600 ]
    CRM_PASSWORD=$CRM_NEW_PASSWORD CRM_NEW_PASSWORD=third-stapler-5 crm passwd --quiet
    crm logout
    fails 5 crm list customers
    CRM_PASSWORD=wrong fails 5 crm login "localhost:$SERVER_PORT" --user anna
    CRM_PASSWORD=third-stapler-5 crm login --user anna --quiet
    CRM_HOME=$BATS_TEST_TMPDIR/second fails 5 eval "$line"
}

@test "fields that a company adds work like built-in ones" {
    crm add field_definition kind=product name=grade type=choice choices=gold choices=silver label=Grade label_zh=等级 --quiet
    crm add field_definition kind=product name=langs type=multi_choice choices=en choices=zh --quiet
    crm add product code=X1 name=Custom grade=gold langs=en --quiet
    [ "$(crm list products '等级 = gold' --csv --columns code,grade)" = $'code,grade\nX1,gold' ]
    crm set product X1 grade= langs+=zh langs-=en
    [ "$(crm show product X1 --json | jq -c '[.grade, .langs]')" = '[null,["zh"]]' ]
    run crm history product X1
    contains 'Grade: gold →'
    fails 6 crm set product X1 grade=lead
    contains grade
    run crm describe products
    contains 'gold | silver'
}

@test "a saved view is a filter by name" {
    crm add product code=V1 name='In view' --quiet
    crm add saved_view name=mine kind=product filter='code = V1' --quiet
    [ "$(crm count products @mine)" = 1 ]
    [ "$(crm count products '@mine and name = other')" = 0 ]
    fails 3 crm list products @absent
}

@test "records made of parts: a pipeline with its stages" {
    crm add pipeline name=Short stages='[{"name":"Open","outcome":"open"},{"name":"Done","outcome":"won"}]' --quiet
    [ "$(crm show pipeline Short --json | jq -c '[.stages[].name]')" = '["Open","Done"]' ]
    fails 6 crm add pipeline name=Bad stages='[{"name":'
    fails 6 crm add pipeline name=Bad stages='[{"title":"x"}]'
    deal=$(crm add deal name=Shortened pipeline=Short --quiet)
    [ "$(crm show "$deal" --json | jq -r .stage)" = Open ]
    crm set "$deal" owner=admin name=Handed --quiet
    [ "$(crm show "$deal" --json | jq -r '.name, .owner.name' | tr '\n' ' ')" = 'Handed admin ' ]
}

@test "the company is meant by its kind" {
    crm set company fiscal_month=4 --quiet
    [ "$(crm show company --json | jq .fiscal_month)" = 4 ]
    crm set company fiscal_month=1 --quiet
    crm history company | grep -q ': 4 → 1'
}

@test "a server that another CA vouches for is not trusted" {
    crmd init other --listen 127.0.0.1:1 --name localhost >/dev/null
    CRM_HOME=$BATS_TEST_TMPDIR/home fails 7 crm login "localhost:$SERVER_PORT" --ca other/ca.crt --user admin
    CRM_HOME=$BATS_TEST_TMPDIR/home fails 7 crm login "127.0.0.2:$SERVER_PORT" --ca "$SERVER_DIR/ca.crt" --user admin
    CRM_HOME=$BATS_TEST_TMPDIR/home fails 2 crm login "localhost:$SERVER_PORT" --user admin
    CRM_HOME=$BATS_TEST_TMPDIR/home fails 5 env CRM_PASSWORD=wrong crm login "localhost:$SERVER_PORT" --ca "$SERVER_DIR/ca.crt" --user admin
    wrong=$output
    CRM_HOME=$BATS_TEST_TMPDIR/home fails 5 crm login "localhost:$SERVER_PORT" --ca "$SERVER_DIR/ca.crt" --user nobody
    [ "$output" = "$wrong" ]
}

@test "watch shows changes as they happen" {
    crm watch products --jsonl --limit 2 >seen 3>&- &
    watcher=$!
    # Until it has seen two: the subscription may begin behind the first of these.
    n=0
    while kill -0 $watcher 2>/dev/null && [ $n -lt 200 ]; do
        n=$((n + 1))
        crm add product code="W$n" name=Watched --quiet
    done
    wait $watcher
    [ "$(jq -r .kind seen | sort -u)" = product ]
    [ "$(wc -l <seen)" = 2 ]
}

@test "a server that is not there is exit code 7, and nothing is done" {
    sed "s/^port *=.*/port = 1/" "$CRM_HOME/profile" >profile.new
    mkdir other
    cp "$CRM_HOME/credentials" other/
    mv profile.new other/profile
    fails 7 crm --home other --timeout 2 list customers
    fails 7 crm --home other --timeout 2 add customer name=never
}

@test "the manual pages are taken without a warning" {
    [ -d "$CRM_BIN/man" ] || skip "the pages were not built"
    type mandoc groff >/dev/null 2>&1 || skip "neither mandoc nor groff is here"
    for page in "$CRM_BIN"/man/*; do
        run mandoc -T lint -W warning "$page"
        [ -z "$output" ] || { echo "$output"; return 1; }
        run bash -c "groff -ww -mandoc -Tutf8 '$page' 2>&1 >/dev/null"
        [ -z "$output" ] || { echo "$output"; return 1; }
    done
    mandoc -T utf8 "$CRM_BIN/man/crm-find.1" | grep -q 华为
}

@test "a bare crm shows today, or how to begin" {
    crm add task subject='Due now' due=today --quiet
    run crm
    contains 'Due now'
    CRM_HOME=$BATS_TEST_TMPDIR/nobody run crm
    contains 'crm login'
    [ "$(crm version)" = "$(crm --version)" ]
}
