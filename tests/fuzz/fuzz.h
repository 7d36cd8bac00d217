/* SPDX-License-Identifier: ISC */
/*
 * What all fuzz targets have: the entry that libFuzzer calls, and a property that must hold.
 */
#ifndef SENDOFF_FUZZ_FUZZ_H
#define SENDOFF_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that does not hold is a crash. */
static inline void
check(bool holds)
{
	if (!holds)
		abort();
}

#endif
