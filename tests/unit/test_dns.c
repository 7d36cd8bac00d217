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
		cmocka_unit_test(makes_a_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
