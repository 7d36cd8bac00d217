/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "format/address.h"

/* A row's text may hold NUL. */
#define TEXT(s) \
	{ \
		(s), sizeof(s) - 1 \
	}

/* What is accepted: the mailboxes, with '|' between them. */
static const struct {
	struct span text;
	unsigned flags;
	const char *mailboxes;
} accepted[] = {
	/* Callers of sendmail: arguments and -t, as observed. */
	{ TEXT("a@example.com"), 0, "a@example.com" },
	{ TEXT("a@example.com,b@example.com"), 0, "a@example.com|b@example.com" },
	{ TEXT("Some One <a@example.com>"), 0, "a@example.com" },
	{ TEXT("Some One <a@example.com>"), ADDRESS_ONE, "a@example.com" },
	{ TEXT("Some One <s@example.com>"), ADDRESS_ONE | ADDRESS_NULL, "s@example.com" },
	{ TEXT("root"), 0, "root" },
	{ TEXT("-x@example.com"), 0, "-x@example.com" },
	{ TEXT("-i"), 0, "-i" },
	{ TEXT("undisclosed-recipients:;"), 0, "" },
	{ TEXT(" undisclosed-recipients: ;"), 0, "" },
	{ TEXT("undisclosed-recipients:;, a@example.com"), 0, "a@example.com" },
	{ TEXT("recipient list not shown: ;"), 0, "" },
	{ TEXT("a@example.com (A, comment), =?utf-8?q?B=C3=A9?= <b@example.com>"), 0,
	    "a@example.com|b@example.com" },
	{ TEXT("a@example.com,\r\n b@example.com,\r\n\tc@example.com"), 0,
	    "a@example.com|b@example.com|c@example.com" },
	{ TEXT("a@example.com,\n b@example.com"), 0, "a@example.com|b@example.com" },
	{ TEXT("root (Cron Daemon)"), 0, "root" },
	{ TEXT("mdadm monitoring <root>"), 0, "root" },
	{ TEXT("me@example.org <me@example.org>"), 0, "me@example.org" },
	{ TEXT("=?UTF-8?B?SsO2cmc=?= <joerg@example.org>"), 0, "joerg@example.org" },
	{ TEXT("=?UTF-8?Q?J=C3=B6rg?=\r\n =?UTF-8?Q?_M?= <joerg@example.org>"), 0,
	    "joerg@example.org" },
	{ TEXT("\"=?x?=\" <a@b>"), 0, "a@b" },
	/* Old programs write names in other character sets. */
	{ TEXT("J\xf6rg <a@b>"), 0, "a@b" },
	{ TEXT("\"J\xf6rg\" <a@b> (M\xfcller)"), 0, "a@b" },
	/* The null address. */
	{ TEXT("<>"), ADDRESS_NULL, "" },
	{ TEXT("<>"), ADDRESS_NULL | ADDRESS_ONE, "" },
	{ TEXT(""), ADDRESS_NULL | ADDRESS_ONE, "" },
	{ TEXT("  \t "), ADDRESS_NULL | ADDRESS_ONE, "" },
	{ TEXT(" < (nobody) > "), ADDRESS_NULL, "" },
	{ TEXT("MAILER-DAEMON <>"), ADDRESS_NULL, "" },
	{ TEXT("<>, a@b, <>"), ADDRESS_NULL, "|a@b|" },
	{ TEXT("a@b"), ADDRESS_NULL | ADDRESS_ONE, "a@b" },
	/* Nothing. */
	{ TEXT(""), 0, "" },
	{ TEXT("   "), 0, "" },
	{ TEXT("\r\n "), 0, "" },
	{ TEXT("(only a comment)"), 0, "" },
	{ TEXT(","), 0, "" },
	{ TEXT(" , ,,"), 0, "" },
	/* RFC 5322 appendix A.1. */
	{ TEXT("John Doe <jdoe@machine.example>"), 0, "jdoe@machine.example" },
	{ TEXT("Mary Smith <mary@example.net>"), 0, "mary@example.net" },
	{ TEXT("Michael Jones <mjones@machine.example>"), 0, "mjones@machine.example" },
	{ TEXT("\"Joe Q. Public\" <john.q.public@example.com>"), 0, "john.q.public@example.com" },
	{ TEXT("Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>"), 0,
	    "mary@x.test|jdoe@example.org|one@y.test" },
	{ TEXT("<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>"), 0,
	    "boss@nil.test|sysservices@example.net" },
	{ TEXT("Pete <pete@silly.example>"), 0, "pete@silly.example" },
	{ TEXT("A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;"), 0,
	    "c@a.test|joe@where.test|jdoe@one.test" },
	{ TEXT("Undisclosed recipients:;"), 0, "" },
	/* Appendix A.5 and A.6. */
	{ TEXT("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>"), 0,
	    "pete@silly.test" },
	{ TEXT(
	      "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n"
	      "         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)"),
	    0, "c@public.example|joe@example.org|jdoe@one.test" },
	{ TEXT("(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;"), 0, "" },
	{ TEXT("Joe Q. Public <john.q.public@example.com>"), 0, "john.q.public@example.com" },
	{ TEXT("Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example"), 0,
	    "mary@example.net|jdoe@test.example" },
	{ TEXT("John Doe <jdoe@machine(comment).  example>"), 0, "jdoe@machine.example" },
	{ TEXT("Mary Smith\r\n          \r\n <mary@example.net>"), 0, "mary@example.net" },
	/* Local parts. */
	{ TEXT("\"a\" . b @ c"), 0, "a.b@c" },
	{ TEXT("a . b . c @ d . e"), 0, "a.b.c@d.e" },
	{ TEXT("a.b.c@d"), 0, "a.b.c@d" },
	{ TEXT("\"ab\"@c"), 0, "ab@c" },
	{ TEXT("\"a.b\"@c"), 0, "a.b@c" },
	{ TEXT("\"a b\"@c"), 0, "\"a b\"@c" },
	{ TEXT("\"a\\ b\"@c"), 0, "\"a b\"@c" },
	{ TEXT("\"a\\b\"@c"), 0, "ab@c" },
	{ TEXT("\"a..b\"@c"), 0, "\"a..b\"@c" },
	{ TEXT("\".a\"@c"), 0, "\".a\"@c" },
	{ TEXT("\"a.\"@c"), 0, "\"a.\"@c" },
	{ TEXT("\".\"@c"), 0, "\".\"@c" },
	{ TEXT("\"\".a@c"), 0, "\".a\"@c" },
	{ TEXT("\"a@b\"@c"), 0, "\"a@b\"@c" },
	{ TEXT("\"a,b\"@c"), 0, "\"a,b\"@c" },
	{ TEXT("\"a\\\"b\"@c"), 0, "\"a\\\"b\"@c" },
	{ TEXT("\"a\\\\b\"@c"), 0, "\"a\\\\b\"@c" },
	{ TEXT("\"a(b)\"@c"), 0, "\"a(b)\"@c" },
	{ TEXT("\"<a>\"@c"), 0, "\"<a>\"@c" },
	{ TEXT("\"a\r\n b\"@c"), 0, "\"a b\"@c" },
	{ TEXT("\"a b\""), 0, "\"a b\"" },
	{ TEXT("<\"a b\"@c>"), 0, "\"a b\"@c" },
	{ TEXT("\"a\"(x).(y)\"b\"@c"), 0, "a.b@c" },
	{ TEXT("!#$%&'*+-/=?^_`{|}~@c"), 0, "!#$%&'*+-/=?^_`{|}~@c" },
	{ TEXT("a+tag@c"), 0, "a+tag@c" },
	{ TEXT("host!user%other@c"), 0, "host!user%other@c" },
	{ TEXT("SRS0=HHH=TT=example.org=alice@example.net"), 0,
	    "SRS0=HHH=TT=example.org=alice@example.net" },
	{ TEXT("Alice.B@Example.ORG"), 0, "Alice.B@Example.ORG" },
	{ TEXT("0@1"), 0, "0@1" },
	/* Domains. */
	{ TEXT("a@[192.0.2.1]"), 0, "a@[192.0.2.1]" },
	{ TEXT("a@[ 192.0.2.1 ]"), 0, "a@[192.0.2.1]" },
	{ TEXT("a@ [192.0.2.1] (x)"), 0, "a@[192.0.2.1]" },
	{ TEXT("a@[IPv6:2001:db8::1]"), 0, "a@[IPv6:2001:db8::1]" },
	{ TEXT("a@[ipv6:::1], b@c"), 0, "a@[ipv6:::1]|b@c" },
	{ TEXT("<a@[IPv6:::1]>"), 0, "a@[IPv6:::1]" },
	{ TEXT("g: a@[IPv6:::1], b@c;"), 0, "a@[IPv6:::1]|b@c" },
	{ TEXT("a@192.0.2.1"), 0, "a@192.0.2.1" },
	{ TEXT("a@my_host.example"), 0, "a@my_host.example" },
	{ TEXT("a@my-host.example"), 0, "a@my-host.example" },
	{ TEXT("a@xn--mnchen-3ya.example"), 0, "a@xn--mnchen-3ya.example" },
	/* UTF-8. */
	{ TEXT("j\xc3\xb6rg@example.org"), 0, "j\xc3\xb6rg@example.org" },
	{ TEXT("a@m\xc3\xbcnchen.example"), 0, "a@m\xc3\xbcnchen.example" },
	{ TEXT("J\xc3\xb6rg <a@b>"), 0, "a@b" },
	{ TEXT("\"J\xc3\xb6rg M\" <a@b>"), 0, "a@b" },
	{ TEXT("\"j\xc3\xb6rg m\"@b"), 0, "\"j\xc3\xb6rg m\"@b" },
	{ TEXT("a@b (J\xc3\xb6rg)"), 0, "a@b" },
	{ TEXT("\xe6\x97\xa5\xe6\x9c\xac <\xe6\x97\xa5@\xe6\x9c\xac.jp>"), 0,
	    "\xe6\x97\xa5@\xe6\x9c\xac.jp" },
	{ TEXT("\xf0\x9f\x98\x80@b"), 0, "\xf0\x9f\x98\x80@b" },
	{ TEXT("\xe2\x80\xae (x) <a@b>"), 0, "a@b" },
	/* Phrases as programs write them. */
	{ TEXT("J. Doe <a@b>"), 0, "a@b" },
	{ TEXT("Doe [IT] <a@b>"), 0, "a@b" },
	{ TEXT("[list <a@b>"), 0, "a@b" },
	{ TEXT("[a:b] c <a@b>"), 0, "a@b" },
	{ TEXT("c:\\dir <a@b>;"), 0, "a@b" },
	{ TEXT("O'Brien <a@b>"), 0, "a@b" },
	{ TEXT("a\\,b <a@b>"), 0, "a@b" },
	{ TEXT("@home <a@b>"), 0, "a@b" },
	{ TEXT("... <a@b>"), 0, "a@b" },
	{ TEXT("a@b<c@d>"), 0, "c@d" },
	{ TEXT("\"Doe, John\" <a@b>"), 0, "a@b" },
	{ TEXT("\"Doe\" John \"X\" <a@b>"), 0, "a@b" },
	{ TEXT("\"\" <a@b>"), 0, "a@b" },
	{ TEXT("Doe, John <a@b>"), 0, "Doe|a@b" },
	{ TEXT("< a@b >"), 0, "a@b" },
	{ TEXT("<a@b>,<c@d>"), 0, "a@b|c@d" },
	{ TEXT("<a@b> (x)"), 0, "a@b" },
	{ TEXT("(x) <(y) a (z) @ (w) b (v)> (u)"), 0, "a@b" },
	{ TEXT("X <root>"), 0, "root" },
	/* Source routes. */
	{ TEXT("<@x:a@b>"), 0, "a@b" },
	{ TEXT("<@x,@y:a@b>"), 0, "a@b" },
	{ TEXT("< @x , @y.z , : a@b >"), 0, "a@b" },
	{ TEXT("<@[192.0.2.1]:a@b>"), 0, "a@b" },
	/* Lists and groups. */
	{ TEXT("a@b,,c@d,"), 0, "a@b|c@d" },
	{ TEXT(",a@b"), 0, "a@b" },
	{ TEXT("a@b (x, y) , c@d"), 0, "a@b|c@d" },
	{ TEXT("g:a@b;"), 0, "a@b" },
	{ TEXT("g:,a@b,,;"), 0, "a@b" },
	{ TEXT("x@y, g: a@b, N <c@d>; , e@f"), 0, "x@y|a@b|c@d|e@f" },
	{ TEXT("g:a@b;,h:c@d;"), 0, "a@b|c@d" },
	{ TEXT("\"g:h\":a@b;"), 0, "a@b" },
	{ TEXT("J. Doe's: a@b;"), 0, "a@b" },
	{ TEXT("g:; (x)"), 0, "" },
	/* Comments. */
	{ TEXT("a@b ()"), 0, "a@b" },
	{ TEXT("(a(b(c)d)e) a@b"), 0, "a@b" },
	{ TEXT("(\\() a@b"), 0, "a@b" },
	{ TEXT("(\"x) a@b"), 0, "a@b" },
	{ TEXT("a(x)@b"), 0, "a@b" },
	{ TEXT("a@b(x).c"), 0, "a@b.c" },
};

/* What is refused: a part of the sentence. */
static const struct {
	struct span text;
	unsigned flags;
	const char *reason;
} refused[] = {
	{ TEXT("foo bar@example.org"), 0,
	    "cannot parse the address \"foo bar@example.org\": a space in the local part (missing quotes or comma?)" },
	{ TEXT("a@b, foo bar@c, d@e"), 0,
	    "cannot parse the address \"foo bar@c\": a space in the local part" },
	{ TEXT("foo bar"), 0, "a space in the local part" },
	{ TEXT("<foo bar@c>"), 0, "a space in the local part" },
	{ TEXT("a@b c@d"), 0, "\"a@b c@d\": text behind the address (missing comma?)" },
	{ TEXT("<a@b> c@d"), 0, "text behind" },
	{ TEXT("<a@b> <c@d>"), 0, "text behind" },
	{ TEXT("<a@b c@d>"), 0, "text behind" },
	{ TEXT("a@b <c@d> e"), 0, "text behind" },
	{ TEXT("g:; x"), 0, "text behind" },
	{ TEXT("g:;h:;"), 0, "text behind" },
	{ TEXT("a@[192.0.2.1]x"), 0, "text behind" },
	{ TEXT("a@[192.0.2.1].x"), 0, "text behind" },
	{ TEXT("<a@b"), 0, "\"<a@b\": the '>' is missing" },
	{ TEXT("X <a@b, c@d"), 0, "\"X <a@b\": the '>' is missing" },
	{ TEXT("g:<a@b;"), 0, "'>' is missing" },
	{ TEXT("<"), 0, "it ends too early" },
	{ TEXT("<a@b (>"), 0, "a '(' without" },
	{ TEXT("a@b>"), 0, "a '>' without" },
	{ TEXT(">"), 0, "a '>' without" },
	{ TEXT("<a@b>>"), 0, "text behind" },
	{ TEXT("<<a@b>>"), 0, "a '<' in the wrong place" },
	{ TEXT("user@"), 0, "\"user@\": no domain behind the '@'" },
	{ TEXT("<user@>"), 0, "no domain" },
	{ TEXT("user@, a@b"), 0, "\"user@\": no domain" },
	{ TEXT("user@ (x)"), 0, "no domain" },
	{ TEXT("g:user@;"), 0, "no domain" },
	{ TEXT("@x"), 0, "\"@x\": nothing before the '@'" },
	{ TEXT("<@x>"), 0, "nothing before the '@'" },
	{ TEXT("<@x:>"), 0, "a '>' without" },
	{ TEXT("<@x:@y>"), 0, "nothing before the '@'" },
	{ TEXT("<@x a@b>"), 0, "nothing before the '@'" },
	{ TEXT("<@x,"), 0, "nothing before the '@'" },
	{ TEXT("<@"), 0, "no domain" },
	{ TEXT("<@x!:a@b>"), 0, "a character in the domain" },
	{ TEXT("@x:a@b"), 0, "without its ';'" },
	{ TEXT("a@b@c"), 0, "a second '@'" },
	{ TEXT("<a@b@c>"), 0, "a second '@'" },
	{ TEXT("a..b@c"), 0, "a dot in the wrong place of the local part" },
	{ TEXT(".a@c"), 0, "a dot in the wrong place of the local part" },
	{ TEXT("a.@c"), 0, "a dot in the wrong place of the local part" },
	{ TEXT("."), 0, "a dot in the wrong place of the local part" },
	{ TEXT("a. .b@c"), 0, "a dot in the wrong place of the local part" },
	{ TEXT("a@.b"), 0, "a dot in the wrong place of the domain" },
	{ TEXT("a@b."), 0, "a dot in the wrong place of the domain" },
	{ TEXT("a@b.."), 0, "a dot in the wrong place of the domain" },
	{ TEXT("a@b..c"), 0, "a dot in the wrong place of the domain" },
	{ TEXT("a@."), 0, "a dot in the wrong place of the domain" },
	{ TEXT("a@b!c"), 0, "a character in the domain" },
	{ TEXT("a@b%c"), 0, "a character in the domain" },
	{ TEXT("a@\"b\""), 0, "a quotation mark in the wrong place" },
	{ TEXT("a@b:25"), 0, "without its ';'" },
	{ TEXT("a@[192.0.2.256]"), 0, "no IP address" },
	{ TEXT("a@[192.0.2]"), 0, "no IP address" },
	{ TEXT("a@[]"), 0, "no IP address" },
	{ TEXT("a@[example.org]"), 0, "no IP address" },
	{ TEXT("a@[2001:db8::1]"), 0, "no IP address" },
	{ TEXT("a@[IPv6:192.0.2.1]"), 0, "no IP address" },
	{ TEXT("a@[IPv6:]"), 0, "no IP address" },
	{ TEXT("a@[IPv6:::1%lo]"), 0, "a group within a group" },
	{ TEXT("<a@[IPv6:::1%lo]>"), 0, "no IP address" },
	{ TEXT("a@[192.0.2.1"), 0, "no IP address" },
	{ TEXT("a@[[192.0.2.1]]"), 0, "no IP address" },
	{ TEXT("a]@b"), 0, "a bracket" },
	{ TEXT("[a]@b"), 0, "a bracket" },
	{ TEXT("\"a@b"), 0, "a quotation mark without its partner" },
	{ TEXT("\"a\\\"@b"), 0, "a quotation mark without its partner" },
	{ TEXT("\"a\\"), 0, "a quotation mark without its partner" },
	{ TEXT("<\"a@b>"), 0, "a quotation mark without its partner" },
	{ TEXT("<\"a\\"), 0, "a quotation mark without its partner" },
	{ TEXT("O\"Brien <a@b>"), 0, "a quotation mark without its partner" },
	{ TEXT("foo\"bar\"@c"), 0, "a quotation mark in the wrong place" },
	{ TEXT("\"foo\"bar@c"), 0, "text behind" },
	{ TEXT("\"\"@c"), 0, "the local part is empty" },
	{ TEXT("\"\""), 0, "the local part is empty" },
	{ TEXT("<\"\"@c>"), 0, "the local part is empty" },
	{ TEXT("a\\@b@c"), 0, "a backslash outside quotes" },
	{ TEXT("a\\,b@c"), 0, "a backslash outside quotes" },
	{ TEXT("\\"), 0, "a backslash outside quotes" },
	{ TEXT("a@b\\"), 0, "a backslash outside quotes" },
	{ TEXT("\"a\tb\"@c"), 0, "a control character in the local part" },
	{ TEXT("\"a\\\r\n b\"@c"), 0, "a control character in the local part" },
	{ TEXT("\"a\\\n b\"@c"), 0, "a control character in the local part" },
	{ TEXT("(a@b"), 0, "a '(' without" },
	{ TEXT("(a(b) a@b"), 0, "a '(' without" },
	{ TEXT("(a\\) a@b"), 0, "a '(' without" },
	{ TEXT("(a\\"), 0, "a '(' without" },
	{ TEXT("a@b ("), 0, "a '(' without" },
	{ TEXT("a ( @b"), 0, "a '(' without" },
	{ TEXT("<a@b> ("), 0, "a '(' without" },
	{ TEXT("<@x(:a@b>"), 0, "a '(' without" },
	{ TEXT("<(a@b>"), 0, "a '(' without" },
	{ TEXT("<a@(b>"), 0, "a '(' without" },
	{ TEXT("<\"a\"(@b>"), 0, "a '(' without" },
	{ TEXT("<a@[192.0.2.1](>"), 0, "a '(' without" },
	{ TEXT("a@b)"), 0, "a ')' without" },
	{ TEXT(":-) <a@b>"), 0, "a ':' without the name of a group" },
	{ TEXT(") <a@b>"), 0, "a ')' without" },
	{ TEXT("a@b; c@d"), 0,
	    "\"a@b; c@d\": a ';' that ends no group (a comma separates addresses)" },
	{ TEXT("a@b;"), 0, "a ';' that ends no group" },
	{ TEXT("<a@b>; <c@d>"), 0, "a ';' that ends no group" },
	{ TEXT(";"), 0, "a ';' that ends no group" },
	{ TEXT("g:;;"), 0, "a ';' that ends no group" },
	{ TEXT("g: a@b"), 0, "\"g: a@b\": a group" },
	{ TEXT("mailto:a@b"), 0, "without its ';'" },
	{ TEXT("x@y, g: a@b, c@d"), 0, "without its ';'" },
	{ TEXT("g:h:a@b;;"), 0, "a group within a group" },
	{ TEXT("g:a@b,h:;"), 0, "a group within a group" },
	{ TEXT(":a@b;"), 0, "a ':' without the name of a group" },
	/* Octets. */
	{ TEXT("a@b\n"), 0, "a control character" },
	{ TEXT("a@b\r\n"), 0, "a control character" },
	{ TEXT("a@b\r"), 0, "a control character" },
	{ TEXT("a@b,\nc@d"), 0, "a control character" },
	{ TEXT("a@b\nRCPT TO:<c@d>"), 0, "a control character" },
	{ TEXT("a@b\r\nRCPT TO:<c@d>"), 0, "a control character" },
	{ TEXT("a@b,\r c@d"), 0, "a control character" },
	{ TEXT("a@b,\r\r\n c@d"), 0, "a control character" },
	{ TEXT("a\0@b"), 0, "\"a\\x00@b\": a control character" },
	{ TEXT("a@b\0"), 0, "a control character" },
	{ TEXT("\0"), 0, "a control character" },
	{ TEXT("\x01 <a@b>"), 0, "a control character" },
	{ TEXT("\"\x1b[0m\" <a@b>"), 0, "a control character" },
	{ TEXT("(\x7f) a@b"), 0, "a control character" },
	{ TEXT("x@y, a@b\x7f, c@d"), 0, "\" a@b\\x7F\": a control character" },
	{ TEXT("a@b\xc3"), 0, "not valid UTF-8" },
	{ TEXT("a\xc0\x80@b"), 0, "not valid UTF-8" },
	{ TEXT("a\xed\xa0\x80@b"), 0, "not valid UTF-8" },
	{ TEXT("a\xf4\x90\x80\x80@b"), 0, "not valid UTF-8" },
	{ TEXT("a\xe2\x80\xae@b"), 0, "an invisible character" },
	{ TEXT("a@b\xc2\x80"), 0, "an invisible character" },
	{ TEXT("<a@b\xe2\x81\xa6>"), 0, "an invisible character" },
	/* The null address and single addresses. */
	{ TEXT("<>"), 0, "an empty address is not allowed here" },
	{ TEXT("X <>"), 0, "an empty address is not allowed here" },
	{ TEXT("< >"), ADDRESS_ONE, "an empty address is not allowed here" },
	{ TEXT(""), ADDRESS_ONE, "\"\": there is no address in it" },
	{ TEXT(" "), ADDRESS_ONE, "there is no address in it" },
	{ TEXT("(x)"), ADDRESS_ONE, "\"(x)\": there is no address in it" },
	{ TEXT("(x)"), ADDRESS_ONE | ADDRESS_NULL, "there is no address in it" },
	{ TEXT("a@b,c@d"), ADDRESS_ONE, "not a list" },
	{ TEXT("a@b,"), ADDRESS_ONE, "not a list" },
	{ TEXT(",a@b"), ADDRESS_ONE, "not a list" },
	{ TEXT("<a@b>,"), ADDRESS_ONE, "not a list" },
	{ TEXT("g:a@b;"), ADDRESS_ONE, "not a group" },
	{ TEXT("<>>"), ADDRESS_NULL, "text behind" },
	{ TEXT("<><>"), ADDRESS_NULL, "text behind" },
};

/* What is told about the parts of one mailbox. */
static const struct {
	const char *text, *local, *domain;
	bool qualified, local_8bit, domain_8bit;
} parts[] = {
	{ "a@b", "a", "b", true, false, false },
	{ "root", "root", "", false, false, false },
	{ "<>", "", "", false, false, false },
	{ "\"a@b\" @ c.d", "\"a@b\"", "c.d", true, false, false },
	{ "\"a\\\"\"@[192.0.2.1]", "\"a\\\"\"", "[192.0.2.1]", true, false, false },
	{ "\xc3\xb6@b", "\xc3\xb6", "b", true, true, false },
	{ "\xc3\xb6", "\xc3\xb6", "", false, true, false },
	{ "a@\xc3\xb6", "a", "\xc3\xb6", true, false, true },
	{ "\xc3\xa4@\xc3\xb6", "\xc3\xa4", "\xc3\xb6", true, true, true },
	{ "\xc3\xa4 <a@b>", "a", "b", true, false, false },
	{ "a@b (\xc3\xa4)", "a", "b", true, false, false },
};

static const struct {
	const char *a, *b;
	bool equal;
} pairs[] = {
	{ "a@b.c", "a@b.c", true },
	{ "a@b.c", "a@B.C", true },
	{ "a@b.c", "A@b.c", false },
	{ "\"a\"@b", "a@b", true },
	{ "a@b", "a@c", false },
	{ "a@b", "a", false },
	{ "a", "a", true },
	{ "a", "b", false },
	{ "ab@c", "a@bc", false },
	{ "<>", "<>", true },
	{ "<>", "a", false },
	{ "\"a@b\"", "a@b", false },
	{ "a@b", "a@bb", false },
};

static const struct {
	const char *mailbox, *pattern;
	bool matches;
} patterns[] = {
	{ "alice@example.org", "alice@example.org", true },
	{ "Alice@Example.ORG", "alice@example.org", true },
	{ "alice@example.org", "ALICE@EXAMPLE.ORG", true },
	{ "alice@example.org", "*@example.org", true },
	{ "alice@example.org", "*@*.example.org", false },
	{ "alice@a.example.org", "*@*.example.org", true },
	{ "alice@a.b.example.org", "*@*.example.org", true },
	{ "alice@example.org", "*", true },
	{ "", "*", true },
	{ "", "", true },
	{ "", "**", true },
	{ "a", "", false },
	{ "", "a", false },
	{ "alice@example.org", "alice@*", true },
	{ "alice@example.org", "alice", false },
	{ "alice", "alice@*", false },
	{ "alice@example.org", "*@example", false },
	{ "alice@example.orgx", "*@example.org", false },
	{ "xexample.org", "*@example.org", false },
	{ "a@b@example.org", "*@example.org", true },
	{ "aXbXc", "a*b*c", true },
	{ "aXbXcX", "a*b*c", false },
	{ "abababac", "*abac", true },
	{ "a*b", "a*b", true },
	{ "alice@example.org", "alice@example.or?", false },
	{ "alice@example.org*", "alice@example.org", false },
};

static void
join(struct buf *out, const struct address_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		buf_addf(out, "%s%s", i > 0 ? "|" : "", list->items[i].mailbox);
}

/* Parses a copy with nothing behind it, and joins; the error's sentence where it is refused. */
static int
parse(struct buf *out, struct span text, unsigned flags)
{
	struct address_list list = ADDRESS_LIST_INIT;
	char *copy = malloc(text.len);
	struct err err;
	int result;

	err_init(&err);
	if (text.len > 0)
		memcpy(copy, text.data, text.len);
	result = address_parse(&list, (struct span){ copy, text.len }, flags, &err);
	free(copy);
	if (result == 0)
		join(out, &list);
	else
		buf_adds(out, err.what.data);
	address_list_release(&list);
	err_release(&err);
	return result;
}

static void
complain(struct span text, unsigned flags, const char *wanted, const char *got)
{
	struct buf shown = BUF_INIT(SIZE_MAX);

	text_printable(&shown, text, false);
	print_error("%s (flags %u)\n  wanted %s\n  got    %s\n", shown.data, flags, wanted, got);
	buf_release(&shown);
}

static void
accepts(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		struct buf got = BUF_INIT(SIZE_MAX);

		if (parse(&got, accepted[i].text, accepted[i].flags) < 0 ||
		    strcmp(got.data, accepted[i].mailboxes) != 0) {
			complain(accepted[i].text, accepted[i].flags, accepted[i].mailboxes,
			    got.data);
			failures++;
		}
		buf_release(&got);
	}
	assert_int_equal(failures, 0);
}

static void
refuses(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct buf got = BUF_INIT(SIZE_MAX);

		if (parse(&got, refused[i].text, refused[i].flags) == 0 ||
		    strstr(got.data, refused[i].reason) == NULL ||
		    strncmp(got.data, "cannot parse the address \"", 26) != 0) {
			complain(refused[i].text, refused[i].flags, refused[i].reason, got.data);
			failures++;
		}
		buf_release(&got);
	}
	assert_int_equal(failures, 0);
}

/* Every mailbox that was accepted is accepted again as it is, and stays the same. */
static void
accepts_its_own_results(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		struct address_list list = ADDRESS_LIST_INIT;
		struct err err;

		err_init(&err);
		assert_int_equal(address_parse(&list, accepted[i].text, accepted[i].flags, &err),
		    0);
		for (size_t j = 0; j < list.count; j++) {
			const char *mailbox = list.items[j].mailbox;
			struct buf got = BUF_INIT(SIZE_MAX);

			if (parse(&got, span_of(mailbox), ADDRESS_ONE | ADDRESS_NULL) < 0 ||
			    strcmp(got.data, mailbox) != 0) {
				complain(span_of(mailbox), ADDRESS_ONE | ADDRESS_NULL, mailbox,
				    got.data);
				failures++;
			}
			buf_release(&got);
		}
		address_list_release(&list);
		err_release(&err);
	}
	assert_int_equal(failures, 0);
}

/* Appends what text stands for; false where it is refused. */
static bool
add(struct address_list *list, const char *text)
{
	struct err err;
	int result;

	err_init(&err);
	result = address_parse(list, span_of(text), ADDRESS_NULL, &err);
	err_release(&err);
	return result == 0;
}

static void
tells_the_parts(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct address_list list = ADDRESS_LIST_INIT;
		const struct address *a;

		assert_true(add(&list, parts[i].text));
		a = &list.items[0];
		if (!span_is((struct span){ a->mailbox, a->local_len }, parts[i].local) ||
		    !span_is(address_domain(a), parts[i].domain) ||
		    a->qualified != parts[i].qualified || a->local_8bit != parts[i].local_8bit ||
		    a->domain_8bit != parts[i].domain_8bit) {
			print_error("parts of %s\n", parts[i].text);
			failures++;
		}
		address_list_release(&list);
	}
	assert_int_equal(failures, 0);
}

static void
compares(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct address_list list = ADDRESS_LIST_INIT;

		assert_true(add(&list, pairs[i].a) && add(&list, pairs[i].b) && list.count == 2);
		if (address_equal(&list.items[0], &list.items[1]) != pairs[i].equal ||
		    address_equal(&list.items[1], &list.items[0]) != pairs[i].equal) {
			print_error("%s and %s\n", pairs[i].a, pairs[i].b);
			failures++;
		}
		address_list_release(&list);
	}
	assert_int_equal(failures, 0);
}

static void
matches(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (address_matches(span_of(patterns[i].mailbox), patterns[i].pattern) !=
		    patterns[i].matches) {
			print_error("%s and the pattern %s\n", patterns[i].mailbox,
			    patterns[i].pattern);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

static void
add_run(struct buf *out, const char *piece, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_adds(out, piece);
}

/* Before, count times the piece, after: accepted where reason is NULL. */
static const struct {
	const char *before, *piece;
	size_t count;
	const char *after, *reason;
} bounds[] = {
	{ "", "x", ADDRESS_LOCAL_MAX, "@b", NULL },
	{ "", "x", ADDRESS_LOCAL_MAX + 1, "@b", "the local part is too long" },
	{ "", "x", ADDRESS_LOCAL_MAX + 1, "", "the local part is too long" },
	{ "X <", "x", ADDRESS_LOCAL_MAX + 1, "@b>", "the local part is too long" },
	/* Quotes and backslashes count. */
	{ "\"", " ", ADDRESS_LOCAL_MAX - 2, "\"@b", NULL },
	{ "\"", " ", ADDRESS_LOCAL_MAX - 1, "\"@b", "the local part is too long" },
	{ "\"", "\\\"", ADDRESS_LOCAL_MAX / 2 - 1, "\"@b", NULL },
	{ "\"", "\\\"", ADDRESS_LOCAL_MAX / 2, "\"@b", "the local part is too long" },
	/* Needless ones do not. */
	{ "\"", "\\x", ADDRESS_LOCAL_MAX, "\"@b", NULL },
	{ "a@", "x", ADDRESS_DOMAIN_MAX, "", NULL },
	{ "a@", "x", ADDRESS_DOMAIN_MAX + 1, "", "the domain is too long" },
	{ "a@x", ".x", ADDRESS_DOMAIN_MAX / 2, "", NULL },
	{ "a@xx", ".x", ADDRESS_DOMAIN_MAX / 2, "", "the domain is too long" },
	{ "<a@", "x", ADDRESS_DOMAIN_MAX + 1, ">", "the domain is too long" },
	{ "", "(", ADDRESS_NESTING_MAX, "", "a '(' without its ')'" },
	{ "", "(", ADDRESS_NESTING_MAX, "))))))))))))))))))))))))))))))))a@b", NULL },
	{ "", "(", ADDRESS_NESTING_MAX + 1, "", "too many comments within comments" },
	{ "a@b", "(x)", 1000, "", NULL },
	/* 2^19 of a kind, closed or not: time and memory must not grow faster than the text. */
	{ "a@b", ",", 1 << 19, "", NULL },
	{ "", "(", 1 << 19, "", "too many comments within comments" },
	{ "", ")", 1 << 19, "", "a ')' without" },
	{ "", "()", 1 << 19, "a@b", NULL },
	{ "", "<", 1 << 19, "", "a '<' in the wrong place" },
	{ "", "[", 1 << 19, "<a@b>", NULL },
	{ "", "[a ", 1 << 19, "<a@b>", NULL },
	{ "", "\"\" ", 1 << 19, "<a@b>", NULL },
	{ "", "\"\".", 1 << 19, "a@b", "the local part is too long" },
	{ "", "a.", 1 << 19, "a@b", "the local part is too long" },
	{ "", "\\", 1 << 19, "<a@b>", NULL },
	{ "", "@", 1 << 19, "<a@b>", NULL },
	{ "", "@", 1 << 19, "", "nothing before" },
	{ "", ":", 1 << 19, "", "a ':' without" },
	{ "", ";", 1 << 19, "", "ends no group" },
	{ "", "g:;,", 1 << 18, "a@b", NULL },
	{ "<", "@a,", 1 << 18, ":a@b>", NULL },
	{ "<", "@a,", 1 << 18, "", "nothing before" },
	{ "a@", "a.", 1 << 19, "a", "the domain is too long" },
	{ "a@[", "1", 1 << 19, "]", "no IP address" },
	{ "a@b", "\r\n ", 1 << 18, "", NULL },
	{ "", "\xc3\xb6", 1 << 18, "<a@b>", NULL },
};

static void
keeps_bounds(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		struct buf text = BUF_INIT(SIZE_MAX), got = BUF_INIT(SIZE_MAX);
		bool accepts_it;

		buf_adds(&text, bounds[i].before);
		add_run(&text, bounds[i].piece, bounds[i].count);
		buf_adds(&text, bounds[i].after);
		accepts_it = parse(&got, (struct span){ text.data, text.len }, 0) == 0;
		if (accepts_it != (bounds[i].reason == NULL) ||
		    (!accepts_it && strstr(got.data, bounds[i].reason) == NULL)) {
			print_error("%s%s (%zu times)%s: %s\n", bounds[i].before, bounds[i].piece,
			    bounds[i].count, bounds[i].after, got.data);
			failures++;
		}
		buf_release(&text);
		buf_release(&got);
	}
	assert_int_equal(failures, 0);
}

static void
takes_long_lists(void **state)
{
	enum { COUNT = 100000 };
	struct buf text = BUF_INIT(SIZE_MAX);
	struct address_list list = ADDRESS_LIST_INIT;

	(void)state;
	for (int i = 0; i < COUNT; i++)
		buf_addf(&text, "N <u%d@example.org>,\r\n ", i);
	assert_true(add(&list, text.data));
	assert_int_equal(list.count, COUNT);
	assert_string_equal(list.items[COUNT - 1].mailbox, "u99999@example.org");
	address_list_release(&list);
	assert_int_equal(list.count, 0);
	assert_null(list.items);
	buf_release(&text);
}

static void
leaves_the_list_alone_on_failure(void **state)
{
	struct address_list list = ADDRESS_LIST_INIT;
	struct buf got = BUF_INIT(SIZE_MAX);
	struct err err;

	(void)state;
	err_init(&err);
	assert_int_equal(address_parse(&list, span_of("a@b, c@d"), 0, &err), 0);
	assert_int_equal(address_parse(&list, span_of("e@f, g@h, i@j, k@l, <m"), 0, &err), -1);
	assert_int_equal(err.kind, ERR_ADDRESS);
	join(&got, &list);
	assert_string_equal(got.data, "a@b|c@d");
	buf_clear(&got);
	assert_int_equal(address_parse(&list, span_of("e@f"), ADDRESS_ONE, &err), 0);
	join(&got, &list);
	assert_string_equal(got.data, "a@b|c@d|e@f");
	buf_release(&got);
	address_list_release(&list);
	err_release(&err);
}

/* The text between the quotation marks of the sentence about it. */
static const struct {
	struct span text;
	const char *shown;
} quotations[] = {
	{ TEXT("x@y,  foo bar@c  , d@e"), "foo bar@c" },
	{ TEXT("a\r\n b@c"), "a b@c" },
	{ TEXT("a\n\tb@c"), "a\\x09b@c" },
	{ TEXT("a b@c\r\n "), "a b@c" },
	{ TEXT("a@b\n"), "a@b\\x0A" },
	{ TEXT("a@b\r\n"), "a@b\\x0D" },
	{ TEXT("a@b\nRCPT TO:<c@d>"), "a@b\\x0ARCPT TO:<c@d>" },
	/* 80 octets are shown whole; of more, 60 before the error and 20 behind it. */
	{ TEXT("01234567890123456789012345678901234567890123456789012345678901234567890123456 1@c"),
	    "89012345678901234567890123456789012345678901234567890123456 1@c" },
	{ TEXT("0123456789012345678901234567890123456789012345678901234567890123456789012345 1@c"),
	    "0123456789012345678901234567890123456789012345678901234567890123456789012345 1@c" },
	{ TEXT("a b@c0123456789012345678901234567890123456789012345678901234567890123456789012345"),
	    "a b@c012345678901234567890123456789012345678901234567890123456789012345678901234" },
};

static void
quotes_what_it_refuses(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(quotations) / sizeof(quotations[0]); i++) {
		struct buf got = BUF_INIT(SIZE_MAX), wanted = BUF_INIT(SIZE_MAX);

		buf_addf(&wanted, "cannot parse the address \"%s\": ", quotations[i].shown);
		if (parse(&got, quotations[i].text, 0) == 0 ||
		    strncmp(got.data, wanted.data, wanted.len) != 0) {
			complain(quotations[i].text, 0, wanted.data, got.data);
			failures++;
		}
		buf_release(&got);
		buf_release(&wanted);
	}
	assert_int_equal(failures, 0);
}

/* Whole sequences of UTF-8 are cut, so that nothing is shown as \xHH that need not be. */
static void
cuts_quotations_between_characters(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		struct buf text = BUF_INIT(SIZE_MAX), got = BUF_INIT(SIZE_MAX);
		const char *first, *last;

		add_run(&text, "x", shift);
		add_run(&text, "\xe6\x97\xa5", 100);
		buf_adds(&text, " ");
		add_run(&text, "\xe6\x97\xa5", 100);
		assert_int_equal(parse(&got, (struct span){ text.data, text.len }, 0), -1);
		assert_null(strstr(got.data, "\\x"));
		first = strchr(got.data, '"');
		last = strrchr(got.data, '"');
		assert_true(last - first - 1 <= 80);
		assert_true(last - first - 1 > 70);
		buf_release(&text);
		buf_release(&got);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts),
		cmocka_unit_test(refuses),
		cmocka_unit_test(accepts_its_own_results),
		cmocka_unit_test(tells_the_parts),
		cmocka_unit_test(compares),
		cmocka_unit_test(matches),
		cmocka_unit_test(keeps_bounds),
		cmocka_unit_test(takes_long_lists),
		cmocka_unit_test(leaves_the_list_alone_on_failure),
		cmocka_unit_test(quotes_what_it_refuses),
		cmocka_unit_test(cuts_quotations_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
