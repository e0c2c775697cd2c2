/*
 * names.h - made-up names of companies and people, Chinese and English
 */
#ifndef CRM_SAMPLE_NAMES_H
#define CRM_SAMPLE_NAMES_H

#include "tests/sample/random.h"

#define NAME_SIZE  96
#define PHONE_SIZE 32

/* A company as its customers know it, and what hangs on the name. */
struct company_name {
    char name[NAME_SIZE]; /* "苏州恒远机械", "Cedargate Foods" */
    char legal_name[NAME_SIZE + 24];
    char domain[NAME_SIZE]; /* below .example, which nobody can own */
    char phone[PHONE_SIZE]; /* in a range that is not given to subscribers */
    const char *city;
    const char *province;
    const char *industry; /* English in both branches, so that one filter finds both */
};

/* A person's name, and the same in Latin letters. */
struct person_name {
    const char *family;
    char given[NAME_SIZE];
    char mailbox[NAME_SIZE]; /* "wang.weiming" */
    char phone[PHONE_SIZE];
};

void company_name(struct random *random, bool is_chinese, struct company_name *out_name);
void person_name(struct random *random, bool is_chinese, struct person_name *out_name);

#endif
