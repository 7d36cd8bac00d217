/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "smtp/sasl.h"

/*
 * What the mechanisms that are ours say first, for a token "tok" (RFC 7628 section 4.1, RFC 5801
 * section 4).
 */
static const struct {
	const char *mechanism, *user, *response;
} rows[] = {
	{ "OAUTHBEARER", "me@example.org",
	    "n,a=me@example.org,\001host=mx.example.org\001port=587\001auth=Bearer tok\001\001" },
	{ "OAUTHBEARER", "a=b,c",
	    "n,a=a=3Db=2Cc,\001host=mx.example.org\001port=587\001auth=Bearer tok\001\001" },
	{ "XOAUTH2", "me@example.org", "user=me@example.org\001auth=Bearer tok\001\001" },
	{ "XOAUTH2", "a=b,c", "user=a=b,c\001auth=Bearer tok\001\001" }, { "EXTERNAL", "me", "" },
	{ "PLAIN", "me", "" }, /* its NULs are compared below */
};

static void
speaks_first(void **state)
{
	struct buf secret = BUF_INIT_SECRET(64), binding = BUF_INIT(64),
		   response = BUF_INIT_SECRET(1024);
	struct err err;

	(void)state;
	err_init(&err);
	buf_adds(&secret, "tok");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sasl_credentials credentials = {
			.user = rows[i].user,
			.secret = &secret,
			.host = "mx.example.org",
			.port = 587,
			.binding = &binding,
		};
		struct sasl *sasl = NULL;

		assert_int_equal(sasl_begin(&sasl, mechanism_find(span_of(rows[i].mechanism)),
				     &credentials, &err),
		    0);
		assert_int_equal(sasl_step(sasl, (struct span){ NULL, 0 }, &response, &err), 0);
		if (strcmp(response.data, rows[i].response) != 0)
			fail_msg("%s %s: %s", rows[i].mechanism, rows[i].user, response.data);
		if (strcmp(rows[i].mechanism, "PLAIN") == 0) {
			assert_int_equal(response.len, 7);
			assert_memory_equal(response.data, "\0me\0tok", 7);
		}
		sasl_end(sasl);
	}
	buf_release(&secret);
	buf_release(&response);
	err_release(&err);
}

/*
 * A refused token is told in a challenge, which wants one more answer; then there is nothing left
 * to say.
 */
static void
hears_why_a_token_is_refused(void **state)
{
	struct buf secret = BUF_INIT_SECRET(64), binding = BUF_INIT(64),
		   response = BUF_INIT_SECRET(1024);
	struct sasl_credentials credentials = {
		.user = "me",
		.secret = &secret,
		.host = "mx",
		.port = 465,
		.binding = &binding,
	};
	struct sasl *sasl = NULL;
	struct err err;

	(void)state;
	err_init(&err);
	buf_adds(&secret, "tok");
	assert_int_equal(sasl_begin(&sasl, mechanism_find(span_of("OAUTHBEARER")), &credentials,
			     &err),
	    0);
	assert_int_equal(sasl_step(sasl, (struct span){ NULL, 0 }, &response, &err), 0);
	assert_int_equal(sasl_step(sasl, span_of("{\"status\":\"401\"}"), &response, &err), 0);
	assert_string_equal(response.data, "\001");
	assert_true(span_is(sasl_token_error(sasl), "{\"status\":\"401\"}"));
	assert_int_equal(sasl_step(sasl, span_of("more"), &response, &err), -1);
	assert_int_equal(err.kind, ERR_LOGIN);
	sasl_end(sasl);
	buf_release(&secret);
	buf_release(&response);
	err_release(&err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speaks_first),
		cmocka_unit_test(hears_why_a_token_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
