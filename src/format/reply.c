/* SPDX-License-Identifier: ISC */
#include "format/reply.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"
#include "format/date.h"

enum {
	QUOTE_MAX = 80,       /* octets of a foreign line in an error */
	SHOWN_MAX = 320,      /* the same as \xHH */
	MECHANISMS_MAX = 1024 /* octets of all mechanisms' names together */
};

#define NO_FLAG SIZE_MAX

void
reply_init(struct reply *r)
{
	*r = (struct reply){ .text = BUF_INIT(REPLY_TEXT_MAX) };
}

void
reply_release(struct reply *r)
{
	buf_release(&r->text);
}

void
reply_clear(struct reply *r)
{
	r->code = 0;
	r->lines = 0;
	r->complete = false;
	buf_clear(&r->text);
}

/* The code that line begins with; 0 where it is no line of a reply. */
static int
line_code(struct span line)
{
	const char *p = line.data;

	if (line.len < 3 || p[0] < '2' || p[0] > '5' || p[1] < '0' || p[1] > '5' ||
	    !ascii_is_digit(p[2]))
		return 0;
	if (line.len > 3 && p[3] != ' ' && p[3] != '-')
		return 0;
	return (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
}

static int
refuse(struct span line, const char *reason, struct err *err)
{
	struct buf quote = BUF_INIT(SHOWN_MAX);
	bool cut = line.len > QUOTE_MAX;

	if (cut)
		line.len = QUOTE_MAX;
	/* Not within a character, which would be shown as \xHH. */
	while (cut && line.len > 0 && ((unsigned char)line.data[line.len] & 0xc0) == 0x80)
		line.len--;
	text_printable(&quote, line, false);
	err_set(err, ERR_PROTOCOL, "%s: \"%s%s\"", reason, quote.data, cut ? "..." : "");
	buf_release(&quote);
	return -1;
}

int
reply_add_line(struct reply *r, struct span line, struct err *err)
{
	int code = line_code(line);
	struct span text = { "", 0 };

	if (code == 0)
		return refuse(line, "the server sent what is no SMTP reply", err);
	if (r->lines > 0 && code != r->code)
		return refuse(line, "the server changed the code within a reply", err);
	if (line.len > 4)
		text = (struct span){ line.data + 4, line.len - 4 };
	if (line.len > REPLY_LINE_MAX)
		return refuse(line, "the server sent too long a line", err);
	if (r->lines == REPLY_LINES_MAX || r->text.len + (r->lines > 0) + text.len > REPLY_TEXT_MAX)
		return refuse(line, "the server sent too long a reply", err);
	if (r->lines > 0)
		buf_addc(&r->text, '\n');
	buf_add(&r->text, text.data, text.len);
	if (!buf_ok(&r->text))
		return err_memory(err);
	r->code = code;
	r->lines++;
	r->complete = line.len == 3 || line.data[3] == ' ';
	return 0;
}

/* Octets of "." and one to three digits at the start of s; 0 where they are not there. */
static size_t
status_part(struct span s)
{
	size_t n = 1;

	if (s.len < 2 || s.data[0] != '.')
		return 0;
	while (n < s.len && n <= 4 && ascii_is_digit(s.data[n]))
		n++;
	return n > 1 && n <= 4 ? n : 0;
}

void
reply_enhanced(const struct reply *r, char out[static 12])
{
	struct span text = { r->text.data, r->text.len };
	size_t len = 1, part;

	out[0] = '\0';
	if (text.len == 0 || text.data[0] != '0' + reply_class(r) || text.data[0] == '3')
		return;
	for (int parts = 0; parts < 2; parts++) {
		part = status_part((struct span){ text.data + len, text.len - len });
		if (part == 0)
			return;
		len += part;
	}
	if (text.len > len && text.data[len] != ' ' && text.data[len] != '\n')
		return;
	memcpy(out, text.data, len);
	out[len] = '\0';
}

void
ehlo_init(struct ehlo *e)
{
	*e = (struct ehlo){
		.hold_max_s = EHLO_SECONDS_MAX,
		.hold_until_max_s = INT64_MAX,
		.mechanisms = BUF_INIT(MECHANISMS_MAX),
	};
}

void
ehlo_release(struct ehlo *e)
{
	buf_release(&e->mechanisms);
}

static bool
is_blank(char c)
{
	return ascii_is_space(c) || c == '\r';
}

/* Cuts the next word off *params; empty at the end. */
static struct span
next_word(struct span *params)
{
	struct span word = *params;
	size_t begin = 0, end;

	while (begin < params->len && is_blank(params->data[begin]))
		begin++;
	for (end = begin; end < params->len && !is_blank(params->data[end]); end++)
		continue;
	word.data += begin;
	word.len = end - begin;
	params->data += end;
	params->len -= end;
	return word;
}

static void
parse_size(struct ehlo *e, struct span params)
{
	span_number(next_word(&params), UINT64_MAX, &e->size_max);
}

/* At most nine digits; of what is more, nothing can be known. */
static void
parse_seconds(struct span word, int64_t *seconds)
{
	uint64_t number;

	if (word.len <= 9 && span_number(word, UINT64_MAX, &number))
		*seconds = (int64_t)number;
}

/* A list, of which only the first element has a meaning (RFC 2852 section 2). */
static void
parse_deliver_by(struct ehlo *e, struct span params)
{
	struct span list = next_word(&params);

	parse_seconds(span_cut(&list, ','), &e->deliver_by_min_s);
}

/* RFC 4865 section 3 (EID 2040 tells what the second one is). */
static void
parse_future_release(struct ehlo *e, struct span params)
{
	parse_seconds(next_word(&params), &e->hold_max_s);
	date_read_utc(next_word(&params), &e->hold_until_max_s);
}

static void
parse_limits(struct ehlo *e, struct span params)
{
	const struct {
		const char *name;
		uint64_t *max;
	} limits[] = {
		{ "MAILMAX", &e->mail_max },
		{ "RCPTMAX", &e->rcpt_max },
		{ "RCPTDOMAINMAX", &e->rcpt_domain_max },
	};

	while (params.len > 0) {
		struct span value = next_word(&params);
		struct span name = span_cut(&value, '=');

		for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
			if (span_is_nocase(name, limits[i].name))
				span_number(value, UINT64_MAX, limits[i].max);
	}
}

static bool
has_mechanism(const struct ehlo *e, struct span name)
{
	struct span rest = { e->mechanisms.data, e->mechanisms.len };

	while (rest.len > 0)
		if (span_equal_nocase(next_word(&rest), name))
			return true;
	return false;
}

/*
 * RFC 4422 section 3.1, but for the length: ECDSA-NIST256P-CHALLENGE has more than the 20
 * characters allowed.
 */
static bool
is_mechanism(struct span name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];

		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '-' && c != '_')
			return false;
	}
	return name.len > 0;
}

static char
upper(char c)
{
	return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

static void
add_mechanism(struct ehlo *e, struct span name)
{
	size_t space = e->mechanisms.len > 0;

	if (!is_mechanism(name) || space + name.len > MECHANISMS_MAX - e->mechanisms.len ||
	    has_mechanism(e, name))
		return;
	if (space > 0)
		buf_addc(&e->mechanisms, ' ');
	for (size_t i = 0; i < name.len; i++)
		buf_addc(&e->mechanisms, upper(name.data[i]));
}

static void
parse_auth(struct ehlo *e, struct span params)
{
	while (params.len > 0)
		add_mechanism(e, next_word(&params));
}

static const struct keyword {
	const char *name;
	size_t flag; /* offset of the bool in struct ehlo; NO_FLAG: none */
	void (*parse)(struct ehlo *e, struct span params); /* NULL: no parameters of use */
} keywords[] = {
	{ "8BITMIME", offsetof(struct ehlo, eightbitmime), NULL },
	{ "AUTH", offsetof(struct ehlo, auth), parse_auth },
	{ "BINARYMIME", offsetof(struct ehlo, binarymime), NULL },
	{ "CHUNKING", offsetof(struct ehlo, chunking), NULL },
	{ "DELIVERBY", offsetof(struct ehlo, deliver_by), parse_deliver_by },
	{ "DSN", offsetof(struct ehlo, dsn), NULL },
	{ "ENHANCEDSTATUSCODES", offsetof(struct ehlo, enhanced_codes), NULL },
	{ "FUTURERELEASE", offsetof(struct ehlo, future_release), parse_future_release },
	{ "LIMITS", NO_FLAG, parse_limits },
	{ "MT-PRIORITY", offsetof(struct ehlo, mt_priority), NULL },
	{ "PIPELINING", offsetof(struct ehlo, pipelining), NULL },
	{ "REQUIRETLS", offsetof(struct ehlo, requiretls), NULL },
	{ "SIZE", offsetof(struct ehlo, size), parse_size },
	{ "SMTPUTF8", offsetof(struct ehlo, smtputf8), NULL },
	{ "STARTTLS", offsetof(struct ehlo, starttls), NULL },
};

static void
apply(struct ehlo *e, const struct keyword *keyword, struct span params)
{
	if (keyword->flag != NO_FLAG)
		*(bool *)((char *)e + keyword->flag) = true;
	if (keyword->parse != NULL)
		keyword->parse(e, params);
}

static void
parse_line(struct ehlo *e, struct span line)
{
	struct span name;

	if (span_starts_nocase(line, "AUTH=")) {
		/*
		 * The syntax of drafts before RFC 2554, which Microsoft's clients kept alive:
		 * "AUTH=LOGIN PLAIN".
		 */
		name = span_cut(&line, '=');
	} else {
		name = next_word(&line);
	}
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (span_is_nocase(name, keywords[i].name))
			apply(e, &keywords[i], line);
}

void
ehlo_parse(struct ehlo *e, struct span text)
{
	ehlo_release(e);
	ehlo_init(e);
	span_cut(&text, '\n');
	while (text.len > 0)
		parse_line(e, span_cut(&text, '\n'));
}

bool
ehlo_has_mechanism(const struct ehlo *e, const char *name)
{
	return has_mechanism(e, span_of(name));
}
