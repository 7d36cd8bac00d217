/* SPDX-License-Identifier: ISC */
#include "delivery/result.h"

#include <string.h>

enum { FULL_UNTIL = 8 * 1024 * 1024 }; /* octets behind which errors are told in short */

static struct span
span_in(const struct buf *b)
{
	return (struct span){ b->data, b->len };
}

void
err_pack(struct buf *out, const struct err *err)
{
	pack_number(out, err->kind);
	pack_number(out, (uint64_t)err->sys_errno);
	pack_number(out, (uint64_t)err->library_code);
	pack_number(out, (uint64_t)err->reply_code);
	pack_text(out, span_of(err->enhanced));
	pack_number(out, err->in_doubt);
	pack_text(out, span_in(&err->what));
	pack_text(out, span_in(&err->reply));
	pack_text(out, span_in(&err->peer));
	pack_text(out, span_in(&err->hint));
}

void
err_unpack(struct unpack *in, struct err *err)
{
	struct span enhanced;

	err_clear(err);
	err->kind = (enum err_kind)unpack_below(in, ERR_KINDS - 1);
	err->sys_errno = (int)unpack_number(in);
	err->library_code = (int)unpack_number(in);
	err->reply_code = (int)unpack_number(in);
	enhanced = unpack_text(in);
	if (enhanced.len < sizeof(err->enhanced))
		memcpy(err->enhanced, enhanced.data, enhanced.len);
	err->in_doubt = unpack_below(in, true) != 0;
	unpack_buf(in, &err->what);
	unpack_buf(in, &err->reply);
	unpack_buf(in, &err->peer);
	unpack_buf(in, &err->hint);
}

static bool
same_buf(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static bool
same_outcome(const struct outcome *a, const struct outcome *b)
{
	return a->state == b->state && a->err.kind == b->err.kind &&
	    a->err.in_doubt == b->err.in_doubt && a->err.reply_code == b->err.reply_code &&
	    same_buf(&a->err.what, &b->err.what) && same_buf(&a->err.reply, &b->err.reply) &&
	    same_buf(&a->err.peer, &b->err.peer) && same_buf(&a->err.hint, &b->err.hint);
}

static void
pack_outcome(struct buf *out, const struct outcome *outcome)
{
	struct err brief;

	pack_number(out, outcome->state);
	if (out->len < FULL_UNTIL || outcome->err.kind == ERR_NONE) {
		err_pack(out, &outcome->err);
		return;
	}
	err_init(&brief);
	err_set(&brief, outcome->err.kind,
	    "it failed, like others: their reasons are too many to be kept");
	brief.reply_code = outcome->err.reply_code;
	brief.in_doubt = outcome->err.in_doubt;
	memcpy(brief.enhanced, outcome->err.enhanced, sizeof(brief.enhanced));
	err_pack(out, &brief);
	err_release(&brief);
}

void
result_pack(struct buf *out, const struct delivery *d)
{
	const struct outcome *outcomes = d->tx.outcomes;
	size_t n = d->tx.envelope->count;

	pack_text(out, span_of(d->account->name));
	pack_text(out, span_in(&d->server));
	pack_text(out, span_in(&d->tls));
	pack_text(out, span_in(&d->mechanism));
	pack_number(out, d->has_dsn);
	pack_number(out, d->from_session);
	pack_number(out, (uint64_t)d->elapsed_ms);
	pack_number(out, (uint64_t)d->tx.held_until_s);
	pack_text(out, span_in(&d->tx.acceptance));
	pack_number(out, n);
	for (size_t i = 0, next; i < n; i = next) {
		next = i + 1;
		while (next < n && same_outcome(&outcomes[i], &outcomes[next]))
			next++;
		pack_number(out, next - i);
		pack_outcome(out, &outcomes[i]);
	}
}

static void
unpack_outcomes(struct unpack *in, struct transaction *tx)
{
	size_t n = tx->envelope->count, at = 0;
	struct err err;

	err_init(&err);
	if (unpack_number(in) != n)
		in->broken = true;
	tx->named = 0;
	while (at < n && !in->broken) {
		size_t alike = (size_t)unpack_below(in, n - at);
		enum outcome_state state = (enum outcome_state)unpack_below(in, OUTCOME_SETTLED);

		err_unpack(in, &err);
		if (alike == 0)
			in->broken = true;
		for (; alike > 0 && !in->broken; alike--, at++) {
			tx->outcomes[at].state = state;
			tx->named += state == OUTCOME_NAMED;
			err_copy(&tx->outcomes[at].err, &err);
		}
	}
	err_release(&err);
}

int
result_unpack(struct delivery *d, const struct config *config, struct span text, struct err *err)
{
	struct unpack in = { .rest = text };
	struct span name = unpack_text(&in);

	for (size_t i = 0; config != NULL && i < config->count; i++)
		if (span_is(name, config->accounts[i].name))
			d->account = &config->accounts[i];
	unpack_buf(&in, &d->server);
	unpack_buf(&in, &d->tls);
	unpack_buf(&in, &d->mechanism);
	d->has_dsn = unpack_below(&in, true) != 0;
	d->from_session = unpack_below(&in, true) != 0;
	d->elapsed_ms = (int64_t)unpack_number(&in);
	d->tx.held_until_s = (int64_t)unpack_number(&in);
	unpack_buf(&in, &d->tx.acceptance);
	unpack_outcomes(&in, &d->tx);
	if (in.broken)
		return err_set(err, ERR_BUG, "the process that sent the message told nonsense");
	return 0;
}
