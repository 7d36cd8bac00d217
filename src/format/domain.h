/* SPDX-License-Identifier: ISC */
/*
 * Domain names beyond ASCII (IDNA 2008, RFC 5891).
 */
#ifndef SENDOFF_FORMAT_DOMAIN_H
#define SENDOFF_FORMAT_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * True for letters, digits, hyphens and underscores in labels that are not empty, of 253 octets at
 * most.
 */
bool domain_is_host_name(const char *name);

/*
 * Appends the domain with A-labels ("xn--…") for labels in UTF-8; one in ASCII is appended as it
 * is.
 * Errors: ERR_ADDRESS (no valid name; the sentence quotes it), ERR_SYSTEM.
 */
int domain_to_ascii(const char *domain, struct buf *out, struct err *err);

/*
 * Appends "host:port", an IPv6 address in brackets; the host alone, which may be a path, where port
 * is 0.
 */
void host_port_add(struct buf *out, const char *host, uint16_t port);

#endif
