/* SPDX-License-Identifier: ISC */
#include "net/dane.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>

#include "format/dns.h"

enum {
	ANSWER_MAX = 16384, /* octets */
	TRY_SECONDS = 2,    /* for each of TRIES */
	TRIES = 2,
};

static bool
is_loopback_server(const struct __res_state *state, int i)
{
	/* An IPv6 server stands in the extension, and its place in the list is empty. */
	const struct sockaddr_in6 *in6 = state->_u._ext.nsaddrs[i];

	if (state->nsaddr_list[i].sin_family == AF_INET)
		return ntohl(state->nsaddr_list[i].sin_addr.s_addr) >> 24 == 127;
	return in6 != NULL && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static bool
resolver_is_local(const struct __res_state *state)
{
	for (int i = 0; i < state->nscount; i++)
		if (!is_loopback_server(state, i))
			return false;
	return state->nscount > 0;
}

/* The answer's length, 0 where there surely is no record, -1 where nobody knows. */
static int
ask(struct __res_state *state, const char *name, int type, unsigned char answer[static ANSWER_MAX])
{
	int len = res_nquery(state, name, ns_c_in, type, answer, ANSWER_MAX);

	if (len > ANSWER_MAX)
		len = ANSWER_MAX;
	if (len < 0 && (state->res_h_errno == HOST_NOT_FOUND || state->res_h_errno == NO_DATA))
		return 0;
	/*
	 * No resolver runs on this machine, or none is configured: the host is in /etc/hosts, and
	 * nobody signs that.
	 */
	if (len < 0 && errno == ECONNREFUSED && resolver_is_local(state))
		return 0;
	return len;
}

/* True unless it is known that the host's addresses are not signed. */
static bool
may_be_signed(struct __res_state *state, const char *host, unsigned char answer[static ANSWER_MAX])
{
	struct dns_answer addresses;
	int len = ask(state, host, ns_t_a, answer);

	if (len == 0)
		len = ask(state, host, ns_t_aaaa, answer);
	if (len <= 0)
		return len < 0;
	return !dns_open(&addresses, (struct span){ (const char *)answer, (size_t)len }) ||
	    addresses.authenticated;
}

static size_t
read_records(struct span message, struct tlsa records[static DANE_RECORDS_MAX])
{
	struct dns_answer answer;
	struct span data;
	size_t count = 0;

	if (!dns_open(&answer, message) || !answer.authenticated)
		return 0;
	while (count < DANE_RECORDS_MAX && dns_next(&answer, DNS_TYPE_TLSA, &data)) {
		struct tlsa *tlsa = &records[count];

		if (data.len < 4 || data.len - 3 > sizeof(tlsa->data))
			continue;
		tlsa->usage = (unsigned char)data.data[0];
		tlsa->selector = (unsigned char)data.data[1];
		tlsa->matching = (unsigned char)data.data[2];
		tlsa->len = data.len - 3;
		memcpy(tlsa->data, data.data + 3, tlsa->len);
		count++;
	}
	return count;
}

int
dane_look_up(const char *host, uint16_t port, struct tlsa records[static DANE_RECORDS_MAX],
    size_t *count, struct err *err)
{
	unsigned char answer[ANSWER_MAX];
	struct __res_state state;
	struct buf name = BUF_INIT(512);
	int len = 0;
	bool trusted;

	*count = 0;
	memset(&state, 0, sizeof(state));
	if (strchr(host, ':') != NULL || host[strspn(host, "0123456789.")] == '\0' ||
	    res_ninit(&state) < 0)
		return 0;
	buf_addf(&name, "_%u._tcp.%s", port, host);
	trusted = (state.options & RES_TRUSTAD) != 0 || resolver_is_local(&state);
	state.options |= RES_TRUSTAD | RES_USE_EDNS0 | RES_USE_DNSSEC;
	state.retrans = TRY_SECONDS;
	state.retry = TRIES;
	if (trusted && buf_ok(&name))
		len = ask(&state, name.data, DNS_TYPE_TLSA, answer);
	if (len < 0 && !may_be_signed(&state, host, answer))
		len = 0;
	res_nclose(&state);
	if (len > 0)
		*count = read_records((struct span){ (const char *)answer, (size_t)len }, records);
	if (len < 0)
		err_set(err, ERR_RESOLVE, "cannot look up %s (TLSA)", name.data);
	buf_release(&name);
	return len < 0 ? -1 : 0;
}
