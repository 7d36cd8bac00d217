/* SPDX-License-Identifier: ISC */
/*
 * What became of a message, for programs: lines "name: value", which are also what is kept of it
 * under an idempotency key. First the message, then each recipient, whose lines begin with
 * "recipient":
 *
 * 	result: sent
 * 	queue-id: none
 * 	message-id: <…@example.org>
 * 	account: default
 * 	size: 1203
 * 	exit-status: 0
 * 	recipient: bob@example.net
 * 	state: sent
 * 	server: smtp.example.org:465
 * 	reply: 250 2.0.0 Ok: queued as 4WxYz1
 * 	server-queue-id: 4WxYz1
 *
 * A line that nothing is known for is left out, but for queue-id.
 */
#ifndef SENDOFF_COMMAND_RECEIPT_H
#define SENDOFF_COMMAND_RECEIPT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/span.h"
#include "submission/submit.h"

/* Appends it; every value is printable, and on one line. */
void receipt_add(struct buf *out, const struct submission *s, int status);

/* Prints the lines as they are, or as one JSON object. */
void receipt_print(FILE *out, struct span lines, bool as_json);

/*
 * The server's own name for the message in its reply to the content, as far as well-known servers
 * tell it; else empty.
 */
struct span receipt_server_id(struct span reply);

#endif
