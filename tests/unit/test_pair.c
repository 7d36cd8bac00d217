/* SPDX-License-Identifier: ISC */
/*
 * Messages between two processes, and what is packed into them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pack.h"
#include "base/pair.h"
#include "with_err.h"

static int ends[2];
static struct pair_message message;

static int
begin_pair(void **state)
{
	int result = setup_err(state);

	pair_message_init(&message);
	return result == 0 ? pair_open(ends, &err) : result;
}

static int
end_pair(void **state)
{
	pair_message_release(&message);
	close(ends[0]);
	close(ends[1]);
	return teardown_err(state);
}

static void
test_messages(void **state)
{
	(void)state;
	assert_int_equal(pair_receive(ends[1], &message), PAIR_NOTHING);
	assert_int_equal(pair_send(ends[0], 7, span_of("one"), -1, &err), 0);
	assert_int_equal(pair_send(ends[0], 8, span_of(""), -1, &err), 0);
	assert_int_equal(pair_receive(ends[1], &message), PAIR_MESSAGE);
	assert_int_equal(message.type, 7);
	assert_string_equal(message.data.data, "one");
	assert_int_equal(message.fd, -1);
	assert_int_equal(pair_receive(ends[1], &message), PAIR_MESSAGE);
	assert_int_equal(message.type, 8);
	assert_int_equal(message.data.len, 0);
	assert_int_equal(pair_receive(ends[1], &message), PAIR_NOTHING);
	/* The other way too. */
	assert_int_equal(pair_send(ends[1], 9, span_of("back"), -1, &err), 0);
	assert_int_equal(pair_receive(ends[0], &message), PAIR_MESSAGE);
	assert_string_equal(message.data.data, "back");
}

/* At the bound of a packet, and beyond; while another message waits behind it. */
static void
test_sizes(void **state)
{
	static const size_t sizes[] = { 1, 32767, 32768, 32769, 65536, 100000 };
	char *text = malloc(100000);

	(void)state;
	memset(text, 'x', 100000);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(pair_send(ends[0], 1, (struct span){ text, sizes[i] }, -1, &err),
		    0);
		assert_int_equal(pair_send(ends[0], 2, span_of("next"), -1, &err), 0);
		assert_int_equal(pair_receive(ends[1], &message), PAIR_MESSAGE);
		assert_int_equal(message.data.len, sizes[i]);
		assert_int_equal(pair_receive(ends[1], &message), PAIR_MESSAGE);
		assert_string_equal(message.data.data, "next");
	}
	assert_int_equal(pair_send(ends[0], 1, (struct span){ text, PAIR_MESSAGE_MAX + 1 }, -1,
			     &err),
	    -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	free(text);
}

/* A descriptor is one of the same open file, and is closed where nobody takes it. */
static void
test_descriptors(void **state)
{
	struct stat ours, theirs;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC), passed;

	(void)state;
	assert_int_equal(pair_send(ends[0], 1, span_of("with"), fd, &err), 0);
	assert_int_equal(pair_receive(ends[1], &message), PAIR_MESSAGE);
	assert_true(message.fd >= 0 && message.fd != fd);
	assert_int_equal(fstat(fd, &ours), 0);
	assert_int_equal(fstat(message.fd, &theirs), 0);
	assert_true(ours.st_rdev == theirs.st_rdev);
	assert_int_equal(fcntl(message.fd, F_GETFD), FD_CLOEXEC);
	passed = message.fd;
	assert_int_equal(pair_send(ends[0], 2, span_of("without"), -1, &err), 0);
	assert_int_equal(pair_receive(ends[1], &message), PAIR_MESSAGE);
	assert_int_equal(message.fd, -1);
	assert_int_equal(fcntl(passed, F_GETFD), -1);
	close(fd);
}

static void
test_end(void **state)
{
	(void)state;
	assert_int_equal(pair_send(ends[0], 1, span_of("last words"), -1, &err), 0);
	close(ends[0]);
	assert_int_equal(pair_receive(ends[1], &message), PAIR_MESSAGE);
	assert_int_equal(pair_receive(ends[1], &message), PAIR_ENDED);
	assert_int_equal(pair_send(ends[1], 1, span_of("hello?"), -1, &err), -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	ends[0] = dup(ends[1]);
}

/* What is no message of ours ends it. */
static void
test_nonsense(void **state)
{
	char long_packet[40000] = "";

	(void)state;
	assert_int_equal(send(ends[0], "abc", 3, 0), 3);
	assert_int_equal(pair_receive(ends[1], &message), PAIR_ENDED);
	assert_int_equal(send(ends[0], long_packet, sizeof(long_packet), 0), sizeof(long_packet));
	assert_int_equal(pair_receive(ends[1], &message), PAIR_ENDED);
}

static void
test_pack(void **state)
{
	struct buf out = BUF_INIT(1000), to = BUF_INIT(5);
	struct unpack in;

	(void)state;
	pack_number(&out, UINT64_MAX);
	pack_text(&out, span_of("text"));
	pack_text(&out, span_of(""));
	pack_text(&out, span_of("five!"));
	in = (struct unpack){ .rest = { out.data, out.len } };
	assert_true(unpack_number(&in) == UINT64_MAX);
	assert_true(span_is(unpack_text(&in), "text"));
	assert_int_equal(unpack_text(&in).len, 0);
	unpack_buf(&in, &to);
	assert_string_equal(to.data, "five!");
	assert_false(in.broken);
	assert_int_equal(in.rest.len, 0);
	/* Nothing is left: all is nothing from now on. */
	assert_int_equal(unpack_number(&in), 0);
	assert_true(in.broken);
	buf_release(&to);
	/* Each cut is seen. */
	for (size_t len = 0; len < out.len; len++) {
		struct buf small = BUF_INIT(5);

		in = (struct unpack){ .rest = { out.data, len } };
		unpack_number(&in);
		unpack_text(&in);
		unpack_text(&in);
		unpack_buf(&in, &small);
		assert_true(in.broken);
		buf_release(&small);
	}
	buf_release(&out);
}

static void
test_pack_bounds(void **state)
{
	struct buf out = BUF_INIT(1000), four = BUF_INIT(4);
	struct unpack in;

	(void)state;
	pack_number(&out, 7);
	in = (struct unpack){ .rest = { out.data, out.len } };
	assert_int_equal(unpack_below(&in, 7), 7);
	in = (struct unpack){ .rest = { out.data, out.len } };
	assert_int_equal(unpack_below(&in, 6), 0);
	assert_true(in.broken);
	buf_clear(&out);
	pack_text(&out, span_of("five!"));
	in = (struct unpack){ .rest = { out.data, out.len } };
	unpack_buf(&in, &four);
	assert_true(in.broken);
	buf_release(&out);
	buf_release(&four);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_messages, begin_pair, end_pair),
		cmocka_unit_test_setup_teardown(test_sizes, begin_pair, end_pair),
		cmocka_unit_test_setup_teardown(test_descriptors, begin_pair, end_pair),
		cmocka_unit_test_setup_teardown(test_end, begin_pair, end_pair),
		cmocka_unit_test_setup_teardown(test_nonsense, begin_pair, end_pair),
		cmocka_unit_test(test_pack),
		cmocka_unit_test(test_pack_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
