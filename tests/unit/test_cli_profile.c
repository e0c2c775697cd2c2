/*
 * test_cli_profile.c - what the command line remembers, where servers are, keys that make a change
 * happen once, and the form of crm edit
 */
#include "cli_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/address.h"
#include "client/cli/form.h"
#include "client/cli/mutate.h"

static char home[] = "/tmp/crm-test-XXXXXX";

static void path_of(const char *name, char path[200])
{
    snprintf(path, 200, "%s/deep/%s", home, name);
}

static void test_profile(void **state)
{
    struct profile profile, again;
    struct failure failure = { 0 };
    struct stat info;
    char directory[64], path[200];

    (void)state;
    assert_non_null(mkdtemp(home));
    snprintf(directory, sizeof(directory), "%s/deep", home);
    assert_int_equal(profile_load(&profile, directory, &failure), CRM_OK);
    assert_int_equal(profile.token_size, 0);
    assert_int_equal(profile.port, 7420);
    snprintf(profile.host, sizeof(profile.host), "crm.example");
    snprintf(profile.company, sizeof(profile.company), "华为 = \"x\"");
    profile.port = 7411;
    memcpy(profile.token, "0123456789abcdef", 16);
    profile.token_size = 16;
    assert_int_equal(profile_save(&profile, &failure), CRM_OK);
    path_of("credentials", path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    path_of("profile", path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(profile_load(&again, directory, &failure), CRM_OK);
    assert_string_equal(again.host, "crm.example");
    assert_int_equal(again.port, 7411);
    assert_int_equal(again.token_size, 16);
    assert_memory_equal(again.token, profile.token, 16);
    assert_int_equal(profile_forget(&again, &failure), CRM_OK);
    assert_int_equal(again.token_size, 0);
    path_of("credentials", path);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(profile_forget(&again, &failure), CRM_OK);
}

/* A damaged file is named, never half believed. */
static void test_damage(void **state)
{
    struct profile profile;
    struct failure failure = { 0 };
    char directory[64], path[200];
    FILE *file;

    (void)state;
    snprintf(directory, sizeof(directory), "%s/deep", home);
    path_of("credentials", path);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("not hex\n", file);
    fclose(file);
    assert_int_equal(profile_load(&profile, directory, &failure), CRM_INVALID);
    assert_non_null(strstr(failure.text, "credentials"));
    assert_int_equal(profile.token_size, 0);
    unlink(path);
    path_of("profile", path);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("[server]\nport = lots\n", file);
    fclose(file);
    failure = (struct failure){ 0 };
    assert_int_equal(profile_load(&profile, directory, &failure), CRM_INVALID);
    unlink(path);
    rmdir(directory);
    rmdir(home);
}

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void test_addresses(void **state)
{
    static const char *const bad[] = { "",
                                       ":7400",
                                       "a:b",
                                       "a:0",
                                       "a:65536",
                                       "a:7400000000000",
                                       "[::1",
                                       "[::1]x",
                                       "crm://a:1",
                                       "crm://a:1/?ca=sha256:00&code=x",
                                       "crm://a:1/?ca=sha256:" HEX64,
                                       "crm://a:1/?code=x",
                                       "crm://a:1/?ca=sha256:" HEX64 "&code=%4",
                                       "crm:///?code=x" };
    struct address address;
    struct failure failure = { 0 };

    (void)state;
    assert_int_equal(address_parse("crm.example", &address, &failure), CRM_OK);
    assert_string_equal(address.host, "crm.example");
    assert_int_equal(address.port, 7420);
    assert_int_equal(address_parse("[::1]:7411", &address, &failure), CRM_OK);
    assert_string_equal(address.host, "::1");
    assert_int_equal(address.port, 7411);
    assert_int_equal(address_parse("fe80::1", &address, &failure), CRM_OK);
    assert_string_equal(address.host, "fe80::1");
    assert_int_equal(
        address_parse("crm://10.0.0.1:7411/?ca=sha256:" HEX64 "&code=a%2Db", &address, &failure),
        CRM_OK);
    assert_string_equal(address.host, "10.0.0.1");
    assert_string_equal(address.ca_sha256, HEX64);
    assert_string_equal(address.code, "a-b");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        failure = (struct failure){ 0 };
        if (address_parse(bad[i], &address, &failure) != CRM_USAGE)
            fail_msg("'%s' was taken", bad[i]);
        assert_true(*failure.text);
    }
}

static void test_keys(void **state)
{
    struct mutate_key a, b;
    struct uuid first, second, again;

    (void)state;
    fixture.options.key = "job-1";
    assert_int_equal(mutate_key_init(&fixture, &a), CRM_OK);
    assert_int_equal(mutate_key_init(&fixture, &b), CRM_OK);
    assert_memory_equal(a.client, b.client, sizeof(a.client));
    first = mutate_key_id(&a, 1);
    second = mutate_key_id(&a, 2);
    again = mutate_key_id(&b, 1);
    assert_true(uuid_equal(&first, &again));
    assert_false(uuid_equal(&first, &second));
    assert_int_equal(first.bytes[6] >> 4, 7);
    assert_int_equal(first.bytes[8] >> 6, 2);
    fixture.options.key = NULL;
    assert_int_equal(mutate_key_init(&fixture, &a), CRM_OK);
    assert_memory_not_equal(a.client, b.client, sizeof(a.client));
    fixture.options.key = "";
    assert_int_equal(mutate_key_init(&fixture, &a), CRM_USAGE);
    fixture.options.key = NULL;
}

static enum crm_status read_form(const struct record *record, const char *text,
                                 struct change *change)
{
    struct failure failure = { 0 };

    begin_change(change, record->header.kind, NULL);
    return form_read(&fixture, record, text, change, &failure);
}

static void test_form(void **state)
{
    struct record customer =
        make_record(KIND_CUSTOMER, "name=Acme", "note=first\nsecond", "tags=a;b", "status=active",
                    "addresses={\"city\":\"Bonn\"}", NULL);
    const char *form = form_write(&fixture, &customer, NULL);
    struct change change;
    Crm__Mutation mutation = CRM__MUTATION__INIT;

    (void)state;
    assert_non_null(form);
    assert_non_null(strstr(form, "\nname: Acme\n"));
    assert_non_null(strstr(form, "\nnote: first\n    second\n"));
    assert_non_null(strstr(form, "\nindustry:\n"));
    assert_non_null(strstr(form, "prospect | active"));
    assert_null(strstr(form, "\nrev:"));
    assert_int_equal(read_form(&customer, form, &change), CRM_OK);
    assert_true(change_is_empty(&change));
    assert_int_equal(
        read_form(&customer, "name: Other\nstatus:\nnote: one\n    two\n    \n    four\n", &change),
        CRM_OK);
    assert_int_equal(change_finish(&change, false, &mutation, &fixture.failure), CRM_OK);
    assert_int_equal(mutation.n_clear, 1);
    assert_non_null(memmem(mutation.set.data, mutation.set.len, "one\ntwo\n\nfour", 13));
    assert_int_equal(read_form(&customer, "name Acme\n", &change), CRM_INVALID);
    assert_int_equal(read_form(&customer, "colour: red\n", &change), CRM_INVALID);
    assert_int_equal(read_form(&customer, "rev: 9\n", &change), CRM_INVALID);
    assert_int_equal(read_form(&customer, "status: sleepy\n", &change), CRM_INVALID);
    assert_int_equal(read_form(&customer, "# only comments\n\n", &change), CRM_OK);
    assert_true(change_is_empty(&change));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profile),   cmocka_unit_test(test_damage),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_form),
    };

    return cmocka_run_group_tests(tests, cli_setup, cli_teardown);
}
