/*
 * profile.c - the home directory and its files
 *
 * Called by cli.c and the login commands, on the main thread. A file is written to a temporary name
 * beside it, synced and renamed, so that a crash or a second process never leaves half of one.
 */
#include "client/cli/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/config.h"

#define SCHEMA_SIZE_MAX ((size_t)4 << 20)

#define TEXT_ROW(member, help_text)                                                                \
    {                                                                                              \
        .section = "server", .name = #member, .type = SETTING_TEXT,                                \
        .offset = offsetof(struct profile, member), .size = sizeof(((struct profile *)0)->member), \
        .initial = "", .help = help_text                                                           \
    }

static const struct setting settings[] = {
    TEXT_ROW(host, "Name or address of the server."),
    { .section = "server",
      .name = "port",
      .type = SETTING_INTEGER,
      .offset = offsetof(struct profile, port),
      .initial = "7420",
      .minimum = 1,
      .maximum = 65535,
      .help = "Its TCP port." },
    TEXT_ROW(ca_file, "The CA certificate that signs the server's, as PEM."),
    TEXT_ROW(ca_sha256, "SHA-256 of the CA certificate, from an invitation."),
    TEXT_ROW(login, "Who logs in."),
    TEXT_ROW(user, "The user's record."),
    TEXT_ROW(team, "The user's team."),
    TEXT_ROW(device, "This installation, for the server's list of sessions."),
    TEXT_ROW(currency, "Currency of amounts that name none."),
    TEXT_ROW(company, "The company's name."),
};

static enum crm_status find_home(struct profile *profile, const char *home, struct failure *failure)
{
    const char *xdg = getenv("XDG_CONFIG_HOME");
    const char *user_home = getenv("HOME");
    int n;

    if (!home || !*home)
        home = getenv("CRM_HOME");
    if (home && *home)
        n = snprintf(profile->home, sizeof(profile->home), "%s", home);
    else if (xdg && *xdg == '/')
        n = snprintf(profile->home, sizeof(profile->home), "%s/crm", xdg);
    else if (user_home && *user_home)
        n = snprintf(profile->home, sizeof(profile->home), "%s/.config/crm", user_home);
    else
        return fail(failure, CRM_USAGE, NULL, "neither CRM_HOME nor HOME is set");
    if (n < 0 || (size_t)n >= sizeof(profile->home))
        return fail(failure, CRM_USAGE, NULL, "the name of the home directory is too long");
    return CRM_OK;
}

static void file_name(const struct profile *profile, const char *name, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s", profile->home,
             name); /* home leaves room for the names of this file */
}

static bool read_fd(int fd, size_t max, struct arena *arena, struct slice *out)
{
    size_t capacity = 65536, size = 0;
    uint8_t *data = malloc(capacity);
    uint8_t *copy = NULL;
    ssize_t n = -1;

    while (data && (n = read(fd, data + size, capacity - size)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        size += (size_t)n;
        if (size > max) {
            errno = EFBIG;
            n = -1;
            break;
        }
        if (size == capacity) {
            uint8_t *more = realloc(data, capacity *= 2);

            if (!more) {
                n = -1;
                break;
            }
            data = more;
        }
    }
    if (data && n == 0)
        copy = (uint8_t *)arena_strndup(arena, data, size);
    free(data);
    if (!copy)
        return false;
    *out = slice_of(copy, size);
    return true;
}

enum crm_status file_read(const char *path, size_t max, struct arena *arena,
                          struct slice *out_content, struct failure *failure)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    bool is_read;

    if (fd < 0)
        return fail(failure, CRM_USAGE, NULL, "%s: %s", path, strerror(errno));
    errno = ENOMEM;
    is_read = read_fd(fd, max, arena, out_content);
    if (!is_read)
        fail(failure, errno == EFBIG ? CRM_TOO_LARGE : CRM_IO, NULL, "%s: %s", path,
             strerror(errno));
    if (!is_stdin)
        close(fd);
    return is_read ? CRM_OK : failure ? failure->status : CRM_IO;
}

static bool write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

/* Replace a file of the home directory in one step. errno says why it failed. */
static bool write_file(const struct profile *profile, const char *name, struct slice content)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    bool is_written;
    int fd;

    file_name(profile, name, path);
    file_name(profile, ".new-XXXXXX", temporary);
    fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return false;
    is_written = write_all(fd, content.data, content.size) && fsync(fd) == 0;
    is_written = close(fd) == 0 && is_written;
    if (is_written && rename(temporary, path) == 0)
        return true;
    unlink(temporary);
    return false;
}

static bool make_directories(const char *home)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s", home);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static enum crm_status load_token(struct profile *profile, struct failure *failure)
{
    char path[PATH_MAX], text[2 * TOKEN_SIZE_MAX + 2] = "";
    FILE *file;
    size_t length;
    bool is_whole;

    file_name(profile, "credentials", path);
    file = fopen(path, "re");
    if (!file)
        return errno == ENOENT || errno == ENOTDIR
                   ? CRM_OK
                   : fail(failure, CRM_IO, NULL, "%s: %s", path, strerror(errno));
    is_whole = fgets(text, sizeof(text), file) != NULL;
    fclose(file);
    length = strcspn(text, "\n");
    text[length] = '\0';
    profile->token_size = length / 2;
    is_whole = is_whole && length % 2 == 0 && length > 0 &&
               hex_parse(text, profile->token, profile->token_size);
    secret_wipe(text, sizeof(text));
    if (is_whole)
        return CRM_OK;
    profile->token_size = 0;
    return fail(failure, CRM_INVALID, NULL, "%s is damaged: log in again", path);
}

enum crm_status profile_load(struct profile *profile, const char *home, struct failure *failure)
{
    char path[PATH_MAX];
    struct failure absent = { 0 };
    enum crm_status status;

    *profile = (struct profile){ 0 };
    status = find_home(profile, home, failure);
    if (status)
        return status;
    config_defaults(settings, ARRAY_LEN(settings), profile);
    file_name(profile, "profile", path);
    status = config_load(path, settings, ARRAY_LEN(settings), profile, sizeof(*profile), &absent);
    if (status == CRM_NOT_FOUND)
        return CRM_OK;
    if (status)
        return fail(failure, status, NULL, "%s", absent.text);
    return load_token(profile, failure);
}

static enum crm_status write_failed(const struct profile *profile, struct failure *failure)
{
    return fail(failure, CRM_IO, NULL, "%s: %s", profile->home, strerror(errno));
}

enum crm_status profile_make_home(const struct profile *profile, struct failure *failure)
{
    return make_directories(profile->home) ? CRM_OK : write_failed(profile, failure);
}

void profile_device_file(const struct profile *profile, char path[PATH_MAX])
{
    file_name(profile, "device.pem", path);
}

enum crm_status profile_save(const struct profile *profile, struct failure *failure)
{
    char token[2 * TOKEN_SIZE_MAX + 2];
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    bool is_written;

    if (!out)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    config_write(out, settings, ARRAY_LEN(settings), profile);
    if (fclose(out) != 0) {
        free(text);
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    }
    hex_format(profile->token, profile->token_size, token);
    strcat(token, "\n"); /* hex_format leaves its place */
    is_written =
        make_directories(profile->home) && write_file(profile, "profile", slice_of(text, size)) &&
        (profile->token_size == 0 || write_file(profile, "credentials", slice_text(token)));
    secret_wipe(token, sizeof(token));
    free(text);
    return is_written ? CRM_OK : write_failed(profile, failure);
}

enum crm_status profile_forget(struct profile *profile, struct failure *failure)
{
    char path[PATH_MAX];

    secret_wipe(profile->token, sizeof(profile->token));
    profile->token_size = 0;
    file_name(profile, "schema", path);
    unlink(path); /* only a cache */
    file_name(profile, "credentials", path);
    if (unlink(path) != 0 && errno != ENOENT)
        return write_failed(profile, failure);
    return CRM_OK;
}

struct slice profile_schema_read(const struct profile *profile, struct arena *arena)
{
    struct slice content = slice_of(NULL, 0);
    char path[PATH_MAX];

    file_name(profile, "schema", path);
    if (access(path, R_OK) == 0 &&
        file_read(path, SCHEMA_SIZE_MAX, arena, &content, NULL) != CRM_OK)
        content = slice_of(NULL, 0);
    return content;
}

void profile_schema_write(const struct profile *profile, struct slice packed)
{
    if (packed.size <= SCHEMA_SIZE_MAX && !write_file(profile, "schema", packed))
        errno = 0; /* asked for again next time */
}
