/* SPDX-License-Identifier: ISC */
/*
 * Libraries that are loaded when they are needed.  The C library, which is always there, stands for
 * them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/late.h"
#include "with_err.h"

/* strtol by half its name, as lists have it. */
#define FUNCTIONS(FUNCTION) FUNCTION(str, tol) FUNCTION(at, oi)
#define FUNCTIONS_AND_MORE(FUNCTION) FUNCTIONS(FUNCTION) FUNCTION(sendoff_, nonesuch)

void sendoff_nonesuch(void);

static void
finds_functions(void **state)
{
	struct {
		FUNCTIONS(LATE_POINTER)
	} c = { 0 };
	static const char *const names[] = { FUNCTIONS(LATE_NAME) };
	struct late_library library = { "libc.so.6", "libc6", names, 2, &c, false };

	(void)state;
	assert_int_equal(late_load(&library, &err), 0);
	assert_true(library.loaded);
	assert_int_equal(c.tol("2a", NULL, 16), 42);
	assert_int_equal(c.oi("17"), 17);
	assert_int_equal(err.kind, ERR_NONE);
	/* Nothing is done again. */
	c.oi = NULL;
	assert_int_equal(late_load(&library, &err), 0);
	assert_null(c.oi);
}

static void
says_what_is_missing(void **state)
{
	struct {
		FUNCTIONS_AND_MORE(LATE_POINTER)
	} c = { 0 };
	static const char *const names[] = { FUNCTIONS_AND_MORE(LATE_NAME) };
	struct late_library absent = { "libsendoff-nonesuch.so.7", "libnonesuch7", names, 3, &c,
		false };
	struct late_library old = { "libc.so.6", "libc6", names, 3, &c, false };
	struct late_library broken = { "/dev/null", "null", names, 3, &c, false };

	(void)state;
	assert_int_equal(late_load(&absent, &err), -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_string_equal(err.what.data,
	    "cannot load libsendoff-nonesuch.so.7: cannot open shared object file: "
	    "No such file or directory");
	assert_string_equal(err.hint.data,
	    "install the library; on Debian it is in the package libnonesuch7");
	assert_int_equal(late_load(&old, &err), -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_string_equal(err.what.data, "cannot use libc.so.6: it lacks sendoff_nonesuch");
	assert_int_equal(late_load(&broken, &err), -1);
	assert_non_null(strstr(err.what.data, "cannot load /dev/null: "));
	/* It may be there the next time. */
	assert_false(absent.loaded || old.loaded || broken.loaded);
	assert_int_equal(late_load(&old, &err), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_functions, setup_err, teardown_err),
		cmocka_unit_test_setup_teardown(says_what_is_missing, setup_err, teardown_err),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
