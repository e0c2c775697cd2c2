/*
 * check_count.c - counts, groups and sums; searches; the pipeline: figures that must be those of what may be seen
 */
#include "check.h"

static const Crm__CountReply *count(struct eyes *eyes, Crm__CountRequest *request)
{
    struct answer answer;

    request->has_kind = request->has_explain = request->explain = true;
    answer = talk(eyes->world, eyes->peer, OP_COUNT, &request->base);
    expect(eyes, answer.type == FRAME_REPLY, NULL, "a count of %s: status %d", kind_def(request->kind)->plural, answer.status);
    return answer_message(eyes->peer, answer.body, &crm__count_reply__descriptor);
}

static size_t visible(struct eyes *eyes, enum kind kind, bool deleted)
{
    const struct model *model = eyes->world->model;
    size_t n = 0;

    for (int i = 0; i < model->n_records; i++)
        n += model->records[i].kind == kind && model->records[i].is_deleted == deleted && may_see(eyes, &model->records[i]);
    return n;
}

/* How many are whose, as the groups say it. */
static void by_owner(struct eyes *eyes, enum kind kind)
{
    const struct model *model = eyes->world->model;
    Crm__CountRequest request = CRM__COUNT_REQUEST__INIT;
    const Crm__CountReply *reply;
    size_t total = 0;

    request.kind = kind;
    request.has_group = true;
    request.group = HEADER_OWNER;
    reply = count(eyes, &request);
    for (size_t g = 0; g < reply->n_groups; g++) {
        const Crm__CountGroup *group = reply->groups[g];
        size_t n = 0;

        for (int i = 0; i < model->n_records; i++)
            n += model->records[i].kind == kind && !model->records[i].is_deleted && may_see(eyes, &model->records[i]) && group->value &&
                 memcmp(group->value->ref.data, model->records[i].owner.bytes, UUID_SIZE) == 0;
        expect(eyes, group->count == n, NULL, "%s of one owner: %d, not %zu", kind_def((unsigned)kind)->plural, (int)group->count, n);
        if (group->title)
            check_titles(eyes, &reply->groups[g]->title, 1);
        total += n;
    }
    expect(eyes, total == visible(eyes, kind, false), NULL, "%s by owner are %zu", kind_def((unsigned)kind)->plural, total);
}

static void by_secret(struct eyes *eyes, const struct world_kind *kind)
{
    const struct model *model = eyes->world->model;
    Crm__CountRequest request = CRM__COUNT_REQUEST__INIT;
    const Crm__CountReply *reply;
    size_t values = 0, without = 0;

    request.kind = kind->kind;
    request.has_group = true;
    request.group = world_field(kind->kind, kind->secret)->ref;
    reply = count(eyes, &request);
    for (int i = 0; i < model->n_records; i++)
        if (model->records[i].kind == kind->kind && !model->records[i].is_deleted && may_see(eyes, &model->records[i])) {
            values += model->records[i].has_values && shows(eyes, kind->kind, kind->secret);
            without += !shows(eyes, kind->kind, kind->secret);
        }
    if (without)
        expect(eyes, reply->n_groups == 1 && !reply->groups[0]->value && reply->groups[0]->count == without, NULL, "%s by the hidden %s make %zu groups",
               kind_def((unsigned)kind->kind)->plural, kind->secret, reply->n_groups);
    else
        expect(eyes, reply->n_groups >= values, NULL, "%s by %s make %zu groups of %zu", kind_def((unsigned)kind->kind)->plural, kind->secret, reply->n_groups, values);
}

static void sum(struct eyes *eyes, const struct world_kind *kind)
{
    const struct model *model = eyes->world->model;
    Crm__CountRequest request = CRM__COUNT_REQUEST__INIT;
    const Crm__CountReply *reply;
    int64_t due = 0, told = 0;

    request.kind = kind->kind;
    request.has_sum = true;
    request.sum = world_field(kind->kind, kind->money)->ref;
    reply = count(eyes, &request);
    for (int i = 0; i < model->n_records; i++)
        if (model->records[i].kind == kind->kind && !model->records[i].is_deleted && may_see(eyes, &model->records[i]) && shows(eyes, kind->kind, kind->money))
            due += model->records[i].money;
    for (size_t g = 0; g < reply->n_groups; g++)
        for (size_t s = 0; s < reply->groups[g]->n_sums; s++)
            told += reply->groups[g]->sums[s]->minor;
    expect(eyes, due == told, NULL, "the sum of %s is %lld, not %lld", kind_def((unsigned)kind->kind)->plural, (long long)told, (long long)due);
}

void check_count(struct eyes *eyes)
{
    for (size_t i = 0; world_kinds[i].kind; i++) {
        const struct world_kind *kind = &world_kinds[i];

        for (int deleted = 0; deleted < 2; deleted++) {
            Crm__CountRequest request = CRM__COUNT_REQUEST__INIT;
            size_t n = visible(eyes, kind->kind, deleted);
            const Crm__CountReply *reply;

            request.kind = kind->kind;
            request.has_deleted = true;
            request.deleted = deleted;
            reply = count(eyes, &request);
            expect(eyes, reply->count == n && reply->explain->matched == n && reply->explain->examined >= n && reply->explain->examined <= 3 * n, NULL, "%d %s are counted (%d examined), not %zu",
                   (int)reply->count, kind_def((unsigned)kind->kind)->plural, (int)reply->explain->examined, n);
        }
        by_owner(eyes, kind->kind);
        by_secret(eyes, kind);
        if (kind->money)
            sum(eyes, kind);
        arena_reset(&eyes->peer->arena);
    }
}

/* --- search */

static void search(struct eyes *eyes, const struct model_record *record, const char *text, bool finds)
{
    Crm__SearchRequest request = CRM__SEARCH_REQUEST__INIT;
    const Crm__ListReply *end;
    struct answer answer;
    size_t n = 0;

    request.text = (char *)(uintptr_t)text;
    request.has_explain = request.explain = request.has_titles = request.titles = true;
    answer = talk(eyes->world, eyes->peer, OP_SEARCH, &request.base);
    expect(eyes, answer.type == FRAME_END, record, "a search: status %d", answer.status);
    for (size_t c = 0; c < answer.n_chunks; c++) {
        const Crm__ListChunk *chunk = answer_message(eyes->peer, answer.chunks[c], &crm__list_chunk__descriptor);

        for (size_t i = 0; i < chunk->n_records; i++) {
            expect(eyes, memcmp(chunk->records[i]->header->id.data, record->id.bytes, UUID_SIZE) == 0 && finds, record, "'%s' finds it", text);
            expect(eyes, same_body(eyes, record, chunk->records[i]->body), record, "found with other fields than the role shows");
        }
        check_titles(eyes, chunk->titles, chunk->n_titles);
        n += chunk->n_records;
    }
    end = answer_message(eyes->peer, answer.body, &crm__list_reply__descriptor);
    expect(eyes, n == finds && end->rows == n && end->explain->matched == n && end->explain->examined == n, record,
           "'%s' finds %zu: %d rows, %d matched, %d examined", text, n, (int)end->rows, (int)end->explain->matched, (int)end->explain->examined);
}

void check_search(struct eyes *eyes)
{
    const struct model *model = eyes->world->model;

    for (int i = 0; i < model->n_records; i++) {
        const struct model_record *record = &model->records[i];
        const struct world_kind *kind = world_kind(record->kind);
        bool sees = may_see(eyes, record) && !record->is_deleted;

        if (!record->has_values || !is_looked_at(eyes, i))
            continue;
        if (world_field(record->kind, kind->title)->flags & FIELD_SEARCHED)
            search(eyes, record, record->title, sees && shows(eyes, record->kind, kind->title));
        if (world_field(record->kind, kind->secret)->flags & FIELD_SEARCHED)
            search(eyes, record, record->secret, sees && shows(eyes, record->kind, kind->secret));
        arena_reset(&eyes->peer->arena);
    }
}

/* --- the pipeline */

void check_report(struct eyes *eyes)
{
    static const char *const groups[] = { "owner", "team", "stage" };
    const struct model *model = eyes->world->model;
    const struct model_role *role = &model->roles[eyes->user->role];
    int64_t due = 0, deals = 0;

    for (int i = 0; i < model->n_records; i++)
        if (model->records[i].kind == KIND_DEAL && !model->records[i].is_deleted && model_covers(model, eyes->user, &model->records[i])) {
            deals++;
            due += model->records[i].money;
        }
    for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
        Crm__ReportRequest request = CRM__REPORT_REQUEST__INIT;
        char *group = (char *)(uintptr_t)groups[g];
        const Crm__ReportReply *reply;
        int64_t sums[3] = { 0 }, counts[3] = { 0 };
        struct answer answer;

        request.name = (char *)"pipeline";
        request.group = &group;
        request.n_group = 1;
        answer = talk(eyes->world, eyes->peer, OP_REPORT, &request.base);
        if (!role->has_rights) {
            expect(eyes, answer.status == CRM_NOT_ALLOWED, NULL, "a report without the right to it: status %d", answer.status);
            continue;
        }
        expect(eyes, answer.type == FRAME_REPLY, NULL, "a report: status %d", answer.status);
        reply = answer_message(eyes->peer, answer.body, &crm__report_reply__descriptor);
        for (size_t i = 0; i < reply->n_rows; i++) {
            const Crm__ReportRow *row = reply->rows[i];

            counts[row->level] += row->cells[1]->integer;
            if (row->n_cells > 2 && row->cells[2]->money)
                sums[row->level] += row->cells[2]->money->minor;
        }
        expect(eyes, counts[0] == deals && counts[2] == deals, NULL, "the pipeline by %s has %d deals (total %d), not %d", group, (int)counts[0], (int)counts[2],
               (int)deals);
        if (!shows(eyes, KIND_DEAL, "amount"))
            due = 0;
        expect(eyes, sums[0] == due && sums[2] == due, NULL, "the pipeline by %s is worth %lld, not %lld", group, (long long)sums[0], (long long)due);
    }
}
