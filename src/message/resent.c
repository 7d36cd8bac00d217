/* SPDX-License-Identifier: ISC */
#include "message/resent.h"

#include "format/header.h"

static const char *const journey[] = { "Received", "Return-Path", "Delivered-To", "X-Original-To" };

static const char *const once[] = {
	"Resent-From",
	"Resent-Sender",
	"Resent-To",
	"Resent-Cc",
	"Resent-Bcc",
	"Resent-Reply-To",
	"Resent-Date",
	"Resent-Message-ID",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The bit of the field's row in names, 0 where it has none. */
static unsigned
bit_of(const struct header_field *field, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (header_is(field, names[i]))
			return 1u << i;
	return 0;
}

/* Moves *rest to the first Resent- field; false where there is none. */
static bool
find_first(struct span *rest)
{
	struct span next = *rest;
	struct header_field field;

	while (header_next(&next, &field)) {
		if (span_starts_nocase(field.name, "Resent-")) {
			rest->len -= (size_t)(field.whole.data - rest->data);
			rest->data = field.whole.data;
			return true;
		}
	}
	return false;
}

struct span
resent_newest(struct span header)
{
	struct span block = header, rest;
	struct header_field field;
	unsigned seen = 0;

	if (!find_first(&block))
		return (struct span){ header.data, 0 };
	rest = block;
	while (header_next(&rest, &field)) {
		unsigned bit = bit_of(&field, once, COUNT(once));

		if ((seen & bit) != 0 || bit_of(&field, journey, COUNT(journey)) != 0) {
			block.len = (size_t)(field.whole.data - block.data);
			break;
		}
		seen |= bit;
	}
	return block;
}
