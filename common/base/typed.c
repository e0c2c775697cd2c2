/*
 * typed.c - one spelling for what people type: width, case, blanks
 *
 * Called by the parsers of money, numbers, days and instants, on any thread. Owns nothing and
 * allocates nothing.
 */
#include "common/base/typed.h"

#include "common/base/text.h"

#define TEXT_SHOWN        60
#define DIGITS_MOST       6 /* of a distance */
#define MINUS_SIGN        0x2212
#define IDEOGRAPHIC_SPACE 0x3000
#define NO_BREAK_SPACE    0xA0

static int32_t typed_point(int32_t c)
{
    if (c >= 0xFF01 && c <= 0xFF5E)
        c -= 0xFF01 - '!';
    if (c >= 'A' && c <= 'Z')
        return c + ('a' - 'A');
    if (c == MINUS_SIGN)
        return '-';
    if ((c >= '\t' && c <= '\r') || c == IDEOGRAPHIC_SPACE || c == NO_BREAK_SPACE)
        return ' ';
    return c;
}

bool typed_read(struct slice text, char out[TYPED_SIZE])
{
    size_t position = 0;
    size_t size = 0;

    if (!text_is_valid(text))
        return false;
    while (position < text.size) {
        size_t from = position;
        int32_t c = typed_point(text_next(text, &position));
        size_t step = c < 0x80 ? 1 : position - from;

        if (c == ' ' && (size == 0 || out[size - 1] == ' '))
            continue;
        if (step > TYPED_SIZE - 1 - size)
            return false;
        if (c < 0x80)
            out[size] = (char)c;
        else
            memcpy(out + size, text.data + from, step);
        size += step;
    }
    if (size && out[size - 1] == ' ')
        size--;
    out[size] = '\0';
    return size > 0;
}

bool typed_skip(const char **at, const char *word)
{
    size_t size = strlen(word);

    if (strncmp(*at, word, size) != 0)
        return false;
    *at += size;
    return true;
}

void typed_skip_blank(const char **at)
{
    if (**at == ' ')
        ++*at;
}

int typed_digits(const char **at, int most)
{
    int value = 0;
    int n = 0;

    for (; n < most && **at >= '0' && **at <= '9'; n++, ++*at)
        value = 10 * value + (**at - '0');
    return n ? value : -1;
}

bool typed_signed(const char **at, int *out_n)
{
    bool is_negative = **at == '-';
    int n;

    if (**at != '-' && **at != '+')
        return false;
    ++*at;
    n = typed_digits(at, DIGITS_MOST);
    if (n < 0)
        return false;
    typed_skip_blank(at);
    *out_n = is_negative ? -n : n;
    return true;
}

enum crm_status typed_refuse(struct failure *failure, struct slice text, const char *what)
{
    return fail(failure, CRM_INVALID, NULL, "'%.*s' %s", (int)text_prefix_size(text, TEXT_SHOWN),
                text.size ? (const char *)text.data : "", what);
}
