/*
 * man.c - the table of commands as manual pages in mdoc(7)
 *
 * `crm help --man` gives crm(1), `crm help COMMAND --man` gives crm-COMMAND(1), with the verbs of a
 * group; the build installs them all.
 */
#include "client/cli/help.h"
#include "common/base/roff.h"
#include "common/base/status.h"
#include "common/base/text.h"

/* A text: a sentence a line, as mdoc wants it. */
static void put_text(FILE *out, const char *text)
{
    struct slice all = slice_text(text);
    bool is_line_start = true;
    int32_t c, before = ' ';

    for (size_t at = 0; (c = text_next(all, &at)) >= 0; before = c) {
        bool is_paragraph = c == '\n' && text[at] == '\n';
        bool is_sentence = before == '.' && c == ' ' && text[at] >= 'A' && text[at] <= 'Z';

        if (is_line_start && (c == '.' || c == '\''))
            fputs("\\&", out);
        if (is_paragraph) {
            fputs("\n.Pp\n", out);
            at++;
        } else {
            roff_put(out, is_sentence ? '\n' : c);
        }
        is_line_start = is_sentence || c == '\n';
    }
    fputc('\n', out);
}

/* A macro's argument: quoted, so that single letters and punctuation stay text. */
static void put_argument(FILE *out, const char *text)
{
    struct slice all = slice_text(text);
    int32_t c;

    fputs(" \"", out);
    for (size_t at = 0; (c = text_next(all, &at)) >= 0;)
        roff_put(out, c);
    fputs("\"", out);
}

static void put_options(FILE *out, const enum option_id *ids)
{
    fputs(".Bl -tag -width Ds\n", out);
    for (; *ids != OPT_END; ids++) {
        const struct option_def *option = option_def(*ids);

        if (option->letter)
            fprintf(out, ".It Fl %c , Fl \\-%s", option->letter, option->name);
        else
            fprintf(out, ".It Fl \\-%s", option->name);
        if (option->argument) {
            fputs(option->type == OPTION_MAYBE ? " Ns Op = Ns Ar" : " Ar", out);
            put_argument(out, option->argument);
        }
        fputc('\n', out);
        put_text(out, option->help);
    }
    fputs(".El\n", out);
}

static void put_head(FILE *out, const char *name, const char *summary)
{
    fprintf(out, ".Dd " ROFF_DATE "\n.Dt ");
    for (const char *c = name; *c; c++)
        fputc(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c, out);
    fprintf(out, " 1\n.Os crm " CRM_VERSION "\n.Sh NAME\n.Nm %s\n.Nd ", name);
    put_text(out, summary);
}

/* What the statuses mean to a shell: each code once, with the first status that has it. */
static void put_exit_codes(FILE *out)
{
    static const struct crm_status_info rows[] = {
#define ROW(NAME, number, word, sentence_text, retry_class, outcome_class, code)                   \
    { .status = CRM_##NAME, .name = word, .sentence = sentence_text, .exit_code = code },
        CRM_STATUS_LIST(ROW)
#undef ROW
    };

    fputs(".Sh EXIT STATUS\n.Bl -tag -width Ds\n", out);
    for (size_t i = 0; i < ARRAY_LEN(rows) && (int)rows[i].status <= CRM_UNKNOWN; i++) {
        fprintf(out, ".It %d\n", rows[i].exit_code);
        put_text(out, rows[i].sentence);
        if (rows[i].status == CRM_UNREACHABLE)
            put_text(out, "Surely nothing is done.");
        else if (rows[i].status == CRM_UNKNOWN)
            put_text(
                out,
                "Repeat the command with the --key that it named: it is then done exactly once.");
    }
    fputs(".El\n", out);
}

/* What programs may rely on. */
static void put_forms(FILE *out)
{
    fputs(".Sh OUTPUT\n", out);
    put_text(out,
             "Tables are for people: labels follow the locale, amounts have separators, control "
             "characters of data are escaped. Colours appear on a terminal only.\n\n"
             "JSON and CSV are for programs: keys are field names and never change with the "
             "locale. kind, number, id and rev come first; a field that is itself called kind is "
             "written as activity_kind. Money is an object with amount, a decimal string, and "
             "currency; other decimals are strings too. Days are 2016-11-01, instants ISO 8601 "
             "with offset. A reference is an object with kind, id, number and name. A field "
             "without a value is null, an empty list []. In CSV the values of a list are divided "
             "by ; and groups are JSON. What a list prints, add --from reads.");
}

/* "crm-admin-user": the name of a page. */
static void page_name(const struct command *command, char name[64])
{
    snprintf(name, 64, "crm-%s", command->name);
    for (; *name; name++)
        if (*name == ' ')
            *name = '-';
}

/* The page's name as a macro's argument: its hyphens are no minus signs. */
static void put_reference(FILE *out, const struct command *command)
{
    char name[64];

    page_name(command, name);
    fputs(".It Xr ", out);
    for (const char *c = name; *c; c++) {
        if (*c == '-')
            fputc('\\', out);
        fputc(*c, out);
    }
    fputs(" 1\n", out);
    put_text(out, command->summary);
}

static void put_overview(FILE *out)
{
    const struct command *command;

    put_head(out, "crm", "customers, deals and what happens with them");
    fputs(".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar arguments\n.Op Ar options\n.Sh DESCRIPTION\n",
          out);
    put_text(out, "The command line of a crm server. Without a command it shows what is due today, "
                  "once you are logged in. Each command has a page of "
                  "its own.");
    fputs(".Bl -tag -width completion\n", out);
    for (size_t i = 0; (command = command_at(i)); i++) {
        put_reference(out, command);
    }
    fputs(".El\n.Sh OPTIONS\nThese are taken by every command:\n", out);
    put_options(out, options_global);
    fputs(".Sh ENVIRONMENT\n.Bl -tag -width Ds\n"
          ".It Ev CRM_HOME\nDirectory of profile and credentials; else\n.Pa "
          "$XDG_CONFIG_HOME/crm\nor\n.Pa ~/.config/crm .\n"
          ".It Ev CRM_PASSWORD\nPassword for scripts.\n"
          ".It Ev CRM_NEW_PASSWORD\nNew password for scripts.\n"
          ".It Ev CRM_FACTOR\nCode of an authenticator, or a recovery code.\n"
          ".It Ev CRM_TOKEN\nAPI token that is used instead of the session.\n"
          ".It Ev NO_COLOR\nNo colours.\n"
          ".It Ev VISUAL , Ev EDITOR\nUsed by\n.Xr crm\\-edit 1 .\n.El\n",
          out);
    put_forms(out);
    put_exit_codes(out);
}

static void put_synopsis(FILE *out, const struct command *command)
{
    fprintf(out, ".Nm crm %s\n", command->name);
    if (*command->synopsis) {
        fputs(".Ar", out);
        put_argument(out, command->synopsis);
        fputc('\n', out);
    }
    fputs(".Op Ar options\n", out);
}

static void put_examples(FILE *out, const struct command *command)
{
    for (const char *const *example = command->examples; *example; example += 2) {
        fputs(".Dl", out);
        put_argument(out, example[0]);
        fputc('\n', out);
        put_text(out, example[1]);
        if (example[2])
            fputs(".Pp\n", out);
    }
}

/* A verb within the page of its group. */
static void put_verb(FILE *out, const struct command *verb)
{
    fprintf(out, ".Ss crm %s%s", verb->name, *verb->synopsis ? " " : "");
    for (const char *c = verb->synopsis; *c; c++)
        roff_put(out, (unsigned char)*c);
    fputc('\n', out);
    put_text(out, verb->description);
    if (*verb->options != OPT_END)
        put_options(out, verb->options);
    fputs(".Pp\n", out);
    put_examples(out, verb);
}

/* A group: the verbs that are groups themselves have pages of their own. */
static void put_group(FILE *out, const struct command *group)
{
    const struct command *verb;
    bool has_groups = false, has_verbs = false;

    for (size_t i = 0; (verb = command_below(group, i)); i++) {
        has_groups = has_groups || verb->verbs;
        has_verbs = has_verbs || !verb->verbs;
    }
    if (has_groups)
        fputs(".Bl -tag -width completion\n", out);
    for (size_t i = 0; (verb = command_below(group, i)); i++)
        if (verb->verbs)
            put_reference(out, verb);
    if (has_groups)
        fputs(".El\n", out);
    if (has_verbs)
        fputs(".Sh VERBS\nThe options of every command are in\n.Xr crm 1 .\n", out);
    for (size_t i = 0; (verb = command_below(group, i)); i++)
        if (!verb->verbs)
            put_verb(out, verb);
}

static void put_command(FILE *out, const struct command *command)
{
    const struct command *verb;
    char name[64];

    page_name(command, name);
    put_head(out, name, command->summary);
    fputs(".Sh SYNOPSIS\n", out);
    if (!command->verbs)
        put_synopsis(out, command);
    for (size_t i = 0; (verb = command_below(command, i)); i++)
        put_synopsis(out, verb);
    fputs(".Sh DESCRIPTION\n", out);
    put_text(out, command->description);
    if (command->verbs) {
        put_group(out, command);
    } else {
        fputs(".Sh OPTIONS\n", out);
        if (*command->options != OPT_END)
            put_options(out, command->options);
        fputs("The options of every command are in\n.Xr crm 1 .\n.Sh EXAMPLES\n", out);
        put_examples(out, command);
    }
    fputs(".Sh SEE ALSO\n.Xr crm 1\n", out);
}

void man_page(FILE *out, const struct command *command)
{
    if (command)
        put_command(out, command);
    else
        put_overview(out);
}
