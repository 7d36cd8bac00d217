/* SPDX-License-Identifier: ISC */
/*
 * Whether the network has come up: a global address or a default route that was not there before.
 * What a router advertises again, or a lifetime that is renewed, is no news.
 */
#ifndef SENDOFF_NET_NEWS_H
#define SENDOFF_NET_NEWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NEWS_KNOWN_MAX = 256 }; /* addresses and routes that are remembered */

struct news {
	int fd;        /* to be polled for input; -1: this system tells nothing */
	bool settling; /* what was there at the beginning is being told, and is no news */
	uint64_t known[NEWS_KNOWN_MAX];
	size_t count;
};

/* Begins to listen. Where that cannot be, fd is -1. */
void news_init(struct news *news);
void news_release(struct news *news);

/* Takes what was told. True where the network has come up. Does not wait. */
bool news_take(struct news *news);

#endif
