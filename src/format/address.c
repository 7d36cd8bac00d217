/* SPDX-License-Identifier: ISC */
#include "format/address.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "format/cursor.h"

struct parser {
	struct cursor in;
	const char *group; /* where the group being read begins; NULL outside groups */
	unsigned flags;    /* enum address_flags */
	struct address_list *list;
	struct buf local;   /* the local part, unquoted; scratch else */
	struct buf mailbox; /* the mailbox as it will be kept */
};

static const char dot_in_local[] = "a dot in the wrong place of the local part (missing quotes?)";
static const char dot_in_domain[] = "a dot in the wrong place of the domain";
static const char
    bad_literal[] = "what is in brackets is no IP address ([192.0.2.1], [IPv6:2001:db8::1])";
static const char not_a_list[] = "one address is wanted here, not a list";
static const char text_behind[] = "text behind the address (missing comma?)";

/* The domain. */

static bool
is_address_literal(const struct buf *text)
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
	ps->in.at++;
	for (; cursor_is_literal(cursor_peek(&ps->in)); ps->in.at++)
		if (!cursor_is_white(cursor_peek(&ps->in)))
			buf_addc(&ps->local, *ps->in.at);
	if (!buf_ok(&ps->local))
		return err_memory(ps->in.err);
	if (!cursor_take(&ps->in, ']') || !is_address_literal(&ps->local))
		return cursor_refuse(&ps->in, bad_literal);
	buf_addc(&ps->mailbox, '[');
	buf_add(&ps->mailbox, ps->local.data, ps->local.len);
	buf_addc(&ps->mailbox, ']');
	return cursor_skip_space(&ps->in);
}

static int
add_label(struct parser *ps, struct span label)
{
	for (size_t i = 0; i < label.len; i++) {
		char c = label.data[i];

		/* '_' is in no host name, and in many real ones all the same. */
		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && !is_8bit(c) && c != '-' && c != '_')
			return cursor_refuse(&ps->in,
			    "a character in the domain that is no letter, digit or hyphen");
	}
	buf_add(&ps->mailbox, label.data, label.len);
	return 0;
}

/* Why there is no label here. */
static int
refuse_domain(struct parser *ps, bool first)
{
	int c = cursor_peek(&ps->in);

	if (!first || c == '.')
		return cursor_refuse(&ps->in, dot_in_domain);
	if (c == CURSOR_END || c == ',' || c == ';' || c == '>')
		return cursor_refuse(&ps->in, "no domain behind the '@'");
	return cursor_refuse_stray(&ps->in);
}

/* Behind the '@'; adds the domain to ps->mailbox, and passes the space behind it. */
static int
read_domain(struct parser *ps)
{
	for (bool first = true;; first = false) {
		struct span label;

		if (cursor_skip_space(&ps->in) < 0)
			return -1;
		if (first && cursor_peek(&ps->in) == '[')
			return read_literal(ps);
		label = cursor_take_atom(&ps->in);
		if (label.len == 0)
			return refuse_domain(ps, first);
		if (add_label(ps, label) < 0 || cursor_skip_space(&ps->in) < 0)
			return -1;
		if (!cursor_take(&ps->in, '.'))
			return 0;
		buf_addc(&ps->mailbox, '.');
	}
}

/* The local part. */

/* Why there is no word here. */
static int
refuse_local(struct parser *ps, bool first)
{
	int c = cursor_peek(&ps->in);

	if (!first || c == '.')
		return cursor_refuse(&ps->in, dot_in_local);
	if (c == '@')
		return cursor_refuse(&ps->in, "nothing before the '@'");
	return cursor_refuse_stray(&ps->in);
}

/*
 * Reads word *("." word), with space and comments around them, to ps->local; passes the space
 * behind it.
 */
static int
read_local(struct parser *ps)
{
	buf_clear(&ps->local);
	for (bool first = true;; first = false) {
		if (cursor_skip_space(&ps->in) < 0)
			return -1;
		if (cursor_peek(&ps->in) == '"') {
			if (cursor_read_quoted(&ps->in, &ps->local) < 0)
				return -1;
		} else {
			struct span atom = cursor_take_atom(&ps->in);

			if (atom.len == 0)
				return refuse_local(ps, first);
			buf_add(&ps->local, atom.data, atom.len);
		}
		if (cursor_skip_space(&ps->in) < 0)
			return -1;
		if (!cursor_take(&ps->in, '.'))
			return 0;
		buf_addc(&ps->local, '.');
	}
}

static bool
is_dot_atom(struct span s)
{
	bool dot = true;

	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '.' ? dot : !cursor_is_atext((unsigned char)s.data[i]))
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
		return cursor_refuse(&ps->in, "the local part is too long");
	if (domain.len > ADDRESS_DOMAIN_MAX)
		return cursor_refuse(&ps->in, "the domain is too long");
	a->local_8bit = span_has_8bit(local);
	a->domain_8bit = span_has_8bit(domain);
	if (!a->local_8bit && !a->domain_8bit)
		return 0;
	if (!utf8_valid((struct span){ ps->mailbox.data, ps->mailbox.len }))
		return cursor_refuse(&ps->in, "it is not valid UTF-8");
	return has_hidden(&ps->mailbox) ? cursor_refuse(&ps->in, "an invisible character") : 0;
}

static bool
make_room(struct address_list *list)
{
	size_t cap = list->cap > 0 ? list->cap * 2 : 4;
	struct address *items;

	if (list->count < list->cap)
		return true;
	items = reallocarray(list->items, cap, sizeof(*items));
	if (items == NULL)
		return false;
	list->items = items;
	list->cap = cap;
	return true;
}

static int
append(struct parser *ps, struct address a)
{
	struct address_list *list = ps->list;

	if (!make_room(list))
		return err_memory(ps->in.err);
	a.mailbox = span_dup((struct span){ ps->mailbox.data, ps->mailbox.len });
	if (a.mailbox == NULL)
		return err_memory(ps->in.err);
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
	if (!buf_ok(&ps->local))
		return err_memory(ps->in.err);
	if (ps->local.len == 0)
		return cursor_refuse(&ps->in, "the local part is empty");
	add_local(ps);
	a->local_len = ps->mailbox.len;
	a->qualified = cursor_take(&ps->in, '@');
	if (a->qualified) {
		buf_addc(&ps->mailbox, '@');
		if (read_domain(ps) < 0)
			return -1;
	}
	return buf_ok(&ps->mailbox) ? 0 : err_memory(ps->in.err);
}

/* What stands behind an address must not stand there. */
static int
refuse_behind(struct parser *ps, const struct address *a)
{
	if (!cursor_is_atext(cursor_peek(&ps->in)))
		return cursor_refuse_stray(&ps->in);
	if (!a->qualified && cursor_is_white((unsigned char)ps->in.at[-1]))
		return cursor_refuse(&ps->in,
		    "a space in the local part (missing quotes or comma?)");
	return cursor_refuse(&ps->in, text_behind);
}

/*
 * "@a,@b:" at the begin of an angle address: obsolete, checked and dropped (RFC 5321 appendix C).
 * What it leaves in ps->mailbox is cleared by read_addr_spec().
 */
static int
skip_route(struct parser *ps)
{
	while (!cursor_take(&ps->in, ':')) {
		if (cursor_take(&ps->in, '@')) {
			if (read_domain(ps) < 0)
				return -1;
		} else if (!cursor_take(&ps->in, ',')) {
			return cursor_refuse(&ps->in, "nothing before the '@'");
		}
		if (cursor_skip_space(&ps->in) < 0)
			return -1;
	}
	return 0;
}

static int
append_null(struct parser *ps)
{
	if ((ps->flags & ADDRESS_NULL) == 0)
		return cursor_refuse(&ps->in, "an empty address is not allowed here");
	buf_clear(&ps->mailbox);
	return append(ps, (struct address){ 0 });
}

static int
refuse_open_angle(struct parser *ps, const struct address *a)
{
	int c = cursor_peek(&ps->in);

	if (c == CURSOR_END || c == ',' || c == ';')
		return cursor_refuse(&ps->in, "the '>' is missing");
	return refuse_behind(ps, a);
}

/* At '<'. */
static int
read_angle(struct parser *ps)
{
	struct address a = { 0 };

	ps->in.at++;
	if (cursor_skip_space(&ps->in) < 0)
		return -1;
	if (cursor_take(&ps->in, '>'))
		return append_null(ps);
	if (cursor_peek(&ps->in) == '@' && skip_route(ps) < 0)
		return -1;
	if (read_addr_spec(ps, &a) < 0)
		return -1;
	if (!cursor_take(&ps->in, '>'))
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
	if (ps->in.at != stop)
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
		return cursor_refuse(&ps->in, "one address is wanted here, not a group");
	if (ps->group != NULL)
		return cursor_refuse(&ps->in, "a group within a group");
	if (ps->in.at == ps->in.element)
		return cursor_refuse(&ps->in, "a ':' without the name of a group");
	ps->group = ps->in.element;
	ps->in.at++;
	return 0;
}

/* Lists. */

/* Behind an angle address or a group. */
static int
expect_separator(struct parser *ps)
{
	int c;

	if (cursor_skip_space(&ps->in) < 0)
		return -1;
	c = cursor_peek(&ps->in);
	return c == CURSOR_END || c == ',' || c == ';' ? 0 : cursor_refuse(&ps->in, text_behind);
}

static int
close_group(struct parser *ps)
{
	if (ps->group == NULL)
		return cursor_refuse_stray(&ps->in);
	ps->group = NULL;
	ps->in.at++;
	return expect_separator(ps);
}

/* A mailbox, or the begin of a group. */
static int
read_element(struct parser *ps)
{
	const char *stop;

	if (cursor_skip_words(&ps->in) < 0)
		return -1;
	stop = ps->in.at;
	switch (cursor_peek(&ps->in)) {
	case ':':
		return open_group(ps);
	case '<':
		return read_angle(ps) < 0 ? -1 : expect_separator(ps);
	case '>':
		return cursor_refuse_stray(&ps->in);
	default:
		ps->in.at = ps->in.element;
		return read_bare(ps, stop);
	}
}

static int
read_list(struct parser *ps)
{
	int result = 0;

	while (result == 0) {
		if (cursor_skip_space(&ps->in) < 0)
			return -1;
		switch (cursor_peek(&ps->in)) {
		case CURSOR_END:
			if (ps->group == NULL)
				return 0;
			ps->in.element = ps->group;
			return cursor_refuse(&ps->in, "a group (\"name: …\") without its ';'");
		case ',':
			if ((ps->flags & ADDRESS_ONE) != 0)
				return cursor_refuse(&ps->in, not_a_list);
			ps->in.at++;
			break;
		case ';':
			result = close_group(ps);
			break;
		default:
			ps->in.element = ps->in.at;
			result = read_element(ps);
		}
	}
	return result;
}

/* How many octets of text, from its begin, are atoms with single dots between them. */
static size_t
dot_atom_len(struct span text, const char *others)
{
	bool dot = true;
	size_t i;

	for (i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_')
			dot = false;
		else if (c == '.' && !dot)
			dot = true;
		else if (c != '\0' && c != '.' && strchr(others, c) != NULL)
			dot = false;
		else
			break;
	}
	return i > 0 && !dot ? i : 0;
}

/*
 * Takes text that is "local@domain" in ASCII and nothing else, which needs none of what follows:
 * mostly it is.
 */
static bool
take_plain(struct parser *ps, struct span text, int *result)
{
	size_t local = dot_atom_len(text, "!#$%&'*+/=?^`{|}~"), domain;

	if (local == 0 || local > ADDRESS_LOCAL_MAX || local == text.len || text.data[local] != '@')
		return false;
	domain = text.len - local - 1;
	if (domain > ADDRESS_DOMAIN_MAX || domain == 0 ||
	    dot_atom_len((struct span){ text.data + local + 1, domain }, "") != domain)
		return false;
	buf_add(&ps->mailbox, text.data, text.len);
	*result = buf_ok(&ps->mailbox) ?
	    append(ps, (struct address){ .local_len = local, .qualified = true }) :
	    err_memory(ps->in.err);
	return true;
}

static bool
is_blank(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!cursor_is_white((unsigned char)text.data[i]))
			return false;
	return true;
}

static int
parse(struct parser *ps, struct span text)
{
	size_t count = ps->list->count;

	if (cursor_check_octets(&ps->in) < 0)
		return -1;
	if ((ps->flags & ADDRESS_NULL) != 0 && is_blank(text))
		return append_null(ps);
	if (read_list(ps) < 0)
		return -1;
	if ((ps->flags & ADDRESS_ONE) != 0 && ps->list->count == count) {
		ps->in.element = ps->in.begin;
		return cursor_refuse(&ps->in, "there is no address in it");
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
	struct parser ps = {
		.in = cursor_init(text, err),
		.flags = flags,
		.list = list,
		.local = BUF_INIT(SIZE_MAX),
		.mailbox = BUF_INIT(SIZE_MAX),
	};
	size_t count = list->count;
	int result;

	if (!take_plain(&ps, text, &result))
		result = parse(&ps, text);
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
	return a->local_len == b->local_len && memcmp(a->mailbox, b->mailbox, a->local_len) == 0 &&
	    span_equal_nocase(address_domain(a), address_domain(b));
}

bool
address_matches(struct span mailbox, const char *pattern)
{
	const char *star = NULL;   /* behind the last '*' met */
	size_t at = 0, resume = 0; /* and where in mailbox it may end next */

	while (at < mailbox.len) {
		if (*pattern == '*') {
			star = ++pattern;
			resume = at;
		} else if (*pattern != '\0' &&
		    ascii_lower(*pattern) == ascii_lower(mailbox.data[at])) {
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

const char *
mailbox_domain(const char *mailbox)
{
	const char *at = strrchr(mailbox, '@');

	/* A quoted local part alone may hold an '@', and ends in a quote as no domain does. */
	if (at == NULL || mailbox[strlen(mailbox) - 1] == '"')
		return NULL;
	return at + 1;
}

struct span
mailbox_local(const char *mailbox)
{
	const char *domain = mailbox_domain(mailbox);

	return (struct span){ mailbox,
		domain != NULL ? (size_t)(domain - mailbox) - 1 : strlen(mailbox) };
}

void
address_unquote(struct span text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '"')
			continue;
		if (text.data[i] == '\\' && i + 1 < text.len)
			i++;
		buf_addc(out, text.data[i]);
	}
}
