/*
 * failure.c - fill in a failure: the first one stays, and its text is always well-formed
 *
 * Called wherever something fails, on any thread; owns nothing. What it is given may hold bytes of
 * a stranger, and what it makes goes out in an ERROR frame, so invalid UTF-8 is replaced here once
 * instead of at every caller.
 */
#include "common/base/failure.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/text.h"

/* Make text well-formed in place; a character that truncation has cut at the end goes. */
static void mend_text(char *text, bool is_cut)
{
    size_t size = strlen(text);
    size_t from = 0;

    for (;;) {
        from += text_prefix_size(slice_of(text + from, size - from), size - from);
        if (from == size)
            return;
        if (is_cut && size - from < 4 && ((unsigned char)text[from] & 0xC0) == 0xC0) {
            text[from] = '\0';
            return;
        }
        text[from] = '?';
    }
}

static void PRINTF_LIKE(3, 0) fill(char *out, size_t size, const char *format, va_list arguments)
{
    int wanted = vsnprintf(out, size, format, arguments);

    if (wanted < 0)
        out[0] = '\0';
    mend_text(out, wanted >= 0 && (size_t)wanted >= size);
}

static bool failure_begin(struct failure *failure, enum crm_status status)
{
    if (!failure || failure->status != CRM_OK)
        return false;
    failure->status = status;
    return true;
}

enum crm_status fail(struct failure *failure, enum crm_status status, const char *field,
                     const char *format, ...)
{
    va_list arguments;

    if (!failure_begin(failure, status))
        return status;

    failure->field[0] = '\0';
    failure->position = -1;
    if (field) {
        int wanted = snprintf(failure->field, sizeof(failure->field), "%s", field);

        mend_text(failure->field, wanted >= (int)sizeof(failure->field));
    }
    va_start(arguments, format);
    fill(failure->text, sizeof(failure->text), format, arguments);
    va_end(arguments);
    return status;
}

enum crm_status fail_at(struct failure *failure, enum crm_status status, int position,
                        const char *format, ...)
{
    va_list arguments;

    if (!failure_begin(failure, status))
        return status;

    failure->field[0] = '\0';
    failure->position = position;
    va_start(arguments, format);
    fill(failure->text, sizeof(failure->text), format, arguments);
    va_end(arguments);
    return status;
}
