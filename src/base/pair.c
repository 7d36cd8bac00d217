/* SPDX-License-Identifier: ISC */
/*
 * SOCK_SEQPACKET keeps packets apart, and shows the end of the other side. A long message is sent
 * in several packets, all but the last with `more`; a descriptor goes with the first.
 */
#include "base/pair.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wait.h"

enum { PACKET_MAX = 32 * 1024 }; /* octets of data in one packet */

struct packet_head {
	uint32_t type;
	uint32_t more; /* the message goes on in the next packet */
};

/* Room for one descriptor, aligned as the system wants it. */
union control {
	struct cmsghdr align;
	char octets[CMSG_SPACE(sizeof(int))];
};

int
pair_open(int ends[static 2], struct err *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, ERR_SYSTEM, "cannot make a pair of sockets");
	return 0;
}

static void
attach(struct msghdr *message, union control *control, int fd)
{
	struct cmsghdr *header;

	memset(control, 0, sizeof(*control));
	message->msg_control = control->octets;
	message->msg_controllen = sizeof(control->octets);
	header = CMSG_FIRSTHDR(message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
}

static int
send_packet(int end, struct packet_head head, struct span data, int fd, struct err *err)
{
	struct iovec parts[] = { { &head, sizeof(head) },
		{ (char *)(uintptr_t)data.data, data.len } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	struct pollfd p = { .fd = end, .events = POLLOUT };
	int64_t deadline = deadline_in(PAIR_SEND_MS);
	union control control;

	if (fd >= 0)
		attach(&message, &control, fd);
	while (sendmsg(end, &message, MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return err_sys(err, ERR_SYSTEM, "the other process is gone");
		if (wait_poll(&p, 1, deadline) == 0)
			return err_set(err, ERR_SYSTEM, "the other process does not listen");
	}
	return 0;
}

int
pair_send(int end, unsigned type, struct span data, int fd, struct err *err)
{
	bool more;

	if (data.len > PAIR_MESSAGE_MAX)
		return err_set(err, ERR_SYSTEM, "a message for the other process is too long");
	do {
		struct span part = { data.data, data.len < PACKET_MAX ? data.len : PACKET_MAX };

		more = part.len < data.len;
		if (send_packet(end, (struct packet_head){ type, more }, part, fd, err) < 0)
			return -1;
		data = (struct span){ data.data + part.len, data.len - part.len };
		fd = -1;
	} while (more);
	return 0;
}

void
pair_message_init(struct pair_message *m)
{
	*m = (struct pair_message){ .fd = -1 };
	buf_init(&m->data, PAIR_MESSAGE_MAX);
}

static void
close_passed(struct pair_message *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

void
pair_message_release(struct pair_message *m)
{
	close_passed(m);
	buf_release(&m->data);
}

static void
take_descriptor(struct msghdr *message, struct pair_message *m)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);

	if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return;
	close_passed(m);
	memcpy(&m->fd, CMSG_DATA(header), sizeof(m->fd));
}

enum pair_result
pair_receive(int end, struct pair_message *m)
{
	char data[PACKET_MAX];
	struct packet_head head;
	struct iovec parts[] = { { &head, sizeof(head) }, { data, sizeof(data) } };

	do {
		union control control;
		struct msghdr message = { .msg_iov = parts,
			.msg_iovlen = 2,
			.msg_control = control.octets,
			.msg_controllen = sizeof(control.octets) };
		ssize_t n = recvmsg(end, &message, MSG_CMSG_CLOEXEC);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return PAIR_NOTHING;
		if (n < (ssize_t)sizeof(head) || (message.msg_flags & MSG_TRUNC) != 0)
			return PAIR_ENDED;
		if (!m->partial) {
			close_passed(m);
			buf_clear(&m->data);
		}
		take_descriptor(&message, m);
		buf_add(&m->data, data, (size_t)n - sizeof(head));
		m->type = head.type;
		m->partial = head.more != 0;
	} while (m->partial && buf_ok(&m->data));
	return buf_ok(&m->data) ? PAIR_MESSAGE : PAIR_ENDED;
}
