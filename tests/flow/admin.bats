#!/usr/bin/env bats
# admin.bats - what an administrator does for people: users one by one and from a file, teams, roles; and who leaves

bats_require_minimum_version 1.5.0
load server

setup_file() {
    start_server
    crm admin team add North parent=Company region=EMEA --quiet
}

teardown_file() {
    stop_server
}

setup() {
    file=$BATS_TEST_TMPDIR/staff.csv
}

# users_of: logins of all users, in order.
users_of() {
    crm admin user list "$@" --json | jq -r '[.[].login] | sort | join(" ")'
}

@test "a new user gets an invitation, which logs in once" {
    run crm admin user add anna --name 'Anna Snelling' --team North --role representative --email anna@example.com
    [ "$status" -eq 0 ]
    contains 'Created U-2 anna'
    contains "crm login 'crm://"
    url=$(sed -n "s/^crm login '\(.*\)'$/\1/p" <<<"$output")
    CRM_HOME=$BATS_TEST_TMPDIR/anna crm login "$url" --quiet
    [ "$(CRM_HOME=$BATS_TEST_TMPDIR/anna crm whoami --json | jq -r '.login, .role' | tr '\n' ' ')" = 'anna representative ' ]
    CRM_HOME=$BATS_TEST_TMPDIR/again fails 5 crm login "$url"
}

@test "a new user for a script, and what is refused" {
    run crm admin user add ben name=Ben --role representative --json
    [ "$(jq -r '.status, .number' <<<"$output" | tr '\n' ' ')" = 'ok U-3 ' ]
    jq -e '.invitation.url | startswith("crm://")' <<<"$output"
    jq -e '.invitation.expires | length > 20' <<<"$output"
    run crm admin user add later --no-invitation --json
    jq -e 'has("invitation") | not' <<<"$output"
    run crm admin user add never --dry-run
    contains 'Dry run'
    [[ $output != *crm://* ]]
    [ "$(users_of 'login = never')" = '' ]
    fails 2 crm admin user add
    contains 'a new user needs a login'
    fails 4 crm admin user add anna --name Second
    fails 3 crm admin user add carl --team Nowhere
    contains "there is no team 'Nowhere'"
    fails 6 crm admin user add carl shoe_size=44
    [ "$(users_of 'login = carl')" = '' ]
}

@test "the same key makes one user" {
    crm admin user add once --key k1 --quiet
    crm admin user add once --key k1 --quiet
    [ "$(crm count users 'login = once')" = 1 ]
}

@test "options and fields change a user" {
    crm admin user set ben --team North --manager anna --name '@ben' more_teams+=Company --quiet
    [ "$(crm show user ben --json | jq -r '.team.name, .manager.name, .name, .more_teams[0].name' | tr '\n' ' ')" = \
        'North Anna Snelling @ben Company ' ]
    fails 2 crm admin user set ben
    contains 'say what to change'
    crm admin user set ben --name Ben --quiet
}

@test "a file makes an office, managers in any order" {
    cat >"$file" <<'CSV'
login,name,email,team,role,manager
r1,Rita One,r1@example.com,North,representative,Moritz Two
m2,Moritz Two,,North,manager,h3
h3,"华 三, head",,Company,manager,anna
CSV
    before=$(crm count users)
    run crm admin user add --from "$file" --dry-run
    [ "$status" -eq 0 ]
    contains 'Dry run, nothing is changed: Created 3 users'
    [ "$(crm count users)" = "$before" ]
    run --separate-stderr crm admin user add --from "$file" --invitations "$BATS_TEST_TMPDIR/out.csv"
    [ "$status" -eq 0 ]
    [ "$output" = 'Created 3 users' ]
    [ "$(stat -c %a "$BATS_TEST_TMPDIR/out.csv")" = 600 ]
    [ "$(head -n 1 "$BATS_TEST_TMPDIR/out.csv")" = login,name,invitation,expires ]
    [ "$(cut -d, -f1 "$BATS_TEST_TMPDIR/out.csv" | tail -n +2 | tr '\n' ' ')" = 'r1 m2 h3 ' ]
    [ "$(crm show user r1 --json | jq -r .manager.name)" = 'Moritz Two' ]
    [ "$(crm show user m2 --json | jq -r .manager.name)" = '华 三, head' ]
    [ "$(crm show user h3 --json | jq -r .manager.name)" = 'Anna Snelling' ]
    url=$(grep '^m2,' "$BATS_TEST_TMPDIR/out.csv" | cut -d, -f3)
    CRM_HOME=$BATS_TEST_TMPDIR/m2 crm login "$url" --quiet
}

@test "invitations go to the output where no file is named, and never over a file that is there" {
    printf 'login,role\nx1,representative\nx2,representative\n' >"$file"
    run --separate-stderr crm admin user add --from "$file"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 3 ]
    [[ ${lines[1]} == x1,,crm://*code=* ]]
    [ "$stderr" = 'Created 2 users' ]
    printf 'login,role\nx3,representative\n' >"$file"
    touch "$BATS_TEST_TMPDIR/out.csv"
    fails 2 crm admin user add --from "$file" --invitations "$BATS_TEST_TMPDIR/out.csv"
    contains 'File exists'
    [ "$(users_of 'login = x3')" = '' ]
    run crm admin user add --from "$file" --json
    jq -e '.[0].login == "x3" and (.[0].invitation.url | startswith("crm://"))' <<<"$output"
}

@test "a file with mistakes makes nobody, and every mistake is told with line and column" {
    cat >"$file" <<'CSV'
login,name,team,role,manager
f1,F One,Nrth,representative,
,Nobody,North,manager,
g1,G One,North,manager,h1
h1,H One,North,manager,g1
i1,I One,North,representative,
CSV
    before=$(crm count users)
    fails 6 crm admin user add --from "$file" --invitations "$BATS_TEST_TMPDIR/out.csv"
    contains "$file:2: column 'team': there is no team 'Nrth'"
    contains "$file:3: column 'login': a user needs one"
    contains "$file:4: column 'manager': the managers go round in a circle"
    contains "$file:5: column 'manager': the managers go round in a circle"
    contains 'Nothing was created.'
    [[ $output != *:6:* ]]
    [ "$(crm count users)" = "$before" ]
    [ ! -e "$BATS_TEST_TMPDIR/out.csv" ]
}

@test "what only the server can refuse has its line too" {
    printf 'login,name\nnew1,New\nanna,Again\nnew2,New\n' >"$file"
    fails 4 crm admin user add --from "$file" --invitations "$BATS_TEST_TMPDIR/out.csv"
    contains "$file:3: column 'login': user U-2 has this login"
    [ "$(users_of 'login = new1')" = '' ]
    [ ! -e "$BATS_TEST_TMPDIR/out.csv" ]
    printf 'login,manager\nt1,Twin\nt2,\nt3,\n' >"$file"
    fails 6 crm admin user add --from "$file"
    contains "$file:2: column 'manager'"
    printf 'login,nme\nt1,Twin\n' >"$file"
    fails 6 crm admin user add --from "$file"
    contains "'nme'"
    printf 'login,name,manager\nt1,Twin,\nt2,Twin,\nt3,Third,Twin\n' >"$file"
    fails 6 crm admin user add --from "$file"
    contains "$file:4: column 'manager': more than one row is 'Twin': give the login"
    : >"$file"
    fails 6 crm admin user add --from "$file"
    fails 2 crm admin user add --from "$BATS_TEST_TMPDIR/none.csv"
    fails 2 crm admin user add dora --from "$file"
}

@test "five hundred users are one file, more are not" {
    { echo login,team && seq -f 'bulk%g,North' 501; } >"$file"
    fails 6 crm admin user add --from "$file"
    contains 'a file makes at most 500 users'
    sed -i '$d' "$file"
    crm admin user add --from "$file" --invitations "$BATS_TEST_TMPDIR/out.csv" --quiet
    [ "$(wc -l <"$BATS_TEST_TMPDIR/out.csv")" = 501 ]
    [ "$(crm count users 'login ~ bulk')" = 500 ]
    [ "$(cut -d, -f3 "$BATS_TEST_TMPDIR/out.csv" | sort -u | wc -l)" = 501 ]
}

@test "who leaves hands over what is open, all or nothing" {
    crm admin user add leaver --name Leaver --team North --role representative --no-invitation --quiet
    crm admin user add heir --name Heir --team North --role representative --no-invitation --quiet
    crm add customer name=Left owner=leaver team=North --quiet
    crm add task subject='Call back' owner=leaver team=North --quiet
    fails 4 crm admin user disable leaver
    contains 'the user still has 1 customer, 1 open task: name an heir'
    contains '--heir USER'
    [ "$(crm show user leaver --json | jq .active)" = true ]
    run crm admin user disable leaver --heir heir --dry-run
    contains 'Dry run'
    [ "$(crm show customer Left --json | jq -r .owner.name)" = Leaver ]
    fails 6 crm admin user disable leaver --heir leaver
    fails 3 crm admin user disable leaver --heir nobody
    run crm admin user disable leaver --heir heir
    contains 'Disabled'
    contains 'What was open now belongs to'
    [ "$(crm show customer Left --json | jq -r .owner.name)" = Heir ]
    [ "$(crm list tasks 'subject = "Call back"' --json | jq -r '.[0].owner.name')" = Heir ]
    [ "$(crm show user leaver --json | jq .active)" = false ]
    crm admin user enable leaver
    [ "$(crm show user leaver --json | jq .active)" = true ]
    [ "$(crm show customer Left --json | jq -r .owner.name)" = Heir ]
}

@test "on a terminal it asks who takes over" {
    crm admin user add asked --role representative --team North --no-invitation --quiet
    crm add customer name=Waiting owner=asked team=North --quiet
    mkfifo "$BATS_TEST_TMPDIR/keys"
    script -qefc "crm admin user disable asked" "$BATS_TEST_TMPDIR/screen" <"$BATS_TEST_TMPDIR/keys" >/dev/null 2>&1 3>&- 4>&- &
    exec {keys}>"$BATS_TEST_TMPDIR/keys"
    wait_for grep -q 'Who takes them over' "$BATS_TEST_TMPDIR/screen"
    grep -q '1 customer' "$BATS_TEST_TMPDIR/screen"
    echo heir >&"$keys"
    wait $!
    exec {keys}>&-
    [ "$(crm show customer Waiting --json | jq -r .owner.name)" = Heir ]
    [ "$(crm show user asked --json | jq .active)" = false ]
}

@test "the last administrator stays" {
    fails 6 crm admin user disable admin
    contains 'last active user who may manage users'
    fails 6 crm admin role set administrator --no-right manage-users
}

@test "who is disabled is out at once" {
    url=$(crm admin user add quick --role administrator --json | jq -r .invitation.url)
    CRM_HOME=$BATS_TEST_TMPDIR/quick crm login "$url" --quiet
    CRM_HOME=$BATS_TEST_TMPDIR/quick crm list customers
    crm admin user disable quick
    CRM_HOME=$BATS_TEST_TMPDIR/quick fails 5 crm list customers
}

@test "a lost password: a new invitation, or a temporary one" {
    url=$(crm admin user add lost --role representative --json | jq -r .invitation.url)
    CRM_HOME=$BATS_TEST_TMPDIR/lost crm login "$url" --quiet
    url=$(crm admin user reset-password lost --json | jq -r .url)
    CRM_NEW_PASSWORD=other-battery-8 CRM_HOME=$BATS_TEST_TMPDIR/lost crm login "$url" --quiet
    CRM_NEW_PASSWORD=until-monday-77 crm admin user reset-password lost --temporary --quiet
    CRM_HOME=$BATS_TEST_TMPDIR/lost fails 5 crm list customers
    CRM_PASSWORD=until-monday-77 CRM_HOME=$BATS_TEST_TMPDIR/lost crm login "localhost:$SERVER_PORT" \
        --ca "$SERVER_DIR/ca.crt" --user lost --quiet
    CRM_HOME=$BATS_TEST_TMPDIR/lost fails 5 crm list customers
    contains 'choose a new password first'
    CRM_PASSWORD=until-monday-77 CRM_NEW_PASSWORD=since-monday-78 CRM_HOME=$BATS_TEST_TMPDIR/lost crm passwd
    CRM_HOME=$BATS_TEST_TMPDIR/lost crm list customers
}

@test "teams are a tree" {
    crm admin team add Harbour parent=North head=ben --quiet
    crm admin team add name=Depot parent=Harbour --quiet
    crm admin user set ben --team Depot --quiet
    run crm admin team tree
    contains '└─ North'
    contains '   └─ Harbour'
    [ "$(crm admin team tree --json | jq -r '.[] | select(.name == "Company") | .teams[] | select(.name == "North")
        | .teams[] | select(.name == "Harbour") | "\(.users) \(.users_with_below) \(.head.name) \(.teams[0].name)"')" = \
        '0 1 Ben Depot' ]
    fails 6 crm admin team set North parent=Depot
    fails 4 crm admin team rm Harbour
    crm admin user set ben --team North --quiet
    crm admin team rm Depot
    [ "$(crm admin team list 'name = Depot' --json)" = '[]' ]
}

@test "a role is shown as what it gives" {
    run crm admin role show representative
    contains 'Kind           Read  Change'
    contains 'Rights: delete, restore, share, report'
    contains 'Second factor: no'
    run crm admin role show representative --json
    [ "$(jq -r '.scopes[] | select(.kind == "product") | "\(.read) \(.write)"' <<<"$output")" = 'all none' ]
    jq -e '.active_users > 0 and (.rights | index("share"))' <<<"$output"
}

@test "options change a role, and what they change is told" {
    crm admin role copy representative clerk --quiet
    run crm admin role set clerk --scope contact:read=team,write=own --hide deal.amount --read-only customer.level \
        --right export --no-right delete --second-factor on --enrolled-device off
    contains 'contact: read own → team'
    contains 'deal: hidden - → amount'
    contains 'customer: read-only - → level'
    contains 'rights: +export'
    contains 'rights: -delete'
    contains 'second factor: on'
    run crm admin role show clerk --json
    [ "$(jq -r '.scopes[] | select(.kind == "contact") | "\(.read) \(.write)"' <<<"$output")" = 'team own' ]
    # A kind without a row of its own begins as the one for all.
    [ "$(jq -r '.scopes[] | select(.kind == "deal") | "\(.read) \(.write) \(.hidden[0])"' <<<"$output")" = 'own own amount' ]
    [ "$(jq -r '.rights | sort | join(" ")' <<<"$output")" = 'export report restore share' ]
    run crm admin role set clerk --right export
    contains 'Nothing to change'
    run crm admin role set clerk --open deal.amount --second-factor off --dry-run
    contains 'deal: hidden amount → -'
    [ "$(crm admin role show clerk --json | jq .second_factor)" = true ]
    # What was shipped has stayed as it was.
    [ "$(crm admin role show representative --json | jq '.scopes | length')" = 6 ]
}

@test "all rights can be taken, and a role that nobody has can go" {
    crm admin role add empty --right report --quiet
    crm admin role set empty --no-right report --quiet
    [ "$(crm admin role show empty --json | jq -c .rights)" = '[]' ]
    crm admin role set empty --name void --quiet
    crm admin user add void1 --role void --no-invitation --quiet
    fails 4 crm admin role rm void
    crm admin user set void1 --role assistant --quiet
    crm admin role rm void
    fails 3 crm admin role show void
}

@test "what names nothing is refused with what there is" {
    fails 2 crm admin role set clerk --scope contct:own
    contains "did you mean 'contacts'"
    fails 2 crm admin role set clerk --scope contact:owne
    contains 'none, own, team, branch, all'
    fails 2 crm admin role set clerk --scope contact
    fails 2 crm admin role set clerk --right exprt
    contains 'export, bulk_change'
    fails 2 crm admin role set clerk --second-factor maybe
    fails 2 crm admin role set clerk --hide amount
    fails 6 crm admin role set clerk --hide deal.amout
    fails 6 crm admin role set clerk --hide deal.owner
}

@test "a role changed meanwhile is not written over" {
    rev=$(crm admin role show clerk --json | jq .rev)
    crm admin role set clerk --right merge --quiet
    fails 4 crm admin role set clerk --right share --hide deal.name --rev "$rev"
}

@test "a changed role holds in an open session" {
    url=$(crm admin user add eve --role assistant --team North --json | jq -r .invitation.url)
    CRM_HOME=$BATS_TEST_TMPDIR/eve crm login "$url" --quiet
    crm add deal name=Secret amount='5k USD' pipeline=Sales team=North --quiet
    CRM_HOME=$BATS_TEST_TMPDIR/eve crm show deal Secret --json | jq -e '.amount.amount == "5000.00"'
    crm admin role set assistant --hide deal.amount --quiet
    CRM_HOME=$BATS_TEST_TMPDIR/eve crm show deal Secret --json | jq -e '.amount == null'
    crm admin role set assistant --scope deal:none --quiet
    CRM_HOME=$BATS_TEST_TMPDIR/eve fails 3 crm show deal Secret
}

@test "who may not manage users changes none of it" {
    url=$(crm admin user add mallory --role representative --team North --json | jq -r .invitation.url)
    CRM_HOME=$BATS_TEST_TMPDIR/mallory crm login "$url" --quiet
    for words in 'user add sneak' 'user set anna --name Other' 'user set mallory --team Company' 'team add Own' 'user disable anna' \
        'user reset-password admin' 'invite admin'; do
        # shellcheck disable=SC2086
        CRM_HOME=$BATS_TEST_TMPDIR/mallory fails 9 crm admin $words || {
            echo "$words"
            return 1
        }
    done
    # Roles are not even there for a representative.
    CRM_HOME=$BATS_TEST_TMPDIR/mallory fails 3 crm admin role set assistant --right export
}

@test "sessions of others are listed and ended" {
    url=$(crm admin user add roamer --role assistant --json | jq -r .invitation.url)
    CRM_HOME=$BATS_TEST_TMPDIR/roamer crm login "$url" --quiet
    crm admin session list --json | jq -e '[.[].user] | index("roamer") and index("admin")'
    [ "$(crm admin session list --user roamer --json | jq length)" = 1 ]
    crm admin session kill --user roamer
    CRM_HOME=$BATS_TEST_TMPDIR/roamer fails 5 crm list customers
    [ "$(crm admin session list --user roamer --json | jq length)" = 0 ]
}

@test "groups of commands say what they have" {
    fails 2 crm admin
    contains 'crm admin is followed by one of: user, team, role'
    fails 2 crm admin usr
    contains "did you mean 'user'"
    fails 2 crm admin user lst
    contains "did you mean 'list'"
    run crm admin user --help
    contains 'reset-password'
    run crm help admin user add
    contains '--invitations FILE'
    run crm help admin role --man
    contains '.Ss crm admin role set ROLE'
}
