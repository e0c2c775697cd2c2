/*
 * maven.h - the Maven sales files as records
 */
#ifndef CRM_SAMPLE_MAVEN_H
#define CRM_SAMPLE_MAVEN_H

#include "common/base/failure.h"

/*
 * Read accounts.csv, products.csv, sales_teams.csv and sales_pipeline.csv of a directory and write
 * them as files of records into another, which exists. What is mended on the way:
 *
 *     GTXPro, technolgy, Philipines  are spelled right
 *     no account                     the deal has no customer
 *     no amount (open, or lost)      the product's list price, estimated
 *     no close date (open)           expected after the median time that won deals took, estimated;
 *                                    counted from the last day of the data where it was not begun
 */
enum crm_status maven_write(const char *from, const char *directory,
                            struct failure *failure) MUST_CHECK;

#endif
