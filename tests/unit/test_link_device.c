/*
 * test_link_device.c - devices as the protocol sees them: enrolled by a code, asked for by a role, renewed, revoked under open connections
 *
 * What a certificate says is handed to the link as TLS would; who signs is the test's own.
 */
#include "link_fixture.h"

#define DAY_US INT64_C(86400000000)

/* --- an authority that signs everything but "bad" */

static unsigned signed_so_far;

static enum crm_status sign(void *arg, const struct device_order *order, struct arena *arena, struct device_certificate *out_certificate,
                            struct failure *failure)
{
    (void)arg;
    if (slice_equal(order->request, slice_text("bad")))
        return (fail)(failure, CRM_INVALID, "request", "this is no PKCS #10 request");
    memset(out_certificate->serial, (int)++signed_so_far, DEVICE_SERIAL_SIZE);
    out_certificate->der = slice_of(arena_memdup(arena, "a certificate", 13), 13);
    return CRM_OK;
}

static const struct device_signer signer = { .sign = sign };

static int device_setup(void **state)
{
    int failed = setup(state);
    struct fixture *f = *state;

    f->core.device_signer = &signer;
    return failed;
}

/* --- talking */

/* Who logs in as admin, in a new connection with this certificate. */
static const Crm__LoginReply *login_with(struct fixture *f, const struct device_claim *claim)
{
    f->claim = claim;
    open_link(f);
    return login(f);
}

static struct uuid admin_id(const Crm__LoginReply *reply)
{
    struct uuid id;

    assert_true(uuid_from_slice(slice_of(reply->user.data, reply->user.len), &id));
    return id;
}

static uint32_t ask_device(struct fixture *f, Crm__DeviceStep step, const struct uuid *user, const char *name, const struct uuid *id)
{
    Crm__DeviceRequest request = CRM__DEVICE_REQUEST__INIT;

    request.has_step = true;
    request.step = step;
    request.has_user = user != NULL;
    if (user)
        request.user = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)user->bytes, .len = UUID_SIZE };
    request.name = (char *)(uintptr_t)name;
    request.has_id = id != NULL;
    if (id)
        request.id = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)id->bytes, .len = UUID_SIZE };
    return ask(f, OP_DEVICE, &request.base);
}

/* On a connection that is logged in. */
static const char *invite(struct fixture *f, const struct uuid *user)
{
    const Crm__DeviceReply *reply =
        take(f, FRAME_REPLY, ask_device(f, CRM__DEVICE_STEP__DEVICE_STEP_INVITE, user, "Laptop", NULL), &crm__device_reply__descriptor);

    assert_int_equal(strlen(reply->code), DEVICE_CODE_SIZE - 1);
    assert_true(reply->has_ca_sha256 && reply->has_expires_at && reply->address);
    return reply->code;
}

static uint32_t ask_enrol(struct fixture *f, const char *code, const char *request_text)
{
    Crm__EnrolRequest request = CRM__ENROL_REQUEST__INIT;

    request.code = (char *)(uintptr_t)code;
    request.has_request = true;
    request.request = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)request_text, .len = strlen(request_text) };
    return ask(f, OP_ENROL, &request.base);
}

/* A new connection that has said hello, with this certificate. */
static void open_with(struct fixture *f, const struct device_claim *claim)
{
    f->claim = claim;
    open_link(f);
    hello(f, NULL);
}

static void open_welcome(struct fixture *f, const struct device_claim *claim)
{
    open_with(f, claim);
    take(f, FRAME_HELLO, 0, NULL);
}

static struct device_claim claim_of(const Crm__EnrolReply *reply, const struct uuid *user)
{
    struct device_claim claim = { .is_given = true, .user = *user, .expires_us = reply->expires_at };

    assert_true(uuid_from_slice(slice_of(reply->device.data, reply->device.len), &claim.device));
    memset(claim.serial, (int)signed_so_far, DEVICE_SERIAL_SIZE);
    return claim;
}

/* Enrol a device of a user: what its certificate will say. The connection before must be an administrator's. */
static struct device_claim enrol(struct fixture *f, const struct uuid *user)
{
    const char *code = invite(f, user);

    open_welcome(f, NULL);
    return claim_of(take(f, FRAME_REPLY, ask_enrol(f, code, "a request"), &crm__enrol_reply__descriptor), user);
}

/* The connection was told why not, and closes. */
static void expect_revoked(struct fixture *f, const char *text)
{
    const Crm__Error *error = take_error(f, 0, CRM_REVOKED);

    assert_non_null(strstr(error->text, text));
    assert_int_equal(error->wipe, strstr(error->text, "was revoked") != NULL); /* nothing else costs a replica */
    assert_true(f->closed);
}

static const Crm__Header *get(struct fixture *f, enum kind kind, const char *selector)
{
    Crm__GetRequest request = CRM__GET_REQUEST__INIT;
    const Crm__GetReply *reply;

    request.has_kind = true;
    request.kind = (uint32_t)kind;
    request.selector = (char *)(uintptr_t)selector;
    reply = take(f, FRAME_REPLY, ask(f, OP_GET, &request.base), &crm__get_reply__descriptor);
    return reply->record->header;
}

static void mutate(struct fixture *f, Crm__Verb verb, enum kind kind, ProtobufCBinaryData id, const ProtobufCMessage *body)
{
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct slice packed;
    Crm__Mutation *mutations[] = { &mutation };
    const Crm__MutateReply *reply;

    assert_int_equal(codec_pack(body, &f->arena, &packed), CRM_OK);
    mutation.has_kind = mutation.has_id = mutation.has_verb = mutation.has_set = true;
    mutation.kind = (uint32_t)kind;
    mutation.id = id;
    mutation.verb = verb;
    mutation.set = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)packed.data, .len = packed.size };
    reply = take(f, FRAME_REPLY, ask_mutate(f, mutations, 1, NULL, 0), &crm__mutate_reply__descriptor);
    assert_false(reply->results[0]->has_status);
}

static void let_role_ask(struct fixture *f, bool asks)
{
    Crm__Role role = CRM__ROLE__INIT;

    role.has_device = true;
    role.device = asks;
    mutate(f, CRM__VERB__VERB_PATCH, KIND_ROLE, get(f, KIND_ROLE, "administrator")->id, &role.base);
}

static uint32_t ask_login(struct fixture *f)
{
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;

    request.login = (char *)"admin";
    request.password = (char *)PASSWORD;
    return ask(f, OP_LOGIN, &request.base);
}

static const Crm__PingRequest ping = CRM__PING_REQUEST__INIT;

/* --- enrolling */

static void enrols_once_for_a_code(void **state)
{
    struct fixture *f = *state;
    struct uuid admin = admin_id(login_with(f, NULL));
    const char *code = invite(f, &admin);
    const Crm__EnrolReply *reply;

    open_welcome(f, NULL);
    take_error(f, ask_enrol(f, "notacodeatallnotacodeatall", "a request"), CRM_BAD_CREDENTIALS);
    take_error(f, ask_enrol(f, NULL, "a request"), CRM_BAD_CREDENTIALS);
    /* What is wrong with the request does not use the code up. */
    take_error(f, ask_enrol(f, code, "bad"), CRM_INVALID);
    reply = take(f, FRAME_REPLY, ask_enrol(f, code, "a request"), &crm__enrol_reply__descriptor);
    assert_int_equal(reply->certificate.len, 13);
    assert_int_equal(reply->device.len, UUID_SIZE);
    assert_true(llabs(reply->expires_at - clock_now_us() - 90 * DAY_US) < DAY_US);
    take_error(f, ask_enrol(f, code, "a request"), CRM_BAD_CREDENTIALS);
}

static void signs_for_nobody_without_an_authority(void **state)
{
    struct fixture *f = *state;
    struct uuid admin = admin_id(login_with(f, NULL));
    const char *code = invite(f, &admin);

    f->core.device_signer = NULL;
    open_welcome(f, NULL);
    take_error(f, ask_enrol(f, code, "a request"), CRM_NOT_ALLOWED);
}

static void lists_what_is_enrolled(void **state)
{
    struct fixture *f = *state;
    struct uuid admin = admin_id(login_with(f, NULL)), nobody = uuid_create();
    struct device_claim claims[3];
    const Crm__DeviceReply *reply;

    for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
        claims[i] = enrol(f, &admin);
        login_with(f, NULL);
    }
    take(f, FRAME_REPLY, ask_device(f, CRM__DEVICE_STEP__DEVICE_STEP_REVOKE, NULL, NULL, &claims[1].device), NULL);
    reply = take(f, FRAME_REPLY, ask_device(f, CRM__DEVICE_STEP__DEVICE_STEP_LIST, &admin, NULL, NULL), &crm__device_reply__descriptor);
    assert_int_equal(reply->n_devices, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_memory_equal(reply->devices[i]->id.data, claims[i].device.bytes, UUID_SIZE);
        assert_string_equal(reply->devices[i]->login, "admin");
        assert_string_equal(reply->devices[i]->name, "Laptop");
        assert_int_equal(reply->devices[i]->revoked, i == 1);
    }
    take_error(f, ask_device(f, CRM__DEVICE_STEP__DEVICE_STEP_LIST, &nobody, NULL, NULL), CRM_NOT_FOUND);
    take_error(f, ask_device(f, CRM__DEVICE_STEP__DEVICE_STEP_REVOKE, NULL, NULL, &nobody), CRM_NOT_FOUND);
    take_error(f, ask_device(f, CRM__DEVICE_STEP__DEVICE_STEP_INVITE, &nobody, "Laptop", NULL), CRM_NOT_FOUND);
    take_error(f, ask_device(f, CRM__DEVICE_STEP__DEVICE_STEP_INVITE, &admin, "", NULL), CRM_INVALID);
    take_error(f, ask_device(f, CRM__DEVICE_STEP__DEVICE_STEP_UNSET, &admin, "", NULL), CRM_INVALID);
}

static void tells_strangers_nothing(void **state)
{
    struct fixture *f = *state;

    open_welcome(f, NULL);
    take_error(f, ask_device(f, CRM__DEVICE_STEP__DEVICE_STEP_LIST, NULL, NULL, NULL), CRM_NOT_LOGGED_IN);
}

/* --- who comes in */

static void welcomes_a_good_certificate_only(void **state)
{
    struct fixture *f = *state;
    struct uuid admin = admin_id(login_with(f, NULL));
    struct device_claim good = enrol(f, &admin), claim;

    open_welcome(f, &good);

    claim = (struct device_claim){ .is_given = true, .problem = "self-signed certificate" };
    open_with(f, &claim);
    expect_revoked(f, "self-signed certificate");

    claim = good;
    claim.device = uuid_create();
    open_with(f, &claim);
    expect_revoked(f, "not enrolled");

    claim = good; /* signed by us, and yet not what its row says */
    claim.user = uuid_create();
    open_with(f, &claim);
    expect_revoked(f, "another certificate");
    claim = good;
    claim.serial[0] ^= 1;
    open_with(f, &claim);
    expect_revoked(f, "another certificate");
    claim = good;
    memset(claim.serial, 0, sizeof claim.serial);
    open_with(f, &claim);
    expect_revoked(f, "another certificate");

    claim = good;
    claim.expires_us = clock_now_us() - 1;
    open_with(f, &claim);
    expect_revoked(f, "expired");
}

static void a_role_asks_for_ones_own(void **state)
{
    struct fixture *f = *state;
    Crm__User other = CRM__USER__INIT;
    struct uuid admin = admin_id(login_with(f, NULL)), id = uuid_create();
    struct device_claim own, others;
    uint8_t token[TOKEN_SIZE];
    const Crm__Hello *answer;

    other.login = (char *)"other";
    other.name = (char *)"Other";
    mutate(f, CRM__VERB__VERB_CREATE, KIND_USER, (ProtobufCBinaryData){ .data = id.bytes, .len = UUID_SIZE }, &other.base);
    own = enrol(f, &admin);
    login_with(f, NULL);
    others = enrol(f, &id);

    memcpy(token, login_with(f, NULL)->token.data, TOKEN_SIZE);
    let_role_ask(f, true);
    /* Who is in without one is out, and told why. */
    take_error(f, ask(f, OP_PING, &ping.base), CRM_DEVICE_NEEDED);

    open_welcome(f, NULL);
    take_error(f, ask_login(f), CRM_DEVICE_NEEDED);
    open_welcome(f, &others);
    take_error(f, ask_login(f), CRM_DEVICE_NEEDED);
    f->claim = &others;
    open_link(f);
    hello(f, token);
    answer = take(f, FRAME_HELLO, 0, &crm__hello__descriptor);
    assert_null(answer->session);
    assert_int_equal(answer->session_error->status, CRM_DEVICE_NEEDED);
    take_error(f, ask(f, OP_PING, &ping.base), CRM_DEVICE_NEEDED);

    open_welcome(f, &own);
    take(f, FRAME_REPLY, ask_login(f), &crm__login_reply__descriptor);
    f->claim = &own;
    open_link(f);
    hello(f, token);
    answer = take(f, FRAME_HELLO, 0, &crm__hello__descriptor);
    assert_non_null(answer->session);
}

/* --- renewed and revoked */

static void renews_by_the_certificate_shown(void **state)
{
    struct fixture *f = *state;
    struct uuid admin = admin_id(login_with(f, NULL));
    struct device_claim first = enrol(f, &admin), second, third;
    const Crm__EnrolReply *reply;

    open_welcome(f, &first);
    reply = take(f, FRAME_REPLY, ask_enrol(f, NULL, "a request"), &crm__enrol_reply__descriptor);
    second = claim_of(reply, &admin);
    assert_true(uuid_equal(&first.device, &second.device));
    /* The answer may have been lost: with the old one it is asked for again, as often as need be. */
    open_welcome(f, &first);
    reply = take(f, FRAME_REPLY, ask_enrol(f, NULL, "a request"), &crm__enrol_reply__descriptor);
    third = claim_of(reply, &admin);
    open_welcome(f, &first);
    open_welcome(f, &third);
    open_with(f, &second); /* which nobody has ever got */
    expect_revoked(f, "another certificate");
    /* Whoever has renewed with the new one has it: the oldest is of no use any more. */
    open_welcome(f, &third);
    take(f, FRAME_REPLY, ask_enrol(f, NULL, "a request"), &crm__enrol_reply__descriptor);
    open_with(f, &first);
    expect_revoked(f, "another certificate");
}

static void revoking_ends_what_is_open(void **state)
{
    struct fixture *f = *state;
    struct uuid admin = admin_id(login_with(f, NULL));
    struct device_claim claim = enrol(f, &admin);
    uint8_t token[TOKEN_SIZE];
    const Crm__Hello *answer;

    memcpy(token, login_with(f, &claim)->token.data, TOKEN_SIZE);
    take(f, FRAME_REPLY, ask_device(f, CRM__DEVICE_STEP__DEVICE_STEP_REVOKE, NULL, NULL, &claim.device), NULL);
    assert_false(f->closed);
    link_tick(f->link, clock_monotonic_us()); /* within a second */
    expect_revoked(f, "was revoked");
    open_with(f, &claim);
    expect_revoked(f, "was revoked");
    /* The token that is on the device opens nothing, also where the certificate is not shown. */
    f->claim = NULL;
    open_link(f);
    hello(f, token);
    answer = take(f, FRAME_HELLO, 0, &crm__hello__descriptor);
    assert_int_equal(answer->session_error->status, CRM_NOT_LOGGED_IN);
}

static void expiring_ends_what_is_open(void **state)
{
    struct fixture *f = *state;
    struct uuid admin = admin_id(login_with(f, NULL));
    struct device_claim claim = enrol(f, &admin);

    open_welcome(f, &claim);
    claim.expires_us = clock_now_us() - 1; /* as if the day had come */
    ask(f, OP_PING, &ping.base);
    expect_revoked(f, "expired");
}

static void renews_for_nobody_who_is_gone(void **state)
{
    struct fixture *f = *state;
    Crm__User other = CRM__USER__INIT, gone = CRM__USER__INIT;
    struct uuid id = uuid_create();
    ProtobufCBinaryData bytes = { .data = id.bytes, .len = UUID_SIZE };
    struct device_claim claim;
    const char *code;

    login_with(f, NULL);
    other.login = (char *)"other";
    other.name = (char *)"Other";
    mutate(f, CRM__VERB__VERB_CREATE, KIND_USER, bytes, &other.base);
    claim = enrol(f, &id);
    login_with(f, NULL);
    code = invite(f, &id);
    gone.has_active = true;
    gone.active = false;
    mutate(f, CRM__VERB__VERB_PATCH, KIND_USER, bytes, &gone.base);
    open_welcome(f, &claim);
    take_error(f, ask_enrol(f, NULL, "a request"), CRM_BAD_CREDENTIALS);
    take_error(f, ask_enrol(f, code, "a request"), CRM_BAD_CREDENTIALS);
}

#define DEVICE_TEST(name) cmocka_unit_test_setup_teardown(name, device_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(enrols_once_for_a_code),
        DEVICE_TEST(signs_for_nobody_without_an_authority),
        DEVICE_TEST(lists_what_is_enrolled),
        DEVICE_TEST(tells_strangers_nothing),
        DEVICE_TEST(welcomes_a_good_certificate_only),
        DEVICE_TEST(a_role_asks_for_ones_own),
        DEVICE_TEST(renews_by_the_certificate_shown),
        DEVICE_TEST(revoking_ends_what_is_open),
        DEVICE_TEST(expiring_ends_what_is_open),
        DEVICE_TEST(renews_for_nobody_who_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
