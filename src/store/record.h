/* SPDX-License-Identifier: ISC */
/*
 * The file of a queued message, as octets (numbers are little-endian):
 *
 * 	block  BLOCK_SIZE octets: "sendoff" LF, format version, lengths of body and head,
 * 	       checksums of all
 * 	body   in wire form, as it was spooled
 * 	head   records: one ENVELOPE, RECIPIENT for each of them in order, one HEADER
 * 	tail   records; what is appended at once begins with a BATCH
 *
 * The body comes first because it is spooled before the envelope is known (-t): so the spooled file
 * itself becomes the queued one.  Block, body and head never change.
 *
 * A record is: u32 length of the payload, u32 checksum of what follows (type and payload), u8 type,
 * payload.  A payload is fields: u8 tag, u32 length, octets.
 *
 * What later versions may add:
 *
 * 	a field of a new tag, or a record of a type from RECORD_OPTIONAL on
 * 	       where a version that skips it still does what is right; so does this one
 * 	a record of another type
 * 	       where one that skips it would do harm: those that do not know it leave the message
 * 	       alone, and say that a later version wrote it
 * 	a format version
 * 	       where not even the records could be told apart
 *
 * A tag or a type that once had a meaning never gets another one.
 *
 * Pure: no descriptor, no clock.  All that is read is foreign.
 */
#ifndef SENDOFF_STORE_RECORD_H
#define SENDOFF_STORE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum {
	BLOCK_SIZE = 64,
	FORMAT_VERSION = 2,           /* 1 was never released, and is not read */
	RECORD_MAX = 4 * 1024 * 1024, /* octets of one record's payload: a header block, and room */
};

struct block {
	uint32_t version;
	uint64_t body_len, head_len;
	uint32_t body_sum, head_sum;
};

enum block_result {
	BLOCK_OK,
	BLOCK_FOREIGN, /* not a file of ours */
	BLOCK_EARLIER, /* ours, in an earlier format: block->version tells which */
	BLOCK_LATER,   /* … in a later one */
	BLOCK_DAMAGED, /* ours, but its checksum is wrong */
};

void block_write(unsigned char out[static BLOCK_SIZE], const struct block *block);
enum block_result block_read(const unsigned char in[static BLOCK_SIZE], struct block *block);

enum record_type {
	/* head */
	RECORD_ENVELOPE = 1, /* time, account, uid, by, sender, ret, envid, facts, longest lines,
				requests */
	RECORD_RECIPIENT,    /* address, original, notify, orcpt_type, orcpt, expanded */
	RECORD_HEADER,       /* text: the header block */
	/* tail */
	RECORD_SENDING = 16, /* attempt, notice: the last octet of content is about to go out to who
				is waiting */
	RECORD_OUTCOME, /* recipients, state, and where it failed the error; before its ATTEMPT */
	/*
	 * time, attempt, notice, account, server, tls, auth, text (the server's reply to the
	 * content): has ended
	 */
	RECORD_ATTEMPT,
	RECORD_NEXT,    /* next: not before then */
	RECORD_NOTICE,  /* notice, recipients: the sender was told so about them; its SENDING is
			   settled */
	RECORD_HOLD,    /* uid: a person holds it back */
	RECORD_RELEASE, /* uid: … no longer */
	RECORD_FAILED,  /* text: needs a person; no run tries it again */
	RECORD_RETRY, /* uid: a person wants it tried: what failed, and who was refused then, is so
			 no more */
	/*
	 * The store writes it before the records that are appended at once; nobody else does.  See
	 * STATES.
	 */
	RECORD_BATCH, /* at, length, taken */
	/*
	 * next: not before then, whoever wants it tried, until it is released: by its sender's
	 * wish, or no server could hold it
	 */
	RECORD_AT,
	/*
	 * The first of those that may be skipped: for record_read() it stands for all of them.  A
	 * record of it has no members.
	 */
	RECORD_OPTIONAL = 128,
};

enum notice { /* what the sender is told */
	NOTICE_NONE,
	NOTICE_FAILED, /* a bounce */
	NOTICE_DELAYED,
	NOTICE_RELAYED, /* NOTIFY=SUCCESS, and the server knows no DSN */
};

/*
 * Any record: members that its type has no use for are 0 or empty. Spans are borrowed from what was
 * parsed.
 */
struct record {
	enum record_type type;
	int64_t time_ms; /* since 1970: when it was written */
	int64_t next_ms;
	uint64_t attempt; /* counts from 1 */
	uint64_t uid;
	uint64_t notify, ret; /* enum notify, enum dsn_return */
	uint64_t facts;       /* enum record_fact */
	uint64_t header_line_max, body_line_max;
	uint64_t state;  /* enum item_state */
	uint64_t notice; /* enum notice */
	uint64_t code;   /* reply code */
	uint64_t at;     /* octets of the tail before this record */
	uint64_t length; /* octets of the records that were written together with this one, behind
			    it */
	uint64_t deliver_by, hold_for; /* requests: seconds, 0: not asked for */
	uint64_t hold_until;           /* … since 1970; 0: not asked for */
	uint64_t priority;             /* … from -9 to 9, and 10; 0: not asked for */
	uint64_t by;                   /* enum submitted_by */
	bool taken; /* the first since the message was taken: who had it before let go of it */
	bool in_doubt;
	bool needs_utf8;
	bool expanded;
	bool require_tls, deliver_by_return; /* requests */
	struct span recipients;              /* packed ranges, by record_add_range() */
	struct span account, sender, envid, address, original, orcpt_type, orcpt, server, tls, auth;
	struct span kind; /* err_name() */
	struct span enhanced, text, reply;
};

enum record_fact {
	FACT_HEADER_8BIT = 1,
	FACT_BODY_8BIT = 2,
	FACT_BODY_UTF8 = 4,
	FACT_BODY_NUL = 8,
	FACT_NULL_ENVID = 16, /* envid was not given */
	FACT_SENDER_UTF8 = 32,
};

/* Appends the record.  What exceeds RECORD_MAX or the ceiling of out makes buf_ok(out) false. */
void record_write(struct buf *out, const struct record *record);

enum record_result {
	RECORD_OK,
	RECORD_END,   /* nothing is left */
	RECORD_TORN,  /* what is left is no whole record, or its checksum is wrong: *rest stays */
	RECORD_LATER, /* a whole record of a type that this version does not know, and must not
			 skip: *rest stays */
	RECORD_NONSENSE, /* a whole record that nobody can have written: *rest stays */
};

/* Takes the next record off rest. */
enum record_result record_read(struct span *rest, struct record *record);

/*
 * A record and its fields as they lie there, whatever they mean: for who shows them to people.
 */
struct record_frame {
	unsigned char type; /* enum record_type, or a later version's */
	bool whole;         /* the checksum is right */
	struct span payload;
	size_t len; /* octets of the whole record */
};

struct record_field {
	unsigned char tag;
	const char *name; /* that of the member of struct record; NULL: a later version's */
	struct span content;
	bool is_number; /* or a flag */
	uint64_t number;
};

/* What rest begins with; false where that cannot be a record, as it would be too long. */
bool record_frame(struct span rest, struct record_frame *frame);
/* Takes the next field off payload; false where none is left, or what is left is none. */
bool record_next_field(struct span *payload, struct record_field *field);
/* "outcome"; NULL for a type that this version does not know. */
const char *record_type_name(unsigned char type);

/*
 * True where rest may begin with a record of that type and no text; without a look at its checksum.
 */
bool record_may_be(struct span rest, enum record_type type);

/* Ranges of recipients: recipient `first` and the count - 1 behind it.  For record.recipients. */
void record_add_range(struct buf *ranges, uint32_t first, uint32_t count);
/*
 * Takes the next range off; false where none is left (ranges->len is 0 then), or what is left is
 * none.
 */
bool record_next_range(struct span *ranges, uint32_t *first, uint32_t *count);

#endif
