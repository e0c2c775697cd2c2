/*
 * main.c - crm-sample: records to try the CRM with, as files for `crm add KIND --from FILE`
 *
 * Its output is the list of files in the order in which they are to be added, a line each: kind,
 * number of records, path.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/calendar.h"
#include "common/base/clock.h"
#include "tests/sample/maven.h"
#include "tests/sample/sample.h"

static const char usage[] =
    "usage: crm-sample [--seed N] [--until DAY] DIR\n"
    "       crm-sample --maven FROM DIR\n"
    "\n"
    "Writes records into DIR and prints the files in the order in which `crm add KIND --from "
    "FILE`\n"
    "takes them: kind, number, file. Without --maven a sample company whose two years of history\n"
    "end with DAY (today); the same seed and day give the same company. With --maven the Maven\n"
    "sales files in FROM.\n";

/* What the command line asks for. */
struct request {
    const char *maven; /* NULL: the sample company */
    const char *directory;
    uint64_t seed;
    int32_t until;
};

static enum crm_status read_seed(const char *text, uint64_t *out_seed, struct failure *failure)
{
    char *end;

    errno = 0;
    *out_seed = strtoull(text, &end, 10);
    if (errno || end == text || *end)
        return fail(failure, CRM_USAGE, NULL, "'%s' is not a number", text);
    return CRM_OK;
}

static enum crm_status read_day(const char *text, int32_t *out_day, struct failure *failure)
{
    struct day_range range;
    enum crm_status status = day_parse(slice_text(text), *out_day, &range, failure);

    if (status == CRM_OK)
        *out_day = range.end - 1;
    return status;
}

static enum crm_status read_arguments(int argc, char **argv, struct request *request,
                                      struct failure *failure)
{
    static const struct option options[] = {
        { "maven", required_argument, NULL, 'm' },
        { "seed", required_argument, NULL, 's' },
        { "until", required_argument, NULL, 'u' },
        { NULL, 0, NULL, 0 },
    };
    enum crm_status status = CRM_OK;
    int c;

    while (status == CRM_OK && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'm')
            request->maven = optarg;
        else if (c == 's')
            status = read_seed(optarg, &request->seed, failure);
        else if (c == 'u')
            status = read_day(optarg, &request->until, failure);
        else
            return fail(failure, CRM_USAGE, NULL, "see crm-sample --help");
    }
    if (status == CRM_OK && argc - optind != 1)
        status = fail(failure, CRM_USAGE, NULL, "one directory is wanted");
    if (status == CRM_OK)
        request->directory = argv[optind];
    return status;
}

int main(int argc, char **argv)
{
    struct request request = { .seed = 1, .until = day_of_instant(clock_now_us()) };
    struct failure failure = { 0 };
    enum crm_status status;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    status = read_arguments(argc, argv, &request, &failure);
    if (status == CRM_OK && mkdir(request.directory, 0700) != 0 && errno != EEXIST)
        status = fail(&failure, CRM_IO, NULL, "%s: %s", request.directory, strerror(errno));
    if (status == CRM_OK)
        status = request.maven
                     ? maven_write(request.maven, request.directory, &failure)
                     : sample_write(request.directory, request.seed, request.until, &failure);
    if (status == CRM_OK && fflush(stdout) != 0)
        status = fail(&failure, CRM_IO, NULL, "the standard output could not be written");
    if (status != CRM_OK)
        fprintf(stderr, "crm-sample: %s\n", failure.text);
    return crm_status_info((int)status)->exit_code;
}
