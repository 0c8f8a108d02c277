/* One HTML file: no script, and nothing from elsewhere, which its own policy forbids too. */
#include "tools/report_page.h"
#include "tools/shown_text.h"

static const char head[] =
    "</title>\n<style>\n"
    "@page { margin: 15mm }\n"
    "body { font: 10pt/1.4 Helvetica, Arial, sans-serif; color: #111; max-width: 180mm; margin: 2em auto; "
    "padding: 0 1em }\n"
    "h1 { font-size: 18pt; margin: 0 0 .4em } h2 { font-size: 13pt; border-bottom: 1px solid #999; margin: "
    "1.6em 0 .5em }\n"
    "h3 { font-size: 11pt; margin: 1.2em 0 .3em } h1, h2, h3 { break-after: avoid }\n"
    "table { border-collapse: collapse; margin: .3em 0 } th, td { text-align: left; vertical-align: top; "
    "padding: .1em .8em .1em 0 }\n"
    "table.list { width: 100% } table.list th { border-bottom: 1px solid #ccc; font-weight: 600 }\n"
    "table.fields th { font-weight: 400; color: #555; white-space: nowrap; width: 8em }\n"
    "table.fields td, table.list td:last-child { overflow-wrap: anywhere } td.right, th.right { text-align: "
    "right } tr { break-inside: avoid }\n"
    "s { color: #777 } @media print { body { margin: 0; max-width: none; padding: 0 } }\n"
    "</style>\n</head>\n<body>\n<h1>";

static void html_begin(struct page *page, const char *title)
{
    page_put(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                   "'unsafe-inline'\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    shown_append_html(&page->out, title);
    page_put(page, head);
    shown_append_html(&page->out, title);
    page_put(page, "</h1>\n");
}

static void html_end(struct page *page)
{
    page_put(page, "</body>\n</html>\n");
}

static void html_heading(struct page *page, const char *heading, unsigned level)
{
    page_put(page, level == 2 ? "<h2>" : "<h3>");
    shown_append_html(&page->out, heading);
    page_put(page, level == 2 ? "</h2>\n" : "</h3>\n");
}

static void html_paragraph(struct page *page, const char *text)
{
    page_put(page, "<p>");
    shown_append_html(&page->out, text);
    page_put(page, "</p>\n");
}

static void html_marked(struct page *page, const char *text, enum page_mark mark)
{
    static const char *const opening[] = {"", "<s>", "<strong>"}, *const closing[] = {
                                                                      "", "</s>", "</strong>"};
    page_put(page, opening[mark]);
    shown_append_html(&page->out, text);
    page_put(page, closing[mark]);
}

static void html_fields(struct page *page, bool begins)
{
    page_put(page, begins ? "<table class=\"fields\">\n" : "</table>\n");
}

static void html_field(struct page *page, const char *label, const char *value, enum page_mark mark)
{
    page_put(page, "<tr><th>");
    shown_append_html(&page->out, label);
    page_put(page, "</th><td>");
    html_marked(page, value, mark);
    page_put(page, "</td></tr>\n");
}

static void html_table(struct page *page, bool begins)
{
    if (!begins) {
        page_put(page, "</tbody>\n</table>\n");
        return;
    }
    page_put(page, "<table class=\"list\">\n<thead><tr>");
    for (size_t i = 0; i < page->column_count; i++) {
        page_put(page, page->columns[i].is_right ? "<th class=\"right\">" : "<th>");
        shown_append_html(&page->out, page->columns[i].head);
        page_put(page, "</th>");
    }
    page_put(page, "</tr></thead>\n<tbody>\n");
}

static void html_row(struct page *page, const char *const *cells, enum page_mark mark)
{
    page_put(page, "<tr>");
    for (size_t i = 0; i < page->column_count; i++) {
        page_put(page, page->columns[i].is_right ? "<td class=\"right\">" : "<td>");
        if (cells[i][0] != '\0') html_marked(page, cells[i], mark);
        page_put(page, "</td>");
    }
    page_put(page, "</tr>\n");
}

const struct page_form page_html = {
    .begin = html_begin,
    .end = html_end,
    .heading = html_heading,
    .paragraph = html_paragraph,
    .fields = html_fields,
    .field = html_field,
    .table = html_table,
    .row = html_row,
};
