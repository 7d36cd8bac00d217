/* SPDX-License-Identifier: ISC */
#include "message/message.h"

#include "format/header.h"
#include "message/resent.h"

static const char *const original_fields[] = { "To", "Cc", "Bcc", NULL };
static const char *const resent_fields[] = { "Resent-To", "Resent-Cc", "Resent-Bcc", NULL };

/* The one of names that the field has, or NULL. */
static const char *
find_name(const struct header_field *field, const char *const *names)
{
	while (*names != NULL && !header_is(field, *names))
		names++;
	return *names;
}

/* Appends the addresses in all fields of block that are in names. */
static int
collect(struct address_list *list, struct span block, const char *const *names, struct err *err)
{
	struct header_field field;

	while (header_next(&block, &field)) {
		const char *name = find_name(&field, names);

		if (name == NULL || address_parse(list, field.body, 0, err) == 0)
			continue;
		return err->kind == ERR_ADDRESS ? err_wrap(err, "in the %s header", name) : -1;
	}
	return 0;
}

static int
add_all(struct envelope *envelope, const struct address_list *list, struct err *err)
{
	for (size_t i = 0; i < list->count; i++)
		if (envelope_add(envelope, &list->items[i], err) != 0)
			return -1;
	return 0;
}

static int
refuse_broken(struct err *err)
{
	err_set(err, ERR_MESSAGE,
	    "a To, Cc or Bcc header stands behind a line that is no header, thus in the body");
	return err_hint(err,
	    "write headers as \"Name: text\", indent their further lines, put an empty line before "
	    "the body");
}

int
message_recipients(const struct message *m, struct envelope *envelope, struct err *err)
{
	struct span block = { m->header.data, m->header.len };
	struct span resent = resent_newest(block);
	struct address_list list = ADDRESS_LIST_INIT;
	int rc;

	if (m->recipients_in_body)
		return refuse_broken(err);
	if (resent.len > 0)
		rc = collect(&list, resent, resent_fields, err);
	else
		rc = collect(&list, block, original_fields, err);
	if (rc == 0)
		rc = add_all(envelope, &list, err);
	address_list_release(&list);
	return rc;
}
