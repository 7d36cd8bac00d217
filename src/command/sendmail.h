/* SPDX-License-Identifier: ISC */
/*
 * The program under the name of sendmail: a message in, the smarthost out.
 */
#ifndef SENDOFF_COMMAND_SENDMAIL_H
#define SENDOFF_COMMAND_SENDMAIL_H

#include <stdbool.h>

#include "base/err.h"
#include "command/option.h"

/*
 * Does what the options say, and logs it.  Returns 0, or -1 with the error filled for main() to
 * print; or, where all has been said already or nothing shall be, -1 with an error whose sentence
 * is empty and whose kind gives the exit status.
 */
int sendmail_run(const struct options *options, struct err *err);

#endif
