/* SPDX-License-Identifier: ISC */
/*
 * Fills a queue with copies of one message, as store_add() queues them, but for what makes them
 * durable.
 *
 *   fill QUEUE COUNT SENDER RECIPIENT < MESSAGE
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "message/message.h"
#include "store/store.h"

/* In place of the C library's: a hundred thousand messages would be waited for twice each. */
int
fsync(int fd)
{
	(void)fd;
	return 0;
}

static int
read_address(const char *text, int (*take)(struct envelope *, const struct address *, struct err *),
    struct envelope *envelope, struct err *err)
{
	struct address_list list = { 0 };
	int rc = address_parse(&list, span_of(text), 0, err);

	for (size_t i = 0; rc == 0 && i < list.count; i++)
		rc = take(envelope, &list.items[i], err);
	address_list_release(&list);
	return rc;
}

static int
add_copies(struct store *store, unsigned long count, const struct envelope *envelope,
    const struct message *message, struct err *err)
{
	int rc = 0;

	for (unsigned long i = 0; rc == 0 && i < count; i++) {
		struct store_facts facts = { .account = "default",
			.submitter = { getuid(), SUBMITTED_COMMAND },
			.now_ms = clock_wall_ms() };
		struct item item;

		rc = store_add(store, envelope, message, &facts, &item, err);
		if (rc == 0)
			item_release(&item);
	}
	return rc;
}

static int
fill(char **argv, struct envelope *envelope, struct message *message, struct store *store,
    struct err *err)
{
	struct message_input input = { .fd = STDIN_FILENO };

	if (read_address(argv[3], envelope_set_sender, envelope, err) != 0 ||
	    read_address(argv[4], envelope_add, envelope, err) != 0 ||
	    message_read(message, &input, err) != 0 || store_open(store, argv[1], true, err) != 0)
		return -1;
	return add_copies(store, strtoul(argv[2], NULL, 10), envelope, message, err);
}

int
main(int argc, char **argv)
{
	struct store store = STORE_INIT;
	struct envelope envelope;
	struct message message;
	struct err err;
	int rc;

	if (argc != 5) {
		fputs("usage: fill QUEUE COUNT SENDER RECIPIENT\n", stderr);
		return 2;
	}
	err_init(&err);
	envelope_init(&envelope);
	message_init(&message);
	rc = fill(argv, &envelope, &message, &store, &err);
	if (rc != 0)
		fprintf(stderr, "fill: %.*s\n", (int)err.what.len, err.what.data);
	store_close(&store);
	message_release(&message);
	envelope_release(&envelope);
	err_release(&err);
	return rc == 0 ? 0 : 1;
}
