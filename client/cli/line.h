/*
 * line.h - how long the line to a profile's server takes, as learned from the connections before
 *
 * Measured is the time from the first packet to the first answer: connecting, TLS, hello and one request, three round trips or more. It is smoothed as
 * TCP smooths its round trips (RFC 6298), so that a line that varies is given more time than a steady one. Kept in the file `line` of the home directory.
 */
#ifndef CRM_CLI_LINE_H
#define CRM_CLI_LINE_H

#include <stdint.h>

#define LINE_BUDGET_FIRST_US INT64_C(1000000) /* while nothing is known */
#define LINE_BUDGET_MIN_US   INT64_C(300000)
#define LINE_BUDGET_MAX_US   INT64_C(6000000)

struct line {
    int64_t smoothed_us; /* until the first answer; 0: never measured */
    int64_t varies_us;   /* by about so much */
    unsigned missed;     /* budgets in a row that have passed without an answer */
};

/* What is known; nothing where the file is not there, or damaged. */
void line_read(const char *home, struct line *out_line);
/* Best effort: what is not remembered is learned anew. */
void line_write(const char *home, const struct line *line);

/* The first answer was there after so long. */
void line_answered(struct line *line, int64_t took_us);
/* The same, in the file. */
void line_learn(const char *home, int64_t took_us);
/* It was not there within the budget. */
void line_missed(struct line *line);

/*
 * How long to wait for the first answer, and once more for the rest of what a command asks. Never less than what the line usually takes. After a miss at
 * least as long as for an unknown line, and then doubled twice, as it may have become longer; then from the beginning: a dead line is not waited for longer
 * and longer.
 */
int64_t line_budget_us(const struct line *line);

#endif
