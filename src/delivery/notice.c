/* SPDX-License-Identifier: ISC */
/*
 * The notice as a message: a multipart/report (RFC 6522) of a text, a report for programs, and the
 * message or its header.
 */
#include "delivery/notice.h"

#include <string.h>

#include "base/checksum.h"
#include "base/span.h"
#include "base/text.h"
#include "base/unique.h"
#include "delivery/notice_part.h"
#include "format/address.h"
#include "format/date.h"
#include "format/domain.h"
#include "format/encode.h"

enum {
	TEXT_MAX = 8 * 1024 * 1024, /* octets of the part for people, or of an encoded header */
	FIELDS_MAX = 512 * 1024,    /* octets of the report's fields about one recipient */
	ID_MAX = 512, /* octets of the message's own Message-ID, where it is to be quoted */
	COPY_SIZE = 16 * 1024,
};

static const struct {
	const char *subject;
	const char *word;      /* for the Message-ID */
	unsigned notify;       /* what NOTIFY must have, where it is given; … */
	bool unasked;          /* … and whether the sender is told where it is not */
	enum item_state state; /* of those it is about */
} kinds[] = {
	[NOTICE_NONE] = { "", "none", 0, false, ITEM_WAITING },
	[NOTICE_FAILED] = { "Undelivered Mail Returned to Sender", "failed", NOTIFY_FAILURE, true,
	    ITEM_REFUSED },
	[NOTICE_DELAYED] = { "Delayed Mail (still being tried)", "delayed", NOTIFY_DELAY, false,
	    ITEM_WAITING },
	[NOTICE_RELAYED] = { "Successful Mail Relay Report", "relayed", NOTIFY_SUCCESS, false,
	    ITEM_ACCEPTED },
};

bool
notice_is_wanted(const struct envelope *envelope, size_t recipient, enum notice notice)
{
	const struct recipient *to = &envelope->recipients[recipient];

	if (envelope->sender == NULL || envelope->sender[0] == '\0')
		return false;
	/* Of the alias that it stands for, whatever is to be reported of itself. */
	if (notice == NOTICE_RELAYED && to->expanded)
		return true;
	if (to->notify == 0)
		return kinds[notice].unasked;
	return (to->notify & NOTIFY_NEVER) == 0 && (to->notify & kinds[notice].notify) != 0;
}

bool
notice_concerns(const struct item *item, size_t recipient, enum notice notice)
{
	const struct item_recipient *r = &item->recipients[recipient];

	if (r->state != kinds[notice].state ||
	    !notice_is_wanted(&item->envelope, recipient, notice))
		return false;
	if (notice == NOTICE_DELAYED)
		return item->attempts > 0 && !r->delay_told;
	return notice == NOTICE_FAILED || !r->relay_told;
}

/* The body on its way to the spool, and what smtp/ must know of it. */
struct body {
	struct message *message;
	struct scan scan;
	struct err *err;
};

static int
put(struct body *body, const char *data, size_t len)
{
	scan_add(&body->scan, (struct span){ data, len });
	return spool_write(&body->message->body, data, len, body->err);
}

static int
put_buf(struct body *body, const struct buf *data)
{
	return buf_ok(data) ? put(body, data->data, data->len) : err_memory(body->err);
}

static void
add_encoded(struct buf *out, struct span text)
{
	struct qp qp = QP_INIT(out);

	qp_add(&qp, text);
	qp_end(&qp);
}

/* The head of a part, behind the boundary.  The line end before a boundary belongs to it. */
static void
add_part_head(struct buf *out, const struct buf *boundary, const char *description,
    const char *type, const char *encoding)
{
	buf_addf(out, "\r\n--%s\r\nContent-Description: %s\r\nContent-Type: %s\r\n", boundary->data,
	    description, type);
	if (encoding != NULL)
		buf_addf(out, "Content-Transfer-Encoding: %s\r\n", encoding);
	buf_adds(out, "\r\n");
}

static int
put_text(const struct notice_work *work, struct body *body, const struct buf *boundary)
{
	struct buf text = BUF_INIT(TEXT_MAX), part = BUF_INIT(4 * TEXT_MAX);
	struct span span;
	int result;

	notice_text(work, &text);
	span = (struct span){ text.data, text.len };
	if (span_has_8bit(span)) {
		add_part_head(&part, boundary, "Notification", "text/plain; charset=utf-8",
		    "quoted-printable");
		add_encoded(&part, span);
	} else {
		add_part_head(&part, boundary, "Notification", "text/plain; charset=us-ascii",
		    NULL);
		buf_add(&part, span.data, span.len);
	}
	part.failed = part.failed || !buf_ok(&text);
	result = put_buf(body, &part);
	buf_release(&text);
	buf_release(&part);
	return result;
}

static int
put_status(const struct notice_work *work, struct body *body, const struct buf *boundary)
{
	struct buf fields = BUF_INIT(FIELDS_MAX);
	int result;

	add_part_head(&fields, boundary, "Delivery report",
	    work->global ? "message/global-delivery-status" : "message/delivery-status",
	    work->global ? "8bit" : NULL);
	notice_status_message(work, &fields);
	result = put_buf(body, &fields);
	for (size_t i = 0; i < work->item->envelope.count && result == 0; i++) {
		if (!notice_concerns(work->item, i, work->notice))
			continue;
		buf_clear(&fields);
		buf_adds(&fields, "\r\n");
		notice_status_recipient(work, i, &fields);
		result = put_buf(body, &fields);
	}
	buf_release(&fields);
	return result;
}

static int
copy_body(const struct message *m, struct body *body)
{
	char scratch[COPY_SIZE];
	const char *data;
	size_t got;

	for (uint64_t at = 0; at < m->body.size; at += got) {
		if (spool_read(&m->body, at, scratch, sizeof(scratch), &data, &got, body->err) < 0)
			return -1;
		if (put(body, data, got) < 0)
			return -1;
	}
	return 0;
}

/*
 * message/rfc822, and message/global (RFC 6532 section 3.7) where the header has UTF-8: as it is,
 * to the last octet.
 */
static int
put_whole(const struct message *m, struct body *body, const struct buf *boundary)
{
	struct span header = { m->header.data, m->header.len };
	bool is_8bit_header = span_has_8bit(header);
	struct buf part = BUF_INIT(MESSAGE_HEADER_MAX + COPY_SIZE);
	int result;

	add_part_head(&part, boundary, "Undelivered message",
	    is_8bit_header && utf8_valid(header) ? "message/global" : "message/rfc822",
	    is_8bit_header || m->body_8bit ? "8bit" : NULL);
	buf_add(&part, header.data, header.len);
	buf_adds(&part, "\r\n");
	result = put_buf(body, &part);
	buf_release(&part);
	return result == 0 ? copy_body(m, body) : -1;
}

/*
 * A header that SMTP would not carry, or that is in no known charset, must be encoded, and
 * message/… may not be.
 */
static bool
must_encode(const struct notice_work *work, struct span header)
{
	struct message m = work->item->message;

	message_header_facts(&m);
	return m.header_line_max > MESSAGE_LINE_MAX ||
	    memchr(header.data, '\0', header.len) != NULL ||
	    (m.header_8bit && (work->seven_bit || !utf8_valid(header)));
}

/*
 * text/rfc822-headers (RFC 6522 section 4), and message/global-headers (RFC 6533 section 6.3) where
 * it has UTF-8.
 */
static int
put_header(const struct notice_work *work, struct body *body, const struct buf *boundary)
{
	struct span header = { work->item->message.header.data, work->item->message.header.len };
	struct buf part = BUF_INIT(TEXT_MAX);
	bool encode = must_encode(work, header), global = !encode && span_has_8bit(header);
	const char *encoding = encode ? "quoted-printable" : global ? "8bit" : NULL;
	int result;

	add_part_head(&part, boundary, "Header of the message",
	    global ? "message/global-headers" : "text/rfc822-headers", encoding);
	if (encode)
		add_encoded(&part, header);
	else
		buf_add(&part, header.data, header.len);
	result = put_buf(body, &part);
	buf_release(&part);
	return result;
}

static int
put_parts(const struct notice_work *work, struct body *body, const struct buf *boundary)
{
	struct buf end = BUF_INIT(256);
	int result = put_text(work, body, boundary);

	if (result == 0)
		result = put_status(work, body, boundary);
	if (result == 0 && work->whole)
		result = put_whole(&work->item->message, body, boundary);
	else if (result == 0)
		result = put_header(work, body, boundary);
	buf_addf(&end, "\r\n--%s--\r\n", boundary->data);
	if (result == 0)
		result = put_buf(body, &end);
	buf_release(&end);
	return result;
}

/*
 * An address for a header field: the domain in ASCII where the local part is, so that it does not
 * ask for SMTPUTF8.
 */
static void
add_address(struct buf *out, const char *address)
{
	const char *domain = mailbox_domain(address);
	struct buf text = BUF_INIT(4 * ID_MAX);
	struct span local = mailbox_local(address);
	struct err ignored;

	err_init(&ignored);
	buf_add(&text, local.data, local.len);
	buf_addc(&text, '@');
	if (domain == NULL || span_has_8bit(local) ||
	    domain_to_ascii(domain, &text, &ignored) < 0) {
		buf_clear(&text);
		buf_adds(&text, address);
	}
	text_printable(out, (struct span){ text.data, text.len }, false);
	out->failed = out->failed || !buf_ok(&text);
	err_release(&ignored);
	buf_release(&text);
}

/* Stands for the recipients whom the notice is about: the same whenever they are the same. */
static uint32_t
sum_of_recipients(const struct notice_work *work)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < work->item->envelope.count; i++) {
		unsigned char number[4] = { (unsigned char)i, (unsigned char)(i >> 8),
			(unsigned char)(i >> 16), (unsigned char)(i >> 24) };

		if (notice_concerns(work->item, i, work->notice))
			sum = checksum(sum, number, sizeof(number));
	}
	return sum;
}

/* Only what is a msg-id beyond doubt: there is no use in one that is not. */
static void
add_references(const struct message *m, struct buf *out)
{
	struct buf id = BUF_INIT(MESSAGE_HEADER_MAX);
	bool good;

	message_id(m, &id);
	good = id.len > 2 && id.len <= ID_MAX && id.data[0] == '<' && id.data[id.len - 1] == '>' &&
	    memchr(id.data, '@', id.len) != NULL;
	for (size_t i = 0; i < id.len && good; i++)
		good = id.data[i] > ' ' && id.data[i] < 127;
	if (good)
		buf_addf(out, "In-Reply-To: %s\r\nReferences: %s\r\n", id.data, id.data);
	buf_release(&id);
}

static void
add_header(const struct notice_work *work, const struct buf *boundary, bool is_8bit,
    struct buf *out)
{
	const struct notice_facts *facts = work->facts;
	struct span host = notice_cut(span_of(facts->host), ADDRESS_DOMAIN_MAX);

	buf_adds(out, "From: Mail Delivery System\r\n <");
	if (facts->from != NULL && facts->from[0] != '\0')
		add_address(out, facts->from);
	else
		buf_addf(out, "MAILER-DAEMON@%.*s", (int)host.len, host.data);
	buf_adds(out, ">\r\nTo: ");
	add_address(out, work->item->envelope.sender);
	buf_addf(out, "\r\nSubject: %s\r\nDate: ", kinds[work->notice].subject);
	notice_add_date(out, facts->now_ms);
	buf_addf(out, "\r\nMessage-ID: <%s.%s-%08x@%.*s>\r\n", work->item->id,
	    kinds[work->notice].word, sum_of_recipients(work), (int)host.len, host.data);
	add_references(&work->item->message, out);
	buf_addf(out,
	    "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"%s\"\r\n",
	    boundary->data);
	if (is_8bit)
		buf_adds(out, "Content-Transfer-Encoding: 8bit\r\n");
}

static int
write_message(const struct notice_work *work, struct message *message, struct err *err)
{
	struct buf boundary = BUF_INIT(64);
	struct body body = { .message = message, .err = err };
	int result;

	/* Nobody can have known it when the message was written. */
	buf_adds(&boundary, "=_");
	unique_add(&boundary);
	result = buf_ok(&boundary) ? put_parts(work, &body, &boundary) :
				     err_set(err, ERR_SYSTEM, "the system gives no random numbers");
	if (result == 0)
		result = spool_finish(&message->body, err);
	scan_end(&body.scan);
	message_body_facts(message, &body.scan);
	if (result == 0)
		add_header(work, &boundary, message->body_8bit, &message->header);
	if (result == 0 && !buf_ok(&message->header))
		result = err_memory(err);
	message_header_facts(message);
	buf_release(&boundary);
	return result;
}

static int
write_envelope(const struct item *item, struct envelope *envelope, struct err *err)
{
	char none[] = "", *sender = item->envelope.sender;
	const char *domain = mailbox_domain(sender);
	const struct address nobody = { .mailbox = none };
	const struct address to = {
		.mailbox = sender,
		.local_len = mailbox_local(sender).len,
		.qualified = domain != NULL,
		.local_8bit = span_has_8bit(mailbox_local(sender)),
		.domain_8bit = domain != NULL && span_has_8bit(span_of(domain)),
	};

	envelope->notify_each = NOTIFY_NEVER;
	if (envelope_set_sender(envelope, &nobody, err) < 0)
		return -1;
	return envelope_add(envelope, &to, err);
}

/* The whole of it could not pass, or would not do so now. */
static bool
is_too_much(const struct err *err)
{
	return err->kind == ERR_MESSAGE || err->reply_code == 552 ||
	    strcmp(err->enhanced, "5.3.4") == 0;
}

/*
 * RFC 3461 section 4.3: RET speaks of failures alone.  Where it is not given, the header will do.
 */
static bool
returns_whole(const struct item *item, enum notice notice)
{
	const struct message *m = &item->message;

	return notice == NOTICE_FAILED && item->envelope.ret == RETURN_FULL &&
	    message_size(m) <= NOTICE_FULL_MAX && !m->body_nul &&
	    m->body_line_max <= MESSAGE_LINE_MAX && m->header_line_max <= MESSAGE_LINE_MAX;
}

static bool
is_utf8(const char *address)
{
	return address != NULL && span_has_8bit(span_of(address)) && utf8_valid(span_of(address));
}

static void
settle_form(struct notice_work *work)
{
	const struct item *item = work->item;

	work->whole = returns_whole(item, work->notice);
	for (size_t i = 0; i < item->envelope.count; i++) {
		if (!notice_concerns(item, i, work->notice))
			continue;
		work->count++;
		work->whole = work->whole && !is_too_much(&item->recipients[i].err);
		work->seven_bit = work->seven_bit || item->recipients[i].err.kind == ERR_MESSAGE;
		work->global = work->global || is_utf8(item->envelope.recipients[i].address) ||
		    is_utf8(item->envelope.recipients[i].original) ||
		    is_utf8(item->envelope.recipients[i].orcpt);
	}
	work->global = work->global && !work->seven_bit;
}

int
notice_make(const struct item *item, enum notice notice, const struct notice_facts *facts,
    struct envelope *envelope, struct message *message, struct err *err)
{
	struct notice_work work = { .item = item, .facts = facts, .notice = notice };

	envelope_init(envelope);
	message_init(message);
	spool_release(&message->body);
	spool_init(&message->body, &facts->place);
	settle_form(&work);
	if (work.count == 0)
		return err_set(err, ERR_BUG, "a notice about nobody");
	if (write_message(&work, message, err) < 0)
		return -1;
	return write_envelope(item, envelope, err);
}
