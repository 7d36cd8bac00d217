/* SPDX-License-Identifier: ISC */
/*
 * Why a child, and not a thread or getaddrinfo_a(3): a lookup that is given up can only be ended
 * together with its process; what a thread leaves behind makes every later fork unsafe; and not
 * every C library has getaddrinfo_a().  The fork costs a fraction of a millisecond.
 */
#include "net/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/child.h"
#include "base/span.h"

enum { HOST_MAX = 1024 }; /* octets of a name that the resolver is asked for */

struct question {
	const char *host;
	char service[8];
};

struct answer {
	int code;      /* getaddrinfo's */
	int sys_errno; /* of EAI_SYSTEM */
	struct addresses found;
};

/* The next address of the list with the given family, from *at on; NULL where there is none. */
static const struct addrinfo *
next_of_family(const struct addrinfo **at, int family, bool same)
{
	while (*at != NULL) {
		const struct addrinfo *a = *at;

		*at = a->ai_next;
		if ((a->ai_family == family) == same)
			return a;
	}
	return NULL;
}

/* The order of RFC 8305 section 4: the resolver's, with the families taking turns. */
static void
take_in_order(struct addresses *found, const struct addrinfo *list)
{
	const struct addrinfo *first = list, *other = list;
	int family = list->ai_family;

	while (found->count < RESOLVE_ADDRESSES_MAX) {
		bool even = found->count % 2 == 0;
		const struct addrinfo *a = next_of_family(even ? &first : &other, family, even);
		struct address *address = &found->list[found->count];

		if (a == NULL)
			a = next_of_family(even ? &other : &first, family, !even);
		if (a == NULL)
			return;
		memcpy(&address->sa, a->ai_addr, a->ai_addrlen);
		address->len = a->ai_addrlen;
		found->count++;
	}
}

/* host is NULL for this machine. */
static void
look_up(const char *host, const char *service, int flags, struct answer *answer)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV };
	struct addrinfo *list = NULL;

	memset(answer, 0, sizeof(*answer));
	answer->code = getaddrinfo(host, service, &hints, &list);
	answer->sys_errno = errno;
	if (answer->code != 0)
		return;
	take_in_order(&answer->found, list);
	freeaddrinfo(list);
}

static void
look_up_name(const void *question, void *answer)
{
	const struct question *asked = question;

	look_up(asked->host, asked->service, 0, answer);
}

int
resolve(const char *host, uint16_t port, int64_t deadline, struct addresses *found, struct err *err)
{
	struct span name = span_of(host);
	bool here = span_is_nocase(name, "localhost") || span_is_nocase(name, "localhost.");
	struct question question = { .host = host };
	struct answer answer;

	if (name.len > HOST_MAX)
		return err_set(err, ERR_HOST_UNKNOWN, "the server's name is too long");
	snprintf(question.service, sizeof(question.service), "%u", port);
	look_up(here ? NULL : host, question.service, AI_NUMERICHOST, &answer);
	if (answer.code == EAI_NONAME &&
	    child_ask(look_up_name, &question, &answer, sizeof(answer), deadline, err) < 0) {
		if (err->kind == ERR_TIMEOUT)
			err->kind = ERR_RESOLVE;
		return err_wrap(err, "cannot look up %s", host);
	}
	switch (answer.code) {
	case 0:
		*found = answer.found;
		return 0;
	case EAI_NONAME:
	case EAI_NODATA:
	case EAI_ADDRFAMILY:
		return err_set(err, ERR_HOST_UNKNOWN, "the name %s does not exist", host);
	default:
		return err_set(err, ERR_RESOLVE, "cannot look up %s: %s", host,
		    answer.code == EAI_SYSTEM ? strerror(answer.sys_errno) :
						gai_strerror(answer.code));
	}
}
