/*
 * vcard.c - vCards 2.1, 3.0 and 4.0 as rows: a card a row, its properties under fixed columns
 *
 * Called through grid.c; one thread. A card that is not ended costs itself alone, and so does what
 * stands outside of cards. Several values of one property are divided by ';', or of texts by line
 * ends. What has no column (photos, keys, sounds …) is left out.
 */
#include <ctype.h>
#include <stdlib.h>

#include "client/import/vcard_line.h"

enum column {
    COLUMN_FN,
    COLUMN_FAMILY,
    COLUMN_GIVEN,
    COLUMN_ORG,
    COLUMN_TITLE,
    COLUMN_TEL,
    COLUMN_EMAIL,
    COLUMN_URL,
    COLUMN_IMPP,
    COLUMN_BDAY,
    COLUMN_NOTE,
    COLUMN_CATEGORIES,
    COLUMN_STREET,
    COLUMN_CITY,
    COLUMN_REGION,
    COLUMN_POSTCODE,
    COLUMN_COUNTRY,
    COLUMN_HOME_STREET,
    COLUMN_HOME_CITY,
    COLUMN_HOME_REGION,
    COLUMN_HOME_POSTCODE,
    COLUMN_HOME_COUNTRY,
    COLUMNS
};

static const char *const column_names[COLUMNS] = {
    [COLUMN_FN] = "FN",
    [COLUMN_FAMILY] = "N.family",
    [COLUMN_GIVEN] = "N.given",
    [COLUMN_ORG] = "ORG",
    [COLUMN_TITLE] = "TITLE",
    [COLUMN_TEL] = "TEL",
    [COLUMN_EMAIL] = "EMAIL",
    [COLUMN_URL] = "URL",
    [COLUMN_IMPP] = "IMPP",
    [COLUMN_BDAY] = "BDAY",
    [COLUMN_NOTE] = "NOTE",
    [COLUMN_CATEGORIES] = "CATEGORIES",
    [COLUMN_STREET] = "ADR.street",
    [COLUMN_CITY] = "ADR.city",
    [COLUMN_REGION] = "ADR.region",
    [COLUMN_POSTCODE] = "ADR.postcode",
    [COLUMN_COUNTRY] = "ADR.country",
    [COLUMN_HOME_STREET] = "ADR.home.street",
    [COLUMN_HOME_CITY] = "ADR.home.city",
    [COLUMN_HOME_REGION] = "ADR.home.region",
    [COLUMN_HOME_POSTCODE] = "ADR.home.postcode",
    [COLUMN_HOME_COUNTRY] = "ADR.home.country",
};

struct vcard {
    struct buf text;     /* of the logical line */
    uint64_t line;       /* physical lines taken */
    bool is_begun;       /* BEGIN was met, by what came before it */
    uint64_t begun;      /* its line */
    bool is_21;
    struct slice values[COLUMNS];
    enum crm_status status; /* of a value that could not be kept */
};

/* --- values */

static void put(struct grid *grid, enum column column, struct slice text, const char *between)
{
    struct vcard *card = grid->state;
    struct slice *value = &card->values[column];
    uint8_t *joined;
    size_t n = value->size;

    while (text.size > 0 && isspace(text.data[0]))
        text = slice_of(text.data + 1, text.size - 1);
    while (text.size > 0 && isspace(text.data[text.size - 1]))
        text.size--;
    if (text.size == 0 || (value->size > 0 && !*between))
        return;
    if (value->size + text.size > GRID_CELL_MAX) {
        card->status = CRM_TOO_LARGE;
        return;
    }
    joined = arena_alloc(&grid->arena, value->size + text.size + 2);
    if (!joined) {
        card->status = CRM_NO_MEMORY;
        return;
    }
    if (value->size > 0) {
        memcpy(joined, value->data, value->size);
        joined[n++] = (uint8_t)*between;
    }
    memcpy(joined + n, text.data, text.size);
    *value = slice_of(joined, n + text.size);
}

/* "tel:+1-201-555-0123;ext=1": the number; "mailto:a@b": the address. */
static struct slice without_scheme(struct slice text, const char *scheme)
{
    size_t size = strlen(scheme);
    const uint8_t *end;

    if (text.size < size || strncasecmp((const char *)text.data, scheme, size) != 0)
        return text;
    text = slice_of(text.data + size, text.size - size);
    end = memchr(text.data, ';', text.size);
    return end ? slice_of(text.data, (size_t)(end - text.data)) : text;
}

static void put_name(struct grid *grid, const struct vcard_property *property)
{
    struct slice parts[VCARD_PARTS];
    size_t n = vcard_split(&grid->arena, property->value, parts);

    for (size_t i = 0; i < n && i < 3; i++)
        put(grid, i == 0 ? COLUMN_FAMILY : COLUMN_GIVEN, parts[i], " ");
}

/* Box, extension and street are lines of one address; of several of a kind only the first is taken. */
static void put_address(struct grid *grid, const struct vcard_property *property)
{
    struct vcard *card = grid->state;
    struct slice parts[VCARD_PARTS];
    enum column first = vcard_has_param(property, "HOME") ? COLUMN_HOME_STREET : COLUMN_STREET;
    size_t n = vcard_split(&grid->arena, property->value, parts);

    for (int i = 0; i < 5; i++)
        if (card->values[first + (enum column)i].size > 0)
            return;
    for (size_t i = 0; i < n && i < 3; i++)
        put(grid, first, parts[i], "\n");
    for (size_t i = 3; i < n && i < 7; i++)
        put(grid, first + (enum column)(i - 2), parts[i], "");
}

static void put_birthday(struct grid *grid, struct slice text)
{
    size_t digits = 0;

    while (digits < text.size && isdigit(text.data[digits]))
        digits++;
    if (text.size > 0 && *text.data != '-') /* --0412 has no year: no day that we could keep */
        put(grid, COLUMN_BDAY, digits == 8 ? slice_of(text.data, 8) : text, "");
}

static void put_list(struct grid *grid, enum column column, struct slice text)
{
    size_t begin = 0;

    for (size_t i = 0; i <= text.size; i++) {
        if (i < text.size && text.data[i] == '\\') {
            i++;
            continue;
        }
        if (i < text.size && text.data[i] != ',' && text.data[i] != ';')
            continue;
        put(grid, column, vcard_unescape(&grid->arena, slice_of(text.data + begin, i - begin)), ";");
        begin = i + 1;
    }
}

static bool is(const struct vcard_property *property, const char *name)
{
    return property->name && strcmp(property->name, name) == 0;
}

static void put_phone(struct grid *grid, const struct vcard_property *property)
{
    if (vcard_has_param(property, "FAX") || vcard_has_param(property, "PAGER"))
        return;
    put(grid, COLUMN_TEL, vcard_unescape(&grid->arena, without_scheme(property->value, "tel:")), ";");
}

static void put_property(struct grid *grid, const struct vcard_property *property)
{
    static const struct {
        const char *name;
        enum column column;
        const char *between;
    } plain[] = {
        { "FN", COLUMN_FN, "" },      { "TITLE", COLUMN_TITLE, "" }, { "NOTE", COLUMN_NOTE, "\n" },   { "URL", COLUMN_URL, "" },
        { "IMPP", COLUMN_IMPP, ";" }, { "X-AIM", COLUMN_IMPP, ";" }, { "X-JABBER", COLUMN_IMPP, ";" }, { "X-SKYPE", COLUMN_IMPP, ";" },
        { "X-QQ", COLUMN_IMPP, ";" }, { "X-ICQ", COLUMN_IMPP, ";" }, { "X-MSN", COLUMN_IMPP, ";" },
    };
    struct slice parts[VCARD_PARTS];

    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (is(property, plain[i].name))
            put(grid, plain[i].column, vcard_unescape(&grid->arena, property->value), plain[i].between);
    if (is(property, "N"))
        put_name(grid, property);
    else if (is(property, "ORG") && vcard_split(&grid->arena, property->value, parts) > 0)
        put(grid, COLUMN_ORG, parts[0], "");
    else if (is(property, "TEL"))
        put_phone(grid, property);
    else if (is(property, "EMAIL"))
        put(grid, COLUMN_EMAIL, vcard_unescape(&grid->arena, without_scheme(property->value, "mailto:")), ";");
    else if (is(property, "ADR"))
        put_address(grid, property);
    else if (is(property, "BDAY"))
        put_birthday(grid, property->value);
    else if (is(property, "CATEGORIES"))
        put_list(grid, COLUMN_CATEGORIES, property->value);
}

/* A card needs no name of its own: then it is called as its company, or by its address. */
static void find_name(struct grid *grid)
{
    static const enum column others[] = { COLUMN_ORG, COLUMN_EMAIL, COLUMN_TEL };
    struct vcard *card = grid->state;

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (card->values[COLUMN_FN].size + card->values[COLUMN_GIVEN].size + card->values[COLUMN_FAMILY].size == 0)
            card->values[COLUMN_FN] = card->values[others[i]];
}

/* --- cards */

static bool is_card(const struct vcard_property *property)
{
    return property->value.size == 5 && strncasecmp((const char *)property->value.data, "VCARD", 5) == 0;
}

/* What stands between cards, up to the next BEGIN: blank lines are nothing, all else is a row that is lost. */
static enum crm_status find_begin(struct grid *grid, bool *out_is_end, struct failure *failure)
{
    struct vcard *card = grid->state;
    struct vcard_property property;
    uint64_t first = 0;

    while (!card->is_begun) {
        uint64_t line = card->line + 1;
        enum crm_status status = vcard_next(grid, &card->text, false, &card->line, &property, out_is_end);

        if (status)
            return status;
        if (*out_is_end)
            break;
        card->is_begun = is(&property, "BEGIN") && is_card(&property);
        card->begun = line;
        if (!card->is_begun && first == 0 && card->text.size > 0)
            first = line;
    }
    if (first == 0)
        return CRM_OK;
    grid->line = first;
    *out_is_end = false;
    return fail(failure, CRM_INVALID, NULL, "this stands outside of a card");
}

static enum crm_status read_card(struct grid *grid, struct failure *failure)
{
    struct vcard *card = grid->state;
    struct vcard_property property;
    bool is_end = false;

    for (;;) {
        uint64_t line = card->line + 1;
        enum crm_status status = vcard_next(grid, &card->text, card->is_21, &card->line, &property, &is_end);

        if (status)
            return status;
        if (is_end)
            return fail(failure, CRM_INVALID, NULL, "the card is never ended");
        if (is(&property, "END") && is_card(&property))
            return CRM_OK;
        if (is(&property, "BEGIN") && is_card(&property)) {
            card->is_begun = true;
            card->begun = line;
            return fail(failure, CRM_INVALID, NULL, "the card is not ended before the next one begins");
        }
        if (is(&property, "VERSION"))
            card->is_21 = property.value.size == 3 && memcmp(property.value.data, "2.1", 3) == 0;
        if (!property.is_cut)
            put_property(grid, &property);
        if (card->status)
            return fail(failure, card->status, property.name, "it is longer than %d bytes", GRID_CELL_MAX);
    }
}

/* A row of nothing is passed over; a card is a row, whatever is in it. */
static bool is_empty(const struct vcard *card)
{
    for (size_t i = 0; i < COLUMNS; i++)
        if (card->values[i].size > 0)
            return false;
    return true;
}

static enum crm_status next_vcard(struct grid *grid, bool *out_is_end, struct failure *failure)
{
    struct vcard *card = grid->state;
    enum crm_status status = find_begin(grid, out_is_end, failure);

    if (status || *out_is_end)
        return status;
    grid->line = card->begun;
    card->is_begun = card->is_21 = false;
    card->status = CRM_OK;
    memset(card->values, 0, sizeof(card->values));
    status = read_card(grid, failure);
    find_name(grid);
    if (!status && is_empty(card))
        status = fail(failure, CRM_INVALID, NULL, "nothing of this card can be taken over");
    memcpy(grid->cells, card->values, sizeof(card->values));
    grid->n_cells = COLUMNS;
    return status;
}

static enum crm_status open_vcard(struct grid *grid, struct failure *failure)
{
    struct vcard *card = calloc(1, sizeof(*card));
    enum crm_status status = CRM_OK;

    grid->state = card;
    if (!card)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    buf_init(&card->text, VCARD_LINE_MAX);
    for (size_t i = 0; i < COLUMNS && !status; i++)
        status = grid_add_column(grid, slice_text(column_names[i]), failure);
    return status;
}

static void close_vcard(struct grid *grid)
{
    struct vcard *card = grid->state;

    if (card)
        buf_fini(&card->text);
    free(card);
}

const struct grid_format grid_vcard = { .name = "vCard", .open = open_vcard, .next = next_vcard, .close = close_vcard };
