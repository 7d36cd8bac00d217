/* SPDX-License-Identifier: ISC */
/*
 * What is wrong with a row, for tests that go on with the next.
 */
#ifndef SENDOFF_UNIT_COMPLAIN_H
#define SENDOFF_UNIT_COMPLAIN_H

#include "base/buf.h"
#include "base/span.h"
#include "base/text.h"

static inline void
complain(struct span text, const char *what)
{
	struct buf shown = BUF_INIT(SIZE_MAX);

	text_printable(&shown, text, false);
	print_error("\"%s\": %s\n", shown.data, what);
	buf_release(&shown);
}

#endif
