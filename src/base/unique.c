/* SPDX-License-Identifier: ISC */
#include "base/unique.h"

#include <sys/random.h>
#include <time.h>

static void
add_base32(struct buf *out, uint64_t value, unsigned digits)
{
	static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

	while (digits-- > 0)
		buf_addc(out, alphabet[value >> (5 * digits) & 31]);
}

void
unique_add(struct buf *out)
{
	uint64_t random[2];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
		out->failed = true;
		return;
	}
	add_base32(out, (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000, 10);
	add_base32(out, random[0], 8);
	add_base32(out, random[1], 8);
}

uint32_t
unique_chance(void)
{
	struct timespec now;
	uint32_t chance;

	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) == (ssize_t)sizeof(chance))
		return chance;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)now.tv_nsec * 2654435761U;
}
