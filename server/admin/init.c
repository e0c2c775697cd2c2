/*
 * init.c - crmd init: directory, certificates, configuration, database, administrator
 *
 * Main thread of a process that does nothing else. What fails leaves nothing behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/money.h"
#include "common/base/text.h"
#include "server/admin/address.h"
#include "server/admin/ca.h"
#include "server/admin/command.h"
#include "server/admin/directory.h"
#include "server/admin/first_records.h"
#include "server/session/session.h"

#define NAMES_MAX          8
#define GENERATED_PASSWORD 20
#define ZONE_SIZE          64
#define ZONES              "/usr/share/zoneinfo/"

enum init_option {
    OPTION_LISTEN,
    OPTION_NAME,
    OPTION_ADMIN,
    OPTION_COMPANY,
    OPTION_CURRENCY,
    OPTION_TIME_ZONE,
    OPTION_PASSWORD_FILE
};

/* All that was chosen or found, before anything is made. */
struct plan {
    const char *directory;
    const char *admin, *company, *currency;
    char time_zone[ZONE_SIZE];
    char password[PASSWORD_MAX + 2];
    bool is_generated;
    struct settings settings;
    struct address addresses[NAMES_MAX];
    size_t n_addresses;
    const char *names[NAMES_MAX]; /* for the certificate; the first is settings.name */
    size_t n_names;
    int lock_fd;
};

/* --- what was chosen */

static enum crm_status choose_addresses(struct plan *plan, const char *listen,
                                        struct failure *failure)
{
    const char *position = plan->settings.listen;
    enum crm_status status;

    if (listen && strlen(listen) >= sizeof plan->settings.listen)
        return fail(failure, CRM_INVALID, "listen", "the list of addresses is too long");
    if (listen)
        strcpy(plan->settings.listen, listen);
    do {
        if (plan->n_addresses == NAMES_MAX)
            return fail(failure, CRM_INVALID, "listen", "at most %d addresses", NAMES_MAX);
        status = address_next(&position, &plan->addresses[plan->n_addresses], failure);
        plan->n_addresses += status == CRM_OK;
    } while (status == CRM_OK);
    if (status == CRM_NOT_FOUND)
        status = plan->n_addresses
                     ? CRM_OK
                     : fail(failure, CRM_INVALID, "listen", "an address to listen on is missing");
    return status;
}

static void add_name(struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_names; i++)
        if (strcmp(plan->names[i], name) == 0)
            return;
    if (plan->n_names < NAMES_MAX && ca_name_is_valid(name))
        plan->names[plan->n_names++] = name;
}

/* By which names clients reach the server: the chosen one first, then addresses, and for a server
 * of this machine its loopback names. */
static enum crm_status choose_names(struct plan *plan, const char *name, struct failure *failure)
{
    char *chosen = plan->settings.name;
    bool is_local = false;

    for (size_t i = 0; i < plan->n_addresses; i++)
        is_local |= address_is_loopback(&plan->addresses[i]);
    if (name && (strlen(name) >= sizeof plan->settings.name || !ca_name_is_valid(name)))
        return fail(failure, CRM_INVALID, "name", "'%s' is no host name", name);
    if (name)
        strcpy(chosen, name);
    else if (!is_local && gethostname(chosen, sizeof plan->settings.name - 1) != 0)
        return fail(failure, CRM_IO, "name",
                    "the machine's name cannot be found out: give it with --name");
    if (!ca_name_is_valid(chosen))
        return fail(failure, CRM_INVALID, "name",
                    "the machine's name '%s' is no host name: give one with --name", chosen);
    add_name(plan, chosen);
    for (size_t i = 0; is_local && i < 3; i++)
        add_name(plan, (const char *const[]){ "localhost", "127.0.0.1", "::1" }[i]);
    for (size_t i = 0; i < plan->n_addresses; i++)
        if (!address_is_any(&plan->addresses[i]))
            add_name(plan, plan->addresses[i].host);
    return CRM_OK;
}

static bool zone_exists(const char *zone)
{
    char path[sizeof ZONES + ZONE_SIZE];
    struct stat found;

    if (strlen(zone) >= ZONE_SIZE || strstr(zone, "..") || zone[0] == '/')
        return false;
    snprintf(path, sizeof path, ZONES "%s", zone);
    return strcmp(zone, "UTC") == 0 || (stat(path, &found) == 0 && S_ISREG(found.st_mode));
}

/* --time-zone, else TZ, else what /etc/localtime points at, else UTC. */
static enum crm_status choose_time_zone(struct plan *plan, const char *chosen,
                                        struct failure *failure)
{
    char target[PATH_MAX];
    const char *zone = chosen ? chosen : getenv("TZ"), *inside;
    ssize_t size;

    if (chosen && !zone_exists(chosen))
        return fail(failure, CRM_INVALID, "time-zone",
                    "there is no time zone '%s': a name such as Europe/Berlin or Asia/Shanghai",
                    chosen);
    if (zone && zone[0] == ':')
        zone++;
    if (!zone || !zone[0] || !zone_exists(zone)) {
        zone = "UTC";
        size = readlink("/etc/localtime", target, sizeof target - 1);
        if (size > 0) {
            target[size] = '\0';
            inside = strstr(target, "zoneinfo/");
            if (inside && zone_exists(inside + strlen("zoneinfo/")))
                zone = inside + strlen("zoneinfo/");
        }
    }
    snprintf(plan->time_zone, sizeof plan->time_zone, "%s",
             strncmp(zone, "Etc/UTC", 8) == 0 ? "UTC" : zone);
    return CRM_OK;
}

/* The first line of a file; "-" is standard input. */
static enum crm_status read_password(struct plan *plan, const char *file, struct failure *failure)
{
    bool is_stdin = strcmp(file, "-") == 0;
    FILE *in = is_stdin ? stdin : fopen(file, "re");
    bool has_line;

    if (!in)
        return fail(failure, CRM_IO, "password-file", "cannot read %s: %s", file, strerror(errno));
    has_line = fgets(plan->password, sizeof plan->password, in) != NULL;
    if (!is_stdin)
        fclose(in);
    if (!has_line)
        return fail(failure, CRM_INVALID, "password-file",
                    "%s has no first line to take the password from", file);
    plan->password[strcspn(plan->password, "\r\n")] = '\0';
    return CRM_OK;
}

static void generate_password(char *out)
{
    static const char letters[] =
        "abcdefghijkmnpqrstuvwxyz23456789"; /* 32, none that is mistaken for another */
    uint8_t bytes[GENERATED_PASSWORD];

    random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        out[i] = letters[bytes[i] % 32];
    out[sizeof bytes] = '\0';
    secret_wipe(bytes, sizeof bytes);
}

static enum crm_status choose_password(struct plan *plan, const char *file, struct failure *failure)
{
    const char *given = getenv("CRM_PASSWORD");
    const struct slice related[] = { slice_text(plan->admin), slice_text(plan->company) };
    enum crm_status status = CRM_OK;

    if (file) {
        status = read_password(plan, file, failure);
    } else if (given) {
        if (strlen(given) >= sizeof plan->password)
            return fail(failure, CRM_INVALID, "password",
                        "the password in CRM_PASSWORD is too long");
        strcpy(plan->password, given);
    } else {
        generate_password(plan->password);
        plan->is_generated = true;
    }
    return status == CRM_OK
               ? password_check_rules(plan->password, related, ARRAY_LEN(related), failure)
               : status;
}

static enum crm_status choose(struct plan *plan, const struct command_input *input,
                              struct failure *failure)
{
    const char *const *options = input->options;
    enum crm_status status;

    config_defaults(settings_table, settings_count, &plan->settings);
    plan->directory = input->arguments[0];
    plan->admin = options[OPTION_ADMIN] ? options[OPTION_ADMIN] : "admin";
    plan->company = options[OPTION_COMPANY] ? options[OPTION_COMPANY] : "My company";
    plan->currency = options[OPTION_CURRENCY] ? options[OPTION_CURRENCY] : "USD";
    if (!text_is_valid(slice_text(plan->admin)) || !text_is_valid(slice_text(plan->company)))
        return fail(failure, CRM_INVALID, NULL, "names are UTF-8");
    if (!currency_is_known(plan->currency))
        return fail(failure, CRM_INVALID, "currency",
                    "'%s' is no ISO 4217 code such as USD, EUR or CNY", plan->currency);
    status = choose_addresses(plan, options[OPTION_LISTEN], failure);
    if (status == CRM_OK)
        status = choose_names(plan, options[OPTION_NAME], failure);
    if (status == CRM_OK)
        status = choose_time_zone(plan, options[OPTION_TIME_ZONE], failure);
    return status == CRM_OK ? choose_password(plan, options[OPTION_PASSWORD_FILE], failure)
                            : status;
}

/* --- what is made */

static enum crm_status write_config(const struct plan *plan, struct failure *failure)
{
    char path[PATH_MAX];
    enum crm_status status = directory_path(plan->directory, DIRECTORY_CONFIG, path, failure);
    int fd = status == CRM_OK ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool ok;

    if (!out) {
        status = fail(failure, CRM_IO, NULL, "cannot write %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return status;
    }
    fprintf(out, "# Settings of crmd, see crmd.conf(5). Read when the server starts.\n\n");
    config_write(out, settings_table, settings_count, &plan->settings);
    ok = fflush(out) == 0 && fsync(fd) == 0;
    ok = (fclose(out) == 0) && ok;
    return ok ? CRM_OK : fail(failure, CRM_IO, NULL, "cannot write %s: %s", path, strerror(errno));
}

static enum crm_status make_database(const struct plan *plan, struct failure *failure)
{
    char path[PATH_MAX], encoded[PASSWORD_ENCODED_SIZE];
    struct store_lmdb_options options = { .path = path,
                                          .map_bytes = (size_t)plan->settings.map_gib << 30 };
    struct first_records records = {
        .company = plan->company,
        .currency = plan->currency,
        .time_zone = plan->time_zone,
        .login = plan->admin,
        .password_encoded = encoded,
    };
    struct store *store = NULL;
    enum crm_status status = directory_path(plan->directory, DIRECTORY_DATA, path, failure);

    if (status != CRM_OK)
        return status;
    if (mkdir(path, 0700) != 0)
        return fail(failure, CRM_IO, NULL, "cannot make the directory %s: %s", path,
                    strerror(errno));
    status = password_hash(plan->password, encoded);
    if (status != CRM_OK)
        return fail(failure, status, NULL, "no memory to hash the password");
    status = store_open_lmdb(&options, &store, failure);
    if (status == CRM_OK)
        status = first_records_write(store, &records, failure);
    store_close(store);
    secret_wipe(encoded, sizeof encoded);
    return status;
}

static enum crm_status make_all(struct plan *plan, struct failure *failure)
{
    enum crm_status status = directory_lock(plan->directory, &plan->lock_fd, failure);

    if (status == CRM_OK)
        status = ca_create(plan->directory, plan->names, plan->n_names, failure);
    if (status == CRM_OK)
        status = make_database(plan, failure);
    /* Last: without it the directory is none that runs. */
    return status == CRM_OK ? write_config(plan, failure) : status;
}

static void print_welcome(const struct plan *plan)
{
    const char *port = strrchr(plan->addresses[0].text, ':');

    printf("crmd: %s is ready\n", plan->directory);
    printf("  listens on      %s\n", plan->settings.listen);
    printf("  name            %s\n", plan->settings.name);
    printf("  time zone       %s, currency %s\n", plan->time_zone, plan->currency);
    printf("  administrator   %s\n", plan->admin);
    if (plan->is_generated)
        printf("  password        %s   (shown only now)\n", plan->password);
    printf("\nstart it:  crmd run %s\n", plan->directory);
    printf("log in:    crm login %s%s --ca %s/ca.crt --user %s\n", plan->settings.name, port,
           plan->directory, plan->admin);
}

static enum crm_status run_init(const struct command_input *input, struct failure *failure)
{
    struct plan plan = { .lock_fd = -1 };
    bool was_made;
    enum crm_status status = choose(&plan, input, failure);

    if (status == CRM_OK)
        status = directory_make(plan.directory, &was_made, failure);
    if (status != CRM_OK)
        goto out;
    umask(0077);
    setenv("TZ", plan.time_zone, 1);
    tzset();
    status = make_all(&plan, failure);
    if (status == CRM_OK)
        print_welcome(&plan);
    else
        directory_clear(plan.directory, was_made);
    if (plan.lock_fd >= 0)
        close(plan.lock_fd);
out:
    secret_wipe(plan.password, sizeof plan.password);
    return status;
}

static const struct command_option init_options[] = {
    [OPTION_LISTEN] = { "listen", "ADDR:PORT",
                        "where to listen, several separated by commas; 127.0.0.1:7420 by default" },
    [OPTION_NAME] = { "name", "HOST",
                      "the host name that clients use; the certificate is made for it" },
    [OPTION_ADMIN] = { "admin", "LOGIN", "login of the administrator; admin by default" },
    [OPTION_COMPANY] = { "company", "NAME", "name of the company" },
    [OPTION_CURRENCY] = { "currency", "CODE", "the company's currency, ISO 4217; USD by default" },
    [OPTION_TIME_ZONE] = { "time-zone", "ZONE",
                           "the company's time zone; this machine's by default" },
    [OPTION_PASSWORD_FILE] = { "password-file", "FILE",
                               "take the administrator's password from the first line of a file, - "
                               "for standard input" },
};

const struct command command_init = {
    .name = "init",
    .arguments = "DIR",
    .n_arguments = 1,
    .summary = "make a new server in a directory",
    .help = "Makes the directory (mode 0700) with a certificate authority, the server's "
            "certificate, the\n"
            "configuration crmd.conf, the database and an administrator. A directory that is not "
            "empty is\n"
            "refused.\n\n"
            "The administrator's password is taken from --password-file or CRM_PASSWORD; otherwise "
            "one is\n"
            "generated and printed once.",
    .examples =
        "crmd init /var/lib/crm\n"
        "crmd init /var/lib/crm --listen 0.0.0.0:7420 --name crm.example.com --admin alice\n"
        "crmd init ~/crm --company '华东贸易' --currency CNY --time-zone Asia/Shanghai",
    .options = init_options,
    .n_options = ARRAY_LEN(init_options),
    .run = run_init,
};
