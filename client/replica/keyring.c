/*
 * keyring.c - see keyring.h
 *
 * Called by seal_change.c and replica.c. System calls of its own: libkeyutils would be a library for three of them.
 */
#include "client/replica/keyring.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/digest.h"

#define NAME_SIZE (sizeof "crm:replica:" + UUID_TEXT_SIZE)

static long keyctl(int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    return syscall(SYS_keyctl, operation, a, b, c, d);
}

/* The user's keyring is not always within reach of the session's: a process that links it to its own may use what is in it. */
static bool reach(void)
{
    return keyctl(KEYCTL_LINK, (unsigned long)KEY_SPEC_USER_KEYRING, (unsigned long)KEY_SPEC_PROCESS_KEYRING, 0, 0) == 0;
}

static void name_of(const struct uuid *id, char name[NAME_SIZE])
{
    char text[UUID_TEXT_SIZE];

    uuid_format(id, text);
    snprintf(name, NAME_SIZE, "crm:replica:%s", text);
}

static enum crm_status failed(void)
{
    return errno == ENOKEY || errno == EKEYEXPIRED || errno == EKEYREVOKED ? CRM_NOT_FOUND : CRM_UNREACHABLE;
}

/* The key's number; negative: there is none. */
static long find(const struct uuid *id)
{
    char name[NAME_SIZE];

    name_of(id, name);
    if (!reach())
        return -1;
    return keyctl(KEYCTL_SEARCH, (unsigned long)KEY_SPEC_USER_KEYRING, (unsigned long)(uintptr_t)"user", (unsigned long)(uintptr_t)name, 0);
}

enum crm_status keyring_put(const struct uuid *id, const uint8_t key[CIPHER_KEY_SIZE], uint32_t keep_s)
{
    char name[NAME_SIZE];
    long serial;

    name_of(id, name);
    if (!reach())
        return CRM_UNREACHABLE;
    serial = syscall(SYS_add_key, "user", name, key, (size_t)CIPHER_KEY_SIZE, KEY_SPEC_USER_KEYRING);
    if (serial < 0)
        return CRM_UNREACHABLE;
    if (keyctl(KEYCTL_SET_TIMEOUT, (unsigned long)serial, keep_s, 0, 0) < 0) {
        keyring_forget(id); /* rather not at all than for ever */
        return CRM_UNREACHABLE;
    }
    return CRM_OK;
}

enum crm_status keyring_get(const struct uuid *id, uint8_t out_key[CIPHER_KEY_SIZE])
{
    uint8_t key[CIPHER_KEY_SIZE];
    long serial = find(id), size;

    if (serial < 0)
        return failed();
    size = keyctl(KEYCTL_READ, (unsigned long)serial, (unsigned long)(uintptr_t)key, sizeof key, 0);
    if (size < 0)
        return failed();
    if (size == CIPHER_KEY_SIZE)
        memcpy(out_key, key, sizeof key);
    secret_wipe(key, sizeof key);
    return size == CIPHER_KEY_SIZE ? CRM_OK : CRM_NOT_FOUND;
}

void keyring_forget(const struct uuid *id)
{
    long serial = find(id);

    if (serial >= 0)
        (void)keyctl(KEYCTL_INVALIDATE, (unsigned long)serial, 0, 0, 0);
}
