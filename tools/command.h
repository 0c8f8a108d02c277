/* What every command of `tally` shares: its context, its exit codes, how it fails, and the table of commands.
 */
#ifndef TALLY_TOOLS_COMMAND_H
#define TALLY_TOOLS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/error.h"

/* What a command's process returns. A command's function returns one of these, and so does every helper that
 * can fail with a context. */
enum tool_exit {
    TOOL_DONE = 0,
    TOOL_REFUSED = 1, /* refused by the network, or invalid: a file, an answer, an event */
    TOOL_USAGE = 2,
    TOOL_UNREACHABLE = 3,
};

#define REASON_SIZE_MAX 64
#define MESSAGE_SIZE_MAX 1024

struct passphrase;

struct context {
    const char *home; /* the directory given by --home or TALLY_HOME; NULL where neither was */
    bool json;
    const char *passphrase_file;    /* given by --passphrase-file or TALLY_PASSPHRASE_FILE; else NULL */
    bool asks_passphrase;           /* --passphrase: what is made is sealed with one that is typed */
    struct passphrase *passphrase;  /* that was read or typed; NULL until it is needed (secret_file.h) */
    char reason[REASON_SIZE_MAX];   /* of the failure: a stable word, UPPER_CASE */
    char message[MESSAGE_SIZE_MAX]; /* one line: what, where, what to do */
};

/* Notes why the command fails, and returns `code`, so that it can end a function: `return context_fail(...)`.
 * The last note counts; main prints it. */
enum tool_exit context_fail(struct context *context, enum tool_exit code, const char *reason,
    const char *format, ...) __attribute__((format(printf, 4, 5))) TALLY_MUST_CHECK;

struct command {
    const char *name;
    const char *summary; /* one line for `tally help` */
    const char *help;    /* the whole text of `tally help NAME`, ending in a newline */
    /* The arguments after the command's name, without --home, --json and --help. */
    enum tool_exit (*run)(struct context *context, int count, char **arguments);
    void (*help_more)(void); /* prints what follows `help`; NULL where nothing does */
};

/* NULL for a name that is no command. */
const struct command *command_by_name(const char *name);
/* The table in the order that `tally help` lists it; `index` is below command_count(). */
size_t command_count(void);
const struct command *command_at(size_t index);

extern const struct command command_keygen, command_key, command_init, command_genesis, command_client,
    command_devnet, command_import, command_consent, command_reserve, command_dispute, command_history,
    command_verify, command_report, command_receipt, command_status, command_checkpoint, command_blame,
    command_block, command_fsck, command_audit, command_watch, command_backup, command_restore,
    command_subject_id, command_supervise, command_synth, command_bench, command_policy, command_gov,
    command_help;

#endif
