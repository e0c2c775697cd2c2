#!/usr/bin/env bats
# client.bats - the library's example against a real server: log in, create, list, and every way in which it may not come to that

setup() {
    dir=$(mktemp -d)
    CRM_PASSWORD=correct-horse "$CRM_BIN/crmd" init "$dir/data" --listen 127.0.0.1:0 --name localhost --admin admin >/dev/null
    mkfifo "$dir/says"
    "$CRM_BIN/crmd" run "$dir/data" >"$dir/says" 2>"$dir/log" 3>&- &
    server=$!
    exec 4<"$dir/says"
    read -r line <&4
    port=${line##*:}
}

teardown() {
    exec 4<&-
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" || true
    rm -rf "$dir"
}

example() {
    run --separate-stderr "$CRM_BIN/crm_example" "$@"
}

@test "the example creates customers and prints their names" {
    example localhost "$port" "$dir/data/ca.crt" admin correct-horse "Acme 公司"
    [ "$status" -eq 0 ]
    [ "$output" = "C-1	Acme 公司" ]
    example 127.0.0.1 "$port" "$dir/data/ca.crt" admin correct-horse "Beta"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 2 ]
}

@test "a wrong password, a foreign CA and a server that is gone are told apart" {
    example localhost "$port" "$dir/data/ca.crt" admin wrong-horse x
    [ "$status" -eq 5 ]
    [[ "$stderr" == *"wrong user name or password"* ]]

    CRM_PASSWORD=correct-horse "$CRM_BIN/crmd" init "$dir/other" --name localhost --admin admin >/dev/null
    example localhost "$port" "$dir/other/ca.crt" admin correct-horse x
    [ "$status" -eq 7 ]
    [[ "$stderr" == *"certificate is not trusted"* ]]

    kill "$server"
    wait "$server" || true
    server=
    example localhost "$port" "$dir/data/ca.crt" admin correct-horse x
    [ "$status" -eq 7 ]
    [[ "$stderr" == *"cannot connect"* ]]
}
