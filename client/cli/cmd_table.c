/*
 * cmd_table.c - every command: one row each
 *
 * Help, usage errors, completion scripts and manual pages read these rows; nothing about a command
 * is said anywhere else. The rows of a group's verbs are where they run.
 */
#include "client/cli/command.h"

#define SELECTOR_HELP                                                                              \
    "A record is named by its number (D-17), or by its kind and its number, the end of its id or " \
    "a name that only "                                                                            \
    "it has; the company by that word alone. Where several fit, a terminal offers the choice; a "  \
    "script gets the candidates and "                                                              \
    "exit code 2."

static const struct command commands[] = {
    { .name = "today",
      .synopsis = "",
      .summary = "what is due, what should close, what has changed",
      .run = cmd_today,
      .flags = COMMAND_CONNECTS | COMMAND_READS,
      OPTIONS(OPT_DAYS),
      .max_args = 0,
      .description = "Your open tasks up to today, your deals that should close this month, and "
                     "the latest changes that you may see. This is "
                     "also what crm alone shows once you are logged in.",
      EXAMPLES("crm today --days 7", "also what is due within a week") },
    { .name = "list",
      .synopsis = "KIND [FILTER]",
      .summary = "records that fit a filter",
      .run = cmd_list,
      .flags = COMMAND_CONNECTS | COMMAND_READS,
      OPTIONS(OPT_COLUMNS, OPT_SORT, OPT_LIMIT, OPT_ALL, OPT_JSON, OPT_JSONL, OPT_CSV, OPT_AS_OF,
              OPT_DELETED, OPT_EXPLAIN),
      .arguments = { ARGUMENT_KIND },
      .min_args = 1,
      .max_args = -1,
      .description =
          "On a terminal a screenful; without one, or with --json, --jsonl or --csv, all.\n\n"
          "A filter compares fields: = != < <= > >= ~ (contains) in (a, b), is empty; combined "
          "with and, or, not and parentheses. A field may be "
          "one reference away (customer.industry). Days: 2016-11-01, today, -7d, next fri, this "
          "quarter. Money: 4k, 1.5m CNY. People: me, my "
          "team. A saved view: @name. Labels are accepted too, in English and Chinese.",
      EXAMPLES("crm list deals 'stage = Engaging and amount > 4k' --sort -amount",
               "the largest open deals first",
               "crm list customers 'industry = retail' --columns name,owner,last_contact",
               "three fields of each", "crm list deals --as-of 2017-03-31 --json",
               "as they were at the end of that day", "crm list 商机 '阶段=谈判'",
               "labels work as names") },
    { .name = "show",
      .synopsis = "[KIND] RECORD",
      .summary = "one record, and what belongs to it",
      .run = cmd_show,
      .flags = COMMAND_CONNECTS | COMMAND_READS,
      OPTIONS(OPT_JSON, OPT_JSONL, OPT_CSV, OPT_COLUMNS, OPT_ALL, OPT_AS_OF, OPT_DELETED),
      .arguments = { ARGUMENT_KIND },
      .min_args = 1,
      .max_args = 2,
      .description = SELECTOR_HELP,
      EXAMPLES("crm show D-17", "a deal by its number", "crm show customer Isdom",
               "a customer by name, with its deals and contacts",
               "crm show D-17 --as-of 2017-01-31", "as it was then") },
    { .name = "find",
      .synopsis = "WORDS",
      .summary = "search by words, beginnings of words and ends of phone numbers",
      .run = cmd_find,
      .flags = COMMAND_CONNECTS | COMMAND_READS,
      OPTIONS(OPT_KIND, OPT_LIMIT, OPT_JSON, OPT_JSONL, OPT_CSV, OPT_COLUMNS, OPT_EXPLAIN),
      .min_args = 1,
      .max_args = -1,
      .description = "Every word must occur; the last one may be unfinished. Chinese is found by "
                     "any two characters that stand together.",
      EXAMPLES("crm find isd", "everything with a word that begins so",
               "crm find 华为 --kind customer", "only customers", "crm find 5678",
               "a phone number by its end") },
    { .name = "count",
      .synopsis = "KIND [FILTER]",
      .summary = "how many there are, by group, and their sum",
      .run = cmd_count,
      .flags = COMMAND_CONNECTS | COMMAND_READS,
      OPTIONS(OPT_BY, OPT_SUM, OPT_JSON, OPT_AS_OF, OPT_DELETED, OPT_EXPLAIN),
      .arguments = { ARGUMENT_KIND },
      .min_args = 1,
      .max_args = -1,
      .description = "The filter is that of crm list.",
      EXAMPLES("crm count deals 'state = won' --by owner --sum amount",
               "won deals of each owner and what they are worth") },
    { .name = "add",
      .synopsis = "KIND FIELD=VALUE...",
      .summary = "create a record, or many from a file",
      .run = cmd_add,
      .flags = COMMAND_CONNECTS | COMMAND_QUEUES,
      OPTIONS(OPT_FROM, OPT_AT, OPT_KEY, OPT_DRY_RUN, OPT_ATOMIC, OPT_JSON, OPT_JSONL),
      .arguments = { ARGUMENT_KIND },
      .min_args = 1,
      .max_args = -1,
      .description = "field=value sets a field; of a list, field=a field=b gives two elements. "
                     "field=@file takes a file's content, field=@@text a value that "
                     "begins with @. A reference is a number, a name or the end of an id. Groups "
                     "(addresses, stages) are JSON objects.\n\n"
                     "With --from each line of the file is a record: JSON lines as crm list "
                     "--jsonl writes them, or CSV whose first line names fields. Lines "
                     "that are refused are told with their number, the others are created, and the "
                     "exit code is 8. With the same --key the same file can be "
                     "sent again: nothing is created twice. The key or column happened says when a "
                     "record came to be, as an instant or a day, where it has no field of that "
                     "name; --at says it for every line that does not.",
      EXAMPLES(
          "crm add customer name='Acme GmbH' industry=retail phones=+49301234567", "one customer",
          "crm add deal name=Renewal customer='Acme GmbH' amount='12k EUR' expected_close=+30d",
          "a deal of it", "crm add customers --from customers.csv", "many") },
    { .name = "set",
      .synopsis = "[KIND] RECORD FIELD=VALUE...",
      .summary = "change fields of a record, or of all that fit a filter",
      .run = cmd_set,
      .flags = COMMAND_CONNECTS | COMMAND_QUEUES,
      OPTIONS(OPT_WHERE, OPT_KEY, OPT_JOB, OPT_REV, OPT_DRY_RUN, OPT_YES, OPT_ATOMIC, OPT_JSON, OPT_JSONL),
      .arguments = { ARGUMENT_KIND },
      .min_args = 2,
      .max_args = -1,
      .description =
          "field=value sets, field= clears, field+=value adds to a list and field-=value takes out "
          "of it; owner=LOGIN hands the record "
          "over. " SELECTOR_HELP
          "\n\nWith --where give the kind alone: crm set KIND --where FILTER FIELD=VALUE.",
      EXAMPLES("crm set D-17 amount=5k expected_close='next fri'", "two fields",
               "crm set C-4 tags+=key", "one more tag",
               "crm set deals --where 'owner = anna and state = open' owner=cecily",
               "hand over all open deals") },
    { .name = "apply",
      .synopsis = "[FILE|-]",
      .summary = "create, change, delete and act from a file, each line exactly once",
      .run = cmd_apply,
      .flags = COMMAND_CONNECTS,
      OPTIONS(OPT_KIND, OPT_MATCH, OPT_JOB, OPT_REJECTS, OPT_ATOMIC, OPT_RAW, OPT_DRY_RUN, OPT_JSON),
      .arguments = { ARGUMENT_OTHER },
      .min_args = 0,
      .max_args = 1,
      .description =
          "Lines are JSON objects, or CSV rows under a header. A key or column is a field (+FIELD "
          "adds to a list, -FIELD takes out of it), or one of: $do (create, update, upsert, "
          "delete, or an action such as move or assign), kind, $record (a number, an id, a name, "
          "or @NAME), $by (of an upsert: the field by which the record is found), $as (a name by "
          "which later lines may refer to this record, as @NAME), $with (an action's argument, in "
          "JSON), $clear (fields to empty). Without $do a line with $by is an upsert, one with "
          "$record an update, any other a create."
          "\n\nThe server takes each line once, in order, behind people at work. With --job NAME "
          "the same command goes on after what was taken, also when it runs twice at once. Lines "
          "that are refused go to a file, with the reason: mend it and apply that. crm undo takes "
          "all of it back. With --atomic all of up to 50,000 lines are done, or none; nobody else "
          "can write while that lasts, a few seconds.",
      EXAMPLES("crm apply leads.jsonl --kind customers", "create them",
               "crm apply crm.csv --kind products --match code --job prices", "by product code, and again after a cut",
               "crm apply - --dry-run", "what would be changed") },
    { .name = "export",
      .synopsis = "KIND [FILTER...]",
      .summary = "all records that fit, of one moment, into a file",
      .run = cmd_export,
      .flags = COMMAND_CONNECTS,
      OPTIONS(OPT_OUTPUT, OPT_CSV, OPT_JSONL, OPT_COLUMNS, OPT_DELETED, OPT_RAW, OPT_EXCEL),
      .arguments = { ARGUMENT_KIND },
      .min_args = 1,
      .max_args = -1,
      .description =
          "CSV (or with --jsonl JSON lines) of the state at one moment, whatever changes meanwhile. "
          "Needs the right to export and the password once more, and is in the audit trail. With "
          "--output an export that was cut off goes on where it was, within an hour: give the same "
          "command again."
          "\n\nTexts that a spreadsheet would take for a formula get a ' in front, which crm apply "
          "takes away again; --raw leaves them. crm apply FILE --kind KIND --match number brings a CSV "
          "back: it changes nothing as long as nobody edits it.",
      EXAMPLES("crm export customers -o customers.csv", "all that you may see",
               "crm export deals 'state = open' --jsonl -o deals.jsonl", "for programs",
               "crm export customers --excel -o customers.csv", "for Excel") },
    { .name = "duplicates",
      .synopsis = "KIND [FILTER...]",
      .summary = "records that are probably the same, how sure that is, and why",
      .run = cmd_duplicates,
      .flags = COMMAND_CONNECTS,
      OPTIONS(OPT_MIN, OPT_LIMIT, OPT_JSON, OPT_CSV),
      .arguments = { ARGUMENT_KIND },
      .min_args = 1,
      .max_args = -1,
      .description =
          "Of customers and contacts: names (word order, abbreviations, legal forms such as Ltd or "
          "有限公司, slips), phones, e-mails, domains, addresses and registration numbers are "
          "compared, of what you may see. The surest pairs come first; crm merge makes one of two.",
      EXAMPLES("crm duplicates customers", "all that are likely",
               "crm duplicates contacts 'created > -30d' --min 0.9", "nearly certain ones among the new") },
    { .name = "merge",
      .synopsis = "RECORD OTHER... [--take FIELD=OTHER]",
      .summary = "make one record of several that are the same",
      .run = cmd_merge,
      .flags = COMMAND_CONNECTS,
      OPTIONS(OPT_TAKE, OPT_DRY_RUN, OPT_YES, OPT_JSON),
      .min_args = 2,
      .max_args = -1,
      .description =
          "The first record stays and keeps its values; where it has none it gets the others', its "
          "lists get what the others have besides, and of long texts all are kept. --take chooses "
          "another's value for a field. All that refers to the others refers to it from then on, who "
          "may see them may see it, their numbers lead to it, and its history shows theirs. The "
          "others go into the recycle bin. " SELECTOR_HELP,
      EXAMPLES("crm merge C-1 C-17 C-40", "three that are one customer",
               "crm merge C-1 C-17 --take name=C-17", "with the other's name") },
    { .name = "undo",
      .synopsis = "JOB|#CHANGE",
      .summary = "take back what a job, or one change, has done",
      .run = cmd_undo,
      .flags = COMMAND_CONNECTS,
      OPTIONS(OPT_YES, OPT_JSON),
      .min_args = 1,
      .max_args = 1,
      .description =
          "Newest first. A field goes back only where nobody else has changed it since; what is "
          "left is told. Records that the job made go into the recycle bin, those that it deleted "
          "come back. An undo is a job, too: it can be taken back.",
      EXAMPLES("crm undo last", "the newest job", "crm undo leads", "by its name", "crm undo '#4711'",
               "one change, by its number in crm history") },
    { .name = "job",
      .summary = "bulk work: how far it is, what was refused",
      VERBS(&job_list_command, &job_show_command, &job_cancel_command),
      .description = "Whoever feeds a job may be cut off: the job stays where it is and goes on with the same command." },
    { .name = "move",
      .synopsis = "DEAL STAGE [closed=DAY] [lost_reason=TEXT]",
      .summary = "move a deal to another stage",
      .run = cmd_move,
      .flags = COMMAND_CONNECTS | COMMAND_QUEUES,
      OPTIONS(OPT_KEY, OPT_REV, OPT_DRY_RUN, OPT_JSON),
      .min_args = 2,
      .max_args = -1,
      .description = "A stage may ask for fields first; what is missing is named.",
      EXAMPLES("crm move D-17 Won", "won today",
               "crm move D-18 Lost lost_reason=price closed=yesterday", "lost yesterday") },
    { .name = "log",
      .synopsis = "[KIND] RECORD call|mail|message|meeting|visit|note [TEXT] [FIELD=VALUE...]",
      .summary = "an activity on a record",
      .run = cmd_log,
      .flags = COMMAND_CONNECTS | COMMAND_QUEUES,
      OPTIONS(OPT_AT, OPT_KEY, OPT_DRY_RUN, OPT_JSON),
      .arguments = { ARGUMENT_KIND },
      .min_args = 2,
      .max_args = -1,
      .description = "On a customer, contact or deal. The first line of the text is the subject; "
                     "fields are those of an activity.",
      EXAMPLES("crm log D-17 call 'Asked for a discount' outcome='will call back' duration=12",
               "a call just now", "crm log C-4 visit 'Yearly talk' --at '2017-03-01 10:00'",
               "a visit some days ago") },
    { .name = "edit",
      .synopsis = "[KIND] RECORD",
      .summary = "change a record in $EDITOR, or field by field",
      .run = cmd_edit,
      .flags = COMMAND_CONNECTS | COMMAND_QUEUES,
      OPTIONS(OPT_KEY, OPT_REV, OPT_DRY_RUN, OPT_JSON),
      .arguments = { ARGUMENT_KIND },
      .min_args = 1,
      .max_args = 2,
      .description = "Opens $VISUAL or $EDITOR; without one it asks for each field. What is not "
                     "valid is said and the text opened again. If somebody "
                     "else changes the record meanwhile, nothing is saved.",
      EXAMPLES("crm edit C-4", "all fields of a customer") },
    { .name = "rm",
      .synopsis = "[KIND] RECORD",
      .summary = "delete a record, or all that fit a filter",
      .run = cmd_rm,
      .flags = COMMAND_CONNECTS | COMMAND_QUEUES,
      OPTIONS(OPT_WHERE, OPT_KEY, OPT_JOB, OPT_REV, OPT_DRY_RUN, OPT_YES, OPT_ATOMIC, OPT_JSON),
      .arguments = { ARGUMENT_KIND },
      .min_args = 1,
      .max_args = 2,
      .description = "Into the recycle bin: the command that restores it is printed. With --where "
                     "give the kind alone; on a terminal it asks first.",
      EXAMPLES("crm rm D-17", "one deal",
               "crm rm tasks --where 'state = done and due < -1y' --dry-run", "what would go") },
    { .name = "restore",
      .synopsis = "[KIND] RECORD",
      .summary = "bring a deleted record back",
      .run = cmd_restore,
      .flags = COMMAND_CONNECTS | COMMAND_QUEUES,
      OPTIONS(OPT_KEY, OPT_DRY_RUN, OPT_JSON),
      .arguments = { ARGUMENT_KIND },
      .min_args = 1,
      .max_args = 2,
      .description = "crm list KIND --deleted shows what can be restored.",
      EXAMPLES("crm restore D-17", "as it was") },
    { .name = "assign",
      .synopsis = "[KIND] RECORD USER",
      .summary = "give a record to somebody else, with what belongs to it",
      .run = cmd_assign,
      .flags = COMMAND_CONNECTS | COMMAND_QUEUES,
      OPTIONS(OPT_TEAM, OPT_WITH_DEALS, OPT_REASON, OPT_KEY, OPT_REV, OPT_DRY_RUN, OPT_JSON),
      .arguments = { ARGUMENT_KIND },
      .min_args = 2,
      .max_args = 3,
      .description = "With a customer go its contacts and open tasks, with a deal its open tasks, "
                     "as far as they are the same owner's. What has been done stays whose it was. "
                     "The team is the new owner's unless --team names one. crm history --owners "
                     "tells who had a record when, and why.",
      EXAMPLES("crm assign C-4 cecily --reason 'new territory'", "with contacts and open tasks",
               "crm assign C-4 cecily --with-deals", "and the open deals") },
    { .name = "share",
      .synopsis = "[KIND] RECORD",
      .summary = "let somebody else see a record, or change it",
      .run = cmd_share,
      .flags = COMMAND_CONNECTS | COMMAND_QUEUES,
      OPTIONS(OPT_WITH, OPT_BELOW, OPT_WRITE, OPT_UNTIL, OPT_REVOKE, OPT_KEY, OPT_DRY_RUN,
              OPT_JSON),
      .arguments = { ARGUMENT_KIND },
      .min_args = 1,
      .max_args = 2,
      .description = "What belongs to the record is shared with it. --until a day lets the share "
                     "end with that day. Without --with it tells with whom the record is shared. A "
                     "kind that somebody's role does not let them see at all stays unseen.",
      EXAMPLES("crm share C-4 --with anna", "she sees the customer, its contacts and activities",
               "crm share C-4 --with South --below --write --until +30d",
               "a team and those below it work on it for a month", "crm share C-4",
               "with whom it is shared") },
    { .name = "unshare",
      .synopsis = "[KIND] RECORD",
      .summary = "end a share",
      .run = cmd_unshare,
      .flags = COMMAND_CONNECTS | COMMAND_QUEUES,
      OPTIONS(OPT_WITH, OPT_KEY, OPT_DRY_RUN, OPT_JSON),
      .arguments = { ARGUMENT_KIND },
      .min_args = 1,
      .max_args = 2,
      .description = "Who sees a deal as a member of its team leaves it by being taken out of that.",
      EXAMPLES("crm unshare C-4 --with anna", "she no longer sees it by that share") },
    { .name = "import",
      .synopsis = "[FILE|-]",
      .summary = "records from another program's file, its columns found by their names",
      .run = cmd_import,
      .flags = COMMAND_CONNECTS,
      OPTIONS(OPT_KIND, OPT_MAP, OPT_SAVE_MAP, OPT_MATCH, OPT_ENCODING, OPT_DATE_FORMAT, OPT_JOB, OPT_REJECTS, OPT_RAW, OPT_DRY_RUN,
              OPT_YES, OPT_JSON),
      .arguments = { ARGUMENT_OTHER },
      .min_args = 0,
      .max_args = 1,
      .description =
          "Separator, quoting and encoding of CSV are found by looking. Columns are known by field "
          "names and labels, in English and Chinese, and as Salesforce, HubSpot, Zoho, SuiteCRM, "
          "EspoCRM, Google, Outlook, Fxiaoke, 企查查 and 天眼查 call them; on a terminal, and with "
          "--dry-run, you see which column becomes what before anything is sent. --save-map writes "
          "that down, to be edited and used again by --map. Columns that are not known are told and "
          "left out."
          "\n\nReferences are looked up by number or name. With --match a record that has the row's "
          "value there is changed, not made again; a file of crm export finds its own records. Rows "
          "that cannot be taken go to a file, each with its line and reason: mend it and import "
          "that. Every row is counted: created, changed, unchanged or refused. Jobs as of crm apply.",
      EXAMPLES("crm import 企查查.csv --kind customers --match registration_number", "companies, once each",
               "crm import people.csv --kind contacts --dry-run", "see what would come of it",
               "crm import old.csv --kind deals --date-format %d/%m/%Y --save-map deals.json", "and again with --map") },
    { .name = "history",
      .synopsis = "[KIND] RECORD",
      .summary = "who changed what, and when",
      .run = cmd_history,
      .flags = COMMAND_CONNECTS,
      OPTIONS(OPT_OWNERS, OPT_LIMIT, OPT_JSON, OPT_JSONL),
      .arguments = { ARGUMENT_KIND },
      .min_args = 1,
      .max_args = 2,
      .description = "Also of a deleted record. With --owners: whose it was, the last one first.",
      EXAMPLES("crm history D-17", "from its creation to its last change",
               "crm history C-4 --owners", "who had it, from when to when, and why") },
    { .name = "watch",
      .synopsis = "[KIND | RECORD]",
      .summary = "changes as they happen",
      .run = cmd_watch,
      .flags = COMMAND_CONNECTS,
      OPTIONS(OPT_LIMIT, OPT_JSON, OPT_JSONL),
      .arguments = { ARGUMENT_KIND },
      .min_args = 0,
      .max_args = 2,
      .description = "Of everything that you may see, of a kind, or of one record and what belongs "
                     "to it; with --limit it ends after so many.",
      EXAMPLES("crm watch deals", "until Ctrl-C", "crm watch --jsonl | jq .number",
               "for a program") },
    { .name = "report",
      .synopsis = "NAME",
      .summary = "figures: pipeline",
      .run = cmd_report,
      .flags = COMMAND_CONNECTS,
      OPTIONS(OPT_BY, OPT_AS_OF, OPT_JSON, OPT_JSONL, OPT_CSV),
      .arguments = { ARGUMENT_WORD },
      WORDS("pipeline"),
      .min_args = 1,
      .max_args = 1,
      .description = "pipeline: number and worth of deals, by stage, team or owner, and by the "
                     "currency of the amounts.",
      EXAMPLES("crm report pipeline --by stage,team", "stages, and teams within",
               "crm report pipeline --as-of 2017-03-31", "at the end of a quarter") },
    { .name = "sync",
      .synopsis = "",
      .summary = "bring your replica up to date, to work without the server",
      .run = cmd_sync,
      OPTIONS(OPT_CARRY, OPT_STATUS, OPT_WATCH, OPT_WIPE, OPT_ENCRYPT, OPT_KEYRING, OPT_KEEP, OPT_LOCK, OPT_DECRYPT, OPT_YES, OPT_JSON),
      .max_args = 0,
      .description =
          "Changes that wait in the outbox are sent first. "
          "The replica is your own copy of what you may see, in the home directory, readable by "
          "you alone. What you may no longer see is forgotten by the next sync. A sync that was "
          "cut off goes on where it stopped.\n\n"
          "With --offline, or CRM_OFFLINE=1, commands are answered from it. On a terminal commands "
          "that only read are answered from it at once, with its age, and then by the server if the "
          "line is fast enough, which crm learns (--timeout sets how long it is waited for). A "
          "change that cannot reach the server in that time is queued, and says so; one that was "
          "sent and not answered never is. A program (without a terminal, or with --json, --jsonl, "
          "--csv) is never given what may be old unless it asks for it. After 14 days without a "
          "sync the replica is not shown any more.\n\n"
          "A scope names whose records are carried and, of as many kinds as you like, which: "
          "\"team; customers country = DE; tasks state = open\". Filters are as for crm list, by a "
          "record's own fields; without mine, team or all they choose among what is yours. The next "
          "sync keeps the scope; another one takes away what is no longer in it.\n\n"
          "With --watch it stays, and syncs when something changes on the server or is queued here, "
          "a line for each time that something came or went. When the line is lost it tries again, "
          "at most once a minute. Other commands may queue changes meanwhile: the replica is its "
          "own only while a sync runs.",
      EXAMPLES("crm sync", "what is yours, and what is needed to show it",
               "crm sync --scope team", "what your team has, too",
               "crm sync --scope 'team; deals state = open'", "of the deals only the open ones",
               "crm sync --watch", "until Ctrl-C", "crm list deals --offline",
               "from the replica", "crm sync --status", "how old it is and what it holds",
               "crm sync --encrypt", "nobody reads it without a passphrase", "crm sync --wipe", "remove it") },
    { .name = "outbox",
      .summary = "changes made without the server, until they are in it",
      VERBS(&outbox_list_command, &outbox_show_command, &outbox_edit_command,
            &outbox_retry_command, &outbox_drop_command),
      .description = "With --offline, changes are shown at once and queued; crm sync sends them, each exactly once. What the "
                     "server did not take stays here, with the reason." },
    { .name = "conflicts",
      .synopsis = "[[KIND] RECORD]",
      .summary = "changes of yours that were not taken, because others came first",
      .run = cmd_conflicts,
      .flags = COMMAND_CONNECTS | COMMAND_READS,
      OPTIONS(OPT_JSON, OPT_CSV),
      .arguments = { ARGUMENT_KIND },
      .min_args = 0,
      .max_args = 2,
      .description =
          "A change made without the server is merged with what others have changed meanwhile, "
          "field by field. Where both have changed the same field the record keeps theirs, and "
          "yours stays here until you choose: crm resolve. The oldest come first. crm describe "
          "KIND says which fields merge, and how. A sync brings them to each of your machines.",
      EXAMPLES("crm conflicts", "all that is open", "crm conflicts C-4 --json", "of one record") },
    { .name = "resolve",
      .synopsis = "[KIND] RECORD [FIELD=VALUE...]",
      .summary = "choose between your change and theirs",
      .run = cmd_resolve,
      .flags = COMMAND_CONNECTS | COMMAND_QUEUES,
      OPTIONS(OPT_MINE, OPT_THEIRS, OPT_DROP, OPT_KEY, OPT_REV, OPT_DRY_RUN, OPT_JSON),
      .arguments = { ARGUMENT_KIND },
      .min_args = 1,
      .max_args = -1,
      .description =
          "On a terminal, without a choice on the command line, it shows what the record had, what "
          "you wanted and what it has, side by side, asks for each field, and writes once you have "
          "said yes.\n\n"
          "--mine takes all of yours, --theirs leaves all as it is; with --mine=A,B or "
          "--theirs=A,B they are of these fields alone, and field=value gives a field another "
          "value. What nothing is said of stays open. It is one change, in the history like any "
          "other, and refused where you may not make it: then the conflict stays.\n\n"
          "An action that was refused as a whole (crm move) can only be done again, or be left "
          "with --theirs. Of a record that is gone --drop gives your change up.",
      EXAMPLES("crm resolve C-4", "asks field by field", "crm resolve C-4 --mine", "all as I wanted",
               "crm resolve C-4 --mine=phones --theirs", "my number, the rest as it is",
               "crm resolve C-4 name='Acme Holding'", "another name than both") },
    { .name = "describe",
      .synopsis = "[KIND]",
      .summary = "kinds of record, and the fields of one",
      .run = cmd_describe,
      .flags = COMMAND_CONNECTS | COMMAND_READS,
      OPTIONS(OPT_JSON),
      .arguments = { ARGUMENT_KIND },
      .min_args = 0,
      .max_args = 1,
      .description = "With the fields that this company has added.",
      EXAMPLES("crm describe deals", "what a deal holds") },
    { .name = "login",
      .synopsis = "[HOST[:PORT] | 'crm://...']",
      .summary = "log in to a server",
      .run = cmd_login,
      OPTIONS(OPT_CA, OPT_USER, OPT_DEVICE),
      .min_args = 0,
      .max_args = 1,
      .description = "The password comes from CRM_PASSWORD or is asked for, and where a second factor "
                     "is set up its code from CRM_FACTOR. An invitation (crm "
                     "admin invite) is one line that holds everything; the "
                     "new password then comes from CRM_NEW_PASSWORD or is asked for. Without an "
                     "address: the server of the last time.",
      EXAMPLES("crm login crm.example:7400 --ca ca.pem --user anna", "the first time",
               "crm login 'crm://crm.example:7400/?ca=sha256:...&code=...'", "by invitation",
               "crm login crm.example:7400 --ca ca.pem --token-file token", "a script's, by an API token") },
    { .name = "logout",
      .synopsis = "",
      .summary = "end the session",
      .run = cmd_logout,
      OPTIONS(OPT_END),
      .max_args = 0,
      .description = "The token is removed from this machine and from the server.",
      EXAMPLES("crm logout", "on a shared machine") },
    { .name = "whoami",
      .synopsis = "",
      .summary = "who is logged in, and where",
      .run = cmd_whoami,
      .flags = COMMAND_CONNECTS | COMMAND_READS,
      OPTIONS(OPT_JSON),
      .max_args = 0,
      .description = "Asks the server.",
      EXAMPLES("crm whoami --json", "for a script") },
    { .name = "passwd",
      .synopsis = "",
      .summary = "change your password",
      .run = cmd_passwd,
      OPTIONS(OPT_END),
      .max_args = 0,
      .description = "Asks for the current and the new one; scripts set CRM_PASSWORD and "
                     "CRM_NEW_PASSWORD. Other sessions end.",
      EXAMPLES("crm passwd", "asks") },
    { .name = "factor",
      .summary = "the second step at login, by an authenticator",
      VERBS(&command_factor_status, &command_factor_setup, &command_factor_confirm,
            &command_factor_remove),
      .description =
          "Where one is set up, login asks for a code of it after the password; scripts set "
          "CRM_FACTOR. A code works once, and so does each of the recovery codes." },
    { .name = "session",
      .summary = "where you are logged in",
      VERBS(&session_list, &session_kill),
      .description = "A session lasts until it is ended, was not used for some days, or has reached the age that the server "
                     "allows." },
    { .name = "device",
      .summary = "the certificate of this device",
      VERBS(&device_enrol, &device_enroll, &device_status, &device_forget),
      .description =
          "A role may ask for an enrolled device: then a password alone, or a token that was "
          "copied, opens nothing." },
    { .name = "access",
      .summary = "who may see and change what, and why",
      VERBS(&command_access_explain, &command_access_who),
      .description = "Asks the one place that decides for every other command too." },
    { .name = "admin",
      .summary = "users, teams, roles, and who is let in",
      VERBS(&command_admin_user, &command_admin_team, &command_admin_role, &command_admin_invite,
            &command_admin_session, &command_admin_token, &command_admin_device,
            &command_admin_erase),
      .description = "What an administrator does for the people who use the system. Users, teams "
                     "and roles are records like any other: crm show, history and list work on "
                     "them too." },
    { .name = "audit",
      .summary = "what was done besides changing records",
      VERBS(&audit_list, &audit_head),
      .description = "Logins, refusals, permissions, exports, reports over others' records, "
                     "administration: who, when, from where. What happened to a record says crm "
                     "history. It needs the right audit, and nobody can change an entry." },
    { .name = "completion",
      .synopsis = "bash|zsh|fish",
      .summary = "a completion script for your shell",
      .run = cmd_completion,
      .flags = COMMAND_PURE,
      OPTIONS(OPT_END),
      .arguments = { ARGUMENT_WORD },
      WORDS("bash", "zsh", "fish"),
      .min_args = 1,
      .max_args = 1,
      .description = "Packages install it; by hand: source <(crm completion bash).",
      EXAMPLES("crm completion zsh > ~/.zfunc/_crm", "for zsh") },
    { .name = "help",
      .synopsis = "[COMMAND]",
      .summary = "how commands are used",
      .run = cmd_help,
      .flags = COMMAND_PURE,
      OPTIONS(OPT_MAN),
      .arguments = { ARGUMENT_COMMAND },
      .min_args = 0,
      .max_args = -1,
      .description = "crm COMMAND --help says the same.",
      EXAMPLES("crm help list", "about one command", "crm help admin user add", "of a group",
               "crm help --man | man -l -", "the manual page") },
    { .name = "version",
      .synopsis = "",
      .summary = "the version of this program",
      .run = cmd_version,
      .flags = COMMAND_PURE,
      OPTIONS(OPT_END),
      .max_args = 0,
      .description = "Also crm --version.",
      EXAMPLES("crm version", "one line") },
};

const struct command *command_at(size_t n)
{
    return n < ARRAY_LEN(commands) ? &commands[n] : NULL;
}
