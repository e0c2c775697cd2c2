/*
 * test_cli_resolve.c - what is chosen of a record's conflicts by words and options, and what it comes to
 */
#include "cli_fixture.h"

#include "client/cli/resolve.h"
#include "proto/codec.h"
#include "proto/records.pb-c.h"

#define FIELDS_MAX 4

/* Two conflicts on one customer: the first of name and industry, the second of name and web. */
static struct scene {
    Crm__Conflict conflicts[2], *list[2];
    Crm__FieldConflict fields[2][FIELDS_MAX], *refs[2][FIELDS_MAX];
    uint8_t ids[2][UUID_SIZE];
    struct conflict_list all;
} scene;

static uint32_t ref_of(const char *name)
{
    const struct field_def *field = schema_field_by_name(fixture.schema, kind_def(KIND_CUSTOMER), name);

    assert_non_null(field);
    return field->ref;
}

static ProtobufCBinaryData value_of(const char *assignment)
{
    struct record record = make_record(KIND_CUSTOMER, assignment, NULL);

    return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)record.body.data, .len = record.body.size };
}

static void add_field(size_t at, const char *name, const char *mine, const char *theirs)
{
    Crm__Conflict *conflict = &scene.conflicts[at];
    Crm__FieldConflict *field = &scene.fields[at][conflict->n_fields];

    crm__field_conflict__init(field);
    field->has_field = field->has_mine = field->has_theirs = true;
    field->field = ref_of(name);
    field->mine = value_of(mine);
    field->theirs = value_of(theirs);
    scene.refs[at][conflict->n_fields++] = field;
}

static void make_scene(struct resolve *resolve)
{
    for (size_t i = 0; i < 2; i++) {
        crm__conflict__init(&scene.conflicts[i]);
        scene.conflicts[i].kind = KIND_CUSTOMER;
        scene.ids[i][0] = (uint8_t)(i + 1);
        scene.conflicts[i].has_conflict = true;
        scene.conflicts[i].conflict = (ProtobufCBinaryData){ .data = scene.ids[i], .len = UUID_SIZE };
        scene.conflicts[i].fields = scene.refs[i];
        scene.list[i] = &scene.conflicts[i];
    }
    scene.all = (struct conflict_list){ .items = scene.list, .n = 2 };
    add_field(0, "name", "name=Mine", "name=Theirs");
    add_field(0, "industry", "industry=mine", "industry=theirs");
    add_field(1, "name", "name=Later", "name=Theirs");
    add_field(1, "web", "web=mine", "web=theirs");
    fixture.options.mine = fixture.options.theirs = NULL;
    resolve_init(resolve, &fixture, &scene.all);
}

/* Words as of the command line, with the two options; what it comes to. */
static enum crm_status read_words(struct resolve *resolve, const char *mine, const char *theirs, const char *const *words, size_t n)
{
    make_scene(resolve);
    fixture.failure = (struct failure){ 0 };
    fixture.options.mine = mine;
    fixture.options.theirs = theirs;
    return resolve_read(resolve, (char *const *)(uintptr_t)words, n);
}

static Crm__Take take_of(const struct resolve *resolve, size_t at, const char *field)
{
    ProtobufCBinaryData value;

    return resolve_choice(resolve, &scene.conflicts[at], ref_of(field), &value);
}

static void test_takes_one_side(void **state)
{
    struct resolve resolve;
    size_t settled, open;

    (void)state;
    assert_int_equal(read_words(&resolve, "", NULL, NULL, 0), CRM_OK);
    assert_int_equal(take_of(&resolve, 0, "name"), CRM__TAKE__TAKE_MINE);
    assert_int_equal(take_of(&resolve, 1, "web"), CRM__TAKE__TAKE_MINE);
    resolve_count(&resolve, &settled, &open);
    assert_int_equal(settled, 4);
    assert_int_equal(open, 0);
    assert_int_equal(read_words(&resolve, NULL, "", NULL, 0), CRM_OK);
    assert_int_equal(take_of(&resolve, 1, "name"), CRM__TAKE__TAKE_THEIRS);
    assert_int_equal(read_words(&resolve, "", "", NULL, 0), CRM_USAGE);
}

static void test_takes_field_by_field(void **state)
{
    static const char *const words[] = { "web=https://new.example" };
    struct resolve resolve;
    ProtobufCBinaryData value = { 0 }, wanted;
    size_t settled, open;

    (void)state;
    assert_int_equal(read_words(&resolve, "name", NULL, words, 1), CRM_OK);
    assert_int_equal(take_of(&resolve, 0, "name"), CRM__TAKE__TAKE_MINE);
    assert_int_equal(take_of(&resolve, 1, "name"), CRM__TAKE__TAKE_MINE);
    assert_int_equal(take_of(&resolve, 0, "industry"), CRM__TAKE__TAKE_UNSET);
    assert_int_equal(resolve_choice(&resolve, &scene.conflicts[1], ref_of("web"), &value), CRM__TAKE__TAKE_VALUE);
    wanted = value_of(words[0]);
    assert_int_equal(value.len, wanted.len);
    assert_memory_equal(value.data, wanted.data, wanted.len);
    resolve_count(&resolve, &settled, &open);
    assert_int_equal(settled, 3);
    assert_int_equal(open, 1);

    assert_int_equal(read_words(&resolve, "name,Industry", "", words, 1), CRM_OK); /* a label will do */
    assert_int_equal(take_of(&resolve, 0, "industry"), CRM__TAKE__TAKE_MINE);
    resolve_count(&resolve, &settled, &open);
    assert_int_equal(open, 0);
}

static void test_clears_a_field(void **state)
{
    static const char *const words[] = { "web=" };
    struct resolve resolve;
    ProtobufCBinaryData value = { .len = 9 };

    (void)state;
    assert_int_equal(read_words(&resolve, NULL, NULL, words, 1), CRM_OK);
    assert_int_equal(resolve_choice(&resolve, &scene.conflicts[1], ref_of("web"), &value), CRM__TAKE__TAKE_VALUE);
    assert_int_equal(value.len, 0);
}

static void test_refuses_what_is_not_in_conflict(void **state)
{
    static const struct {
        const char *mine, *theirs, *word, *field;
        enum crm_status status;
    } cases[] = {
        { "country", NULL, NULL, "country", CRM_INVALID },     { "nmae", NULL, NULL, "nmae", CRM_INVALID },
        { NULL, "name,country", NULL, "country", CRM_INVALID }, { NULL, NULL, "country=DE", "country", CRM_INVALID },
        { NULL, NULL, "nmae=x", "nmae", CRM_INVALID },         { "name", "name", NULL, "name", CRM_USAGE },
        { "name", NULL, "name=x", "name", CRM_USAGE },         { NULL, NULL, "tags+=x", "", CRM_USAGE },
        { NULL, NULL, "name", "", CRM_USAGE },
    };
    struct resolve resolve;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(read_words(&resolve, cases[i].mine, cases[i].theirs, &cases[i].word, cases[i].word != NULL), cases[i].status);
        assert_string_equal(fixture.failure.field, cases[i].field);
        assert_true(*fixture.failure.text != '\0');
    }
}

/* The dialogue settles conflict by conflict: the first choice that fits counts. */
static void test_choices_of_one_conflict(void **state)
{
    const ProtobufCBinaryData none = { 0 };
    struct resolve resolve;
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    const void *message;
    const Crm__ResolveArgument *argument;

    (void)state;
    make_scene(&resolve);
    assert_int_equal(resolve_add(&resolve, &scene.conflicts[0], ref_of("name"), CRM__TAKE__TAKE_THEIRS, none), CRM_OK);
    assert_int_equal(resolve_add(&resolve, NULL, ref_of("name"), CRM__TAKE__TAKE_MINE, none), CRM_OK);
    assert_int_equal(take_of(&resolve, 0, "name"), CRM__TAKE__TAKE_THEIRS);
    assert_int_equal(take_of(&resolve, 1, "name"), CRM__TAKE__TAKE_MINE);

    assert_int_equal(resolve_finish(&resolve, &mutation), CRM_OK);
    assert_string_equal(mutation.action, "resolve");
    assert_int_equal(codec_unpack_body(slice_of(mutation.argument.data, mutation.argument.len), &crm__resolve_argument__descriptor, &fixture.arena,
                                       &message, NULL),
                     CRM_OK);
    argument = message;
    assert_int_equal(argument->n_choices, 2);
    assert_memory_equal(argument->choices[0]->conflict.data, scene.ids[0], UUID_SIZE);
    assert_false(argument->choices[1]->has_conflict);
    assert_false(argument->has_take);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_one_side),
        cmocka_unit_test(test_takes_field_by_field),
        cmocka_unit_test(test_clears_a_field),
        cmocka_unit_test(test_refuses_what_is_not_in_conflict),
        cmocka_unit_test(test_choices_of_one_conflict),
    };

    return cmocka_run_group_tests(tests, cli_setup, cli_teardown);
}
