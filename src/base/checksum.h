/* SPDX-License-Identifier: ISC */
/*
 * CRC-32C (Castagnoli; RFC 3720 section 12.1): finds torn and damaged records; no defence against
 * forgery.
 */
#ifndef SENDOFF_BASE_CHECKSUM_H
#define SENDOFF_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of data that follows what has the checksum `before`; 0 before the first octet. */
uint32_t checksum(uint32_t before, const void *data, size_t len);

#endif
