/*
 * staff.c - the teams and users of the sample company
 *
 * A team or user is written in a file behind that of its parent or manager, to whom it refers.
 */
#include "tests/sample/sample.h"

struct team_row {
    const char *name;
    const char *parent;
    const char *region;
    const char *time_zone;
};

struct user_row {
    const char *login;
    const char *name;
    const char *team;
    const char *manager;
    const char *hired;
};

static const struct team_row branches[] = {
    { "上海分公司", "Company", "CN", "Asia/Shanghai" },
    { "Chicago", "Company", "US", "America/Chicago" },
};

static const struct team_row teams[] = {
    { "华东一部", "上海分公司", "CN", "Asia/Shanghai" },
    { "华东二部", "上海分公司", "CN", "Asia/Shanghai" },
    { "大客户部", "上海分公司", "CN", "Asia/Shanghai" },
    { "Midwest", "Chicago", "US", "America/Chicago" },
    { "West", "Chicago", "US", "America/Los_Angeles" },
    { "Key Accounts", "Chicago", "US", "America/Chicago" },
};

static const struct user_row heads[] = {
    { "lin.jing", "林静", "上海分公司", "admin", "2014-03-17" },
    { "rhodes", "Martha Rhodes", "Chicago", "admin", "2015-01-05" },
};

static const struct user_row managers[] = {
    { "zhou.ming", "周明", "华东一部", "lin.jing", "2016-07-04" },
    { "he.xiaolan", "何晓岚", "华东二部", "lin.jing", "2017-02-13" },
    { "shan.lei", "单磊", "大客户部", "lin.jing", "2015-09-21" },
    { "becker", "Tom Becker", "Midwest", "rhodes", "2016-05-16" },
    { "alvarez", "Lucia Alvarez", "West", "rhodes", "2018-08-06" },
    { "quinn", "Declan Quinn", "Key Accounts", "rhodes", "2017-11-20" },
};

static const struct user_row reps[] = {
    { "wang.fang", "王芳", "华东一部", "zhou.ming", "2018-04-09" },
    { "chen.hao", "陈浩", "华东一部", "zhou.ming", "2020-06-15" },
    { "xu.ting", "徐婷", "华东一部", "zhou.ming", "2021-03-01" },
    { "zhao.yong", "赵勇", "华东二部", "he.xiaolan", "2019-10-14" },
    { "sun.yu", "孙雨", "华东二部", "he.xiaolan", "2022-02-21" },
    { "zeng.qiang", "曾强", "华东二部", "he.xiaolan", "2018-12-03" },
    { "ouyang.jia", "欧阳佳", "大客户部", "shan.lei", "2017-06-26" },
    { "ma.kai", "马凯", "大客户部", "shan.lei", "2020-09-07" },
    { "novotny", "Petra Novotny", "Midwest", "becker", "2019-01-14" },
    { "hughes", "Sam Hughes", "Midwest", "becker", "2020-03-30" },
    { "mwangi", "Grace Mwangi", "Midwest", "becker", "2021-07-12" },
    { "ferraro", "Dino Ferraro", "West", "alvarez", "2018-10-01" },
    { "tran", "Linh Tran", "West", "alvarez", "2022-05-09" },
    { "osborne", "Kit Osborne", "West", "alvarez", "2020-11-23" },
    { "lindqvist", "Maja Lindqvist", "Key Accounts", "quinn", "2019-08-19" },
    { "abbott", "Ray Abbott", "Key Accounts", "quinn", "2021-01-25" },
};

_Static_assert(ARRAY_LEN(reps) <= SAMPLE_REPS, "room for all");

static json_t *team_json(const struct team_row *row)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "name", row->name, "parent", row->parent, "region",
                     row->region, "time_zone", row->time_zone);
}

static bool is_in_china(const char *team)
{
    for (size_t i = 0; i < ARRAY_LEN(branches); i++)
        if (strcmp(branches[i].name, team) == 0)
            return strcmp(branches[i].region, "CN") == 0;
    for (size_t i = 0; i < ARRAY_LEN(teams); i++)
        if (strcmp(teams[i].name, team) == 0)
            return strcmp(teams[i].region, "CN") == 0;
    return false;
}

static json_t *user_json(const struct user_row *row, const char *role)
{
    char email[NAME_SIZE];

    snprintf(email, sizeof email, "%s@tidewell.example", row->login);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "login", row->login, "name",
                     row->name, "team", row->team, "role", role, "manager", row->manager, "email",
                     email, "locale", is_in_china(row->team) ? "zh_CN" : "en_US", "hired_on",
                     row->hired);
}

static enum crm_status write_teams(struct output *out, const char *name,
                                   const struct team_row *rows, size_t n, struct failure *failure)
{
    enum crm_status status = output_begin(out, "team", name, failure);

    for (size_t i = 0; i < n && status == CRM_OK; i++)
        output_add(out, team_json(&rows[i]));
    return status == CRM_OK ? output_end(out, failure) : status;
}

static enum crm_status write_users(struct output *out, const char *name,
                                   const struct user_row *rows, size_t n, const char *role,
                                   struct failure *failure)
{
    enum crm_status status = output_begin(out, "user", name, failure);

    for (size_t i = 0; i < n && status == CRM_OK; i++)
        output_add(out, user_json(&rows[i], role));
    return status == CRM_OK ? output_end(out, failure) : status;
}

enum crm_status sample_staff(struct sample *sample, struct failure *failure)
{
    struct output *out = &sample->out;
    enum crm_status status;

    status = write_teams(out, "branches", branches, ARRAY_LEN(branches), failure);
    if (status == CRM_OK)
        status = write_teams(out, "teams", teams, ARRAY_LEN(teams), failure);
    if (status == CRM_OK)
        status = write_users(out, "branch_heads", heads, ARRAY_LEN(heads), "manager", failure);
    if (status == CRM_OK)
        status = write_users(out, "managers", managers, ARRAY_LEN(managers), "manager", failure);
    if (status == CRM_OK)
        status = write_users(out, "reps", reps, ARRAY_LEN(reps), "representative", failure);
    for (size_t i = 0; i < ARRAY_LEN(reps); i++)
        sample->reps[sample->n_reps++] =
            (struct sample_rep){ .login = reps[i].login, .is_chinese = is_in_china(reps[i].team) };
    return status;
}
