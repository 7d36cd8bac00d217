/* SPDX-License-Identifier: ISC */
#include "message/message.h"

#include "format/address.h"
#include "format/header.h"

/* The fields that hold addresses (RFC 5322 sections 3.6.2, 3.6.3 and 3.6.6). */
static bool
holds_addresses(const struct header_field *field)
{
	static const char *const names[] = {
		"From", "Sender", "Reply-To", "To", "Cc", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (header_is(field, names[i]))
			return true;
	return false;
}

/* A field that cannot be parsed goes out as it is, and asks for nothing. */
static bool
field_has_utf8_address(const struct header_field *field)
{
	struct address_list list = ADDRESS_LIST_INIT;
	bool found = false;
	struct err ignored;

	err_init(&ignored);
	if (address_parse(&list, field->body, ADDRESS_NULL, &ignored) == 0)
		for (size_t i = 0; i < list.count; i++)
			found = found || list.items[i].local_8bit || list.items[i].domain_8bit;
	address_list_release(&list);
	err_release(&ignored);
	return found;
}

bool
message_has_utf8_addresses(const struct message *m)
{
	struct span rest = { m->header.data, m->header.len };
	struct header_field field;

	if (!m->header_8bit)
		return false;
	while (header_next(&rest, &field))
		if (holds_addresses(&field) && span_has_8bit(field.body) && field_has_utf8_address(&field))
			return true;
	return false;
}
