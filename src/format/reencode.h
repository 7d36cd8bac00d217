/* SPDX-License-Identifier: ISC */
/*
 * Content that is encoded already (RFC 2045 sections 6.7 and 6.8), but not so that every server can
 * carry it: its lines are too long, or octets stand in it that have no place there.  What it stands
 * for stays the same.
 */
#ifndef SENDOFF_FORMAT_REENCODE_H
#define SENDOFF_FORMAT_REENCODE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"
#include "format/lookahead.h"

struct reencode {
	struct buf *out;
	size_t column;          /* octets on the line so far */
	struct lookahead ahead; /* quoted-printable's */
};

/* Three octets tell what the first of them is: "=3D". */
#define REENCODE_INIT(where) \
	{ \
		.out = (where), .ahead.wanted = 3 \
	}

/*
 * Appends the next piece of base64 in lines of 76; octets that mean nothing there are dropped, as
 * readers do.  The last line is ended by reencode_end_base64().
 */
void reencode_base64(struct reencode *r, struct span piece);
void reencode_end_base64(struct reencode *r);

/*
 * Appends the next piece of quoted-printable but for its last octets perhaps: lines of more than 76
 * octets are broken, 8-bit octets and NULs become =HH.
 */
void reencode_qp(struct reencode *r, struct span piece);
void reencode_end_qp(struct reencode *r);

#endif
