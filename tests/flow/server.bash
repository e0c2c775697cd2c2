# server.bash - a real server on a free port and a logged-in crm, for stories; load it with `load server`
#
# CRM_BIN is where the binaries are (set by ctest). One server a file: setup_file and teardown_file call start_server and stop_server.

: "${CRM_BIN:?where crm and crmd are}"
PATH=$CRM_BIN:$PATH

# Wait until a command succeeds, at most 20 s by the clock of the machine under test.
wait_for() {
    local tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 2000 ] || return 1
        read -r -t 0.01 <> <(:) || true
    done
}

start_server() {
    export CRM_PASSWORD=correct-horse-9 CRM_NEW_PASSWORD=new-battery-7 TZ=Asia/Shanghai LC_ALL=C.UTF-8
    export SERVER_DIR=$BATS_FILE_TMPDIR/server CRM_HOME=$BATS_FILE_TMPDIR/home
    unset NO_COLOR VISUAL EDITOR LANG
    crmd init "$SERVER_DIR" --listen 127.0.0.1:0 --name localhost --admin admin --time-zone Asia/Shanghai >/dev/null
    # Nothing of bats' may stay open in the server: bats waits for it.
    crmd run "$SERVER_DIR" --port-file "$BATS_FILE_TMPDIR/port" >"$BATS_FILE_TMPDIR/server.log" 2>&1 3>&- 4>&- &
    SERVER_PID=$!
    export SERVER_PID
    wait_for test -s "$BATS_FILE_TMPDIR/port"
    SERVER_PORT=$(cat "$BATS_FILE_TMPDIR/port")
    export SERVER_PORT
    crm login "localhost:$SERVER_PORT" --ca "$SERVER_DIR/ca.crt" --user admin --quiet
}

stop_server() {
    kill "$SERVER_PID"
    wait "$SERVER_PID" 2>/dev/null || true
}

# fails CODE COMMAND...: it ends with this exit code; $output is what it said, both ways.
fails() {
    local code=$1
    shift
    run "$@"
    [ "$status" -eq "$code" ] || {
        echo "exit code $status instead of $code: $output"
        return 1
    }
}

# contains TEXT: $output has it somewhere.
contains() {
    [[ $output == *"$1"* ]] || {
        echo "not in the output: $1"
        echo "$output"
        return 1
    }
}
