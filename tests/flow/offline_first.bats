#!/usr/bin/env bats
# offline_first.bats - on a terminal the replica answers at once, and the server when the line does; changes that cannot reach it are queued
#
# What comes first is decided by stopping the server, or closing the line, until the first answer has been seen: no test here measures time.

bats_require_minimum_version 1.5.0
load server

setup_file() {
    start_server
    export TERM=xterm
    for i in 1 2 3; do
        crm add customer name="Marker $i" industry=retail --quiet
    done
    crm sync --quiet
}

teardown_file() {
    kill -CONT "$SERVER_PID"
    [ ! -s "$BATS_FILE_TMPDIR/line.pid" ] || kill "$(cat "$BATS_FILE_TMPDIR/line.pid")"
    stop_server
}

# terminal SIZE COMMAND..., with what to do on the standard input
terminal() {
    run /usr/bin/python3 "$BATS_TEST_DIRNAME/terminal.py" "$@"
}

# lacks TEXT: $output has it nowhere.
lacks() {
    [[ $output != *"$1"* ]] || {
        echo "in the output: $1"
        echo "$output"
        return 1
    }
}

@test "rows are there before the server has said anything, and are marked with their age" {
    kill -STOP "$SERVER_PID"
    terminal 100x24 crm list customers --timeout 60 <<END
expect Marker 3
expect as of less than a minute ago, asking the server
run kill -CONT $SERVER_PID
expect as of now
END
    [ "$status" -eq 0 ]
    [ "$(grep -c 'Marker 1' <<<"$output")" = 1 ] # it was the same: not drawn again
}

@test "what the server has newer takes their place" {
    crm set C-2 name='Newer 2' --quiet
    kill -STOP "$SERVER_PID"
    terminal 100x24 crm list customers --timeout 60 <<END
expect Marker 2
expect asking the server
run kill -CONT $SERVER_PID
expect [2A
expect Newer 2
expect as of now
END
    [ "$status" -eq 0 ]
    terminal 100x2 crm list customers --all --timeout 60 <<END
expect Marker 2
expect The server has newer:
expect Newer 2
expect as of now
END
    [ "$status" -eq 0 ]
    lacks '[2A'
    TERM=dumb terminal 100x24 crm show C-2 --timeout 60 <<END
expect Marker 2
expect The server has newer:
expect Newer 2
END
    [ "$status" -eq 0 ]
    lacks 'A'$'\r'
    crm sync --quiet
}

@test "a line that is dead is not waited for" {
    kill -STOP "$SERVER_PID"
    echo '1 0 0' >"$CRM_HOME/line"
    terminal 100x24 crm count customers <<<'expect 3'
    kill -CONT "$SERVER_PID"
    [ "$status" -eq 0 ]
    contains 'offline: as of less than a minute ago'
    [ "$(cat "$CRM_HOME/line")" = '1 0 1' ]
}

@test "programs and those who ask for the past wait for the server" {
    run script -qec 'crm list customers --json' /dev/null
    [ "$status" -eq 0 ]
    lacks 'as of'
    run script -qec 'crm list customers --explain' /dev/null
    lacks 'as of'
    run crm list customers
    lacks 'as of'
    run script -qec 'CRM_OFFLINE=1 crm list customers' /dev/null
    contains 'offline: as of'
}

@test "what the replica lacks the server is asked for, and its refusals are the answer" {
    crm add customer name='Only There' --quiet
    terminal 100x24 crm show C-4 <<<'expect Only There'
    [ "$status" -eq 0 ]
    lacks 'there is no'
    terminal 100x24 crm show C-99 <<<'expect C-99'
    [ "$status" -eq 3 ]
    lacks 'as of'
    crm rm C-4 --yes --quiet
    crm add customer name=Ending --quiet
    crm sync --quiet
    crm rm C-5 --yes --quiet
    terminal 100x24 crm show C-5 --timeout 60 <<<'expect Ending'
    [ "$status" -eq 3 ] # seen, and then gone
    crm sync --quiet
}

@test "a change that the server cannot be told in time is queued, and shown until it is sent" {
    kill -STOP "$SERVER_PID"
    terminal 100x24 crm set C-1 industry=finance <<<'expect Queued C-1'
    [ "$status" -eq 0 ]
    contains 'waits for crm sync'
    fails 7 crm set C-1 industry=telecom --timeout 1
    kill -CONT "$SERVER_PID"
    terminal 100x24 crm show C-1 <<<'expect finance'
    contains 'with 1 change to be sent by crm sync'
    lacks 'retail' # the server's answer would hide it
    terminal 100x24 crm show C-6 <<<'expect C-6'
    [ "$status" -eq 3 ]
    crm sync --quiet
    [ "$(crm show C-1 --json | jq -r .industry)" = finance ]
}

@test "the interrupt key ends the wait, and nothing is left behind" {
    kill -STOP "$SERVER_PID"
    terminal 100x24 crm list customers --timeout 60 <<END
expect asking the server
type ^C
END
    kill -CONT "$SERVER_PID"
    [ "$status" -ne 0 ]
    [ "$status" -ne 99 ]
}

@test "at 600 ms the first answer does not wait for the line, and how long that takes is learned" {
    local gate=$BATS_FILE_TMPDIR/gate learned
    /usr/bin/python3 "$BATS_TEST_DIRNAME/slow_line.py" "$BATS_FILE_TMPDIR/line.port" "$SERVER_PORT" 300 "$gate" 3>&- 4>&- &
    echo $! >"$BATS_FILE_TMPDIR/line.pid"
    wait_for test -s "$BATS_FILE_TMPDIR/line.port"
    sed -i "s/^port.*/port = $(cat "$BATS_FILE_TMPDIR/line.port")/" "$CRM_HOME/profile"
    rm -f "$CRM_HOME/line"
    crm set C-3 name='Slowly Newer' --timeout 1 --quiet && return 1
    terminal 100x24 crm list customers --timeout 60 <<END
expect Marker 3
expect asking the server
run touch $gate
expect as of now
END
    [ "$status" -eq 0 ]
    read -r learned _ <"$CRM_HOME/line"
    [ "$learned" -ge 1200000 ] # TLS, and the first request
    terminal 100x24 crm list customers <<END
expect Marker 3
expect as of now
END
    [ "$status" -eq 0 ]
    rm "$CRM_HOME/line"
    crm sync --quiet # teaches it, too
    read -r learned _ <"$CRM_HOME/line"
    [ "$learned" -ge 1200000 ]
}

@test "a change that was sent and not answered is not queued" {
    local editor=$BATS_FILE_TMPDIR/editor gate=$BATS_FILE_TMPDIR/gate
    printf '#!/bin/sh\nrm "%s"\nsed -i "s/Marker 1/Sent/" "$1"\n' "$gate" >"$editor"
    chmod +x "$editor"
    EDITOR=$editor terminal 100x24 crm edit C-1 --timeout 5 <<<'expect may or may not'
    [ "$status" -eq 10 ]
    contains '--key'
    touch "$gate"
    [ "$(crm outbox list --json)" = '[]' ]
}
