/*
 * op_device.c - enrolled devices: codes for new ones, certificates, the list, and revoking
 *
 * A certificate is signed on a worker (prepare) and counts once its row is committed (run): who the code is for, or that the old certificate still holds, is
 * looked up both times. Of two who use one code one wins.
 */
#include "common/base/clock.h"
#include "common/model/reflect.h"
#include "server/ops/op_session.h"

#define US_PER_HOUR INT64_C(3600000000)
#define US_PER_DAY  INT64_C(86400000000)

static enum crm_status no_memory(struct op_ctx *ctx)
{
    return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
}

/* --- a code */

static enum crm_status find_user(struct op_ctx *ctx, ProtobufCBinaryData id, struct uuid *out_user)
{
    struct record record;

    if (!uuid_from_slice(slice_of(id.data, id.len), out_user) || view_record(ctx->view, KIND_USER, out_user, &record) != CRM_OK)
        return op_fail_field(ctx, CRM_NOT_FOUND, "user", "there is no such user");
    return CRM_OK;
}

static enum crm_status invite(struct op_ctx *ctx, const Crm__DeviceRequest *request, Crm__DeviceReply *reply)
{
    int64_t expires_us = ctx->group->now_us + ctx->core->settings.invitation_hours * US_PER_HOUR;
    char code[DEVICE_CODE_SIZE];
    struct uuid user;
    enum crm_status status = op_check_confirmed(ctx);

    if (status == CRM_OK)
        status = find_user(ctx, request->user, &user);
    if (status != CRM_OK)
        return status;
    if (!request->name || !request->name[0] || strlen(request->name) > DEVICE_NAME_MAX)
        return op_fail_field(ctx, CRM_INVALID, "name", "a device has a name of 1 to %d bytes", DEVICE_NAME_MAX);
    status = device_invite(ctx->group, &user, request->name, expires_us, code);
    if (status != CRM_OK)
        return op_fail(ctx, status, "the code cannot be stored");
    op_about(ctx, KIND_USER, &user, "a code for the device %s", request->name);
    reply->code = arena_strdup(ctx->arena, code);
    reply->address = server_address(ctx);
    reply->has_expires_at = reply->has_ca_sha256 = true;
    reply->expires_at = expires_us;
    reply->ca_sha256 = (ProtobufCBinaryData){ .data = ctx->core->ca_sha256, .len = sizeof ctx->core->ca_sha256 };
    secret_wipe(code, sizeof code);
    return reply->code && reply->address ? CRM_OK : no_memory(ctx);
}

/* --- the list */

struct listing {
    struct op_ctx *ctx;
    struct view view; /* of the server's own eyes: users' names */
    Crm__DeviceReply *reply;
    size_t room;
    bool is_spent; /* memory */
};

static char *login_of(struct listing *listing, const struct uuid *user)
{
    struct record record;
    struct value value;

    if (view_record(&listing->view, KIND_USER, user, &record) != CRM_OK ||
        !reflect_get(kind_field_by_name(kind_def(KIND_USER), "login"), &record, &value))
        return arena_strdup(listing->ctx->arena, "");
    return arena_strndup(listing->ctx->arena, value.text.data, value.text.size);
}

static Crm__DeviceInfo *describe(struct listing *listing, const struct device *device)
{
    struct arena *arena = listing->ctx->arena;
    Crm__DeviceInfo *info = arena_alloc(arena, sizeof *info);
    char serial[2 * DEVICE_SERIAL_SIZE + 1];

    if (!info)
        return NULL;
    crm__device_info__init(info);
    hex_format(device->serial, DEVICE_SERIAL_SIZE, serial);
    info->has_id = info->has_user = info->has_created_at = info->has_expires_at = info->has_used_at = info->has_revoked = true;
    info->id = (ProtobufCBinaryData){ .data = arena_memdup(arena, device->id.bytes, UUID_SIZE), .len = UUID_SIZE };
    info->user = (ProtobufCBinaryData){ .data = arena_memdup(arena, device->user.bytes, UUID_SIZE), .len = UUID_SIZE };
    info->login = login_of(listing, &device->user);
    info->name = arena_strdup(arena, device->name);
    info->serial = arena_strdup(arena, serial);
    info->created_at = device->created_us;
    info->expires_at = device->expires_us;
    info->used_at = device->used_us;
    info->revoked = device->revoked_us != 0;
    return info->id.data && info->user.data && info->login && info->name && info->serial ? info : NULL;
}

static bool add_device(void *arg, const struct device *device)
{
    struct listing *listing = arg;
    Crm__DeviceReply *reply = listing->reply;
    Crm__DeviceInfo **devices = reply->devices;

    if (reply->n_devices == listing->room) {
        listing->room = listing->room ? 2 * listing->room : 16;
        devices = arena_alloc(listing->ctx->arena, listing->room * sizeof *devices);
        if (devices && reply->n_devices)
            memcpy(devices, reply->devices, reply->n_devices * sizeof *devices);
    }
    listing->is_spent = !devices || !(devices[reply->n_devices] = describe(listing, device));
    if (listing->is_spent)
        return false;
    reply->devices = devices;
    reply->n_devices++;
    return true;
}

static enum crm_status list(struct op_ctx *ctx, const Crm__DeviceRequest *request, Crm__DeviceReply *reply)
{
    struct listing listing = { .ctx = ctx, .view = view_unguarded(ctx->view), .reply = reply };
    struct uuid user;
    enum crm_status status = request->has_user ? find_user(ctx, request->user, &user) : CRM_OK;

    if (status != CRM_OK)
        return status;
    status = device_each(ctx->view, request->has_user ? &user : NULL, add_device, &listing);
    if (status == CRM_OK && listing.is_spent)
        return no_memory(ctx);
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the devices cannot be read");
}

/* --- no more */

static enum crm_status revoke(struct op_ctx *ctx, const Crm__DeviceRequest *request)
{
    struct device device;
    struct uuid id;
    enum crm_status status = CRM_NOT_FOUND;

    if (uuid_from_slice(slice_of(request->id.data, request->id.len), &id))
        status = device_load(ctx->view, &id, &device);
    if (status == CRM_NOT_FOUND)
        return op_fail_field(ctx, CRM_NOT_FOUND, "id", "there is no such device");
    if (status == CRM_OK)
        status = device_revoke(ctx->group, &id);
    if (status != CRM_OK)
        return op_fail(ctx, status, "the device cannot be revoked");
    op_about(ctx, KIND_USER, &device.user, "the device %s is revoked", device.name);
    ctx->ends_sessions = true;
    return CRM_OK;
}

static bool is_listing(const Crm__DeviceRequest *request)
{
    return request->step == CRM__DEVICE_STEP__DEVICE_STEP_LIST;
}

static unsigned place_device(const void *request, unsigned flags)
{
    return flags | (is_listing(request) ? OP_WORKS : OP_WRITES);
}

static enum crm_status run_device(struct op_ctx *ctx)
{
    const Crm__DeviceRequest *request = ctx->request;

    switch (request->step) {
    case CRM__DEVICE_STEP__DEVICE_STEP_INVITE:
        return invite(ctx, request, ctx->reply);
    case CRM__DEVICE_STEP__DEVICE_STEP_LIST:
        ctx->subject.is_nothing = true;
        return list(ctx, request, ctx->reply);
    case CRM__DEVICE_STEP__DEVICE_STEP_REVOKE:
        return revoke(ctx, request);
    default:
        return op_fail_field(ctx, CRM_INVALID, "step", "say what is to be done");
    }
}

const struct op_def op_device = {
    .code = OP_DEVICE, .name = "admin.device", .flags = OP_SECRET, .right = CRM__RIGHT__RIGHT_MANAGE_USERS, .audit = CRM__AUDIT_ACT__AUDIT_ACT_DEVICE,
    .request = &crm__device_request__descriptor, .reply = &crm__device_reply__descriptor, .place = place_device, .run = run_device,
};

/* --- a certificate */

/* What prepare has made for run. */
struct enrolment {
    struct device device; /* the row as it is to be */
    struct device_certificate certificate;
};

/* Codes cannot be guessed, but whoever tries is slowed down with those who guess passwords. */
static enum crm_status admit_enrol(struct op_ctx *ctx)
{
    const Crm__EnrolRequest *request = ctx->request;

    return request->code ? password_admit(ctx, "") : CRM_OK;
}

static enum crm_status find_invitation(struct op_ctx *ctx, const char *code, int64_t now_us, struct device *out_device)
{
    enum crm_status status = device_find_invitation(ctx->view, code, now_us, out_device);

    if (status == CRM_BAD_CREDENTIALS)
        return op_fail(ctx, status, "the code is not known, was used, or has expired");
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the code cannot be looked up");
}

/* By the certificate that the connection has shown. */
static enum crm_status find_enrolled(struct op_ctx *ctx, int64_t now_us, struct device *out_device)
{
    enum crm_status status;

    if (!ctx->claim)
        return op_fail_field(ctx, CRM_BAD_CREDENTIALS, "code", "a device is enrolled by a code, or renews the certificate that it shows");
    status = device_check(ctx->view, ctx->claim, now_us, &ctx->failure);
    return status == CRM_OK ? device_load(ctx->view, &ctx->claim->device, out_device) : status;
}

static enum crm_status check_user(struct op_ctx *ctx, const struct uuid *user)
{
    const struct view view = view_unguarded(ctx->view);
    struct record record;
    struct value value;

    if (view_record(&view, KIND_USER, user, &record) != CRM_OK ||
        (reflect_get(kind_field_by_name(kind_def(KIND_USER), "active"), &record, &value) && !value.integer))
        return op_fail(ctx, CRM_BAD_CREDENTIALS, "the user of this device is not active");
    return CRM_OK;
}

/* Who it is for; of a new device with its id. */
static enum crm_status find_device(struct op_ctx *ctx, const Crm__EnrolRequest *request, int64_t now_us, struct device *out_device)
{
    enum crm_status status;

    if (!request->code) {
        status = find_enrolled(ctx, now_us, out_device);
    } else {
        status = find_invitation(ctx, request->code, now_us, out_device);
        throttle_settle(ctx->throttle, &ctx->ticket,
                        status == CRM_OK                ? THROTTLE_PASSED
                        : status == CRM_BAD_CREDENTIALS ? THROTTLE_FAILED
                                                        : THROTTLE_CANCELLED,
                        clock_monotonic_us());
        out_device->id = uuid_create();
        out_device->created_us = now_us;
    }
    return status == CRM_OK ? check_user(ctx, &out_device->user) : status;
}

static enum crm_status prepare_enrol(struct op_ctx *ctx)
{
    const Crm__EnrolRequest *request = ctx->request;
    const struct device_signer *signer = ctx->core->device_signer;
    struct enrolment *enrolment = arena_zalloc(ctx->arena, sizeof *enrolment);
    struct device *device;
    struct device_order order = { .request = slice_of(request->request.data, request->request.len), .now_us = clock_now_us() };
    enum crm_status status;

    if (!enrolment)
        return no_memory(ctx);
    if (!signer)
        return op_fail(ctx, CRM_NOT_ALLOWED, "this server enrols no devices");
    ctx->state = enrolment;
    device = &enrolment->device;
    status = find_device(ctx, request, order.now_us, device);
    if (status != CRM_OK)
        return status;
    order.device = device->id;
    order.user = device->user;
    order.expires_us = order.now_us + ctx->core->settings.device_days * US_PER_DAY;
    device->expires_us = order.expires_us;
    device->used_us = order.now_us;
    status = signer->sign(signer->arg, &order, ctx->arena, &enrolment->certificate, &ctx->failure);
    if (ctx->claim && !request->code)
        memcpy(device->previous, ctx->claim->serial, DEVICE_SERIAL_SIZE);
    memcpy(device->serial, enrolment->certificate.serial, DEVICE_SERIAL_SIZE);
    return status;
}

/* Nothing has changed since prepare that matters. */
static enum crm_status check_again(struct op_ctx *ctx, const Crm__EnrolRequest *request, const struct device *device)
{
    struct device now;
    enum crm_status status = request->code ? find_invitation(ctx, request->code, ctx->group->now_us, &now) : find_enrolled(ctx, ctx->group->now_us, &now);

    return status == CRM_OK ? check_user(ctx, &device->user) : status;
}

static enum crm_status run_enrol(struct op_ctx *ctx)
{
    const Crm__EnrolRequest *request = ctx->request;
    struct enrolment *enrolment = ctx->state;
    struct device *device = &enrolment->device;
    Crm__EnrolReply *reply = ctx->reply;
    enum crm_status status = check_again(ctx, request, device);

    if (status != CRM_OK)
        return status;
    if (request->code)
        status = device_use_invitation(ctx->group, request->code);
    if (status == CRM_OK)
        status = device_store(ctx->group, device);
    if (status != CRM_OK)
        return op_fail(ctx, status, "the device cannot be stored");
    ctx->subject.user = device->user;
    op_about(ctx, KIND_USER, &device->user, request->code ? "the device %s is enrolled" : "the device %s has a new certificate", device->name);
    reply->has_certificate = reply->has_device = reply->has_expires_at = true;
    reply->certificate = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)enrolment->certificate.der.data, .len = enrolment->certificate.der.size };
    reply->device = (ProtobufCBinaryData){ .data = device->id.bytes, .len = UUID_SIZE };
    reply->expires_at = device->expires_us;
    return CRM_OK;
}

const struct op_def op_enrol = {
    .code = OP_ENROL, .name = "device.enrol", .flags = OP_NO_LOGIN | OP_WRITES | OP_SECRET, .audit = CRM__AUDIT_ACT__AUDIT_ACT_DEVICE,
    .request = &crm__enrol_request__descriptor, .reply = &crm__enrol_reply__descriptor, .admit = admit_enrol, .prepare = prepare_enrol, .run = run_enrol,
};
