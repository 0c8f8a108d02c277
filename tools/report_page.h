/* A page for people, written piece by piece: for a terminal of 80 columns, or as one HTML file that needs
 * nothing beside itself. Every text is raw, and is made fit to be shown here, and nowhere else. */
#ifndef TALLY_TOOLS_REPORT_PAGE_H
#define TALLY_TOOLS_REPORT_PAGE_H

#include "proto/base/bytes.h"
#include "proto/base/limits.h"

#define PAGE_WIDTH 80u
#define PAGE_COLUMNS_MAX 13u
#define PAGE_SIZE_MAX (128u * MIB)

struct page_column {
    const char *head;
    uint32_t width; /* on a terminal, without the two columns between; more is broken into lines */
    bool is_right;
};

/* How a row or a field is told apart. */
enum page_mark {
    PAGE_PLAIN = 0,
    PAGE_STRUCK = 1, /* no longer in force: ~text~ on a terminal */
    PAGE_LOUD = 2,   /* to be seen: *text* on a terminal */
};

struct page_form;

struct page {
    const struct page_form *form;
    struct buffer out; /* .failed where memory ran out, or the page is larger than PAGE_SIZE_MAX */
    const struct page_column *columns; /* of the table at hand */
    size_t column_count;
    bool in_fields;
    struct buffer cells[PAGE_COLUMNS_MAX]; /* of the row at hand */
};

/* The two forms. */
extern const struct page_form page_text, page_html;

void page_open(struct page *page, const struct page_form *form, const char *title);
/* Ends the page: its bytes are in page->out. */
void page_end(struct page *page);
void page_close(struct page *page);

void page_section(struct page *page, const char *heading);
void page_part(struct page *page, const char *heading);
void page_paragraph(struct page *page, const char *text);
/* One line of a list of labels with what they say; a label has at most 12 characters. */
void page_field(struct page *page, const char *label, const char *value, enum page_mark mark);

/* A table: the columns live until it ends. A row has as many cells as there are columns, "" where it has
 * none. */
void page_table(struct page *page, const struct page_column *columns, size_t count);
void page_row(struct page *page, const char *const *cells, enum page_mark mark);
void page_table_end(struct page *page);

/* What a form does. Private to the pages. */
struct page_form {
    void (*begin)(struct page *page, const char *title);
    void (*end)(struct page *page);
    void (*heading)(struct page *page, const char *heading, unsigned level); /* 2 or 3 */
    void (*paragraph)(struct page *page, const char *text);
    void (*fields)(struct page *page, bool begins);
    void (*field)(struct page *page, const char *label, const char *value, enum page_mark mark);
    void (*table)(struct page *page, bool begins);
    void (*row)(struct page *page, const char *const *cells, enum page_mark mark);
};
/* Appends markup or layout of our own, as it is. */
void page_put(struct page *page, const char *text);

#endif
