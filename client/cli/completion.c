/*
 * completion.c - the table of commands as completion scripts
 *
 * The scripts are self-contained: pressing TAB starts no program and asks no server. Kinds come
 * from the kind table.
 */
#include "client/cli/help.h"
#include "common/model/kind.h"

static void put_kinds(FILE *out)
{
    const struct kind_def *kind;

    for (size_t i = 0; (kind = kind_at(i)); i++)
        fprintf(out, "%s%s", i > 0 ? " " : "", kind->plural);
}

/* The words of a group (NULL: the first level). */
static void put_commands(FILE *out, const struct command *group)
{
    const struct command *command;

    for (size_t i = 0; (command = command_below(group, i)); i++)
        fprintf(out, "%s%s", i > 0 ? " " : "", command_word(command));
}

/* Every command below a group (NULL: all), groups before what is in them. */
static void each_command(FILE *out, const struct command *group,
                         void (*write)(FILE *out, const struct command *command))
{
    const struct command *command;

    for (size_t i = 0; (command = command_below(group, i)); i++) {
        write(out, command);
        if (command->verbs)
            each_command(out, command, write);
    }
}

static void put_options(FILE *out, const enum option_id *ids)
{
    for (; *ids != OPT_END; ids++)
        fprintf(out, " --%s", option_def(*ids)->name);
}

/* What may stand as the first argument. */
static void put_words(FILE *out, const struct command *command)
{
    if (command->verbs)
        put_commands(out, command);
    else if (command->arguments[0] == ARGUMENT_KIND)
        put_kinds(out);
    else if (command->arguments[0] == ARGUMENT_COMMAND)
        put_commands(out, NULL);
    else
        for (const char *const *word = command->words; word && *word; word++)
            fprintf(out, "%s%s", word == command->words ? "" : " ", *word);
}

/* A pattern of a case: the name, or another pattern before it. */
static void put_pattern(FILE *out, const struct command *command)
{
    fprintf(out, "\"%s\"|", command->name);
}

/* The words of the line that name a command, as many as do: in verb, the last one's place in at. */
static const char bash_head[] =
    "# bash completion of crm, made by crm completion bash\n_crm()\n{\n"
    "    local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\" "
    "verb=\"\" words=\"\" options=\"\" i at=0\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        [[ ${COMP_WORDS[i]} == -* ]] && continue\n"
    "        case \"${verb:+$verb }${COMP_WORDS[i]}\" in\n            ";

static void bash_option_arguments(FILE *out)
{
    for (int id = OPT_END + 1; id < OPT_COUNT; id++) {
        const struct option_def *option = option_def((enum option_id)id);

        if (option->complete == COMPLETE_FILE)
            fprintf(out, "    --%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n",
                    option->name);
        else if (option->complete == COMPLETE_KIND)
            fprintf(out, "    --%s) words=\"", option->name), put_kinds(out),
                fputs("\"; COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); return ;;\n", out);
    }
}

static void bash_command(FILE *out, const struct command *command)
{
    fprintf(out, "    \"%s\") options=\"", command->name);
    put_options(out, command->options);
    fputs("\"; ((COMP_CWORD == at + 1)) && words=\"", out);
    put_words(out, command);
    fputs("\" ;;\n", out);
}

static void bash_script(FILE *out)
{
    fputs(bash_head, out);
    each_command(out, NULL, put_pattern);
    fputs("\"\") verb=\"${verb:+$verb }${COMP_WORDS[i]}\"; at=$i ;;\n            *) break ;;\n"
          "        esac\n    done\n    case \"$prev\" in\n",
          out);
    bash_option_arguments(out);
    fputs("    esac\n    case \"$verb\" in\n    \"\") words=\"", out);
    put_commands(out, NULL);
    fputs("\" ;;\n", out);
    each_command(out, NULL, bash_command);
    fputs("    esac\n    if [[ $cur == -* ]]; then\n        words=\"$options", out);
    put_options(out, options_global);
    fputs("\"\n    fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o "
          "default -F _crm crm\n",
          out);
}

/* Text within single quotes; zsh's _arguments also takes [ ] and : for itself. */
static void put_quoted(FILE *out, const char *text, bool is_zsh)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (is_zsh && strchr("[]:", *text))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

static void zsh_options(FILE *out, const enum option_id *ids)
{
    for (; *ids != OPT_END; ids++) {
        const struct option_def *option = option_def(*ids);
        bool is_maybe = option->type == OPTION_MAYBE;

        fprintf(out, " \\\n        '--%s%s[", option->name, is_maybe ? "=-" : "");
        put_quoted(out, option->help, true);
        fputs("]", out);
        if (option->type != OPTION_FLAG) {
            fputs(is_maybe ? "::" : ":", out);
            put_quoted(out, option->argument, true);
            if (option->complete == COMPLETE_FILE)
                fputs(":_files", out);
            else if (option->complete == COMPLETE_KIND)
                fputs(":(", out), put_kinds(out), fputs(")", out);
            else
                fputs(": ", out);
        }
        fputs("'", out);
    }
}

static void zsh_descriptions(FILE *out, const struct command *group)
{
    const struct command *command;

    fputs("verbs=(", out);
    for (size_t i = 0; (command = command_below(group, i)); i++) {
        fprintf(out, "\n            '%s:", command_word(command));
        put_quoted(out, command->summary, false);
        fputs("'", out);
    }
    fputs(")\n        _describe command verbs ;;\n", out);
}

static void zsh_command(FILE *out, const struct command *command)
{
    fprintf(out, "    ('%s')\n        ", command->name);
    if (command->verbs) {
        zsh_descriptions(out, command);
        return;
    }
    fputs("_arguments", out);
    zsh_options(out, command->options);
    zsh_options(out, options_global);
    fputs(" \\\n        '1:argument:(", out);
    put_words(out, command);
    fputs(")' '*:argument:_default' ;;\n", out);
}

/* The words that name the command become one, so that its arguments are counted from 1. */
static void zsh_script(FILE *out)
{
    fputs("#compdef crm\n# zsh completion of crm, made by crm completion zsh\n_crm()\n{\n"
          "    local verb=\"\" word\n    local -a verbs\n    integer at=1\n"
          "    for word in ${words[2,CURRENT-1]}; do\n"
          "        case \"${verb:+$verb }$word\" in\n            (",
          out);
    each_command(out, NULL, put_pattern);
    fputs("\"\") verb=\"${verb:+$verb }$word\"; (( at++ )) ;;\n            (*) break ;;\n"
          "        esac\n    done\n"
          "    words=(\"$verb\" \"${words[@]:$at}\")\n    (( CURRENT -= at - 1 ))\n"
          "    case $verb in\n    ('')\n        ",
          out);
    zsh_descriptions(out, NULL);
    each_command(out, NULL, zsh_command);
    fputs("    esac\n}\n_crm \"$@\"\n", out);
}

static void fish_option(FILE *out, const char *condition, const struct option_def *option)
{
    fprintf(out, "complete -c crm%s -l %s", condition, option->name);
    if (option->letter)
        fprintf(out, " -s %c", option->letter);
    if (option->type != OPTION_FLAG && option->type != OPTION_MAYBE)
        fputs(option->complete == COMPLETE_FILE ? " -r -F" : " -x", out);
    if (option->complete == COMPLETE_KIND)
        fputs(" -a '", out), put_kinds(out), fputs("'", out);
    fputs(" -d '", out);
    put_quoted(out, option->help, false);
    fputs("'\n", out);
}

static void fish_command(FILE *out, const struct command *command)
{
    const char *word = command_word(command);
    char condition[120];

    fputs("complete -c crm -f -n '__crm_is", out);
    if (word > command->name)
        fprintf(out, " %.*s", (int)(word - command->name - 1), command->name);
    fprintf(out, "' -a %s -d '", word);
    put_quoted(out, command->summary, false);
    fputs("'\n", out);
    snprintf(condition, sizeof(condition), " -n '__crm_in %s'", command->name);
    for (const enum option_id *id = command->options; *id != OPT_END; id++)
        fish_option(out, condition, option_def(*id));
    if (command->arguments[0] == ARGUMENT_END)
        return;
    fprintf(out, "complete -c crm%s -f -a '", condition);
    put_words(out, command);
    fputs("'\n", out);
}

static void fish_script(FILE *out)
{
    fputs(
        "# fish completion of crm, made by crm completion fish\n"
        "function __crm_words\n    string match -v -- '-*' (commandline -opc)[2..-1]\nend\n"
        "# the line has these words and no more / begins with them\n"
        "function __crm_is\n    set -l words (__crm_words)\n    test \"$words\" = \"$argv\"\nend\n"
        "function __crm_in\n    set -l words (__crm_words)\n"
        "    set -l n (count $argv)\n    test (count $words) -ge $n; and test \"$words[1..$n]\" = "
        "\"$argv\"\nend\n",
        out);
    for (const enum option_id *id = options_global; *id != OPT_END; id++)
        fish_option(out, "", option_def(*id));
    each_command(out, NULL, fish_command);
}

bool completion_script(FILE *out, const char *shell)
{
    static const struct {
        const char *shell;
        void (*write)(FILE *out);
    } scripts[] = { { "bash", bash_script }, { "zsh", zsh_script }, { "fish", fish_script } };

    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        if (strcmp(scripts[i].shell, shell) == 0) {
            scripts[i].write(out);
            return true;
        }
    }
    return false;
}
