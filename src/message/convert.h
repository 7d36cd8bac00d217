/* SPDX-License-Identifier: ISC */
/*
 * A message for a server that cannot take it as it is: what 8-bit text, NULs and lines over 998 octets stand in is encoded
 * anew (RFC 2045), part by part, nested parts each for themselves.  All else stays octet for octet.
 */
#ifndef SENDOFF_MESSAGE_CONVERT_H
#define SENDOFF_MESSAGE_CONVERT_H

#include <stdbool.h>

#include "base/err.h"
#include "message/message.h"

/* True where the message must be converted: for a server without 8BITMIME (eightbit false), or for any. */
bool convert_is_needed(const struct message *message, bool eightbit);

/*
 * Makes the converted message (*out is message_init()ed; its spool is made in `place`), in constant memory.  Parts whose
 * encoding is 7bit, 8bit or binary (or none) and which need it become quoted-printable or base64, whichever is shorter for
 * text, base64 for what is no text; their Content-Transfer-Encoding is replaced or added, and those of the multiparts around
 * them become 7bit.  Header fields with raw 8-bit text (UTF-8) become encoded words where that is allowed; where it is not,
 * they stay.  A message/rfc822 part is gone into.
 * Errors: ERR_MESSAGE (signed or encrypted: multipart/signed, multipart/encrypted, application/pkcs7-mime, DKIM-Signature:
 * says which; its MIME is too deep (100) or makes no sense), ERR_IO, ERR_CANT_CREATE, ERR_TEMPORARY, ERR_SYSTEM.
 */
int message_convert(const struct message *message, bool eightbit, const struct spool_place *place, struct message *out,
    struct err *err);

#endif
