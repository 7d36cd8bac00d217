/* SPDX-License-Identifier: ISC */
#include "base/late.h"

#include <dlfcn.h>
#include <string.h>

/* What dlerror(3) says, without the library's name, which mostly stands before it. */
static const char *
reason(const struct late_library *library)
{
	const char *text = dlerror();
	size_t len = strlen(library->soname);

	if (text == NULL)
		return "unknown reason";
	return strncmp(text, library->soname, len) == 0 && strncmp(text + len, ": ", 2) == 0 ?
	    text + len + 2 :
	    text;
}

static int
find_all(struct late_library *library, void *handle, struct err *err)
{
	char *at = library->pointers;

	for (size_t i = 0; i < library->count; i++, at += sizeof(void *)) {
		void *symbol = dlsym(handle, library->names[i]);

		if (symbol == NULL)
			return err_set(err, ERR_SYSTEM, "cannot use %s: it lacks %s",
			    library->soname, library->names[i]);
		/* A pointer to a function has the size and form of others (POSIX, dlsym). */
		memcpy(at, &symbol, sizeof(symbol));
	}
	return 0;
}

int
late_load(struct late_library *library, struct err *err)
{
	void *handle;

	if (library->loaded)
		return 0;
	/*
	 * Lazy as a library that is linked: those that ask to be bound at once (Debian's do) are.
	 */
	handle = dlopen(library->soname, RTLD_LAZY | RTLD_LOCAL);
	if (handle == NULL) {
		err_set(err, ERR_SYSTEM, "cannot load %s: %s", library->soname, reason(library));
		return err_hint(err, "install the library; on Debian it is in the package %s",
		    library->package);
	}
	if (find_all(library, handle, err) < 0)
		return -1;
	library->loaded = true;
	return 0;
}
