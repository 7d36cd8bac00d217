/* SPDX-License-Identifier: ISC */
/*
 * Trust anchors by name: the few certificates of a bundle that matter for one server, found without
 * loading the rest. Loading all of a system's bundle costs more than everything else a short
 * delivery does.
 */
#ifndef SENDOFF_NET_ANCHORS_H
#define SENDOFF_NET_ANCHORS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

enum { ANCHORS_BUNDLE_MAX = 64 << 20 }; /* octets of a bundle */

/* Called for each certificate found, in DER; valid during the call. */
typedef void (*anchor_found)(void *arg, struct span der);

/*
 * Reads the PEM bundle and calls found() for each certificate whose subject is one of the names
 * (DER, compared octet by octet).  Blocks that are no certificate are skipped.  False where the
 * file cannot be read.
 */
bool anchors_find(const char *path, const struct span *names, size_t count, anchor_found found,
    void *arg);

/* The system's bundle: the first of the usual places that is there; NULL where none is. */
const char *anchors_system_bundle(void);

/*
 * The subject of a certificate in DER (RFC 5280 section 4.1), as a DER name; empty where it is
 * none.  Foreign bytes.
 */
struct span anchors_subject(struct span der);

#endif
