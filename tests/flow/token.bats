#!/usr/bin/env bats
# token.bats - keys for scripts: made, used, narrowed, mistyped, revoked, expired with their users

bats_require_minimum_version 1.5.0
load server

setup_file() {
    start_server
    crm admin team add name=North --quiet
    crm add customer name=Acme --quiet
}

teardown_file() {
    stop_server
}

setup() {
    unset CRM_TOKEN
}

# A user with this login whose session is in $BATS_TEST_TMPDIR/home.
make_user() {
    local url
    crm admin user add login="$1" name="$1" team=North role="${2:-representative}" --quiet
    url=$(crm admin invite "$1" --json | sed 's/.*"url": *"\([^"]*\)".*/\1/')
    CRM_HOME=$BATS_TEST_TMPDIR/home crm login "$url" --quiet
}

has_been_used() {
    [ "$(crm admin token list --json | jq -r ".[] | select(.name == \"$1\") | .used")" != null ]
}

@test "a token is shown once, and works where a session would" {
    run -0 --separate-stderr crm admin token create --name once
    [[ $output =~ ^crm_[A-Za-z0-9_-]{43}$ ]]
    export CRM_TOKEN=$output
    crm whoami | grep '(admin)'
    crm list customers 'owner = me' --json | grep Acme
    fails 2 crm logout
    contains 'crm admin token revoke'
    unset CRM_TOKEN
    run -0 crm admin token list
    contains once
    run ! grep -rqaE 'crm_[A-Za-z0-9_-]{20}' "$SERVER_DIR"
    crm admin token list --json | jq -e '.[] | select(.name == "once") | .user == "admin" and (has("token") | not)'
    wait_for has_been_used once
}

@test "it comes from a file, and can be kept instead of a login" {
    crm admin token create --name kept --json | jq -r .token >"$BATS_TEST_TMPDIR/token"
    crm whoami --token-file "$BATS_TEST_TMPDIR/token" | grep '(admin)'
    crm --token-file "$BATS_TEST_TMPDIR/token" whoami | grep '(admin)'
    export CRM_HOME=$BATS_TEST_TMPDIR/home
    fails 5 crm list customers
    crm login "localhost:$SERVER_PORT" --ca "$SERVER_DIR/ca.crt" --token-file "$BATS_TEST_TMPDIR/token"
    crm list customers --json | grep Acme
    crm whoami | grep '(admin)'
    crm logout # here alone
    fails 5 crm list customers
    crm whoami --token-file "$BATS_TEST_TMPDIR/token" | grep '(admin)'
}

@test "a typo is told from a token that is not known" {
    token=$(crm admin token create --name typo)
    last=${token: -1}
    CRM_TOKEN=${token%?}$([ "$last" = A ] && echo B || echo A) fails 6 crm whoami
    contains 'CRM_TOKEN holds no API token'
    CRM_TOKEN=${token%?} fails 6 crm whoami
    CRM_TOKEN=secret fails 6 crm whoami
    : >"$BATS_TEST_TMPDIR/empty"
    fails 6 crm whoami --token-file "$BATS_TEST_TMPDIR/empty"
    fails 2 crm whoami --token-file "$BATS_TEST_TMPDIR/none"
    crm admin token revoke typo --quiet
    CRM_TOKEN=$token fails 5 crm whoami
}

@test "it may do what both its user and its role may" {
    token=$(crm admin token create --name reader --role auditor)
    crm admin token list | grep 'reader.*auditor'
    export CRM_TOKEN=$token
    crm list customers --json | grep Acme
    fails 9 crm add customer name=Other
    fails 9 crm admin invite admin
    unset CRM_TOKEN
    make_user nina
    token=$(crm admin token create --name mine --user nina --role administrator)
    [ "$(crm count customers)" -gt 0 ]
    [ "$(CRM_TOKEN=$token crm count customers)" = 0 ] # a role that she has not gives nothing
}

@test "it does nothing that is about who somebody is" {
    CRM_TOKEN=$(crm admin token create --name person)
    export CRM_TOKEN
    fails 9 crm passwd
    contains 'an API token cannot do this'
    fails 9 crm factor setup
    fails 9 crm admin token create --name other
    fails 9 crm admin token revoke person
    fails 9 crm admin invite admin # which asks for the password once more, and a token has none
    crm whoami
}

@test "revoking ends what it has open" {
    token=$(crm admin token create --name watcher)
    CRM_TOKEN=$token crm watch customers >"$BATS_TEST_TMPDIR/seen" 2>"$BATS_TEST_TMPDIR/said" 3>&- 4>&- &
    watcher=$!
    sees() {
        crm set customer Acme industry="$RANDOM" --quiet
        [ -s "$BATS_TEST_TMPDIR/seen" ]
    }
    wait_for sees
    crm admin token revoke watcher
    status=0
    wait "$watcher" || status=$?
    [ "$status" -eq 5 ]
    run -0 crm audit list --act token
    contains 'token watcher created'
    contains 'token watcher revoked'
    fails 3 crm admin token revoke watcher
    contains "there is no token 'watcher'"
}

@test "it expires, within a year, and asks for a name of its own" {
    fails 2 crm admin token create
    crm admin token create --name short --expires 2d --quiet
    [ "$(crm admin token list --json | jq -r '.[] | select(.name == "short") | (.expires[0:19] + "Z" | fromdate) - (.created[0:19] + "Z" | fromdate) < 3 * 86400')" = true ]
    fails 4 crm admin token create --name short
    contains 'revoke it first'
    fails 6 crm admin token create --name long --expires 2y
    fails 6 crm admin token create --name past --expires yesterday
    fails 2 crm admin token create --name what --expires soon
    fails 6 crm admin token create --name $'two\nlines'
    fails 3 crm admin token create --name none --role nothing
}

@test "each has their own, an administrator everybody's" {
    make_user olga
    export HOME_OF_OLGA=$BATS_TEST_TMPDIR/home
    crm admin token create --name same --quiet
    CRM_HOME=$HOME_OF_OLGA crm admin token create --name same --quiet
    CRM_HOME=$HOME_OF_OLGA run -0 crm admin token list
    [[ $output == *olga* && $output != *admin* ]]
    fails 2 crm admin token revoke same
    contains 'say whose with --user'
    CRM_HOME=$HOME_OF_OLGA fails 3 crm admin token revoke once
    CRM_HOME=$HOME_OF_OLGA fails 9 crm admin token create --name hers --user admin
    token=$(crm admin token create --name made --user olga)
    CRM_TOKEN=$token crm whoami | grep olga
    crm admin token revoke same --user olga
    CRM_HOME=$HOME_OF_OLGA run -0 crm admin token list
    [[ $output == *made* && $output != *same* ]]
    crm set user olga active=no --quiet
    CRM_TOKEN=$token fails 5 crm whoami
}
