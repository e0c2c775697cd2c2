/*
 * check_list.c - lists in every order and with every filter, page by page; counts, groups and sums; searches
 */
#include "check.h"

#include "common/model/filter.h"

/* A list as it is asked for. */
struct asked {
    enum kind kind;
    const char *filter; /* or NULL: as people type it */
    const char *sort;   /* a field, or NULL */
    bool descending, deleted;
    uint64_t as_of;
    uint32_t limit;
    const struct uuid *parent;
    ProtobufCBinaryData token; /* data NULL: none */
    bool is_export;
};

/* What came. */
struct listed {
    struct answer answer;
    const Crm__ListReply *end;
    struct uuid ids[MODEL_RECORDS];
    size_t n;
};

static void set_filter(struct eyes *eyes, enum kind kind, const char *text, size_t *out_n, Crm__FilterNode ***out_nodes)
{
    const struct value_context context = { .currency = "USD" };
    struct failure failure = { 0 };
    struct filter filter;

    if (filter_parse(eyes->world->admin.core.schema, kind_def((unsigned)kind), text, &context, NULL, NULL, &eyes->peer->arena, &filter, &failure) != CRM_OK)
        fail_msg("%s: %s", text, failure.text);
    assert_int_equal(filter_to_wire(&filter, &eyes->peer->arena, out_n, out_nodes), CRM_OK);
}

static void take_chunk(struct eyes *eyes, const struct asked *asked, const Crm__ListChunk *chunk, struct listed *listed)
{
    for (size_t i = 0; i < chunk->n_records; i++) {
        struct uuid *id = &listed->ids[listed->n++];
        struct model_record *record;

        assert_true(uuid_from_slice(slice_of(chunk->records[i]->header->id.data, UUID_SIZE), id));
        record = model_find(eyes->world->model, (enum kind)chunk->records[i]->header->kind, id);
        expect(eyes, record && may_see(eyes, record), record, "it is listed");
        if (!asked->as_of)
            expect(eyes, same_body(eyes, record, chunk->records[i]->body), record, "listed with other fields than the role shows");
    }
    check_titles(eyes, chunk->titles, chunk->n_titles);
}

static void begin_export(struct eyes *eyes, Crm__ListRequest *list)
{
    Crm__ExportRequest request = CRM__EXPORT_REQUEST__INIT;
    struct answer answer;
    bool may = eyes->world->model->roles[eyes->user->role].has_rights;

    request.list = list;
    answer = talk(eyes->world, eyes->peer, OP_EXPORT_BEGIN, &request.base);
    expect(eyes, may ? answer.type == FRAME_REPLY : answer.status == CRM_NOT_ALLOWED, NULL, "an export is begun: %d", answer.status);
    list->has_token = true;
    list->token = may ? ((const Crm__ExportReply *)answer_message(eyes->peer, answer.body, &crm__export_reply__descriptor))->token
                      : (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t) "?", .len = 1 };
}

static void list(struct eyes *eyes, const struct asked *asked, struct listed *out)
{
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;
    Crm__AsOf past = CRM__AS_OF__INIT;
    Crm__Sort sort = CRM__SORT__INIT, *sorts = &sort;

    request.has_kind = request.has_titles = request.titles = request.has_explain = request.explain = request.has_limit = request.has_deleted = true;
    request.kind = asked->kind;
    request.limit = asked->limit;
    request.deleted = asked->deleted;
    if (asked->filter)
        set_filter(eyes, asked->kind, asked->filter, &request.n_filter, &request.filter);
    if (asked->sort) {
        sort.has_field = sort.has_descending = true;
        sort.field = world_field(asked->kind, asked->sort)->ref;
        sort.descending = asked->descending;
        request.sort = &sorts;
        request.n_sort = 1;
    }
    if (asked->as_of) {
        past.has_seq = true;
        past.seq = asked->as_of;
        request.as_of = &past;
    }
    if (asked->parent) {
        request.has_parent = true;
        request.parent = world_bytes(eyes->peer, asked->parent);
    }
    request.has_token = asked->token.data != NULL;
    request.token = asked->token;
    out->n = 0;
    out->end = NULL;
    if (asked->is_export && !request.has_token)
        begin_export(eyes, &request);
    out->answer = talk(eyes->world, eyes->peer, asked->is_export ? OP_EXPORT : OP_LIST, &request.base);
    for (size_t c = 0; c < out->answer.n_chunks; c++)
        take_chunk(eyes, asked, answer_message(eyes->peer, out->answer.chunks[c], &crm__list_chunk__descriptor), out);
    if (out->answer.type == FRAME_END)
        out->end = answer_message(eyes->peer, out->answer.body, &crm__list_reply__descriptor);
}

static bool has(const struct listed *listed, const struct model_record *record)
{
    size_t n = 0;

    for (size_t i = 0; i < listed->n; i++)
        n += uuid_equal(&listed->ids[i], &record->id);
    return n == 1;
}

/* Exactly the records of the kind that may be seen and of which wanted says yes (NULL: all) are in the list, and the figures are theirs. */
static void expect_list(struct eyes *eyes, const struct asked *asked, struct listed *listed, bool (*wanted)(struct eyes *, const struct model_record *, const void *),
                        const void *arg, const char *what)
{
    const struct model *model = eyes->world->model;
    size_t n = 0, visible = 0;

    expect(eyes, listed->end, NULL, "%s: %s: status %d", kind_def((unsigned)asked->kind)->plural, what, listed->answer.status);
    for (int i = 0; i < model->n_records; i++) {
        const struct model_record *record = &model->records[i];
        bool is_due;

        if (record->kind != asked->kind || (record->is_deleted != asked->deleted && !asked->as_of))
            continue;
        visible += may_see(eyes, record);
        is_due = may_see(eyes, record) && (!wanted || wanted(eyes, record, arg));
        n += is_due;
        if (is_due)
            expect(eyes, has(listed, record), record, "%s: it is missing", what);
    }
    expect(eyes, listed->n == n, NULL, "%s: %s: %zu are listed, not %zu", kind_def((unsigned)asked->kind)->plural, what, listed->n, n);
    /* A seen row may be come across by owner, by team and by share; an unseen one counts for nothing. */
    expect(eyes, listed->end->explain->matched == n && listed->end->explain->examined <= 3 * visible, NULL, "%s: %s: %d examined, %d matched of %zu, %zu due",
           kind_def((unsigned)asked->kind)->plural, what, (int)listed->end->explain->examined, (int)listed->end->explain->matched, visible, n);
}

/* A list that a hidden field has put in order would have another order than that of the ids. */
static void expect_order_of_ids(struct eyes *eyes, const struct asked *asked, const struct listed *listed)
{
    size_t rising = 0, falling = 0;

    for (size_t i = 1; i < listed->n; i++) {
        int order = memcmp(listed->ids[i - 1].bytes, listed->ids[i].bytes, UUID_SIZE);

        rising += order < 0;
        falling += order > 0;
    }
    expect(eyes, rising == 0 || falling == 0, NULL, "%s by the hidden %s are in its order", kind_def((unsigned)asked->kind)->plural, asked->sort);
}

static void sorted(struct eyes *eyes, enum kind kind, const char *field, bool descending, struct listed *listed)
{
    struct asked asked = { .kind = kind, .sort = field, .descending = descending };

    list(eyes, &asked, listed);
    expect_list(eyes, &asked, listed, NULL, NULL, arena_printf(&eyes->peer->arena, "sorted by %s", field));
    if (!shows(eyes, kind, field))
        expect_order_of_ids(eyes, &asked, listed);
    /* The first page of it, where less is read ahead. */
    asked.limit = 1;
    list(eyes, &asked, listed);
    expect(eyes, listed->end && listed->n <= 1, NULL, "%zu records on a page of one", listed->n);
}

/* --- filters */

/* A field and the value that it is compared with. */
struct compared {
    const char *field, *value;
    bool is_title, is_not;
};

static bool fits(struct eyes *eyes, const struct model_record *record, const void *arg)
{
    const struct compared *compared = arg;
    const char *value = !shows(eyes, record->kind, compared->field) ? "" : compared->is_title ? record->title : record->secret;

    return (strcmp(value, compared->value) == 0) != compared->is_not;
}

static void filtered(struct eyes *eyes, enum kind kind, const struct compared *compared, struct listed *listed)
{
    struct asked asked = { .kind = kind, .filter = arena_printf(&eyes->peer->arena, "%s %s \"%s\"", compared->field, compared->is_not ? "!=" : "=", compared->value) };

    list(eyes, &asked, listed);
    expect_list(eyes, &asked, listed, fits, compared, asked.filter);
}

/* The customer that a record refers to is called so; who does not see it, or its name, does not find by it. */
static bool refers_to_named(struct eyes *eyes, const struct model_record *record, const void *arg)
{
    const struct model_record *customer = record->refers != MODEL_NOBODY ? &eyes->world->model->records[record->refers] : NULL;

    return customer && !customer->is_deleted && shows(eyes, record->kind, "customer") && may_see(eyes, customer) && shows(eyes, KIND_CUSTOMER, "name") &&
           strcmp(customer->title, arg) == 0;
}

static bool refers_to(struct eyes *eyes, const struct model_record *record, const void *arg)
{
    return record->refers != MODEL_NOBODY && &eyes->world->model->records[record->refers] == arg;
}

static void by_customer(struct eyes *eyes, enum kind kind, const struct model_record *customer, struct listed *listed)
{
    struct asked asked = { .kind = kind, .filter = arena_printf(&eyes->peer->arena, "customer.name = \"%s\"", customer->title) };

    list(eyes, &asked, listed);
    expect_list(eyes, &asked, listed, refers_to_named, customer->title, asked.filter);
    asked = (struct asked){ .kind = kind, .parent = &customer->id };
    list(eyes, &asked, listed);
    expect_list(eyes, &asked, listed, refers_to, customer, "what refers to a customer");
    /* By name, which the server looks up: an unseen one is like one that never was. */
    if (!may_see(eyes, customer) || !shows(eyes, KIND_CUSTOMER, "name")) {
        asked = (struct asked){ .kind = kind, .filter = arena_printf(&eyes->peer->arena, "customer = \"%s\"", customer->title) };
        list(eyes, &asked, listed);
        expect(eyes, listed->answer.status == CRM_NOT_FOUND, customer, "%s = an unseen one: status %d", kind_def((unsigned)kind)->name, listed->answer.status);
    }
}

/* --- pages */

static void paged(struct eyes *eyes, const struct asked *first, size_t n, struct listed *listed)
{
    static bool seen[MODEL_RECORDS];
    struct asked asked = *first;
    size_t pages = 0, rows = 0;

    memset(seen, 0, sizeof seen);
    asked.limit = n > 40 ? 23 : 1;
    do {
        list(eyes, &asked, listed);
        expect(eyes, listed->end, NULL, "page %zu: status %d", pages, listed->answer.status);
        for (size_t i = 0; i < listed->n; i++) {
            int index = model_index(eyes->world->model, model_find(eyes->world->model, asked.kind, &listed->ids[i]));

            expect(eyes, !seen[index], &eyes->world->model->records[index], "it is on two pages");
            seen[index] = true;
        }
        rows += listed->n;
        asked.token = listed->end->token;
    } while (listed->end->has_token && pages++ < MODEL_RECORDS);
    expect(eyes, rows == n, NULL, "%s in pages are %zu, at once %zu", kind_def((unsigned)asked.kind)->plural, rows, n);
}

/* A place in the list of another is no place in this one. */
static void with_a_foreign_token(struct eyes *eyes, enum kind kind, struct listed *listed)
{
    struct eyes admin = { .world = eyes->world, .peer = &eyes->world->admin };
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;
    struct asked asked = { .kind = kind, .limit = 1 };
    struct answer answer;

    request.has_kind = request.has_limit = request.has_titles = request.titles = request.has_explain = request.explain = request.has_deleted = true;
    request.kind = kind;
    request.limit = 1;
    answer = talk(admin.world, admin.peer, OP_LIST, &request.base);
    asked.token = ((const Crm__ListReply *)answer_message(eyes->peer, answer.body, &crm__list_reply__descriptor))->token;
    if (!asked.token.data)
        return;
    list(eyes, &asked, listed);
    expect(eyes, listed->answer.status == CRM_INVALID && listed->n == 0, NULL, "the token of another: status %d", listed->answer.status);
}

static void list_kind(struct eyes *eyes, const struct world_kind *kind, struct listed *listed)
{
    const struct model *model = eyes->world->model;
    struct asked asked = { .kind = kind->kind };
    size_t n;
    int tries = 0;

    list(eyes, &asked, listed);
    expect_list(eyes, &asked, listed, NULL, NULL, "all");
    n = listed->n;
    paged(eyes, &asked, n, listed);
    arena_reset(&eyes->peer->arena);
    asked.deleted = true;
    list(eyes, &asked, listed);
    expect_list(eyes, &asked, listed, NULL, NULL, "the recycle bin");
    with_a_foreign_token(eyes, kind->kind, listed);
    for (int descending = 0; descending < 2; descending++) {
        sorted(eyes, kind->kind, kind->title, descending, listed);
        sorted(eyes, kind->kind, kind->secret, descending, listed);
        if (kind->money)
            sorted(eyes, kind->kind, kind->money, descending, listed);
    }
    for (int i = 0; i < model->n_records && tries < 4; i++) {
        const struct model_record *record = &model->records[i];

        if (record->kind != kind->kind || !record->has_values || record->is_deleted || world_random(eyes->world, 12))
            continue;
        tries++;
        filtered(eyes, kind->kind, &(struct compared){ kind->title, record->title, .is_title = true }, listed);
        filtered(eyes, kind->kind, &(struct compared){ kind->secret, record->secret }, listed);
        filtered(eyes, kind->kind, &(struct compared){ kind->secret, record->secret, .is_not = true }, listed);
        arena_reset(&eyes->peer->arena);
    }
}

/* As of the past: who may see it now sees it as it was, less what is hidden now. */
static bool existed(struct eyes *eyes, const struct model_record *record, const void *arg)
{
    const char *value = shows(eyes, record->kind, world_kind(record->kind)->secret) ? record->past_secret : "";

    return !record->is_deleted && record->has_values && strcmp(value, arg) == 0;
}

static void list_past(struct eyes *eyes, const struct world_kind *kind, struct listed *listed)
{
    const struct model *model = eyes->world->model;
    int tries = 0;

    for (int i = 0; i < model->n_records && tries < 2; i++) {
        const struct model_record *record = &model->records[i];
        struct asked asked = { .kind = kind->kind, .as_of = eyes->world->past_seq };

        if (record->kind != kind->kind || !record->has_values || record->is_deleted || strcmp(record->secret, record->past_secret) == 0 ||
            world_random(eyes->world, 5))
            continue;
        tries++;
        asked.filter = arena_printf(&eyes->peer->arena, "%s = \"%s\"", kind->secret, record->past_secret);
        list(eyes, &asked, listed);
        expect_list(eyes, &asked, listed, existed, record->past_secret, "as of the past");
        asked.filter = arena_printf(&eyes->peer->arena, "%s = \"%s\"", kind->secret, record->secret);
        list(eyes, &asked, listed);
        expect(eyes, listed->end && listed->n == 0, record, "what was not yet so is found as of the past");
    }
}

void check_list(struct eyes *eyes)
{
    static const enum kind referring[] = { KIND_CONTACT, KIND_ACTIVITY, KIND_TASK, KIND_DEAL };
    const struct model *model = eyes->world->model;
    static struct listed listed;

    for (size_t i = 0; world_kinds[i].kind; i++) {
        list_kind(eyes, &world_kinds[i], &listed);
        list_past(eyes, &world_kinds[i], &listed);
        arena_reset(&eyes->peer->arena);
    }
    for (int i = 0; i < model->n_records; i++) {
        const struct model_record *record = &model->records[i];

        if (record->kind != KIND_CUSTOMER || record->is_deleted || !is_looked_at(eyes, i) || world_random(eyes->world, 2))
            continue;
        for (size_t k = 0; k < ARRAY_LEN(referring); k++)
            by_customer(eyes, referring[k], record, &listed);
        arena_reset(&eyes->peer->arena);
    }
}

/* An export shows what a list shows, and needs a right of its own for each of its pages. */
void check_export(struct eyes *eyes)
{
    bool may = eyes->world->model->roles[eyes->user->role].has_rights;
    static struct listed listed;

    for (size_t i = 0; world_kinds[i].kind; i++) {
        const struct asked asked = { .kind = world_kinds[i].kind, .is_export = true };

        if (may) {
            list(eyes, &asked, &listed);
            expect_list(eyes, &asked, &listed, NULL, NULL, "exported");
            paged(eyes, &asked, listed.n, &listed);
        } else {
            list(eyes, &asked, &listed);
            expect(eyes, listed.answer.status == CRM_NOT_ALLOWED && listed.n == 0, NULL, "an export without the right: %d", listed.answer.status);
        }
        arena_reset(&eyes->peer->arena);
    }
}
