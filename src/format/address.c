/* SPDX-License-Identifier: ISC */
#include "format/address.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

enum {
	END = -1,	/* what peek() gives behind the last octet */
	QUOTE_MAX = 80,	/* octets of foreign text in an error */
	QUOTE_LEAD = 60 /* of which before the place of the error at most */
};

struct parser {
	const char *at;			/* the next octet */
	const char *end;		/* behind the last one */
	const char *begin;		/* of the whole text */
	const char *element;		/* where the address being read begins: errors quote from there */
	const char *group;		/* where the group being read begins; NULL outside groups */
	unsigned flags;			/* enum address_flags */
	struct address_list *list;
	struct buf local;		/* the local part, unquoted; scratch else */
	struct buf mailbox;		/* the mailbox as it will be kept */
	struct err *err;
};

static const char dot_in_local[] = "a dot in the wrong place of the local part (missing quotes?)";
static const char dot_in_domain[] = "a dot in the wrong place of the domain";
static const char bad_literal[] = "what is in brackets is no IP address ([192.0.2.1], [IPv6:2001:db8::1])";
static const char open_quote[] = "a quotation mark without its partner";
static const char not_a_list[] = "one address is wanted here, not a list";
static const char text_behind[] = "text behind the address (missing comma?)";

/*
 * Why these cannot stand where they were met.
 */
static const struct {
	int c;
	const char *reason;
} stray[] = {
	{ END, "it ends too early" },
	{ '@', "a second '@'" },
	{ '>', "a '>' without its '<'" },
	{ '<', "a '<' in the wrong place (missing comma?)" },
	{ ')', "a ')' without its '('" },
	{ '"', "a quotation mark in the wrong place" },
	{ '\\', "a backslash outside quotes" },
	{ '[', "a bracket in the wrong place" },
	{ ']', "a bracket in the wrong place" },
	{ ':', "a ':' in the wrong place" },
	{ ';', "a ';' that ends no group (a comma separates addresses)" },
	{ ',', "a comma in the wrong place" },
};

static int
peek(const struct parser *ps)
{
	return ps->at < ps->end ? (unsigned char)*ps->at : END;
}

static bool
take(struct parser *ps, char c)
{
	if (ps->at == ps->end || *ps->at != c)
		return false;
	ps->at++;
	return true;
}

/* Folding has been checked before: CR and LF stand only where they are white space. */
static bool
is_white(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_atext(int c)
{
	if (c == END || c == '\0')
		return false;
	return c >= 0x80 || ascii_is_alpha((char)c) || ascii_is_digit((char)c) ||
	    strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL;
}

/* Moves p back to the first octet of the UTF-8 sequence it points into. */
static const char *
sequence_start(const char *p, const char *begin)
{
	while (p > begin && ((unsigned char)*p & 0xc0) == 0x80)
		p--;
	return p;
}

/*
 * The text to show for an error: from where the element begins to the comma behind the error, or QUOTE_MAX octets of it
 * around the error.
 */
static struct span
offending_text(const struct parser *ps)
{
	const char *from = ps->element;
	const char *to = ps->at < ps->end ? memchr(ps->at, ',', (size_t)(ps->end - ps->at)) : NULL;

	if (to == NULL)
		to = ps->end;
	if (to - from > QUOTE_MAX && ps->at - from > QUOTE_LEAD)
		from = sequence_start(ps->at - QUOTE_LEAD, from);
	if (to - from > QUOTE_MAX)
		to = sequence_start(from + QUOTE_MAX, from);
	while (to > from && is_white((unsigned char)to[-1]))
		to--;
	return (struct span){ from, (size_t)(to - from) };
}

/* Folding is shown as one space. */
static void
add_unfolded(struct buf *out, struct span text)
{
	struct buf line = BUF_INIT(QUOTE_MAX);

	for (size_t i = 0; i < text.len; i++) {
		bool fold = text.data[i] == '\r' || text.data[i] == '\n';

		if (!fold)
			buf_addc(&line, text.data[i]);
		else if (i + 1 < text.len && !is_white((unsigned char)text.data[i + 1]))
			buf_addc(&line, ' ');
	}
	text_printable(out, (struct span){ line.data, line.len }, false);
	buf_release(&line);
}

static int
refuse(struct parser *ps, const char *reason)
{
	struct buf quote = BUF_INIT(4 * QUOTE_MAX);

	add_unfolded(&quote, offending_text(ps));
	err_set(ps->err, ERR_ADDRESS, "cannot parse the address \"%s\": %s", quote.data, reason);
	buf_release(&quote);
	return -1;
}

static int
refuse_stray(struct parser *ps)
{
	int c = peek(ps);

	for (size_t i = 0; i < sizeof(stray) / sizeof(stray[0]); i++)
		if (stray[i].c == c)
			return refuse(ps, stray[i].reason);
	return refuse(ps, text_behind);
}

/* White space and comments. */

static int
skip_comment(struct parser *ps)
{
	unsigned depth = 0;

	do {
		int c = peek(ps);

		if (c == END)
			return refuse(ps, "a '(' without its ')'");
		ps->at++;
		if (c == '\\' && ps->at < ps->end)
			ps->at++;
		else if (c == '(')
			depth++;
		else if (c == ')')
			depth--;
		if (depth > ADDRESS_NESTING_MAX)
			return refuse(ps, "too many comments within comments");
	} while (depth > 0);
	return 0;
}

static int
skip_space(struct parser *ps)
{
	for (;;) {
		int c = peek(ps);

		if (is_white(c))
			ps->at++;
		else if (c != '(')
			return 0;
		else if (skip_comment(ps) < 0)
			return -1;
	}
}

/* Words. */

static struct span
take_atom(struct parser *ps)
{
	const char *begin = ps->at;

	while (is_atext(peek(ps)))
		ps->at++;
	return (struct span){ begin, (size_t)(ps->at - begin) };
}

static int
skip_quoted(struct parser *ps)
{
	ps->at++;
	while (!take(ps, '"')) {
		if (take(ps, '\\') && ps->at == ps->end)
			return refuse(ps, open_quote);
		if (ps->at == ps->end)
			return refuse(ps, open_quote);
		ps->at++;
	}
	return 0;
}

/* Adds what the quoted string stands for to ps->local. */
static int
read_quoted(struct parser *ps)
{
	ps->at++;
	while (!take(ps, '"')) {
		bool escaped = take(ps, '\\');
		int c = peek(ps);

		if (c == END)
			return refuse(ps, open_quote);
		/* RFC 5321 section 4.1.2 has no place for a tab in a mailbox, RFC 5322 has. */
		if (c == '\t' || (escaped && (c == '\r' || c == '\n')))
			return refuse(ps, "a control character in the local part");
		if (c != '\r' && c != '\n')
			buf_addc(&ps->local, (char)c);
		ps->at++;
	}
	return 0;
}

static bool
is_literal_char(int c)
{
	return c != END && (ascii_is_alpha((char)c) || ascii_is_digit((char)c) || c == '.' || c == ':' || is_white(c));
}

/* The colons of "[IPv6:…]" must not be taken for a group's; any other bracket is an ordinary character of a phrase. */
static void
skip_bracket(struct parser *ps)
{
	const char *bracket = ps->at++;

	while (is_literal_char(peek(ps)))
		ps->at++;
	if (!take(ps, ']'))
		ps->at = bracket + 1;
}

/* Moves on to the octet that tells what the words before it are: a phrase, a group's name, or an address. */
static int
skip_words(struct parser *ps)
{
	for (;;) {
		switch (peek(ps)) {
		case END: case ',': case ':': case ';': case '<': case '>':
			return 0;
		case ')':
			return refuse_stray(ps);
		case '(':
			if (skip_comment(ps) < 0)
				return -1;
			break;
		case '"':
			if (skip_quoted(ps) < 0)
				return -1;
			break;
		case '[':
			skip_bracket(ps);
			break;
		case '\\':
			ps->at += ps->end - ps->at > 1 ? 2 : 1;
			break;
		default:
			ps->at++;
		}
	}
}

/* The domain. */

static bool
is_address_literal(struct buf *text)
{
	unsigned char binary[sizeof(struct in6_addr)];
	struct span s = { text->data, text->len };

	if (span_starts_nocase(s, "IPv6:"))
		return inet_pton(AF_INET6, text->data + strlen("IPv6:"), binary) == 1;
	return inet_pton(AF_INET, text->data, binary) == 1;
}

/* At the bracket.  White space inside is obsolete syntax (RFC 5322 section 4.4) and dropped. */
static int
read_literal(struct parser *ps)
{
	buf_clear(&ps->local);
	ps->at++;
	for (; is_literal_char(peek(ps)); ps->at++)
		if (!is_white(peek(ps)))
			buf_addc(&ps->local, *ps->at);
	if (!buf_ok(&ps->local))
		return err_memory(ps->err);
	if (!take(ps, ']') || !is_address_literal(&ps->local))
		return refuse(ps, bad_literal);
	buf_addc(&ps->mailbox, '[');
	buf_add(&ps->mailbox, ps->local.data, ps->local.len);
	buf_addc(&ps->mailbox, ']');
	return skip_space(ps);
}

static int
add_label(struct parser *ps, struct span label)
{
	for (size_t i = 0; i < label.len; i++) {
		char c = label.data[i];

		/* '_' is in no host name, and in many real ones all the same. */
		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && !is_8bit(c) && c != '-' && c != '_')
			return refuse(ps, "a character in the domain that is no letter, digit or hyphen");
	}
	buf_add(&ps->mailbox, label.data, label.len);
	return 0;
}

/* Why there is no label here. */
static int
refuse_domain(struct parser *ps, bool first)
{
	int c = peek(ps);

	if (!first || c == '.')
		return refuse(ps, dot_in_domain);
	if (c == END || c == ',' || c == ';' || c == '>')
		return refuse(ps, "no domain behind the '@'");
	return refuse_stray(ps);
}

/* Behind the '@'; adds the domain to ps->mailbox, and passes the space behind it. */
static int
read_domain(struct parser *ps)
{
	for (bool first = true;; first = false) {
		struct span label;

		if (skip_space(ps) < 0)
			return -1;
		if (first && peek(ps) == '[')
			return read_literal(ps);
		label = take_atom(ps);
		if (label.len == 0)
			return refuse_domain(ps, first);
		if (add_label(ps, label) < 0 || skip_space(ps) < 0)
			return -1;
		if (!take(ps, '.'))
			return 0;
		buf_addc(&ps->mailbox, '.');
	}
}

/* The local part. */

/* Why there is no word here. */
static int
refuse_local(struct parser *ps, bool first)
{
	int c = peek(ps);

	if (!first || c == '.')
		return refuse(ps, dot_in_local);
	if (c == '@')
		return refuse(ps, "nothing before the '@'");
	return refuse_stray(ps);
}

/* Reads word *("." word), with space and comments around them, to ps->local; passes the space behind it. */
static int
read_local(struct parser *ps)
{
	buf_clear(&ps->local);
	for (bool first = true;; first = false) {
		if (skip_space(ps) < 0)
			return -1;
		if (peek(ps) == '"') {
			if (read_quoted(ps) < 0)
				return -1;
		} else {
			struct span atom = take_atom(ps);

			if (atom.len == 0)
				return refuse_local(ps, first);
			buf_add(&ps->local, atom.data, atom.len);
		}
		if (skip_space(ps) < 0)
			return -1;
		if (!take(ps, '.'))
			return 0;
		buf_addc(&ps->local, '.');
	}
}

static bool
is_dot_atom(struct span s)
{
	bool dot = true;

	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '.' ? dot : !is_atext((unsigned char)s.data[i]))
			return false;
		dot = s.data[i] == '.';
	}
	return !dot;
}

/* Adds ps->local to ps->mailbox, quoted where it must be. */
static void
add_local(struct parser *ps)
{
	struct span local = { ps->local.data, ps->local.len };

	if (is_dot_atom(local)) {
		buf_add(&ps->mailbox, local.data, local.len);
		return;
	}
	buf_addc(&ps->mailbox, '"');
	for (size_t i = 0; i < local.len; i++) {
		if (local.data[i] == '"' || local.data[i] == '\\')
			buf_addc(&ps->mailbox, '\\');
		buf_addc(&ps->mailbox, local.data[i]);
	}
	buf_addc(&ps->mailbox, '"');
}

/* The mailbox. */

/* True where mailbox holds characters that cannot be seen and change how the rest is seen. */
static bool
has_hidden(const struct buf *mailbox)
{
	struct buf shown = BUF_INIT(SIZE_MAX);
	bool same;

	text_printable(&shown, (struct span){ mailbox->data, mailbox->len }, false);
	same = buf_ok(&shown) && shown.len == mailbox->len;
	buf_release(&shown);
	return !same;
}

static int
check_mailbox(struct parser *ps, struct address *a)
{
	struct span local, domain;

	a->mailbox = ps->mailbox.data;
	local = (struct span){ a->mailbox, a->local_len };
	domain = address_domain(a);
	if (local.len > ADDRESS_LOCAL_MAX)
		return refuse(ps, "the local part is too long");
	if (domain.len > ADDRESS_DOMAIN_MAX)
		return refuse(ps, "the domain is too long");
	a->local_8bit = span_has_8bit(local);
	a->domain_8bit = span_has_8bit(domain);
	if ((a->local_8bit || a->domain_8bit) && has_hidden(&ps->mailbox))
		return refuse(ps, "an invisible character");
	return 0;
}

static int
append(struct parser *ps, struct address a)
{
	struct address_list *list = ps->list;

	if (list->count == list->cap) {
		size_t cap = list->cap > 0 ? list->cap * 2 : 4;
		struct address *items = reallocarray(list->items, cap, sizeof(*items));

		if (items == NULL)
			return err_memory(ps->err);
		list->items = items;
		list->cap = cap;
	}
	a.mailbox = strdup(ps->mailbox.data);
	if (a.mailbox == NULL)
		return err_memory(ps->err);
	list->items[list->count++] = a;
	return 0;
}

/* Reads local-part ["@" domain] into ps->mailbox. */
static int
read_addr_spec(struct parser *ps, struct address *a)
{
	buf_clear(&ps->mailbox);
	if (read_local(ps) < 0)
		return -1;
	if (ps->local.len == 0)
		return refuse(ps, "the local part is empty");
	add_local(ps);
	a->local_len = ps->mailbox.len;
	a->qualified = take(ps, '@');
	if (a->qualified) {
		buf_addc(&ps->mailbox, '@');
		if (read_domain(ps) < 0)
			return -1;
	}
	if (!buf_ok(&ps->local) || !buf_ok(&ps->mailbox))
		return err_memory(ps->err);
	return 0;
}

/* What stands behind an address must not stand there. */
static int
refuse_behind(struct parser *ps, const struct address *a)
{
	if (!is_atext(peek(ps)))
		return refuse_stray(ps);
	if (!a->qualified && is_white((unsigned char)ps->at[-1]))
		return refuse(ps, "a space in the local part (missing quotes or comma?)");
	return refuse(ps, text_behind);
}

/* "@a,@b:" at the begin of an angle address: obsolete, checked and dropped (RFC 5321 appendix C). */
static int
skip_route(struct parser *ps)
{
	buf_clear(&ps->mailbox);
	while (!take(ps, ':')) {
		if (take(ps, '@')) {
			if (read_domain(ps) < 0)
				return -1;
		} else if (!take(ps, ',')) {
			return refuse(ps, "nothing before the '@'");
		}
		if (skip_space(ps) < 0)
			return -1;
	}
	return 0;
}

static int
append_null(struct parser *ps)
{
	if ((ps->flags & ADDRESS_NULL) == 0)
		return refuse(ps, "an empty address is not allowed here");
	buf_clear(&ps->mailbox);
	return append(ps, (struct address){ 0 });
}

static int
refuse_open_angle(struct parser *ps, const struct address *a)
{
	int c = peek(ps);

	if (c == END || c == ',' || c == ';')
		return refuse(ps, "the '>' is missing");
	return refuse_behind(ps, a);
}

/* At '<'. */
static int
read_angle(struct parser *ps)
{
	struct address a = { 0 };

	ps->at++;
	if (skip_space(ps) < 0)
		return -1;
	if (take(ps, '>'))
		return append_null(ps);
	if (peek(ps) == '@' && skip_route(ps) < 0)
		return -1;
	if (read_addr_spec(ps, &a) < 0)
		return -1;
	if (!take(ps, '>'))
		return refuse_open_angle(ps, &a);
	if (check_mailbox(ps, &a) < 0)
		return -1;
	return append(ps, a);
}

/* At the begin of an address without angle brackets that ends at stop. */
static int
read_bare(struct parser *ps, const char *stop)
{
	struct address a = { 0 };

	if (read_addr_spec(ps, &a) < 0)
		return -1;
	if (ps->at != stop)
		return refuse_behind(ps, &a);
	if (check_mailbox(ps, &a) < 0)
		return -1;
	return append(ps, a);
}

/* At ':', behind the group's name. */
static int
open_group(struct parser *ps)
{
	if (ps->flags & ADDRESS_ONE)
		return refuse(ps, "one address is wanted here, not a group");
	if (ps->group != NULL)
		return refuse(ps, "a group within a group");
	if (ps->at == ps->element)
		return refuse(ps, "a ':' without the name of a group");
	ps->group = ps->element;
	ps->at++;
	return 0;
}

/* Lists. */

/* Behind an angle address or a group. */
static int
expect_separator(struct parser *ps)
{
	int c;

	if (skip_space(ps) < 0)
		return -1;
	c = peek(ps);
	return c == END || c == ',' || c == ';' ? 0 : refuse(ps, text_behind);
}

static int
close_group(struct parser *ps)
{
	if (ps->group == NULL)
		return refuse_stray(ps);
	ps->group = NULL;
	ps->at++;
	return expect_separator(ps);
}

/* A mailbox, or the begin of a group. */
static int
read_element(struct parser *ps)
{
	const char *stop;

	if (skip_words(ps) < 0)
		return -1;
	stop = ps->at;
	switch (peek(ps)) {
	case ':':
		return open_group(ps);
	case '<':
		return read_angle(ps) < 0 ? -1 : expect_separator(ps);
	case '>':
		return refuse_stray(ps);
	default:
		ps->at = ps->element;
		return read_bare(ps, stop);
	}
}

static int
read_comma(struct parser *ps)
{
	if (ps->flags & ADDRESS_ONE)
		return refuse(ps, not_a_list);
	ps->at++;
	return 0;
}

static int
read_end(struct parser *ps)
{
	if (ps->group == NULL)
		return 0;
	ps->element = ps->group;
	return refuse(ps, "a group (\"name: …\") without its ';'");
}

static int
read_list(struct parser *ps)
{
	int result = 0;

	while (result == 0) {
		if (skip_space(ps) < 0)
			return -1;
		switch (peek(ps)) {
		case END:
			return read_end(ps);
		case ',':
			result = read_comma(ps);
			break;
		case ';':
			result = close_group(ps);
			break;
		default:
			ps->element = ps->at;
			result = read_element(ps);
		}
	}
	return result;
}

/* Octets of the CRLF or LF at p where space follows; 0 where it is no folding. */
static size_t
folding_length(const char *p, const char *end)
{
	size_t n = *p == '\r' ? 2 : 1;

	if ((size_t)(end - p) <= n || p[n - 1] != '\n' || !ascii_is_space(p[n]))
		return 0;
	return n;
}

/* What may stand nowhere is refused before anything is read, so that nothing below needs to think of it. */
static int
check_octets(struct parser *ps)
{
	for (size_t n; ps->at < ps->end; ps->at += n) {
		char c = *ps->at;

		if (c == '\r' || c == '\n')
			n = folding_length(ps->at, ps->end);
		else if (is_8bit(c))
			n = utf8_length((struct span){ ps->at, (size_t)(ps->end - ps->at) });
		else
			n = c == '\t' || !ascii_is_control(c);
		if (n == 0) {
			const char *comma = memrchr(ps->begin, ',', (size_t)(ps->at - ps->begin));

			ps->element = comma != NULL ? comma + 1 : ps->begin;
			return refuse(ps, is_8bit(c) ? "it is not valid UTF-8" : "a control character");
		}
	}
	ps->at = ps->begin;
	return 0;
}

static bool
is_blank(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_white((unsigned char)text.data[i]))
			return false;
	return true;
}

static int
parse(struct parser *ps, struct span text)
{
	size_t count = ps->list->count;

	if (check_octets(ps) < 0)
		return -1;
	if ((ps->flags & ADDRESS_NULL) != 0 && is_blank(text))
		return append_null(ps);
	if (read_list(ps) < 0)
		return -1;
	if ((ps->flags & ADDRESS_ONE) != 0 && ps->list->count == count) {
		ps->element = ps->begin;
		return refuse(ps, "there is no address in it");
	}
	return 0;
}

static void
shorten(struct address_list *list, size_t count)
{
	while (list->count > count)
		free(list->items[--list->count].mailbox);
}

void
address_list_release(struct address_list *list)
{
	shorten(list, 0);
	free(list->items);
	*list = (struct address_list)ADDRESS_LIST_INIT;
}

int
address_parse(struct address_list *list, struct span text, unsigned flags, struct err *err)
{
	const char *begin = text.len > 0 ? text.data : "";
	struct parser ps = {
		.at = begin,
		.end = begin + text.len,
		.begin = begin,
		.element = begin,
		.flags = flags,
		.list = list,
		.local = BUF_INIT(SIZE_MAX),
		.mailbox = BUF_INIT(SIZE_MAX),
		.err = err,
	};
	size_t count = list->count;
	int result = parse(&ps, text);

	if (result < 0)
		shorten(list, count);
	buf_release(&ps.local);
	buf_release(&ps.mailbox);
	return result;
}

struct span
address_domain(const struct address *a)
{
	if (!a->qualified)
		return (struct span){ "", 0 };
	return span_of(a->mailbox + a->local_len + 1);
}

bool
address_equal(const struct address *a, const struct address *b)
{
	return a->qualified == b->qualified && a->local_len == b->local_len &&
	    memcmp(a->mailbox, b->mailbox, a->local_len) == 0 &&
	    span_equal_nocase(address_domain(a), address_domain(b));
}

bool
address_matches(struct span mailbox, const char *pattern)
{
	const char *star = NULL;	/* behind the last '*' met */
	size_t at = 0, resume = 0;	/* and where in mailbox it may end next */

	while (at < mailbox.len) {
		if (*pattern == '*') {
			star = ++pattern;
			resume = at;
		} else if (*pattern != '\0' && ascii_lower(*pattern) == ascii_lower(mailbox.data[at])) {
			pattern++;
			at++;
		} else if (star != NULL) {
			pattern = star;
			at = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
