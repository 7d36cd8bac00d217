/* SPDX-License-Identifier: ISC */
/*
 * The error that a program's tests fill, and what sets it up.
 */
#ifndef SENDOFF_UNIT_WITH_ERR_H
#define SENDOFF_UNIT_WITH_ERR_H

#include "base/err.h"

static struct err err;

static inline int
setup_err(void **state)
{
	(void)state;
	err_init(&err);
	return 0;
}

static inline int
teardown_err(void **state)
{
	(void)state;
	err_release(&err);
	return 0;
}

#endif
