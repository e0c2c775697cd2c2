/*
 * test_audit.c - the audit trail: chained, shortened, erased, and told what changes permissions; refusals are summed in bounded memory
 */
#include "tests/unit/server_fixture.h"

#include "server/admin/check.h"
#include "server/dispatch/writer.h"
#include "server/ops/op.h"

/* One group with work, committed as the writer does. */
static enum crm_status in_group(struct server *s, enum crm_status (*work)(struct server *, struct change_group *, void *), void *arg)
{
    struct server_turn turn = { .work = work, .arg = arg };

    return server_turn(s, &turn);
}

static enum crm_status append_entry(struct server *s, struct change_group *group, void *arg)
{
    (void)s;
    return audit_append(group, arg);
}

static struct audit_entry append(struct server *s, Crm__AuditAct act, const char *text)
{
    struct audit_entry entry = { .act = act, .user = s->user, .from = slice_text("10.0.0.1 test"), .text = slice_text(text) };

    assert_int_equal(in_group(s, append_entry, &entry), CRM_OK);
    return entry;
}

/* --- reading */

struct reading {
    struct server *server;
    uint64_t before;
    struct audit_entry entry;
    struct audit_head head, floor;
};

static struct slice keep(struct server *s, struct slice text)
{
    return slice_of(arena_memdup(&s->arena, text.size ? (const void *)text.data : "", text.size + !text.size), text.size);
}

static enum crm_status read_entry(struct store_txn *txn, void *arg)
{
    struct reading *reading = arg;
    struct view view = { .txn = txn, .schema = reading->server->core.schema };
    enum crm_status status = audit_before(&view, reading->before, &reading->entry);

    if (status == CRM_OK) {
        reading->entry.login = keep(reading->server, reading->entry.login);
        reading->entry.from = keep(reading->server, reading->entry.from);
        reading->entry.text = keep(reading->server, reading->entry.text);
    }
    return status;
}

static enum crm_status read_before(struct server *s, uint64_t number, struct audit_entry *out_entry)
{
    struct reading reading = { .server = s, .before = number };
    enum crm_status status = store_read_run(s->store, read_entry, &reading);

    *out_entry = reading.entry;
    return status;
}

static enum crm_status read_ends(struct store_txn *txn, void *arg)
{
    struct reading *reading = arg;
    struct view view = { .txn = txn };
    enum crm_status status = audit_head_load(&view, &reading->head);

    return status == CRM_OK ? audit_floor_load(&view, &reading->floor) : status;
}

static struct audit_head head_of(struct server *s)
{
    struct reading reading = { .server = s };

    assert_int_equal(store_read_run(s->store, read_ends, &reading), CRM_OK);
    return reading.head;
}

/* What the check says of the store; free it. */
static char *check_text(struct server *s, const struct check_kept *kept, enum crm_status expected)
{
    const struct check_kept none = { .audit = { 0 } };
    struct check_result result;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    enum crm_status status;

    assert_non_null(out);
    status = check_store_against(s->store, kept ? kept : &none, out, &result, NULL);
    fclose(out);
    if (status != expected)
        print_error("%s", text);
    assert_int_equal(status, expected);
    return text;
}

static void assert_whole(struct server *s)
{
    free(check_text(s, NULL, CRM_OK));
}

static void assert_says(struct server *s, const struct check_kept *kept, const char *expected)
{
    char *text = check_text(s, kept, CRM_CORRUPT);

    if (!strstr(text, expected))
        print_error("expected \"%s\" in:\n%s", expected, text);
    assert_non_null(strstr(text, expected));
    free(text);
}

/* --- the chain */

static void entries_are_numbered_and_read_back(void **state)
{
    struct server *s = *state;
    struct audit_entry entry, first = append(s, CRM__AUDIT_ACT__AUDIT_ACT_LOGIN, "one");

    append(s, CRM__AUDIT_ACT__AUDIT_ACT_EXPORT, "two");
    assert_int_equal(first.number, 1);
    assert_int_equal(read_before(s, UINT64_MAX, &entry), CRM_OK);
    assert_int_equal(entry.number, 2);
    assert_int_equal(entry.act, CRM__AUDIT_ACT__AUDIT_ACT_EXPORT);
    assert_true(slice_equal(entry.text, slice_text("two")));
    assert_true(slice_equal(entry.from, slice_text("10.0.0.1 test")));
    assert_int_equal(entry.at_us, server_now_us);
    assert_int_equal(entry.times, 1);
    assert_int_equal(read_before(s, 2, &entry), CRM_OK);
    assert_int_equal(entry.number, 1);
    assert_memory_equal(entry.hash, first.hash, sizeof entry.hash);
    assert_int_equal(read_before(s, 1, &entry), CRM_NOT_FOUND);
    assert_whole(s);
}

/* A text is cut between two characters, not in one. */
static void long_texts_are_cut(void **state)
{
    struct server *s = *state;
    char text[AUDIT_TEXT_MAX + 3];
    struct audit_entry entry;

    memset(text, 'x', AUDIT_TEXT_MAX - 1);
    strcpy(text + AUDIT_TEXT_MAX - 1, "é");
    append(s, CRM__AUDIT_ACT__AUDIT_ACT_LOGIN, text);
    assert_int_equal(read_before(s, UINT64_MAX, &entry), CRM_OK);
    assert_int_equal(entry.text.size, AUDIT_TEXT_MAX - 1);
    assert_whole(s);
}

struct damage {
    uint64_t number;
    bool deletes, seals_again;
    size_t offset; /* of the byte that is changed, in the content */
};

static enum crm_status do_damage(struct store_txn *txn, void *arg)
{
    const struct damage *damage = arg;
    uint8_t copy[2048];
    struct slice value;
    struct key key = { 0 };
    uint32_t crc;

    key_u64(&key, damage->number);
    if (damage->deletes)
        return store_delete(txn, STORE_AUDIT, key_slice(&key));
    if (store_get(txn, STORE_AUDIT, key_slice(&key), &value) != CRM_OK || value.size > sizeof copy)
        return CRM_FAILED;
    memcpy(copy, value.data, value.size);
    copy[8 + damage->offset] ^= 1;
    crc = crc32c(0, copy + 8, value.size - 8);
    if (damage->seals_again)
        memcpy(copy + 4, &crc, sizeof crc);
    return store_put(txn, STORE_AUDIT, key_slice(&key), slice_of(copy, value.size));
}

/* Every byte of an entry counts, also for somebody who can make a checksum. */
static void every_changed_byte_is_found(void **state)
{
    struct server *s = *state;

    for (int i = 0; i < 3; i++)
        append(s, CRM__AUDIT_ACT__AUDIT_ACT_PERMISSION, "U-1 changed: role");
    for (size_t offset = 0; offset < 120 + strlen("10.0.0.1 testU-1 changed: role"); offset++) {
        struct damage damage = { .number = 2, .offset = offset };

        assert_int_equal(store_write_run(s->store, do_damage, &damage), CRM_OK);
        assert_says(s, NULL, "audit: entry 2 is damaged");
        assert_int_equal(store_write_run(s->store, do_damage, &damage), CRM_OK);
        damage.seals_again = true;
        assert_int_equal(store_write_run(s->store, do_damage, &damage), CRM_OK);
        assert_says(s, NULL, "audit: entry 2 ");
        assert_int_equal(store_write_run(s->store, do_damage, &damage), CRM_OK);
    }
    assert_whole(s);
}

static void what_is_removed_is_found(void **state)
{
    struct server *s = *state;
    struct damage middle = { .number = 2, .deletes = true }, last = { .number = 3, .deletes = true };

    for (int i = 0; i < 4; i++)
        append(s, CRM__AUDIT_ACT__AUDIT_ACT_LOGIN, "x");
    assert_int_equal(store_write_run(s->store, do_damage, &middle), CRM_OK);
    assert_says(s, NULL, "audit: entries 2 to 2 are missing");
    assert_int_equal(store_write_run(s->store, do_damage, &last), CRM_OK);
    last.number = 4;
    assert_int_equal(store_write_run(s->store, do_damage, &last), CRM_OK);
    assert_says(s, NULL, "audit: entries 2 to 4 are missing"); /* the newest ones, too */
}

static enum crm_status set_head(struct server *s, struct change_group *group, void *arg)
{
    const struct audit_head *head = arg;
    uint8_t bytes[8 + SHA256_SIZE];

    (void)s;
    memcpy(bytes, &head->number, 8);
    memcpy(bytes + 8, head->hash, SHA256_SIZE);
    return meta_put(group->set, "audit.head", bytes, sizeof bytes, group->arena);
}

/* Somebody who can write to the database cuts the tail and sets the head back: only what was kept elsewhere tells. */
static void a_head_kept_elsewhere_tells_of_a_cut_tail(void **state)
{
    struct server *s = *state;
    struct damage last = { .number = 3, .deletes = true };
    struct check_kept kept = { .audit = { 0 } };
    struct audit_head earlier, head;

    append(s, CRM__AUDIT_ACT__AUDIT_ACT_LOGIN, "x");
    append(s, CRM__AUDIT_ACT__AUDIT_ACT_LOGIN, "y");
    earlier = head_of(s);
    append(s, CRM__AUDIT_ACT__AUDIT_ACT_EXPORT, "z");
    head = head_of(s);
    kept.audit.number = head.number;
    memcpy(kept.audit.hash, head.hash, SHA256_SIZE);
    free(check_text(s, &kept, CRM_OK));
    assert_int_equal(store_write_run(s->store, do_damage, &last), CRM_OK);
    assert_int_equal(in_group(s, set_head, &earlier), CRM_OK);
    assert_whole(s);
    assert_says(s, &kept, "the newest are missing");
    append(s, CRM__AUDIT_ACT__AUDIT_ACT_LOGIN, "another one in its place");
    assert_whole(s);
    assert_says(s, &kept, "audit: entry 3 has another hash than the one that was kept");
}

static void a_log_head_kept_elsewhere_is_compared(void **state)
{
    struct server *s = *state;
    struct check_kept kept = { .log = { .number = s->seq, .hash = { 1 } } };

    assert_says(s, &kept, "has another hash than the one that was kept");
    kept.log.number = s->seq + 1;
    assert_says(s, &kept, "log: ends with entry");
}

/* --- retention */

struct pruning {
    int64_t before_us;
    unsigned max;
};

static enum crm_status prune(struct server *s, struct change_group *group, void *arg)
{
    const struct pruning *pruning = arg;

    (void)s;
    return audit_prune(group, pruning->before_us, pruning->max);
}

static void retention_leaves_an_anchor(void **state)
{
    struct server *s = *state;
    struct pruning pruning = { .max = 2 };
    struct reading ends = { .server = s };
    struct audit_entry entry;

    for (int i = 0; i < 5; i++) {
        append(s, CRM__AUDIT_ACT__AUDIT_ACT_LOGIN, "x");
        server_pass_days(1);
    }
    pruning.before_us = server_now_us - 2 * US_PER_DAY + 1; /* the first four are older */
    assert_int_equal(in_group(s, prune, &pruning), CRM_OK);
    assert_whole(s);
    assert_int_equal(store_read_run(s->store, read_ends, &ends), CRM_OK);
    assert_int_equal(ends.floor.number, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(in_group(s, prune, &pruning), CRM_OK);
    assert_int_equal(store_read_run(s->store, read_ends, &ends), CRM_OK);
    assert_int_equal(ends.floor.number, 4);
    assert_int_equal(read_before(s, UINT64_MAX, &entry), CRM_OK);
    assert_int_equal(entry.number, 5);
    assert_int_equal(read_before(s, 5, &entry), CRM_NOT_FOUND);
    assert_whole(s);
    pruning.before_us = INT64_MAX; /* nothing is left, and the next one still follows */
    assert_int_equal(in_group(s, prune, &pruning), CRM_OK);
    assert_whole(s);
    append(s, CRM__AUDIT_ACT__AUDIT_ACT_LOGIN, "x");
    assert_int_equal(head_of(s).number, 6);
    assert_whole(s);
}

/* --- erasing */

static enum crm_status erase_second(struct server *s, struct change_group *group, void *arg)
{
    struct slice value, erased;
    struct key key = { 0 };
    enum crm_status status;

    (void)s;
    (void)arg;
    key_u64(&key, 2);
    status = store_get(group->txn, STORE_AUDIT, key_slice(&key), &value);
    if (status == CRM_OK)
        status = audit_erase_texts(value, group->arena, &erased);
    return status == CRM_OK ? writeset_put(group->set, STORE_AUDIT, key_slice(&key), erased) : status;
}

static void erased_texts_leave_the_chain_whole(void **state)
{
    struct server *s = *state;
    struct audit_entry entry;

    for (int i = 0; i < 3; i++)
        append(s, CRM__AUDIT_ACT__AUDIT_ACT_LOGIN, "Rosalind");
    for (int again = 0; again < 2; again++) {
        assert_int_equal(in_group(s, erase_second, NULL), CRM_OK);
        assert_int_equal(read_before(s, 3, &entry), CRM_OK);
        assert_true(entry.is_erased);
        assert_int_equal(entry.text.size + entry.from.size + entry.login.size, 0);
        assert_true(uuid_equal(&entry.user, &s->user));
        assert_whole(s);
    }
}

/* --- what changes permissions */

static struct audit_entry newest(struct server *s)
{
    struct audit_entry entry;

    assert_int_equal(read_before(s, UINT64_MAX, &entry), CRM_OK);
    return entry;
}

static bool says(const struct audit_entry *entry, const char *text)
{
    return memmem(entry->text.data, entry->text.size, text, strlen(text)) != NULL;
}

static void changed_permissions_are_told_by_field_and_never_by_value(void **state)
{
    struct server *s = *state;
    struct uuid role = server_find(s, KIND_ROLE, "name", "administrator"), user, customer;
    struct audit_entry entry;
    uint64_t before;

    server_create(s, KIND_USER, &user, "login=rosalind", "name=Rosalind", server_ref(s, "team", &s->team), server_ref(s, "role", &role));
    entry = newest(s);
    assert_int_equal(entry.act, CRM__AUDIT_ACT__AUDIT_ACT_PERMISSION);
    assert_int_equal(entry.kind, KIND_USER);
    assert_true(uuid_equal(&entry.record, &user) && uuid_equal(&entry.user, &s->user));
    assert_true(says(&entry, "created"));
    assert_false(says(&entry, "osalind"));
    server_change(s, KIND_USER, &user, "name=Franklin", "active=false");
    entry = newest(s);
    assert_true(says(&entry, "changed: name, active"));
    assert_false(says(&entry, "Franklin"));
    server_delete(s, KIND_USER, &user);
    entry = newest(s);
    assert_true(says(&entry, "deleted"));
    server_change(s, KIND_PIPELINE, &s->pipeline, "name=Other");
    entry = newest(s);
    assert_int_equal(entry.act, CRM__AUDIT_ACT__AUDIT_ACT_ADMINISTRATION);
    before = entry.number;
    server_create(s, KIND_CUSTOMER, &customer, "name=Acme"); /* that is the log's */
    assert_int_equal(head_of(s).number, before);
    assert_whole(s);
}

/* What is refused changes nothing, and says nothing; what crmd does itself is nobody's act. */
static void only_what_was_done_is_told(void **state)
{
    struct server *s = *state;
    uint64_t before = head_of(s).number;

    server_refuses(s, server_patch(s, KIND_PIPELINE, &s->pipeline, "name=", NULL), CRM_INVALID, "name");
    assert_int_equal(head_of(s).number, before);
    s->actor.is_system = true;
    server_change(s, KIND_PIPELINE, &s->pipeline, "name=Other");
    assert_int_equal(head_of(s).number, before);
}

/* --- refusals */

static void refuse(struct server *s, const struct uuid *user, const char *login, const char *peer)
{
    const struct audit_refusal refusal = {
        .act = CRM__AUDIT_ACT__AUDIT_ACT_LOGIN_REFUSED, .user = user, .login = login, .peer = peer, .text = "login",
    };

    audit_sums_add(&s->core.refusals, &refusal, server_now_us);
}

static enum crm_status write_sums(struct server *s, struct change_group *group, void *arg)
{
    (void)arg;
    return audit_sums_write(&s->core.refusals, group);
}

static enum crm_status write_and_spoil(struct server *s, struct change_group *group, void *arg)
{
    enum crm_status status = write_sums(s, group, arg);

    change_group_spoil(group);
    return status;
}

static void refusals_are_summed_by_user_address_and_minute(void **state)
{
    struct server *s = *state;
    struct audit_entry entry;
    uint64_t first = head_of(s).number;

    assert_false(audit_sums_are_due(&s->core.refusals));
    for (int i = 0; i < 1000; i++)
        refuse(s, &s->user, NULL, "10.0.0.1");
    refuse(s, &s->user, NULL, "10.0.0.2");
    refuse(s, NULL, "nobody", "10.0.0.1");
    server_now_us += INT64_C(60000000);
    refuse(s, &s->user, NULL, "10.0.0.1");
    assert_true(audit_sums_are_due(&s->core.refusals));
    assert_int_equal(in_group(s, write_sums, NULL), CRM_OK);
    audit_sums_written(&s->core.refusals, true);
    assert_false(audit_sums_are_due(&s->core.refusals));
    assert_int_equal(head_of(s).number, first + 4);
    assert_int_equal(read_before(s, first + 2, &entry), CRM_OK);
    assert_int_equal(entry.times, 1000);
    assert_int_equal(entry.at_us % INT64_C(60000000), 0);
    assert_true(slice_equal(entry.from, slice_text("10.0.0.1")));
    assert_int_equal(read_before(s, first + 4, &entry), CRM_OK);
    assert_true(slice_equal(entry.login, slice_text("nobody")));
    assert_whole(s);
}

/* What could not be committed is written again, once, together with what has come since. */
static void refusals_survive_a_commit_that_fails(void **state)
{
    struct server *s = *state;
    uint64_t first = head_of(s).number;
    struct audit_entry entry;

    refuse(s, &s->user, NULL, "10.0.0.1");
    assert_int_equal(in_group(s, write_and_spoil, NULL), CRM_NO_MEMORY);
    audit_sums_written(&s->core.refusals, false);
    refuse(s, &s->user, NULL, "10.0.0.2");
    for (int turn = 0; turn < 2; turn++) {
        assert_true(audit_sums_are_due(&s->core.refusals));
        assert_int_equal(in_group(s, write_sums, NULL), CRM_OK);
        audit_sums_written(&s->core.refusals, true);
        entry = newest(s);
        assert_true(slice_equal(entry.from, slice_text(turn ? "10.0.0.2" : "10.0.0.1")));
    }
    assert_false(audit_sums_are_due(&s->core.refusals));
    assert_int_equal(head_of(s).number, first + 2);
}

/* However many names a stranger makes up, memory and disk are bounded, and whom the server knows still stands there. */
static void a_stranger_cannot_fill_the_trail(void **state)
{
    struct server *s = *state;
    uint64_t first = head_of(s).number, times = 0;
    struct audit_entry entry;
    bool found = false;
    char name[32];

    for (int i = 0; i < 100000; i++) {
        snprintf(name, sizeof name, "guess-%d", i);
        refuse(s, NULL, name, "10.0.0.9");
    }
    refuse(s, &s->user, NULL, "10.0.0.1");
    assert_int_equal(in_group(s, write_sums, NULL), CRM_OK);
    audit_sums_written(&s->core.refusals, true);
    assert_int_equal(head_of(s).number, first + AUDIT_SUMS_MAX / 2 + 2);
    for (uint64_t number = UINT64_MAX; read_before(s, number, &entry) == CRM_OK && entry.number > first; number = entry.number) {
        found |= uuid_equal(&entry.user, &s->user);
        times += entry.times;
    }
    assert_true(found);
    assert_int_equal(times, 100001); /* none is lost from the count */
}

/* --- the writer's turn */

static void nothing_published(void *arg, const struct change_event *events, uint64_t seq)
{
    (void)arg;
    (void)events;
    (void)seq;
}

/* What was refused is written when the writer ends, and what is too old goes; a writer that is stopped runs what waits. */
static void the_writer_keeps_the_trail(void **state)
{
    struct server *s = *state;
    struct reading ends = { .server = s };
    struct writer *writer;

    append(s, CRM__AUDIT_ACT__AUDIT_ACT_LOGIN, "old");
    server_pass_days(3);
    append(s, CRM__AUDIT_ACT__AUDIT_ACT_LOGIN, "new");
    s->core.settings.audit_keep_days = 2;
    s->core.settings.write_queue = 16;
    s->core.settings.group = 16;
    assert_int_equal(writer_create(&s->core, nothing_published, NULL, &writer), CRM_OK);
    assert_int_equal(writer_start(writer), CRM_OK);
    refuse(s, &s->user, NULL, "10.0.0.1");
    writer_keep_audit(writer);
    refuse(s, &s->user, NULL, "10.0.0.2"); /* perhaps after that turn */
    writer_destroy(writer);
    assert_int_equal(store_read_run(s->store, read_ends, &ends), CRM_OK);
    assert_int_equal(ends.floor.number, 1);
    assert_int_equal(ends.head.number, 4);
    assert_false(audit_sums_are_due(&s->core.refusals));
    assert_whole(s);
}

/* --- operations */

/* An entry is written by the writer before the answer leaves: what runs on an io thread alone would be told without one. */
static void what_is_audited_passes_the_writer(void **state)
{
    unsigned n = 0;

    (void)state;
    for (uint32_t code = 0; code <= OP_MAX; code++) {
        const struct op_def *op = op_find(code);

        if (!op || !op->audit)
            continue;
        n++;
        assert_true((op->flags & (OP_WRITES | OP_WORKS)) || op->place);
        assert_false(op->flags & (OP_STREAMS | OP_UPLOADS | OP_WATCHES));
        assert_non_null(protobuf_c_enum_descriptor_get_value(&crm__audit_act__descriptor, (int)op->audit));
    }
    assert_true(n > 10);
    /* Nobody is let in, nothing is changed for others, no person erased without a trace. */
    for (uint32_t code = 0; code <= OP_MAX; code++) {
        const struct op_def *op = op_find(code);

        if (op && (op->right == CRM__RIGHT__RIGHT_MANAGE_USERS || op->right == CRM__RIGHT__RIGHT_ERASE || op->flags & OP_HASHES))
            assert_true(op->audit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(entries_are_numbered_and_read_back),
        server_test(long_texts_are_cut),
        server_test(every_changed_byte_is_found),
        server_test(what_is_removed_is_found),
        server_test(a_head_kept_elsewhere_tells_of_a_cut_tail),
        server_test(a_log_head_kept_elsewhere_is_compared),
        server_test(retention_leaves_an_anchor),
        server_test(erased_texts_leave_the_chain_whole),
        server_test(changed_permissions_are_told_by_field_and_never_by_value),
        server_test(only_what_was_done_is_told),
        server_test(refusals_are_summed_by_user_address_and_minute),
        server_test(refusals_survive_a_commit_that_fails),
        server_test(a_stranger_cannot_fill_the_trail),
        server_test(the_writer_keeps_the_trail),
        cmocka_unit_test(what_is_audited_passes_the_writer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
