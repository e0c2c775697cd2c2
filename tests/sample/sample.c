/*
 * sample.c - the sample company, step by step
 *
 * Called by main. Owns what the steps remember of each other.
 */
#include "tests/sample/sample.h"

#include <stdlib.h>

enum crm_status sample_write(const char *directory, uint64_t seed, int32_t until,
                             struct failure *failure)
{
    static enum crm_status (*const steps[])(struct sample *, struct failure *) = {
        sample_staff, sample_goods,      sample_customers, sample_contacts,
        sample_deals, sample_activities, sample_tasks,
    };
    struct sample *sample = calloc(1, sizeof *sample);
    enum crm_status status = CRM_OK;

    if (!sample)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    sample->until = until;
    sample->out.directory = directory;
    for (size_t i = 0; i < ARRAY_LEN(steps) && status == CRM_OK; i++) {
        sample->random.state = seed + i; /* so that a change of one step leaves the others */
        status = steps[i](sample, failure);
    }
    output_fini(&sample->out);
    free(sample);
    return status;
}
