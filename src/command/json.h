/* SPDX-License-Identifier: ISC */
/*
 * JSON (RFC 8259) as it is written: one value after the other, with the commas between them.
 * Whatever octets a text has, what comes out is valid, and safe on a terminal.
 */
#ifndef SENDOFF_COMMAND_JSON_H
#define SENDOFF_COMMAND_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/span.h"

struct json {
	FILE *out;  /* borrowed */
	bool comma; /* one is due before the next value */
};

/*
 * A text in quotation marks.  Control characters, C1 controls, marks that turn the direction of
 * text, and line separators are written as \uXXXX; each octet that is no part of valid UTF-8
 * becomes \ufffd.
 */
void json_write_string(FILE *out, struct span text);

/*
 * In all that follows, `name` is a literal of ours, or NULL where no name is due: in an array, or
 * for the outermost value.
 */
void json_begin(struct json *json, const char *name, char bracket); /* '{' or '[' */
void json_end(struct json *json, char bracket);                     /* '}' or ']' */
void json_span(struct json *json, const char *name, struct span text);
void json_text(struct json *json, const char *name, const char *text); /* NULL: null */
void json_number(struct json *json, const char *name, int64_t number);
void json_seconds(struct json *json, const char *name, int64_t ms); /* ms since 1970; 0 and less:
								       null */
void json_bool(struct json *json, const char *name, bool value);
void json_null(struct json *json, const char *name);

#endif
