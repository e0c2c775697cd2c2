/*
 * test_link_sync.c - sync.changes over a link: pages and their cursors, going on from any of them, and its end when the session's rights change
 */
#include "link_fixture.h"

#define CUSTOMERS 2500

/* What one request brought. */
struct told {
    const Crm__SyncChunk *pages[400];
    size_t n_pages, n_records, n_forgets;
    const Crm__SyncReply *end;
};

static uint32_t ask_sync(struct fixture *f, const Crm__SyncCursor *cursor, uint32_t page_records)
{
    Crm__SyncRequest request = CRM__SYNC_REQUEST__INIT;

    request.cursor = (Crm__SyncCursor *)(uintptr_t)cursor;
    request.has_scope = request.has_page_records = true;
    request.scope = CRM__SYNC_SCOPE__SYNC_SCOPE_ALL;
    request.page_records = page_records;
    return ask(f, OP_SYNC_CHANGES, &request.base);
}

static void grant(struct fixture *f, uint32_t stream)
{
    Crm__Credit credit = CRM__CREDIT__INIT;

    credit.has_bytes = true;
    credit.bytes = 1u << 20;
    send_frame(f, FRAME_CREDIT, 0, stream, &credit.base);
}

static struct told take_all(struct fixture *f, uint32_t stream)
{
    struct told told = { .n_pages = 0 };
    struct failure failure = { 0 };
    const void *message;

    while (!told.end) {
        struct frame frame;

        take_frame(f, &frame);
        assert_int_equal(frame.header.stream, stream);
        assert_true(frame.header.type == FRAME_CHUNK || frame.header.type == FRAME_END);
        assert_int_equal(codec_unpack(&frame, frame.header.type == FRAME_END ? &crm__sync_reply__descriptor : &crm__sync_chunk__descriptor, FRAME_MAX,
                                      &f->arena, &message, &failure),
                         CRM_OK);
        if (frame.header.type == FRAME_END) {
            told.end = message;
            continue;
        }
        grant(f, stream);
        told.pages[told.n_pages] = message;
        assert_true(told.pages[told.n_pages]->n_records <= 500 && frame.body.size < 2 * FRAME_CHUNK_MAX);
        told.n_records += told.pages[told.n_pages]->n_records;
        told.n_forgets += told.pages[told.n_pages++]->n_forgets;
    }
    return told;
}

static void pages_lead_on_from_each(void **state)
{
    struct fixture *f = *state;
    struct told all, rest;
    size_t before = 0;

    login(f);
    add_customers(f, 300);
    all = take_all(f, ask_sync(f, NULL, 25));
    assert_true(all.n_records > 300 && all.n_pages >= 12 && all.n_forgets == 0);
    assert_int_equal(all.end->records, all.n_records);
    assert_int_equal(all.end->mode, CRM__SYNC_MODE__SYNC_MODE_SNAPSHOT);
    assert_true(all.pages[0]->begins && !all.pages[1]->begins);
    for (size_t i = 0; i < all.n_pages; i++) {
        before += all.pages[i]->n_records;
        rest = take_all(f, ask_sync(f, all.pages[i]->cursor, 40));
        assert_int_equal(before + rest.n_records, all.n_records);
        /* Counts and hash are of the whole pull, whatever way it came. */
        assert_int_equal(rest.end->records, all.end->records);
        assert_memory_equal(rest.end->hash.data, all.end->hash.data, all.end->hash.len);
        assert_true(rest.n_pages == 0 || !rest.pages[0]->begins);
    }
    rest = take_all(f, ask_sync(f, all.end->cursor, 0));
    assert_true(rest.n_pages == 0 && rest.end->examined == 0);
}

/* Records of the pages come in full ones, whatever a turn may look at. */
static void pages_are_full(void **state)
{
    struct fixture *f = *state;
    struct told told;

    login(f);
    add_customers(f, CUSTOMERS);
    told = take_all(f, ask_sync(f, NULL, 0));
    assert_true(told.n_records > CUSTOMERS);
    for (size_t i = 0; i + 1 < told.n_pages; i++)
        assert_true(told.pages[i]->n_records > 250);
}

static void what_a_request_must_be(void **state)
{
    struct fixture *f = *state;
    Crm__SyncRequest request = CRM__SYNC_REQUEST__INIT;
    Crm__SyncFilter filter = CRM__SYNC_FILTER__INIT, *filters[] = { &filter, &filter };
    uint8_t name[5] = { 0 };

    login(f);
    request.has_replica = true;
    request.replica = (ProtobufCBinaryData){ .data = name, .len = sizeof name };
    assert_string_equal(take_error(f, ask(f, OP_SYNC_CHANGES, &request.base), CRM_INVALID)->field, "replica");
    request.has_replica = false;
    request.filters = filters;
    request.n_filters = 1;
    filter.has_kind = true;
    filter.kind = 4711;
    assert_string_equal(take_error(f, ask(f, OP_SYNC_CHANGES, &request.base), CRM_INVALID)->field, "filters");
    filter.kind = KIND_CUSTOMER;
    request.n_filters = 2;
    assert_string_equal(take_error(f, ask(f, OP_SYNC_CHANGES, &request.base), CRM_INVALID)->field, "filters");
}

/* Who gets another team is told nothing more; with the cursor so far a snapshot begins, since it was of other eyes. */
static void other_rights_end_it(void **state)
{
    struct fixture *f = *state;
    const Crm__LoginReply *reply = login(f);
    Crm__Mutation mutation = CRM__MUTATION__INIT, *mutations[] = { &mutation };
    uint32_t team = kind_field_by_name(kind_def(KIND_USER), "team")->ref, stream, change;
    const Crm__SyncChunk *page;
    const void *message;
    struct failure failure = { 0 };
    struct frame frame;

    add_customers(f, CUSTOMERS);
    mutation.has_kind = mutation.has_verb = mutation.has_id = true;
    mutation.kind = KIND_USER;
    mutation.verb = CRM__VERB__VERB_PATCH;
    mutation.id = reply->user;
    mutation.clear = &team;
    mutation.n_clear = 1;
    stream = ask_sync(f, NULL, 100);
    page = take(f, FRAME_CHUNK, stream, &crm__sync_chunk__descriptor);
    change = ask_mutate(f, mutations, 1, NULL, 0);
    for (take_frame(f, &frame); frame.header.type == FRAME_CHUNK; take_frame(f, &frame)) {
        assert_int_equal(frame.header.stream, stream);
        assert_int_equal(codec_unpack(&frame, &crm__sync_chunk__descriptor, FRAME_MAX, &f->arena, &message, &failure), CRM_OK);
        page = message;
    }
    /* The acknowledgement and the end, in either order; nothing is told between them or behind. */
    if (frame.header.stream == change) {
        assert_int_equal(frame.header.type, FRAME_REPLY);
        take_error(f, stream, CRM_ACCESS_CHANGED);
    } else {
        assert_int_equal(frame.header.type, FRAME_ERROR);
        assert_int_equal(frame.header.code, CRM_ACCESS_CHANGED);
        take(f, FRAME_REPLY, change, NULL);
    }
    stream = ask_sync(f, page->cursor, 0);
    page = take(f, FRAME_CHUNK, stream, &crm__sync_chunk__descriptor);
    assert_true(page->begins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_lead_on_from_each),
        TEST(pages_are_full),
        TEST(what_a_request_must_be),
        TEST(other_rights_end_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
