/*
 * display.h - values for people: labels and headings in the language of the locale, amounts with
 * separators, names instead of ids
 *
 * What scripts read (JSON, CSV) is plain.h's; the two never mix.
 */
#ifndef CRM_CLI_DISPLAY_H
#define CRM_CLI_DISPLAY_H

#include "client/cli/cli.h"
#include "common/model/reflect.h"

/* Heading of a field, name of a kind (one, or several), label of a choice. */
const char *display_field_label(const struct cli *cli, const struct field_def *field);
const char *display_kind_label(const struct cli *cli, const struct kind_def *kind, bool many);
const char *display_choice_label(const struct cli *cli, const struct choice_def *choice);

/* One value, safe for a terminal, in the arena; "" for none. NULL when memory is spent. */
const char *display_value(const struct cli *cli, const struct field_def *field,
                          const struct value *value, struct arena *arena);
/* A field of a record: the values of a list joined by ", ", elements of a group by "; ". */
const char *display_field(const struct cli *cli, const struct field_def *field,
                          const struct record *record, struct arena *arena);
/* An element of a group: its members' values, without its id. */
const char *display_element(const struct cli *cli, const struct field_def *field,
                            struct slice element, struct arena *arena);
/* "Acme" where it is known, else its number or the end of its id. */
const char *display_ref(const struct cli *cli, const struct uuid *id, struct arena *arena);
/* "C-17 Acme": what a message says about a record. */
const char *display_record(const struct cli *cli, const struct record *record, struct arena *arena);
/* "C-17" from a kind and a number, the end of the id where there is no number. */
const char *display_label(enum kind kind, const struct uuid *id, uint64_t number,
                          struct arena *arena);
/* Does it line up at the right? */
bool display_is_number(const struct field_def *field);

#endif
