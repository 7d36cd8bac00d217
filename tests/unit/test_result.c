/* SPDX-License-Identifier: ISC */
/*
 * What a delivery came to, told by one process to another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/pair.h"
#include "delivery/result.h"
#include "with_err.h"

static struct account accounts[2];
static const struct config config = { .accounts = accounts, .count = 2 };
static struct envelope envelope;
static struct message message;

static void
add_recipients(size_t count)
{
	char text[64];
	struct address_list list = ADDRESS_LIST_INIT;

	for (size_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "r%zu@example.net", envelope.count);
		assert_int_equal(address_parse(&list, span_of(text), ADDRESS_ONE, &err), 0);
		assert_int_equal(envelope_add(&envelope, &list.items[0], &err), 0);
		address_list_release(&list);
	}
}

static int
setup(void **state)
{
	accounts[0].name = (char *)(uintptr_t) "work";
	accounts[1].name = (char *)(uintptr_t) "fallback";
	envelope_init(&envelope);
	message_init(&message);
	return setup_err(state);
}

static int
teardown(void **state)
{
	envelope_release(&envelope);
	message_release(&message);
	return teardown_err(state);
}

static void
begin_delivery(struct delivery *d)
{
	memset(d, 0, sizeof(*d));
	buf_init(&d->server, ERR_TEXT_MAX);
	buf_init(&d->tls, ERR_TEXT_MAX);
	buf_init(&d->mechanism, ERR_TEXT_MAX);
	d->account = &accounts[0];
	assert_int_equal(transaction_init(&d->tx, &envelope, &message, &err), 0);
}

static void
end_delivery(struct delivery *d)
{
	transaction_release(&d->tx);
	buf_release(&d->server);
	buf_release(&d->tls);
	buf_release(&d->mechanism);
}

static void
refuse(struct delivery *d, size_t i, const char *words)
{
	struct err *e = &d->tx.outcomes[i].err;

	d->tx.outcomes[i].state = OUTCOME_FAILED;
	err_set(e, ERR_RECIPIENT_UNKNOWN, "the server refused the recipient");
	e->reply_code = 550;
	memcpy(e->enhanced, "5.1.1", sizeof("5.1.1"));
	buf_adds(&e->reply, words);
	buf_adds(&e->peer, "mail.example.org:465");
	err_hint(e, "look at the address");
}

static void
test_all_of_it(void **state)
{
	struct buf text = BUF_INIT(PAIR_MESSAGE_MAX);
	struct delivery told, heard;
	const struct err *e;

	(void)state;
	add_recipients(4);
	begin_delivery(&told);
	begin_delivery(&heard);
	buf_adds(&told.server, "mail.example.org:465");
	buf_adds(&told.tls, "TLS1.3");
	buf_adds(&told.mechanism, "PLAIN");
	buf_adds(&told.tx.acceptance, "2.0.0 queued as 4711");
	told.account = &accounts[1];
	told.has_dsn = true;
	told.elapsed_ms = 1234;
	told.tx.held_until_s = 99;
	told.tx.outcomes[0].state = OUTCOME_ACCEPTED;
	refuse(&told, 1, "5.1.1 nobody");
	refuse(&told, 2, "5.1.1 nobody");
	told.tx.outcomes[3].state = OUTCOME_FAILED;
	err_set(&told.tx.outcomes[3].err, ERR_LOST, "the server closed the connection");
	told.tx.outcomes[3].err.in_doubt = true;
	result_pack(&text, &told);
	assert_int_equal(result_unpack(&heard, &config, (struct span){ text.data, text.len }, &err),
	    0);
	assert_ptr_equal(heard.account, &accounts[1]);
	assert_string_equal(heard.server.data, "mail.example.org:465");
	assert_string_equal(heard.tls.data, "TLS1.3");
	assert_string_equal(heard.mechanism.data, "PLAIN");
	assert_string_equal(heard.tx.acceptance.data, "2.0.0 queued as 4711");
	assert_true(heard.has_dsn && !heard.from_session);
	assert_int_equal(heard.elapsed_ms, 1234);
	assert_int_equal(heard.tx.held_until_s, 99);
	assert_int_equal(heard.tx.outcomes[0].state, OUTCOME_ACCEPTED);
	for (size_t i = 1; i <= 2; i++) {
		e = &heard.tx.outcomes[i].err;
		assert_int_equal(heard.tx.outcomes[i].state, OUTCOME_FAILED);
		assert_int_equal(e->kind, ERR_RECIPIENT_UNKNOWN);
		assert_int_equal(e->reply_code, 550);
		assert_string_equal(e->enhanced, "5.1.1");
		assert_string_equal(e->reply.data, "5.1.1 nobody");
		assert_string_equal(e->peer.data, "mail.example.org:465");
		assert_string_equal(e->hint.data, "look at the address");
		assert_false(e->in_doubt);
	}
	assert_true(heard.tx.outcomes[3].err.in_doubt);
	end_delivery(&told);
	end_delivery(&heard);
	buf_release(&text);
}

/* Every cut of it, and another number of recipients, is no result. */
static void
test_nonsense(void **state)
{
	struct buf text = BUF_INIT(PAIR_MESSAGE_MAX);
	struct delivery told, heard;

	(void)state;
	add_recipients(2);
	begin_delivery(&told);
	told.tx.outcomes[0].state = OUTCOME_ACCEPTED;
	refuse(&told, 1, "no");
	result_pack(&text, &told);
	end_delivery(&told);
	for (size_t len = 0; len < text.len; len++) {
		begin_delivery(&heard);
		assert_int_equal(result_unpack(&heard, &config, (struct span){ text.data, len },
				     &err),
		    -1);
		assert_int_equal(err.kind, ERR_BUG);
		end_delivery(&heard);
	}
	add_recipients(1);
	begin_delivery(&heard);
	assert_int_equal(result_unpack(&heard, &config, (struct span){ text.data, text.len }, &err),
	    -1);
	end_delivery(&heard);
	buf_release(&text);
}

/* A server that has a long reason of its own for each of many. */
static void
test_many_reasons(void **state)
{
	enum { MANY = 3000 };
	static char words[ERR_TEXT_MAX];
	struct buf text = BUF_INIT(PAIR_MESSAGE_MAX);
	struct delivery told, heard;

	(void)state;
	add_recipients(MANY);
	begin_delivery(&told);
	begin_delivery(&heard);
	memset(words, 'x', sizeof(words) - 1);
	for (size_t i = 0; i < MANY; i++) {
		snprintf(words, 16, "%zu", i);
		words[strlen(words)] = ' ';
		refuse(&told, i, words);
	}
	result_pack(&text, &told);
	assert_true(buf_ok(&text));
	assert_int_equal(result_unpack(&heard, &config, (struct span){ text.data, text.len }, &err),
	    0);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(heard.tx.outcomes[i].state, OUTCOME_FAILED);
		assert_int_equal(heard.tx.outcomes[i].err.reply_code, 550);
	}
	/* The first ones in the server's words, the last ones in short. */
	assert_true(heard.tx.outcomes[0].err.reply.len > 8000);
	assert_int_equal(heard.tx.outcomes[MANY - 1].err.reply.len, 0);
	end_delivery(&told);
	end_delivery(&heard);
	buf_release(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_reasons, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
