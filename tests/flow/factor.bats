#!/usr/bin/env bats
# factor.bats - the second step at login: set up, asked for, used up, recovered, required, taken away

bats_require_minimum_version 1.5.0
load server

setup_file() {
    start_server
    crm admin team add name=North --quiet
    crm admin role add careful --scope '*:read=all,write=all' --second-factor on --quiet
}

teardown_file() {
    stop_server
}

# Somebody of a test's own, who has logged in once with CRM_NEW_PASSWORD and is CRM_HOME from now on.
as_new_user() {
    local url
    crm admin user add login="$1" name="$1" team=North role="${2:-representative}" --quiet
    url=$(crm admin invite "$1" --json | sed 's/.*"url": *"\([^"]*\)".*/\1/')
    admin_home=$CRM_HOME
    export CRM_HOME=$BATS_TEST_TMPDIR/home
    crm login "$url" --quiet
    export CRM_PASSWORD=$CRM_NEW_PASSWORD
}

as_admin() {
    CRM_PASSWORD=correct-horse-9 CRM_HOME=$admin_home "$@"
}

login() {
    crm login --user "$1" --quiet
}

# What an authenticator with this secret shows, some steps of thirty seconds after $step.
code() {
    local key hash at
    key=$(base32 -d <<<"$1" | od -An -v -tx1 | tr -d ' \n')
    hash=$(printf "$(printf '%016x' $((step + $2)) | sed 's/../\\x&/g')" | openssl dgst -sha1 -mac HMAC -macopt "hexkey:$key" -r | cut -d' ' -f1)
    at=$((2 * 0x${hash:39:1}))
    printf '%06d' $(((0x${hash:at:8} & 0x7fffffff) % 1000000))
}

# Sets secret, recovery (an array) and step: codes of $step are used up, those of the next step are good for a minute at least.
set_up() {
    secret=$(crm factor setup --json | sed 's/.*"secret": *"\([^"]*\)".*/\1/')
    step=$(($(date +%s) / 30))
    mapfile -t recovery < <(crm factor confirm "$(code "$secret" 0)" | sed -n 's/^  //p')
    [ "${#recovery[@]}" -eq 10 ]
}

@test "login asks for a code once a second factor is in force" {
    as_new_user anna
    crm factor status | grep 'No second factor'
    run -0 crm factor setup
    contains 'otpauth://totp/My%20company:anna?secret='
    crm factor status | grep 'No second factor' # not before its first code
    set_up
    crm factor status | grep '10 recovery codes are left'
    crm list customers                          # who is in stays in

    fails 2 login anna </dev/null
    contains CRM_FACTOR
    CRM_FACTOR=$(code "$secret" 1) login anna
    crm whoami | grep anna
}

@test "a code works once, and a wrong one is told like a wrong password" {
    as_new_user bert
    set_up
    CRM_FACTOR=$(code "$secret" 0) fails 5 login bert # it has shown that the secret is there
    contains 'wrong user name or password'
    CRM_FACTOR=$(code "$secret" 1) login bert
    CRM_FACTOR=$(code "$secret" 1) fails 5 login bert
    said=$output
    CRM_PASSWORD=wrong-horse-8 CRM_FACTOR=$(code "$secret" 1) fails 5 login bert
    [ "$output" = "$said" ]
    CRM_PASSWORD=wrong-horse-8 fails 5 login bert # and without the password nobody hears of a second step
    [ "$output" = "$said" ]
}

@test "each recovery code logs in once" {
    as_new_user carl
    set_up
    CRM_FACTOR=${recovery[0]} login carl
    CRM_FACTOR=${recovery[0]} fails 5 login carl
    spoken=${recovery[9]^^}
    CRM_FACTOR=${spoken//-/ } login carl
    crm factor status | grep '8 recovery codes are left'
    [ "$(crm factor status --json | tr -d ' ')" = '{"in_force":true,"recovery_left":8}' ]
}

@test "a new setup takes the place of the old one, which counts until then" {
    as_new_user dora
    set_up
    old=$secret
    fresh=$(crm factor setup --json | sed 's/.*"secret": *"\([^"]*\)".*/\1/')
    CRM_FACTOR=$(code "$old" 1) login dora
    fails 5 crm factor confirm 000000
    contains 'the code does not fit'
    crm factor confirm "$(code "$fresh" 0)" >/dev/null
    CRM_FACTOR=${recovery[0]} fails 5 login dora
    CRM_FACTOR=$(code "$fresh" 1) login dora
    fails 4 crm factor confirm "$(code "$fresh" 1)"
    contains 'begin again'
}

@test "a role may require it: nothing else is answered before" {
    as_new_user emil careful
    run -0 crm login --user emil
    contains 'crm factor setup'
    fails 5 crm list customers
    contains 'your role needs a second factor'
    fails 5 crm factor remove admin
    set_up
    crm list customers
    fails 9 crm factor remove
    contains 'your role needs a second factor'
    CRM_FACTOR=$(code "$secret" 1) login emil
    crm list customers
}

@test "an administrator removes another's, a user does not" {
    as_new_user fred careful
    set_up
    crm list customers
    fails 9 crm factor remove admin
    fails 9 crm factor status admin
    as_admin crm factor status fred | grep 'in force'
    as_admin crm factor remove fred
    as_admin run -0 crm audit list --act factor
    contains 'second factor set up'
    contains 'second factor removed'
    fails 5 crm list customers # its role asks for another, at once
    login fred                 # the password is enough to set it up
    set_up
    crm list customers
    as_admin fails 3 crm factor remove nobody
    as_admin fails 3 crm factor remove admin
    contains 'no second factor is set up'
}

@test "an invitation does not stand in for the second factor" {
    as_new_user gina
    set_up
    url=$(as_admin crm admin invite gina --json | sed 's/.*"url": *"\([^"]*\)".*/\1/')
    export CRM_NEW_PASSWORD=other-battery-6
    fails 2 crm login "$url" </dev/null
    CRM_FACTOR=000000 fails 5 crm login "$url"
    CRM_FACTOR=${recovery[0]} crm login "$url" --quiet
    CRM_PASSWORD=$CRM_NEW_PASSWORD CRM_FACTOR=${recovery[1]} login gina
}

# Run a command on a terminal and type a line, again until it has ended: what is typed before the question is thrown away.
type_into() {
    local line=$1 status=0
    shift
    mkfifo "$BATS_TEST_TMPDIR/keys"
    script -qefc "$*" "$BATS_TEST_TMPDIR/screen" <"$BATS_TEST_TMPDIR/keys" >/dev/null 2>&1 3>&- 4>&- &
    terminal=$!
    exec 5>"$BATS_TEST_TMPDIR/keys"
    has_ended() {
        ! kill -0 "$terminal" 2>/dev/null || { eval "echo \"$line\"" >&5 2>/dev/null && false; }
    }
    wait_for grep -q 'Code of your authenticator' "$BATS_TEST_TMPDIR/screen"
    trap '' PIPE
    wait_for has_ended
    exec 5>&-
    rm "$BATS_TEST_TMPDIR/keys"
    wait "$terminal" || status=$?
    return "$status"
}

@test "on a terminal the code is asked for" {
    as_new_user ines
    step=$(($(date +%s) / 30))
    shown() { sed -n 's/^  \([A-Z2-7]\{32\}\)\r*$/\1/p' "$BATS_TEST_TMPDIR/screen"; }
    type_into '$(code "$(shown)" 0)' crm factor setup
    secret=$(shown)
    grep -q 'they are not shown again' "$BATS_TEST_TMPDIR/screen"
    [ "$(grep -cE '^  [a-z2-9]{4}(-[a-z2-9]{4}){3}' "$BATS_TEST_TMPDIR/screen")" -eq 10 ]
    type_into "$(code "$secret" 1)" crm login --user ines
    grep -q 'Logged in as ines' "$BATS_TEST_TMPDIR/screen"
}

@test "what lets somebody in stays out of logs and of the disk" {
    as_new_user hugo
    set_up
    CRM_FACTOR=${recovery[0]} login hugo
    grep -rqaF hugo "$SERVER_DIR" # it does look
    run ! grep -rqaF -e "$secret" -e "${recovery[0]}" -e "${recovery[1]}" -e "${recovery[1]//-/}" "$SERVER_DIR" "$BATS_FILE_TMPDIR/server.log" "$CRM_HOME"
}
