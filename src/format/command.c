/* SPDX-License-Identifier: ISC */
#include "format/command.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"
#include "format/address.h"
#include "format/codec.h"
#include "format/date.h"
#include "format/reply.h"

static const char *const verbs[] = {
	[COMMAND_AUTH] = "AUTH",
	[COMMAND_BDAT] = "BDAT",
	[COMMAND_DATA] = "DATA",
	[COMMAND_EHLO] = "EHLO",
	[COMMAND_EXPN] = "EXPN",
	[COMMAND_HELO] = "HELO",
	[COMMAND_HELP] = "HELP",
	[COMMAND_LHLO] = "LHLO",
	[COMMAND_MAIL] = "MAIL",
	[COMMAND_NOOP] = "NOOP",
	[COMMAND_QUIT] = "QUIT",
	[COMMAND_RCPT] = "RCPT",
	[COMMAND_RSET] = "RSET",
	[COMMAND_STARTTLS] = "STARTTLS",
	[COMMAND_VRFY] = "VRFY",
};

/* Words that stand for bits or numbers. */
struct word {
	const char *word;
	unsigned value;
};

static const struct word notify_words[] = {
	{ "NEVER", NOTIFY_NEVER },
	{ "SUCCESS", NOTIFY_SUCCESS },
	{ "FAILURE", NOTIFY_FAILURE },
	{ "DELAY", NOTIFY_DELAY },
	{ NULL, 0 },
};

static const struct word ret_words[] = {
	{ "FULL", RETURN_FULL },
	{ "HDRS", RETURN_HEADERS },
	{ NULL, 0 },
};

static const struct word body_words[] = {
	{ "7BIT", BODY_7BIT },
	{ "8BITMIME", BODY_8BITMIME },
	{ "BINARYMIME", BODY_BINARYMIME },
	{ NULL, 0 },
};

enum command_verb
command_verb(struct span *line)
{
	struct span verb = span_cut(line, ' ');

	*line = span_trim(*line);
	verb = span_trim(verb);
	for (size_t i = 1; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (span_is_nocase(verb, verbs[i]))
			return (enum command_verb)i;
	return COMMAND_OTHER;
}

/* Reading. */

struct reader {
	struct mail_command *mail; /* or NULL */
	struct rcpt_command *rcpt; /* or NULL */
	struct buf *text;
	struct err *err;
};

static int
refuse(struct reader *r, int code, const char *enhanced, const char *what, struct span text)
{
	struct buf shown = BUF_INIT(ERR_TEXT_MAX / 2);

	text_printable(&shown, text, false);
	err_set(r->err, ERR_PROTOCOL, "%s%s%s", what, shown.len > 0 ? ": " : "", shown.data);
	r->err->reply_code = code;
	memcpy(r->err->enhanced, enhanced, strlen(enhanced) + 1);
	buf_release(&shown);
	return -1;
}

/* The value of the word; 0 where it is none of them. */
static unsigned
word_value(const struct word *words, struct span text)
{
	for (; words->word != NULL; words++)
		if (span_is_nocase(text, words->word))
			return words->value;
	return 0;
}

/* What was just added to r->text, as long as that is not made to move. */
static struct span
added(const struct reader *r, size_t before)
{
	return (struct span){ r->text->data + before, r->text->len - before };
}

static bool
read_size(struct reader *r, struct span value)
{
	r->mail->has_size = true;
	return span_number(value, UINT64_MAX, &r->mail->size);
}

static bool
read_body(struct reader *r, struct span value)
{
	r->mail->body = (enum body_type)word_value(body_words, value);
	return r->mail->body != BODY_UNSAID;
}

static bool
read_utf8(struct reader *r, struct span value)
{
	(void)value;
	r->mail->utf8 = true;
	return true;
}

static bool
read_require_tls(struct reader *r, struct span value)
{
	(void)value;
	r->mail->require_tls = true;
	return true;
}

static bool
read_ret(struct reader *r, struct span value)
{
	r->mail->ret = (enum dsn_return)word_value(ret_words, value);
	return r->mail->ret != RETURN_DEFAULT;
}

/* Decoded it is printable ASCII (RFC 3461 section 4.4), for it stands in reports. */
static bool
read_envid(struct reader *r, struct span value)
{
	struct buf decoded = BUF_INIT(COMMAND_ENVID_MAX);
	bool valid = xtext_decode(&decoded, value) && buf_ok(&decoded) && decoded.len > 0;

	for (size_t i = 0; i < decoded.len && valid; i++)
		valid = decoded.data[i] >= ' ' && decoded.data[i] <= '~';
	buf_release(&decoded);
	r->mail->envid = value;
	return valid;
}

static bool
read_auth(struct reader *r, struct span value)
{
	size_t before = r->text->len;

	if (span_is(value, "<>")) {
		r->mail->auth = (struct span){ "", 0 };
		return true;
	}
	if (!xtext_decode(r->text, value) || value.len == 0)
		return false;
	r->mail->auth = added(r, before);
	return r->mail->auth.len <= COMMAND_ADDRESS_MAX && utf8_valid(r->mail->auth) &&
	    !span_has_control(r->mail->auth);
}

/* "-30;NT": mode R is for what is not late yet (RFC 2852 section 4). */
static bool
read_by(struct reader *r, struct span value)
{
	struct span mode = value, seconds = span_cut(&mode, ';');
	bool negative = seconds.len > 0 && seconds.data[0] == '-';
	uint64_t number;

	if (seconds.len > 0 && (negative || seconds.data[0] == '+')) {
		seconds.data++;
		seconds.len--;
	}
	if (seconds.len > 9 || !span_number(seconds, EHLO_SECONDS_MAX, &number))
		return false;
	r->mail->has_by = true;
	r->mail->by_s = negative ? -(int64_t)number : (int64_t)number;
	r->mail->by_trace = mode.len == 2 && ascii_lower(mode.data[1]) == 't';
	if (mode.len != (r->mail->by_trace ? 2u : 1u))
		return false;
	r->mail->by_return = ascii_lower(mode.data[0]) == 'r';
	return r->mail->by_return ? r->mail->by_s > 0 : ascii_lower(mode.data[0]) == 'n';
}

/* Until when and for how long: one alone (RFC 4865 section 3). */
static bool
read_hold_for(struct reader *r, struct span value)
{
	uint64_t number;

	if (value.len > 9 || !span_number(value, EHLO_SECONDS_MAX, &number) || number == 0)
		return false;
	r->mail->hold_for_s = (int64_t)number;
	return r->mail->hold_until_s == 0;
}

static bool
read_hold_until(struct reader *r, struct span value)
{
	return date_read_utc(value, &r->mail->hold_until_s) && r->mail->hold_until_s > 0 &&
	    r->mail->hold_for_s == 0;
}

static bool
read_priority(struct reader *r, struct span value)
{
	bool negative = value.len == 2 && value.data[0] == '-';
	char digit = value.len > 0 ? value.data[value.len - 1] : '\0';

	r->mail->has_priority = true;
	r->mail->priority = negative ? -(digit - '0') : digit - '0';
	return value.len == (negative ? 2u : 1u) && ascii_is_digit(digit) &&
	    !(negative && digit == '0');
}

static bool
read_notify(struct reader *r, struct span value)
{
	unsigned *notify = &r->rcpt->notify;

	do {
		unsigned bit = word_value(notify_words, span_cut(&value, ','));

		if (bit == 0)
			return false;
		*notify |= bit;
	} while (value.len > 0);
	return (*notify & NOTIFY_NEVER) == 0 || *notify == NOTIFY_NEVER;
}

static bool
read_orcpt(struct reader *r, struct span value)
{
	size_t before = r->text->len;
	struct span address = value, type = span_cut(&address, ';');
	bool valid = value.len <= COMMAND_ADDRESS_MAX && type.len > 0 && address.len > 0;

	for (size_t i = 0; i < type.len && valid; i++)
		valid = ascii_is_alpha(type.data[i]) || ascii_is_digit(type.data[i]) ||
		    type.data[i] == '-';
	if (!valid)
		return false;
	valid = span_is_nocase(type, "utf-8") ? utf8_xtext_decode(r->text, address) :
						xtext_decode(r->text, address);
	r->rcpt->orcpt_type = type;
	r->rcpt->orcpt = added(r, before);
	return valid && utf8_valid(r->rcpt->orcpt) && !span_has_control(r->rcpt->orcpt);
}

/* One row a parameter; its function says whether the value makes sense (data NULL: there is none).
 */
static const struct parameter {
	const char *name;
	bool (*read)(struct reader *r, struct span value);
	bool valued; /* has a value, which is then read; else must have none */
} mail_parameters[] = {
	{ "SIZE", read_size, true },
	{ "BODY", read_body, true },
	{ "SMTPUTF8", read_utf8, false },
	{ "RET", read_ret, true },
	{ "ENVID", read_envid, true },
	{ "AUTH", read_auth, true },
	{ "REQUIRETLS", read_require_tls, false },
	{ "BY", read_by, true },
	{ "HOLDFOR", read_hold_for, true },
	{ "HOLDUNTIL", read_hold_until, true },
	{ "MT-PRIORITY", read_priority, true },
	{ NULL, NULL, false },
}, rcpt_parameters[] = {
	{ "NOTIFY", read_notify, true },
	{ "ORCPT", read_orcpt, true },
	{ NULL, NULL, false },
};

/* Graphic characters but '=', and UTF-8 (RFC 5321 section 4.1.2, RFC 6531 section 3.3). */
static bool
is_value(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '=' || text.data[i] == ' ' || ascii_is_control(text.data[i]))
			return false;
	return text.len > 0 && utf8_valid(text);
}

static int
read_parameters(struct reader *r, struct span rest, const struct parameter *parameters)
{
	unsigned seen = 0;

	for (rest = span_trim(rest); rest.len > 0; rest = span_trim(rest)) {
		struct span text = span_cut(&rest, ' '), value = text;
		struct span name = span_cut(&value, '=');
		const struct parameter *p = parameters;

		if (name.len == text.len)
			value = (struct span){ NULL, 0 };
		else if (!is_value(value))
			return refuse(r, 501, "5.5.4", "the value of a parameter makes no sense",
			    text);
		while (p->name != NULL && !span_is_nocase(name, p->name))
			p++;
		if (p->name == NULL)
			return refuse(r, 555, "5.5.4", "an unknown parameter", text);
		if ((seen & 1u << (p - parameters)) != 0)
			return refuse(r, 501, "5.5.4", "a parameter comes twice", text);
		seen |= 1u << (p - parameters);
		if ((value.data != NULL) != p->valued || !p->read(r, value))
			return refuse(r, 501, "5.5.4", "the value of a parameter makes no sense",
			    text);
	}
	return 0;
}

/* Octets of text up to '>', which may stand in quotes before; 0 where it has none. */
static size_t
path_len(struct span text)
{
	bool quoted = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		/* White space and comments are for headers. */
		if (c == '>' && !quoted)
			return i + 1;
		if ((!quoted && (c == ' ' || c == '(' || c == ')')) || ascii_is_control(c))
			return 0;
		if (c == '"')
			quoted = !quoted;
		else if (c == '\\' && quoted)
			i++;
	}
	return 0;
}

/*
 * Reads "FROM:<…>" or "TO:<…>", and takes it off *rest.  The mailbox goes to r->text, which gets
 * room for all that is read: nothing in it moves until the line is done.
 */
static int
read_path(struct reader *r, const char *word, const char *bad_address, struct span *rest,
    struct span *path)
{
	struct address_list list = ADDRESS_LIST_INIT;
	struct span text = span_trim(*rest);
	struct err why;
	size_t len;
	int result;

	if (!span_starts_nocase(text, word))
		return refuse(r, 501, "5.5.2", "a path is missing behind", span_of(word));
	text.data += strlen(word);
	text.len -= strlen(word);
	text = span_trim(text);
	len = text.len > 0 && text.data[0] == '<' ? path_len(text) : 0;
	if (len == 0 || (len < text.len && text.data[len] != ' '))
		return refuse(r, 501, "5.5.2", "a path in < and > is missing", text);
	*rest = (struct span){ text.data + len, text.len - len };
	text.len = len;
	err_init(&why);
	result = address_parse(&list, text, ADDRESS_ONE | ADDRESS_NULL, &why);
	if (result == 0) {
		const char *mailbox = list.items[0].mailbox;

		buf_clear(r->text);
		if (buf_reserve(r->text, strlen(mailbox) + rest->len + 1) != NULL)
			buf_adds(r->text, mailbox);
		*path = added(r, 0);
		if (!buf_ok(r->text))
			result = err_memory(r->err);
	} else if (why.kind == ERR_SYSTEM) {
		err_move(r->err, &why);
	} else {
		refuse(r, 501, bad_address, why.what.data, (struct span){ "", 0 });
	}
	err_release(&why);
	address_list_release(&list);
	return result;
}

/* UTF-8 in a path, and SMTPUTF8 is not there to allow it. */
static int
check_utf8(struct reader *r, struct span path, bool utf8)
{
	if (utf8 || !span_has_8bit(path))
		return 0;
	return refuse(r, 553, "5.6.7", "this address needs SMTPUTF8", path);
}

int
command_read_mail(struct span rest, struct mail_command *mail, struct buf *text, struct err *err)
{
	struct reader r = { .mail = mail, .text = text, .err = err };

	*mail = (struct mail_command){ .path = { "", 0 } };
	if (read_path(&r, "FROM:", "5.1.7", &rest, &mail->path) < 0 ||
	    read_parameters(&r, rest, mail_parameters) < 0)
		return -1;
	return check_utf8(&r, mail->path, mail->utf8);
}

int
command_read_rcpt(struct span rest, bool utf8, struct rcpt_command *rcpt, struct buf *text,
    struct err *err)
{
	struct reader r = { .rcpt = rcpt, .text = text, .err = err };

	*rcpt = (struct rcpt_command){ .path = { "", 0 } };
	if (read_path(&r, "TO:", "5.1.3", &rest, &rcpt->path) < 0 ||
	    read_parameters(&r, rest, rcpt_parameters) < 0)
		return -1;
	if (rcpt->path.len == 0)
		return refuse(&r, 501, "5.1.3", "nobody is named", rcpt->path);
	return check_utf8(&r, rcpt->path, utf8);
}

/* Writing. */

static const char *
word_of(const struct word *words, unsigned value)
{
	while (words->value != value)
		words++;
	return words->word;
}

void
command_add_mail(struct buf *out, const struct mail_command *mail)
{
	buf_adds(out, "MAIL FROM:<");
	buf_add(out, mail->path.data, mail->path.len);
	buf_addc(out, '>');
	if (mail->has_size)
		buf_addf(out, " SIZE=%" PRIu64, mail->size);
	if (mail->body != BODY_UNSAID)
		buf_addf(out, " BODY=%s", word_of(body_words, mail->body));
	if (mail->utf8)
		buf_adds(out, " SMTPUTF8");
	if (mail->ret != RETURN_DEFAULT)
		buf_addf(out, " RET=%s", word_of(ret_words, mail->ret));
	if (mail->envid.data != NULL) {
		buf_adds(out, " ENVID=");
		buf_add(out, mail->envid.data, mail->envid.len);
	}
	if (mail->auth.data != NULL) {
		buf_adds(out, mail->auth.len > 0 ? " AUTH=" : " AUTH=<>");
		xtext_add(out, mail->auth);
	}
	if (mail->require_tls)
		buf_adds(out, " REQUIRETLS");
	if (mail->has_by)
		buf_addf(out, " BY=%" PRId64 ";%c%s", mail->by_s, mail->by_return ? 'R' : 'N',
		    mail->by_trace ? "T" : "");
	if (mail->hold_for_s > 0)
		buf_addf(out, " HOLDFOR=%" PRId64, mail->hold_for_s);
	if (mail->hold_until_s > 0) {
		buf_adds(out, " HOLDUNTIL=");
		date_add_utc(out, mail->hold_until_s);
	}
	if (mail->has_priority)
		buf_addf(out, " MT-PRIORITY=%d", mail->priority);
}

void
command_add_rcpt(struct buf *out, const struct rcpt_command *rcpt, bool utf8)
{
	const char *before = " NOTIFY=";
	size_t len;

	buf_adds(out, "RCPT TO:<");
	buf_add(out, rcpt->path.data, rcpt->path.len);
	buf_addc(out, '>');
	for (const struct word *w = notify_words; rcpt->notify != 0 && w->word != NULL; w++) {
		if ((rcpt->notify & w->value) == 0)
			continue;
		buf_adds(out, before);
		buf_adds(out, w->word);
		before = ",";
	}
	if (rcpt->orcpt.data == NULL)
		return;
	len = out->len;
	buf_adds(out, " ORCPT=");
	buf_add(out, rcpt->orcpt_type.data, rcpt->orcpt_type.len);
	buf_addc(out, ';');
	if (span_is_nocase(rcpt->orcpt_type, "utf-8"))
		utf8_xtext_add(out, rcpt->orcpt, !utf8);
	else
		xtext_add(out, rcpt->orcpt);
	if (out->len > len + strlen(" ORCPT=") + COMMAND_ADDRESS_MAX)
		buf_truncate(out, len);
}
