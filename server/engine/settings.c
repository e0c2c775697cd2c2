/*
 * settings.c - the table of crmd's settings
 */
#include "server/engine/settings.h"

#define TEXT(member)    SETTING_TEXT, offsetof(struct settings, member), sizeof(((struct settings *)0)->member)
#define NUMBER(member)  SETTING_INTEGER, offsetof(struct settings, member), 0

const struct setting settings_table[] = {
    { "server", "listen", TEXT(listen), "127.0.0.1:7420", 0, 0, NULL,
      "Addresses to listen on, separated by commas, each HOST:PORT. Port 0 takes a free one. Ignored where systemd hands a socket over." },
    { "server", "name", TEXT(name), "localhost", 0, 0, NULL,
      "The host name that clients use. The certificate is made for it and invitations carry it." },
    { "server", "certificate", TEXT(certificate), "server.crt", 0, 0, NULL,
      "The server's certificate with its chain, PEM; a relative path is taken from the data directory. Read again on SIGHUP." },
    { "server", "key", TEXT(key), "server.key", 0, 0, NULL, "The certificate's private key, PEM. Read again on SIGHUP." },
    { "server", "io_threads", NUMBER(io_threads), "0", 0, 64, NULL, "Threads that serve connections; 0 means one for each core." },
    { "server", "workers", NUMBER(workers), "2", 1, 64, NULL,
      "Threads for what takes long: passwords, reports, dry runs. Each password check takes 19 MiB while it runs." },
    { "server", "map_gib", NUMBER(map_gib), "64", 1, 16384, "GiB",
      "Address space for the database, the most that it can grow to. It costs nothing until it is used." },
    { "limits", "connections", NUMBER(connections), "2000", 1, 100000, NULL,
      "Connections at once. One more is answered with \"busy\" and closed." },
    { "limits", "connections_per_address", NUMBER(connections_per_address), "50", 1, 100000, NULL,
      "Connections of one address that have not logged in yet. Raise it for offices behind one address." },
    { "limits", "connections_per_user", NUMBER(connections_per_user), "20", 1, 100000, NULL,
      "Connections of one user at once. One more is answered with \"busy\"." },
    { "limits", "write_queue", NUMBER(write_queue), "4096", 16, 1000000, NULL,
      "Writes that may wait for the writer. One more is answered with \"busy\"." },
    { "limits", "group", NUMBER(group), "256", 1, 10000, NULL, "Writes that one commit takes at most." },
    { "session", "hours", NUMBER(session_hours), "168", 1, 8760, "hours", "How long a login lasts, however much it is used." },
    { "session", "idle_hours", NUMBER(idle_hours), "72", 1, 8760, "hours",
      "A login that was not used for so long ends. Use is noted every five minutes." },
    { "session", "idle_minutes", NUMBER(idle_minutes), "30", 1, 10080, "minutes",
      "A connection on which nothing was asked for so long is closed; the login lasts." },
    { "session", "confirm_minutes", NUMBER(confirm_minutes), "15", 1, 1440, "minutes",
      "How long a password that was given counts as just given: what is sensitive asks for it again afterwards." },
    { "session", "invitation_hours", NUMBER(invitation_hours), "72", 1, 720, "hours",
      "How long an invitation can be used, and a code that enrols a device." },
    { "session", "device_days", NUMBER(device_days), "90", 1, 825, "days",
      "How long the certificate of an enrolled device is valid. A client renews it by itself when two thirds are over; one that was away longer is enrolled anew." },
    { "session", "replica_days", NUMBER(replica_days), "14", 1, 365, "days",
      "How long a replica may be read without a sync. What waits in it to be sent can be sent also later." },
    { "audit", "keep_days", NUMBER(audit_keep_days), "0", 0, 36500, "days",
      "How long entries of the audit trail are kept; 0 means for ever. Of what goes a hash stays, so that `crmd check` still proves the rest." },
    { "log", "level", TEXT(log_level), "info", 0, 0, NULL, "error, warn, info or debug. Read again on SIGHUP." },
};

const size_t settings_count = ARRAY_LEN(settings_table);
