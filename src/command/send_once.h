/* SPDX-License-Identifier: ISC */
/*
 * --idempotency-key: what is called again with the same key is sent once.
 */
#ifndef SENDOFF_COMMAND_SEND_ONCE_H
#define SENDOFF_COMMAND_SEND_ONCE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "command/job.h"
#include "command/send_option.h"
#include "net/digest.h"
#include "store/reservation.h"

struct once {
	struct reservation reservation;
	char name[DIGEST_HEX_LEN + 1]; /* of the key's file */
	char seed[17];                 /* for compose.h */
	char content[DIGEST_HEX_LEN + 1];
	bool met;   /* reservation is to be released */
	bool taken; /* it is ours */
};

/*
 * Lifetime: all zeros, once_name(), once_digest(), once_take(), once_told() or none,
 * once_release().
 */

/* What the key is called on disk, and in the message: the same each time.  Errors: ERR_SYSTEM. */
int once_name(struct once *once, const char *key, struct err *err);

/*
 * What is to be sent, in short: before Date and Message-ID are added.  Errors: ERR_SYSTEM, ERR_IO.
 */
int once_digest(struct once *once, const struct job *job, struct err *err);

/*
 * Takes the key.  1: it was sent before: the receipt of then is in once->reservation, the exit
 * status in its status. Errors: ERR_TEMPORARY (the key is in use, or nobody can know whether it was
 * sent), ERR_USAGE (it stands for another content), ERR_CONFIG (there is no folder for keys), those
 * of reservation_take().
 */
int once_take(struct once *once, struct job *job, const struct send_options *options,
    struct err *err);

/* The message can be somewhere else from now on. */
int once_sending(struct once *once, struct err *err);

/* What became of it: it is kept, but where nothing was sent, or nobody can know. */
void once_told(struct once *once, const struct submission *s, int status,
    const struct buf *receipt);

/* Where nothing was told, nothing was sent: the key is free again. */
void once_release(struct once *once);

#endif
