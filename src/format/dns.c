/* SPDX-License-Identifier: ISC */
#include "format/dns.h"

#include <string.h>

enum {
	HEAD_LEN = 12,
	CLASS_IN = 1,
	TYPE_OPT = 41,
	FLAG_RESPONSE = 0x8000,
	FLAG_TRUNCATED = 0x0200,
	FLAG_RECURSION = 0x0100,
	FLAG_AUTHENTICATED = 0x0020,
	FLAG_DNSSEC = 0x8000, /* of an OPT record */
	CODE_MASK = 0x000f,
	LABEL_MAX = 63,
	NAME_MAX_LEN = 255, /* octets, with the lengths of its labels */
};

static void
put16(struct buf *out, unsigned value)
{
	buf_addc(out, (char)(value >> 8));
	buf_addc(out, (char)value);
}

static bool
put_name(struct buf *out, const char *name)
{
	size_t begin = out->len;

	while (*name != '\0') {
		size_t len = strcspn(name, ".");

		if (len == 0 || len > LABEL_MAX)
			return false;
		buf_addc(out, (char)len);
		buf_add(out, name, len);
		name += name[len] == '.' ? len + 1 : len;
	}
	buf_addc(out, '\0');
	return out->len - begin > 1 && out->len - begin <= NAME_MAX_LEN;
}

bool
dns_question(struct buf *out, unsigned id, const char *name, unsigned type, bool extended)
{
	put16(out, id);
	put16(out, FLAG_RECURSION | FLAG_AUTHENTICATED);
	put16(out, 1);
	put16(out, 0);
	put16(out, 0);
	put16(out, extended ? 1 : 0);
	if (!put_name(out, name))
		return false;
	put16(out, type);
	put16(out, CLASS_IN);
	if (extended) {
		buf_addc(out, '\0');
		put16(out, TYPE_OPT);
		put16(out, DNS_DATAGRAM_MAX);
		put16(out, 0);
		put16(out, FLAG_DNSSEC);
		put16(out, 0);
	}
	return buf_ok(out);
}

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
	answer->truncated = (flags & FLAG_TRUNCATED) != 0;
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

bool
dns_answers(struct span message, struct span question)
{
	struct span asked = question, name;

	if (message.len < HEAD_LEN || !skip(&asked, HEAD_LEN))
		return false;
	name = asked;
	if (!skip_name(&asked) || asked.len < 4)
		return false;
	name.len = (size_t)(asked.data - name.data);
	return get16(message.data) == get16(question.data) &&
	    (get16(message.data + 2) & FLAG_RESPONSE) != 0 && get16(message.data + 4) == 1 &&
	    message.len >= HEAD_LEN + name.len + 4 &&
	    span_equal_nocase((struct span){ message.data + HEAD_LEN, name.len }, name) &&
	    memcmp(message.data + HEAD_LEN + name.len, asked.data, 4) == 0;
}

/* The next word of the line, or an empty one. */
static struct span
take_word(struct span *line)
{
	struct span word;

	while (line->len > 0 && ascii_is_space(line->data[0]))
		skip(line, 1);
	word = *line;
	while (line->len > 0 && !ascii_is_space(line->data[0]))
		skip(line, 1);
	word.len -= line->len;
	return word;
}

void
dns_servers(struct dns_servers *servers, struct span resolv_conf)
{
	*servers = (struct dns_servers){ .count = 0 };
	while (resolv_conf.len > 0) {
		struct span line = span_cut(&resolv_conf, '\n');
		bool indented = line.len > 0 && ascii_is_space(line.data[0]);
		struct span word = take_word(&line);

		/* The C library knows keywords at the beginning of a line alone. */
		if (indented)
			continue;
		if (span_is(word, "nameserver") && servers->count < DNS_SERVERS_MAX) {
			word = take_word(&line);
			if (word.len > 0)
				servers->address[servers->count++] = word;
		} else if (span_is(word, "options")) {
			for (word = take_word(&line); word.len > 0; word = take_word(&line))
				servers->trusted = servers->trusted || span_is(word, "trust-ad");
		}
	}
}
