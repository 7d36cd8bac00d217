/* SPDX-License-Identifier: ISC */
/*
 * Any octets as a list of addresses.  The first octet gives the flags.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "format/address.h"
#include "fuzz.h"

static void
check_one(const struct address *a)
{
	struct span local = { a->mailbox, a->local_len };
	struct span domain = address_domain(a);

	check(!span_has_control(span_of(a->mailbox)));
	check(utf8_valid(span_of(a->mailbox)));
	check(span_has_8bit(local) == a->local_8bit);
	check(span_has_8bit(domain) == a->domain_8bit);
	check(local.len <= ADDRESS_LOCAL_MAX && domain.len <= ADDRESS_DOMAIN_MAX);
	check(strlen(a->mailbox) == local.len + a->qualified + domain.len);
	check(!a->qualified ||
	    (a->mailbox[a->local_len] == '@' && domain.len > 0 && local.len > 0));
	check(address_matches(span_of(a->mailbox), "*"));
}

/* A mailbox that was given is taken again, and stays the same, bare and in angle brackets. */
static void
check_again(const struct address *a, const char *before, const char *after)
{
	struct address_list again = ADDRESS_LIST_INIT;
	struct buf text = BUF_INIT(SIZE_MAX);
	struct err err;

	err_init(&err);
	buf_addf(&text, "%s%s%s", before, a->mailbox, after);
	check(address_parse(&again, (struct span){ text.data, text.len },
		  ADDRESS_ONE | ADDRESS_NULL, &err) == 0);
	check(again.count == 1);
	check(strcmp(again.items[0].mailbox, a->mailbox) == 0);
	check(address_equal(&again.items[0], a));
	address_list_release(&again);
	buf_release(&text);
	err_release(&err);
}

static void
check_error(const struct err *err, const struct address_list *list)
{
	check(err->kind == ERR_ADDRESS);
	check(err->what.len > 0 && err->what.len < 600);
	check(!span_has_control((struct span){ err->what.data, err->what.len }));
	check(utf8_valid((struct span){ err->what.data, err->what.len }));
	check(list->count == 1 && strcmp(list->items[0].mailbox, "first@example.org") == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned flags = size > 0 ? data[0] & (ADDRESS_NULL | ADDRESS_ONE) : 0;
	struct span text = { (const char *)data + (size > 0), size - (size > 0) };
	struct address_list list = ADDRESS_LIST_INIT;
	struct err err;

	err_init(&err);
	check(address_parse(&list, span_of("first@example.org"), ADDRESS_ONE, &err) == 0);
	if (address_parse(&list, text, flags, &err) < 0)
		check_error(&err, &list);
	check((flags & ADDRESS_ONE) == 0 || list.count <= 2);
	for (size_t i = 0; i < list.count; i++) {
		check_one(&list.items[i]);
		check_again(&list.items[i], "", "");
		check_again(&list.items[i], "X <", ">");
	}
	address_list_release(&list);
	err_release(&err);
	return 0;
}
