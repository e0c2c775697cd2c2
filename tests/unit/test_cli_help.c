/*
 * test_cli_help.c - the table of commands is whole, and help, pages and completion say all of it
 */
#include "cli_fixture.h"

#include "client/cli/command.h"
#include "common/base/distance.h"
#include "client/cli/help.h"

/* What help or a page says of a command; the caller frees it. */
static char *printed(void (*write)(FILE *out, const struct command *command),
                     const struct command *command)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    write(out, command);
    fclose(out);
    return text;
}

static void write_overview(FILE *out, const struct command *command)
{
    help_overview(out, command == NULL);
}

/* A completion script; the row's name is the shell's. */
static void write_completion(FILE *out, const struct command *shell)
{
    assert_true(completion_script(out, shell->name));
}

/* Every command, groups and their verbs too: in one row after the other. */
static size_t all_commands(const struct command *group, const struct command **rows, size_t n)
{
    const struct command *command;

    for (size_t i = 0; (command = command_below(group, i)); i++) {
        assert_true(n < 200);
        rows[n++] = command;
        if (command->verbs)
            n = all_commands(command, rows, n);
    }
    return n;
}

static void check_row(const struct command *command)
{
    assert_true(*command->summary && *command->description);
    assert_true((command->run == NULL) == (command->verbs != NULL));
    assert_non_null(command->synopsis);
    assert_non_null(command->options);
    assert_true(command->max_args == -1 || command->max_args >= command->min_args);
    if (command->verbs)
        return;
    assert_non_null(command->examples[0]);
    for (const char *const *example = command->examples; *example; example += 2) {
        assert_true(strstr(example[0], "crm ") != NULL);
        assert_non_null(example[1]);
    }
}

static void test_table_is_whole(void **state)
{
    char admin[] = "admin", user[] = "user", add[] = "add", anna[] = "anna", usr[] = "usr";
    char *right[] = { admin, user, add, anna }, *half[] = { admin, usr }, *wrong[] = { usr };
    const struct command *rows[200], *verb;
    size_t n = all_commands(NULL, rows, 0);
    int depth;

    (void)state;
    assert_true(n > 30);
    for (size_t i = 0; i < n; i++) {
        check_row(rows[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(rows[j]->name, rows[i]->name);
        assert_ptr_equal(command_find(rows[i]->name), rows[i]);
        for (size_t j = 0; (verb = command_below(rows[i], j));
             j++) { /* its name goes on where that of its group ends */
            size_t size = strlen(rows[i]->name);

            assert_int_equal(strncmp(verb->name, rows[i]->name, size), 0);
            assert_string_equal(verb->name + size + 1, command_word(verb));
        }
    }
    assert_null(command_find("lis"));
    assert_null(command_find("admin user lis"));
    assert_ptr_equal(command_resolve(4, right, &depth), command_find("admin user add"));
    assert_int_equal(depth, 3);
    assert_ptr_equal(command_resolve(2, half, &depth), command_find("admin"));
    assert_int_equal(depth, 1);
    assert_null(command_resolve(1, wrong, &depth));
}

static void assert_taken_once(const enum option_id *a, const enum option_id *b)
{
    for (const enum option_id *i = a; *i != OPT_END; i++)
        for (const enum option_id *j = b; *j != OPT_END && (a != b || j < i); j++)
            assert_string_not_equal(option_def(*i)->name, option_def(*j)->name);
}

/* No name twice among what one command takes: in another it may mean something else. */
static void check_taken(const struct command *group)
{
    const struct command *command;

    for (size_t i = 0; (command = command_below(group, i)); i++) {
        assert_taken_once(command->options, command->options);
        assert_taken_once(command->options, options_global);
        if (command->verbs)
            check_taken(command);
    }
}

/* No letter twice, and no member of struct options. */
static void test_options_are_distinct(void **state)
{
    (void)state;
    check_taken(NULL);
    for (int a = OPT_END + 1; a < OPT_COUNT; a++) {
        const struct option_def *row = option_def((enum option_id)a);

        assert_non_null(row->name);
        assert_true(*row->help);
        assert_int_equal(row->type == OPTION_FLAG, row->argument == NULL);
        for (int b = OPT_END + 1; b < a; b++) {
            assert_true(!row->letter || option_def((enum option_id)b)->letter != row->letter);
            assert_true(option_def((enum option_id)b)->offset != row->offset);
        }
    }
}

static void check_help(const struct command *command)
{
    char *text = printed(help_command, command), *page = printed(man_page, command);
    const struct command *verb;

    assert_non_null(strstr(text, command->summary));
    assert_int_equal(strncmp(page, ".Dd ", 4), 0);
    for (size_t i = 0; (verb = command_below(command, i)); i++) {
        assert_non_null(strstr(text, verb->summary));
        assert_non_null(strstr(page, command_word(verb)));
    }
    if (!command->verbs) {
        assert_non_null(strstr(text, command->examples[0]));
        assert_non_null(strstr(page, ".Sh EXAMPLES"));
    }
    for (const enum option_id *id = command->options; *id != OPT_END; id++) {
        assert_non_null(strstr(text, option_def(*id)->name));
        assert_non_null(strstr(page, option_def(*id)->name));
    }
    free(text);
    free(page);
}

static void test_help_says_all(void **state)
{
    char *overview = printed(write_overview, NULL);
    const struct command *rows[200];
    size_t n = all_commands(NULL, rows, 0);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        check_help(rows[i]);
        assert_true(strchr(rows[i]->name, ' ') || strstr(overview, rows[i]->name));
    }
    free(overview);
}

static void test_completion_says_all(void **state)
{
    static const struct command shells[] = { { .name = "bash" },
                                             { .name = "zsh" },
                                             { .name = "fish" } };
    const struct command *rows[200];
    size_t n = all_commands(NULL, rows, 0);

    (void)state;
    for (size_t s = 0; s < ARRAY_LEN(shells); s++) {
        char *text = printed(write_completion, &shells[s]);

        for (size_t i = 0; i < n; i++)
            assert_non_null(strstr(text, command_word(rows[i])));
        assert_non_null(strstr(text, "customers"));
        assert_non_null(strstr(text, "as-of"));
        assert_non_null(strstr(text, "pipeline"));
        free(text);
    }
    assert_false(completion_script(stdout, "tcsh"));
}

/* bash runs its script and completes a beginning. */
static void test_bash_completes(void **state)
{
    char path[] = "/tmp/crm-test-XXXXXX", command[1024], answer[256] = "";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w"), *shell;

    (void)state;
    assert_non_null(file);
    assert_true(completion_script(file, "bash"));
    fclose(file);
    snprintf(command, sizeof(command),
             "bash -c 'source %s; COMP_WORDS=(crm li); COMP_CWORD=1; _crm; echo ${COMPREPLY[*]}; "
             "COMP_WORDS=(crm list cust); COMP_CWORD=2; _crm; "
             "echo ${COMPREPLY[*]}; COMP_WORDS=(crm list customers --so); COMP_CWORD=3; _crm; echo "
             "${COMPREPLY[*]}; COMP_WORDS=(crm admin te); COMP_CWORD=2; _crm; echo "
             "${COMPREPLY[*]}; COMP_WORDS=(crm admin team l); COMP_CWORD=3; _crm; echo "
             "${COMPREPLY[*]}; COMP_WORDS=(crm admin team list --so); COMP_CWORD=4; _crm; echo "
             "${COMPREPLY[*]}'",
             path);
    shell = popen(command, "r");
    assert_non_null(shell);
    assert_true(fread(answer, 1, sizeof(answer) - 1, shell) > 0);
    assert_int_equal(pclose(shell), 0);
    remove(path);
    assert_string_equal(answer, "list\ncustomers\n--sort\nteam\nlist\n--sort\n");
}

static void test_suggestions(void **state)
{
    (void)state;
    assert_string_equal(command_suggest(NULL, "lst"), "list");
    assert_string_equal(command_suggest(NULL, "hsitory"), "history");
    assert_string_equal(command_suggest(NULL, "comp"), "completion");
    assert_string_equal(command_suggest(NULL, "reprot"), "report");
    assert_null(command_suggest(NULL, "frobnicate"));
    assert_null(command_suggest(NULL, "x"));
    assert_string_equal(command_suggest(command_find("admin"), "usr"), "user");
    assert_null(command_suggest(command_find("admin"), "list"));
    assert_int_equal(edit_distance("", "abc"), 3);
    assert_int_equal(edit_distance("abc", "abc"), 0);
    assert_int_equal(edit_distance("ab", "ba"), 1);
    assert_int_equal(edit_distance("kitten", "sitting"), 3);
    assert_int_equal(edit_distance("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "b"), 32);
}

/* Options of list from words divided by '|'; the words stay until the next call. */
static enum crm_status parse(const char *line, struct options *options, int *n, char ***out_argv,
                             struct failure *failure)
{
    static char words[200], *argv[20];
    char *save = NULL;
    int argc = 0;

    snprintf(words, sizeof(words), "%s", line);
    for (char *word = strtok_r(words, "|", &save); word; word = strtok_r(NULL, "|", &save))
        argv[argc++] = word;
    argv[argc] = NULL;
    *options = (struct options){ 0 };
    *failure = (struct failure){ 0 };
    *out_argv = argv;
    return options_parse(command_find("list")->options, argc, argv, options, n, failure);
}

static void test_options_parse(void **state)
{
    struct options options;
    struct failure failure;
    char **argv;
    int n;

    (void)state;
    assert_int_equal(
        parse("list|--sort|-amount|deals|-n|5|--json|x = 1", &options, &n, &argv, &failure),
        CRM_OK);
    assert_int_equal(n, 2);
    assert_string_equal(argv[1], "deals");
    assert_string_equal(argv[2], "x = 1");
    assert_string_equal(options.sort, "-amount");
    assert_int_equal(options.limit, 5);
    assert_true(options.json);
    assert_int_equal(parse("list|deals|--|--json", &options, &n, &argv, &failure), CRM_OK);
    assert_int_equal(n, 2);
    assert_false(options.json);
}

static void test_options_are_refused(void **state)
{
    static const struct {
        const char *line, *text;
    } rows[] = {
        { "list|--frob", "there is no option '--frob' here" },
        { "list|-Z", "there is no option '-Z' here" },
        { "list|--sort", "option '--sort' wants an argument" },
        { "list|--limit|many", "--limit wants a number from 1, not 'many'" },
        { "list|--limit|0", "--limit wants a number from 1, not '0'" },
        { "list|--json=yes", "option '--json' takes no argument" },
    };
    struct options options;
    struct failure failure;
    char **argv;
    int n;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(parse(rows[i].line, &options, &n, &argv, &failure), CRM_USAGE);
        assert_string_equal(failure.text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_whole), cmocka_unit_test(test_options_are_distinct),
        cmocka_unit_test(test_help_says_all),  cmocka_unit_test(test_completion_says_all),
        cmocka_unit_test(test_bash_completes), cmocka_unit_test(test_suggestions),
        cmocka_unit_test(test_options_parse),  cmocka_unit_test(test_options_are_refused),
    };

    return cmocka_run_group_tests(tests, cli_setup, cli_teardown);
}
