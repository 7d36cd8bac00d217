/* SPDX-License-Identifier: ISC */
#include "delivery/backoff.h"

int64_t
backoff_next_ms(int64_t now_ms, unsigned attempts, int64_t min_s, int64_t max_s, uint32_t chance)
{
	int64_t delay_ms = min_s * 1000, max_ms = max_s * 1000;

	for (unsigned i = 1; i < attempts && delay_ms < max_ms; i++)
		delay_ms *= 2;
	if (delay_ms > max_ms)
		delay_ms = max_ms;
	return now_ms + delay_ms * 3 / 4 + (delay_ms / 2 * (int64_t)(chance >> 16) >> 16);
}

bool
backoff_is_due(int64_t next_ms, int64_t now_ms, int64_t max_s)
{
	return next_ms <= now_ms || next_ms > now_ms + max_s * 1000 * 5 / 4;
}
