/* SPDX-License-Identifier: ISC */
#include "base/checksum.h"

#include <stdbool.h>

enum { STRIDE = 8 }; /* octets taken at once */

/*
 * tables[n][octet]: what the octet does to a checksum when n octets follow it.  Made when first
 * needed.
 */
static uint32_t tables[STRIDE][256];
static bool made;

static void
make_tables(void)
{
	const uint32_t polynomial = 0x82f63b78; /* Castagnoli's, its bits reversed */

	for (uint32_t octet = 0; octet < 256; octet++) {
		uint32_t sum = octet;

		for (int bit = 0; bit < 8; bit++)
			sum = (sum & 1) != 0 ? sum >> 1 ^ polynomial : sum >> 1;
		tables[0][octet] = sum;
	}
	for (int n = 1; n < STRIDE; n++)
		for (uint32_t octet = 0; octet < 256; octet++) {
			uint32_t sum = tables[n - 1][octet];

			tables[n][octet] = sum >> 8 ^ tables[0][sum & 255];
		}
	made = true;
}

uint32_t
checksum(uint32_t before, const void *data, size_t len)
{
	const unsigned char *p = data;
	uint32_t sum = ~before;

	if (!made)
		make_tables();
	for (; len >= STRIDE; p += STRIDE, len -= STRIDE) {
		sum ^= p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
		sum = tables[7][sum & 255] ^ tables[6][sum >> 8 & 255] ^
		    tables[5][sum >> 16 & 255] ^ tables[4][sum >> 24] ^ tables[3][p[4]] ^
		    tables[2][p[5]] ^ tables[1][p[6]] ^ tables[0][p[7]];
	}
	for (; len > 0; p++, len--)
		sum = sum >> 8 ^ tables[0][(sum ^ *p) & 255];
	return ~sum;
}
