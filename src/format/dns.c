/* SPDX-License-Identifier: ISC */
#include "format/dns.h"

enum {
	HEAD_LEN = 12,
	CLASS_IN = 1,
	FLAG_RESPONSE = 0x8000,
	FLAG_AUTHENTICATED = 0x0020,
	CODE_MASK = 0x000f,
};

static unsigned
get16(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (unsigned)u[0] << 8 | u[1];
}

static bool
skip(struct span *rest, size_t len)
{
	if (rest->len < len)
		return false;
	rest->data += len;
	rest->len -= len;
	return true;
}

/*
 * A name: labels, ended by an empty one or by a pointer to the rest of it elsewhere, which need not
 * be followed.
 */
static bool
skip_name(struct span *rest)
{
	while (rest->len > 0) {
		unsigned len = (unsigned char)rest->data[0];

		if (len == 0)
			return skip(rest, 1);
		if (len >= 0xc0)
			return skip(rest, 2);
		if (len >= 0x40 || !skip(rest, len + 1))
			return false;
	}
	return false;
}

bool
dns_open(struct dns_answer *answer, struct span message)
{
	unsigned flags, questions;

	if (message.len < HEAD_LEN)
		return false;
	flags = get16(message.data + 2);
	questions = get16(message.data + 4);
	answer->message = message;
	answer->rest = message;
	answer->authenticated = (flags & FLAG_AUTHENTICATED) != 0;
	answer->code = flags & CODE_MASK;
	answer->left = get16(message.data + 6);
	if (answer->left > DNS_ANSWERS_MAX)
		answer->left = DNS_ANSWERS_MAX;
	if ((flags & FLAG_RESPONSE) == 0 || !skip(&answer->rest, HEAD_LEN))
		return false;
	while (questions-- > 0)
		if (!skip_name(&answer->rest) || !skip(&answer->rest, 4))
			return false;
	return true;
}

bool
dns_next(struct dns_answer *answer, unsigned type, struct span *data)
{
	struct span *rest = &answer->rest;

	while (answer->left > 0) {
		unsigned this_type, class, len;

		answer->left--;
		if (!skip_name(rest) || rest->len < 10)
			return false;
		this_type = get16(rest->data);
		class = get16(rest->data + 2);
		len = get16(rest->data + 8);
		skip(rest, 10);
		*data = (struct span){ rest->data, len };
		if (!skip(rest, len))
			return false;
		if (this_type == type && class == CLASS_IN)
			return true;
	}
	return false;
}
