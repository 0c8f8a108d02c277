/* For a terminal: no colour and no control but the end of a line, so that it can be piped as it is. */
#include "proto/base/check.h"
#include "tools/report_page.h"
#include "tools/shown_text.h"

#define LABEL_WIDTH 14u /* the two columns behind it included */
#define BETWEEN 2u      /* columns of a table */

static void spaces_put(struct page *page, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_append(&page->out, " ", 1);
}

/* Takes from `rest` what fits a line: up to the last space that does, or as many characters as do. */
static struct span line_take(struct span *rest, size_t width)
{
    size_t at = 0, used = 0, space = 0;
    while (at < rest->size) {
        struct span left = span_of(rest->data + at, rest->size - at);
        size_t size = shown_character(left), columns = shown_width(span_of(left.data, size));
        if (used + columns > width && at > 0) break;
        if (rest->data[at] == ' ') space = at;
        used += columns;
        at += size;
    }
    bool breaks_word = at < rest->size && rest->data[at] != ' ';
    size_t end = breaks_word && space > 0 ? space : at;
    struct span line = span_of(rest->data, end);
    while (end < rest->size && rest->data[end] == ' ')
        end++;
    *rest = span_of(rest->data + end, rest->size - end);
    return line;
}

static void cell_fill(struct buffer *cell, const char *text, enum page_mark mark)
{
    static const char *const marks[] = {"", "~", "*"};
    const char *around = text[0] == '\0' ? "" : marks[mark];
    buffer_clear(cell);
    buffer_append(cell, around, strlen(around));
    shown_append(cell, text);
    buffer_append(cell, around, strlen(around));
}

/* Text that hangs behind `indent` columns of which the first line has `used` already. */
static void hanging_put(struct page *page, struct span text, size_t used, size_t indent)
{
    do {
        struct span line = line_take(&text, PAGE_WIDTH - indent);
        if (line.size > 0) spaces_put(page, indent - used);
        buffer_append(&page->out, line.data, line.size);
        page_put(page, "\n");
        used = 0;
    } while (text.size > 0);
}

static void rule_put(struct page *page, size_t width, const char *character)
{
    for (size_t i = 0; i < width; i++)
        page_put(page, character);
    page_put(page, "\n");
}

static void title_put(struct page *page, const char *text, const char *under)
{
    cell_fill(&page->cells[0], text, PAGE_PLAIN);
    hanging_put(page, buffer_span(&page->cells[0]), 0, 0);
    size_t width = shown_width(buffer_span(&page->cells[0]));
    if (under[0] != '\0') rule_put(page, width < PAGE_WIDTH ? width : PAGE_WIDTH, under);
}

static void text_begin(struct page *page, const char *title)
{
    title_put(page, title, "=");
}

static void text_end(struct page *page)
{
    (void)page;
}

static void text_heading(struct page *page, const char *heading, unsigned level)
{
    page_put(page, "\n");
    title_put(page, heading, level == 2 ? "-" : "");
}

static void text_paragraph(struct page *page, const char *text)
{
    cell_fill(&page->cells[0], text, PAGE_PLAIN);
    hanging_put(page, buffer_span(&page->cells[0]), 0, 0);
}

static void text_fields(struct page *page, bool begins)
{
    (void)page;
    (void)begins;
}

static void text_field(struct page *page, const char *label, const char *value, enum page_mark mark)
{
    size_t size = strlen(label);
    CHECK(size + BETWEEN <= LABEL_WIDTH);
    page_put(page, label);
    cell_fill(&page->cells[0], value, mark);
    hanging_put(page, buffer_span(&page->cells[0]), size, LABEL_WIDTH);
}

/* The cells of one line, of each as much as fits its column; false when nothing was left. */
static bool row_line(struct page *page, struct span *rests)
{
    size_t pending = 0;
    bool any = false;
    for (size_t i = 0; i < page->column_count; i++)
        any = any || rests[i].size > 0;
    for (size_t i = 0; i < page->column_count && any; i++) {
        const struct page_column *column = &page->columns[i];
        struct span line = rests[i].size > 0 ? line_take(&rests[i], column->width) : span_of(NULL, 0);
        size_t width = shown_width(line), gap = column->width > width ? column->width - width : 0;
        if (line.size > 0) {
            spaces_put(page, pending + (column->is_right ? gap : 0));
            buffer_append(&page->out, line.data, line.size);
            pending = BETWEEN + (column->is_right ? 0 : gap);
        } else {
            pending += column->width + BETWEEN;
        }
    }
    if (any) page_put(page, "\n");
    return any;
}

static void text_row(struct page *page, const char *const *cells, enum page_mark mark)
{
    struct span rests[PAGE_COLUMNS_MAX];
    for (size_t i = 0; i < page->column_count; i++) {
        cell_fill(&page->cells[i], cells[i], mark);
        rests[i] = buffer_span(&page->cells[i]);
    }
    while (row_line(page, rests))
        ;
}

static void text_table(struct page *page, bool begins)
{
    const char *heads[PAGE_COLUMNS_MAX];
    if (!begins) return;
    for (size_t i = 0; i < page->column_count; i++)
        heads[i] = page->columns[i].head;
    text_row(page, heads, PAGE_PLAIN);
}

const struct page_form page_text = {
    .begin = text_begin,
    .end = text_end,
    .heading = text_heading,
    .paragraph = text_paragraph,
    .fields = text_fields,
    .field = text_field,
    .table = text_table,
    .row = text_row,
};
