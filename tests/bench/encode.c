/* SPDX-License-Identifier: ISC */
/*
 * Base64 alone: ours, in the lines that a message has, beside that of other libraries, which make
 * no lines.
 *
 *   encode RUNS < FILE
 *
 * Prints the octets of a block, and then a line for each: its name, and the MB a second, of what is
 * encoded, in the best of the runs.  All take blocks of the size that composing takes, and write
 * what they make to where the last block went: all but what is read is in the caches, as it is when
 * a message is composed.  Fails where one of them does not make the digits that the first one
 * makes.
 */
#include <nettle/base64.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "compose/work.h"

enum { BLOCK = COMPOSE_BLOCK, ROOM = 2 * BLOCK };

static struct buf wire = BUF_INIT(ROOM);
static char room[ROOM];

/* Each encodes a block, and points *out at what came of it. */

static size_t
encode_lines(struct span block, const char **out)
{
	buf_clear(&wire);
	base64_add_lines(&wire, block);
	*out = wire.data;
	return wire.len;
}

static size_t
encode_nettle(struct span block, const char **out)
{
	base64_encode_raw(room, block.len, (const uint8_t *)block.data);
	*out = room;
	return BASE64_ENCODE_RAW_LENGTH(block.len);
}

static size_t
encode_openssl(struct span block, const char **out)
{
	*out = room;
	return (size_t)EVP_EncodeBlock((unsigned char *)room, (const unsigned char *)block.data,
	    (int)block.len);
}

static const struct encoder {
	const char *name;
	size_t (*encode)(struct span block, const char **out);
} encoders[] = {
	{ "sendoff", encode_lines },
	{ "nettle", encode_nettle },
	{ "openssl", encode_openssl },
};

enum { ENCODERS = sizeof(encoders) / sizeof(encoders[0]) };

static void
die(const char *what)
{
	fprintf(stderr, "encode: %s\n", what);
	exit(1);
}

static struct span
map_input(void)
{
	struct stat st;
	void *data;

	if (fstat(STDIN_FILENO, &st) != 0 || st.st_size == 0)
		die("there is nothing to encode");
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, STDIN_FILENO,
	    0);
	if (data == MAP_FAILED)
		die("the input is not a file");
	return (struct span){ data, (size_t)st.st_size };
}

/* The next block of what is left. */
static struct span
cut_block(struct span *left)
{
	struct span block = { left->data, left->len < BLOCK ? left->len : BLOCK };

	left->data += block.len;
	left->len -= block.len;
	return block;
}

/* The digits alone; FNV-1a. */
static uint64_t
add_to_sum(uint64_t sum, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != '\r' && text[i] != '\n')
			sum = (sum ^ (unsigned char)text[i]) * 0x100000001b3u;
	return sum;
}

static uint64_t
sum_of(const struct encoder *encoder, struct span data)
{
	uint64_t sum = 0xcbf29ce484222325u;
	const char *out;

	while (data.len > 0) {
		size_t len = encoder->encode(cut_block(&data), &out);

		sum = add_to_sum(sum, out, len);
	}
	return sum;
}

/* Microseconds. */
static double
time_of(const struct encoder *encoder, struct span data)
{
	struct timespec begin, end;
	const char *out;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	while (data.len > 0)
		encoder->encode(cut_block(&data), &out);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (double)(end.tv_sec - begin.tv_sec) * 1e6 +
	    (double)(end.tv_nsec - begin.tv_nsec) / 1e3;
}

static void
check(struct span data)
{
	uint64_t ours = sum_of(&encoders[0], data);

	for (size_t i = 1; i < ENCODERS; i++)
		if (sum_of(&encoders[i], data) != ours)
			die("they do not make the same");
}

int
main(int argc, char **argv)
{
	int runs = argc == 2 ? atoi(argv[1]) : 0;
	double best[ENCODERS];
	struct span data;

	if (runs < 1)
		die("usage: encode RUNS < FILE");
	data = map_input();
	check(data);
	for (int run = 0; run < runs; run++)
		for (size_t i = 0; i < ENCODERS; i++) {
			double taken = time_of(&encoders[i], data);

			if (run == 0 || taken < best[i])
				best[i] = taken;
		}
	printf("%d\n", BLOCK);
	for (size_t i = 0; i < ENCODERS; i++)
		printf("%s %.1f\n", encoders[i].name, (double)data.len / best[i]);
	return 0;
}
