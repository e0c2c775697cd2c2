/*
 * hostile_guess.c - a thousand guesses a second, from one address and from two hundred, and people who want to log in meanwhile
 *
 * Guesses are sent in rounds on connections that stay open: all of a round are with the server when somebody who is real logs in. How many there are in a second
 * is said, not asked for: it is the machine's matter. What is asked for is that the real login is answered within two seconds.
 */
#include "tests/net/raw.h"

#include <stdio.h>
#include <time.h>

#define GUESSERS_ONE 40  /* connections of one address: fewer than an address may have before login */
#define GUESSERS     200 /* addresses with a connection each */
#define ROUNDS       10
#define LOGIN_US     INT64_C(2000000)
#define LASTS_US     INT64_C(5000000)  /* no more rounds then; before login a connection lives 20 s */

static struct raw guessers[GUESSERS];
static unsigned n_guessers, n_guesses, n_computed, n_unknown;
static int64_t began_us;
static const uint8_t laptop[RAW_UUID_SIZE] = { 0x01, 0x93, 0xa1, 0x5a };

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void put_login(struct raw *raw, const char *login, const char *password)
{
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;

    request.login = (char *)(uintptr_t)login;
    request.password = (char *)(uintptr_t)password;
    raw_put_request(raw, OP_LOGIN, &request.base);
}

/* The status of the answer to a login, and in how many milliseconds it may be asked again. */
static enum crm_status take_answer(struct raw *raw, uint32_t *out_retry_ms)
{
    struct frame frame;
    struct failure failure = { 0 };
    const void *message;

    assert_true(raw_next(raw, &frame));
    assert_int_equal(frame.header.stream, raw->stream);
    *out_retry_ms = 0;
    if (frame.header.type == FRAME_REPLY)
        return CRM_OK;
    assert_int_equal(frame.header.type, FRAME_ERROR);
    arena_reset(&raw->arena);
    assert_int_equal(codec_unpack(&frame, &crm__error__descriptor, FRAME_MAX, &raw->arena, &message, &failure), CRM_OK);
    *out_retry_ms = ((const Crm__Error *)message)->retry_after_ms;
    return (enum crm_status)frame.header.code;
}

static void open_guesser(const char *address)
{
    struct raw *raw = &guessers[n_guessers++];

    raw_from(address);
    raw_connect(raw);
    raw_from(NULL);
    raw_put_hello_of(raw, NULL);
    assert_true(raw_send(raw));
    raw_expect(raw, FRAME_HELLO, 0, &crm__hello__descriptor);
}

static int close_guessers(void **state)
{
    (void)state;
    while (n_guessers > 0)
        raw_drop(&guessers[--n_guessers], false);
    return 0;
}

static void send_guesses(const char *login)
{
    char name[32], password[32];

    for (unsigned i = 0; i < n_guessers; i++) {
        snprintf(password, sizeof(password), "guess-%u", n_guesses);
        snprintf(name, sizeof(name), "nobody%u", n_unknown++);
        put_login(&guessers[i], login ? login : name, password);
        assert_true(raw_send(&guessers[i]));
        n_guesses++;
    }
}

/* Each is answered: that it was wrong, or that it was not looked at. */
static void take_answers(void)
{
    for (unsigned i = 0; i < n_guessers; i++) {
        uint32_t retry_ms;
        enum crm_status status = take_answer(&guessers[i], &retry_ms);

        assert_true(status == CRM_BAD_CREDENTIALS || (status == CRM_BUSY && retry_ms > 0));
        n_computed += status == CRM_BAD_CREDENTIALS;
    }
}

/* Somebody real, on a new connection; microseconds until the session is open. What is busy is asked again. */
static int64_t log_in(const char *address, const uint8_t *installation)
{
    int64_t start_us = now_us();
    enum crm_status status;
    uint32_t retry_ms;
    struct raw raw;

    raw_from(address);
    raw_connect(&raw);
    raw_from(NULL);
    raw_put_hello_of(&raw, installation);
    put_login(&raw, "admin", DAEMON_PASSWORD);
    assert_true(raw_send(&raw));
    raw_expect(&raw, FRAME_HELLO, 0, &crm__hello__descriptor);
    status = take_answer(&raw, &retry_ms);
    raw_drop(&raw, false);
    if (status != CRM_OK)
        print_error("%s, again in %u ms\n", crm_status_info((int)status)->name, retry_ms);
    assert_int_equal(status, CRM_OK);
    return now_us() - start_us;
}

static void begin(void)
{
    n_guesses = n_computed = 0;
    began_us = now_us();
}

static void tell(int64_t worst_us)
{
    int64_t lasted_us = now_us() - began_us;

    print_message("%u guesses in %lld ms, %u of them computed; the slowest real login took %lld ms\n", n_guesses, (long long)(lasted_us / 1000),
                  n_computed, (long long)(worst_us / 1000));
}

/* Rounds of guesses at a login (NULL: at names that nobody has), with the real user in the middle of each. */
static void withstand(const char *login, const char *address, const uint8_t *installation)
{
    int64_t worst_us = 0;

    begin();
    for (unsigned round = 0; round < ROUNDS && now_us() - began_us < LASTS_US; round++) {
        int64_t took_us;

        send_guesses(login);
        took_us = log_in(address, installation);
        worst_us = took_us > worst_us ? took_us : worst_us;
        take_answers();
    }
    tell(worst_us);
    assert_true(worst_us < LOGIN_US);
}

/* From the office's own address: the administrator's laptop is known, the guesser's is not. */
static void from_one_address(void **state)
{
    (void)state;
    (void)log_in("127.0.5.1", laptop);
    for (unsigned i = 0; i < GUESSERS_ONE; i++)
        open_guesser("127.0.5.1");
    withstand("admin", "127.0.5.1", laptop);
    assert_in_range(n_computed, 1, 40); /* the rest was not looked at */
}

static void from_two_hundred_addresses(void **state)
{
    char address[20];

    (void)state;
    (void)log_in("127.0.6.1", NULL);
    for (unsigned i = 0; i < GUESSERS; i++) {
        snprintf(address, sizeof(address), "127.0.7.%u", i + 1);
        open_guesser(address);
    }
    withstand("admin", "127.0.6.1", NULL);
    assert_in_range(n_computed, 0, 40);
}

/* Names that nobody has: each guess is as dear as one at a real name, and all together keep nobody out. */
static void at_names_that_nobody_has(void **state)
{
    char address[20];

    (void)state;
    for (unsigned i = 0; i < GUESSERS; i++) {
        snprintf(address, sizeof(address), "127.0.8.%u", i + 1);
        open_guesser(address);
    }
    withstand(NULL, "127.0.6.1", NULL);
    assert_in_range(n_computed, 1, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(from_one_address, close_guessers),
        cmocka_unit_test_teardown(from_two_hundred_addresses, close_guessers),
        cmocka_unit_test_teardown(at_names_that_nobody_has, close_guessers),
    };

    return cmocka_run_group_tests(tests, raw_group_setup, raw_group_teardown);
}
