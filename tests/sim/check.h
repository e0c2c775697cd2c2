/*
 * check.h - the parts of the check at the end of a seed
 */
#ifndef CRM_TEST_SIM_CHECK_H
#define CRM_TEST_SIM_CHECK_H

#include "tests/sim/sim.h"

/* check_replica.c */
void check_replica(struct sim *sim, struct rep *rep);

#endif
