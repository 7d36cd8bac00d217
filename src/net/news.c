/* SPDX-License-Identifier: ISC */
/*
 * netlink(7), rtnetlink(7). Addresses and routes are kept as a hash: that two of them share one
 * costs a wait, no mail.
 */
#include "net/news.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* FNV-1a. */
static uint64_t
hash(uint64_t sum, const void *data, size_t len)
{
	const unsigned char *octets = data;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ octets[i]) * 0x100000001b3;
	return sum;
}

static size_t
find(const struct news *news, uint64_t what)
{
	size_t i = 0;

	while (i < news->count && news->known[i] != what)
		i++;
	return i;
}

/* True where it was not known. Where too many are, the oldest is forgotten. */
static bool
learn(struct news *news, uint64_t what)
{
	if (find(news, what) < news->count)
		return false;
	if (news->count == NEWS_KNOWN_MAX) {
		news->count--;
		memmove(news->known, news->known + 1, news->count * sizeof(news->known[0]));
	}
	news->known[news->count++] = what;
	return true;
}

static void
forget(struct news *news, uint64_t what)
{
	size_t i = find(news, what);

	if (i < news->count)
		news->known[i] = news->known[--news->count];
}

static void
ask(const struct news *news, unsigned short type)
{
	struct {
		struct nlmsghdr header;
		struct rtgenmsg body;
	} request = { .header = { .nlmsg_len = sizeof(request),
			  .nlmsg_type = type,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			  .nlmsg_seq = type },
		.body = { .rtgen_family = AF_UNSPEC } };

	/* Where it cannot be asked, what is there already counts as news once: that does no harm.
	 */
	(void)send(news->fd, &request, sizeof(request), 0);
}

/* A second dump is refused while the first goes on: routes are asked for when addresses are told.
 */
void
news_init(struct news *news)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
		    RTMGRP_IPV6_ROUTE };

	memset(news, 0, sizeof(*news));
	news->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (news->fd < 0)
		return;
	if (bind(news->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		news_release(news);
		return;
	}
	news->settling = true;
	ask(news, RTM_GETADDR);
	/* The kernel mostly has answered when it was asked. */
	news_take(news);
}

void
news_release(struct news *news)
{
	if (news->fd >= 0)
		close(news->fd);
	news->fd = -1;
}

/* The attribute's octets, added to the sum. */
static uint64_t
hash_attribute(uint64_t sum, struct rtattr *attribute, int len, unsigned short type)
{
	for (; RTA_OK(attribute, len); attribute = RTA_NEXT(attribute, len))
		if (attribute->rta_type == type)
			return hash(sum, RTA_DATA(attribute), RTA_PAYLOAD(attribute));
	return sum;
}

/* A global address that can be used, or a default route; 0: anything else. */
static uint64_t
identify(struct nlmsghdr *m)
{
	if (m->nlmsg_type == RTM_NEWADDR || m->nlmsg_type == RTM_DELADDR) {
		struct ifaddrmsg *body = NLMSG_DATA(m);
		bool usable = body->ifa_scope == RT_SCOPE_UNIVERSE &&
		    (body->ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0;

		if (!usable && m->nlmsg_type == RTM_NEWADDR)
			return 0;
		return hash_attribute(1 + body->ifa_index, IFA_RTA(body), (int)IFA_PAYLOAD(m),
		    IFA_ADDRESS);
	}
	if (m->nlmsg_type == RTM_NEWROUTE || m->nlmsg_type == RTM_DELROUTE) {
		struct rtmsg *body = NLMSG_DATA(m);
		uint64_t sum = 0x9e3779b97f4a7c15 + body->rtm_family;

		if (body->rtm_dst_len != 0 || body->rtm_type != RTN_UNICAST)
			return 0;
		sum = hash_attribute(sum, RTM_RTA(body), (int)RTM_PAYLOAD(m), RTA_GATEWAY);
		return hash_attribute(sum, RTM_RTA(body), (int)RTM_PAYLOAD(m), RTA_OIF);
	}
	return 0;
}

/* True where it tells that the network has come up. */
static bool
take_one(struct news *news, struct nlmsghdr *m)
{
	uint64_t what;

	if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR) {
		if (news->settling && m->nlmsg_seq == RTM_GETADDR)
			ask(news, RTM_GETROUTE);
		else
			news->settling = false;
		return false;
	}
	what = identify(m);
	if (what == 0)
		return false;
	if (m->nlmsg_type == RTM_DELADDR || m->nlmsg_type == RTM_DELROUTE) {
		forget(news, what);
		return false;
	}
	return learn(news, what) && !news->settling;
}

bool
news_take(struct news *news)
{
	union {
		struct nlmsghdr align;
		char octets[32 * 1024];
	} input;
	bool up = false;

	for (;;) {
		ssize_t n = news->fd >= 0 ? recv(news->fd, &input, sizeof(input), 0) : -1;
		int len = (int)n;

		if (n <= 0)
			return up;
		for (struct nlmsghdr *m = &input.align; NLMSG_OK(m, (unsigned)len);
		     m = NLMSG_NEXT(m, len))
			up = take_one(news, m) || up;
	}
}
