/* SPDX-License-Identifier: ISC */
#include "submission/fresh.h"

#include <stdlib.h>

#include "base/clock.h"

/* The message as if it were queued already: for settling, which asks what there was before. */
static int
begin(const struct submission *s, struct item *item, struct err *err)
{
	item_init(item);
	item->envelope = *s->envelope;
	item->queued_ms = clock_wall_ms();
	item->recipients = calloc(s->envelope->count + 1, sizeof(*item->recipients));
	return item->recipients != NULL ? 0 : err_memory(err);
}

static void
end(struct item *item)
{
	envelope_init(&item->envelope);
	free(item->recipients);
	item->recipients = NULL;
	item_release(item);
}

int
fresh_settle(const struct submission *s, struct buf *records, struct settlement *settlement,
    struct err *err)
{
	struct item item;
	int result = begin(s, &item, err);

	if (result == 0)
		settle_attempt(&item, &s->delivery, s->account, clock_wall_ms(), records,
		    settlement);
	end(&item);
	return result;
}

void
fresh_accepted(const struct submission *s, struct buf *records)
{
	struct item item;
	struct err ignored;

	err_init(&ignored);
	if (begin(s, &item, &ignored) == 0)
		settle_accepted(&item, &s->delivery, false, clock_wall_ms(), records);
	end(&item);
	err_release(&ignored);
}
