/*
 * access_timing.c - does the time of an answer tell a record that may not be read from one that is not there?
 *
 *     access_timing [SAMPLES]     20,000 of each, by default
 *
 * A representative gets records of others and ids that nobody has, in an order drawn by lot, over a link in this process: there is no network, no TLS and
 * no other thread to hide anything, so the noise is the least there can be. The slowest fifth of each (interrupts, other processes) is left out. The
 * bound: the means differ by less than the deviation of a single answer. Where the guard is not asked about what is not there it is two deviations.
 */
#include <math.h>
#include <time.h>

#include "tests/unit/access/world.h"

#include "server/dispatch/request.h"

#define RECORDS 512
#define TRIMMED 0.8
#define BOUND   1.0 /* deviations */

struct sample {
    double *us;
    size_t n;
};

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void moments(struct sample *sample, double *out_mean, double *out_deviation)
{
    size_t n = (size_t)((double)sample->n * TRIMMED);
    double sum = 0, squares = 0;

    qsort(sample->us, sample->n, sizeof *sample->us, compare);
    for (size_t i = 0; i < n; i++)
        sum += sample->us[i];
    *out_mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (sample->us[i] - *out_mean) * (sample->us[i] - *out_mean);
    *out_deviation = sqrt(squares / (double)(n - 1));
}

static struct uuid create(struct world *world, enum kind kind, const char *const *texts)
{
    struct fixture *f = &world->admin;
    struct uuid id = uuid_create();
    Crm__Mutation *mutation = world_mutation(f, kind, &id, CRM__VERB__VERB_CREATE);

    mutation->has_set = true;
    mutation->set = world_body(f, f->core.schema, kind, texts);
    world_must(world, mutation);
    return id;
}

static struct uuid role_of_representatives(struct world *world)
{
    Crm__GetRequest request = CRM__GET_REQUEST__INIT;
    struct answer answer;
    struct uuid id;

    request.has_kind = true;
    request.kind = KIND_ROLE;
    request.selector = (char *)"representative";
    answer = talk(world, &world->admin, OP_GET, &request.base);
    assert_int_equal(answer.type, FRAME_REPLY);
    memcpy(id.bytes, ((const Crm__GetReply *)answer_message(&world->admin, answer.body, &crm__get_reply__descriptor))->record->header->id.data, UUID_SIZE);
    return id;
}

/* The request's bytes, made before the clock runs. */
static struct slice get_frame(struct fixture *peer, const struct uuid *id)
{
    Crm__GetRequest request = CRM__GET_REQUEST__INIT;

    request.has_kind = request.has_id = true;
    request.kind = KIND_CUSTOMER;
    request.id = world_bytes(peer, id);
    return frame_bytes(peer, FRAME_REQUEST, OP_GET, peer->next_stream++, &request.base);
}

static double time_one(struct fixture *peer, const struct uuid *id)
{
    struct slice frame = get_frame(peer, id);
    struct failure failure = { 0 };
    struct frame answer;
    double began, took;
    size_t consumed, size;

    began = now_us();
    (void)link_input(peer->link, frame, &consumed);
    dispatch_thread_end_turn(peer->thread);
    took = now_us() - began;
    assert_int_equal(frame_parse(buf_slice(&peer->out), FRAME_MAX, &answer, &size, &failure), FRAME_WHOLE);
    assert_int_equal(answer.header.code, CRM_NOT_FOUND);
    buf_truncate(&peer->out, 0);
    return took;
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
    struct world *world = world_create_bare(1);
    struct sample forbidden = { malloc(n * sizeof(double)), 0 }, nowhere = { malloc(n * sizeof(double)), 0 };
    double mean[2], deviation[2], difference;
    struct fixture *peer = &world->peers[0];
    struct uuid ids[RECORDS], user, role = role_of_representatives(world);
    char text[UUID_TEXT_SIZE];

    uuid_format(&role, text);
    user = create(world, KIND_USER, (const char *const[]){ "login=rep", arena_printf(&world->admin.arena, "role=%s", text), NULL });
    for (size_t i = 0; i < RECORDS; i++)
        ids[i] = create(world, KIND_CUSTOMER, (const char *const[]){ arena_printf(&world->admin.arena, "name=Customer %zu", i), "industry=retail",
                                                                    "web=https://example.com", "phones=+86 21 5555 1234", NULL });
    world_join(world, peer, &user);
    for (size_t i = 0; i < 1000; i++) /* until caches and branches have settled */
        (void)time_one(peer, &ids[i % RECORDS]);
    while (forbidden.n < n || nowhere.n < n) {
        bool is_there = world_random(world, 2);
        struct sample *sample = is_there ? &forbidden : &nowhere;
        struct uuid id = ids[world_random(world, RECORDS)];

        if (!is_there) /* beside one that is there: neither is nearer to what was read last */
            id.bytes[UUID_SIZE - 1] ^= 0x5a;
        if (sample->n < n)
            sample->us[sample->n++] = time_one(peer, &id);
        arena_reset(&peer->arena);
    }
    moments(&forbidden, &mean[0], &deviation[0]);
    moments(&nowhere, &mean[1], &deviation[1]);
    difference = fabs(mean[0] - mean[1]) / sqrt((deviation[0] * deviation[0] + deviation[1] * deviation[1]) / 2);
    printf("forbidden %.3f us (deviation %.3f), nowhere %.3f us (%.3f): they differ by %.2f deviations, at most %.2f\n", mean[0], deviation[0], mean[1],
           deviation[1], difference, BOUND);
    world_destroy(world);
    free(forbidden.us);
    free(nowhere.us);
    return difference < BOUND ? 0 : 1;
}
