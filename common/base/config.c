/*
 * config.c - settings from a file into a struct, and from a struct into a commented file, both by
 * the same table
 *
 * Called by the programs' start and by `crmd init`, on the main thread. inih splits the lines; what
 * they mean is checked here. A file is read into a copy, so that a bad one on SIGHUP leaves a
 * running server as it was.
 */
#include "common/base/config.h"

#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/text.h"

#define HELP_COLUMNS 78

/* What inih's callbacks see. */
struct loader {
    const char *path;
    FILE *file;
    int line; /* of the file, from 1; 55-1 of Debian does not tell it */
    const struct setting *settings;
    size_t n;
    bool *is_set; /* by the file, one a setting */
    uint8_t *target;
    struct failure *failure;
    enum crm_status status;
};

/* The words that a boolean may be written as. */
struct boolean_word {
    const char *word;
    bool value;
};

static const struct boolean_word boolean_words[] = {
    { "yes", true }, { "no", false },  { "true", true }, { "false", false },
    { "on", true },  { "off", false }, { "1", true },    { "0", false },
};

static const char *read_text(const struct setting *setting, const char *value, void *place)
{
    if (strlen(value) >= setting->size)
        return "is too long";
    if (!text_is_valid(slice_text(value)))
        return "is not UTF-8";
    strcpy(place, value);
    return NULL;
}

static const char *read_integer(const struct setting *setting, const char *value, void *place)
{
    long long number;
    char *end;

    errno = 0;
    number = strtoll(value, &end, 10);
    if (end == value || *end)
        return "is not a whole number";
    if (errno == ERANGE || number < setting->minimum || number > setting->maximum)
        return "is out of range";
    memcpy(place, &(int64_t){ number }, sizeof(int64_t));
    return NULL;
}

static const char *read_boolean(const char *value, void *place)
{
    for (size_t i = 0; i < ARRAY_LEN(boolean_words); i++) {
        if (strcmp(value, boolean_words[i].word) == 0) {
            memcpy(place, &boolean_words[i].value, sizeof(bool));
            return NULL;
        }
    }
    return "is neither yes nor no";
}

/* Put a value that is written as text in its place. NULL, or what is wrong with it. */
static const char *setting_read(const struct setting *setting, const char *value, uint8_t *target)
{
    void *place = target + setting->offset;

    switch (setting->type) {
    case SETTING_TEXT:
        return read_text(setting, value, place);
    case SETTING_INTEGER:
        return read_integer(setting, value, place);
    case SETTING_BOOLEAN:
        return read_boolean(value, place);
    }
    return "has no type";
}

static void loader_refuse(struct loader *loader, const char *section, const char *name,
                          const char *what)
{
    char field[64];

    if (loader->status != CRM_OK)
        return;
    snprintf(field, sizeof(field), "%s%s%s", section, *section ? "." : "", name);
    loader->status = fail(loader->failure, CRM_INVALID, field, "%s:%d: %s %s", loader->path,
                          loader->line, field, what);
}

/* inih: one "name = value"; 0 marks the line as wrong. */
static int on_setting(void *user, const char *section, const char *name, const char *value)
{
    struct loader *loader = user;
    const char *what = "is not a setting";

    for (size_t i = 0; i < loader->n; i++) {
        const struct setting *setting = &loader->settings[i];

        if (strcmp(setting->section, section) != 0 || strcmp(setting->name, name) != 0)
            continue;
        /* inih gives an indented line as a further value of the name before it: that comes here
         * too. */
        what = loader->is_set[i] ? "is set twice" : setting_read(setting, value, loader->target);
        loader->is_set[i] = true;
        break;
    }
    if (what)
        loader_refuse(loader, section, name, what);
    return what == NULL;
}

/* inih: the next line. A longer one than inih has room for would go on as if it were the next. */
static char *next_line(char *line, int size, void *stream)
{
    struct loader *loader = stream;
    char *got = fgets(line, size, loader->file);

    if (got) {
        loader->line++;
        if (!strchr(line, '\n') && !feof(loader->file))
            loader_refuse(loader, "", "the line", "is too long");
    }
    return got;
}

static enum crm_status loader_run(struct loader *loader)
{
    int wrong;

    errno = 0;
    wrong = ini_parse_stream(next_line, loader, on_setting, loader);
    if (loader->status != CRM_OK)
        return loader->status;
    if (ferror(loader->file))
        return fail(loader->failure, CRM_IO, NULL, "%s cannot be read: %s", loader->path,
                    strerror(errno));
    if (wrong < 0)
        return fail(loader->failure, CRM_NO_MEMORY, NULL, "%s cannot be read: out of memory",
                    loader->path);
    if (wrong > 0)
        return fail(loader->failure, CRM_INVALID, NULL, "%s:%d: neither [section] nor name = value",
                    loader->path, wrong);
    return CRM_OK;
}

void config_defaults(const struct setting *settings, size_t n, void *target)
{
    for (size_t i = 0; i < n; i++) {
        const char *what = setting_read(&settings[i], settings[i].initial, target);

        assert(!what); /* our own table */
        (void)what;
    }
}

enum crm_status config_load(const char *path, const struct setting *settings, size_t n,
                            void *target, size_t target_size, struct failure *failure)
{
    struct loader loader = { .path = path, .settings = settings, .n = n, .failure = failure };
    enum crm_status status;

    loader.file = fopen(path, "re");
    if (!loader.file && errno == ENOENT)
        return fail(failure, CRM_NOT_FOUND, NULL, "there is no file %s", path);
    if (!loader.file)
        return fail(failure, CRM_IO, NULL, "%s cannot be opened: %s", path, strerror(errno));

    loader.is_set = calloc(n + 1, sizeof(*loader.is_set));
    loader.target = malloc(target_size + 1);
    if (!loader.is_set || !loader.target) {
        status = fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
        goto out;
    }
    memcpy(loader.target, target, target_size);
    status = loader_run(&loader);
    if (status == CRM_OK)
        memcpy(target, loader.target, target_size);
out:
    free(loader.target);
    free(loader.is_set);
    fclose(loader.file);
    return status;
}

/* Help as comment lines, broken between words. */
static void write_help(FILE *out, const char *help)
{
    size_t column = 0;

    while (*help) {
        size_t size = strcspn(help, " ");
        bool is_full = column > 0 && column + 1 + size > HELP_COLUMNS;

        fprintf(out, "%s%.*s", is_full ? "\n# " : column ? " " : "# ", (int)size, help);
        column = is_full ? 2 + size : column + 1 + size;
        help += size;
        help += strspn(help, " ");
    }
    fputc('\n', out);
}

static void write_value(FILE *out, const struct setting *setting, const uint8_t *target)
{
    const void *place = target + setting->offset;
    int64_t number;

    switch (setting->type) {
    case SETTING_TEXT:
        fprintf(out, "%s", (const char *)place);
        break;
    case SETTING_INTEGER:
        memcpy(&number, place, sizeof(number));
        fprintf(out, "%" PRId64, number);
        break;
    case SETTING_BOOLEAN:
        fputs(*(const bool *)place ? "yes" : "no", out);
        break;
    }
}

void config_write(FILE *out, const struct setting *settings, size_t n, const void *target)
{
    const char *section = "";

    for (size_t i = 0; i < n; i++) {
        const struct setting *setting = &settings[i];

        if (strcmp(section, setting->section) != 0) {
            section = setting->section;
            fprintf(out, "%s[%s]\n", i ? "\n" : "", section);
        }
        fputc('\n', out);
        write_help(out, setting->help);
        if (setting->type == SETTING_INTEGER)
            fprintf(out, "# %" PRId64 " to %" PRId64 "%s%s\n", setting->minimum, setting->maximum,
                    setting->unit ? " " : "", setting->unit ? setting->unit : "");
        fprintf(out, "%s = ", setting->name);
        write_value(out, setting, target);
        fputc('\n', out);
    }
}
