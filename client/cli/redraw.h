/*
 * redraw.h - putting a newer answer in the place of an older one on the terminal
 */
#ifndef CRM_CLI_REDRAW_H
#define CRM_CLI_REDRAW_H

#include "common/base/slice.h"

enum redraw {
    REDRAW_NOTHING, /* it says the same */
    REDRAW_OVER,    /* what differs of the older one is still on the screen: the cursor goes up over that */
    REDRAW_BELOW,   /* it is not, or the terminal cannot: all of the newer one is printed */
};

struct redraw_plan {
    enum redraw how;
    size_t common; /* bytes at the start of both, whole lines, that stay */
    size_t up;     /* lines of the screen that are written over; 0: what is new is only added */
};

struct screen {
    size_t columns, rows;
    bool has_cursor; /* it can be moved */
};

/* The lines of the screen that a text takes, which ends with a line's end. Knows colours and wide characters. */
size_t redraw_lines(struct slice text, size_t columns);
/* What to do with a newer text in the place of an older one, behind which the cursor stands in a line of its own. */
struct redraw_plan redraw_choose(struct slice older, struct slice newer, const struct screen *screen);

#endif
