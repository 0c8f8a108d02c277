#include "tools/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/shown_text.h"

static const struct command *const commands[] = {
    &command_devnet,
    &command_init,
    &command_genesis,
    &command_import,
    &command_consent,
    &command_reserve,
    &command_dispute,
    &command_history,
    &command_report,
    &command_receipt,
    &command_verify,
    &command_status,
    &command_checkpoint,
    &command_blame,
    &command_block,
    &command_watch,
    &command_supervise,
    &command_gov,
    &command_fsck,
    &command_audit,
    &command_backup,
    &command_restore,
    &command_subject_id,
    &command_synth,
    &command_bench,
    &command_client,
    &command_keygen,
    &command_key,
    &command_policy,
    &command_help,
};

enum tool_exit context_fail(
    struct context *context, enum tool_exit code, const char *reason, const char *format, ...)
{
    char message[MESSAGE_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    /* One line, whatever a file or a node put into it, and nothing that acts on a terminal. */
    for (char *at = message; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F) *at = ' ';
    }
    shown_copy(message, context->message, sizeof context->message);
    shown_copy(reason, context->reason, sizeof context->reason);
    return code;
}

size_t command_count(void)
{
    return sizeof commands / sizeof commands[0];
}

const struct command *command_at(size_t index)
{
    return commands[index];
}

const struct command *command_by_name(const char *name)
{
    for (size_t i = 0; i < command_count(); i++) {
        if (strcmp(commands[i]->name, name) == 0) return commands[i];
    }
    return NULL;
}
