/* SPDX-License-Identifier: ISC */
/*
 * Libraries that are loaded when they are first needed, because most calls of this program need
 * none of them, and the dynamic linker takes longer over GnuTLS than the program over a message.
 *
 * What a file uses of such a library is a list, and from the list come a struct of pointers, each
 * with the type that the library's own header gives it, and their names:
 *
 * 	#define ZLIB_FUNCTIONS(FUNCTION) FUNCTION(zlib, Version) FUNCTION(zlib, CompileFlags)
 * 	static struct { ZLIB_FUNCTIONS(LATE_POINTER) } zlib = { ZLIB_FUNCTIONS(LATE_START) };
 * 	static const char *const names[] = { ZLIB_FUNCTIONS(LATE_NAME) };
 * 	static struct late_library library = LATE_LIBRARY(SONAME_ZLIB, "zlib1g", names, zlib);
 *
 * After late_load(&library, err), zlib.Version() is zlibVersion().  A call of zlibVersion() itself
 * does not link, but with `make LATE=0`, which links the libraries as usual and leaves the rest as
 * it is.
 */
#ifndef SENDOFF_BASE_LATE_H
#define SENDOFF_BASE_LATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct late_library {
	const char *soname;  /* "libz.so.1": the one this program was compiled for */
	const char *package; /* Debian's package that has it, for the hint */
	const char *const *names;
	size_t count;   /* of names, and of pointers */
	void *pointers; /* the struct of them, in the order of names */
	bool loaded;
};

#define LATE_POINTER(prefix, name) typeof(prefix##name) *name;
#define LATE_NAME(prefix, name) #prefix #name,
#if LATE
#define LATE_START(prefix, name) .name = NULL,
#define LATE_LIBRARY(soname, package, names, pointers) \
	{ \
		(soname), (package), (names), sizeof(names) / sizeof((names)[0]), &(pointers), \
		    false \
	}
#else
#define LATE_START(prefix, name) .name = &prefix##name,
#define LATE_LIBRARY(soname, package, names, pointers) \
	{ \
		"", (package), (names), sizeof(names) / sizeof((names)[0]), &(pointers), true \
	}
#endif

/*
 * Fills the pointers; does nothing where that is done already.  The library stays until the process
 * ends.
 * Errors: ERR_SYSTEM (it is not there, or lacks a function).
 */
int late_load(struct late_library *library, struct err *err);

#endif
