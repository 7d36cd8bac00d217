/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/anchors.h"
#include "net/tls.h"

/* A self-signed certificate of "O=Example, CN=Example Root", for tests alone. */
#define CERTIFICATE \
	"-----BEGIN CERTIFICATE-----\n" \
	"MIIBqTCCAU+gAwIBAgIUCTFS46mRlgi15l9C5iNmMvvfb1EwCgYIKoZIzj0EAwIw\n" \
	"KTEQMA4GA1UECgwHRXhhbXBsZTEVMBMGA1UEAwwMRXhhbXBsZSBSb290MCAXDTI2\n" \
	"MTEyMTIyMjAxMVoYDzIxMjYxMDI4MjIyMDExWjApMRAwDgYDVQQKDAdFeGFtcGxl\n" \
	"MRUwEwYDVQQDDAxFeGFtcGxlIFJvb3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n" \
	"AATFXQGDD+U1RsrFNprFYn9tpXeOFuOL05t4IQg0iEMLFhyDiIvgHqfvEq6gyaGc\n" \
	"skiml7ta8qYD0xbdz2DcoKIDo1MwUTAdBgNVHQ4EFgQUNKiccySC9okn+86/2nph\n" \
	"7XpWvfYwHwYDVR0jBBgwFoAUNKiccySC9okn+86/2nph7XpWvfYwDwYDVR0TAQH/\n" \
	"BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAxVd/2o58IUWvFd6OKiTsGb2cf7iV\n" \
	"f032qyl/lNCfxrkCIDh2i/76pY24MUt5tO2BYsyYBYCBhp/ELPt2qYa/FFa+\n" \
	"-----END CERTIFICATE-----\n"

enum { CERTIFICATE_LEN = 429, SUBJECT_AT = 124, SUBJECT_LEN = 43 };

static const char subject[SUBJECT_LEN + 1] = "\x30\x29\x31\x10\x30\x0e\x06\x03\x55\x04\x0a\x0c\x07"
					     "Example"
					     "\x31\x15\x30\x13\x06\x03\x55\x04\x03\x0c\x0c"
					     "Example Root";

/* What the walk over a bundle found. */
struct found {
	unsigned count;
	size_t len;
	unsigned char der[CERTIFICATE_LEN];
};

static void
note(void *arg, struct span der)
{
	struct found *found = arg;

	found->count++;
	found->len = der.len;
	if (der.len <= sizeof(found->der))
		memcpy(found->der, der.data, der.len);
}

static struct found
search(const char *bundle, struct span name)
{
	char path[] = "/tmp/sendoff-test-XXXXXX";
	struct found found = { 0, 0, { 0 } };
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bundle, strlen(bundle)), strlen(bundle));
	close(fd);
	assert_true(anchors_find(path, &name, 1, note, &found));
	unlink(path);
	return found;
}

static void
finds_by_subject(void **state)
{
	static const struct {
		const char *what, *bundle;
		unsigned count;
	} rows[] = {
		{ "alone", CERTIFICATE, 1 },
		{ "twice", CERTIFICATE CERTIFICATE, 2 },
		{ "between other text", "# Example\n" CERTIFICATE "tail\n", 1 },
		{ "behind a block that is none",
		    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" CERTIFICATE,
		    1 },
		{ "behind broken base64",
		    "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n" CERTIFICATE,
		    1 },
		{ "of another kind", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		    0 },
		{ "without an end", "-----BEGIN CERTIFICATE-----\nMIIB", 0 },
		{ "nothing", "\n", 0 },
	};
	struct span name = { subject, SUBJECT_LEN };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct found found = search(rows[i].bundle, name);

		if (found.count != rows[i].count)
			fail_msg("%s: found %u", rows[i].what, found.count);
		if (found.count > 0)
			assert_int_equal(found.len, CERTIFICATE_LEN);
	}
}

static void
finds_no_other(void **state)
{
	char other[SUBJECT_LEN];

	(void)state;
	memcpy(other, subject, SUBJECT_LEN);
	other[SUBJECT_LEN - 1] ^= 1;
	assert_int_equal(search(CERTIFICATE, (struct span){ other, SUBJECT_LEN }).count, 0);
	assert_int_equal(search(CERTIFICATE, (struct span){ subject, SUBJECT_LEN - 1 }).count, 0);
	assert_int_equal(search(CERTIFICATE, (struct span){ subject, 0 }).count, 0);
}

static void
needs_a_file(void **state)
{
	struct span name = { subject, SUBJECT_LEN };
	struct found found = { 0, 0, { 0 } };

	(void)state;
	assert_false(anchors_find("/nonexistent", &name, 1, note, &found));
	assert_false(anchors_find("/tmp", &name, 1, note, &found));
	assert_false(anchors_find("/dev/null", &name, 1, note, &found));
}

/*
 * The subject is found wherever the certificate is cut behind it, and nowhere where it is cut
 * before its end.
 */
static void
reads_the_subject(void **state)
{
	struct found found = search(CERTIFICATE, (struct span){ subject, SUBJECT_LEN });

	(void)state;
	for (size_t len = 0; len <= found.len; len++) {
		char *cut = malloc(len > 0 ? len : 1);
		struct span got;

		assert_non_null(cut);
		memcpy(cut, found.der, len);
		got = anchors_subject((struct span){ cut, len });
		if (len < SUBJECT_AT + SUBJECT_LEN) {
			assert_int_equal(got.len, 0);
		} else {
			assert_int_equal(got.len, SUBJECT_LEN);
			assert_memory_equal(got.data, subject, SUBJECT_LEN);
		}
		free(cut);
	}
}

static void
knows_pins(void **state)
{
	static const struct {
		const char *pin;
		bool valid;
	} rows[] = {
		{ "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", true },
		{ "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false },
		{ "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false },
		{ "sha256//", false },
		{ "SHA256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false },
		{ "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF", true },
		{ "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33", true },
		{ "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEE", false },
		{ "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF00", false },
		{ "0:0112233445566778899aabbccddeeff00112233", false },
		{ "0g112233445566778899aabbccddeeff00112233", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (tls_pin_is_valid(rows[i].pin) != rows[i].valid)
			fail_msg("\"%s\" is %s", rows[i].pin, rows[i].valid ? "refused" : "taken");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_by_subject),
		cmocka_unit_test(finds_no_other),
		cmocka_unit_test(needs_a_file),
		cmocka_unit_test(reads_the_subject),
		cmocka_unit_test(knows_pins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
