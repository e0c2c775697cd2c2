/*
 * test_tally.c - records counted by the values of a field: each group once, however many there are
 */
#include "tests/unit/link_fixture.h"

#define CUSTOMERS 700

static const Crm__CountReply *count_by(struct fixture *f, const char *field)
{
    Crm__CountRequest request = CRM__COUNT_REQUEST__INIT;

    request.has_kind = request.has_group = true;
    request.kind = KIND_CUSTOMER;
    request.group = kind_field_by_name(kind_def(KIND_CUSTOMER), field)->ref;
    return take(f, FRAME_REPLY, ask(f, OP_COUNT, &request.base), &crm__count_reply__descriptor);
}

static void counts_each_value_once(void **state)
{
    struct fixture *f = *state;
    bool seen[CUSTOMERS] = { false };
    const Crm__CountReply *reply;

    login(f);
    for (int round = 0; round < 2; round++)
        add_customers(f, CUSTOMERS); /* of the same names */
    reply = count_by(f, "name");
    assert_int_equal(reply->n_groups, CUSTOMERS);
    for (size_t i = 0; i < reply->n_groups; i++) {
        unsigned n;

        assert_int_equal(sscanf(reply->groups[i]->value->text, "Customer %u", &n), 1);
        assert_true(n < CUSTOMERS && !seen[n]);
        seen[n] = true;
        assert_int_equal(reply->groups[i]->count, 2);
    }
    reply = count_by(f, "owner");
    assert_int_equal(reply->n_groups, 1);
    assert_int_equal(reply->groups[0]->count, 2 * CUSTOMERS);
    reply = count_by(f, "legal_name");
    assert_int_equal(reply->n_groups, 1);
    assert_null(reply->groups[0]->value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counts_each_value_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
