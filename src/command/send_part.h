/* SPDX-License-Identifier: ISC */
/*
 * A file that goes along, as one word: "report.pdf", "a.txt;name=Report.txt;type=text/plain",
 * "logo.png;cid=logo".
 */
#ifndef SENDOFF_COMMAND_SEND_PART_H
#define SENDOFF_COMMAND_SEND_PART_H

#include "base/err.h"
#include "compose/compose.h"

/*
 * Reads the value of `option`.  Where a file has the whole word as its name, it is meant, whatever
 * stands in it; "-" is standard input.  *part is not open; what it points to is in *word, which the
 * caller frees.
 * Errors: ERR_USAGE (no name, a setting that is none, a line break), ERR_SYSTEM (memory).
 */
int send_part_parse(const char *option, const char *value, enum part_role role,
    struct compose_part *part, char **word, struct err *err);

/* True where the file is this process's standard input. */
bool send_path_is_stdin(const char *path);

#endif
