/* SPDX-License-Identifier: ISC */
/*
 * What refusals of well-known servers mean in practice.  For the files of smtp/ only.
 */
#ifndef SENDOFF_SMTP_HINTS_H
#define SENDOFF_SMTP_HINTS_H

#include "base/span.h"

/*
 * What to do about a reply: its code, its enhanced status ("" where it has none), and the server's
 * words.  NULL where nothing more is known than the words say.
 */
const char *hint_for_reply(int code, const char *enhanced, struct span text);

#endif
