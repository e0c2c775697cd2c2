/*
 * test_erase.c - an erased person is in no place any more: a value is planted in every way in which the server stores one, and looked for in the bytes
 * of the file that is written anew
 */
#include "tests/unit/late_fixture.h"

#include <sys/stat.h>

#include "server/admin/check.h"
#include "server/engine/erase.h"
#include "server/engine/rollup.h"
#include "common/base/sealed.h"

/* Folding, cutting and delta coding leave these letters in one piece. */
#define MARKER "qzrosalindqz"

/* A person with everything that can hang on one. */
struct world {
    struct server *s;
    struct uuid customer, contact, binned, live, other;
};

/* --- running */

struct erasure {
    enum kind kind;
    const struct uuid *id;
    bool with_children;
    struct erase_result result;
    struct failure failure;
};

struct look {
    struct erasure *erasure;
    struct erase_found found;
    struct server *server;
};

static enum crm_status look(struct store_txn *txn, void *arg)
{
    struct look *look = arg;
    struct view view = { .txn = txn, .schema = look->server->core.schema };

    return erase_look(&view, look->erasure->kind, look->erasure->id, &look->server->arena, &look->found);
}

static enum crm_status do_erase(struct server *s, struct change_group *group, void *arg)
{
    struct look *looked = arg;
    struct erasure *erasure = looked->erasure;
    struct change change;
    enum crm_status status = change_begin(&change, group, &s->actor);

    if (status == CRM_OK)
        status = erase_record(&change, erasure->kind, erasure->id, erasure->with_children, &looked->found, &erasure->result);
    erasure->failure = change.failure;
    return status == CRM_OK ? change_accept(&change) : status;
}

/* between: what happens after the worker has looked and before the writer erases; or NULL. */
static enum crm_status erase_with(struct server *s, struct erasure *erasure, void (*between)(struct server *s, void *arg), void *arg)
{
    struct look looked = { .erasure = erasure, .server = s };
    struct server_turn turn = { .work = do_erase, .arg = &looked };
    enum crm_status status = store_read_run(s->store, look, &looked);

    if (status == CRM_OK && between)
        between(s, arg);
    return status == CRM_OK ? server_turn(s, &turn) : status;
}

static void erase(struct server *s, enum kind kind, const struct uuid *id, bool with_children)
{
    struct erasure erasure = { .kind = kind, .id = id, .with_children = with_children };
    enum crm_status status = erase_with(s, &erasure, NULL, NULL);

    if (status != CRM_OK)
        print_error("%s\n", erasure.failure.text);
    assert_int_equal(status, CRM_OK);
}

/* --- looking at what is left */

static void assert_whole(struct server *s)
{
    struct check_result result;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    enum crm_status status = check_store(s->store, out, &result, NULL);

    fclose(out);
    if (status != CRM_OK)
        print_error("%s", text);
    free(text);
    assert_int_equal(status, CRM_OK);
}

struct rows {
    const char *marker;
    unsigned found[STORE_DB_COUNT];
    enum store_db db;
};

static bool look_for(void *arg, struct slice key, struct slice value)
{
    struct rows *rows = arg;
    size_t size = strlen(rows->marker);

    rows->found[rows->db] += memmem(key.data, key.size, rows->marker, size) || (value.size && memmem(value.data, value.size, rows->marker, size));
    return true;
}

static enum crm_status look_everywhere(struct store_txn *txn, void *arg)
{
    struct rows *rows = arg;
    enum crm_status status = CRM_OK;

    for (int db = 0; db < STORE_DB_COUNT && status == CRM_OK; db++) {
        rows->db = (enum store_db)db;
        status = store_scan(txn, rows->db, &(struct store_range){ 0 }, look_for, rows);
    }
    return status;
}

static struct rows find_rows(struct server *s)
{
    struct rows rows = { .marker = MARKER };

    assert_int_equal(store_read_run(s->store, look_everywhere, &rows), CRM_OK);
    return rows;
}

static void assert_no_row(struct server *s)
{
    struct rows rows = find_rows(s);

    for (int db = 0; db < STORE_DB_COUNT; db++)
        if (rows.found[db]) {
            print_error("%u rows of %s still hold the value\n", rows.found[db], store_db_name((enum store_db)db));
            fail();
        }
}

/* Is the marker among the bytes of a file? */
static bool file_has(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat st;
    char *bytes;
    bool has;

    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &st), 0);
    bytes = malloc((size_t)st.st_size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)st.st_size, file), st.st_size);
    fclose(file);
    has = memmem(bytes, (size_t)st.st_size, MARKER, strlen(MARKER));
    free(bytes);
    return has;
}

/* The same of the file that is written anew. */
static bool new_file_has(struct server *s)
{
    char directory[] = "/tmp/crm-test-erase-XXXXXX", path[128];
    struct failure failure = { 0 };
    bool has;

    assert_non_null(mkdtemp(directory));
    assert_int_equal(store_rewrite(s->store, directory, &failure), CRM_OK);
    snprintf(path, sizeof path, "%s/data.mdb", directory);
    has = file_has(path);
    unlink(path);
    rmdir(directory);
    return has;
}

/* --- planting */

static enum crm_status plant_answer(struct server *s, struct change_group *group, void *arg)
{
    struct outcome_key key = { .client = { 1 }, .number = 1 };
    Crm__MutateReply reply = CRM__MUTATE_REPLY__INIT;
    Crm__MutateResult result = CRM__MUTATE_RESULT__INIT, *results[] = { &result };
    Crm__Error error = CRM__ERROR__INIT;
    struct slice packed;

    (void)arg;
    error.text = (char *)"there is no stage " MARKER;
    error.has_status = true;
    error.status = CRM_INVALID;
    result.error = &error;
    reply.results = results;
    reply.n_results = 1;
    if (codec_pack(&reply.base, group->arena, &packed) != CRM_OK)
        return CRM_NO_MEMORY;
    return outcome_keep(group, &key, &s->user, packed);
}

static void put_sealed(struct change_group *group, enum store_db db, const struct key *key, const void *bytes, size_t size)
{
    uint8_t *content, *value = sealed_alloc(group->arena, size, &content);

    assert_non_null(value);
    memcpy(content, bytes, size);
    assert_int_equal(writeset_put(group->set, db, key_slice(key), sealed_close(value, size)), CRM_OK);
}

/* As op_upload leaves it: a row, then chunks; the id of the record lies across two of them. */
static void put_upload(struct change_group *group, uint8_t n, bool complete, const char *text, const struct uuid *names)
{
    uint8_t row[40] = { 0 }, bytes[64] = { 0 };
    struct key key = { 0 };

    key_u8(&key, 'u');
    for (int i = 0; i < UUID_SIZE; i++)
        key_u8(&key, n);
    row[32] = complete;
    put_sealed(group, STORE_JOB, &key, row, sizeof row);
    if (names)
        memcpy(bytes + sizeof bytes - 7, names->bytes, 7);
    key_u64(&key, 0);
    put_sealed(group, STORE_JOB, &key, bytes, sizeof bytes);
    key.size -= 8;
    key_u64(&key, 64);
    memset(bytes, 0, sizeof bytes);
    if (names)
        memcpy(bytes, names->bytes + 7, 9);
    memcpy(bytes + 9, text, strlen(text));
    put_sealed(group, STORE_JOB, &key, bytes, sizeof bytes);
}

static enum crm_status plant_uploads(struct server *s, struct change_group *group, void *arg)
{
    const struct world *w = arg;

    (void)s;
    put_upload(group, 1, true, MARKER, NULL);
    put_upload(group, 2, false, MARKER, &w->contact);
    put_upload(group, 3, false, "somebody else's", NULL); /* stays */
    return CRM_OK;
}

/* Rows of what is still to be built, by their ids as DESIGN 5 has them. */
static enum crm_status plant_rows_with_ids(struct server *s, struct change_group *group, void *arg)
{
    const struct world *w = arg;
    const enum store_db places[] = { STORE_ALIAS, STORE_CONFLICT, STORE_DUE };

    (void)s;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct key key = { 0 };

        key_i64(&key, 0);
        key_u8(&key, 99);
        key_bytes(&key, w->contact.bytes, UUID_SIZE);
        put_sealed(group, places[i], &key, MARKER, strlen(MARKER));
    }
    return CRM_OK;
}

static enum crm_status plant_entry(struct server *s, struct change_group *group, void *arg)
{
    const struct world *w = arg;
    struct audit_entry entry = {
        .act = CRM__AUDIT_ACT__AUDIT_ACT_ACCESS, .user = s->user, .kind = KIND_CONTACT, .record = w->contact, .text = slice_text(MARKER),
    };

    return audit_append(group, &entry);
}

static void plant(struct server *s, enum crm_status (*work)(struct server *, struct change_group *, void *), void *arg)
{
    struct server_turn turn = { .work = work, .arg = arg };

    assert_int_equal(server_turn(s, &turn), CRM_OK);
}

/* A contact with its past, what hangs on it, and what the server keeps of it elsewhere. */
static void plant_world(struct world *w, struct server *s)
{
    struct record base;

    *w = (struct world){ .s = s };
    server_create(s, KIND_CUSTOMER, &w->customer, "name=Acme");
    server_create(s, KIND_CONTACT, &w->contact, "name=" MARKER " Franklin", "emails=" MARKER "@example.com", server_ref(s, "customer", &w->customer));
    server_change(s, KIND_CONTACT, &w->contact, "title=" MARKER " of science"); /* then only the log has it */
    base = server_record(s, KIND_CONTACT, &w->contact);
    server_change(s, KIND_CONTACT, &w->contact, "title=Head");
    server_must(s, seen(s, server_patch(s, KIND_CONTACT, &w->contact, "title=" MARKER " of arts", NULL), &base)); /* kept as a conflict */
    server_create(s, KIND_ACTIVITY, &w->live, "kind=call", "subject=with " MARKER, server_ref(s, "contact", &w->contact),
                  server_ref(s, "customer", &w->customer));
    server_create(s, KIND_ACTIVITY, &w->binned, "kind=note", "subject=about " MARKER, server_ref(s, "contact", &w->contact),
                  server_ref(s, "customer", &w->customer));
    server_delete(s, KIND_ACTIVITY, &w->binned);
    server_create(s, KIND_CONTACT, &w->other, "name=Watson", server_ref(s, "customer", &w->customer));
    plant(s, plant_answer, w);
    plant(s, plant_uploads, w);
    plant(s, plant_rows_with_ids, w);
    plant(s, plant_entry, w);
}

/* --- tests */

static void every_database_is_a_place(void **state)
{
    bool seen[STORE_DB_COUNT] = { false };
    enum store_db db;
    size_t n = 0;

    (void)state;
    for (; erase_place(n, &db); n++) {
        assert_false(seen[db]);
        seen[db] = true;
    }
    assert_int_equal(n, STORE_DB_COUNT);
}

static void a_person_is_in_no_place_any_more(void **state)
{
    /* Where the value is before: a place that no test plants proves nothing. */
    static const enum store_db planted[] = { STORE_RECORD, STORE_LOG,   STORE_DELETED, STORE_TERM, STORE_CLIENT, STORE_INDEX,
                                             STORE_JOB,    STORE_ALIAS, STORE_CONFLICT, STORE_DUE, STORE_AUDIT };
    struct server *s = *state;
    struct world w;
    struct rows rows;
    char path[128];

    plant_world(&w, s);
    rows = find_rows(s);
    for (size_t i = 0; i < ARRAY_LEN(planted); i++) {
        if (!rows.found[planted[i]])
            print_error("nothing was planted in %s\n", store_db_name(planted[i]));
        assert_true(rows.found[planted[i]] > 0);
    }
    assert_true(new_file_has(s));
    erase(s, KIND_CONTACT, &w.contact, true);
    assert_no_row(s);
    assert_false(new_file_has(s));
    snprintf(path, sizeof path, "%s/data.mdb", s->dir);
    assert_true(file_has(path)); /* what the compaction is for */
    assert_false(server_exists(s, KIND_CONTACT, &w.contact));
    assert_false(server_exists(s, KIND_ACTIVITY, &w.live));
    assert_true(server_exists(s, KIND_CONTACT, &w.other));
    assert_true(server_exists(s, KIND_CUSTOMER, &w.customer));
}

/* The check plants nothing by hand, since it knows no such rows. */
static void both_chains_still_verify(void **state)
{
    struct server *s = *state;
    struct uuid contact, activity;

    server_create(s, KIND_CONTACT, &contact, "name=" MARKER);
    server_create(s, KIND_ACTIVITY, &activity, "kind=call", "subject=" MARKER, server_ref(s, "contact", &contact));
    server_delete(s, KIND_ACTIVITY, &activity);
    server_change(s, KIND_CONTACT, &contact, "name=Franklin");
    server_delete(s, KIND_CONTACT, &contact);
    server_restore(s, KIND_CONTACT, &contact);
    assert_whole(s);
    erase(s, KIND_CONTACT, &contact, true);
    assert_whole(s);
    assert_no_row(s);
    server_create(s, KIND_CONTACT, &contact, "name=Another");
    assert_whole(s);
}

static void what_hangs_on_it_is_listed(void **state)
{
    struct server *s = *state;
    struct world w;
    struct erasure erasure = { .kind = KIND_CONTACT, .id = &w.contact };
    bool live = false, binned = false;

    plant_world(&w, s);
    assert_int_equal(erase_with(s, &erasure, NULL, NULL), CRM_OK);
    assert_int_equal(erasure.result.records, 1);
    for (const struct erase_item *item = erasure.result.left; item; item = item->next) {
        live |= uuid_equal(&item->id, &w.live);
        binned |= uuid_equal(&item->id, &w.binned);
        assert_int_equal(item->kind, KIND_ACTIVITY);
    }
    assert_true(live && binned);
    assert_true(server_exists(s, KIND_ACTIVITY, &w.live));
    assert_field(s, KIND_ACTIVITY, &w.live, "contact", ""); /* it points nowhere any more */
}

/* Deleted after the worker has looked through the bin. */
static void delete_live(struct server *s, void *arg)
{
    struct world *w = arg;

    server_delete(s, KIND_ACTIVITY, &w->live);
}

static void what_is_deleted_meanwhile_goes_too(void **state)
{
    struct server *s = *state;
    struct world w;
    struct erasure erasure = { .kind = KIND_CONTACT, .id = &w.contact, .with_children = true };

    plant_world(&w, s);
    assert_int_equal(erase_with(s, &erasure, delete_live, &w), CRM_OK);
    assert_int_equal(erasure.result.records, 3);
    assert_no_row(s);
}

/* One that lies in the bin with what went along with it. */
static void a_deleted_person_goes_with_companions(void **state)
{
    struct server *s = *state;
    struct uuid customer, contact;
    struct record record;

    server_create(s, KIND_CUSTOMER, &customer, "name=" MARKER " Ltd");
    server_create(s, KIND_CONTACT, &contact, "name=" MARKER, server_ref(s, "customer", &customer));
    server_delete(s, KIND_CUSTOMER, &customer);
    assert_int_equal(server_load(s, KIND_CONTACT, &contact, true, &record), CRM_OK);
    erase(s, KIND_CUSTOMER, &customer, true);
    assert_int_equal(server_load(s, KIND_CONTACT, &contact, true, &record), CRM_NOT_FOUND);
    assert_no_row(s);
    assert_whole(s);
}

/* A companion by itself: its mark beside the other one goes as well. */
static void a_companion_goes_alone(void **state)
{
    struct server *s = *state;
    struct uuid customer, contact;

    server_create(s, KIND_CUSTOMER, &customer, "name=Acme");
    server_create(s, KIND_CONTACT, &contact, "name=" MARKER, server_ref(s, "customer", &customer));
    server_delete(s, KIND_CUSTOMER, &customer);
    erase(s, KIND_CONTACT, &contact, false);
    assert_no_row(s);
    assert_whole(s);
    server_restore(s, KIND_CUSTOMER, &customer);
    assert_whole(s);
}

static void what_must_not_lose_it_forbids(void **state)
{
    struct server *s = *state;
    struct erasure erasure = { .kind = KIND_CUSTOMER, .with_children = true };
    struct uuid customer, deal;
    uint64_t seq;

    server_create(s, KIND_CUSTOMER, &customer, "name=" MARKER);
    server_create(s, KIND_DEAL, &deal, "name=Deal", server_ref(s, "customer", &customer));
    erasure.id = &customer;
    seq = s->seq;
    assert_int_equal(erase_with(s, &erasure, NULL, NULL), CRM_IN_USE);
    assert_true(erasure.failure.text[0] != '\0');
    assert_int_equal(s->seq, seq);
    assert_true(server_exists(s, KIND_CUSTOMER, &customer));
    assert_whole(s);
    erase(s, KIND_DEAL, &deal, false);
    erase(s, KIND_CUSTOMER, &customer, false);
    assert_no_row(s);
    assert_whole(s);
}

static enum crm_status count_cells(struct store_txn *txn, void *arg)
{
    struct store_db_stats stats;
    enum crm_status status = store_stats(txn, STORE_ROLLUP, &stats);

    *(uint64_t *)arg = stats.entries;
    return status;
}

/* What it has added to the totals of past days, in several stages. */
static void a_deal_goes_out_of_the_totals(void **state)
{
    struct server *s = *state;
    struct uuid customer, deal;
    uint64_t cells;

    server_create(s, KIND_CUSTOMER, &customer, "name=Acme");
    server_create(s, KIND_DEAL, &deal, "name=" MARKER, "amount=1000 USD", server_ref(s, "customer", &customer));
    server_pass_days(3);
    server_must(s, server_move(s, &deal, "move", "Engaging"));
    server_pass_days(40);
    server_change(s, KIND_DEAL, &deal, "amount=2500 USD");
    server_delete(s, KIND_DEAL, &deal);
    server_restore(s, KIND_DEAL, &deal);
    assert_int_equal(store_read_run(s->store, count_cells, &cells), CRM_OK);
    assert_true(cells > 0);
    erase(s, KIND_DEAL, &deal, false);
    assert_int_equal(store_read_run(s->store, count_cells, &cells), CRM_OK);
    assert_int_equal(cells, 0);
    assert_no_row(s);
    assert_whole(s);
}

static enum crm_status count_shares(struct store_txn *txn, void *arg)
{
    struct store_db_stats grants, due;
    enum crm_status status = store_stats(txn, STORE_GRANT, &grants);

    if (status == CRM_OK)
        status = store_stats(txn, STORE_DUE, &due);
    *(uint64_t *)arg = grants.entries + due.entries;
    return status;
}

/* With all the rows that a share has: by record, by whom it is for, by the time at which it ends. */
static void shares_go(void **state)
{
    struct server *s = *state;
    Crm__ShareArgument argument = CRM__SHARE_ARGUMENT__INIT;
    struct uuid contact;
    uint64_t rows;

    server_create(s, KIND_CONTACT, &contact, "name=" MARKER);
    argument.has_principal = argument.has_until = true;
    argument.principal = server_id(s, &s->team);
    argument.until = server_now_us + US_PER_DAY;
    server_must(s, server_action(s, KIND_CONTACT, &contact, "share", &argument.base));
    assert_int_equal(store_read_run(s->store, count_shares, &rows), CRM_OK);
    assert_int_equal(rows, 2);
    assert_whole(s);
    erase(s, KIND_CONTACT, &contact, false);
    assert_int_equal(store_read_run(s->store, count_shares, &rows), CRM_OK);
    assert_int_equal(rows, 0);
    assert_whole(s);
}

static enum crm_status plant_login(struct server *s, struct change_group *group, void *arg)
{
    struct session session = { .user = *(const struct uuid *)arg };
    struct audit_entry entry = {
        .act = CRM__AUDIT_ACT__AUDIT_ACT_LOGIN, .user = session.user, .login = slice_text(MARKER), .from = slice_text(MARKER), .text = slice_text("x"),
    };
    struct key key = { 0 };
    enum crm_status status = credential_store(group, &session.user, "$argon2id$" MARKER);

    (void)s;
    key_bytes(&key, MARKER, strlen(MARKER)); /* a session, whatever its row looks like: it names the user */
    put_sealed(group, STORE_SESSION, &key, session.user.bytes, UUID_SIZE);
    return status == CRM_OK ? audit_append(group, &entry) : status;
}

static void a_user_goes_with_every_way_in(void **state)
{
    struct server *s = *state;
    struct uuid role = server_find(s, KIND_ROLE, "name", "administrator"), user;

    server_create(s, KIND_USER, &user, "login=" MARKER, "name=" MARKER, server_ref(s, "team", &s->team), server_ref(s, "role", &role));
    plant(s, plant_login, &user);
    assert_true(find_rows(s).found[STORE_UNIQUE] && find_rows(s).found[STORE_CREDENTIAL] && find_rows(s).found[STORE_SESSION]);
    erase(s, KIND_USER, &user, false);
    assert_no_row(s);
    assert_false(new_file_has(s));
    assert_whole(s);
}

static void settings_are_no_person(void **state)
{
    struct server *s = *state;
    struct erasure erasure = { .kind = KIND_PIPELINE, .id = &s->pipeline };

    assert_int_equal(erase_with(s, &erasure, NULL, NULL), CRM_INVALID);
    assert_true(server_exists(s, KIND_PIPELINE, &s->pipeline));
}

struct forget {
    struct server *s;
    struct log_entry entry;
};

static enum crm_status read_last(struct store_txn *txn, void *arg)
{
    struct forget *forget = arg;
    struct view view = { .txn = txn, .schema = forget->s->core.schema };

    return log_read(&view, forget->s->seq, &forget->s->arena, &forget->entry);
}

/* Whoever has a copy is told to forget it, and the file is to be written anew. */
static void it_is_told_and_asks_for_a_compaction(void **state)
{
    struct server *s = *state;
    struct uuid contact;
    const struct change_event *last;
    struct rows rows = { .marker = ERASE_COMPACT };
    struct forget forget = { .s = s };

    server_create(s, KIND_CONTACT, &contact, "name=x");
    erase(s, KIND_CONTACT, &contact, false);
    for (last = s->events; last->next; last = last->next)
        ;
    assert_int_equal(last->verb, LOG_ERASE);
    assert_true(uuid_equal(&last->id, &contact));
    assert_int_equal(last->seq, s->seq);
    assert_int_equal(store_read_run(s->store, read_last, &forget), CRM_OK);
    assert_int_equal(forget.entry.verb, LOG_ERASE);
    assert_true(forget.entry.flags & LOG_VIEW);
    assert_true(uuid_equal(&forget.entry.old_owner, &s->user) && uuid_equal(&forget.entry.old_root, &contact));
    assert_int_equal(store_read_run(s->store, look_everywhere, &rows), CRM_OK);
    assert_int_equal(rows.found[STORE_META], 1);
}

static int setup_lmdb(void **state)
{
    struct server *server = calloc(1, sizeof *server);

    if (!server)
        return -1;
    server_begin(server, SERVER_LMDB, 1);
    *state = server;
    return 0;
}

#define lmdb_test(function) cmocka_unit_test_setup_teardown(function, setup_lmdb, server_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_database_is_a_place),
        lmdb_test(a_person_is_in_no_place_any_more),
        server_test(both_chains_still_verify),
        server_test(what_hangs_on_it_is_listed),
        server_test(what_is_deleted_meanwhile_goes_too),
        server_test(a_deleted_person_goes_with_companions),
        server_test(a_companion_goes_alone),
        server_test(what_must_not_lose_it_forbids),
        server_test(a_deal_goes_out_of_the_totals),
        server_test(shares_go),
        lmdb_test(a_user_goes_with_every_way_in),
        server_test(settings_are_no_person),
        server_test(it_is_told_and_asks_for_a_compaction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
