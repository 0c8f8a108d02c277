/* A credit report as people read it, and as programs do. */
#ifndef TALLY_TOOLS_REPORT_SHOW_H
#define TALLY_TOOLS_REPORT_SHOW_H

#include <jansson.h>

#include "tools/report_model.h"
#include "tools/report_page.h"

/* The whole report on a page that was opened. `room` is for bodies. */
void report_show(const struct report *report, struct event_body *room, struct page *page);
/* "Account 2, " for an event of an account, by the order of the report; "" for any other. */
#define REPORT_ACCOUNT_NAME_SIZE 24
void report_account_name(const struct report *report, uint32_t place, char text[REPORT_ACCOUNT_NAME_SIZE]);
/* Private to the report: its accounts, and what is in the file beside them. */
void report_show_account(
    const struct report *report, uint32_t number, struct event_body *room, struct page *page);
void report_show_items(const struct report *report, struct event_body *room, struct page *page);
/* "3, Bank of Three", as genesis names the member. */
#define MEMBER_TEXT_SIZE (NAME_SIZE_MAX + 16)
void report_member(const struct report *report, uint32_t member_id, char text[MEMBER_TEXT_SIZE]);

/* As tally help report lists it; NULL when memory runs out. */
json_t *report_json(const struct report *report);

#endif
