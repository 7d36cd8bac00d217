/* SPDX-License-Identifier: ISC */
/*
 * A message for a server that cannot take it as it is: what 8-bit text, NULs and lines over 998
 * octets stand in is encoded anew (RFC 2045), part by part, nested parts each for themselves.  All
 * else stays octet for octet.
 */
#ifndef SENDOFF_MESSAGE_CONVERT_H
#define SENDOFF_MESSAGE_CONVERT_H

#include <stdbool.h>

#include "base/err.h"
#include "message/message.h"

/*
 * True where the message must be converted: for a server without 8BITMIME (eightbit false), or for
 * any.  One whose header has domains beyond ASCII is made one that needs no SMTPUTF8, where it is
 * not signed.
 */
bool convert_is_needed(const struct message *message, bool eightbit);

/*
 * Makes the converted message (*out is message_init()ed; its spool is made in `place`), in constant
 * memory, reading the body two times.  Whoever reads it gets the same octets in every part:
 *
 * 	content            of parts in 7bit, 8bit, binary or none that hold what cannot be
 * 	                   carried: text becomes quoted-printable or base64, whichever is
 * 	                   shorter, all else base64; their Content-Transfer-Encoding is replaced
 * 	                   or added, and MIME-Version and Content-Type where a message has none
 * 	encoded content    with lines that are too long, or octets that have no place there: is
 * 	                   encoded as before, rightly
 * 	multiparts         7bit (8bit where the server takes that); a part is what stands between
 * 	                   delimiters (mime.h), one that is not closed ends with what it is in.
 * 	                   Where no delimiter of its own is found, it is content
 * 	around parts       (preamble, epilogue) octets that cannot be carried become '?', and
 * 	                   lines that are too long are broken: that is for nobody to read
 * 	message/rfc822     message/global too: is gone into, header and all
 * 	header fields      where eightbit is false, and in the fields of the message's own header
 * 	                   whose addresses have domains beyond ASCII, 8-bit text becomes encoded
 * 	                   words, A-labels and RFC 2231 parameters (ascii.h); where it cannot be,
 * 	                   it stays in the message's own header, for others to decide about.
 * 	                   Lines that are too long are folded
 * 	signed, encrypted  multipart/signed, multipart/encrypted, message/partial,
 * 	                   message/external-body: stays as it is, octet for octet, or the message
 * 	                   is refused
 *
 * Errors: ERR_MESSAGE (what is signed or encrypted would have to change, application/pkcs7-mime
 * that is not in base64 too; the message has a DKIM-Signature; 8-bit text in a part's header that
 * cannot be encoded; a line of a header that cannot be folded; its MIME is deeper than 100 or makes
 * no sense: says which), ERR_IO, ERR_CANT_CREATE, ERR_SYSTEM.
 */
int message_convert(const struct message *message, bool eightbit, const struct spool_place *place,
    struct message *out, struct err *err);

#endif
