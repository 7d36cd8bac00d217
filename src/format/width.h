/* SPDX-License-Identifier: ISC */
/*
 * How much room a character takes where all letters are equally wide.  As wcwidth(3), but no locale
 * matters.
 */
#ifndef SENDOFF_FORMAT_WIDTH_H
#define SENDOFF_FORMAT_WIDTH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Columns of a code point: 2 where it is wide (Unicode Standard Annex 11: W and F), 0 where it
 * stands on the one before it or is not seen, else 1.  The marks of rarer scripts count 1.
 */
unsigned width_of(uint32_t code);

/*
 * True where a line may end between the two without a space (Unicode Standard Annex 14): between
 * characters of Chinese and Japanese, but not before what closes or after what opens.
 */
bool width_may_break(uint32_t before, uint32_t after);

#endif
