/* SPDX-License-Identifier: ISC */
/*
 * A whole session against a server that the fuzzer plays: the input is all that the server says,
 * over a Unix socket; at a bar it listens before it goes on.  The first octet chooses the messages,
 * the settings, and whether there is one of them, or all in a row, each announced.
 */
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuzz.h"
#include "message/message.h"
#include "smtp/session.h"

enum { RECIPIENTS = 3, MESSAGES = 3, LISTEN_MS = 20 };

static struct message small, large;
static struct transaction txs[MESSAGES];
static unsigned ends[MESSAGES];
static struct envelope envelope;
static struct smtp_settings settings;
static struct buf secret = BUF_INIT_SECRET(64);
static char path[64];
static int listener;

static const uint8_t *script;
static size_t script_len;

/* Until something comes, or nothing does. */
static void
listen_once(int fd)
{
	struct pollfd pfd = { fd, POLLIN, 0 };
	char sink[4096];

	if (poll(&pfd, 1, LISTEN_MS) > 0)
		(void)!recv(fd, sink, sizeof(sink), 0);
}

/* The server: says what it has to say, then listens until the client has gone. */
static void *
serve(void *arg)
{
	struct span rest = { (const char *)script, script_len };
	char sink[4096];
	int fd = accept(listener, NULL, NULL);

	(void)arg;
	while (rest.len > 0) {
		struct span piece = span_cut(&rest, '|');

		if (send(fd, piece.data, piece.len, MSG_NOSIGNAL) != (ssize_t)piece.len)
			break;
		if (rest.len > 0)
			listen_once(fd);
	}
	shutdown(fd, SHUT_WR);
	while (recv(fd, sink, sizeof(sink), 0) > 0)
		continue;
	close(fd);
	return NULL;
}

static void
make_message(struct message *m, size_t lines)
{
	struct err err;

	err_init(&err);
	message_init(m);
	buf_adds(&m->header, "Subject: fuzz\r\n");
	for (size_t i = 0; i < lines; i++)
		check(spool_write(&m->body, ".a line that begins with a dot\r\n", 32, &err) == 0);
	check(spool_finish(&m->body, &err) == 0);
}

static void
add_recipients(void)
{
	struct address_list list = ADDRESS_LIST_INIT;
	struct err err;

	err_init(&err);
	check(address_parse(&list, span_of("a@example.org, b@example.org, c@example.net"), 0,
		  &err) == 0);
	envelope_init(&envelope);
	for (size_t i = 0; i < list.count; i++)
		check(envelope_add(&envelope, &list.items[i], &err) == 0);
	check(envelope_set_sender(&envelope, &list.items[0], &err) == 0);
	address_list_release(&list);
}

static void
set_up(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(path, sizeof(path), "/tmp/sendoff-fuzz-%d", (int)getpid());
	strcpy(address.sun_path, path);
	unlink(path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(bind(listener, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
	    listen(listener, 1) == 0);
	make_message(&small, 3);
	make_message(&large, 5000);
	add_recipients();
	buf_adds(&secret, "sesam");
}

static void
choose_settings(uint8_t choice)
{
	settings = (struct smtp_settings){
		.host = path,
		.socket = path,
		.timeout_ms = 5000,
		.connect_timeout_ms = 5000,
		.lmtp = (choice & 32) != 0,
		.user = (choice & 1) != 0 ? "user" : NULL,
		.secret = &secret,
		.secret_kind = (choice & 2) != 0 ? SMTP_SECRET_TOKEN : SMTP_SECRET_PASSWORD,
		.no_chunking = (choice & 4) != 0,
		.no_pipelining = (choice & 8) != 0,
	};
}

static int
count_end(void *arg, struct err *err)
{
	unsigned *calls = arg;

	(void)err;
	++*calls;
	return 0;
}

static void
make_transactions(uint8_t choice)
{
	struct err err;

	/* What is asked for: nothing, or another thing of each. */
	static const struct requests asked[MESSAGES] = {
		{ .deliver_by_s = 3600, .deliver_by_return = true },
		{ .deliver_by_s = 60, .hold_until_s = 32503680000 },
		{ .hold_for_s = 86400 },
	};

	err_init(&err);
	for (size_t i = 0; i < MESSAGES; i++) {
		check(transaction_init(&txs[i], &envelope,
			  (choice & 16) != 0 && i % 2 == 0 ? &large : &small, &err) == 0);
		ends[i] = 0;
		if (script_len % 2 != 0)
			txs[i].requests = asked[i];
		txs[i].before_end = count_end;
		txs[i].arg = &ends[i];
	}
	txs[1].outcomes[2].state = OUTCOME_SETTLED;
}

/* Turns until nobody is pending, or the session is of no more use. */
static int
send_one(struct smtp *s, struct transaction *tx, const struct around *around, struct err *err)
{
	int result = 0;

	for (unsigned turn = 0; result == 0 && turn < RECIPIENTS &&
	     (tx->announced || transaction_count(tx, OUTCOME_PENDING) > 0);
	     turn++)
		result = smtp_may_send(s) ? smtp_send(s, tx, around, err) : -1;
	check(result == 0 || err->kind != ERR_NONE || !smtp_may_send(s));
	return result;
}

/* All in a row, each with the next one announced. */
static void
send_announced(struct smtp *s, struct err *err)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		struct around around = { .last = i + 1 == MESSAGES,
			.next = i + 1 < MESSAGES ? &txs[i + 1] : NULL };

		if (send_one(s, &txs[i], &around, err) < 0)
			return;
	}
}

/* Nobody is left between, and nothing is said of a content whose end never went out. */
static void
check_outcomes(const struct transaction *tx, unsigned calls)
{
	check(transaction_count(tx, OUTCOME_TRIED) + transaction_count(tx, OUTCOME_NAMED) == 0);
	check(calls > 0 ||
	    (transaction_count(tx, OUTCOME_ACCEPTED) == 0 && !transaction_in_doubt(tx)));
	check(tx != &txs[1] || tx->outcomes[2].state == OUTCOME_SETTLED);
	check(tx->held_until_s == 0 || tx->requests.hold_for_s > 0 ||
	    tx->held_until_s == tx->requests.hold_until_s);
}

static void
converse(uint8_t choice)
{
	struct smtp s;
	struct err err;

	err_init(&err);
	make_transactions(choice);
	if (smtp_open(&s, &settings, &err) == 0) {
		if ((choice & 64) == 0)
			send_one(&s, &txs[0], &(struct around){ .last = true }, &err);
		else
			send_announced(&s, &err);
	}
	smtp_close(&s);
	for (size_t i = 0; i < MESSAGES; i++) {
		check_outcomes(&txs[i], ends[i]);
		transaction_release(&txs[i]);
	}
	err_release(&err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pthread_t server;

	if (listener == 0)
		set_up();
	if (size < 1 || size > 100000)
		return 0;
	script = data + 1;
	script_len = size - 1;
	choose_settings(data[0]);
	check(pthread_create(&server, NULL, serve, NULL) == 0);
	converse(data[0]);
	pthread_join(server, NULL);
	return 0;
}
