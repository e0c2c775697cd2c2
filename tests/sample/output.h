/*
 * output.h - files of JSON lines, one after the other, and a list of them for whoever loads them
 */
#ifndef CRM_SAMPLE_OUTPUT_H
#define CRM_SAMPLE_OUTPUT_H

#include <jansson.h>
#include <limits.h>
#include <stdio.h>

#include "common/base/failure.h"

/* The file that is being written. All zero but for the directory: none is. */
struct output {
    const char *directory; /* borrowed; it exists */
    const char *kind;      /* of the records in the file */
    char path[PATH_MAX];
    FILE *file;
    size_t n;       /* records written to it */
    bool is_broken; /* a record could not be made or written */
};

/* Begin DIRECTORY/name.jsonl with records of a kind, as `crm add` calls it. */
enum crm_status output_begin(struct output *out, const char *kind, const char *name,
                             struct failure *failure) MUST_CHECK;
/* One more record; NULL (jansson found no memory) and failed writes are told by output_end. */
void output_add(struct output *out, json_t *take_record);
/* Close the file and print its line of the list to the standard output: kind, number, path. */
enum crm_status output_end(struct output *out, struct failure *failure) MUST_CHECK;
/* Close what an error has left open; harmless otherwise. */
void output_fini(struct output *out);

/* An amount of whole units: {"amount": "1200", "currency": "USD"}. */
json_t *output_money(int64_t units, const char *currency);
/* A day: "2016-11-01". */
json_t *output_day(int32_t day);

#endif
