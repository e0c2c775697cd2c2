/*
 * check.c - what the cases share: comparing with the model, and saying what differs
 */
#include "check.h"

#include "common/model/body.h"

void expect(struct eyes *eyes, bool holds, const struct model_record *record, const char *format, ...)
{
    char text[512], what[128] = "";
    va_list arguments;

    eyes->n_cases++;
    if (holds)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (record) {
        const struct model_row *row = model_row(eyes->world->model, eyes->user, record->kind);

        snprintf(what, sizeof what, " %s %d (%s, seen %d, written %d; role reads %d, writes %d, hides %s)", kind_def(record->kind)->name,
                 model_index(eyes->world->model, record), record->title, model_may_read(eyes->world->model, eyes->user, record),
                 model_may_write(eyes->world->model, eyes->user, record), row->read, row->write, row->hidden[0] ? row->hidden[0] : "nothing");
    }
    fail_msg("user %d:%s: %s", eyes->number, what, text);
}

bool may_see(struct eyes *eyes, const struct model_record *record)
{
    return model_may_read(eyes->world->model, eyes->user, record);
}

bool shows(struct eyes *eyes, enum kind kind, const char *field)
{
    return !model_hides(eyes->world->model, eyes->user, kind, field);
}

bool same_body(struct eyes *eyes, const struct model_record *record, ProtobufCBinaryData body)
{
    const struct model_row *row = model_row(eyes->world->model, eyes->user, record->kind);
    struct slice whole = eyes->world->bodies[model_index(eyes->world->model, record)];
    size_t at = 0, position = 0;
    struct body_field field;

    while (body_next(whole, &position, &field)) {
        bool is_hidden = false;

        for (size_t i = 0; i < MODEL_HIDDEN && row->hidden[i]; i++)
            is_hidden = is_hidden || world_field(record->kind, row->hidden[i])->ref == field.tag;
        if (is_hidden)
            continue;
        if (body.len - at < field.raw.size || memcmp(body.data + at, field.raw.data, field.raw.size) != 0)
            return false;
        at += field.raw.size;
    }
    return at == body.len;
}

void check_titles(struct eyes *eyes, Crm__Title **titles, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct uuid id;
        struct model_record *record;

        assert_true(uuid_from_slice(slice_of(titles[i]->id.data, titles[i]->id.len), &id));
        record = model_find(eyes->world->model, (enum kind)titles[i]->kind, &id);
        expect(eyes, record && may_see(eyes, record), record, "a title of what may not be seen");
        if (record)
            expect(eyes, strcmp(titles[i]->title, shows(eyes, record->kind, world_kind(record->kind)->title) ? record->title : "") == 0, record,
                   "its title is '%s'", titles[i]->title);
    }
}

bool same_answer(const struct answer *a, const struct answer *b)
{
    if (a->type != b->type || a->status != b->status || !slice_equal(a->body, b->body) || a->n_chunks != b->n_chunks)
        return false;
    for (size_t i = 0; i < a->n_chunks; i++)
        if (!slice_equal(a->chunks[i], b->chunks[i]))
            return false;
    return true;
}

bool is_looked_at(struct eyes *eyes, int record)
{
    const struct world *world = eyes->world;
    int own = world->first_of_user[eyes->number];
    int behind = eyes->number + 1 < WORLD_USERS ? world->first_of_user[eyes->number + 1] : world->model->n_records;

    if (record >= own && record < behind)
        return true;
    return record < world->n_shared ? (record + eyes->number) % 3 == 0 : record % 17 == 0;
}

struct uuid never_used(void)
{
    return uuid_create();
}
