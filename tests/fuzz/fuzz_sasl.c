/* SPDX-License-Identifier: ISC */
/*
 * Any octets as the challenges of a login: the first chooses the mechanism, then come challenges, a
 * line each.
 */
#include <stdint.h>
#include <stdlib.h>

#include "fuzz.h"
#include "smtp/sasl.h"

static size_t
mechanism_count(void)
{
	size_t n = 0;

	while (mechanism_at(n) != NULL)
		n++;
	return n;
}

static void
converse(struct sasl *sasl, const struct mechanism *mechanism, struct span challenges)
{
	struct buf response = BUF_INIT_SECRET(65536);
	struct err err;
	int result = 0;

	err_init(&err);
	if (mechanism->client_first)
		result = sasl_step(sasl, (struct span){ NULL, 0 }, &response, &err);
	while (result == 0 && challenges.len > 0)
		result = sasl_step(sasl, span_cut(&challenges, '\n'), &response, &err);
	/* A mutual mechanism whose server is a fuzzer must never believe it. */
	if (mechanism->mutual && sasl_is_done(sasl) && result == 0 &&
	    mechanism->proof == PROOF_PASSWORD && mechanism->client_first)
		abort();
	buf_release(&response);
	err_release(&err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf secret = BUF_INIT_SECRET(64), binding = BUF_INIT(64);
	struct sasl_credentials credentials = {
		.user = "alice",
		.secret = &secret,
		.host = "mx.example.org",
		.port = 465,
		.binding = &binding,
	};
	const struct mechanism *mechanism;
	struct sasl *sasl = NULL;
	struct err err;

	if (size < 1 || size > 20000)
		return 0;
	mechanism = mechanism_at(data[0] % mechanism_count());
	/* Kerberos reads the machine's own files: nothing for a fuzzer. */
	if (mechanism->proof == PROOF_TICKET)
		return 0;
	err_init(&err);
	buf_adds(&secret, "sesam");
	buf_adds(&binding, "0123456789abcdef0123456789abcdef");
	if (sasl_begin(&sasl, mechanism, &credentials, &err) == 0)
		converse(sasl, mechanism, (struct span){ (const char *)data + 1, size - 1 });
	sasl_end(sasl);
	buf_release(&secret);
	buf_release(&binding);
	err_release(&err);
	return 0;
}
