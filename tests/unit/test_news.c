/* SPDX-License-Identifier: ISC */
/*
 * What the kernel tells of addresses and routes, and whether that is news: told here over a pair
 * of sockets, in the form of rtnetlink(7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/news.h"

static struct news news;
static int kernel;

/* A message under construction. */
static struct {
	struct nlmsghdr header;
	char rest[256];
} message;

static void
begin(unsigned short type, const void *body, size_t len)
{
	memset(&message, 0, sizeof(message));
	message.header.nlmsg_type = type;
	message.header.nlmsg_len = NLMSG_LENGTH((unsigned)len);
	memcpy(NLMSG_DATA(&message.header), body, len);
}

static void
add(unsigned short type, const void *data, size_t len)
{
	struct rtattr *attribute = (struct rtattr *)((char *)&message +
	    NLMSG_ALIGN(message.header.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(attribute), data, len);
	message.header.nlmsg_len = NLMSG_ALIGN(message.header.nlmsg_len) +
	    (unsigned)RTA_LENGTH(len);
}

static bool
tell(void)
{
	assert_int_equal(send(kernel, &message, message.header.nlmsg_len, 0),
	    message.header.nlmsg_len);
	return news_take(&news);
}

/* An address: is it news? */
static bool
address(unsigned short type, unsigned char scope, unsigned flags, const char *text)
{
	struct ifaddrmsg body = { .ifa_family = AF_INET6,
		.ifa_scope = scope,
		.ifa_flags = (unsigned char)flags,
		.ifa_index = 2 };
	struct in6_addr binary;

	assert_int_equal(inet_pton(AF_INET6, text, &binary), 1);
	begin(type, &body, sizeof(body));
	add(IFA_ADDRESS, &binary, sizeof(binary));
	return tell();
}

/* A route by way of a gateway: is it news? */
static bool
route(unsigned short type, unsigned char dst_len, const char *text)
{
	struct rtmsg body = {
		.rtm_family = AF_INET, .rtm_dst_len = dst_len, .rtm_type = RTN_UNICAST
	};
	struct in_addr binary;
	int interface = 2;

	assert_int_equal(inet_pton(AF_INET, text, &binary), 1);
	begin(type, &body, sizeof(body));
	add(RTA_GATEWAY, &binary, sizeof(binary));
	add(RTA_OIF, &interface, sizeof(interface));
	return tell();
}

static int
setup(void **state)
{
	int ends[2];

	(void)state;
	memset(&news, 0, sizeof(news));
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) < 0)
		return -1;
	news.fd = ends[0];
	kernel = ends[1];
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	close(kernel);
	news_release(&news);
	return 0;
}

static void
test_addresses(void **state)
{
	(void)state;
	assert_true(address(RTM_NEWADDR, RT_SCOPE_UNIVERSE, 0, "2001:db8::1"));
	/* A router advertises it again and again: a lifetime is renewed. */
	for (int i = 0; i < 3; i++)
		assert_false(address(RTM_NEWADDR, RT_SCOPE_UNIVERSE, 0, "2001:db8::1"));
	assert_true(address(RTM_NEWADDR, RT_SCOPE_UNIVERSE, 0, "2001:db8::2"));
	/* Gone, and there again. */
	assert_false(address(RTM_DELADDR, RT_SCOPE_UNIVERSE, 0, "2001:db8::1"));
	assert_true(address(RTM_NEWADDR, RT_SCOPE_UNIVERSE, 0, "2001:db8::1"));
}

static void
test_what_reaches_nobody(void **state)
{
	(void)state;
	assert_false(address(RTM_NEWADDR, RT_SCOPE_LINK, 0, "fe80::1"));
	assert_false(address(RTM_NEWADDR, RT_SCOPE_HOST, 0, "::1"));
	/* An address that somebody else may have is one when it is known that nobody has. */
	assert_false(address(RTM_NEWADDR, RT_SCOPE_UNIVERSE, IFA_F_TENTATIVE, "2001:db8::1"));
	assert_true(address(RTM_NEWADDR, RT_SCOPE_UNIVERSE, 0, "2001:db8::1"));
	assert_false(route(RTM_NEWROUTE, 24, "192.0.2.1"));
}

static void
test_routes(void **state)
{
	(void)state;
	assert_true(route(RTM_NEWROUTE, 0, "192.0.2.1"));
	assert_false(route(RTM_NEWROUTE, 0, "192.0.2.1"));
	assert_true(route(RTM_NEWROUTE, 0, "192.0.2.2"));
	assert_false(route(RTM_DELROUTE, 0, "192.0.2.1"));
	assert_true(route(RTM_NEWROUTE, 0, "192.0.2.1"));
}

/* What was there at the beginning is told at first, and is no news; then it is known. */
static void
test_beginning(void **state)
{
	(void)state;
	news.settling = true;
	assert_false(address(RTM_NEWADDR, RT_SCOPE_UNIVERSE, 0, "2001:db8::1"));
	begin(NLMSG_DONE, "\0\0\0", 4);
	message.header.nlmsg_seq = RTM_GETADDR;
	assert_false(tell());
	assert_false(route(RTM_NEWROUTE, 0, "192.0.2.1"));
	begin(NLMSG_DONE, "\0\0\0", 4);
	message.header.nlmsg_seq = RTM_GETROUTE;
	assert_false(tell());
	assert_false(address(RTM_NEWADDR, RT_SCOPE_UNIVERSE, 0, "2001:db8::1"));
	assert_false(route(RTM_NEWROUTE, 0, "192.0.2.1"));
	assert_true(address(RTM_NEWADDR, RT_SCOPE_UNIVERSE, 0, "2001:db8::2"));
}

/* Where there are more than can be kept, the oldest is forgotten: that costs a wait, no more. */
static void
test_many(void **state)
{
	char text[64];

	(void)state;
	for (int i = 0; i <= NEWS_KNOWN_MAX; i++) {
		snprintf(text, sizeof(text), "2001:db8::%x", i + 1);
		assert_true(address(RTM_NEWADDR, RT_SCOPE_UNIVERSE, 0, text));
	}
	assert_int_equal(news.count, NEWS_KNOWN_MAX);
	assert_false(address(RTM_NEWADDR, RT_SCOPE_UNIVERSE, 0, text));
	assert_true(address(RTM_NEWADDR, RT_SCOPE_UNIVERSE, 0, "2001:db8::1"));
}

/* Nothing the kernel says, but it must not hurt. */
static void
test_nonsense(void **state)
{
	struct ifaddrmsg body = { .ifa_family = AF_INET6, .ifa_scope = RT_SCOPE_UNIVERSE };

	(void)state;
	begin(RTM_NEWADDR, &body, sizeof(body));
	message.header.nlmsg_len = sizeof(message.header);
	(void)tell();
	begin(RTM_NEWADDR, &body, sizeof(body));
	message.header.nlmsg_len += 3;
	(void)tell();
	assert_int_equal(send(kernel, "x", 1, 0), 1);
	assert_false(news_take(&news));
}

/* The kernel itself, as far as it talks to us. */
static void
test_kernel(void **state)
{
	struct news real;

	(void)state;
	news_init(&real);
	assert_false(news_take(&real));
	if (real.fd >= 0)
		assert_false(real.settling);
	news_release(&real);
	assert_int_equal(real.fd, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_reaches_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beginning, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
