/*
 * admin_fixture.h - what the tests of server/admin share: a data directory made by `crmd init`, a
 * few records in it, and the old format
 */
#ifndef CRM_TEST_ADMIN_FIXTURE_H
#define CRM_TEST_ADMIN_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "server/admin/check.h"
#include "server/admin/command.h"
#include "server/admin/directory.h"
#include "server/engine/core.h"
#include "server/engine/grants.h"
#include "server/engine/mutate.h"
#include "server/engine/rollup.h"
#include "common/base/sealed.h"

/* Last: its macro fail() would garble the prototype in failure.h. */
#include <cmocka.h>

#define ADMIN_ARENA (64u << 20)
#define ADMIN_DEALS 12

/* A directory of its own for each test; `data` in it does not exist yet. */
struct admin {
    char base[64], data[PATH_MAX], backup[PATH_MAX], other[PATH_MAX];
    struct failure failure; /* of the last command */
};

static inline int admin_setup(void **state)
{
    struct admin *admin = calloc(1, sizeof *admin);

    if (!admin)
        return -1;
    strcpy(admin->base, "/tmp/crm-admin-XXXXXX");
    if (!mkdtemp(admin->base))
        return -1;
    snprintf(admin->data, sizeof admin->data, "%s/data", admin->base);
    snprintf(admin->backup, sizeof admin->backup, "%s/one.backup", admin->base);
    snprintf(admin->other, sizeof admin->other, "%s/other", admin->base);
    setenv("CRM_PASSWORD", "a long enough one", 1);
    unsetenv("TZ");
    *state = admin;
    return 0;
}

static inline int admin_teardown(void **state)
{
    struct admin *admin = *state;
    char command[128];
    int rc;

    snprintf(command, sizeof command, "rm -rf %s", admin->base);
    rc = system(command);
    free(admin);
    return rc;
}

/* Run a subcommand as main() would. */
static inline enum crm_status admin_run(struct admin *admin, const struct command *command,
                                        int argc, const char *const *argv)
{
    struct command_input input;
    bool wants_help;
    enum crm_status status;

    admin->failure = (struct failure){ 0 };
    status = command_parse(command, argc, (char **)argv, &input, &wants_help, &admin->failure);
    return status == CRM_OK ? command->run(&input, &admin->failure) : status;
}

#define ADMIN_RUN(admin, command, ...)                                                             \
    admin_run(admin, command, (int)ARRAY_LEN(((const char *[]){ __VA_ARGS__ })),                   \
              (const char *[]){ __VA_ARGS__ })

static inline void admin_init(struct admin *admin)
{
    assert_int_equal(ADMIN_RUN(admin, &command_init, admin->data, "--listen", "127.0.0.1:0",
                               "--time-zone", "UTC"),
                     CRM_OK);
}

static inline struct store *admin_open(const char *directory)
{
    struct settings settings;
    struct store *store;

    assert_int_equal(directory_settings(directory, &settings, NULL), CRM_OK);
    settings.map_gib = 1;
    assert_int_equal(directory_open(directory, &settings, false, &store, NULL), CRM_OK);
    assert_int_equal(directory_use_time_zone(store, NULL), CRM_OK);
    return store;
}

/* --- records */

struct admin_filling {
    struct schema *schema;
    struct arena arena;
    struct change change;
};

static inline struct uuid admin_id(unsigned n)
{
    struct uuid id = { .bytes = { 1, 2, 3, 4, 5, 6, 0x70, 8, 0x80 } };

    id.bytes[15] = (uint8_t)n;
    return id;
}

static inline void admin_mutate(struct admin_filling *filling, enum kind kind, struct uuid id,
                                Crm__Verb verb, const ProtobufCMessage *set, const char *action,
                                const ProtobufCMessage *argument)
{
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct record_header header;
    uint8_t bytes[2][512] = { 0 };
    enum crm_status status;

    mutation.has_kind = mutation.has_id = mutation.has_verb = true;
    mutation.kind = (uint32_t)kind;
    mutation.id = (ProtobufCBinaryData){ .data = id.bytes, .len = UUID_SIZE };
    mutation.verb = verb;
    mutation.action = (char *)action;
    if (set) {
        mutation.has_set = true;
        mutation.set = (ProtobufCBinaryData){ .data = bytes[0],
                                              .len = protobuf_c_message_pack(set, bytes[0]) };
    }
    if (argument) {
        mutation.has_argument = true;
        mutation.argument =
            (ProtobufCBinaryData){ .data = bytes[1],
                                   .len = protobuf_c_message_pack(argument, bytes[1]) };
    }
    status = mutate_one(&filling->change, &mutation, &header);
    if (status != CRM_OK)
        print_error("%s\n", filling->change.failure.text);
    assert_int_equal(status, CRM_OK);
}

static inline void admin_add_deal(struct admin_filling *filling, unsigned n)
{
    Crm__Deal deal = CRM__DEAL__INIT;
    Crm__Money amount = CRM__MONEY__INIT;
    struct uuid customer = admin_id(1);

    deal.name = (char *)"Deal";
    deal.has_customer = true;
    deal.customer = (ProtobufCBinaryData){ .data = customer.bytes, .len = UUID_SIZE };
    amount.has_minor = true;
    amount.minor = 100000 * (int64_t)n;
    amount.currency = (char *)"USD";
    deal.amount = &amount;
    admin_mutate(filling, KIND_DEAL, admin_id(100 + n), CRM__VERB__VERB_CREATE, &deal.base, NULL,
                 NULL);
}

/* The customer is shared with a team of its own, for a year. */
static inline void admin_share(struct admin_filling *filling)
{
    Crm__Team team = CRM__TEAM__INIT;
    Crm__ShareArgument share = CRM__SHARE_ARGUMENT__INIT;
    struct uuid id;

    memset(&id, 'B', sizeof id); /* no rows of others begin so */
    team.name = (char *)"Partners";
    admin_mutate(filling, KIND_TEAM, id, CRM__VERB__VERB_CREATE, &team.base, NULL, NULL);
    share.has_principal = share.has_until = true;
    share.principal = (ProtobufCBinaryData){ .data = id.bytes, .len = UUID_SIZE };
    share.until = clock_now_us() + INT64_C(365) * 86400 * 1000000;
    admin_mutate(filling, KIND_CUSTOMER, admin_id(1), CRM__VERB__VERB_ACTION, NULL, "share",
                 &share.base);
}

/* A customer that is shared, with deals in several stages, one of them deleted, one deleted and
 * restored, and a lone deleted product. */
static inline enum crm_status admin_fill_run(struct store_txn *txn, void *arg)
{
    const struct change_actor actor = { .from = "a test", .is_system = true };
    struct admin_filling *filling = arg;
    struct change_group group;
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    Crm__Product product = CRM__PRODUCT__INIT;
    Crm__MoveArgument move = CRM__MOVE_ARGUMENT__INIT;
    Crm__RestoreArgument restore = CRM__RESTORE_ARGUMENT__INIT;

    change_group_init(&group, txn, filling->schema, &filling->arena, clock_now_us());
    assert_int_equal(change_group_begin(&group), CRM_OK);
    assert_int_equal(change_begin(&filling->change, &group, &actor), CRM_OK);
    customer.name = (char *)"华为 Acme";
    customer.legal_name = (char *)"Acme of GTX";
    admin_mutate(filling, KIND_CUSTOMER, admin_id(1), CRM__VERB__VERB_CREATE, &customer.base, NULL,
                 NULL);
    admin_share(filling);
    product.name = product.code = (char *)"GTX";
    admin_mutate(filling, KIND_PRODUCT, admin_id(2), CRM__VERB__VERB_CREATE, &product.base, NULL,
                 NULL);
    admin_mutate(filling, KIND_PRODUCT, admin_id(2), CRM__VERB__VERB_DELETE, NULL, NULL, NULL);
    for (unsigned n = 1; n <= ADMIN_DEALS; n++)
        admin_add_deal(filling, n);
    move.stage = (char *)"Engaging";
    for (unsigned n = 1; n <= ADMIN_DEALS / 2; n++)
        admin_mutate(filling, KIND_DEAL, admin_id(100 + n), CRM__VERB__VERB_ACTION, NULL, "move",
                     &move.base);
    admin_mutate(filling, KIND_DEAL, admin_id(101), CRM__VERB__VERB_DELETE, NULL, NULL, NULL);
    admin_mutate(filling, KIND_DEAL, admin_id(102), CRM__VERB__VERB_DELETE, NULL, NULL, NULL);
    admin_mutate(filling, KIND_DEAL, admin_id(102), CRM__VERB__VERB_ACTION, NULL, "restore",
                 &restore.base);
    assert_int_equal(change_accept(&filling->change), CRM_OK);
    return writeset_apply(group.set, txn);
}

static inline void admin_fill(struct store *store)
{
    struct admin_filling filling = { 0 };

    assert_int_equal(schema_create(&filling.schema), CRM_OK);
    arena_init(&filling.arena, ADMIN_ARENA);
    assert_int_equal(store_write_run(store, admin_fill_run, &filling), CRM_OK);
    arena_fini(&filling.arena);
    schema_unref(filling.schema);
}

/* --- check */

/* What the check says; free it. */
static inline char *admin_check(struct store *store, enum crm_status expected)
{
    struct check_result result;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    enum crm_status status;

    assert_non_null(out);
    status = check_store(store, out, &result, NULL);
    fclose(out);
    if (status != expected)
        print_error("%s", text);
    assert_int_equal(status, expected);
    return text;
}

static inline void admin_assert_whole(struct store *store)
{
    char *text = admin_check(store, CRM_OK);

    assert_string_equal(text, "");
    free(text);
}

/* --- format 1: the same, but rollup keys have no pipeline */

struct admin_cells {
    struct writeset *set;
    struct arena *arena;
    unsigned limit;
};

static inline bool admin_old_cell(void *arg, struct slice key, struct slice value)
{
    const size_t before = 6 + 2 * UUID_SIZE;
    struct admin_cells *cells = arg;
    struct key old = { 0 };

    if (cells->limit-- == 0)
        return false;
    key_bytes(&old, key.data, before);
    key_bytes(&old, key.data + before + UUID_SIZE, key.size - before - UUID_SIZE);
    assert_int_equal(writeset_delete(cells->set, STORE_ROLLUP, key), CRM_OK);
    assert_int_equal(writeset_put(cells->set, STORE_ROLLUP, key_slice(&old), value), CRM_OK);
    return true;
}

/* At most limit cells get their old key: fewer than all is what an interrupted upgrade leaves. */
static inline enum crm_status admin_old_format_run(struct store_txn *txn, void *arg)
{
    struct arena arena;
    struct admin_cells cells = { .arena = &arena, .limit = *(unsigned *)arg };
    uint32_t format = 1;
    enum crm_status status;

    arena_init(&arena, ADMIN_ARENA);
    cells.set = writeset_create(&arena);
    assert_int_equal(
        store_scan(txn, STORE_ROLLUP, &(struct store_range){ 0 }, admin_old_cell, &cells), CRM_OK);
    assert_int_equal(meta_put(cells.set, "format", &format, sizeof format, &arena), CRM_OK);
    status = writeset_apply(cells.set, txn);
    arena_fini(&arena);
    return status;
}

/* --- format 2: owners are in no index, beginnings of words in no term, short words in terms */

static inline bool admin_old_entry(void *arg, struct slice key, struct slice value)
{
    struct admin_cells *cells = arg;
    bool is_term = key.data[0] == 'b';

    (void)value;
    if (!is_term && key_read_u16(key.data + 1) != HEADER_OWNER)
        return true;
    if (cells->limit-- == 0)
        return false;
    assert_int_equal(writeset_delete(cells->set, is_term ? STORE_TERM : STORE_INDEX, key), CRM_OK);
    if (is_term && key.size < 1 + TERM_BEGINNING_LETTERS + 2 + UUID_SIZE) {
        struct key word = { 0 };

        key_u8(&word, 'w');
        key_bytes(&word, key.data + 1, key.size - 1);
        assert_int_equal(writeset_put(cells->set, STORE_TERM, key_slice(&word), slice_of("", 0)),
                         CRM_OK);
    }
    return true;
}

/* A share had no other row than its own, and one stayed when whom it was for was deleted. */
static inline bool admin_old_grant(void *arg, struct slice key, struct slice value)
{
    struct admin_cells *cells = arg;
    struct key shared, due, gone = { 0 };
    struct grant grant;
    struct uuid root;

    assert_true(grant_key_parse(key, &root, &grant));
    assert_int_equal(grant_decode(key, value, &grant), CRM_OK);
    grant_shared_key(&shared, KIND_CUSTOMER, &root, &grant);
    grant_due_key(&due, &root, &grant);
    key_bytes(&gone, key.data, key.size);
    gone.data[gone.size - 1] ^= 0x55;
    assert_int_equal(writeset_delete(cells->set, STORE_CHILD, key_slice(&shared)), CRM_OK);
    assert_int_equal(writeset_delete(cells->set, STORE_DUE, key_slice(&due)), CRM_OK);
    assert_int_equal(writeset_put(cells->set, STORE_GRANT, key_slice(&gone), value), CRM_OK);
    return true;
}

static inline enum crm_status admin_format_2_run(struct store_txn *txn, void *arg)
{
    struct arena arena;
    struct admin_cells cells = { .arena = &arena, .limit = *(unsigned *)arg };
    uint32_t format = 2;
    enum crm_status status;

    arena_init(&arena, ADMIN_ARENA);
    cells.set = writeset_create(&arena);
    assert_int_equal(
        store_scan(txn, STORE_TERM,
                   &(struct store_range){ .from = slice_of("b", 1), .to = slice_of("c", 1) },
                   admin_old_entry, &cells),
        CRM_OK);
    assert_int_equal(
        store_scan(txn, STORE_INDEX, &(struct store_range){ 0 }, admin_old_entry, &cells), CRM_OK);
    assert_int_equal(
        store_scan(txn, STORE_GRANT, &(struct store_range){ 0 }, admin_old_grant, &cells), CRM_OK);
    assert_int_equal(meta_put(cells.set, "format", &format, sizeof format, &arena), CRM_OK);
    status = writeset_apply(cells.set, txn);
    arena_fini(&arena);
    return status;
}

/* At most limit entries are taken out. */
static inline void admin_to_format_2(struct store *store, unsigned limit)
{
    assert_int_equal(store_write_run(store, admin_format_2_run, &limit), CRM_OK);
}

static inline void admin_to_format_1(struct store *store, unsigned limit)
{
    assert_int_equal(store_write_run(store, admin_old_format_run, &limit), CRM_OK);
}

#endif
