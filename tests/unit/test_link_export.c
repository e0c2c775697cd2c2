/*
 * test_link_export.c - an export in parts is one state, whatever changes meanwhile
 */
#include "tests/unit/link_fixture.h"

#define N 10

static ProtobufCBinaryData begin(struct fixture *f, Crm__ListRequest *list)
{
    Crm__ExportRequest request = CRM__EXPORT_REQUEST__INIT;
    const Crm__ExportReply *reply;

    request.list = list;
    reply = take(f, FRAME_REPLY, ask(f, OP_EXPORT_BEGIN, &request.base), &crm__export_reply__descriptor);
    assert_true(reply->has_token);
    return reply->token;
}

/* One part: its names into the text, its end. */
static const Crm__ListReply *part(struct fixture *f, Crm__ListRequest *request, char *names, size_t size)
{
    uint32_t stream = ask(f, OP_EXPORT, &request->base);
    struct frame frame;

    for (;;) {
        const void *message;
        struct failure failure = { 0 };

        take_frame(f, &frame);
        assert_int_equal(frame.header.stream, stream);
        if (frame.header.type == FRAME_END) {
            assert_int_equal(codec_unpack(&frame, &crm__list_reply__descriptor, FRAME_MAX, &f->arena, &message, &failure), CRM_OK);
            return message;
        }
        assert_int_equal(frame.header.type, FRAME_CHUNK);
        assert_int_equal(codec_unpack(&frame, &crm__list_chunk__descriptor, FRAME_MAX, &f->arena, &message, &failure), CRM_OK);
        for (size_t i = 0; i < ((const Crm__ListChunk *)message)->n_records; i++) {
            ProtobufCBinaryData body = ((const Crm__ListChunk *)message)->records[i]->body;
            const Crm__Customer *customer = crm__customer__unpack(&f->arena.protobuf, body.len, body.data);

            snprintf(names + strlen(names), size - strlen(names), "%s;", customer->name);
        }
    }
}

static void change(struct fixture *f, ProtobufCBinaryData id, const char *name)
{
    Crm__Mutation *mutation = new_customer(f, name);

    mutation->has_id = true;
    mutation->id = id;
    mutation->has_set = *name != '\0';
    mutation->verb = *name ? CRM__VERB__VERB_PATCH : CRM__VERB__VERB_DELETE;
    take(f, FRAME_REPLY, ask_mutate(f, &mutation, 1, NULL, 0), &crm__mutate_reply__descriptor);
}

static void shows_one_state(void **state)
{
    struct fixture *f = *state;
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;
    Crm__Mutation *mutations[N];
    const Crm__MutateReply *made;
    const Crm__ListReply *end;
    char names[1000] = "";
    int parts = 0;

    login(f);
    for (int i = 0; i < N; i++)
        mutations[i] = new_customer(f, arena_printf(&f->arena, "Customer %d", i));
    made = take(f, FRAME_REPLY, ask_mutate(f, mutations, N, NULL, 0), &crm__mutate_reply__descriptor);
    request.has_kind = request.has_limit = true;
    request.kind = KIND_CUSTOMER;
    request.limit = 3;
    request.token = begin(f, &request);
    request.has_token = true;
    do {
        end = part(f, &request, names, sizeof names);
        request.token = end->token;
        if (parts++ > 0)
            continue;
        for (int i = 0; i < N; i++) /* those that were told, and those that were not yet */
            change(f, made->results[i]->id, i % 2 ? "" : "Renamed");
        add_customers(f, 1);
    } while (end->has_token);
    assert_int_equal(parts, 4);
    assert_null(strstr(names, "Renamed"));
    for (int i = 0; i < N; i++)
        assert_non_null(strstr(names, arena_printf(&f->arena, "Customer %d;", i)));
    assert_int_equal(strlen(names), N * strlen("Customer 0;"));
}

/* A list's token is no export's, nor another query's. */
static void begins_only_by_begin(void **state)
{
    struct fixture *f = *state;
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;

    login(f);
    add_customers(f, 3);
    request.has_kind = request.has_limit = true;
    request.kind = KIND_CUSTOMER;
    request.limit = 1;
    take_error(f, ask(f, OP_EXPORT, &request.base), CRM_INVALID);
    request.token = begin(f, &request);
    request.has_token = true;
    take_error(f, ask(f, OP_LIST, &request.base), CRM_INVALID);
    request.has_deleted = request.deleted = true;
    take_error(f, ask(f, OP_EXPORT, &request.base), CRM_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(shows_one_state), TEST(begins_only_by_begin) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
