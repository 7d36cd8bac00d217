/* SPDX-License-Identifier: ISC */
#include "delivery/due.h"

#include <string.h>

#include "delivery/age.h"
#include "delivery/backoff.h"
#include "delivery/settle.h"

static bool
any_recipient_holds(const struct item *item, const char *text)
{
	for (size_t i = 0; i < item->envelope.count; i++)
		if (strcasestr(item->envelope.recipients[i].address, text) != NULL)
			return true;
	return false;
}

static bool
selector_fits(const struct selector *s, const struct item *item)
{
	bool fits = s->kind == SELECT_RECIPIENT ?
	    any_recipient_holds(item, s->text) :
	    strcasestr(s->kind == SELECT_ID_PART ? item->id : item->envelope.sender, s->text) !=
		NULL;

	return fits != s->is_not;
}

static bool
is_selected(const struct selection *selection, const struct item *item)
{
	for (size_t i = 0; i < selection->selector_count; i++)
		if (!selector_fits(&selection->selectors[i], item))
			return false;
	return true;
}

const struct account *
due_account(const struct config *config, const struct item *item)
{
	const struct account *account = config_find(config, item->account);

	return account != NULL ? account : &config->accounts[0];
}

/*
 * A refused login is no such failure: that the network is there again does not make a password
 * right.
 */
bool
due_was_not_reached(const struct item *item)
{
	for (size_t i = 0; i < item->envelope.count; i++) {
		const struct item_recipient *r = &item->recipients[i];

		if (r->state == ITEM_WAITING && r->err.reply_code == 0 && r->err.kind != ERR_LOGIN)
			return true;
	}
	return false;
}

enum due
due_when(const struct item *item, const struct config *config, const struct due_rules *rules,
    int64_t now_ms, int64_t *at_ms)
{
	const struct account *account = due_account(config, item);

	if (!is_selected(&rules->selection, item))
		return DUE_OTHER;
	if (item->held || (item->failed && rules->selection.id_count == 0))
		return DUE_IDLE;
	/* Whoever takes the message sets it anew (lane.c). */
	if (age_has_wrong_time(item, now_ms))
		return DUE_NOW;
	if (item->not_before_ms > now_ms) {
		*at_ms = item->not_before_ms;
		return DUE_TIMED;
	}
	if (item->failed || rules->now || settle_is_done(item) || settle_has_news(item, now_ms) ||
	    (rules->reached && now_ms - item->tried_ms >= account->retry_min_s * 1000 &&
		due_was_not_reached(item)) ||
	    backoff_is_due(item->next_ms, now_ms, account->retry_max_s))
		return DUE_NOW;
	*at_ms = item->next_ms;
	return DUE_LATER;
}
