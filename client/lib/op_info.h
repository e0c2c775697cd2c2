/*
 * op_info.h - the operations as the client sees them: which messages belong to each, and what a lost answer means
 */
#ifndef CRM_CLIENT_OP_INFO_H
#define CRM_CLIENT_OP_INFO_H

#include <protobuf-c/protobuf-c.h>

#include "common/base/slice.h"

enum op_flag {
    OP_FLAG_UPLOAD = 1,    /* chunks go up, not down */
    OP_FLAG_SUBSCRIBE = 2, /* events follow the reply */
    OP_FLAG_SECRET = 4,    /* the request holds one: never compressed */
};

struct op_info {
    const char *name; /* "record.get" */
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *reply;
    const ProtobufCMessageDescriptor *chunk; /* NULL: none */
    unsigned flags;
};

/* NULL for a number that is none. */
const struct op_info *op_info(unsigned operation);

/* What depends on the single request. */
struct op_effect {
    bool changes;    /* something on the server: a lost answer leaves the outcome unknown */
    bool may_repeat; /* sending it twice does no more than sending it once */
};

struct op_effect op_effect(unsigned operation, const ProtobufCMessage *request);

#endif
