#!/usr/bin/env bats
# device.bats - enrolled devices: a role asks for one, a laptop gets its certificate, is stolen, and is out

bats_require_minimum_version 1.5.0
load server

setup_file() {
    start_server
    # The shipped role of representatives asks for a device from here on.
    crm admin user add login=anna name=Anna role=representative team=Company --quiet
    crm admin user add login=ben name=Ben role=representative team=Company --quiet
    crm admin role set representative --enrolled-device on --quiet
}

teardown_file() {
    stop_server
}

setup() {
    admin=$CRM_HOME
    laptop=$BATS_TEST_TMPDIR/laptop
}

# enrol USER NAME HOME: a device of this user.
enrol() {
    local url
    url=$(crm admin device enroll --user "$1" --name "$2" --json | jq -r .url)
    CRM_HOME=$3 crm device enrol "$url" --quiet
}

# first_login USER HOME: by invitation.
first_login() {
    local url
    url=$(crm admin invite "$1" --json | jq -r .url)
    CRM_HOME=$2 crm login "$url" --quiet
}

@test "a role that asks for a device lets nobody in without one" {
    url=$(crm admin invite anna --json | jq -r .url)
    CRM_HOME=$laptop fails 5 crm login "$url"
    contains "your role needs an enrolled device"
    # The invitation is still good: nothing has happened.
    enrol anna "Anna laptop" "$laptop"
    CRM_HOME=$laptop crm login "$url" --quiet
    CRM_HOME=$laptop crm whoami
    # The token alone, copied to another machine, opens nothing.
    mkdir "$BATS_TEST_TMPDIR/copy"
    cp "$laptop/profile" "$laptop/credentials" "$BATS_TEST_TMPDIR/copy"
    CRM_HOME=$BATS_TEST_TMPDIR/copy fails 5 crm whoami
    contains "your role needs an enrolled device"
}

@test "the key stays on the device, readable for its user alone" {
    enrol anna "Anna tablet" "$laptop"
    [ "$(stat -c %a "$laptop/device.pem")" = 600 ]
    openssl x509 -in "$laptop/device.pem" -noout -text >"$BATS_TEST_TMPDIR/text"
    grep -q 'TLS Web Client Authentication' "$BATS_TEST_TMPDIR/text"
    grep -q 'URI:urn:crm:device:' "$BATS_TEST_TMPDIR/text"
    openssl verify -CAfile "$SERVER_DIR/devices.crt" "$laptop/device.pem"
    # Not signed by the authority that clients trust.
    run ! openssl verify -CAfile "$SERVER_DIR/ca.crt" "$laptop/device.pem"
    CRM_HOME=$laptop crm device status --json >"$BATS_TEST_TMPDIR/status"
    [ "$(jq -r .expired "$BATS_TEST_TMPDIR/status")" = false ]
    id=$(jq -r .device "$BATS_TEST_TMPDIR/status")
    crm admin device list --user anna --json | jq -e --arg id "$id" '.[] | select(.id == $id) | .name == "Anna tablet" and .state == "active"'
    key=$(sed -n '/BEGIN PRIVATE KEY/{n;n;p}' "$laptop/device.pem")
    [ "${#key}" -gt 20 ]
    run ! grep -rqF -- "$key" "$SERVER_DIR"
}

@test "a code works once" {
    line=$(crm admin device enroll --user anna --name "Anna phone" --json | jq -r .url)
    CRM_HOME=$laptop crm device enroll "$line" --quiet
    CRM_HOME=$BATS_TEST_TMPDIR/other fails 5 crm device enrol "$line"
    contains "the code is not known, was used, or has expired"
    [ ! -e "$BATS_TEST_TMPDIR/other/device.pem" ]
}

@test "a device is its user's own" {
    enrol anna "Anna desk" "$laptop"
    url=$(crm admin invite ben --json | jq -r .url)
    CRM_HOME=$laptop fails 5 crm login "$url"
    contains "your role needs an enrolled device"
    # Whose role asks for none may log in over it.
    CRM_HOME=$laptop crm login "localhost:$SERVER_PORT" --ca "$SERVER_DIR/ca.crt" --user admin --quiet
}

@test "the certificate renews itself when two thirds of its time are over" {
    faketime=/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1
    [ -e "$faketime" ] || skip "faketime is not installed"
    enrol anna "Anna car" "$laptop"
    first_login anna "$laptop"
    serial() { CRM_HOME=$laptop crm device status --json | jq -r .serial; }
    days_later() { CRM_HOME=$laptop LD_PRELOAD=$faketime FAKETIME=+$1d FAKETIME_DONT_FAKE_MONOTONIC=1 ASAN_OPTIONS=verify_asan_link_order=0 crm whoami; }
    first=$(serial)
    days_later 59
    [ "$(serial)" = "$first" ]
    cp "$laptop/device.pem" "$BATS_TEST_TMPDIR/old.pem"
    days_later 61
    second=$(serial)
    [ "$second" != "$first" ]
    [ "$(stat -c %a "$laptop/device.pem")" = 600 ]
    run ! diff <(openssl pkey -in "$laptop/device.pem" -pubout) <(openssl pkey -in "$BATS_TEST_TMPDIR/old.pem" -pubout)
    CRM_HOME=$laptop crm whoami
    # Another crm that is renewing just now is not disturbed.
    exec 9>"$laptop/device.pem.lock"
    flock -x 9
    days_later 61 9>&-
    [ "$(serial)" = "$second" ]
    exec 9>&-
    # Who was cut off before the new one was stored goes on with the old one, and asks again.
    cp "$BATS_TEST_TMPDIR/old.pem" "$laptop/device.pem"
    days_later 61
    [ "$(serial)" != "$first" ]
    [ "$(serial)" != "$second" ]
}

@test "revoking ends what is open, the session, and every later try" {
    enrol ben "Ben laptop" "$laptop"
    first_login ben "$laptop"
    CRM_HOME=$laptop crm watch --jsonl >"$BATS_TEST_TMPDIR/seen" 2>"$BATS_TEST_TMPDIR/said" 3>&- 4>&- &
    watch=$!
    # It watches once it shows a change.
    until [ -s "$BATS_TEST_TMPDIR/seen" ]; do
        CRM_HOME=$laptop crm add customer name="Seen $RANDOM" --quiet
    done
    crm admin device revoke "Ben laptop" --quiet
    code=0
    wait "$watch" || code=$?
    [ "$code" -eq 5 ]
    grep -q "this device was revoked" "$BATS_TEST_TMPDIR/said"
    CRM_HOME=$laptop fails 5 crm list customers
    contains "this device was revoked"
    CRM_HOME=$laptop fails 5 env CRM_PASSWORD="$CRM_NEW_PASSWORD" crm login --user ben
    # Its session is gone too, where the certificate is not shown.
    CRM_HOME=$laptop crm device forget
    CRM_HOME=$laptop fails 5 crm whoami
    contains "log in first"
    crm admin device list --user ben --json | jq -e 'map(select(.name == "Ben laptop"))[0].state == "revoked"'
    fails 3 crm admin device revoke "Ben laptop"
}

@test "a certificate of another installation is told so, and can be forgotten" {
    mkdir "$laptop"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -days 9 -keyout "$BATS_TEST_TMPDIR/key" -out "$BATS_TEST_TMPDIR/crt" \
        -addext "subjectAltName=URI:urn:crm:device:0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4051,URI:urn:crm:user:0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4051" 2>/dev/null
    cat "$BATS_TEST_TMPDIR/crt" "$BATS_TEST_TMPDIR/key" >"$laptop/device.pem"
    CRM_HOME=$laptop fails 5 crm login "localhost:$SERVER_PORT" --ca "$SERVER_DIR/ca.crt" --user admin
    contains "this device's certificate is not good"
    CRM_HOME=$laptop crm device forget
    CRM_HOME=$laptop crm login "localhost:$SERVER_PORT" --ca "$SERVER_DIR/ca.crt" --user admin --quiet
}

@test "an installation of before devices gets their authority when it is run" {
    dir=$BATS_TEST_TMPDIR/older
    crmd init "$dir" --listen 127.0.0.1:0 --name localhost --time-zone UTC >/dev/null
    rm "$dir/devices.crt" "$dir/devices.key"
    mv "$dir/ca.key" "$BATS_TEST_TMPDIR/kept.key" # which the server does not need
    crmd backup "$dir" "$BATS_TEST_TMPDIR/before.backup" >/dev/null
    crmd run "$dir" --port-file "$BATS_TEST_TMPDIR/port" >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- 4>&- &
    older=$!
    wait_for test -s "$BATS_TEST_TMPDIR/port"
    [ "$(stat -c %a "$dir/devices.key")" = 600 ]
    CRM_HOME=$laptop crm login "localhost:$(cat "$BATS_TEST_TMPDIR/port")" --ca "$dir/ca.crt" --user admin --quiet
    line=$(CRM_HOME=$laptop crm admin device enroll --user admin --name Desk --json | jq -r .url)
    CRM_HOME=$laptop crm device enrol "$line" --quiet
    CRM_HOME=$laptop crm whoami
    kill "$older"
    wait "$older"
    # What devices need is in the backup: they go on after a restore.
    crmd backup "$dir" "$BATS_TEST_TMPDIR/after.backup" >/dev/null
    crmd restore "$BATS_TEST_TMPDIR/after.backup" "$BATS_TEST_TMPDIR/again" >/dev/null
    cmp "$dir/devices.key" "$BATS_TEST_TMPDIR/again/devices.key"
    [ "$(stat -c %a "$BATS_TEST_TMPDIR/again/devices.key")" = 600 ]
}

@test "crm device says what is wrong" {
    CRM_HOME=$laptop fails 3 crm device status
    contains "this device is not enrolled"
    CRM_HOME=$laptop fails 2 crm device enrol nonsense
    mkdir -p "$laptop"
    echo nonsense >"$laptop/device.pem"
    CRM_HOME=$laptop fails 6 crm device status
    fails 2 crm admin device enroll --user anna
    fails 3 crm admin device enroll --user nobody --name x
    fails 3 crm admin device revoke 'no such device'
}
