#!/usr/bin/env bats
# audit.bats - what was done is told, proved, and kept; and a person is taken out of everything

bats_require_minimum_version 1.5.0
load server

setup() {
    export CRM_PASSWORD=correct-horse-9 LC_ALL=C.UTF-8 TZ=UTC
    dir=$BATS_TEST_TMPDIR/data
    export CRM_HOME=$BATS_TEST_TMPDIR/home
    server=
    crmd init "$dir" --listen 127.0.0.1:0 --time-zone UTC >/dev/null
    serve
    login
}

teardown() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" || true
}

# Serve $dir; sets server and port.
serve() {
    rm -f "$BATS_TEST_TMPDIR/port"
    crmd run "$dir" --port-file "$BATS_TEST_TMPDIR/port" >"$BATS_TEST_TMPDIR/says" 2>"$BATS_TEST_TMPDIR/log" 3>&- 4>&- &
    server=$!
    wait_for test -s "$BATS_TEST_TMPDIR/port"
    port=$(cat "$BATS_TEST_TMPDIR/port")
}

end() {
    kill -TERM "$server"
    wait "$server"
    server=
}

login() {
    crm login "localhost:$port" --ca "$dir/ca.crt" --user "${1:-admin}" --quiet
}

# acts [OPTIONS]: their names, oldest first, in a line.
acts() {
    crm audit list --json "$@" | jq -r 'reverse | map(.act) | join(" ")'
}

@test "a login, an invitation, a changed permission and a logout are told" {
    crm admin user add rosalind --name Rosalind --role representative --no-invitation --quiet
    crm admin invite rosalind --quiet
    crm set user rosalind active=no --quiet
    crm logout --quiet
    login
    [ "$(acts)" = "login permission invitation permission logout login" ]
    crm audit list --json >"$BATS_TEST_TMPDIR/all"
    # Names of fields, never a value.
    jq -e '.[2].text | test("changed: active$")' "$BATS_TEST_TMPDIR/all"
    jq -e 'map(.user.name) | unique | length == 1' "$BATS_TEST_TMPDIR/all"
    jq -e 'all(.from | startswith("127.0.0.1 crm/"))' "$BATS_TEST_TMPDIR/all"
    jq -e 'all(.trace and .hash and .times == 1)' "$BATS_TEST_TMPDIR/all"
    jq -e '.[1].number + 1 == .[0].number' "$BATS_TEST_TMPDIR/all"
    run crm audit list
    contains "U-2 changed: active"
    contains "login"
}

@test "the list is filtered by user, record, time and act" {
    crm admin user add rosalind --name Rosalind --role representative --no-invitation --quiet
    crm admin invite rosalind --quiet
    crm set pipeline Sales name=Deals --quiet
    [ "$(acts --act permission,invitation)" = "permission invitation" ]
    [ "$(acts --record rosalind)" = "permission invitation" ] || [ "$(acts --record U-2)" = "permission invitation" ]
    [ "$(acts --user rosalind)" = "" ]
    [ "$(acts --until 2001-01-01)" = "" ]
    [ "$(acts --since -1h --limit 1)" = administration ]
    [ "$(crm audit list --jsonl --limit 2 | wc -l)" -eq 2 ]
    fails 2 crm audit list --act nonsense
    contains "login-refused"
}

@test "refusals are summed, and not lost when the server stops" {
    for _ in 1 2 3; do
        CRM_HOME=$BATS_TEST_TMPDIR/other CRM_PASSWORD=wrong-horse-1 fails 5 crm login "localhost:$port" --ca "$dir/ca.crt" --user admin
    done
    CRM_HOME=$BATS_TEST_TMPDIR/other CRM_PASSWORD=wrong-horse-1 fails 5 crm login "localhost:$port" --ca "$dir/ca.crt" --user nobody
    end
    crmd check "$dir"
    serve
    login
    crm audit list --act login-refused --json >"$BATS_TEST_TMPDIR/refused"
    # The minute may have turned meanwhile.
    [ "$(jq '[.[] | select(.user) | .times] | add' "$BATS_TEST_TMPDIR/refused")" -eq 3 ]
    [ "$(jq '[.[] | select(.user)] | length' "$BATS_TEST_TMPDIR/refused")" -le 2 ]
    [ "$(jq -r '.[] | select(.user == null) | .login' "$BATS_TEST_TMPDIR/refused")" = nobody ]
}

@test "an auditor reads it, a representative does not, and that is told too" {
    crm admin user add lena --name Lena --role representative --no-invitation --quiet
    code=$(crm admin invite lena --json | jq -r .url)
    CRM_HOME=$BATS_TEST_TMPDIR/lena CRM_NEW_PASSWORD=new-battery-7 crm login "$code" --quiet
    CRM_HOME=$BATS_TEST_TMPDIR/lena fails 9 crm audit list
    CRM_HOME=$BATS_TEST_TMPDIR/lena fails 9 crm audit head
    end
    serve
    login
    run crm audit list --act refused --json
    [ "$(jq '[.[].times] | add' <<<"$output")" -eq 2 ]
    [ "$(jq -r '.[0].text' <<<"$output")" = audit.list ]
    [ "$(jq -r '.[0].user.name' <<<"$output")" = Lena ]
}

@test "reports over others' deals are told" {
    crm report pipeline >/dev/null
    [ "$(acts --act report)" = report ]
    run crm audit list --act report
    contains "report pipeline"
}

@test "a head that was kept elsewhere proves what came before it" {
    crm set pipeline Sales name=Deals --quiet
    audit=$(crm audit head --json | jq -r '.audit | "\(.number):\(.hash)"')
    log=$(crm audit head | sed -n 's/^log *//p')
    crm set pipeline Deals name=Sales --quiet
    end
    crmd check "$dir" --audit-head "$audit" --log-head "$log"
    fails 1 crmd check "$dir" --audit-head "1:${audit#*:}"
    contains "audit: entry 1 has another hash"
    fails 1 crmd check "$dir" --log-head "99999:${log#*:}"
    contains "the newest are missing"
    fails 2 crmd check "$dir" --audit-head nonsense
}

@test "an erased person is in no byte of the directory after the next start" {
    crm add contact name='Qzrosalindqz Franklin' emails=qzrosalindqz@example.com --quiet
    crm set contact 'Qzrosalindqz Franklin' title='qzrosalindqz of science' --quiet
    crm log contact 'Qzrosalindqz Franklin' call 'with qzrosalindqz' --quiet
    grep -riq qzrosalindqz "$dir/data"
    number=$(crm list contacts --json | jq -r '.[0].number')
    fails 2 crm admin erase "$number"
    contains "--reason"
    fails 2 crm admin erase "$number" --reason 'request 7'
    contains "--yes"
    run crm admin erase "$number" --reason 'request 7' --with-children --yes --json
    [ "$status" -eq 0 ]
    [ "$(jq .records <<<"$output")" -eq 2 ]
    [ "$(jq .places.log <<<"$output")" -ge 5 ]
    fails 3 crm show contact "$number"
    [ "$(crm list contacts --deleted --json | jq length)" -eq 0 ]
    [ "$(crm audit list --act erase --json | jq -r '.[0].text')" = "$number: request 7" ]
    end
    crmd check "$dir"
    serve # writes the file anew
    run ! grep -riq qzrosalindqz "$dir"
    grep -q compact.end "$BATS_TEST_TMPDIR/log"
    [ ! -e "$dir/data.new" ]
    login
    crm add contact name=Watson --quiet
    end
    crmd check "$dir"
    serve # and once is enough
    run ! grep -q compact "$BATS_TEST_TMPDIR/log"
}

@test "where the file cannot be written anew the server serves, says so, and tries again" {
    crm add contact name=Rosalind --quiet
    crm admin erase contact Rosalind --reason x --yes --quiet
    end
    touch "$dir/data.new"
    serve
    grep -q 'compact.failed.*data.new' "$BATS_TEST_TMPDIR/log"
    login
    end
    rm "$dir/data.new"
    crmd backup "$dir" "$BATS_TEST_TMPDIR/file.backup"
    serve
    grep -q compact.end "$BATS_TEST_TMPDIR/log"
    login
}

@test "what hangs on an erased person is listed, and without the right nobody is erased" {
    crm add contact name=Rosalind --quiet
    crm log contact Rosalind call 'with her' --quiet
    crm admin user add lena --name Lena --role manager --team Company --no-invitation --quiet
    code=$(crm admin invite lena --json | jq -r .url)
    export CRM_NEW_PASSWORD=new-battery-7
    CRM_HOME=$BATS_TEST_TMPDIR/lena crm login "$code" --quiet
    CRM_HOME=$BATS_TEST_TMPDIR/lena CRM_PASSWORD=$CRM_NEW_PASSWORD fails 9 crm admin erase contact Rosalind --reason x --yes
    run crm admin erase contact Rosalind --reason x --yes
    [ "$status" -eq 0 ]
    contains "hung on it"
    contains "A-1"
    crm show A-1 >/dev/null
}

@test "retention is a setting" {
    end
    sed -i 's/^keep_days = 0/keep_days = 1/' "$dir/crmd.conf"
    serve
    login
    [ "$(acts)" = "login login" ]
    end
    crmd check "$dir"
}
