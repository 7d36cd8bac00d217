/* SPDX-License-Identifier: ISC */
#include "config/temp.h"

#include <stdlib.h>

const char *
temp_dir(void)
{
	const char *dir = secure_getenv("TMPDIR");

	return dir != NULL && dir[0] == '/' ? dir : "/tmp";
}
