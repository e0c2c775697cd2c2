/*
 * scope.c - reading what a replica is to carry
 *
 * Called by sync_once.c; main thread.
 */
#include "client/cli/scope.h"

#include "client/cli/query.h"
#include "client/replica/sync.h"

#define BLANKS " \t\r\n"

/* The end of the part that begins at text: a semicolon outside quotes, or the end. A quote counts where a value may begin: not in O'Brien. */
static const char *part_end(const char *text)
{
    char quote = '\0';

    for (const char *at = text; *at; at++) {
        if (quote) {
            quote = *at == quote ? '\0' : quote;
        } else if (*at == ';') {
            return at;
        } else if ((*at == '"' || *at == '\'') && (at == text || strchr(BLANKS "=<>~(,", at[-1]))) {
            quote = *at;
        }
    }
    return text + strlen(text);
}

/* The next part without blanks around it, in the arena; "" for an empty one. NULL when memory is spent. */
static const char *next_part(struct cli *cli, const char **text)
{
    const char *start = *text + strspn(*text, BLANKS), *end = part_end(start);

    *text = *end ? end + 1 : end;
    while (end > start && strchr(BLANKS, end[-1]))
        end--;
    return arena_strndup(&cli->arena, start, (size_t)(end - start));
}

bool scope_has_filters(const char *text)
{
    Crm__SyncScope reach;

    return !sync_scope_parse(text, &reach);
}

/* "customers country = DE", also "customers where …" */
static enum crm_status add_filter(struct cli *cli, const char *part, struct scope *scope)
{
    size_t size = strcspn(part, BLANKS);
    const char *word = arena_strndup(&cli->arena, part, size), *filter = part + size + strspn(part + size, BLANKS);
    const struct kind_def *kind = word ? kind_find(word) : NULL;
    Crm__SyncFilter *wire = arena_alloc(&cli->arena, sizeof *wire);

    if (!word || !wire)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (!kind)
        return fail(&cli->failure, CRM_USAGE, NULL, "--scope is mine, team or all, and then KIND FILTER; …: '%s' is none of these", word);
    if (strncmp(filter, "where", 5) == 0 && filter[5] && strchr(BLANKS, filter[5]))
        filter += 5 + strspn(filter + 5, BLANKS);
    if (!*filter)
        return fail(&cli->failure, CRM_USAGE, NULL, "which %s? Say it as for crm list", kind->plural);
    crm__sync_filter__init(wire);
    wire->has_kind = true;
    wire->kind = (uint32_t)kind->kind;
    for (size_t i = 0; i < scope->n_filters; i++)
        if (scope->filters[i]->kind == wire->kind)
            return fail(&cli->failure, CRM_USAGE, NULL, "one filter for all %s: join them with and, or", kind->plural);
    scope->filters[scope->n_filters++] = wire;
    return query_filter(cli, kind, filter, &wire->n_filter, &wire->filter);
}

enum crm_status scope_parse(struct cli *cli, const char *text, struct scope *out_scope)
{
    struct scope scope = { .text = text, .reach = CRM__SYNC_SCOPE__SYNC_SCOPE_MINE };
    const char *rest = text;
    enum crm_status status = CRM_OK;

    scope.filters = arena_alloc(&cli->arena, (KIND_MAX + 1) * sizeof *scope.filters);
    if (!scope.filters)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (bool is_first = true; *rest && !status; is_first = false) {
        const char *part = next_part(cli, &rest);

        if (!part)
            return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
        if (*part && !(is_first && sync_scope_parse(part, &scope.reach)))
            status = add_filter(cli, part, &scope);
    }
    if (!status)
        *out_scope = scope;
    return status;
}
