/*
 * test_match_sets.c - duplicates that are known, in files of others: precision, recall and F1 of one rule set for persons and one for organisations
 *
 * ../shared/data/duplicates, read in place; where it is absent the test skips. A pair counts as found from MATCH_SCORE_LIKELY on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/match/match.h"

#include <cmocka.h>

#define FOLDER      CRM_SHARED_DATA "/duplicates/"
#define ROWS_MAX    6000
#define COLUMNS_MAX 16
#define MEMORY_MAX  (256u << 20)

/* A file of commas and quotes. */
struct sheet {
    struct arena arena;
    const char *cells[ROWS_MAX][COLUMNS_MAX];
    size_t n;
};

/* What a column says; FIELD_NONE: nothing that is compared. */
#define NOTHING MATCH_FIELDS

struct layout {
    const char *file;
    size_t id; /* column */
    enum match_field fields[COLUMNS_MAX];
};

/* Records of one or two files, and which belong together. */
struct set {
    struct match_set *match;
    const char *ids[2 * ROWS_MAX];
    uint8_t source[2 * ROWS_MAX];
    size_t n;
};

/* One cell from *at on, which is moved behind it and its comma or line break. true: the line ends here. */
static bool read_cell(const char **at, char *out, size_t max)
{
    bool quoted = **at == '"';
    size_t n = 0;

    for (*at += quoted; **at && (quoted || (**at != ',' && **at != '\n')); (*at)++) {
        if (**at == '"' && quoted && *++*at != '"')
            quoted = false;
        if (!**at || (!quoted && (**at == ',' || **at == '\n')))
            break;
        if (n + 1 < max && **at != '\r')
            out[n++] = **at;
    }
    out[n] = '\0';
    if (**at == ',') {
        (*at)++;
        return false;
    }
    *at += **at == '\n';
    return true;
}

static struct sheet *read_sheet(const char *file)
{
    static char text[1u << 20];
    struct sheet *sheet = calloc(1, sizeof *sheet);
    const char *at = text;
    FILE *in = fopen(file, "r");

    assert_non_null(sheet);
    if (!in) {
        free(sheet);
        print_message("%s is not there\n", file);
        skip();
    }
    text[fread(text, 1, sizeof text - 1, in)] = '\0';
    fclose(in);
    arena_init(&sheet->arena, MEMORY_MAX);
    for (; *at; sheet->n++) {
        bool ends = false;

        assert_true(sheet->n < ROWS_MAX);
        for (size_t column = 0; column < COLUMNS_MAX; column++) {
            char cell[1024] = "";

            if (!ends)
                ends = read_cell(&at, cell, sizeof cell);
            sheet->cells[sheet->n][column] = arena_strdup(&sheet->arena, cell + (*cell == ' '));
            assert_non_null(sheet->cells[sheet->n][column]);
        }
        assert_true(ends);
    }
    return sheet;
}

static void sheet_free(struct sheet *sheet)
{
    arena_fini(&sheet->arena);
    free(sheet);
}

static void add_rows(struct set *set, const struct sheet *sheet, const struct layout *layout, uint8_t source)
{
    for (size_t row = 1; row < sheet->n; row++) {
        struct match_value values[COLUMNS_MAX];
        char address[512] = "";
        size_t n = 0;

        for (size_t column = 0; column < COLUMNS_MAX; column++) {
            const char *cell = sheet->cells[row][column];

            if (layout->fields[column] == MATCH_ADDRESS && *cell) /* its lines, as a record of ours has them */
                snprintf(address + strlen(address), sizeof address - strlen(address), "%s\n", cell);
            else if (layout->fields[column] < MATCH_FIELDS && column != layout->id && *cell)
                values[n++] = (struct match_value){ layout->fields[column], slice_text(cell) };
        }
        if (*address)
            values[n++] = (struct match_value){ MATCH_ADDRESS, slice_text(address) };
        assert_int_equal(match_add(set->match, values, n), CRM_OK);
        set->ids[set->n] = sheet->cells[row][layout->id];
        set->source[set->n++] = source;
    }
}

/* --- which belong together, by file */

static bool febrl_same(const struct set *set, uint32_t a, uint32_t b)
{
    return atoi(set->ids[a] + 4) == atoi(set->ids[b] + 4); /* "rec-17-dup-0" */
}

static bool id_same(const struct set *set, uint32_t a, uint32_t b)
{
    return *set->ids[a] && strcmp(set->ids[a], set->ids[b]) == 0;
}

static const struct sheet *links;

static bool linked(const struct set *set, uint32_t a, uint32_t b)
{
    for (size_t i = 1; i < links->n; i++) {
        if (strcmp(links->cells[i][0], set->ids[a]) == 0 && strcmp(links->cells[i][1], set->ids[b]) == 0)
            return set->source[a] != set->source[b];
    }
    return false;
}

struct measure {
    size_t found, right, wanted;
    double precision, recall, f1;
};

static void finish(struct measure *m, const char *what)
{
    m->precision = m->found ? (double)m->right / (double)m->found : 0;
    m->recall = m->wanted ? (double)m->right / (double)m->wanted : 0;
    m->f1 = m->right ? 2 * m->precision * m->recall / (m->precision + m->recall) : 0;
    print_message("%-40s precision %.4f recall %.4f F1 %.4f (%zu found, %zu known)\n", what, m->precision, m->recall, m->f1, m->found, m->wanted);
}

/* Wrong and missing pairs, for whoever sharpens the rules: CRM_MATCH_SHOW=1. */
static void show(const struct set *set, uint32_t a, uint32_t b, const char *what)
{
    struct match_reason reasons[MATCH_FIELDS];
    size_t n;

    if (!getenv("CRM_MATCH_SHOW"))
        return;
    n = match_explain(set->match, a, b, reasons);
    print_message("%s %u %u (%s, %s):", what, a + 2, b + 2, set->ids[a], set->ids[b]);
    for (size_t i = 0; i < n; i++)
        print_message(" %s %.2f %+.1f", match_field_name(reasons[i].field), (double)reasons[i].likeness, (double)reasons[i].weight);
    print_message("\n");
}

static uint32_t root(uint32_t *parents, uint32_t i)
{
    while (parents[i] != i)
        i = parents[i] = parents[parents[i]];
    return i;
}

typedef bool same_fn(const struct set *set, uint32_t a, uint32_t b);

/* Two figures: of the pairs as they are found, and of who hangs together through them. */
static void judge(struct set *set, same_fn *same, const char *what, struct measure *out_pairs, struct measure *out_clusters)
{
    const struct match_pair *pairs;
    uint32_t *parents = calloc(set->n, sizeof *parents);
    bool *is_found = calloc(set->n * set->n, 1), links_two = set->source[set->n - 1] > 0;
    char title[96];
    size_t n;

    assert_true(parents && is_found);
    *out_pairs = *out_clusters = (struct measure){ 0 };
    for (uint32_t i = 0; i < set->n; i++)
        parents[i] = i;
    assert_int_equal(match_find(set->match, &(struct match_wish){ .min = MATCH_SCORE_LIKELY }, &pairs, &n), CRM_OK);
    for (size_t i = 0; i < n; i++) {
        if (links_two && set->source[pairs[i].first] == set->source[pairs[i].second])
            continue;
        is_found[pairs[i].first * set->n + pairs[i].second] = true;
        parents[root(parents, pairs[i].first)] = root(parents, pairs[i].second);
    }
    for (uint32_t a = 0; a < set->n; a++) {
        for (uint32_t b = a + 1; b < set->n; b++) {
            bool found = is_found[a * set->n + b], together = root(parents, a) == root(parents, b), right = same(set, a, b);

            out_pairs->found += found;
            out_pairs->right += found && right;
            out_pairs->wanted += right;
            out_clusters->found += together;
            out_clusters->right += together && right;
            if (found != right)
                show(set, a, b, found ? "wrong" : "missing");
        }
    }
    out_clusters->wanted = out_pairs->wanted;
    finish(out_pairs, what);
    if (!links_two) {
        snprintf(title, sizeof title, "%s, clusters", what);
        finish(out_clusters, title);
    }
    free(parents);
    free(is_found);
    match_destroy(set->match);
}

static void measure_file(const struct layout *layout, enum match_type type, same_fn *same, const char *what, struct measure *out_pairs,
                         struct measure *out_clusters)
{
    struct sheet *sheet = read_sheet(layout->file);
    struct set *set = calloc(1, sizeof *set);

    assert_non_null(set);
    set->match = match_create(type, MEMORY_MAX);
    assert_non_null(set->match);
    add_rows(set, sheet, layout, 0);
    judge(set, same, what, out_pairs, out_clusters);
    free(set);
    sheet_free(sheet);
}

/* --- the files */

#define FEBRL(name, key)                                                                                                                               \
    { .file = FOLDER "febrl/" name ".csv", .id = 0,                                                                                                            \
      .fields = { NOTHING, MATCH_GIVEN, MATCH_FAMILY, MATCH_ADDRESS, MATCH_ADDRESS, MATCH_ADDRESS, MATCH_CITY, MATCH_POSTCODE, MATCH_REGION, MATCH_BIRTH,   \
                  key, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING } }

static void test_febrl(void **state)
{
    static const struct {
        struct layout layout;
        const char *what;
        double least;
    } files[] = {
        { FEBRL("dataset1", MATCH_KEY), "febrl 1 with its number", 0.99 },
        { FEBRL("dataset2", MATCH_KEY), "febrl 2 with its number", 0.99 },
        { FEBRL("dataset1", NOTHING), "febrl 1 without", 0.985 },
        { FEBRL("dataset2", NOTHING), "febrl 2 without", 0.98 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct measure pairs, clusters;

        measure_file(&files[i].layout, MATCH_PERSON, febrl_same, files[i].what, &pairs, &clusters);
        assert_true(pairs.f1 >= files[i].least);
        assert_true(clusters.f1 >= files[i].least); /* closing the chains glues nobody together */
    }
}

static void test_company_names(void **state)
{
    static const struct layout layout = {
        .file = FOLDER "company-names/give_distinct_names.csv", .id = 1,
        .fields = { NOTHING, NOTHING, MATCH_NAME, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING },
    };
    struct measure pairs, clusters;

    (void)state;
    measure_file(&layout, MATCH_ORGANISATION, id_same, "company names", &pairs, &clusters);
    assert_true(clusters.f1 >= 0.95);
}

static void test_organisations(void **state)
{
    static const struct layout layout = {
        .file = FOLDER "organisations/give_orgs.csv", .id = 0,
        .fields = { NOTHING, NOTHING, NOTHING, MATCH_NAME, MATCH_ADDRESS, MATCH_POSTCODE, MATCH_PHONE, NOTHING, NOTHING, NOTHING, NOTHING, MATCH_WEB, NOTHING, NOTHING, NOTHING,
                    NOTHING },
    };
    struct measure pairs, clusters;

    (void)state;
    measure_file(&layout, MATCH_ORGANISATION, id_same, "organisations (reported)", &pairs, &clusters);
    assert_true(pairs.found > 0);
}

static void test_restaurants(void **state)
{
    static const struct layout fodors = {
        .file = FOLDER "restaurants/fodors.csv", .id = 0,
        .fields = { NOTHING, MATCH_NAME, MATCH_ADDRESS, MATCH_CITY, MATCH_PHONE, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING },
    };
    struct sheet *one = read_sheet(FOLDER "restaurants/fodors.csv"), *other = read_sheet(FOLDER "restaurants/zagats.csv");
    struct sheet *known = read_sheet(FOLDER "restaurants/matches_fodors_zagats.csv");
    struct set *set = calloc(1, sizeof *set);
    struct measure pairs, clusters;

    (void)state;
    assert_non_null(set);
    links = known;
    set->match = match_create(MATCH_ORGANISATION, MEMORY_MAX);
    assert_non_null(set->match);
    add_rows(set, one, &fodors, 0);
    add_rows(set, other, &fodors, 1);
    judge(set, linked, "restaurants", &pairs, &clusters);
    assert_true(pairs.f1 >= 0.95);
    free(set);
    sheet_free(one);
    sheet_free(other);
    sheet_free(known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_febrl),
        cmocka_unit_test(test_company_names),
        cmocka_unit_test(test_restaurants),
        cmocka_unit_test(test_organisations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
