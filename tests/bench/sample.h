/*
 * sample.h - the records of the bench: made from a seed and their place alone, so that none has to
 * be kept
 *
 * About 400 bytes each: English and Chinese names, one phone, one mail, industry, revenue, status,
 * tags, a note. Every tenth name holds SAMPLE_COMMON_WORD.
 */
#ifndef CRM_TESTS_BENCH_SAMPLE_H
#define CRM_TESTS_BENCH_SAMPLE_H

#include "common/base/uuid.h"
#include "proto/records.pb-c.h"

#define SAMPLE_COMMON_WORD "global"

/* Pseudo-random numbers (splitmix64): the same everywhere for the same state. */
struct sample_random {
    uint64_t state;
};
uint64_t sample_random_next(struct sample_random *random);
/* Less than n, which is not 0. */
uint64_t sample_random_below(struct sample_random *random, uint64_t n);

/* A customer with all that it points at; not to be copied. */
struct sample_customer {
    Crm__Customer message;
    Crm__Money revenue;
    Crm__Address address, *addresses[1];
    struct uuid address_id;
    char name[96], legal_name[112], registration[24], web[64], phone[24], email[80], lines[64],
        postcode[12], note[160];
    char *phones[1], *emails[1], *tags[2];
    bool is_chinese;
    char brand[48]; /* the part of the name that is hardly another's */
};

/* A deal with all that it points at; not to be copied. */
struct sample_deal {
    Crm__Deal message;
    Crm__Money amount;
    struct uuid customer;
    char name[96];
};

/* The id of the nth customer or deal. They ascend with n, as those do that are made one after the
 * other. */
void sample_customer_id(uint64_t n, struct uuid *out_id);
void sample_deal_id(uint64_t n, struct uuid *out_id);

void sample_customer_fill(uint64_t n, struct sample_customer *out);
/* Of one of n_customers, in the company's own pipeline; expected to close on one of 365 days. */
void sample_deal_fill(uint64_t n, uint64_t n_customers, struct sample_deal *out);

#endif
