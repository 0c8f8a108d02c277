#include "node/config_complaint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void hear_what(struct config_complaint *complaint, const char *text)
{
    snprintf(complaint->what, sizeof complaint->what, "%.*s", (int)strcspn(text, "\n"), text);
    (void)sscanf(text, "Missing required mapping field: %39s", complaint->key);
    if (sscanf(text, "Unexpected key: %39s", complaint->odd_key) != 1)
        (void)sscanf(text, "Mapping field already seen: %39s", complaint->odd_key);
}

static void hear_where(struct config_complaint *complaint, const char *text)
{
    const char *line = strstr(text, "(line: ");
    if (line == NULL) return;
    if (complaint->line == 0) complaint->line = (unsigned)strtoul(line + 7, NULL, 10);
    if (complaint->key[0] == '\0') (void)sscanf(text, " in mapping field '%39[^']'", complaint->key);
    (void)sscanf(text, " in sequence entry '%u'", &complaint->entry);
    (void)sscanf(text, " in mapping field '%39[^']'", complaint->list);
}

void config_complaint_hear(struct config_complaint *complaint, const char *line)
{
    static const char load[] = "Load: ";
    const char *text = strncmp(line, load, sizeof load - 1) == 0 ? line + sizeof load - 1 : line;
    if (complaint->what[0] == '\0')
        hear_what(complaint, text);
    else
        hear_where(complaint, text);
}
