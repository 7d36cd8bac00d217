/* SPDX-License-Identifier: ISC */
#include "message/envelope.h"

#include <stdlib.h>
#include <string.h>

enum {
	FIRST_RECIPIENTS = 8,
	FIRST_CELLS = 32, /* a power of two */
};

void
envelope_init(struct envelope *e)
{
	memset(e, 0, sizeof(*e));
}

static void
release_recipient(struct recipient *recipient)
{
	free(recipient->address);
	free(recipient->original);
	free(recipient->orcpt_type);
	free(recipient->orcpt);
}

void
envelope_release(struct envelope *e)
{
	for (size_t i = 0; i < e->count; i++)
		release_recipient(&e->recipients[i]);
	free(e->recipients);
	free(e->sender);
	free(e->envid);
	free(e->cells);
	envelope_init(e);
}

/* FNV-1a over the address in lower case: what is equal by address_equal() has the same. */
static size_t
hash(const char *address)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *address != '\0'; address++)
		h = (h ^ (unsigned char)ascii_lower(*address)) * 0x100000001b3u;
	return (size_t)(h ^ h >> 32);
}

/*
 * address_equal(), where of one side only the text is known: the same local part ends at the same
 * octet in both.
 */
static bool
is_same(const char *text, const struct address *a)
{
	size_t len = strlen(a->mailbox);
	struct span x, y;

	if (strlen(text) != len || memcmp(text, a->mailbox, a->local_len) != 0)
		return false;
	x = (struct span){ text + a->local_len, len - a->local_len };
	y = (struct span){ a->mailbox + a->local_len, len - a->local_len };
	return span_equal_nocase(x, y);
}

/* The cell that holds address, or the empty one where it would go.  The table is never full. */
static size_t *
find_cell(const struct envelope *e, const struct address *address)
{
	size_t mask = e->cell_count - 1, at = hash(address->mailbox) & mask;

	while (e->cells[at] != 0 && !is_same(e->recipients[e->cells[at] - 1].address, address))
		at = (at + 1) & mask;
	return &e->cells[at];
}

/* Makes the table anew, with room for twice the recipients there are and one more. */
static bool
index_recipients(struct envelope *e)
{
	size_t count = FIRST_CELLS, *cells;

	while (count < 4 * (e->count + 1))
		count *= 2;
	cells = calloc(count, sizeof(*cells));
	if (cells == NULL)
		return false;
	for (size_t i = 0; i < e->count; i++) {
		size_t at = hash(e->recipients[i].address) & (count - 1);

		while (cells[at] != 0)
			at = (at + 1) & (count - 1);
		cells[at] = i + 1;
	}
	free(e->cells);
	e->cells = cells;
	e->cell_count = count;
	e->indexed = e->count;
	return true;
}

static bool
make_room(struct envelope *e)
{
	size_t cap = e->cap > 0 ? e->cap * 2 : FIRST_RECIPIENTS;
	struct recipient *recipients;

	if (e->count < e->cap)
		return true;
	recipients = reallocarray(e->recipients, cap, sizeof(*recipients));
	if (recipients == NULL)
		return false;
	e->recipients = recipients;
	e->cap = cap;
	return true;
}

static bool
needs_utf8(const struct address *address)
{
	return address->local_8bit || address->domain_8bit;
}

unsigned
notify_join(unsigned a, unsigned b)
{
	const unsigned reports = NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY;

	if (a == b)
		return a;
	if (a == NOTIFY_NEVER || b == NOTIFY_NEVER)
		return a == NOTIFY_NEVER ? b : a;
	return ((a == 0 ? NOTIFY_FAILURE : a) | (b == 0 ? NOTIFY_FAILURE : b)) & reports;
}

int
recipient_set_orcpt(struct recipient *recipient, const char *type, struct span address,
    struct err *err)
{
	char *new_type = strdup(type), *new_address = span_dup(address);

	if (new_type == NULL || new_address == NULL) {
		free(new_type);
		free(new_address);
		return err_memory(err);
	}
	free(recipient->orcpt_type);
	free(recipient->orcpt);
	recipient->orcpt_type = new_type;
	recipient->orcpt = new_address;
	return 0;
}

/* Fills *recipient, of which nothing is left on failure. */
static int
make_recipient(struct recipient *recipient, const struct address *address,
    const struct recipient *like, struct err *err)
{
	bool made;

	*recipient = (struct recipient){
		.address = strdup(address->mailbox),
		.original = like->original != NULL ? strdup(like->original) : NULL,
		.needs_utf8 = needs_utf8(address),
		.notify = like->notify,
		.expanded = like->expanded,
	};
	made = recipient->address != NULL &&
	    (like->original == NULL || recipient->original != NULL) &&
	    (like->orcpt == NULL ||
		recipient_set_orcpt(recipient, like->orcpt_type, span_of(like->orcpt), err) == 0);
	if (!made)
		release_recipient(recipient);
	return made ? 0 : err_memory(err);
}

int
envelope_add_like(struct envelope *e, const struct address *address, const struct recipient *like,
    struct err *err)
{
	bool indexed = e->indexed == e->count && 2 * (e->count + 1) <= e->cell_count;
	size_t *cell;

	if (!indexed && !index_recipients(e))
		return err_memory(err);
	cell = find_cell(e, address);
	if (*cell != 0) {
		struct recipient *there = &e->recipients[*cell - 1];

		there->notify = notify_join(there->notify, like->notify);
		return 0;
	}
	if (!make_room(e))
		return err_memory(err);
	if (make_recipient(&e->recipients[e->count], address, like, err) != 0)
		return -1;
	*cell = ++e->count;
	e->indexed = e->count;
	return 0;
}

int
envelope_add(struct envelope *e, const struct address *address, struct err *err)
{
	const struct recipient like = { .notify = e->notify_each };

	return envelope_add_like(e, address, &like, err);
}

int
envelope_set_sender(struct envelope *e, const struct address *address, struct err *err)
{
	char *copy = strdup(address->mailbox);

	if (copy == NULL)
		return err_memory(err);
	free(e->sender);
	e->sender = copy;
	e->sender_needs_utf8 = needs_utf8(address);
	return 0;
}
