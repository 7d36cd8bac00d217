/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "format/dns.h"
#include "format/domain.h"

/* _465._tcp.mx.example.org. IN TLSA 3 1 1 41424344, and a CNAME before it; the AD bit is set. */
static const char answer[] = "\0\1"
			     "\x81\xa0"
			     "\0\1"
			     "\0\2"
			     "\0\0"
			     "\0\0"
			     "\x04_465\x04_tcp\x02mx\x07"
			     "example\x03org\0"
			     "\0\x34"
			     "\0\1"
			     "\xc0\x0c"
			     "\0\5"
			     "\0\1"
			     "\0\0\1\x2c"
			     "\0\2"
			     "\xc0\x0c"
			     "\xc0\x0c"
			     "\0\x34"
			     "\0\1"
			     "\0\0\1\x2c"
			     "\0\7"
			     "\3\1\1"
			     "ABCD";

enum { ANSWER_LEN = sizeof(answer) - 1, FLAGS_AT = 3 };

static void
reads_tlsa(void **state)
{
	struct dns_answer dns;
	struct span data;

	(void)state;
	assert_true(dns_open(&dns, (struct span){ answer, ANSWER_LEN }));
	assert_true(dns.authenticated);
	assert_int_equal(dns.code, 0);
	assert_true(dns_next(&dns, DNS_TYPE_TLSA, &data));
	assert_int_equal(data.len, 7);
	assert_memory_equal(data.data,
	    "\3\1\1"
	    "ABCD",
	    7);
	assert_false(dns_next(&dns, DNS_TYPE_TLSA, &data));
}

static void
sees_the_flags(void **state)
{
	char changed[ANSWER_LEN];
	struct dns_answer dns;

	(void)state;
	memcpy(changed, answer, ANSWER_LEN);
	changed[FLAGS_AT] = (char)0x83;
	assert_true(dns_open(&dns, (struct span){ changed, ANSWER_LEN }));
	assert_false(dns.authenticated);
	assert_int_equal(dns.code, 3);
	changed[2] = 0x01;
	assert_false(dns_open(&dns, (struct span){ changed, ANSWER_LEN }));
}

/* Whatever is missing at the end, nothing behind it is read and no record is made up. */
static void
survives_cuts(void **state)
{
	(void)state;
	for (size_t len = 0; len < ANSWER_LEN; len++) {
		char *cut = malloc(len > 0 ? len : 1);
		struct dns_answer dns;
		struct span data;

		assert_non_null(cut);
		memcpy(cut, answer, len);
		if (dns_open(&dns, (struct span){ cut, len }))
			assert_false(dns_next(&dns, DNS_TYPE_TLSA, &data));
		free(cut);
	}
}

static void
asks(void **state)
{
	static const struct {
		const char *name, *octets; /* NULL: no name */
		size_t len;
	} rows[] = {
		{ "example.org", "\7example\3org\0", 13 },
		{ "example.org.", "\7example\3org\0", 13 },
		{ "_465._tcp.mx", "\4_465\4_tcp\2mx\0", 14 },
		{ "a", "\1a\0", 3 },
		{ "", NULL, 0 },
		{ ".", NULL, 0 },
		{ "a..b", NULL, 0 },
		{ ".a", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int extended = 0; extended <= 1; extended++) {
			struct buf out = BUF_INIT(512);

			assert_int_equal(dns_question(&out, 0x1234, rows[i].name, DNS_TYPE_TLSA,
					     extended != 0),
			    rows[i].octets != NULL);
			if (rows[i].octets != NULL) {
				assert_int_equal(out.len,
				    12 + rows[i].len + 4 + (extended ? 11 : 0));
				assert_memory_equal(out.data, "\x12\x34\1\x20\0\1\0\0\0\0\0", 11);
				assert_int_equal(out.data[11], extended);
				assert_memory_equal(out.data + 12, rows[i].octets, rows[i].len);
				assert_memory_equal(out.data + 12 + rows[i].len, "\0\x34\0\1", 4);
			}
			if (rows[i].octets != NULL && extended)
				assert_memory_equal(out.data + out.len - 11,
				    "\0\0\x29\4\xd0\0\0\x80\0\0\0", 11);
			buf_release(&out);
		}
	}
}

static void
asks_within_limits(void **state)
{
	static const struct {
		int label, labels;
		bool good;
	} rows[] = {
		{ 63, 1, true },
		{ 64, 1, false },
		{ 62, 4, true }, /* 4 * 63 + 1 = 253 octets */
		{ 63, 4, false },
		{ 1, 127, true }, /* 255 octets */
		{ 1, 128, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf name = BUF_INIT(1024), out = BUF_INIT(512);

		for (int label = 0; label < rows[i].labels; label++)
			buf_addf(&name, "%0*d.", rows[i].label, 0);
		assert_int_equal(dns_question(&out, 1, name.data, DNS_TYPE_A, true), rows[i].good);
		buf_release(&name);
		buf_release(&out);
	}
}

/* What counts as the answer to a question: what is changed in the one above, and where. */
static void
knows_its_answer(void **state)
{
	static const struct {
		size_t at;
		char octet;
		bool good;
	} rows[] = {
		{ 0, 0, true }, { 1, 2, false },       /* another number */
		{ 2, 0x01, false },                    /* no answer */
		{ 3, (char)0x83, true },               /* whatever it says */
		{ 5, 0, false },                       /* to no question */
		{ 5, 2, false },                       /* to two */
		{ 7, 0, true }, { 14, '5', false },    /* another name */
		{ 26, 'E', true },                     /* the same one */
		{ 12, 5, false }, { 38, 0x35, false }, /* another type */
	};
	struct buf question = BUF_INIT(512);
	size_t asked;

	(void)state;
	assert_true(dns_question(&question, 1, "_465._tcp.mx.example.org", DNS_TYPE_TLSA, false));
	asked = question.len;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char changed[ANSWER_LEN];

		memcpy(changed, answer, ANSWER_LEN);
		changed[rows[i].at] = rows[i].octet;
		if (dns_answers((struct span){ changed, ANSWER_LEN },
			(struct span){ question.data, asked }) != rows[i].good)
			fail_msg("row %zu", i);
	}
	for (size_t len = 0; len < ANSWER_LEN; len++)
		assert_int_equal(dns_answers((struct span){ answer, len },
				     (struct span){ question.data, asked }),
		    len >= asked);
	buf_release(&question);
}

static void
sees_that_there_is_more(void **state)
{
	char changed[ANSWER_LEN];
	struct dns_answer dns;

	(void)state;
	assert_true(dns_open(&dns, (struct span){ answer, ANSWER_LEN }));
	assert_false(dns.truncated);
	memcpy(changed, answer, ANSWER_LEN);
	changed[2] |= 2;
	assert_true(dns_open(&dns, (struct span){ changed, ANSWER_LEN }));
	assert_true(dns.truncated);
}

static void
reads_resolv_conf(void **state)
{
	static const struct {
		const char *text, *want; /* servers, and + where they are trusted */
	} rows[] = {
		{ "", "" },
		{ "nameserver 192.0.2.1", "192.0.2.1 " },
		{ "nameserver 192.0.2.1\n", "192.0.2.1 " },
		{ "nameserver\t192.0.2.1\t# home\n", "192.0.2.1 " },
		{ "nameserver  ::1\nnameserver fe80::1%eth0\n", "::1 fe80::1%eth0 " },
		{ "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4\n",
		    "1.1.1.1 2.2.2.2 3.3.3.3 " },
		{ "# nameserver 192.0.2.1\n;nameserver 192.0.2.2\n#\n\n", "" },
		{ " nameserver 192.0.2.1\n", "" },
		{ "nameserver\nnameserver \n", "" },
		{ "nameservers 192.0.2.1\n", "" },
		{ "search example.org\ndomain example.net\nnameserver 192.0.2.1\n", "192.0.2.1 " },
		{ "options trust-ad\nnameserver 192.0.2.1\n", "192.0.2.1 +" },
		{ "nameserver 192.0.2.1\noptions edns0 trust-ad timeout:1\n", "192.0.2.1 +" },
		{ "options trust-ad\noptions edns0\n", "+" },
		{ "options trust-adx\n# options trust-ad\noption trust-ad\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf got = BUF_INIT(512);
		struct dns_servers servers;

		dns_servers(&servers, span_of(rows[i].text));
		for (size_t n = 0; n < servers.count; n++) {
			buf_add(&got, servers.address[n].data, servers.address[n].len);
			buf_addc(&got, ' ');
		}
		if (servers.trusted)
			buf_addc(&got, '+');
		assert_string_equal(got.data, rows[i].want);
		buf_release(&got);
	}
}

static void
makes_a_labels(void **state)
{
	static const struct {
		const char *domain, *ascii; /* NULL: refused */
	} rows[] = {
		{ "example.org", "example.org" },
		{ "Example.ORG", "Example.ORG" },
		{ "m\xc3\xbcller.example", "xn--mller-kva.example" },
		{ "M\xc3\x9cLLER.example", "xn--mller-kva.example" },
		{ "fa\xc3\x9f.example", "xn--fa-hia.example" },
		{ "\xe4\xbe\x8b\xe5\xad\x90.\xe6\xb5\x8b\xe8\xaf\x95", "xn--fsqu00a.xn--0zwm56d" },
		{ "[192.0.2.1]", "[192.0.2.1]" },
		{ "\xf0\x9f\x92\xa9.example", NULL },
		{ "\xc3\xbc..example", NULL },
		{ "\xc3\xbc!.example", NULL },
		{ "-\xc3\xbc.example", NULL },
		{ "\xc3", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out = BUF_INIT(1024);
		struct err err;
		int result;

		err_init(&err);
		result = domain_to_ascii(rows[i].domain, &out, &err);
		if ((result == 0) != (rows[i].ascii != NULL) ||
		    (result == 0 && strcmp(out.data, rows[i].ascii) != 0))
			fail_msg("%s: %d \"%s\" %s", rows[i].domain, result, out.data,
			    err.what.data);
		if (result < 0) {
			assert_int_equal(err.kind, ERR_ADDRESS);
			assert_int_equal(out.len, 0);
		}
		err_release(&err);
		buf_release(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_tlsa),
		cmocka_unit_test(sees_the_flags),
		cmocka_unit_test(survives_cuts),
		cmocka_unit_test(asks),
		cmocka_unit_test(asks_within_limits),
		cmocka_unit_test(knows_its_answer),
		cmocka_unit_test(sees_that_there_is_more),
		cmocka_unit_test(reads_resolv_conf),
		cmocka_unit_test(makes_a_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
