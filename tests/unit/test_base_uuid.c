/*
 * test_base_uuid.c - record ids ascend, spell and parse; clock and randomness are replaceable
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/uuid.h"

#define N_THREADS 4
#define N_EACH    5000

static int64_t fake_now_us;

static int64_t fake_now(void)
{
    return fake_now_us;
}

static void fake_random(void *out, size_t size)
{
    memset(out, 0xFF, size);
}

static const struct clock_source fake = { .now_us = fake_now,
                                          .monotonic_us = fake_now,
                                          .random = fake_random };

static int system_clock(void **state)
{
    (void)state;
    clock_replace(NULL);
    return 0;
}

/* RFC 9562, appendix A.6: the time of its example, and version and variant in their places. */
static void test_layout(void **state)
{
    struct uuid id;
    char text[UUID_TEXT_SIZE];

    (void)state;
    fake_now_us = INT64_C(0x017F22E279B0) * 1000;
    clock_replace(&fake);
    id = uuid_create();
    uuid_format(&id, text);
    assert_string_equal(text, "017f22e2-79b0-77ff-bfff-ffffffffffff");
}

/* Ten thousand in one millisecond overflow the counter; then the clock stands a little behind. */
static void test_ids_ascend(void **state)
{
    struct uuid last;

    (void)state;
    fake_now_us = INT64_C(2000000000000000);
    clock_replace(&fake);
    last = uuid_create();
    for (int i = 0; i < 10000; i++) {
        struct uuid id;

        if (i == 5000)
            fake_now_us -= 20000;
        id = uuid_create();
        assert_true(slice_compare(uuid_slice(&last), uuid_slice(&id)) < 0);
        last = id;
    }
    fake_now_us = 1000;
    last = uuid_create();
    assert_memory_equal(last.bytes, "\0\0\0\0\0\1", 6);
}

static void *create_many(void *ids)
{
    for (size_t i = 0; i < N_EACH; i++)
        ((struct uuid *)ids)[i] = uuid_create();
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, UUID_SIZE);
}

static void test_threads_never_share_an_id(void **state)
{
    static struct uuid ids[N_THREADS][N_EACH];
    pthread_t threads[N_THREADS];
    struct uuid *all = ids[0];

    (void)state;
    for (size_t i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, create_many, ids[i]), 0);
    for (size_t i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < N_THREADS; i++) {
        for (size_t j = 1; j < N_EACH; j++)
            assert_true(compare(&ids[i][j - 1], &ids[i][j]) < 0);
    }
    qsort(all, N_THREADS * N_EACH, sizeof(*all), compare);
    for (size_t i = 1; i < N_THREADS * N_EACH; i++)
        assert_false(uuid_equal(&all[i - 1], &all[i]));
}

static void test_parse(void **state)
{
    static const char *const wrong[] = {
        "",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398fa",
        "017f22e279b0-7cc3-98c4-dc0c0c07398f-",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e279b07cc398c4dc0c0c07398",
        "017f22e279b07cc398c4dc0c0c07398f0",
        "017f22e2079b0-7cc3-98c4-dc0c0c07398f",
        "{17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
    };
    struct uuid id;
    struct uuid other = { { 1 } };
    char text[UUID_TEXT_SIZE];

    (void)state;
    assert_true(uuid_parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", &id));
    uuid_format(&id, text);
    assert_string_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    assert_true(uuid_parse("017f22e279b07cc398c4dc0c0c07398f", &other));
    assert_true(uuid_equal(&id, &other));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(uuid_parse(wrong[i], &other));
    assert_true(uuid_equal(&id, &other));
}

static void test_bytes(void **state)
{
    struct uuid id = uuid_create();
    struct uuid copy;

    (void)state;
    assert_false(uuid_is_nil(&id));
    assert_true(uuid_from_slice(uuid_slice(&id), &copy));
    assert_true(uuid_equal(&id, &copy));
    assert_false(uuid_from_slice(slice_of(id.bytes, 15), &copy));
    assert_true(uuid_is_nil(&copy));
}

static void test_system_clock(void **state)
{
    uint8_t a[32], b[32];
    int64_t before = clock_monotonic_us();

    (void)state;
    random_bytes(a, sizeof(a));
    random_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_true(clock_monotonic_us() >= before);
    assert_true(clock_now_us() > INT64_C(1600000000000000));
}

static void a_forked_child_draws_other_bytes(void **state)
{
    uint8_t mine[16], theirs[16];
    int pipe_fds[2];
    pid_t child;

    (void)state;
    random_bytes(mine, sizeof mine); /* fills the pool that the child inherits */
    assert_int_equal(pipe(pipe_fds), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        random_bytes(theirs, sizeof theirs);
        _exit(write(pipe_fds[1], theirs, sizeof theirs) != sizeof theirs);
    }
    assert_int_equal(read(pipe_fds[0], theirs, sizeof theirs), sizeof theirs);
    assert_int_equal(waitpid(child, NULL, 0), child);
    random_bytes(mine, sizeof mine);
    assert_memory_not_equal(mine, theirs, sizeof mine);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forked_child_draws_other_bytes),
        cmocka_unit_test_teardown(test_layout, system_clock),
        cmocka_unit_test_teardown(test_ids_ascend, system_clock),
        cmocka_unit_test(test_threads_never_share_an_id),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_system_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
