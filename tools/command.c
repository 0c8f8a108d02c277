#include "tools/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {
    &command_devnet,
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
    &command_fsck,
    &command_audit,
    &command_backup,
    &command_restore,
    &command_subject_id,
    &command_synth,
    &command_bench,
    &command_keygen,
    &command_help,
};

enum tool_exit context_fail(
    struct context *context, enum tool_exit code, const char *reason, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context->message, sizeof context->message, format, arguments);
    va_end(arguments);
    snprintf(context->reason, sizeof context->reason, "%s", reason);
    /* One line, whatever a file or a node put into it. */
    for (char *at = context->message; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F) *at = ' ';
    }
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
