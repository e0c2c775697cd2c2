/*
 * customers.c - an example of libcrm: log in, create a customer, list all customers, print their names
 *
 *     crm_example HOST PORT CA_FILE USER PASSWORD NAME
 *
 * Build: cc customers.c $(pkg-config --cflags --libs crm)
 */
#include <stdio.h>
#include <stdlib.h>

#include <crm.h>

static int fail_call(const char *what, const struct crm_call *call)
{
    const struct crm_error *error = crm_call_error(call);

    fprintf(stderr, "%s: %s\n", what, error->text);
    return crm_status_info((int)error->status)->exit_code;
}

static int log_in(struct crm_client *client, char *user, char *password)
{
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;
    const Crm__LoginReply *reply;
    struct crm_call *call;
    int result = 0;

    request.login = user;
    request.password = password;
    if (crm_login(client, &request, &call, &reply) != CRM_OK)
        result = fail_call("login", call);
    crm_call_destroy(call);
    return result;
}

static int create_customer(struct crm_client *client, char *name)
{
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    const Crm__MutateResult *created;
    struct crm_call *call;
    int result = 0;

    customer.name = name;
    if (crm_create(client, crm_kind("customer"), &customer.base, &call, &created) != CRM_OK)
        result = fail_call("create", call);
    crm_call_destroy(call);
    return result;
}

static void print_names(void *arg, const ProtobufCMessage *message)
{
    const Crm__ListChunk *chunk = (const Crm__ListChunk *)message;
    char label[CRM_LABEL_SIZE];
    char name[256];

    (void)arg;
    for (size_t i = 0; i < chunk->n_records; i++) {
        crm_record_label(chunk->records[i], label);
        if (crm_record_text(chunk->records[i], "name", name, sizeof(name)) == CRM_OK)
            printf("%s\t%s\n", label, name);
    }
}

static int list_customers(struct crm_client *client)
{
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;
    const Crm__ListReply *reply;
    struct crm_call *call;
    int result = 0;

    request.has_kind = 1;
    request.kind = crm_kind("customer");
    if (crm_list(client, &request, print_names, NULL, &call, &reply) != CRM_OK)
        result = fail_call("list", call);
    crm_call_destroy(call);
    return result;
}

int main(int argc, char **argv)
{
    struct crm_options options = { .software = "crm-example/1" };
    struct crm_client *client;
    int result;

    if (argc != 7) {
        fprintf(stderr, "usage: %s HOST PORT CA_FILE USER PASSWORD NAME\n", argv[0]);
        return 2;
    }
    options.host = argv[1];
    options.port = (uint16_t)strtoul(argv[2], NULL, 10);
    options.ca_file = argv[3];
    if (crm_client_create(&options, &client) != CRM_OK) {
        fprintf(stderr, "%s: host, port and CA file are needed\n", argv[0]);
        return 2;
    }
    result = log_in(client, argv[4], argv[5]);
    if (result == 0)
        result = create_customer(client, argv[6]);
    if (result == 0)
        result = list_customers(client);
    crm_client_destroy(client);
    return result;
}
