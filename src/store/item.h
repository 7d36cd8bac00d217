/* SPDX-License-Identifier: ISC */
/*
 * A queued message in memory: what its file says, all records taken together.  store.h opens and
 * changes it; STATES tells what each state on disk means.
 */
#ifndef SENDOFF_STORE_ITEM_H
#define SENDOFF_STORE_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "message/envelope.h"
#include "message/message.h"
#include "store/id.h"
#include "store/record.h"

/* Numbers are in the files. */
enum item_state {
	ITEM_WAITING = 0,  /* to be tried (again) */
	ITEM_ACCEPTED = 1, /* a server has the message */
	ITEM_REFUSED = 2,  /* for good; the sender is to be told, where he wants to be */
	ITEM_SETTLED = 3,  /* refused, and the sender was told, or did not want to be */
};

struct item_recipient {
	enum item_state state;
	struct err err; /* the last failure, or ERR_NONE.  in_doubt: the server may have it all the
			   same */
	int64_t tried_ms; /* since 1970, 0: never */
	bool delay_told;
	bool sending;    /* SENDING, and no word of what came of it: under way, or cut off */
	bool relay_told; /* NOTICE_RELAYED was sent, or is not called for: OUTCOME's `notice` says
			    where it is */
};

struct item {
	char id[QUEUE_ID_LEN + 1];
	int fd;      /* -1: none */
	bool locked; /* by us, through fd */
	bool active; /* by another process, when it was opened to be looked at */
	struct envelope envelope;
	/*
	 * Its header is empty where it was not asked for.  Its body lies in fd, which it borrows;
	 * without fd it is empty.
	 */
	struct message message;
	uint64_t size; /* octets of the whole message */
	char *account; /* its name */
	struct submitter submitter;
	int64_t queued_ms;                 /* since 1970 */
	struct item_recipient *recipients; /* one for each of the envelope's */
	unsigned attempts;
	int64_t tried_ms;      /* the last one, 0: none */
	int64_t next_ms;       /* not to be tried before; 0: at any time */
	int64_t not_before_ms; /* the same by the sender's wish, which no flush overrides; 0: none
				*/
	int64_t timed_ms;      /* when that was wished, by the clock of then */
	int64_t begin_ms;      /* when its waiting ended that was wanted, or will; 0: none was.
				  item_begin_ms() */
	bool held;
	bool failed;                 /* needs a person */
	bool in_doubt;               /* one who is waiting is: he may get it twice */
	enum notice notice_in_doubt; /* … of telling the sender that */
	enum notice notice_tried; /* what the last attempt was: NOTICE_NONE for one with the message
				     itself */
	enum notice notice_sending; /* SENDING of that notice, and no word since */
	int64_t sent_ms;            /* the last SENDING, 0: none */
	struct buf note;            /* why it failed, or the last failure in short; printable */
	struct buf tail;  /* the tail's records as they are, with RECORD_BATCH among them */
	uint64_t tail_at; /* where the tail begins in the file */
	bool appended;    /* by us, since it was taken */
	bool torn;        /* behind the tail there are octets that are no record */
	bool broken; /* a record could not be made durable: nothing may be built upon this item */
};

void item_init(struct item *item);
/* Also closes fd, which ends the lock. */
void item_release(struct item *item);

enum item_result {
	ITEM_OK,
	ITEM_LATER, /* a later version of sendoff wrote what this one does not know: ERR_MESSAGE */
	ITEM_DAMAGED, /* what it says makes no sense; the error tells what: ERR_MESSAGE */
	ITEM_FAILED,  /* ERR_SYSTEM (memory) */
};

/*
 * Fills the item from its head's records (block->head_len octets); message.body.size is set.  What
 * its text says goes to servers as it is, so that control characters, and a header block that is
 * not in wire form, make no sense.
 */
enum item_result item_read_head(struct item *item, struct span head, bool with_header,
    struct err *err);

/*
 * Takes the tail's records into the item as far as they are whole, and sets tail and torn: what
 * could not be read is the end of the last batch, which STATES calls torn.  A SENDING without what
 * came of it makes those who were waiting in doubt, unless the item is active.  A damaged record
 * with a later batch behind it is ITEM_DAMAGED.
 */
enum item_result item_read_tail(struct item *item, struct span tail, struct err *err);

/*
 * Takes records (no batch among them) into the item, but not into its tail.  One who has the
 * message, or is settled, stays so: an OUTCOME that says otherwise makes no sense.  One who was in
 * doubt stays so until he has it, is refused or not.  Unless it is ITEM_OK, the item is to be
 * released.
 */
enum item_result item_apply(struct item *item, struct span records, struct err *err);

/*
 * Appends the head's records of a message that is to be queued: envelope, message.header and its
 * facts, account, submitter, queued_ms.  Errors: ERR_SYSTEM (memory), ERR_CANT_CREATE (out's
 * ceiling).
 */
int item_write_head(const struct item *item, struct buf *out, struct err *err);

/*
 * When the message could be delivered first, since 1970: what is said of its age, when it is late,
 * and when it is given up, counts from there.
 */
int64_t item_begin_ms(const struct item *item);

/* True where the next attempt may deliver the message, or a notice to its sender, a second time. */
bool item_may_repeat(const struct item *item);

/* How many recipients are in that state. */
size_t item_count(const struct item *item, enum item_state state);

#endif
