/*
 * kind_name.c - names and labels as people type them
 *
 * Called by kind.c for the tables and by schema.c for custom fields. No state.
 */
#include "common/model/kind_name.h"

#include "common/base/text.h"

/* Of a folded or ASCII character: what it is compared as. */
static char comparable(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == '-' || c == ' ' ? '_' : c;
}

static bool is_ascii(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] >= 0x80)
            return false;
    }
    return true;
}

static bool store(struct name_key *key, struct slice text)
{
    if (text.size == 0 || text.size > sizeof key->text)
        return false;
    for (size_t i = 0; i < text.size; i++)
        key->text[i] = comparable((char)text.data[i]);
    key->size = text.size;
    return true;
}

bool name_key_init(struct name_key *key, struct slice name)
{
    struct arena arena;
    struct slice folded;
    bool is_ok;

    if (name.size > 4 * sizeof key->text)
        return false;
    if (is_ascii(name))
        return store(key, name);
    arena_init(&arena, 64 * 1024);
    is_ok = text_fold(&arena, name, &folded) && store(key, folded);
    arena_fini(&arena);
    return is_ok;
}

bool name_key_matches(const struct name_key *key, const char *label)
{
    size_t i = 0;

    while (i < key->size && label[i] && comparable(label[i]) == key->text[i])
        i++;
    return i == key->size && !label[i];
}
