#include "tools/report_page.h"

#include "proto/base/check.h"

void page_put(struct page *page, const char *text)
{
    buffer_append(&page->out, text, strlen(text));
}

void page_open(struct page *page, const struct page_form *form, const char *title)
{
    *page = (struct page){.form = form};
    buffer_init(&page->out, PAGE_SIZE_MAX);
    for (size_t i = 0; i < PAGE_COLUMNS_MAX; i++)
        buffer_init(&page->cells[i], PAGE_SIZE_MAX);
    form->begin(page, title);
}

/* A list of fields ends where anything else begins. */
static void fields_end(struct page *page)
{
    if (page->in_fields) page->form->fields(page, false);
    page->in_fields = false;
}

void page_end(struct page *page)
{
    CHECK(page->columns == NULL);
    fields_end(page);
    page->form->end(page);
    for (size_t i = 0; i < PAGE_COLUMNS_MAX; i++)
        page->out.failed |= page->cells[i].failed;
}

void page_close(struct page *page)
{
    for (size_t i = 0; i < PAGE_COLUMNS_MAX; i++)
        buffer_close(&page->cells[i]);
    buffer_close(&page->out);
}

void page_section(struct page *page, const char *heading)
{
    fields_end(page);
    page->form->heading(page, heading, 2);
}

void page_part(struct page *page, const char *heading)
{
    fields_end(page);
    page->form->heading(page, heading, 3);
}

void page_paragraph(struct page *page, const char *text)
{
    fields_end(page);
    page->form->paragraph(page, text);
}

void page_field(struct page *page, const char *label, const char *value, enum page_mark mark)
{
    if (!page->in_fields) page->form->fields(page, true);
    page->in_fields = true;
    page->form->field(page, label, value, mark);
}

void page_table(struct page *page, const struct page_column *columns, size_t count)
{
    CHECK(count > 0 && count <= PAGE_COLUMNS_MAX && page->columns == NULL);
    fields_end(page);
    page->columns = columns;
    page->column_count = count;
    page->form->table(page, true);
}

void page_row(struct page *page, const char *const *cells, enum page_mark mark)
{
    CHECK(page->columns != NULL);
    page->form->row(page, cells, mark);
}

void page_table_end(struct page *page)
{
    CHECK(page->columns != NULL);
    page->form->table(page, false);
    page->columns = NULL;
}
