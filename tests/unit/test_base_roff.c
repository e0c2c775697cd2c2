/*
 * test_base_roff.c - characters of a manual page
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "common/base/roff.h"
#include "common/base/text.h"

static void test_put(void **state)
{
    struct slice text = slice_text("a\\-`\"^~'. b\n\xe5\x8d\x8e\xf0\x9f\x98\x80");
    char *page = NULL;
    size_t size, at = 0;
    FILE *out = open_memstream(&page, &size);
    int32_t c;

    (void)state;
    assert_non_null(out);
    while ((c = text_next(text, &at)) >= 0)
        roff_put(out, c);
    fclose(out);
    assert_string_equal(page, "a\\e\\-\\(ga\\(dq\\(ha\\(ti'. b\n\\[u534E]\\[u1F600]");
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_put) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
