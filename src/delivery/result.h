/* SPDX-License-Identifier: ISC */
/*
 * What a delivery came to, or has come to until now, as octets: from the worker that does it to the
 * process that began it, which has the same message and account.
 */
#ifndef SENDOFF_DELIVERY_RESULT_H
#define SENDOFF_DELIVERY_RESULT_H

#include "base/pack.h"
#include "delivery/delivery.h"

/* An error, but for its stage. */
void err_pack(struct buf *out, const struct err *err);
void err_unpack(struct unpack *in, struct err *err);

/*
 * Appends what a delivery came to. Neighbours that ended alike share their words;
 * where there are too many of these, the later ones are told in short, so that out, with a ceiling
 * of PAIR_MESSAGE_MAX, has room for a hundred thousand recipients.
 */
void result_pack(struct buf *out, const struct delivery *d);

/*
 * Takes it over into d, which delivery_init() made, in place of what d has: outcomes, server, and
 * all else that is told. `config` has the account that was used, which may be a fallback. Errors:
 * ERR_BUG (it makes no sense, or speaks of other recipients).
 */
int result_unpack(struct delivery *d, const struct config *config, struct span text,
    struct err *err);

#endif
