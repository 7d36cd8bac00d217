/* SPDX-License-Identifier: ISC */
#include "message/message.h"

#include "format/address.h"
#include "format/header.h"

/* The fields that hold addresses (RFC 5322 sections 3.6.2, 3.6.3 and 3.6.6). */
static bool
holds_addresses(const struct header_field *field)
{
	static const char *const names[] = {
		"From",
		"Sender",
		"Reply-To",
		"To",
		"Cc",
		"Resent-From",
		"Resent-Sender",
		"Resent-To",
		"Resent-Cc",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (header_is(field, names[i]))
			return true;
	return false;
}

/* Where addresses hold UTF-8. */
struct found {
	bool local, domain;
};

/* A field that cannot be parsed goes out as it is, and asks for nothing. */
static void
look_at_field(const struct header_field *field, struct found *found)
{
	struct address_list list = ADDRESS_LIST_INIT;
	struct err ignored;

	if (!holds_addresses(field) || !span_has_8bit(field->body))
		return;
	err_init(&ignored);
	if (address_parse(&list, field->body, ADDRESS_NULL, &ignored) == 0)
		for (size_t i = 0; i < list.count; i++) {
			found->local = found->local || list.items[i].local_8bit;
			found->domain = found->domain || list.items[i].domain_8bit;
		}
	address_list_release(&list);
	err_release(&ignored);
}

static struct found
look_at(const struct message *m)
{
	struct span rest = { m->header.data, m->header.len };
	struct found found = { false, false };
	struct header_field field;

	while (m->header_8bit && !found.local && header_next(&rest, &field))
		look_at_field(&field, &found);
	return found;
}

bool
message_has_utf8_addresses(const struct message *m)
{
	struct found found = look_at(m);

	return found.local || found.domain;
}

bool
message_has_utf8_domains(const struct message *m)
{
	struct found found = look_at(m);

	return found.domain && !found.local;
}

bool
message_field_has_utf8_address(const struct header_field *field)
{
	struct found found = { false, false };

	look_at_field(field, &found);
	return found.local || found.domain;
}
