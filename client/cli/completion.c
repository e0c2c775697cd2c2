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

static void put_commands(FILE *out)
{
    const struct command *command;

    for (size_t i = 0; (command = command_at(i)); i++)
        fprintf(out, "%s%s", i > 0 ? " " : "", command->name);
}

static void put_options(FILE *out, const enum option_id *ids)
{
    for (; *ids != OPT_END; ids++)
        fprintf(out, " --%s", option_def(*ids)->name);
}

/* What may stand as the first argument. */
static void put_words(FILE *out, const struct command *command)
{
    if (command->arguments[0] == ARGUMENT_KIND)
        put_kinds(out);
    else if (command->arguments[0] == ARGUMENT_COMMAND)
        put_commands(out);
    else
        for (const char *const *word = command->words; word && *word; word++)
            fprintf(out, "%s%s", word == command->words ? "" : " ", *word);
}

static void bash_script(FILE *out)
{
    const struct command *command;

    fputs(
        "# bash completion of crm, made by crm completion bash\n_crm()\n{\n"
        "    local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\" "
        "verb=\"\" words=\"\" options=\"\" i\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        [[ ${COMP_WORDS[i]} != -* ]] && { verb=\"${COMP_WORDS[i]}\"; break; }\n    done\n"
        "    case \"$prev\" in\n",
        out);
    for (int id = OPT_END + 1; id < OPT_COUNT; id++) {
        const struct option_def *option = option_def((enum option_id)id);

        if (option->complete == COMPLETE_FILE)
            fprintf(out, "    --%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n",
                    option->name);
        else if (option->complete == COMPLETE_KIND)
            fprintf(out, "    --%s) words=\"", option->name), put_kinds(out),
                fputs("\"; COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); return ;;\n", out);
    }
    fputs("    esac\n    case \"$verb\" in\n    \"\") words=\"", out);
    put_commands(out);
    fputs("\" ;;\n", out);
    for (size_t i = 0; (command = command_at(i)); i++) {
        fprintf(out, "    %s) options=\"", command->name);
        put_options(out, command->options);
        fputs("\"; ((COMP_CWORD == i + 1)) && words=\"", out);
        put_words(out, command);
        fputs("\" ;;\n", out);
    }
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

        fprintf(out, " \\\n        '--%s[", option->name);
        put_quoted(out, option->help, true);
        fputs("]", out);
        if (option->type != OPTION_FLAG) {
            fputs(":", out);
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

static void zsh_script(FILE *out)
{
    const struct command *command;

    fputs("#compdef crm\n# zsh completion of crm, made by crm completion zsh\n_crm()\n{\n    local "
          "-a verbs\n    verbs=(\n",
          out);
    for (size_t i = 0; (command = command_at(i)); i++) {
        fprintf(out, "        '%s:", command->name);
        put_quoted(out, command->summary, false);
        fputs("'\n", out);
    }
    fputs("    )\n    if ((CURRENT == 2)); then\n        _describe command verbs\n        return\n "
          "   fi\n    case $words[2] in\n",
          out);
    for (size_t i = 0; (command = command_at(i)); i++) {
        fprintf(out, "    %s) _arguments", command->name);
        zsh_options(out, command->options);
        zsh_options(out, options_global);
        fputs(" \\\n        '2:argument:(", out);
        put_words(out, command);
        fputs(")' '*:argument:_default' ;;\n", out);
    }
    fputs("    esac\n}\n_crm \"$@\"\n", out);
}

static void fish_option(FILE *out, const char *condition, const struct option_def *option)
{
    fprintf(out, "complete -c crm%s -l %s", condition, option->name);
    if (option->letter)
        fprintf(out, " -s %c", option->letter);
    if (option->type != OPTION_FLAG)
        fputs(option->complete == COMPLETE_FILE ? " -r -F" : " -x", out);
    if (option->complete == COMPLETE_KIND)
        fputs(" -a '", out), put_kinds(out), fputs("'", out);
    fputs(" -d '", out);
    put_quoted(out, option->help, false);
    fputs("'\n", out);
}

static void fish_script(FILE *out)
{
    const struct command *command;
    char condition[80];

    fputs("# fish completion of crm, made by crm completion fish\n", out);
    for (const enum option_id *id = options_global; *id != OPT_END; id++)
        fish_option(out, "", option_def(*id));
    for (size_t i = 0; (command = command_at(i)); i++) {
        fprintf(out, "complete -c crm -f -n __fish_use_subcommand -a %s -d '", command->name);
        put_quoted(out, command->summary, false);
        fputs("'\n", out);
        snprintf(condition, sizeof(condition), " -n '__fish_seen_subcommand_from %s'",
                 command->name);
        for (const enum option_id *id = command->options; *id != OPT_END; id++)
            fish_option(out, condition, option_def(*id));
        if (command->arguments[0] == ARGUMENT_END)
            continue;
        fprintf(out, "complete -c crm%s -f -a '", condition);
        put_words(out, command);
        fputs("'\n", out);
    }
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
