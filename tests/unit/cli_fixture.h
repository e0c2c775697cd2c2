/*
 * cli_fixture.h - a command line without a terminal, a server or a home, and records made from
 * field=value
 */
#ifndef CRM_TESTS_CLI_FIXTURE_H
#define CRM_TESTS_CLI_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "client/cli/change.h"
#include "client/cli/cli.h"
#include "common/model/record.h"

#define FIXTURE_TODAY 17106 /* 2016-11-01 */
#define UNUSED        __attribute__((unused))

static struct cli fixture;

static UNUSED int cli_setup(void **state)
{
    (void)state;
    setenv("TZ", "Asia/Shanghai", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    tzset();
    setlocale(LC_CTYPE, "C.UTF-8");
    cli_init(&fixture);
    fixture.in_is_tty = fixture.out_is_tty = fixture.err_is_tty = false;
    return schema_create(&fixture.schema) == CRM_OK ? 0 : -1;
}

static UNUSED int cli_teardown(void **state)
{
    (void)state;
    cli_fini(&fixture);
    return 0;
}

static UNUSED void begin_change(struct change *change, enum kind kind, change_resolve *resolve)
{
    struct value_context context = { .currency = "USD",
                                     .today = FIXTURE_TODAY,
                                     .now_us = FIXTURE_TODAY * INT64_C(86400000000) };

    fixture.failure = (struct failure){ 0 };
    change_init(change, fixture.schema, kind_def(kind), &context, &fixture.arena, resolve, NULL);
}

/* A record of a kind from assignments, ended by NULL. */
static UNUSED struct record make_record(enum kind kind, ...)
{
    struct record record = { .header = { .kind = kind, .number = 17, .rev = 3 } };
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct change change;
    const char *argument;
    va_list arguments;

    begin_change(&change, kind, NULL);
    va_start(arguments, kind);
    while ((argument = va_arg(arguments, const char *))) {
        if (change_assign(&change, argument, &fixture.failure) != CRM_OK)
            fail_msg("%s: %s: %s", argument, fixture.failure.field, fixture.failure.text);
    }
    va_end(arguments);
    assert_int_equal(change_finish(&change, true, &mutation, &fixture.failure), CRM_OK);
    record.body = slice_of(mutation.set.data, mutation.set.len);
    record.header.id.bytes[0] = 1;
    record.header.id.bytes[15] = 0xab;
    return record;
}

/* A title that the server has told. */
static UNUSED struct uuid know_title(enum kind kind, uint64_t number, const char *text)
{
    struct uuid id = { { 9 } };
    Crm__Title title = CRM__TITLE__INIT, *titles[] = { &title };

    id.bytes[15] = (uint8_t)number;
    title.has_kind = title.has_id = title.has_number = true;
    title.kind = kind;
    title.id = (ProtobufCBinaryData){ .len = sizeof(id.bytes), .data = id.bytes };
    title.number = number;
    title.title = (char *)(uintptr_t)text;
    titles_add(&fixture.titles, 1, titles);
    return id;
}

#endif
