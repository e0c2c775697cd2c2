/*
 * convert.c - what other programs write in a cell, as a value that ours takes
 *
 * Called by mapping.c for each cell; pure. Says no where a value would have to be guessed: a date
 * that can be read in two ways, a number that a spreadsheet has rounded.
 */
#include "client/import/mapping.h"

#include <ctype.h>
#include <time.h>

#include "common/base/calendar.h"

static struct slice trim(struct slice text)
{
    static const char *const blanks[] = { " ",        "\t",           "\r",          "\n",
                                          "\xc2\xa0", "\xe3\x80\x80", "\xef\xbb\xbf" };
    bool again = true;

    while (again) {
        again = false;
        for (size_t i = 0; i < ARRAY_LEN(blanks); i++) {
            size_t size = strlen(blanks[i]);

            while (text.size >= size && memcmp(text.data, blanks[i], size) == 0) {
                text = slice_of(text.data + size, text.size - size);
                again = true;
            }
            while (text.size >= size &&
                   memcmp(text.data + text.size - size, blanks[i], size) == 0) {
                text.size -= size;
                again = true;
            }
        }
    }
    return text;
}

static enum crm_status no_memory(struct failure *failure)
{
    return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
}

static enum crm_status printed(struct slice *out_text, char *text, struct failure *failure)
{
    *out_text = slice_text(text);
    return text ? CRM_OK : no_memory(failure);
}

/* --- dates */

static enum crm_status by_format(const struct mapping_column *column, const char *format,
                                 struct slice cell, bool has_time, struct arena *arena,
                                 struct slice *out_text, struct failure *failure)
{
    struct tm tm = { .tm_mday = 1 };
    char *text = arena_strndup(arena, cell.data, cell.size);
    const char *end = text ? strptime(text, format, &tm) : NULL;

    if (!text)
        return no_memory(failure);
    if (!end || *end)
        return fail(failure, CRM_INVALID, column->header, "'%.60s' is no date in the form %.40s",
                    text, format);
    return printed(
        out_text,
        has_time
            ? arena_printf(arena, "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                           tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec)
            : arena_printf(arena, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday),
        failure);
}

/* Three numbers at the beginning, divided by / . or -; what is behind them in *out_rest. */
static bool three_numbers(const char *text, int numbers[3], int digits[3], char *out_divider,
                          const char **out_rest)
{
    for (int i = 0; i < 3; i++) {
        numbers[i] = digits[i] = 0;
        for (; isdigit((unsigned char)*text) && digits[i] < 4; text++, digits[i]++)
            numbers[i] = numbers[i] * 10 + (*text - '0');
        if (digits[i] == 0 || isdigit((unsigned char)*text))
            return false;
        if (i == 0)
            *out_divider = *text;
        if (i < 2 && (!*text || !strchr("/.-", *text) || *text++ != *out_divider))
            return false;
    }
    *out_rest = text;
    return true;
}

/* " 2:30 PM" or "T14:30:00.000Z" and zones behind dates, as instant_parse takes them. */
static const char *clock_of(const char *rest, struct arena *arena)
{
    int hour, minute, second = 0, used = 0;
    const char *zone;

    rest += strspn(rest, " T,");
    if (!*rest)
        return "00:00:00";
    if (sscanf(rest, "%2d:%2d%n", &hour, &minute, &used) != 2)
        return NULL;
    rest += used;
    used = 0;
    if (sscanf(rest, ":%2d%n", &second, &used) == 1)
        rest += used;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    zone = rest + strspn(rest, " ");
    if (strncasecmp(zone, "am", 2) == 0 || strncasecmp(zone, "pm", 2) == 0) {
        if (hour < 1 || hour > 12)
            return NULL;
        hour = hour % 12 + (tolower((unsigned char)*zone) == 'p' ? 12 : 0);
        zone += 2 + strspn(zone + 2, " ");
    }
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return NULL;
    if (!*zone)
        return arena_printf(arena, "%02d:%02d:%02d", hour, minute, second);
    if (strcmp(zone, "Z") == 0)
        return arena_printf(arena, "%02d:%02d:%02dZ", hour, minute, second);
    if (strspn(zone, "+-") == 1 && strspn(zone + 1, "0123456789") == 4 && !zone[5])
        return arena_printf(arena, "%02d:%02d:%02d%.3s:%s", hour, minute, second, zone, zone + 3);
    if (strspn(zone, "+-") == 1 && strlen(zone) == 6 && zone[3] == ':')
        return arena_printf(arena, "%02d:%02d:%02d%s", hour, minute, second, zone);
    return NULL;
}

/* Which of the three are year, month and day. false: it could be read in two ways. */
static bool order_numbers(const int numbers[3], const int digits[3], char divider, int ymd[3])
{
    if (digits[0] >= 3) {
        memcpy(ymd, numbers, 3 * sizeof(*ymd));
        return true;
    }
    ymd[0] = digits[2] <= 2 ? numbers[2] + (numbers[2] < 50 ? 2000 : 1900) : numbers[2];
    if (divider == '.' || numbers[0] > 12 || numbers[0] == numbers[1]) {
        ymd[1] = numbers[1];
        ymd[2] = numbers[0];
        return true;
    }
    ymd[1] = numbers[0];
    ymd[2] = numbers[1];
    return numbers[1] > 12;
}

static enum crm_status convert_date(const struct mapping_column *column, const char *format,
                                    struct slice cell, struct arena *arena, struct slice *out_text,
                                    struct failure *failure)
{
    bool has_time = column->is_happened || column->field->type == FIELD_INSTANT;
    char *text = arena_strndup(arena, cell.data, cell.size), divider = 0;
    const char *rest, *clock;
    int numbers[3], digits[3], ymd[3];

    if (!text)
        return no_memory(failure);
    if (format)
        return by_format(column, format, cell, has_time, arena, out_text, failure);
    *out_text = cell;
    if (!three_numbers(text, numbers, digits, &divider, &rest))
        return CRM_OK; /* day_parse knows what else people write */
    if (!order_numbers(numbers, digits, divider, ymd))
        return fail(
            failure, CRM_INVALID, column->header,
            "'%.40s' may be two dates: say which by --date-format %%d/%%m/%%Y or %%m/%%d/%%Y",
            text);
    clock = clock_of(rest, arena);
    if (!clock)
        return fail(failure, CRM_INVALID, column->header,
                    "'%.60s' is no date with a time that is understood", text);
    if (!has_time)
        return printed(out_text, arena_printf(arena, "%04d-%02d-%02d", ymd[0], ymd[1], ymd[2]),
                       failure);
    return printed(out_text,
                   arena_printf(arena, "%04d-%02d-%02d%s%s", ymd[0], ymd[1], ymd[2],
                                strlen(clock) > 8 ? "T" : " ", clock),
                   failure);
}

/* --- numbers */

/* "1.234,56": the last sign of the two divides; a comma with other than three digits behind it
 * does, too. */
static bool is_comma_decimal(struct slice cell)
{
    const uint8_t *comma = cell.size ? memrchr(cell.data, ',', cell.size) : NULL,
                  *dot = cell.size ? memrchr(cell.data, '.', cell.size) : NULL;
    size_t behind = 0;

    for (const uint8_t *at = comma ? comma + 1 : NULL;
         at && at < cell.data + cell.size && isdigit(*at); at++)
        behind++;
    return comma && (dot ? comma > dot : behind > 0 && behind <= 2) &&
           memchr(cell.data, ',', cell.size) == comma;
}

/* Signs that group digits are dropped; a decimal comma becomes a dot. */
static enum crm_status convert_number(struct slice cell, struct arena *arena,
                                      struct slice *out_text, struct failure *failure)
{
    bool is_comma = is_comma_decimal(cell);
    char *text = arena_alloc(arena, cell.size + 1);
    size_t n = 0;

    if (!text)
        return no_memory(failure);
    for (size_t i = 0; i < cell.size; i++) {
        uint8_t c = cell.data[i];

        if (is_comma && c == ',')
            text[n++] = '.';
        else if ((is_comma && c == '.') || (!is_comma && c == ',') || c == '\'' ||
                 (c == 0xc2 && i + 1 < cell.size && cell.data[i + 1] == 0xa0 && ++i))
            continue;
        else
            text[n++] = (char)c;
    }
    text[n] = '\0';
    *out_text = slice_of(text, n);
    return CRM_OK;
}

static enum crm_status convert_integer(struct slice cell, struct arena *arena,
                                       struct slice *out_text, struct failure *failure)
{
    static const char *const tails[] = { ".0", ".00", "人", "名" };
    enum crm_status status = convert_number(cell, arena, out_text, failure);

    for (size_t i = 0; i < ARRAY_LEN(tails) && !status; i++) {
        size_t size = strlen(tails[i]);

        if (out_text->size > size &&
            memcmp(out_text->data + out_text->size - size, tails[i], size) == 0)
            out_text->size -= size;
    }
    return status;
}

/* "9.13301E+17": a spreadsheet has shown a long number so, and the digits are gone. */
static bool is_rounded(struct slice cell)
{
    size_t i = 0, digits = 0;

    for (; i < cell.size && (isdigit(cell.data[i]) || cell.data[i] == '.'); i++)
        digits += isdigit(cell.data[i]) != 0;
    return digits > 0 && i + 2 < cell.size && (cell.data[i] == 'E' || cell.data[i] == 'e') &&
           cell.data[i + 1] == '+' && isdigit(cell.data[i + 2]);
}

/* --- the rest */

static bool is_one_of(struct slice cell, const char *words)
{
    char word[16];

    if (cell.size == 0 || cell.size >= sizeof(word) - 2)
        return false;
    snprintf(word, sizeof(word), " %.*s ", (int)cell.size, (const char *)cell.data);
    return strcasestr(words, word) != NULL;
}

static struct slice convert_boolean(struct slice cell)
{
    if (is_one_of(cell, " y yes true t 1 on x ja oui si wahr 是 有 "))
        return slice_text("yes");
    if (is_one_of(cell, " n no false f 0 off nein non falsch 否 无 "))
        return slice_text("no");
    return cell;
}

static enum crm_status convert_choice(const struct mapping_column *column, struct slice cell,
                                      struct arena *arena, struct slice *out_text,
                                      struct failure *failure)
{
    const char *text = arena_strndup(arena, cell.data, cell.size),
               *key = text ? mapping_key(text, arena) : NULL;
    const struct choice_def *choice = text ? choice_by_name(column->field, text) : NULL;

    if (!key)
        return no_memory(failure);
    for (size_t i = 0; i < column->field->n_choices && !choice; i++) {
        const char *name = mapping_key(column->field->choices[i].name, arena);

        if (name && strcmp(name, key) == 0)
            choice = &column->field->choices[i];
    }
    *out_text = choice ? slice_text(choice->name) : cell;
    return CRM_OK;
}

/* What divides several values in one cell: of our own export ';', of others also these. */
static size_t divider_size(struct slice text, size_t i, bool is_text)
{
    static const char *const dividers[] = { " ::: ",        ";", "\xef\xbc\x9b", "\n",
                                            "\xe3\x80\x81", ",", "\xef\xbc\x8c" };

    for (size_t k = 0; k < (is_text ? 4 : ARRAY_LEN(dividers)); k++) {
        size_t size = strlen(dividers[k]);

        if (text.size - i >= size && memcmp(text.data + i, dividers[k], size) == 0)
            return size;
    }
    return 0;
}

static enum crm_status convert_list(const struct mapping_column *column, struct slice cell,
                                    struct arena *arena, struct slice *out_text,
                                    struct failure *failure)
{
    bool is_text = !(column->field->flags & FIELD_PHONE) && !strstr(column->field->name, "mail");
    char *text = arena_alloc(arena, cell.size + 1);
    size_t n = 0, begin = 0, size;

    if (!text)
        return no_memory(failure);
    for (size_t i = 0; i <= cell.size; i += size ? size : 1) {
        struct slice item;

        size = i < cell.size ? divider_size(cell, i, is_text) : 1;
        if (i < cell.size && cell.data[i] == '\\' && i + 1 < cell.size) { /* our own "\;" stays */
            size = 2;
            continue;
        }
        if (size == 0)
            continue;
        item = trim(slice_of(cell.data + begin, i - begin));
        begin = i + size;
        if (item.size == 0 || is_one_of(item, " - -- n/a null 暂无 "))
            continue;
        if (is_rounded(item))
            return fail(failure, CRM_INVALID, column->header,
                        "a spreadsheet has rounded the number '%.*s'",
                        (int)(item.size < 40 ? item.size : 40), (const char *)item.data);
        if (n > 0)
            text[n++] = ';';
        memcpy(text + n, item.data, item.size);
        n += item.size;
    }
    text[n] = '\0';
    *out_text = slice_of(text, n);
    return CRM_OK;
}

/* By the record's own number, with its letter: a bare one may be anybody's. */
static enum crm_status convert_own_number(const struct mapping *mapping,
                                          const struct mapping_column *column, struct slice cell,
                                          struct failure *failure)
{
    size_t size = strlen(mapping->kind->letter);

    if (cell.size > size + 1 && memcmp(cell.data, mapping->kind->letter, size) == 0 &&
        cell.data[size] == '-')
        return CRM_OK;
    return fail(
        failure, CRM_INVALID, column->header,
        "it is not the number of a %s, such as %s-17; leave the column out by a mapping file",
        mapping->kind->name, mapping->kind->letter);
}

enum crm_status convert_cell(const struct mapping *mapping, const struct mapping_column *column,
                             struct slice cell, struct arena *arena, struct slice *out_text,
                             struct failure *failure)
{
    const struct field_def *field = column->member ? column->member : column->field;

    cell = trim(cell);
    *out_text = cell;
    if (cell.size == 0 || column->is_currency)
        return CRM_OK;
    if (column->is_happened || field->type == FIELD_DATE || field->type == FIELD_INSTANT)
        return convert_date(column, mapping->date_format, cell, arena, out_text, failure);
    if (field->ref == HEADER_NUMBER && !column->member)
        return convert_own_number(mapping, column, cell, failure);
    if (field->type == FIELD_GROUP)
        return CRM_OK;
    if (field->flags & FIELD_REPEATED && field->type == FIELD_TEXT)
        return convert_list(column, cell, arena, out_text, failure);
    if (field->type == FIELD_TEXT && is_rounded(cell))
        return fail(failure, CRM_INVALID, column->header,
                    "a spreadsheet has rounded the number '%.*s'",
                    (int)(cell.size < 40 ? cell.size : 40), (const char *)cell.data);
    if (field->type == FIELD_MONEY || field->type == FIELD_DECIMAL)
        return convert_number(cell, arena, out_text, failure);
    if (field->type == FIELD_INTEGER)
        return convert_integer(cell, arena, out_text, failure);
    if (field->type == FIELD_CHOICE)
        return convert_choice(column, cell, arena, out_text, failure);
    if (field->type == FIELD_BOOLEAN)
        *out_text = convert_boolean(cell);
    return CRM_OK;
}
