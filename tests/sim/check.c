/*
 * check.c - what must hold when all is quiet
 *
 * The server's database is whole (crmd check); every change that was answered stands in its record's history once; every replica is right (check_replica.c);
 * no word that somebody typed is gone, and every one that was erased is.
 */
#include "tests/sim/check.h"

#include "server/admin/check.h"
#include "server/engine/log.h"

/* --- the server */

static void check_server(struct sim *sim)
{
    struct check_result result;
    struct failure failure = { 0 };

    if (check_store(sim->host.disk.map, stdout, &result, &failure) != CRM_OK)
        sim_fail("the server's database is not whole: %s", failure.text);
}

/* --- histories */

struct history {
    struct sim *sim;
    struct view view;
    unsigned *times; /* by word: how often it came into its record */
    bool *before, *after; /* of the step that is looked at */
};

struct marking {
    struct words *words;
    bool *marks;
    bool is_once; /* a second one is a fault */
};

static void mark(void *arg, struct word *word)
{
    struct marking *marking = arg;
    bool *at = &marking->marks[word - marking->words->rows];

    if (marking->is_once && *at)
        sim_fail("%s, typed once by %s, stands in its record twice", word->text, person_names[word->by]);
    *at = true;
}

static void mark_all(struct words *words, const struct record *record, bool *marks)
{
    struct marking marking = { .words = words, .marks = marks, .is_once = true };

    memset(marks, 0, words->n * sizeof *marks);
    if (record)
        words_find(words, record->body, mark, &marking);
}

/* What comes back from the bin does not come anew. */
static enum crm_status look_at_step(void *arg, const struct log_step *step)
{
    struct history *history = arg;
    struct words *words = &history->sim->words;
    bool is_change = step->after && (step->before || step->after->header.rev == 1);

    mark_all(words, step->before, history->before);
    mark_all(words, step->after, history->after);
    for (size_t i = 0; i < words->n && is_change; i++)
        history->times[i] += history->after[i] && !history->before[i];
    return CRM_OK;
}

static bool look_at_record(void *arg, struct slice key, struct slice value)
{
    struct history *history = arg;
    struct record record;
    enum kind kind;
    struct uuid id;

    if (!record_key_parse(key, &kind, &id))
        sim_fail("the server has a key that is none");
    sim_must(record_decode(kind, &id, value, &record), "a record");
    sim_must(log_each_step(&history->view, &record, look_at_step, history), "a history");
    return true;
}

static enum crm_status look_at_histories(struct store_txn *txn, void *arg)
{
    struct history *history = arg;
    enum crm_status status;

    history->view = (struct view){ .txn = txn, .schema = history->sim->host.core.schema };
    status = store_scan(txn, STORE_RECORD, &(struct store_range){ 0 }, look_at_record, history);
    return status == CRM_OK ? store_scan(txn, STORE_DELETED, &(struct store_range){ 0 }, look_at_record, history) : status;
}

static void check_histories(struct sim *sim)
{
    struct history history = { .sim = sim };

    history.times = arena_zalloc(&sim->arena, (sim->words.n + 1) * sizeof *history.times);
    history.before = arena_zalloc(&sim->arena, sim->words.n + 1);
    history.after = arena_zalloc(&sim->arena, sim->words.n + 1);
    if (!history.times || !history.before || !history.after)
        sim_fail("out of memory");
    sim_must(store_read_run(sim->host.disk.map, look_at_histories, &history), "the histories");
    for (size_t i = 0; i < sim->words.n; i++) {
        const struct word *word = &sim->words.rows[i];

        if (history.times[i] > 1)
            sim_fail("%s, typed once by %s, has come into its record %u times", word->text, person_names[word->by], history.times[i]);
        if (word->is_answered && history.times[i] == 0)
            sim_fail("%s, typed by %s and acknowledged, is not in the history", word->text, person_names[word->by]);
    }
}

/* --- words */

static bool find_in_value(void *arg, struct slice key, struct slice value)
{
    struct marking *marking = arg;

    (void)key;
    words_find(marking->words, value, mark, marking);
    return true;
}

static enum crm_status find_at_server(struct store_txn *txn, void *arg)
{
    static const enum store_db places[] = { STORE_RECORD, STORE_LOG, STORE_DELETED, STORE_CONFLICT };
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(places) && status == CRM_OK; i++)
        status = store_scan(txn, places[i], &(struct store_range){ 0 }, find_in_value, arg);
    return status;
}

static enum crm_status find_in_outbox(struct store_txn *txn, void *arg)
{
    return store_scan(txn, (enum store_db)REPLICA_OUTBOX, &(struct store_range){ 0 }, find_in_value, arg);
}

static void check_words(struct sim *sim)
{
    struct marking marking = { .words = &sim->words, .marks = arena_zalloc(&sim->arena, sim->words.n + 1) };

    if (!marking.marks)
        sim_fail("out of memory");
    sim_must(store_read_run(sim->host.disk.map, find_at_server, &marking), "the server's values");
    for (unsigned i = 0; i < sim->n_reps; i++)
        sim_must(store_read_run(sim->reps[i].disk.map, find_in_outbox, &marking), "an outbox");
    for (size_t i = 0; i < sim->words.n; i++) {
        const struct word *word = &sim->words.rows[i];

        if (word->is_typed && !word->is_waived && !marking.marks[i])
            sim_fail("%s, typed by %s, is gone", word->text, person_names[word->by]);
    }
}

/* --- what was erased */

static bool find_erased(void *arg, struct slice key, struct slice value)
{
    struct marking *marking = arg;

    words_find(marking->words, key, mark, marking);
    words_find(marking->words, value, mark, marking);
    return true;
}

static enum crm_status find_everywhere(struct store_txn *txn, void *arg)
{
    enum crm_status status = CRM_OK;

    for (unsigned db = 0; db < STORE_DB_COUNT && status == CRM_OK; db++)
        status = store_scan(txn, (enum store_db)db, &(struct store_range){ 0 }, find_erased, arg);
    return status;
}

static void check_erased(struct sim *sim)
{
    struct marking marking = { .words = &sim->words, .marks = arena_zalloc(&sim->arena, sim->words.n + 1) };

    if (!marking.marks)
        sim_fail("out of memory");
    sim_must(store_read_run(sim->host.disk.map, find_everywhere, &marking), "the server's rows");
    for (size_t i = 0; i < sim->words.n; i++)
        if (sim->words.rows[i].is_erased && marking.marks[i])
            sim_fail("%s, erased, is at the server", sim->words.rows[i].text);
}

void check_all(struct sim *sim)
{
    check_server(sim);
    check_histories(sim);
    check_words(sim);
    check_erased(sim);
    for (unsigned i = 0; i < sim->n_reps; i++)
        check_replica(sim, &sim->reps[i]);
}
