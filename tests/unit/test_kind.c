/*
 * test_kind.c - every row of the kind tables against the message that it describes
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/model/kind.h"

#define TAG_CUSTOM 100

/* --- tables against descriptors */

static bool is_type_right(const struct field_def *field, const ProtobufCFieldDescriptor *descriptor)
{
    ProtobufCType type = descriptor->type;

    switch (field->type) {
    case FIELD_TEXT:
        return type == PROTOBUF_C_TYPE_STRING;
    case FIELD_INTEGER:
        return type == PROTOBUF_C_TYPE_UINT32 || type == PROTOBUF_C_TYPE_UINT64;
    case FIELD_DECIMAL:
    case FIELD_INSTANT:
        return type == PROTOBUF_C_TYPE_SINT64;
    case FIELD_DATE:
        return type == PROTOBUF_C_TYPE_SINT32;
    case FIELD_BOOLEAN:
        return type == PROTOBUF_C_TYPE_BOOL;
    case FIELD_CHOICE:
        return type == PROTOBUF_C_TYPE_ENUM;
    case FIELD_REFERENCE:
    case FIELD_ID:
        return type == PROTOBUF_C_TYPE_BYTES;
    case FIELD_MONEY:
        return type == PROTOBUF_C_TYPE_MESSAGE && descriptor->descriptor == &crm__money__descriptor;
    case FIELD_GROUP:
        return type == PROTOBUF_C_TYPE_MESSAGE && descriptor->descriptor == field->group &&
               field->flags & FIELD_REPEATED;
    default:
        return false;
    }
}

/* SCOPE_OWN of Scope is "own". */
static void assert_choice_name(const char *enum_name, const char *value_name, const char *name)
{
    char prefix[64];
    size_t n = 0;

    for (const char *p = enum_name; *p; p++) {
        if (p > enum_name && isupper((unsigned char)*p))
            prefix[n++] = '_';
        prefix[n++] = (char)toupper((unsigned char)*p);
    }
    prefix[n++] = '_';
    assert_memory_equal(value_name, prefix, n);
    for (value_name += n; *value_name; value_name++, name++)
        assert_int_equal(tolower((unsigned char)*value_name), *name);
    assert_int_equal(*name, '\0');
}

static void assert_label(const char *label)
{
    static struct arena arena;
    struct slice folded;

    assert_non_null(label);
    assert_true(*label != '\0');
    assert_true(text_is_valid(slice_text(label)));
    /* What is typed is folded and then held against the label as it stands. */
    arena_init(&arena, 4096);
    assert_true(text_fold(&arena, slice_text(label), &folded));
    assert_int_equal(folded.size, strlen(label));
    for (size_t i = 0; i < folded.size; i++)
        assert_int_equal(folded.data[i],
                         (uint8_t)(label[i] & 0x80 ? label[i] : tolower((unsigned char)label[i])));
    arena_fini(&arena);
}

static void assert_choices(const struct field_def *field, const ProtobufCEnumDescriptor *descriptor)
{
    assert_int_equal(field->n_choices + 1, descriptor->n_values);
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        const ProtobufCEnumValue *value = &descriptor->values[i];
        const struct choice_def *choice = choice_by_number(field, value->value);

        if (value->value == 0) {
            assert_null(choice);
            continue;
        }
        assert_non_null(choice);
        assert_choice_name(descriptor->short_name, value->name, choice->name);
        assert_label(choice->label_en);
        assert_label(choice->label_zh);
        assert_ptr_equal(choice_by_name(field, choice->name), choice);
        assert_ptr_equal(choice_by_name(field, choice->label_en), choice);
        assert_ptr_equal(choice_by_name(field, choice->label_zh), choice);
    }
}

static void assert_fields(const struct field_def *fields, size_t n,
                          const ProtobufCMessageDescriptor *descriptor)
{
    size_t n_described = 0;

    for (unsigned i = 0; i < descriptor->n_fields; i++)
        n_described += descriptor->fields[i].id != TAG_CUSTOM;
    assert_int_equal(n, n_described);
    for (size_t i = 0; i < n; i++) {
        const struct field_def *field = &fields[i];
        const ProtobufCFieldDescriptor *described =
            protobuf_c_message_descriptor_get_field(descriptor, (unsigned)field->ref);

        assert_non_null(described);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(fields[j].ref, field->ref);
        assert_string_equal(field->name, described->name);
        if (!is_type_right(field, described))
            fail_msg("%s.%s has another type in the message", descriptor->short_name, field->name);
        assert_int_equal((field->flags & FIELD_REPEATED) != 0,
                         described->label == PROTOBUF_C_LABEL_REPEATED);
        assert_label(field->label_en);
        assert_label(field->label_zh);
        if (field->type == FIELD_CHOICE)
            assert_choices(field, described->descriptor);
        else
            assert_int_equal(field->n_choices, 0);
        if (field->type == FIELD_GROUP) {
            assert_int_equal(field->members[0].ref, 1);
            assert_int_equal(field->members[0].type, FIELD_ID);
            assert_fields(field->members, field->n_members, field->group);
        }
        assert_true(field->minimum <= field->maximum);
    }
}

static void fields_are_those_of_the_messages(void **state)
{
    const struct kind_def *kind;

    (void)state;
    for (size_t n = 0; (kind = kind_at(n)); n++)
        assert_fields(kind->fields, kind->n_fields, kind->descriptor);
}

/* --- kinds */

static void kinds_are_whole(void **state)
{
    const struct kind_def *kind;
    size_t n;

    (void)state;
    for (n = 0; (kind = kind_at(n)); n++) {
        assert_int_equal(kind->kind, n + 1);
        assert_ptr_equal(kind_def(kind->kind), kind);
        assert_label(kind->label_en);
        assert_label(kind->label_zh);
        assert_label(kind->plural_en);
        assert_non_null(kind_field_by_name(kind, kind->title));
        for (size_t i = 0; kind->columns[i]; i++)
            assert_non_null(kind_field_by_name(kind, kind->columns[i]));
        assert_int_equal(!*kind->letter, (kind->flags & KIND_NO_NUMBER) != 0);
        assert_int_equal((kind->flags & KIND_ADMINISTRATION) != 0,
                         kind->write_right != CRM__RIGHT__RIGHT_UNSET);
        if (*kind->letter)
            assert_ptr_equal(kind_by_letter(kind->letter, strlen(kind->letter)), kind);
        assert_ptr_equal(kind_find(kind->name), kind);
        assert_ptr_equal(kind_find(kind->plural), kind);
        assert_ptr_equal(kind_find(kind->label_zh), kind);
    }
    assert_int_equal(n, KIND_MAX);
    assert_null(kind_def(KIND_NONE));
    assert_null(kind_def(KIND_MAX + 1));
    assert_null(kind_at(KIND_MAX));
}

static void flags_fit_each_other(void **state)
{
    const struct kind_def *kind;

    (void)state;
    for (size_t n = 0; (kind = kind_at(n)); n++) {
        unsigned n_parents = 0;

        for (size_t i = 0; i < kind->n_fields; i++) {
            const struct field_def *field = &kind->fields[i];

            if (field->flags & FIELD_SORTABLE)
                assert_true(field->flags & FIELD_INDEXED);
            if (field->flags & FIELD_PHONE)
                assert_true(field->flags & FIELD_SEARCHED);
            if (field->flags & (FIELD_UNIQUE | FIELD_SEARCHED | FIELD_LONG))
                assert_int_equal(field->type, FIELD_TEXT);
            if (field->flags & (FIELD_UNIQUE | FIELD_SORTABLE))
                assert_false(field->flags & FIELD_REPEATED);
            if (field->on_delete != ON_DELETE_NOTHING || field->flags & FIELD_PARENT)
                assert_int_equal(field->type, FIELD_REFERENCE);
            n_parents += (field->flags & FIELD_PARENT) != 0;
        }
        assert_true(n_parents <= 1);
        assert_int_equal(kind_parent_field(kind) != NULL, n_parents);
    }
}

static void kinds_are_found_as_people_type_them(void **state)
{
    (void)state;
    assert_int_equal(kind_find("Deals")->kind, KIND_DEAL);
    assert_int_equal(kind_find("商机")->kind, KIND_DEAL);
    assert_int_equal(kind_find("exchange-rate")->kind, KIND_EXCHANGE_RATE);
    assert_int_equal(kind_find("EXCHANGE RATES")->kind, KIND_EXCHANGE_RATE);
    assert_int_equal(kind_find("ｄｅａｌ")->kind, KIND_DEAL);
    assert_int_equal(kind_find("activities")->kind, KIND_ACTIVITY);
    assert_null(kind_find("dea"));
    assert_null(kind_find("dealss"));
    assert_null(kind_find(""));
    assert_null(kind_find(NULL));
    assert_null(kind_find("\xff\xfe"));
    assert_int_equal(kind_by_letter("d", 1)->kind, KIND_DEAL);
    assert_int_equal(kind_by_letter("PL-3", 2)->kind, KIND_PIPELINE);
    assert_null(kind_by_letter("", 0));
    assert_null(kind_by_letter("Z", 1));
}

/* --- fields */

static void fields_are_found_by_reference(void **state)
{
    const struct kind_def *kind;

    (void)state;
    for (size_t n = 0; (kind = kind_at(n)); n++) {
        for (size_t i = 0; i < kind->n_fields; i++) {
            assert_ptr_equal(kind_field(kind, kind->fields[i].ref), &kind->fields[i]);
            assert_ptr_equal(kind_field_by_name(kind, kind->fields[i].name), &kind->fields[i]);
        }
        assert_null(kind_field(kind, 0));
        assert_null(kind_field(kind, 89));
        assert_null(kind_field(kind, TAG_CUSTOM));
        assert_null(kind_field(kind, 799));
        assert_null(kind_field(kind, FIELD_REF_CUSTOM + 1));
        assert_null(kind_field(kind, UINT32_MAX));
        assert_string_equal(kind_field(kind, HEADER_OWNER)->name, "owner");
    }
}

/* A kind's own field hides the header's of the same name; two labels within a kind never clash. */
static void labels_are_unambiguous(void **state)
{
    const struct kind_def *kind;

    (void)state;
    for (size_t n = 0; (kind = kind_at(n)); n++) {
        for (size_t i = 0; i < kind->n_fields; i++) {
            const struct field_def *field = &kind->fields[i];

            if (kind_field_by_name(kind, field->label_en) != field ||
                kind_field_by_name(kind, field->label_zh) != field)
                fail_msg("the labels of %s.%s name another field", kind->name, field->name);
        }
    }
}

static void header_fields_are_whole(void **state)
{
    const struct field_def *header;
    size_t n;

    (void)state;
    header = kind_header_fields(&n);
    assert_int_equal(n, 10);
    for (size_t i = 0; i < n; i++) {
        assert_true(header[i].flags & FIELD_HEADER);
        assert_ptr_equal(kind_field(kind_def(KIND_TASK), header[i].ref), &header[i]);
        assert_ptr_equal(kind_field_by_name(kind_def(KIND_TASK), header[i].name), &header[i]);
        assert_ptr_equal(kind_field_by_name(kind_def(KIND_TASK), header[i].label_zh), &header[i]);
        assert_label(header[i].label_en);
        assert_label(header[i].label_zh);
    }
    assert_int_equal(kind_field_by_name(kind_def(KIND_USER), "team")->ref, 5);
    assert_int_equal(kind_field_by_name(kind_def(KIND_DEAL), "Team")->ref, HEADER_TEAM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_those_of_the_messages),
        cmocka_unit_test(kinds_are_whole),
        cmocka_unit_test(flags_fit_each_other),
        cmocka_unit_test(kinds_are_found_as_people_type_them),
        cmocka_unit_test(fields_are_found_by_reference),
        cmocka_unit_test(labels_are_unambiguous),
        cmocka_unit_test(header_fields_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
