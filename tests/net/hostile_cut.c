/*
 * hostile_cut.c - the right frames, but crumbled, glued, and cut at every byte
 */
#include "tests/net/raw.h"

#define MANY 1000

static void one_byte_a_record(void **state)
{
    Crm__PingRequest request = CRM__PING_REQUEST__INIT;
    struct raw raw;

    (void)state;
    raw_connect(&raw);
    raw_put_hello(&raw, true);
    raw_put_request(&raw, OP_PING, &request.base);
    raw_put_request(&raw, OP_PING, &request.base);
    assert_true(raw_send_in_parts(&raw, 1));
    raw_expect(&raw, FRAME_HELLO, 0, &crm__hello__descriptor);
    raw_expect(&raw, FRAME_REPLY, 1, &crm__ping_reply__descriptor);
    raw_expect(&raw, FRAME_REPLY, 2, &crm__ping_reply__descriptor);
    raw_drop(&raw, false);
}

static void many_frames_at_once(void **state)
{
    Crm__PingRequest request = CRM__PING_REQUEST__INIT;
    struct raw raw;

    (void)state;
    raw_connect_in_session(&raw);
    for (unsigned i = 0; i < MANY; i++)
        raw_put_request(&raw, OP_PING, &request.base);
    assert_true(raw_send(&raw));
    for (uint32_t stream = 1; stream <= MANY; stream++)
        raw_expect(&raw, FRAME_REPLY, stream, &crm__ping_reply__descriptor);
    raw_drop(&raw, false);
}

/* --- cuts */

static void put_login(struct raw *raw)
{
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;

    request.login = (char *)"admin";
    request.password = (char *)DAEMON_PASSWORD;
    raw_put_hello(raw, false);
    raw_put_request(raw, OP_LOGIN, &request.base);
}

/* The same create under the same key each time. */
static void put_create(struct raw *raw)
{
    static uint8_t key[] = "the cut's client", id[] = "0123456789abcdef", set[] = "\x0a\x03" "cut";
    Crm__Mutation mutation = CRM__MUTATION__INIT, *mutations[] = { &mutation };
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;

    request.has_client = request.has_number = true;
    request.client = (ProtobufCBinaryData){ .data = key, .len = RAW_UUID_SIZE };
    request.number = 1;
    mutation.has_kind = mutation.has_id = mutation.has_verb = mutation.has_set = true;
    mutation.kind = 4;
    mutation.id = (ProtobufCBinaryData){ .data = id, .len = RAW_UUID_SIZE };
    mutation.verb = CRM__VERB__VERB_CREATE;
    mutation.set = (ProtobufCBinaryData){ .data = set, .len = sizeof(set) - 1 };
    request.n_mutations = 1;
    request.mutations = mutations;
    raw_put_request(raw, OP_MUTATE, &request.base);
}

static uint64_t count_customers(void)
{
    Crm__CountRequest request = CRM__COUNT_REQUEST__INIT;
    struct raw raw;
    uint64_t count;

    request.has_kind = true;
    request.kind = 4;
    raw_connect_in_session(&raw);
    raw_put_request(&raw, OP_COUNT, &request.base);
    assert_true(raw_send(&raw));
    count = ((const Crm__CountReply *)raw_expect(&raw, FRAME_REPLY, 1, &crm__count_reply__descriptor))->count;
    raw_drop(&raw, false);
    return count;
}

/* Send the first n bytes of what fill puts together, then be gone, by turns with an end and with a reset. Returns how long all of it is. */
static size_t send_cut(void (*fill)(struct raw *raw), size_t n)
{
    struct raw raw;
    size_t size;

    raw_connect(&raw);
    fill(&raw);
    size = raw.out.size;
    buf_truncate(&raw.out, n < size ? n : size);
    assert_true(raw_send(&raw));
    raw_drop(&raw, n % 2 == 1);
    return size;
}

static void login_cut_at_every_byte(void **state)
{
    size_t n = 0;

    (void)state;
    while (n + 1 < send_cut(put_login, n))
        n++;
    raw_assert_alive();
}

static void put_session_and_create(struct raw *raw)
{
    raw_put_hello(raw, true);
    put_create(raw);
}

static void put_session_create_and_list(struct raw *raw)
{
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;

    put_session_and_create(raw);
    request.has_kind = true;
    request.kind = 4;
    raw_put_request(raw, OP_LIST, &request.base);
}

/* Nothing happens before the create's last byte has come; whatever is cut behind it, it happens once. */
static void change_cut_at_every_byte(void **state)
{
    const Crm__MutateReply *reply;
    struct raw raw;
    size_t n = 0;

    (void)state;
    while (n + 1 < send_cut(put_session_and_create, n))
        n++;
    assert_int_equal(count_customers(), 0);
    while (n < send_cut(put_session_create_and_list, n))
        n++;
    raw_connect_in_session(&raw);
    put_create(&raw);
    assert_true(raw_send(&raw));
    reply = raw_expect(&raw, FRAME_REPLY, 1, &crm__mutate_reply__descriptor);
    assert_int_equal(reply->n_results, 1);
    assert_int_equal(reply->results[0]->status, CRM_OK);
    assert_int_equal(reply->results[0]->rev, 1);
    raw_drop(&raw, false);
    assert_int_equal(count_customers(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_byte_a_record),
        cmocka_unit_test(many_frames_at_once),
        cmocka_unit_test(login_cut_at_every_byte),
        cmocka_unit_test(change_cut_at_every_byte),
    };

    return cmocka_run_group_tests_name("crumbled frames", tests, raw_group_setup, raw_group_teardown);
}
