/*
 * test_body.c - walking, patching, comparing and masking packed messages, against protobuf-c on the
 * same data
 */
#include <stdlib.h>

#include "common/model/body.h"
#include "common/model/body_unit.h"
#include "common/model/body_write.h"

/* Behind the project's headers: its macro fail would hide our function. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 64u << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static void assert_bytes(struct slice a, struct slice b)
{
    assert_int_equal(a.size, b.size);
    if (a.size)
        assert_memory_equal(a.data, b.data, a.size);
}

/* --- a model of a customer: few fields of each sort, applied the obvious way */

#define PHONES_MAX    12
#define ADDRESSES_MAX 8
#define CUSTOMS       4
#define WORDS         6

struct model_address {
    uint8_t id;   /* 0: not there */
    uint8_t city; /* index of a word, 0 none */
};

struct model {
    uint8_t name, note; /* index of a word, 0: none */
    uint8_t status;     /* 0: none */
    bool has_revenue;
    int8_t revenue;
    uint8_t phones[PHONES_MAX]; /* distinct words */
    size_t n_phones;
    struct model_address addresses[ADDRESSES_MAX]; /* distinct ids */
    size_t n_addresses;
    uint8_t custom[CUSTOMS]; /* value + 1 of custom field i + 1, 0: none */
};

static char words[WORDS + 1][32] = { "",  "Alpha", "华为技术", "c", "a longer word with blanks",
                                     "Ω", "zz" };

static struct slice model_pack(const struct model *model)
{
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    Crm__Money money = CRM__MONEY__INIT;
    Crm__Address addresses[ADDRESSES_MAX], *address_list[ADDRESSES_MAX];
    Crm__CustomValue customs[CUSTOMS], *custom_list[CUSTOMS];
    char *phones[PHONES_MAX];
    uint8_t ids[ADDRESSES_MAX][16], *out;
    size_t size;

    customer.name = model->name ? words[model->name] : NULL;
    customer.note = model->note ? words[model->note] : NULL;
    customer.has_status = model->status != 0;
    customer.status = (Crm__CustomerStatus)model->status;
    money.has_minor = 1;
    money.minor = model->revenue;
    customer.revenue = model->has_revenue ? &money : NULL;
    for (size_t i = 0; i < model->n_phones; i++)
        phones[i] = words[model->phones[i]];
    customer.phones = phones;
    customer.n_phones = model->n_phones;
    for (size_t i = 0; i < model->n_addresses; i++) {
        crm__address__init(&addresses[i]);
        memset(ids[i], model->addresses[i].id, sizeof ids[i]);
        addresses[i].has_id = 1;
        addresses[i].id = (ProtobufCBinaryData){ .len = 16, .data = ids[i] };
        addresses[i].city = model->addresses[i].city ? words[model->addresses[i].city] : NULL;
        address_list[i] = &addresses[i];
    }
    customer.addresses = address_list;
    customer.n_addresses = model->n_addresses;
    for (size_t i = 0; i < CUSTOMS; i++) {
        if (!model->custom[i])
            continue;
        crm__custom_value__init(&customs[i]);
        customs[i].has_number = 1;
        customs[i].number = (uint32_t)i + 1;
        customs[i].has_integer = 1;
        customs[i].integer = model->custom[i] - 1;
        custom_list[customer.n_custom++] = &customs[i];
    }
    customer.custom = custom_list;
    size = crm__customer__get_packed_size(&customer);
    out = arena_alloc(&arena, size + 1);
    assert_non_null(out);
    crm__customer__pack(&customer, out);
    return slice_of(out, size);
}

/* A number below n, the same on every run. */
static unsigned pick(unsigned n)
{
    static uint64_t seed = 88172645463325252u;

    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed % n);
}

static struct model model_random(void)
{
    struct model model = { 0 };

    model.name = (uint8_t)pick(WORDS + 1);
    model.note = (uint8_t)pick(WORDS + 1);
    model.status = (uint8_t)pick(5);
    model.has_revenue = pick(2);
    model.revenue = (int8_t)(pick(200) - 100);
    for (uint8_t i = 1; i <= WORDS; i++) {
        if (pick(3) == 0)
            model.phones[model.n_phones++] = i;
    }
    for (uint8_t i = 1; i < 5; i++) {
        if (pick(3) == 0)
            model.addresses[model.n_addresses++] =
                (struct model_address){ i, (uint8_t)pick(WORDS + 1) };
    }
    for (size_t i = 0; i < CUSTOMS; i++)
        model.custom[i] = (uint8_t)(pick(2) ? 1 + pick(100) : 0);
    return model;
}

static void set_scalar(uint8_t *field, uint8_t set, bool is_cleared)
{
    if (set)
        *field = set;
    else if (is_cleared)
        *field = 0;
}

static void patch_phones(struct model *model, const struct model *add, const struct model *gone)
{
    uint8_t result[PHONES_MAX];
    size_t n = 0;

    for (size_t i = 0; i < model->n_phones; i++) {
        bool is_gone = memchr(gone->phones, model->phones[i], gone->n_phones) != NULL;

        if (!is_gone || memchr(add->phones, model->phones[i], add->n_phones))
            result[n++] = model->phones[i];
    }
    for (size_t i = 0; i < add->n_phones; i++) {
        if (!memchr(result, add->phones[i], n))
            result[n++] = add->phones[i];
    }
    memcpy(model->phones, result, n);
    model->n_phones = n;
}

static const struct model_address *address_of(const struct model *model, uint8_t id)
{
    for (size_t i = 0; i < model->n_addresses; i++) {
        if (model->addresses[i].id == id)
            return &model->addresses[i];
    }
    return NULL;
}

static void patch_addresses(struct model *model, const struct model *add, const struct model *gone)
{
    struct model result = { 0 };

    for (size_t i = 0; i < model->n_addresses; i++) {
        const struct model_address *replacement = address_of(add, model->addresses[i].id);

        if (replacement)
            result.addresses[result.n_addresses++] = *replacement;
        else if (!address_of(gone, model->addresses[i].id))
            result.addresses[result.n_addresses++] = model->addresses[i];
    }
    for (size_t i = 0; i < add->n_addresses; i++) {
        if (!address_of(&result, add->addresses[i].id))
            result.addresses[result.n_addresses++] = add->addresses[i];
    }
    memcpy(model->addresses, result.addresses, sizeof result.addresses);
    model->n_addresses = result.n_addresses;
}

enum clearable {
    CLEAR_NAME,
    CLEAR_NOTE,
    CLEAR_STATUS,
    CLEAR_REVENUE,
    CLEAR_PHONES,
    CLEAR_ADDRESSES,
    CLEAR_CUSTOM
};

static void model_patch(struct model *model, const struct model *set, unsigned clear,
                        const struct model *add, const struct model *gone)
{
    set_scalar(&model->name, set->name, clear & 1u << CLEAR_NAME);
    set_scalar(&model->note, set->note, clear & 1u << CLEAR_NOTE);
    set_scalar(&model->status, set->status, clear & 1u << CLEAR_STATUS);
    if (set->has_revenue)
        model->revenue = set->revenue;
    model->has_revenue = set->has_revenue || (model->has_revenue && !(clear & 1u << CLEAR_REVENUE));
    if (set->n_phones || clear & 1u << CLEAR_PHONES) {
        memcpy(model->phones, set->phones, sizeof set->phones);
        model->n_phones = set->n_phones;
    }
    if (set->n_addresses || clear & 1u << CLEAR_ADDRESSES) {
        memcpy(model->addresses, set->addresses, sizeof set->addresses);
        model->n_addresses = set->n_addresses;
    }
    patch_phones(model, add, gone);
    patch_addresses(model, add, gone);
    for (unsigned i = 0; i < CUSTOMS; i++)
        set_scalar(&model->custom[i], set->custom[i], clear & 1u << (CLEAR_CUSTOM + i));
}

/* Only lists can be added to and removed from. */
static struct model only_lists(struct model model)
{
    struct model lists = { 0 };

    memcpy(lists.phones, model.phones, sizeof lists.phones);
    lists.n_phones = model.n_phones;
    memcpy(lists.addresses, model.addresses, sizeof lists.addresses);
    lists.n_addresses = model.n_addresses;
    return lists;
}

static const uint32_t clear_refs[CLEAR_CUSTOM + CUSTOMS] = { 1,  22,   8,    7,    11,
                                                             14, 1001, 1002, 1003, 1004 };

static struct model sparse(struct model model)
{
    if (pick(2))
        model.name = model.note = 0;
    if (pick(2))
        model.status = 0;
    if (pick(2))
        model.n_phones = 0;
    if (pick(2))
        model.n_addresses = 0;
    for (size_t i = 0; i < CUSTOMS; i++)
        model.custom[i] = pick(2) ? model.custom[i] : 0;
    return model;
}

static void patches_do_what_the_model_does(void **state)
{
    (void)state;
    for (int round = 0; round < 5000; round++) {
        struct model before = model_random(), set = sparse(model_random());
        struct model add = only_lists(sparse(model_random())),
                     gone = only_lists(sparse(model_random()));
        unsigned clear = pick(1u << ARRAY_LEN(clear_refs));
        uint32_t refs[ARRAY_LEN(clear_refs)];
        struct body_patch patch = { .clear = refs };
        struct slice body = model_pack(&before), after;

        for (size_t i = ARRAY_LEN(clear_refs); i-- > 0;) { /* in no order that would help */
            if (clear & 1u << i)
                refs[patch.n_clear++] = clear_refs[i];
        }
        patch.set = model_pack(&set);
        patch.add = model_pack(&add);
        patch.remove = model_pack(&gone);
        assert_int_equal(body_apply(kind_def(KIND_CUSTOMER), &arena, body, &patch, &after, NULL),
                         CRM_OK);
        model_patch(&before, &set, clear, &add, &gone);
        assert_bytes(after, model_pack(&before));
        arena_reset(&arena);
    }
}

static void differences_and_overlay_agree(void **state)
{
    (void)state;
    for (int round = 0; round < 5000; round++) {
        struct model a = model_random(), b = model_random();
        struct slice before = model_pack(&a), after = model_pack(&b), back, kept, dropped, joined;
        struct field_set changed;

        assert_int_equal(body_diff(&arena, before, after, &changed), CRM_OK);
        assert_int_equal(field_set_has(&changed, 1), a.name != b.name);
        assert_int_equal(field_set_has(&changed, 8), a.status != b.status);
        assert_int_equal(field_set_has(&changed, 1003), a.custom[2] != b.custom[2]);
        assert_false(field_set_has(&changed, BODY_TAG_CUSTOM));
        for (size_t i = 1; i < changed.n; i++)
            assert_true(changed.refs[i - 1] < changed.refs[i]);

        /* One step back: what is now, with the previous values of what changed. */
        assert_int_equal(body_keep(&arena, before, &changed, &kept), CRM_OK);
        assert_int_equal(body_overlay(&arena, after, &changed, kept, &back), CRM_OK);
        assert_bytes(back, before);

        /* What is kept and what is dropped make up the whole. */
        assert_int_equal(body_drop(&arena, before, &changed, &dropped), CRM_OK);
        assert_int_equal(kept.size + dropped.size, before.size);
        assert_int_equal(body_overlay(&arena, dropped, &changed, kept, &joined), CRM_OK);
        assert_bytes(joined, before);
        arena_reset(&arena);
    }
}

/* The fields of a body in another order are the same body; of lists the order stays. */
static void canonical_sorts(void **state)
{
    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct model model = model_random();
        struct slice body = model_pack(&model), shuffled, canonical, again;
        struct body_units units;
        struct slice parts[64];
        struct body_writer writer;
        size_t n = 0;

        for (body_units_begin(&units, body); units.unit.order != UNIT_END; body_units_next(&units))
            parts[n++] = units.unit.raw;
        for (size_t i = n; i > 1; i--) {
            size_t j = pick((unsigned)i);
            struct slice swap = parts[i - 1];

            parts[i - 1] = parts[j];
            parts[j] = swap;
        }
        body_writer_init(&writer, &arena, body.size);
        for (size_t i = 0; i < n; i++)
            body_write_raw(&writer, parts[i]);
        assert_int_equal(body_writer_finish(&writer, &shuffled), CRM_OK);
        assert_int_equal(body_canonical(&arena, shuffled, &canonical, NULL), CRM_OK);
        assert_bytes(canonical, body);
        assert_int_equal(body_canonical(&arena, canonical, &again, NULL), CRM_OK);
        assert_true(n == 0 || again.data == canonical.data);
        arena_reset(&arena);
    }
}

/* --- by hand */

#define BYTES(text) slice_of(text, sizeof(text) - 1)

static void canonical_keeps_the_last_of_a_custom_value(void **state)
{
    struct slice out;

    (void)state;
    assert_int_equal(body_canonical(&arena,
                                    BYTES("\xa2\x06\x04\x08\x02\x18\x02\xa2\x06\x04\x08\x01\x18\x04"
                                          "\xa2\x06\x04\x08\x02\x18\x06"),
                                    &out, NULL),
                     CRM_OK);
    assert_bytes(out, BYTES("\xa2\x06\x04\x08\x01\x18\x04\xa2\x06\x04\x08\x02\x18\x06"));
}

static void malformed_bodies_are_refused(void **state)
{
    static const struct slice bad[] = {
        { (const uint8_t *)"\x0a\x05"
                           "ab",
          4 },                              /* shorter than it says */
        { (const uint8_t *)"\x0b\x0c", 2 }, /* a group */
        { (const uint8_t *)"\x00\x00", 2 }, /* tag 0 */
        { (const uint8_t *)"\x08", 1 },     /* no number */
        { (const uint8_t *)"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
          11 },                                 /* more than 64 bits */
        { (const uint8_t *)"\x09\x01\x02", 3 }, /* cut fixed64 */
        { (const uint8_t *)"\x0d\x01\x02", 3 }, /* cut fixed32 */
        { (const uint8_t *)"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
          11 },                                         /* a length that wraps round */
        { (const uint8_t *)"\xa2\x06\x02\x18\x01", 5 }, /* custom value without number */
        { (const uint8_t *)"\xa0\x06\x01", 3 },         /* custom value that is a number */
        { (const uint8_t *)"\x80\x32\x01", 3 },         /* tag 800 */
    };
    struct failure failure;
    struct slice out;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct body_patch patch = { .set = bad[i] };
        struct field_set set;

        failure = (struct failure){ 0 };
        assert_int_equal(body_canonical(&arena, bad[i], &out, &failure), CRM_INVALID);
        assert_int_equal(failure.status, CRM_INVALID);
        assert_int_equal(
            body_apply(kind_def(KIND_CUSTOMER), &arena, (struct slice){ 0 }, &patch, &out, NULL),
            CRM_INVALID);
        assert_int_equal(body_diff(&arena, bad[i], (struct slice){ 0 }, &set), CRM_CORRUPT);
        set = (struct field_set){ 0 };
        assert_int_equal(body_keep(&arena, bad[i], &set, &out), CRM_CORRUPT);
        assert_int_equal(body_overlay(&arena, bad[i], &set, (struct slice){ 0 }, &out),
                         CRM_CORRUPT);
    }
}

/* Cut anywhere, a body is refused or shorter, and nothing behind its end is read. */
static void cut_bodies_are_harmless(void **state)
{
    struct model model = model_random();
    struct slice body, out;

    (void)state;
    model.name = 2;
    model.custom[0] = 7;
    body = model_pack(&model);
    for (size_t size = 0; size < body.size; size++) {
        uint8_t *cut = malloc(size + 1);
        struct body_field field;
        size_t position = 0;

        assert_non_null(cut);
        memcpy(cut, body.data, size);
        while (body_next(slice_of(cut, size), &position, &field))
            assert_true(position <= size);
        if (body_canonical(&arena, slice_of(cut, size), &out, NULL) == CRM_OK)
            assert_int_equal(position, size);
        free(cut);
    }
}

static void only_lists_take_elements(void **state)
{
    struct body_patch patch = { .add = BYTES("\x0a\x01x") };
    struct failure failure = { 0 };
    struct slice out;

    (void)state;
    assert_int_equal(
        body_apply(kind_def(KIND_CUSTOMER), &arena, (struct slice){ 0 }, &patch, &out, &failure),
        CRM_INVALID);
    assert_string_equal(failure.field, "name");
}

static void header_fields_cannot_be_cleared(void **state)
{
    static const uint32_t refs[] = { 0, BODY_TAG_CUSTOM, HEADER_OWNER, FIELD_REF_CUSTOM,
                                     UINT32_MAX };
    struct slice out;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
        struct body_patch patch = { .clear = &refs[i], .n_clear = 1 };

        assert_int_equal(
            body_apply(kind_def(KIND_DEAL), &arena, (struct slice){ 0 }, &patch, &out, NULL),
            CRM_INVALID);
    }
}

/* A multi-choice: choices come and go within the custom value, which goes with the last one. */
static void custom_lists_take_elements(void **state)
{
    struct slice body = BYTES("\xa2\x06\x08\x08\x01\x32\x01"
                              "a\x32\x01"
                              "b");
    struct body_patch patch = { .add = BYTES("\xa2\x06\x08\x08\x01\x32\x01"
                                             "b\x32\x01"
                                             "c") };
    struct slice out;

    (void)state;
    patch.remove = BYTES("\xa2\x06\x05\x08\x01\x32\x01"
                         "a");
    assert_int_equal(body_apply(kind_def(KIND_DEAL), &arena, body, &patch, &out, NULL), CRM_OK);
    assert_bytes(out, BYTES("\xa2\x06\x08\x08\x01\x32\x01"
                            "b\x32\x01"
                            "c"));
    patch = (struct body_patch){ .remove = out };
    assert_int_equal(body_apply(kind_def(KIND_DEAL), &arena, out, &patch, &out, NULL), CRM_OK);
    assert_int_equal(out.size, 0);
    patch = (struct body_patch){ .add = body };
    assert_int_equal(body_apply(kind_def(KIND_DEAL), &arena, out, &patch, &out, NULL), CRM_OK);
    assert_bytes(out, body);
}

static void unknown_fields_stay(void **state)
{
    struct slice body = BYTES("\x0a\x01"
                              "a\xc8\x05\x07"),
                 out; /* tag 89 */
    struct body_patch patch = { .set = BYTES("\x0a\x02"
                                             "bc") };

    (void)state;
    assert_int_equal(body_apply(kind_def(KIND_DEAL), &arena, body, &patch, &out, NULL), CRM_OK);
    assert_bytes(out, BYTES("\x0a\x02"
                            "bc\xc8\x05\x07"));
}

static void running_out_of_memory_is_an_answer(void **state)
{
    struct model a = model_random(), b = model_random();
    struct slice before, after, out;
    struct arena tight;
    struct field_set changed;

    (void)state;
    a.name = 1;
    b.name = 2;
    before = model_pack(&a);
    after = model_pack(&b);
    arena_init(&tight, 0);
    assert_int_equal(body_diff(&tight, before, after, &changed), CRM_NO_MEMORY);
    assert_int_equal(body_overlay(&tight, before, &(struct field_set){ 0 }, after, &out),
                     CRM_NO_MEMORY);
    assert_int_equal(body_apply(kind_def(KIND_CUSTOMER), &tight, before,
                                &(struct body_patch){ .set = after }, &out, NULL),
                     CRM_NO_MEMORY);
    arena_fini(&tight);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches_do_what_the_model_does),
        cmocka_unit_test(differences_and_overlay_agree),
        cmocka_unit_test(canonical_sorts),
        cmocka_unit_test(canonical_keeps_the_last_of_a_custom_value),
        cmocka_unit_test(malformed_bodies_are_refused),
        cmocka_unit_test(cut_bodies_are_harmless),
        cmocka_unit_test(only_lists_take_elements),
        cmocka_unit_test(header_fields_cannot_be_cleared),
        cmocka_unit_test(custom_lists_take_elements),
        cmocka_unit_test(unknown_fields_stay),
        cmocka_unit_test(running_out_of_memory_is_an_answer),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
