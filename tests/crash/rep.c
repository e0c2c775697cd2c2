/*
 * rep.c - somebody with a replica: runs crm, changes offline, compares
 *
 * The replica is read through libcrm's own calls, answered by client/replica, as every command reads it.
 */
#include "tests/crash/rep.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/replica/local.h"
#include "client/replica/outbox.h"
#include "common/base/clock.h"

#define ARGUMENTS_MAX 16
#define MEMORY        ((size_t)64 << 20)

/* --- crm */

/* In the child: never returns. */
static void become_crm(const struct rep *rep, const char *const *arguments, int output)
{
    const char *folder = getenv("CRM_BIN");
    const char *words[ARGUMENTS_MAX + 2] = { "crm" };
    char path[PATH_MAX];

    for (size_t i = 0; arguments[i] && i < ARGUMENTS_MAX; i++)
        words[i + 1] = arguments[i];
    snprintf(path, sizeof path, "%s/crm", folder ? folder : ".");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    setenv("CRM_HOME", rep->home, 1);
    setenv("CRM_PASSWORD", DAEMON_PASSWORD, 1);
    setenv("CRM_NEW_PASSWORD", DAEMON_PASSWORD, 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    if (!rep->enter || rep->enter(rep->argument))
        execv(path, (char *const *)(uintptr_t)words);
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    _exit(127);
}

bool rep_start(const struct rep *rep, const char *const *arguments, struct command *out_command)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    out_command->pid = fork();
    if (out_command->pid == 0)
        become_crm(rep, arguments, ends[1]);
    close(ends[1]);
    out_command->output = ends[0];
    if (out_command->pid > 0)
        return true;
    close(ends[0]);
    return false;
}

int rep_finish(const struct command *command, char output[REP_OUTPUT_MAX])
{
    char rest[4096];
    size_t size = 0;
    ssize_t n;
    int status = 0;

    while ((n = read(command->output, size < REP_OUTPUT_MAX - 1 ? output + size : rest, size < REP_OUTPUT_MAX - 1 ? REP_OUTPUT_MAX - 1 - size : sizeof rest)) > 0)
        size += size < REP_OUTPUT_MAX - 1 ? (size_t)n : 0;
    output[size] = '\0';
    close(command->output);
    while (waitpid(command->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool rep_run(const struct rep *rep, const char *const *arguments, char output[REP_OUTPUT_MAX])
{
    struct command command;
    int code;

    if (!rep_start(rep, arguments, &command))
        return false;
    code = rep_finish(&command, output);
    if (code == 0)
        return true;
    fprintf(stderr, "%s: crm %s: exit code %d: %s\n", rep->login, arguments[0], code, output);
    return false;
}

/* --- its life */

/* The profile leads to another port from now on. */
static bool set_port(const struct rep *rep, uint16_t port)
{
    char path[PATH_MAX + 16], text[4096], *line, *rest;
    FILE *file;
    size_t size;
    bool ok;

    snprintf(path, sizeof path, "%s/profile", rep->home);
    file = fopen(path, "r+e");
    size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[size] = '\0';
    line = strstr(text, "\nport = ");
    rest = line ? strchr(++line, '\n') : NULL;
    ok = rest && freopen(path, "we", file);
    if (ok)
        ok = fprintf(file, "%.*sport = %u%s", (int)(line - text), text, port, rest) > 0;
    if (file)
        ok = fclose(file) == 0 && ok;
    if (!ok)
        fprintf(stderr, "%s has no port in it\n", path);
    return ok;
}

bool rep_init_admin(struct rep *rep, const struct daemon *daemon, const char *home)
{
    static char output[REP_OUTPUT_MAX];
    char address[32];

    *rep = (struct rep){ .daemon = daemon, .login = "admin" };
    snprintf(rep->home, sizeof rep->home, "%s/%s", daemon->root, home);
    snprintf(address, sizeof address, "127.0.0.1:%u", daemon->port);
    return rep_run(rep, (const char *const[]){ "login", address, "--ca", daemon->ca_file, "--user", rep->login, "--quiet", NULL }, output);
}

bool rep_init(struct rep *rep, const struct rep *admin, const char *login, const char *role, const char *home, uint16_t port)
{
    static char output[REP_OUTPUT_MAX];
    char invitation[512], *url, *end;

    *rep = *admin;
    rep->login = login;
    rep->token_size = 0;
    snprintf(rep->home, sizeof rep->home, "%s/%s", admin->daemon->root, home);
    if (!rep_run(admin, (const char *const[]){ "admin", "user", "add", login, "--name", login, "--team", "Company", "--role", role, "--json", NULL }, output))
        return false;
    url = strstr(output, "crm://");
    end = url ? strchr(url, '"') : NULL;
    if (!end) {
        fprintf(stderr, "no invitation in %s\n", output);
        return false;
    }
    *end = '\0';
    snprintf(invitation, sizeof invitation, "%s", url);
    return rep_run(rep, (const char *const[]){ "login", invitation, "--quiet", NULL }, output) && (port == 0 || set_port(rep, port));
}

static bool take_session(struct rep *rep, struct crm_client *client)
{
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;
    const Crm__LoginReply *reply;
    struct crm_call *call;
    bool ok;

    request.login = (char *)(uintptr_t)rep->login;
    request.password = (char *)(uintptr_t)DAEMON_PASSWORD;
    ok = crm_login(client, &request, &call, &reply) == CRM_OK && reply->token.len <= sizeof rep->token && reply->user.len == CRM_KEY_SIZE;
    if (ok) {
        memcpy(rep->user, reply->user.data, CRM_KEY_SIZE);
        memcpy(rep->token, reply->token.data, reply->token.len);
        rep->token_size = reply->token.len;
    } else {
        fprintf(stderr, "%s cannot log in: %s\n", rep->login, crm_call_error(call)->text);
    }
    crm_call_destroy(call);
    return ok;
}

struct crm_client *rep_connect(struct rep *rep)
{
    struct crm_options options = {
        .host = rep->host ? rep->host : "127.0.0.1", .port = rep->daemon->port, .ca_file = rep->daemon->ca_file, .token = rep->token, .token_size = rep->token_size,
        .software = "crash/1",
    };
    struct crm_client *client;

    if (crm_client_create(&options, &client) != CRM_OK)
        return NULL;
    if ((rep->token_size > 0 || take_session(rep, client)) && crm_client_connect(client) == CRM_OK)
        return client;
    fprintf(stderr, "%s cannot connect: %s\n", rep->login, crm_client_error(client)->text);
    crm_client_destroy(client);
    return NULL;
}

/* --- the replica */

static enum crm_status refuse(const struct rep *rep, enum crm_status status, const struct failure *failure)
{
    fprintf(stderr, "the replica of %s: %s\n", rep->login, failure->text[0] ? failure->text : crm_status_info((int)status)->sentence);
    return status;
}

struct replica *rep_open(const struct rep *rep, bool is_to_write)
{
    struct failure failure = { 0 };
    struct replica *replica;
    enum crm_status status = replica_open(rep->home, is_to_write ? REPLICA_WRITE : REPLICA_READ, &replica, &failure);

    if (status == CRM_OK)
        return replica;
    refuse(rep, status, &failure);
    return NULL;
}

/* The status of the first one that was not taken. */
static enum crm_status change_all(struct crm_client *client, Crm__Mutation **mutations, size_t n)
{
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    const Crm__MutateReply *reply;
    struct crm_call *call;
    enum crm_status status;

    request.mutations = mutations;
    request.n_mutations = n;
    status = crm_mutate(client, &request, &call, &reply);
    if (status == CRM_OK && reply->n_results != n)
        status = CRM_PROTOCOL;
    for (size_t i = 0; i < n && status == CRM_OK; i++)
        status = (enum crm_status)reply->results[i]->status;
    crm_call_destroy(call);
    return status;
}

enum crm_status online_change(struct crm_client *client, Crm__Mutation *mutation)
{
    return change_all(client, &mutation, 1);
}

static enum crm_status queue(const struct rep *rep, Crm__Mutation **mutations, size_t n)
{
    struct replica *replica = rep_open(rep, true);
    struct crm_client *client = NULL;
    enum crm_status status = replica ? local_client_create(replica, &client) : CRM_IO;

    if (status == CRM_OK)
        status = change_all(client, mutations, n);
    crm_client_destroy(client);
    replica_close(replica);
    return status;
}

enum crm_status rep_change(const struct rep *rep, Crm__Mutation *mutation)
{
    return queue(rep, &mutation, 1);
}

bool rep_change_all(const struct rep *rep, Crm__Mutation **mutations, size_t n)
{
    enum crm_status status = queue(rep, mutations, n);

    if (status != CRM_OK)
        fprintf(stderr, "%s: not all changes are queued: %s\n", rep->login, crm_status_info((int)status)->sentence);
    return status == CRM_OK;
}

/* Which changes of the outbox are meant: those with a text in what they set, or those that delete a record. */
struct choice {
    const char *text;  /* "": all */
    const uint8_t *id; /* NULL: by text */
    bool is_answered;  /* only what the server has answered */
};

static bool is_chosen(const struct choice *choice, const Crm__QueuedMutation *queued)
{
    const Crm__Mutation *mutation = queued->mutation;

    if (choice->is_answered && !queued->answer)
        return false;
    if (choice->id)
        return mutation->verb == CRM__VERB__VERB_DELETE && mutation->id.len == CRM_KEY_SIZE && memcmp(mutation->id.data, choice->id, CRM_KEY_SIZE) == 0;
    return !*choice->text || (mutation->set.len > 0 && memmem(mutation->set.data, mutation->set.len, choice->text, strlen(choice->text)));
}

static int count_queued(const struct rep *rep, const struct choice *choice)
{
    struct replica *replica = rep_open(rep, false);
    struct failure failure = { 0 };
    struct outbox_list list = { 0 };
    struct arena arena;
    int n = replica ? 0 : -1;

    arena_init(&arena, MEMORY);
    if (replica && outbox_load(replica, &arena, &list, &failure) != CRM_OK)
        n = -1;
    for (size_t i = 0; i < list.n; i++)
        n += is_chosen(choice, list.items[i].queued);
    arena_fini(&arena);
    replica_close(replica);
    return n;
}

int rep_count_queued(const struct rep *rep, const char *text, bool is_answered)
{
    return count_queued(rep, &(struct choice){ .text = text, .is_answered = is_answered });
}

int rep_count_deletes(const struct rep *rep, const uint8_t id[CRM_KEY_SIZE])
{
    return count_queued(rep, &(struct choice){ .id = id });
}

bool rep_drop_answered(const struct rep *rep, unsigned *out_n)
{
    struct replica *replica = rep_open(rep, true);
    struct failure failure = { 0 };
    struct outbox_list list = { 0 };
    struct arena arena;
    enum crm_status status;

    if (!replica)
        return false;
    *out_n = 0;
    arena_init(&arena, MEMORY);
    status = outbox_load(replica, &arena, &list, &failure);
    for (size_t i = 0; i < list.n && status == CRM_OK; i++) {
        if (!list.items[i].queued->answer)
            continue;
        status = outbox_drop(replica, list.items[i].place, clock_now_us(), &failure);
        *out_n += status == CRM_OK;
    }
    if (status != CRM_OK)
        refuse(rep, status, &failure);
    arena_fini(&arena);
    replica_close(replica);
    return status == CRM_OK;
}
