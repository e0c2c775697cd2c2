/*
 * access_timing.c - does the time of an answer tell a record that may not be read from one that is not there?
 *
 *     access_timing [SAMPLES]     20,000 of each, by default
 *
 * A representative gets records of others and ids that nobody has, in an order drawn by lot, over a link in this process: there the difference itself is
 * seen, to a few nanoseconds. The noise that it is held against is the least that any client has: the deviation of a round trip of one byte over this
 * machine's own loopback, measured in the same run, without TLS and without a server's work. The slowest fifth of each (interrupts, other processes) is
 * left out. The bound is a fifth of that deviation. Whoever averages tens of thousands of answers over an idle loopback may still see it.
 */
#include <arpa/inet.h>
#include <math.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/access/world.h"

#include "server/dispatch/request.h"

#define RECORDS 512
#define TRIMMED 0.8
#define BOUND   0.2 /* deviations of a round trip */

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

/* --- the noise */

static void *echo(void *arg)
{
    int fd = *(int *)arg;
    char byte;

    while (read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1)
        ;
    return NULL;
}

/* Two ends of one TCP connection over loopback. */
static void connect_both(int ends[2])
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1) || getsockname(listener, (struct sockaddr *)&address, &size) ||
        connect(ends[0], (struct sockaddr *)&address, size) || (ends[1] = accept(listener, NULL, NULL)) < 0) {
        perror("loopback");
        exit(1);
    }
    close(listener);
}

static void time_round_trips(struct sample *sample, size_t n)
{
    pthread_t thread;
    int ends[2];
    char byte = 'x';

    connect_both(ends);
    if (pthread_create(&thread, NULL, echo, &ends[1]))
        exit(1);
    for (sample->n = 0; sample->n < n; sample->n++) {
        double began = now_us();

        if (write(ends[0], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1)
            exit(1);
        sample->us[sample->n] = now_us() - began;
    }
    close(ends[0]);
    pthread_join(thread, NULL);
    close(ends[1]);
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
    struct world *world = world_create_bare(1);
    struct sample forbidden = { malloc(n * sizeof(double)), 0 }, nowhere = { malloc(n * sizeof(double)), 0 }, trips = { malloc(n * sizeof(double)), 0 };
    double mean[3], deviation[3], difference;
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
    time_round_trips(&trips, n);
    moments(&forbidden, &mean[0], &deviation[0]);
    moments(&nowhere, &mean[1], &deviation[1]);
    moments(&trips, &mean[2], &deviation[2]);
    difference = fabs(mean[0] - mean[1]);
    printf("forbidden %.3f us (deviation %.3f), nowhere %.3f us (%.3f), round trip %.2f us (%.2f): the first two differ by %.3f us, %.3f deviations of a round trip"
           " (at most %.2f)\n", mean[0], deviation[0], mean[1], deviation[1], mean[2], deviation[2], difference, difference / deviation[2], BOUND);
    world_destroy(world);
    free(forbidden.us);
    free(nowhere.us);
    free(trips.us);
    return difference < BOUND * deviation[2] ? 0 : 1;
}
