/* SPDX-License-Identifier: ISC */
/*
 * With NOTICE_DIR in the environment, each notice of the table is also written there, for other
 * eyes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/span.h"
#include "base/text.h"
#include "delivery/notice.h"
#include "delivery/notice_part.h"
#include "with_err.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { RECIPIENTS_MAX = 4, NEEDLES_MAX = 12 };

static const int64_t now_ms = 1800000000000, day_ms = 86400000;
/* One recipient of a row. */
struct fate {
	const char *address, *original;
	enum item_state state;
	enum err_kind kind;
	int code;
	const char *enhanced, *what, *reply, *peer;
	bool in_doubt, told;
	unsigned notify; /* 0: as the row says */
	const char *orcpt_type, *orcpt;
	bool expanded;
};

struct row {
	const char *name;
	enum notice notice;
	unsigned notify;
	enum dsn_return ret;
	const char *sender, *envid, *header, *body; /* NULL: the usual */
	struct fate to[RECIPIENTS_MAX];
	const char *has[NEEDLES_MAX], *lacks[NEEDLES_MAX];
};

#define HEADER \
	"From: alice@example.org\r\nTo: bob@example.net\r\nSubject: hello\r\nDate: Thu, 1 Oct 2026 12:00:00 +0000\r\n" \
	"Message-ID: <1@example.org>\r\n"
#define BODY "Hello Bob.\r\n"
#define UNKNOWN \
	{ \
		"bob@example.net", NULL, ITEM_REFUSED, ERR_RECIPIENT_UNKNOWN, 550, "5.1.1", \
		    "the server refused the recipient: <bob@example.net>", \
		    "550 5.1.1 no such user", "mx.example.net:587", false, false, 0, NULL, NULL, \
		    false \
	}
#define WAITING \
	{ \
		"carol@example.net", NULL, ITEM_WAITING, ERR_CONNECT, 0, "", \
		    "cannot connect: Connection refused", "", "mx.example.net:587", false, false, \
		    0, NULL, NULL, false \
	}
#define ACCEPTED \
	{ \
		"dave@example.net", NULL, ITEM_ACCEPTED, ERR_NONE, 0, "", "", "", "", false, \
		    false, 0, NULL, NULL, false \
	}

/* A fate of which only the error counts. */
#define FAILED(kind, code, enhanced, reply) \
	{ \
		"bob@example.net", NULL, ITEM_REFUSED, kind, code, enhanced, "it failed", reply, \
		    "mx.example.net:587", false, false, 0, NULL, NULL, false \
	}

static const struct row rows[] = {
	{ .name = "header",
	    .notice = NOTICE_FAILED,
	    .to = { UNKNOWN },
	    .has = { "From: Mail Delivery System\r\n <me@example.org>\r\nTo: alice@example.org\r\n"
		     "Subject: Undelivered Mail Returned to Sender\r\nDate: Fri, 15 Jan 2027 10:00:00 +0200\r\n"
		     "Message-ID: <0123456789.failed-",
		"@host.example>\r\nIn-Reply-To: <1@example.org>\r\nReferences: <1@example.org>\r\n"
		"Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"" },
	    .lacks = { "8bit" } },
	{ .name = "failed",
	    .notice = NOTICE_FAILED,
	    .to = { UNKNOWN },
	    .has = { "\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nThis is the mail system at host.example.\r\n",
		"could not be delivered to the address below",
		"\r\n  bob@example.net\r\n"
		"      the server refused the recipient: <bob@example.net>\r\n"
		"      mx.example.net:587 said: 550 5.1.1 no such user\r\n"
		"      What may help: check the address\r\n",
		"\r\n  Subject: hello\r\n"
		"  Date: Thu, 1 Oct 2026 12:00:00 +0000\r\n"
		"  To: bob@example.net\r\n"
		"  Queue id: 0123456789\r\n",
		"Its text is not returned",
		"\r\nContent-Type: message/delivery-status\r\n\r\n"
		"Reporting-MTA: dns; host.example\r\n"
		"Arrival-Date: Sun, 10 Jan 2027 10:00:00 +0200\r\n\r\n"
		"Original-Recipient: rfc822; bob@example.net\r\n"
		"Final-Recipient: rfc822; bob@example.net\r\n"
		"Action: failed\r\n"
		"Status: 5.1.1\r\n"
		"Remote-MTA: dns; mx.example.net\r\n"
		"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
		"Last-Attempt-Date: Fri, 15 Jan 2027 09:59:00 +0200\r\n\r\n--",
		"\r\nContent-Type: text/rfc822-headers\r\n\r\n" HEADER "\r\n--" },
	    .lacks = { BODY, "other recipient", "Will-Retry-Until", "Original-Envelope-Id" } },
	{ .name = "others",
	    .notice = NOTICE_FAILED,
	    .to = { UNKNOWN, WAITING, ACCEPTED },
	    .has = { "delivered to the mail server for 1 other recipient.",
		"still being tried for 1 other recipient." },
	    .lacks = { "  carol@example.net", "  dave@example.net", "rfc822; carol",
		"rfc822; dave" } },
	{ .name = "settled",
	    .notice = NOTICE_FAILED,
	    .to = { UNKNOWN, { "eve@example.net", .state = ITEM_SETTLED },
		{ "fay@example.net", .state = ITEM_SETTLED } },
	    .has = { "could not be delivered to 2 other recipients." },
	    .lacks = { "eve@", "fay@" } },
	{ .name = "same-reason",
	    .notice = NOTICE_FAILED,
	    .to = { { "a@x", .state = ITEM_REFUSED, .kind = ERR_SERVICE, .what = "no service" },
		{ "b@x", .state = ITEM_REFUSED, .kind = ERR_SERVICE, .what = "no service" },
		{ "c@x", .state = ITEM_REFUSED, .kind = ERR_SERVICE, .what = "other" } },
	    .has = { "the 3 addresses below",
		"\r\n  a@x\r\n  b@x\r\n      no service\r\n\r\n  c@x\r\n      "
		"other\r\n" } },
	{ .name = "whole",
	    .notice = NOTICE_FAILED,
	    .ret = RETURN_FULL,
	    .to = { UNKNOWN },
	    .has = { "\r\nContent-Type: message/rfc822\r\n\r\n" HEADER "\r\n" BODY "\r\n--",
		"and the whole message" },
	    .lacks = { "rfc822-headers", "8bit" } },
	{ .name = "headers",
	    .notice = NOTICE_FAILED,
	    .ret = RETURN_HEADERS,
	    .to = { UNKNOWN },
	    .has = { "text/rfc822-headers" },
	    .lacks = { BODY } },
	{ .name = "whole-8bit",
	    .notice = NOTICE_FAILED,
	    .ret = RETURN_FULL,
	    .body = "gr\xc3\xbc\xc3\x9f"
		    "e\r\n",
	    .to = { UNKNOWN },
	    .has = { "message/rfc822\r\nContent-Transfer-Encoding: "
		     "8bit\r\n\r\n" HEADER "\r\ngr\xc3\xbc\xc3\x9f"
		     "e\r\n\r\n--",
		"\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\r\n--" } },
	{ .name = "whole-global",
	    .notice = NOTICE_FAILED,
	    .ret = RETURN_FULL,
	    .header = "Subject: gr\xc3\xbcn\r\n",
	    .to = { UNKNOWN },
	    .has = { "message/global\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: gr\xc3\xbcn\r\n\r\n" BODY,
		"charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n",
		"Subject: gr=C3=BCn\r\n" } },
	{ .name = "whole-latin1",
	    .notice = NOTICE_FAILED,
	    .ret = RETURN_FULL,
	    .header = "Subject: gr\xfcn\r\n",
	    .to = { UNKNOWN },
	    .has = { "message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: gr\xfcn\r\n\r\n" BODY,
		"Subject: gr\\xFCn\r\n" } },
	{ .name = "headers-global",
	    .notice = NOTICE_FAILED,
	    .header = "Subject: gr\xc3\xbcn\r\n",
	    .to = { UNKNOWN },
	    .has = { "message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: "
		     "gr\xc3\xbcn\r\n\r\n--" } },
	{ .name = "headers-latin1",
	    .notice = NOTICE_FAILED,
	    .header = "Subject: gr\xfcn = \r\nTo: x\t\r\n",
	    .to = { UNKNOWN },
	    .has = { "text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSubject: gr=FCn "
		     "=3D=20\r\nTo: "
		     "x=09\r\n\r\n--" },
	    .lacks = { "8bit" } },
	/* What a server would not take as it is does not go back to it. */
	{ .name = "plain",
	    .notice = NOTICE_FAILED,
	    .ret = RETURN_FULL,
	    .header = "Subject: gr\xc3\xbcn\r\n",
	    .to = { FAILED(ERR_MESSAGE, 0, "", ""),
		{ "\xc3\xbc+a@x.example", .state = ITEM_REFUSED, .kind = ERR_MESSAGE } },
	    .has = { "message/delivery-status\r\n\r\n", "Status: 5.6.0\r\n",
		"text/rfc822-headers\r\nContent-Transfer-Encoding: "
		"quoted-printable\r\n\r\nSubject: gr=C3=BCn\r\n",
		"Final-Recipient: utf-8; \\x{FC}\\x{2B}a@x.example\r\n" },
	    .lacks = { "8bit", "global", BODY } },
	{ .name = "too-large-552",
	    .notice = NOTICE_FAILED,
	    .ret = RETURN_FULL,
	    .to = { FAILED(ERR_REFUSED, 552, "", "552 big") },
	    .has = { "text/rfc822-headers", "Status: 5.0.0\r\n" } },
	{ .name = "too-large-534",
	    .notice = NOTICE_FAILED,
	    .ret = RETURN_FULL,
	    .to = { FAILED(ERR_REFUSED, 554, "5.3.4", "554 5.3.4 big") },
	    .has = { "text/rfc822-headers", "Status: 5.3.4\r\n" } },
	/* Other notices. */
	{ .name = "delayed",
	    .notice = NOTICE_DELAYED,
	    .notify = NOTIFY_DELAY | NOTIFY_FAILURE,
	    .ret = RETURN_FULL,
	    .to = { WAITING, UNKNOWN },
	    .has = { "Subject: Delayed Mail (still being tried)\r\n",
		"Message-ID: <0123456789.delayed-",
		"It is tried again until Sat, 16 Jan 2027 10:00:00 +0200", "You will be told if",
		"Action: delayed\r\nStatus: 4.4.1\r\nLast-Attempt",
		"\r\nWill-Retry-Until: Sat, 16 Jan 2027 10:00:00 +0200\r\n", "text/rfc822-headers",
		"could not be delivered to 1 other recipient." },
	    .lacks = { "Remote-MTA", "Diagnostic-Code", "rfc822; bob", BODY } },
	{ .name = "delayed-only",
	    .notice = NOTICE_DELAYED,
	    .notify = NOTIFY_DELAY,
	    .to = { { "a@x", .state = ITEM_WAITING, .kind = ERR_TEMPORARY, .code = 451,
			.enhanced = "4.7.1", .what = "w", .reply = "451 4.7.1 greylisted",
			.peer = "mx.example.net:25" },
		{ "b@x", .state = ITEM_WAITING } },
	    .has = { "You asked not to be told",
		"Status: 4.7.1\r\nRemote-MTA: dns; "
		"mx.example.net\r\nDiagnostic-Code: smtp; 451 4.7.1 "
		"greylisted\r\n",
		"Status: 4.0.0\r\n", "Its turn has not come yet" } },
	{ .name = "relayed",
	    .notice = NOTICE_RELAYED,
	    .notify = NOTIFY_SUCCESS,
	    .ret = RETURN_FULL,
	    .to = { ACCEPTED, WAITING },
	    .has = { "Subject: Successful Mail Relay Report\r\n",
		"Message-ID: <0123456789.relayed-", "passed on to the mail server",
		"Action: relayed\r\nStatus: 2.1.9\r\n", "text/rfc822-headers",
		"tried for 1 other recipient." },
	    .lacks = { "No reason", "Its turn", "rfc822; carol", BODY } },
	/* Each recipient has its own wishes. */
	{ .name = "some-want-it",
	    .notice = NOTICE_FAILED,
	    .to = { { "bob@x", .state = ITEM_REFUSED, .notify = NOTIFY_NEVER },
		{ "carol@x", .state = ITEM_REFUSED },
		{ "dave@x", .state = ITEM_REFUSED, .notify = NOTIFY_DELAY | NOTIFY_SUCCESS },
		{ "eve@x", .state = ITEM_REFUSED, .notify = NOTIFY_FAILURE } },
	    .has = { "the 2 addresses below", "Final-Recipient: rfc822; carol@x\r\n",
		"Final-Recipient: rfc822; eve@x\r\n", "delivered to 2 other recipients" },
	    .lacks = { "rfc822; bob", "rfc822; dave" } },
	{ .name = "delayed-some",
	    .notice = NOTICE_DELAYED,
	    .to = { { "a@x", .notify = NOTIFY_DELAY }, { "b@x", .notify = NOTIFY_FAILURE },
		{ "c@x", .notify = NOTIFY_DELAY | NOTIFY_FAILURE } },
	    .has = { "the 2 addresses below" },
	    .lacks = { "You will be told", "You asked not", "rfc822; b@x" } },
	{ .name = "delayed-all-with-failures",
	    .notice = NOTICE_DELAYED,
	    .to = { { "b@x" }, { "c@x", .notify = NOTIFY_DELAY | NOTIFY_FAILURE } },
	    .has = { "You will be told if" } },
	{ .name = "orcpt",
	    .notice = NOTICE_FAILED,
	    .to = { { "a@x", .original = "root", .state = ITEM_REFUSED, .orcpt_type = "rfc822",
			.orcpt = "root@host.example" },
		{ "b@x", .state = ITEM_REFUSED, .orcpt_type = "X400", .orcpt = "c=fr;a=b" },
		{ "c@x", .state = ITEM_REFUSED, .orcpt_type = "UTF-8", .orcpt = "c@x" } },
	    .has = { "  a@x (given as root)\r\n",
		"Original-Recipient: rfc822; root@host.example\r\nFinal-Recipient: rfc822; a@x\r\n",
		"Original-Recipient: X400; c=fr;a=b\r\nFinal-Recipient: rfc822; b@x\r\n",
		"Original-Recipient: rfc822; c@x\r\nFinal-Recipient: rfc822; c@x\r\n" } },
	{ .name = "orcpt-utf8",
	    .notice = NOTICE_FAILED,
	    .to = { { "a@x", .state = ITEM_REFUSED, .orcpt_type = "utf-8",
		.orcpt = "\xc3\xa4@x" } },
	    .has = { "message/global-delivery-status",
		"Original-Recipient: utf-8; \xc3\xa4@x\r\nFinal-Recipient: rfc822; a@x\r\n" } },
	{ .name = "orcpt-hostile",
	    .notice = NOTICE_FAILED,
	    .to = { { "a@x", .state = ITEM_REFUSED, .orcpt_type = "x\x01",
		.orcpt = "y\r\nAction: delivered" } },
	    .has = { "Original-Recipient: x\\x01; y\\x0D\\x0AAction: delivered\r\n" } },
	{ .name = "expanded",
	    .notice = NOTICE_RELAYED,
	    .to = { { "a@x", .original = "team", .state = ITEM_ACCEPTED, .notify = NOTIFY_FAILURE,
			.orcpt_type = "rfc822", .orcpt = "team@h", .expanded = true },
		{ "b@x", .original = "team", .state = ITEM_ACCEPTED, .notify = NOTIFY_FAILURE,
		    .orcpt_type = "rfc822", .orcpt = "team@h" } },
	    .has = { "Original-Recipient: rfc822; team@h\r\nFinal-Recipient: rfc822; team@h\r\n"
		     "Action: expanded\r\nStatus: 2.0.0\r\n",
		"stands for several addresses", "1 other recipient" },
	    .lacks = { "does not report", "rfc822; a@x", "rfc822; b@x", "relayed\r\n" } },
	{ .name = "expanded-and-relayed",
	    .notice = NOTICE_RELAYED,
	    .to = { { "a@x", .original = "team", .state = ITEM_ACCEPTED, .notify = NOTIFY_NEVER,
			.orcpt_type = "rfc822", .orcpt = "team@h", .expanded = true },
		{ "b@x", .state = ITEM_ACCEPTED, .notify = NOTIFY_SUCCESS } },
	    .has = { "Action: expanded\r\nStatus: 2.0.0\r\n", "stands for several addresses",
		"does not report",
		"Final-Recipient: rfc822; b@x\r\nAction: relayed\r\nStatus: 2.1.9\r\n" } },
	/* A member that fails is told of by itself. */
	{ .name = "expanded-failed",
	    .notice = NOTICE_FAILED,
	    .to = { { "a@x", .original = "team", .state = ITEM_REFUSED, .notify = NOTIFY_FAILURE,
		.orcpt_type = "rfc822", .orcpt = "team@h", .expanded = true } },
	    .has = { "Original-Recipient: rfc822; team@h\r\nFinal-Recipient: rfc822; a@x\r\n"
		     "Action: failed\r\n" } },
	{ .name = "expired",
	    .notice = NOTICE_FAILED,
	    .to = { FAILED(ERR_TEMPORARY, 451, "4.7.1", "451 4.7.1 later"),
		FAILED(ERR_TEMPORARY, 451, "4.4.7", "451 x") },
	    .has = { "Status: 5.4.7\r\nRemote-MTA: dns; mx.example.net\r\nDiagnostic-Code: smtp; 451 4.7.1 later\r\n",
		"Status: 5.4.7\r\nRemote-MTA: dns; mx.example.net\r\nDiagnostic-Code: smtp; 451 x\r\n" } },
	{ .name = "in-doubt",
	    .notice = NOTICE_FAILED,
	    .to = { { "bob@example.net", NULL, ITEM_REFUSED, ERR_LOST, 0, "", "lost", "",
			"a.example:25", true, false, 0, NULL, NULL, false },
		{ "bob@example.net", NULL, ITEM_REFUSED, ERR_LOST, 0, "4.4.7", "lost", "",
		    "b.example:25", true, false, 0, NULL, NULL, false } },
	    .has = { "it may\r\n      have been delivered all the same",
		"Status: 5.4.2\r\nRemote-MTA: dns; a.example\r\nLast-",
		"Status: 5.4.7\r\nRemote-MTA: dns; b.example\r\nLast-" },
	    .lacks = { "Diagnostic-Code" } },
	/* What stands in the fields. */
	{ .name = "envid",
	    .notice = NOTICE_FAILED,
	    .envid = "a+2Bb+40c+ZZ+4",
	    .to = { UNKNOWN },
	    .has = { "\r\n\r\nOriginal-Envelope-Id: a+b@c+ZZ+4\r\nReporting-MTA: " } },
	{ .name = "envid-lines",
	    .notice = NOTICE_FAILED,
	    .envid = "a+0D+0AAction:+20delivered+00+C3",
	    .to = { UNKNOWN },
	    .has = { "Original-Envelope-Id: a\\x0D\\x0AAction: delivered\\x00\\xC3\r\n" },
	    .lacks = { "\nAction: delivered" } },
	{ .name = "original",
	    .notice = NOTICE_FAILED,
	    .to = { { "me@example.org", "root", ITEM_REFUSED, ERR_REFUSED, 554, "",
		"the server refused the message", "554 no", "[2001:db8::1]:25", false, false } },
	    .has = { "  me@example.org (given as root)\r\n",
		"Original-Recipient: rfc822; root\r\nFinal-Recipient: "
		"rfc822; me@example.org\r\n",
		"Status: 5.0.0\r\nRemote-MTA: dns; [IPv6:2001:db8::1]\r\n" } },
	{ .name = "peers",
	    .notice = NOTICE_FAILED,
	    .to = { { "a@x", .state = ITEM_REFUSED, .kind = ERR_LOGIN, .peer = "192.0.2.1:25" },
		{ "b@x", .state = ITEM_REFUSED, .kind = ERR_LOGIN,
		    .peer = "m\xc3\xbcller.example:25" },
		{ "c@x", .state = ITEM_REFUSED, .kind = ERR_LOGIN, .peer = "/run/lmtp" },
		{ "d@x", .state = ITEM_REFUSED, .kind = ERR_LOGIN, .peer = "a b\r\nX: y:25" } },
	    .has = { "rfc822; a@x\r\nAction: failed\r\nStatus: 5.7.8\r\nRemote-MTA: dns; [192.0.2.1]\r\n",
		"rfc822; b@x\r\nAction: failed\r\nStatus: 5.7.8\r\nRemote-MTA: dns; xn--mller-kva.example\r\n",
		"rfc822; c@x\r\nAction: failed\r\nStatus: 5.7.8\r\nLast",
		"rfc822; d@x\r\nAction: failed\r\nStatus: 5.7.8\r\nLast" } },
	{ .name = "reply-lines",
	    .notice = NOTICE_FAILED,
	    .to = { FAILED(ERR_REFUSED, 550, "",
		"550 one\n550 two\n551 three\n550-four\r\n\nFinal-Recipient: x") },
	    .has = { "Diagnostic-Code: smtp; 550 one two 551 three -four\\x0D Final-Recipient: x\r\n",
		"said: 550 one two 551 three -four\\x0D\r\n      Final-Recipient: x\r\n" },
	    .lacks = { "\nFinal-Recipient: x" } },
	{ .name = "reply-alone",
	    .notice = NOTICE_FAILED,
	    .to = { FAILED(ERR_PROTOCOL, 0, "", "334 hm") },
	    .has = { "Status: 5.5.0\r\n" },
	    .lacks = { "Diagnostic-Code", "334" } },
	{ .name = "reply-utf8",
	    .notice = NOTICE_FAILED,
	    .to = { FAILED(ERR_REFUSED, 550, "", "550 gr\xc3\xbcn\xff\e[1m") },
	    .has = { "Diagnostic-Code: smtp; 550 gr\\xC3\\xBCn\\xFF\\x1B[1m\r\n",
		"said: 550 gr=C3=BCn\\xFF\\x1B[1m\r\n", "message/delivery-status\r\n\r\n" },
	    .lacks = { "8bit" } },
	{ .name = "enhanced",
	    .notice = NOTICE_FAILED,
	    .to = { FAILED(ERR_RECIPIENT_UNKNOWN, 550, "5.1.1\r\nX:", "550 x"),
		FAILED(ERR_RECIPIENT_UNKNOWN, 550, "4.1.9", "550 x"),
		FAILED(ERR_REFUSED, 550, "5.1234.1", "550 x"),
		FAILED(ERR_REFUSED, 550, "5.123.999", "550 x") },
	    .has = { "Status: 5.1.1\r\nRemote", "Status: 5.0.0\r\n", "Status: 5.123.999\r\n" },
	    .lacks = { "4.1.9", "\nX:", "5.1234" } },
	/* Addresses beyond ASCII (RFC 6533). */
	{ .name = "utf8",
	    .notice = NOTICE_FAILED,
	    .to = { { "b\xc3\xb6"
		      "b+x@example.net",
			NULL, ITEM_REFUSED, ERR_RECIPIENT_UNKNOWN, 550, "5.1.1", "w",
			"550 5.1.1 gr\xc3\xbcn", "mx.example.net:25", false, false },
		{ "\"a b\\\\\xc3\xb6\"@example.net", .state = ITEM_REFUSED, .kind = ERR_ADDRESS },
		{ "a@x", .state = ITEM_REFUSED } },
	    .has = { "message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
		"Final-Recipient: utf-8; b\xc3\xb6"
		"b+x@example.net\r\n",
		"Diagnostic-Code: smtp; 550 5.1.1 gr\xc3\xbcn\r\n",
		"Final-Recipient: utf-8; \"a\\x{20}b\\x{5C}\\x{5C}\xc3\xb6\"@example.net\r\n",
		"Final-Recipient: rfc822; a@x\r\n", "Status: 5.1.3\r\n",
		"text/rfc822-headers\r\n\r\n" } },
	{ .name = "not-utf8",
	    .notice = NOTICE_FAILED,
	    .to = { { "b\xff@example.net", .state = ITEM_REFUSED, .kind = ERR_ADDRESS } },
	    .has = { "Final-Recipient: rfc822; b\\xFF@example.net\r\n" },
	    .lacks = { "global" } },
	{ .name = "utf8-sender-domain",
	    .notice = NOTICE_FAILED,
	    .sender = "alice@m\xc3\xbcller.example",
	    .to = { UNKNOWN },
	    .has = { "\r\nTo: alice@xn--mller-kva.example\r\n" } },
	{ .name = "utf8-sender",
	    .notice = NOTICE_FAILED,
	    .sender = "\xc3\xa4@m\xc3\xbcller.example",
	    .to = { UNKNOWN },
	    .has = { "\r\nTo: \xc3\xa4@m\xc3\xbcller.example\r\n" } },
	{ .name = "sender-lines",
	    .notice = NOTICE_FAILED,
	    .sender = "a\r\nBcc: x@y",
	    .to = { UNKNOWN },
	    .has = { "\r\nTo: a\\x0D\\x0ABcc: x@y\r\n" } },
	/* The message, as it is told of. */
	{ .name = "no-header",
	    .notice = NOTICE_FAILED,
	    .header = "",
	    .to = { UNKNOWN },
	    .has = { "The message:\r\n\r\n  Queue id: 0123456789\r\n" },
	    .lacks = { "In-Reply-To", "References" } },
	{ .name = "bad-id",
	    .notice = NOTICE_FAILED,
	    .header = "Message-ID: <a b@c>\r\n",
	    .to = { UNKNOWN },
	    .lacks = { "In-Reply-To" } },
	{ .name = "half-id",
	    .notice = NOTICE_FAILED,
	    .header = "Message-ID: b@c>\r\n",
	    .to = { UNKNOWN },
	    .lacks = { "In-Reply-To" } },
	{ .name = "folded-id",
	    .notice = NOTICE_FAILED,
	    .header = "Message-ID: <a\r\n b@c>\r\n",
	    .to = { UNKNOWN },
	    .lacks = { "In-Reply-To" } },
	{ .name = "8bit-id",
	    .notice = NOTICE_FAILED,
	    .header = "Message-ID: <\xc3\xa4@c>\r\n",
	    .to = { UNKNOWN },
	    .lacks = { "In-Reply-To" } },
	{ .name = "no-id",
	    .notice = NOTICE_FAILED,
	    .header = "Message-ID: none\r\n",
	    .to = { UNKNOWN },
	    .lacks = { "In-Reply-To" } },
	{ .name = "encoded",
	    .notice = NOTICE_FAILED,
	    .to = { UNKNOWN },
	    .header =
		"Subject: =?utf-8?Q?gr=c3=BCn_=3f?=\r\n  =?UTF-8?b?w6Q=?= x =?us-ascii?q?y?= =?x\r\n"
		"To: =?latin1?q?=FC?= =?utf-8?q?ab=F?= =?utf-8?x?a?= <a@b>\r\n",
	    .has = { "Subject: gr=C3=BCn ?=C3=A4 x y =3D?x\r\n",
		"To: =3D?latin1?q?=3DFC?=3D =3D?utf-8?q?ab=3DF?=3D =3D?utf-8?x?a?=3D" } },
	{ .name = "encoded-lines",
	    .notice = NOTICE_FAILED,
	    .header = "Subject: =?utf-8?q?a=0D=0A.=0D=0A--x?=\r\n",
	    .to = { UNKNOWN },
	    .has = { "Subject: a\\x0D\\x0A.\\x0D\\x0A--x\r\n" } },
};

static const struct notice_facts facts = {
	.from = "me@example.org",
	.host = "host.example",
	.now_ms = 1800000000000,
	.expire_ms = 1800000000000 + 86400000,
};

/* The item of a test: kept here because all tests have one at most. */
static struct item item;
static struct item_recipient states[5000];
static struct recipient recipients[5000];
static unsigned asked; /* of recipients that do not say it themselves */

static char *
not_const(const char *s)
{
	return s != NULL ? strdup(s) : NULL;
}

static void
set_text(struct buf *out, const char *text)
{
	buf_init(out, ERR_TEXT_MAX);
	buf_adds(out, text != NULL ? text : "");
}

static void
add_recipient(const struct fate *fate)
{
	size_t i = item.envelope.count++;
	struct err *e = &states[i].err;

	recipients[i] = (struct recipient){ .address = not_const(fate->address),
		.original = not_const(fate->original),
		.notify = fate->notify != 0 ? fate->notify : asked,
		.orcpt_type = not_const(fate->orcpt_type),
		.orcpt = not_const(fate->orcpt),
		.expanded = fate->expanded };
	states[i] = (struct item_recipient){ .state = fate->state,
		.tried_ms = now_ms - 60000,
		.delay_told = fate->told,
		.relay_told = fate->told };
	err_init(e);
	e->kind = fate->kind;
	e->reply_code = fate->code;
	e->in_doubt = fate->in_doubt;
	snprintf(e->enhanced, sizeof(e->enhanced), "%s",
	    fate->enhanced != NULL ? fate->enhanced : "");
	set_text(&e->what, fate->what);
	set_text(&e->reply, fate->reply);
	set_text(&e->peer, fate->peer);
}

static void
set_message(const char *header, const char *body, size_t body_len)
{
	struct message *m = &item.message;
	struct span rest = { body, body_len };

	buf_clear(&m->header);
	buf_adds(&m->header, header);
	message_header_facts(m);
	assert_int_equal(spool_write(&m->body, body, body_len, &err), 0);
	assert_int_equal(spool_finish(&m->body, &err), 0);
	m->body_8bit = span_has_8bit(rest);
	m->body_utf8 = utf8_valid(rest);
	m->body_nul = memchr(body, '\0', body_len) != NULL;
	while (rest.len > 0) {
		size_t len = span_cut(&rest, '\r').len;

		m->body_line_max = len > m->body_line_max ? len : m->body_line_max;
		span_cut(&rest, '\n');
	}
}

static void
begin(unsigned notify, enum dsn_return ret)
{
	memset(&item, 0, sizeof(item));
	strcpy(item.id, "0123456789");
	item.fd = -1;
	message_init(&item.message);
	item.envelope.sender = not_const("alice@example.org");
	item.envelope.recipients = recipients;
	asked = notify;
	item.envelope.ret = ret;
	item.recipients = states;
	item.queued_ms = now_ms - 5 * day_ms;
	item.attempts = 12;
}

static void
end(void)
{
	for (size_t i = 0; i < item.envelope.count; i++) {
		free(recipients[i].address);
		free(recipients[i].original);
		free(recipients[i].orcpt_type);
		free(recipients[i].orcpt);
		err_release(&states[i].err);
	}
	free(item.envelope.sender);
	free(item.envelope.envid);
	message_release(&item.message);
}

static void
begin_row(const struct row *row)
{
	const char *body = row->body != NULL ? row->body : BODY;

	begin(row->notify, row->ret);
	if (row->sender != NULL) {
		free(item.envelope.sender);
		item.envelope.sender = not_const(row->sender);
	}
	item.envelope.envid = not_const(row->envid);
	set_message(row->header != NULL ? row->header : HEADER, body, strlen(body));
	for (size_t i = 0; i < RECIPIENTS_MAX && row->to[i].address != NULL; i++)
		add_recipient(&row->to[i]);
}

/* The whole of a message as it goes out. */
static void
flatten(const struct message *m, struct buf *out)
{
	char scratch[65536];
	const char *data;
	size_t got;

	buf_add(out, m->header.data, m->header.len);
	buf_adds(out, "\r\n");
	for (uint64_t at = 0; at < m->body.size; at += got) {
		assert_int_equal(spool_read(&m->body, at, scratch, sizeof(scratch), &data, &got,
				     &err),
		    0);
		buf_add(out, data, got);
	}
	assert_true(buf_ok(out));
}

static size_t
occurrences(struct span text, const char *what, size_t len)
{
	size_t n = 0;
	const char *at;

	for (; (at = memmem(text.data, text.len, what, len)) != NULL; n++) {
		text.len -= (size_t)(at - text.data) + len;
		text.data = at + len;
	}
	return n;
}

/* CRLF and nothing else ends lines, and the message's facts are what they are. */
static void
check_facts(const struct message *m, const struct buf *all, const char *name)
{
	struct span rest = { all->data + m->header.len + 2, all->len - m->header.len - 2 };
	struct span header = { all->data, m->header.len };
	uint64_t longest = 0;

	if (m->body_8bit != span_has_8bit(rest) || m->body_utf8 != utf8_valid(rest) ||
	    m->header_8bit != span_has_8bit(header) ||
	    m->body_nul != (memchr(rest.data, '\0', rest.len) != NULL))
		fail_msg("%s: wrong facts", name);
	while (rest.len > 0) {
		const char *lf = memchr(rest.data, '\n', rest.len),
			   *cr = memchr(rest.data, '\r', rest.len);

		if (lf == NULL || cr != lf - 1)
			fail_msg("%s: a line ends oddly: %.40s", name, rest.data);
		longest = (uint64_t)(cr - rest.data) > longest ? (uint64_t)(cr - rest.data) :
								 longest;
		rest.len -= (size_t)(lf + 1 - rest.data);
		rest.data = lf + 1;
	}
	if (longest > MESSAGE_LINE_MAX || m->header_line_max > MESSAGE_LINE_MAX)
		fail_msg("%s: a line is too long for SMTP", name);
	if (longest != m->body_line_max)
		fail_msg("%s: the longest line has %llu octets", name, (unsigned long long)longest);
}

/* Three parts, and the lines of the first are short. */
static void
check_parts(const struct buf *all, const char *name)
{
	const char *boundary = strstr(all->data, "boundary=\"") + strlen("boundary=\""), *first,
		   *second;
	struct buf delimiter = BUF_INIT(128);
	struct span text;

	buf_addf(&delimiter, "\r\n--%.*s", (int)strcspn(boundary, "\""), boundary);
	if (occurrences((struct span){ all->data, all->len }, delimiter.data, delimiter.len) != 4)
		fail_msg("%s: not three parts", name);
	first = strstr(all->data, delimiter.data);
	second = strstr(first + 1, delimiter.data);
	text = (struct span){ first, (size_t)(second - first) };
	while (text.len > 0) {
		struct span line = span_cut(&text, '\n');

		if (line.len > 78 && memchr(line.data + 8, ' ', line.len - 8) != NULL)
			fail_msg("%s: a long line: %.*s", name, (int)line.len, line.data);
	}
	buf_addf(&delimiter, "--\r\n");
	if (strcmp(all->data + all->len - delimiter.len, delimiter.data) != 0 &&
	    memchr(all->data, '\0', all->len) == NULL)
		fail_msg("%s: does not end with its last boundary", name);
	buf_release(&delimiter);
}

static void
keep(const struct buf *all, const char *name)
{
	struct buf path = BUF_INIT(1024);
	FILE *file;

	if (getenv("NOTICE_DIR") == NULL)
		return;
	buf_addf(&path, "%s/%s.eml", getenv("NOTICE_DIR"), name);
	file = fopen(path.data, "w");
	assert_non_null(file);
	fwrite(all->data, 1, all->len, file);
	fclose(file);
	buf_release(&path);
}

/* Makes the notice about the present item, and looks at what must hold for all. */
static void
make(enum notice notice, const struct notice_facts *with, struct buf *all, const char *name)
{
	struct envelope envelope;
	struct message message;

	if (notice_make(&item, notice, with, &envelope, &message, &err) < 0)
		fail_msg("%s: %s", name, err.what.data);
	buf_clear(all);
	flatten(&message, all);
	keep(all, name);
	check_facts(&message, all, name);
	check_parts(all, name);
	assert_string_equal(envelope.sender, "");
	assert_int_equal(envelope.count, 1);
	assert_string_equal(envelope.recipients[0].address, item.envelope.sender);
	assert_int_equal(envelope.recipients[0].needs_utf8,
	    span_has_8bit(span_of(item.envelope.sender)));
	assert_int_equal(envelope.recipients[0].notify, NOTIFY_NEVER);
	assert_null(envelope.envid);
	envelope_release(&envelope);
	message_release(&message);
}

static void
tells_all(void **state)
{
	struct buf all = BUF_INIT(1 << 20);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		begin_row(&rows[i]);
		make(rows[i].notice, &facts, &all, rows[i].name);
		for (size_t n = 0; n < NEEDLES_MAX && rows[i].has[n] != NULL; n++)
			if (strstr(all.data, rows[i].has[n]) == NULL)
				fail_msg("%s: lacks %s\nin %s", rows[i].name, rows[i].has[n],
				    all.data);
		for (size_t n = 0; n < NEEDLES_MAX && rows[i].lacks[n] != NULL; n++)
			if (strstr(all.data, rows[i].lacks[n]) != NULL)
				fail_msg("%s: has %s\nin %s", rows[i].name, rows[i].lacks[n],
				    all.data);
		end();
	}
	buf_release(&all);
}

static const struct {
	const char *sender;
	unsigned notify;
	bool failed, delayed, relayed, expanded;
} wishes[] = {
	{ "a@b", 0, true, false, false, false },
	{ "a@b", NOTIFY_FAILURE, true, false, false, false },
	{ "a@b", NOTIFY_DELAY, false, true, false, false },
	{ "a@b", NOTIFY_SUCCESS, false, false, true, false },
	{ "a@b", NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY, true, true, true, false },
	{ "a@b", NOTIFY_NEVER, false, false, false, false },
	{ "a@b", NOTIFY_NEVER | NOTIFY_FAILURE | NOTIFY_DELAY | NOTIFY_SUCCESS, false, false, false,
	    false },
	{ "", 0, false, false, false, false },
	{ "", NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY, false, false, false, false },
	{ NULL, NOTIFY_FAILURE, false, false, false, false },
	{ "a@b", NOTIFY_NEVER, false, false, true, true },
	{ "a@b", NOTIFY_FAILURE, true, false, true, true },
	{ "a@b", 0, true, false, true, true },
	{ "", NOTIFY_NEVER, false, false, false, true },
};

static void
is_made_where_wanted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wishes); i++) {
		begin(wishes[i].notify, RETURN_DEFAULT);
		add_recipient(&(struct fate){ "a@b", .expanded = wishes[i].expanded });
		free(item.envelope.sender);
		item.envelope.sender = not_const(wishes[i].sender);
		if (notice_is_wanted(&item.envelope, 0, NOTICE_FAILED) != wishes[i].failed ||
		    notice_is_wanted(&item.envelope, 0, NOTICE_DELAYED) != wishes[i].delayed ||
		    notice_is_wanted(&item.envelope, 0, NOTICE_RELAYED) != wishes[i].relayed ||
		    notice_is_wanted(&item.envelope, 0, NOTICE_NONE))
			fail_msg("row %zu", i);
		end();
	}
}

static const struct {
	unsigned notify;
	enum item_state state;
	unsigned attempts;
	bool told, failed, delayed, relayed;
} concerns[] = {
	{ 0, ITEM_WAITING, 1, false, false, false, false },
	{ 0, ITEM_REFUSED, 1, false, true, false, false },
	{ 0, ITEM_REFUSED, 0, true, true, false, false },
	{ 0, ITEM_SETTLED, 1, false, false, false, false },
	{ 0, ITEM_ACCEPTED, 1, false, false, false, false },
	{ NOTIFY_DELAY, ITEM_WAITING, 1, false, false, true, false },
	{ NOTIFY_DELAY, ITEM_WAITING, 0, false, false, false, false },
	{ NOTIFY_DELAY, ITEM_WAITING, 1, true, false, false, false },
	{ NOTIFY_DELAY, ITEM_REFUSED, 1, false, false, false, false },
	{ NOTIFY_DELAY, ITEM_ACCEPTED, 1, false, false, false, false },
	{ NOTIFY_SUCCESS, ITEM_ACCEPTED, 1, false, false, false, true },
	{ NOTIFY_SUCCESS, ITEM_ACCEPTED, 1, true, false, false, false },
	{ NOTIFY_SUCCESS, ITEM_WAITING, 1, false, false, false, false },
	{ NOTIFY_SUCCESS, ITEM_REFUSED, 1, false, false, false, false },
	{ NOTIFY_NEVER, ITEM_REFUSED, 1, false, false, false, false },
};

static void
is_about_whom_it_concerns(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(concerns); i++) {
		begin(concerns[i].notify, RETURN_DEFAULT);
		item.attempts = concerns[i].attempts;
		add_recipient(&(struct fate){
		    "a@b", .state = concerns[i].state, .told = concerns[i].told });
		if (notice_concerns(&item, 0, NOTICE_FAILED) != concerns[i].failed ||
		    notice_concerns(&item, 0, NOTICE_DELAYED) != concerns[i].delayed ||
		    notice_concerns(&item, 0, NOTICE_RELAYED) != concerns[i].relayed ||
		    notice_concerns(&item, 0, NOTICE_NONE))
			fail_msg("row %zu", i);
		end();
	}
}

static void
is_not_made_about_nobody(void **state)
{
	struct envelope envelope;
	struct message message;

	(void)state;
	begin(0, RETURN_DEFAULT);
	add_recipient(&(struct fate)WAITING);
	assert_int_equal(notice_make(&item, NOTICE_FAILED, &facts, &envelope, &message, &err), -1);
	assert_int_equal(err.kind, ERR_BUG);
	envelope_release(&envelope);
	message_release(&message);
	end();
}

static void
comes_from_the_host(void **state)
{
	struct buf all = BUF_INIT(1 << 20);
	struct notice_facts nobody = facts;

	(void)state;
	begin_row(&rows[0]);
	nobody.from = NULL;
	make(NOTICE_FAILED, &nobody, &all, "no-from");
	assert_non_null(strstr(all.data, "\r\n <MAILER-DAEMON@host.example>\r\n"));
	nobody.from = "";
	make(NOTICE_FAILED, &nobody, &all, "empty-from");
	assert_non_null(strstr(all.data, "\r\n <MAILER-DAEMON@host.example>\r\n"));
	end();
	buf_release(&all);
}

static void
get_id(enum notice notice, struct buf *id)
{
	struct buf all = BUF_INIT(1 << 20);
	const char *at;

	make(notice, &facts, &all, "id");
	at = strstr(all.data, "Message-ID: ");
	buf_clear(id);
	buf_add(id, at, strcspn(at, "\r"));
	buf_release(&all);
}

static void
has_an_id_for_its_recipients(void **state)
{
	struct buf one = BUF_INIT(256), again = BUF_INIT(256), others = BUF_INIT(256);

	(void)state;
	begin(NOTIFY_FAILURE | NOTIFY_DELAY, RETURN_DEFAULT);
	set_message(HEADER, BODY, strlen(BODY));
	add_recipient(&(struct fate)UNKNOWN);
	add_recipient(&(struct fate)WAITING);
	get_id(NOTICE_FAILED, &one);
	item.attempts++;
	get_id(NOTICE_FAILED, &again);
	assert_string_equal(one.data, again.data);
	/* Another kind; one more recipient; only the other recipient. */
	get_id(NOTICE_DELAYED, &others);
	assert_string_not_equal(one.data, others.data);
	states[1].state = ITEM_REFUSED;
	get_id(NOTICE_FAILED, &others);
	assert_string_not_equal(one.data, others.data);
	states[0].state = ITEM_SETTLED;
	get_id(NOTICE_FAILED, &again);
	assert_string_not_equal(one.data, again.data);
	assert_string_not_equal(others.data, again.data);
	end();
	buf_release(&one);
	buf_release(&again);
	buf_release(&others);
}

/*
 * Makes the notice about a message that is to go back whole, with a body of one long line and
 * others, `size` in all.
 */
static bool
goes_back_whole(size_t line, uint64_t size, char fill)
{
	struct buf all = BUF_INIT(16 << 20), body = BUF_INIT(16 << 20);
	bool whole;

	begin(0, RETURN_FULL);
	for (size_t i = 0; i < line; i++)
		buf_addc(&body, fill);
	buf_adds(&body, "\r\n");
	while (strlen(HEADER) + 2 + body.len + 78 + 2 < size)
		buf_addf(&body, "%078d\r\n", 0);
	while (strlen(HEADER) + 2 + body.len + 2 < size)
		buf_addc(&body, 'x');
	if (size > 0)
		buf_adds(&body, "\r\n");
	set_message(HEADER, body.data, body.len);
	if (size > 0)
		assert_int_equal(message_size(&item.message), size);
	add_recipient(&(struct fate)UNKNOWN);
	make(NOTICE_FAILED, &facts, &all, "bound");
	whole = strstr(all.data, "message/rfc822\r\n") != NULL;
	assert_int_equal(whole, memmem(all.data, all.len, body.data, body.len) != NULL);
	end();
	buf_release(&body);
	buf_release(&all);
	return whole;
}

static void
returns_what_can_be_sent(void **state)
{
	(void)state;
	assert_true(goes_back_whole(MESSAGE_LINE_MAX, 0, 'a'));
	assert_false(goes_back_whole(MESSAGE_LINE_MAX + 1, 0, 'a'));
	assert_false(goes_back_whole(1, 0, '\0'));
	assert_true(goes_back_whole(70, NOTICE_FULL_MAX, 'a'));
	assert_false(goes_back_whole(70, NOTICE_FULL_MAX + 1, 'a'));
}

/* Every octet of a line can be the last in a piece that is read. */
static void
keeps_lines_at_any_place(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 4; shift++)
		assert_true(goes_back_whole(1, 40000 + shift, 'a'));
	for (size_t line = 16380; line < 16388; line++)
		assert_false(goes_back_whole(line, 0, 'a'));
}

/* A header that cannot be sent as it is is returned in another form. */
static void
encodes_long_header_lines(void **state)
{
	struct buf all = BUF_INIT(4 << 20), header = BUF_INIT(MESSAGE_HEADER_MAX);

	(void)state;
	for (size_t round = 0; round < 4; round++) {
		size_t over = round & 1;

		begin(0, round < 2 ? RETURN_FULL : RETURN_HEADERS);
		buf_clear(&header);
		buf_adds(&header, "X: ");
		while (header.len < MESSAGE_LINE_MAX + over)
			buf_addc(&header, 'x');
		buf_adds(&header, "\r\n");
		set_message(header.data, BODY, strlen(BODY));
		add_recipient(&(struct fate)UNKNOWN);
		make(NOTICE_FAILED, &facts, &all, "long-header");
		assert_int_equal(over,
		    strstr(all.data,
			"text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n") !=
			NULL);
		assert_int_equal(!over, strstr(all.data, header.data) != NULL);
		end();
	}
	buf_release(&header);
	buf_release(&all);
}

/* What is said of a body is looked at again while it is copied. */
static void
sees_what_it_copies(void **state)
{
	struct buf all = BUF_INIT(1 << 20);

	(void)state;
	begin(0, RETURN_FULL);
	set_message(HEADER, "a\0b\xc3\xbc\r\n", 7);
	item.message.body_nul = item.message.body_8bit = false;
	add_recipient(&(struct fate)UNKNOWN);
	make(NOTICE_FAILED, &facts, &all, "copied");
	assert_non_null(memmem(all.data, all.len, "a\0b\xc3\xbc\r\n", 7));
	end();
	buf_release(&all);
}

/* What has no time is not told. */
static void
leaves_out_unknown_times(void **state)
{
	struct notice_facts timeless = facts;
	struct buf all = BUF_INIT(1 << 20);

	(void)state;
	begin(NOTIFY_DELAY, RETURN_DEFAULT);
	add_recipient(&(struct fate)WAITING);
	states[0].tried_ms = 0;
	item.queued_ms = 0;
	timeless.expire_ms = 0;
	make(NOTICE_DELAYED, &timeless, &all, "timeless");
	assert_non_null(strstr(all.data, "It is tried again. This"));
	assert_null(strstr(all.data, "Arrival-Date"));
	assert_null(strstr(all.data, "Last-Attempt-Date"));
	assert_null(strstr(all.data, "Will-Retry-Until"));
	states[0].tried_ms = item.queued_ms = timeless.expire_ms = INT64_MAX;
	make(NOTICE_DELAYED, &timeless, &all, "end-of-time");
	end();
	buf_release(&all);
}

/* All in the report, a hundred in the text. */
static void
names_thousands(void **state)
{
	struct buf all = BUF_INIT(16 << 20);
	size_t counts[] = { 1, 100, 101, COUNT(states) };

	(void)state;
	for (size_t c = 0; c < COUNT(counts); c++) {
		char address[32];
		struct span whole;

		begin(0, RETURN_DEFAULT);
		set_message(HEADER, BODY, strlen(BODY));
		for (size_t i = 0; i < counts[c]; i++) {
			snprintf(address, sizeof(address), "r%zu@x", i);
			add_recipient(&(struct fate){
			    address, .state = ITEM_REFUSED, .kind = ERR_SERVICE, .what = "no" });
		}
		make(NOTICE_FAILED, &facts, &all, "thousands");
		whole = (struct span){ all.data, all.len };
		assert_int_equal(occurrences(whole, "\r\nFinal-Recipient: ", 19), counts[c]);
		assert_int_equal(occurrences(whole, "\r\n  r", 5),
		    counts[c] < 100 ? counts[c] : 100);
		assert_int_equal(counts[c] > 100,
		    strstr(all.data, " more, which are in the report below.") != NULL);
		if (counts[c] == 101)
			assert_non_null(strstr(all.data, "and 1 more,"));
		end();
	}
	buf_release(&all);
}

/* As long as they may be, and of what grows most when it is made safe. */
static void
bounds_foreign_words(void **state)
{
	static const char fills[] = { 'a', ' ', '\n', '\\', '\xff', '\r' };
	struct buf all = BUF_INIT(4 << 20), text = BUF_INIT(2 * ERR_TEXT_MAX);

	(void)state;
	for (size_t f = 0; f < COUNT(fills); f++) {
		buf_clear(&text);
		for (size_t i = 0; i < ERR_TEXT_MAX; i++)
			buf_addc(&text, fills[f]);
		begin(0, RETURN_DEFAULT);
		free(item.envelope.sender);
		item.envelope.sender = not_const("alice@example.org");
		item.envelope.envid = not_const(text.data);
		set_message("Subject: x\r\n", BODY, strlen(BODY));
		add_recipient(&(struct fate){ text.data, text.data, ITEM_REFUSED, ERR_REFUSED, 550,
		    "", text.data, text.data, text.data, true, false, 0, "rfc822", text.data,
		    false });
		add_recipient(&(struct fate){ "\xc3\xbc@x", .state = ITEM_REFUSED });
		make(NOTICE_FAILED, &facts, &all, "bounded");
		assert_true(all.len < 48 * 1024);
		states[0].err.kind = ERR_MESSAGE;
		make(NOTICE_FAILED, &facts, &all, "bounded-plain");
		assert_true(all.len < 48 * 1024);
		end();
	}
	buf_release(&text);
	buf_release(&all);
}

/* A character is never cut in two. */
static void
cuts_between_characters(void **state)
{
	(void)state;
	assert_int_equal(notice_cut(span_of("a\xc3\xbc"
					    "b"),
			     4)
			     .len,
	    4);
	assert_int_equal(notice_cut(span_of("a\xc3\xbc"
					    "b"),
			     3)
			     .len,
	    3);
	assert_int_equal(notice_cut(span_of("a\xc3\xbc"
					    "b"),
			     2)
			     .len,
	    1);
	assert_int_equal(notice_cut(span_of("\xbc\xbc\xbc"), 2).len, 0);
}

/* No kind may be without a status. */
static void
knows_a_status_for_each_kind(void **state)
{
	struct buf all = BUF_INIT(1 << 20);

	(void)state;
	for (int kind = 0; kind < ERR_KINDS; kind++) {
		begin(NOTIFY_DELAY, RETURN_DEFAULT);
		add_recipient(&(struct fate){
		    "a@b", .state = ITEM_WAITING, .kind = (enum err_kind)kind });
		make(NOTICE_DELAYED, &facts, &all, "kind");
		if (strstr(all.data, "Status: 4.") == NULL || strstr(all.data, "null") != NULL)
			fail_msg("%s", err_name((enum err_kind)kind));
		end();
	}
	buf_release(&all);
}

static void
fails_without_room(void **state)
{
	struct notice_facts nowhere = facts;
	struct envelope envelope;
	struct message message;
	struct buf body = BUF_INIT(1 << 20);

	(void)state;
	begin(0, RETURN_FULL);
	while (body.len < 2 * SPOOL_MEMORY_MAX)
		buf_adds(&body, "abcdefghijklmnopqrstuvwxyz\r\n");
	set_message(HEADER, body.data, body.len);
	add_recipient(&(struct fate)UNKNOWN);
	nowhere.place.dir = "/nonexistent";
	assert_int_equal(notice_make(&item, NOTICE_FAILED, &nowhere, &envelope, &message, &err),
	    -1);
	assert_int_equal(err.kind, ERR_CANT_CREATE);
	envelope_release(&envelope);
	message_release(&message);
	end();
	buf_release(&body);
}

static int
set_up(void **state)
{
	setenv("TZ", "EET-2", 1);
	tzset();
	return setup_err(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_all),
		cmocka_unit_test(is_made_where_wanted),
		cmocka_unit_test(is_about_whom_it_concerns),
		cmocka_unit_test(is_not_made_about_nobody),
		cmocka_unit_test(comes_from_the_host),
		cmocka_unit_test(has_an_id_for_its_recipients),
		cmocka_unit_test(returns_what_can_be_sent),
		cmocka_unit_test(keeps_lines_at_any_place),
		cmocka_unit_test(encodes_long_header_lines),
		cmocka_unit_test(sees_what_it_copies),
		cmocka_unit_test(leaves_out_unknown_times),
		cmocka_unit_test(names_thousands),
		cmocka_unit_test(bounds_foreign_words),
		cmocka_unit_test(cuts_between_characters),
		cmocka_unit_test(knows_a_status_for_each_kind),
		cmocka_unit_test(fails_without_room),
	};

	return cmocka_run_group_tests(tests, set_up, teardown_err);
}
