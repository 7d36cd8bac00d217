/* SPDX-License-Identifier: ISC */
#include "store/id.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static const int64_t epoch_s = 1577836800; /* 2020-01-01 00:00:00 UTC */

int
queue_id_make(char id[static QUEUE_ID_LEN + 1], struct err *err)
{
	struct timespec now;
	uint16_t chance;
	uint64_t value;

	if (getrandom(&chance, sizeof(chance), 0) != (ssize_t)sizeof(chance))
		return err_sys(err, ERR_SYSTEM, "no random numbers for a queue id");
	clock_gettime(CLOCK_REALTIME, &now);
	value = (uint64_t)((now.tv_sec - epoch_s) * 1000 + now.tv_nsec / 1000000) << 10 |
	    (chance & 1023);
	for (unsigned i = 0; i < QUEUE_ID_LEN; i++)
		id[i] = alphabet[value >> 5 * (QUEUE_ID_LEN - 1 - i) & 31];
	id[QUEUE_ID_LEN] = '\0';
	return 0;
}

bool
queue_id_is(const char *text)
{
	return strlen(text) == QUEUE_ID_LEN && strspn(text, alphabet) == QUEUE_ID_LEN;
}
