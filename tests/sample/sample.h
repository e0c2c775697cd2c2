/*
 * sample.h - a sample company: two branches, their people, customers, deals and what was talked
 * about
 *
 * Made of a seed and the day on which it ends; the same two give the same files. Every step of
 * sample.c is a function here, in the order in which they run: a record is written before others
 * refer to it by its name, login or id.
 */
#ifndef CRM_SAMPLE_SAMPLE_H
#define CRM_SAMPLE_SAMPLE_H

#include "common/base/uuid.h"
#include "tests/sample/names.h"
#include "tests/sample/output.h"

#define SAMPLE_CUSTOMERS 500
#define SAMPLE_DEALS     5000
#define SAMPLE_DAYS      730 /* of history */
#define SAMPLE_REPS      32  /* room for them */

/* Somebody who sells. */
struct sample_rep {
    const char *login;
    bool is_chinese; /* the branch: Shanghai, or else Chicago */
};

/* A customer, as far as its deals need it. */
struct sample_customer {
    char name[NAME_SIZE];
    bool is_chinese;
    const char *rep; /* login of who looks after it */
};

/* A deal, as far as activities and tasks need it. */
struct sample_deal {
    char id[UUID_TEXT_SIZE];
    const struct sample_customer *customer;
    int32_t engaged;
    int32_t end; /* the day it closed, or should */
    bool is_open;
};

/* Everything that was made so far. */
struct sample {
    struct random random;
    int32_t until; /* the last day of the history */
    struct output out;
    struct sample_rep reps[SAMPLE_REPS];
    size_t n_reps;
    struct sample_customer customers[SAMPLE_CUSTOMERS];
    struct sample_deal deals[SAMPLE_DEALS];
};

/* All files into a directory; failure says why not. */
enum crm_status sample_write(const char *directory, uint64_t seed, int32_t until,
                             struct failure *failure) MUST_CHECK;

/* Steps: teams and users. */
enum crm_status sample_staff(struct sample *sample, struct failure *failure) MUST_CHECK;
/* Products, and the rates by which dollars become yuan. */
enum crm_status sample_goods(struct sample *sample, struct failure *failure) MUST_CHECK;
enum crm_status sample_customers(struct sample *sample, struct failure *failure) MUST_CHECK;
enum crm_status sample_contacts(struct sample *sample, struct failure *failure) MUST_CHECK;
enum crm_status sample_deals(struct sample *sample, struct failure *failure) MUST_CHECK;
enum crm_status sample_activities(struct sample *sample, struct failure *failure) MUST_CHECK;
enum crm_status sample_tasks(struct sample *sample, struct failure *failure) MUST_CHECK;

/* A product of the sample, for the deals. */
struct sample_product {
    const char *code;
    const char *name; /* English and Chinese: both branches sell it */
    const char *english;
    const char *chinese;
    const char *category;
    int price_usd;
    int price_cny;
    int most; /* pieces in one deal */
};

/* One of the products, by chance. */
const struct sample_product *sample_product(struct random *random);

#endif
