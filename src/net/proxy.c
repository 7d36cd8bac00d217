/* SPDX-License-Identifier: ISC */
#include "net/proxy.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/child.h"
#include "base/text.h"
#include "format/codec.h"
#include "format/domain.h"

enum {
	HTTP_LINES_MAX = 100, /* header lines of an answer */
	SOCKS_VERSION = 5,
	SOCKS_NO_LOGIN = 0,
	SOCKS_PASSWORD = 2,
	SOCKS_CONNECT = 1,
	SOCKS_IPV4 = 1,
	SOCKS_NAME = 3,
	SOCKS_IPV6 = 4,
	SOCKS_FIELD_MAX = 255, /* octets of a name, a user, a password */
};

static int
flush(struct stream *s, int64_t deadline, struct err *err)
{
	for (;;) {
		enum stream_result result = stream_flush(s, err);

		if (result != STREAM_AGAIN)
			return result == STREAM_OK ? 0 : -1;
		if (stream_wait(s, STREAM_WRITABLE, deadline, err) < 0)
			return err_wrap(err, "the proxy");
	}
}

/* Waits for more input. */
static int
read_more(struct stream *s, int64_t deadline, struct err *err)
{
	enum stream_result result;

	if (stream_wait(s, STREAM_READABLE, deadline, err) < 0)
		return err_wrap(err, "the proxy");
	result = stream_fill(s, err);
	if (result == STREAM_END)
		return err_set(err, ERR_LOST, "the proxy closed the connection");
	return result == STREAM_FAILED ? -1 : 0;
}

static int
read_octets(struct stream *s, size_t len, struct span *octets, int64_t deadline, struct err *err)
{
	while (!stream_take(s, len, octets))
		if (read_more(s, deadline, err) < 0)
			return -1;
	return 0;
}

static void
put_field(struct stream *s, enum stream_kind kind, const char *text)
{
	unsigned char len = (unsigned char)strlen(text);

	stream_put(s, STREAM_SECRET, &len, 1);
	stream_put(s, kind, text, len);
}

/* Our user and password for the proxy (RFC 1929). */
static int
socks_login(struct stream *s, const struct proxy_target *target, int64_t deadline, struct err *err)
{
	struct span answer;

	stream_put(s, STREAM_SECRET, "\001", 1);
	put_field(s, STREAM_SECRET, target->user);
	put_field(s, STREAM_SECRET, target->password);
	if (flush(s, deadline, err) < 0 || read_octets(s, 2, &answer, deadline, err) < 0)
		return -1;
	return answer.data[1] == 0 ?
	    0 :
	    err_set(err, ERR_CONNECT, "the proxy refuses our user and password");
}

static int
socks_greet(struct stream *s, const struct proxy_target *target, int64_t deadline, struct err *err)
{
	const unsigned char plain[] = { SOCKS_VERSION, 1, SOCKS_NO_LOGIN };
	const unsigned char both[] = { SOCKS_VERSION, 2, SOCKS_NO_LOGIN, SOCKS_PASSWORD };
	struct span answer;

	if (target->user != NULL)
		stream_put(s, STREAM_SECRET, both, sizeof(both));
	else
		stream_put(s, STREAM_SECRET, plain, sizeof(plain));
	if (flush(s, deadline, err) < 0 || read_octets(s, 2, &answer, deadline, err) < 0)
		return -1;
	if (answer.data[0] != SOCKS_VERSION)
		return err_set(err, ERR_PROTOCOL, "the proxy does not speak SOCKS5");
	if (answer.data[1] == SOCKS_NO_LOGIN)
		return 0;
	if (answer.data[1] == SOCKS_PASSWORD && target->user != NULL)
		return socks_login(s, target, deadline, err);
	return err_set(err, ERR_CONNECT, "the proxy wants a login that we do not have");
}

static const char *
socks_reason(unsigned code)
{
	static const char *const reasons[] = {
		"no error",
		"general failure",
		"not allowed",
		"network unreachable",
		"host unreachable",
		"connection refused",
		"time to live expired",
		"command not supported",
		"address type not supported",
	};

	return code < sizeof(reasons) / sizeof(reasons[0]) ? reasons[code] : "unknown reason";
}

/* The answer to CONNECT ends with an address of no interest, whose length depends on its type. */
static int
socks_answer(struct stream *s, int64_t deadline, struct err *err)
{
	struct span answer, octets;
	size_t len;

	if (read_octets(s, 4, &answer, deadline, err) < 0)
		return -1;
	if (answer.data[0] != SOCKS_VERSION)
		return err_set(err, ERR_PROTOCOL, "the proxy does not speak SOCKS5");
	if (answer.data[1] != 0)
		return err_set(err, ERR_CONNECT, "the proxy cannot connect: %s",
		    socks_reason((unsigned char)answer.data[1]));
	switch (answer.data[3]) {
	case SOCKS_IPV4:
		len = 4;
		break;
	case SOCKS_IPV6:
		len = 16;
		break;
	case SOCKS_NAME:
		if (read_octets(s, 1, &octets, deadline, err) < 0)
			return -1;
		len = (unsigned char)octets.data[0];
		break;
	default:
		return err_set(err, ERR_PROTOCOL, "the proxy's answer makes no sense");
	}
	return read_octets(s, len + 2, &octets, deadline, err);
}

int
proxy_socks5(struct stream *s, const struct proxy_target *target, int64_t deadline, struct err *err)
{
	const unsigned char request[] = { SOCKS_VERSION, SOCKS_CONNECT, 0, SOCKS_NAME };
	const unsigned char port[] = { (unsigned char)(target->port >> 8),
		(unsigned char)target->port };

	if (strlen(target->host) > SOCKS_FIELD_MAX ||
	    (target->user != NULL &&
		(strlen(target->user) > SOCKS_FIELD_MAX ||
		    strlen(target->password) > SOCKS_FIELD_MAX)))
		return err_set(err, ERR_CONFIG,
		    "SOCKS5 has no room for names of more than %d octets", SOCKS_FIELD_MAX);
	if (socks_greet(s, target, deadline, err) < 0)
		return -1;
	stream_put(s, STREAM_SECRET, request, sizeof(request));
	put_field(s, STREAM_SECRET, target->host);
	stream_put(s, STREAM_SECRET, port, sizeof(port));
	if (flush(s, deadline, err) < 0)
		return -1;
	return socks_answer(s, deadline, err);
}

static int
read_line(struct stream *s, struct span *line, int64_t deadline, struct err *err)
{
	while (!stream_take_line(s, line)) {
		if (stream_line_too_long(s))
			return err_set(err, ERR_PROTOCOL, "the proxy's answer has too long a line");
		if (read_more(s, deadline, err) < 0)
			return -1;
	}
	return 0;
}

static void
put_http_login(struct stream *s, const struct proxy_target *target)
{
	struct buf pair = BUF_INIT_SECRET(1024), text = BUF_INIT_SECRET(2048);

	buf_addf(&pair, "%s:%s", target->user, target->password);
	base64_add(&text, (struct span){ pair.data, pair.len });
	stream_put(s, STREAM_TEXT, "Proxy-Authorization: Basic ",
	    strlen("Proxy-Authorization: Basic "));
	stream_put(s, STREAM_SECRET, text.data, text.len);
	stream_put(s, STREAM_TEXT, "\r\n", 2);
	buf_release(&pair);
	buf_release(&text);
}

static int
http_answer(struct stream *s, int64_t deadline, struct err *err)
{
	struct buf status = BUF_INIT(1024);
	struct span line;
	int result = 0;

	if (read_line(s, &line, deadline, err) < 0)
		return -1;
	if (!span_starts_nocase(line, "HTTP/1.") || line.len < strlen("HTTP/1.1 200"))
		return err_set(err, ERR_PROTOCOL, "the proxy does not speak HTTP");
	if (line.data[strlen("HTTP/1.1 ")] != '2') {
		line.len = line.len < 200 ? line.len : 200;
		text_printable(&status, line, false);
		result = err_set(err, ERR_CONNECT, "the proxy refuses: %s", status.data);
	}
	for (unsigned i = 0; result == 0 && line.len > 0; i++) {
		if (i == HTTP_LINES_MAX)
			result = err_set(err, ERR_PROTOCOL, "the proxy's answer does not end");
		else
			result = read_line(s, &line, deadline, err);
	}
	buf_release(&status);
	return result;
}

int
proxy_http(struct stream *s, const struct proxy_target *target, int64_t deadline, struct err *err)
{
	struct buf place = BUF_INIT(1024), request = BUF_INIT(4096);

	host_port_add(&place, target->host, target->port);
	buf_addf(&request, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", place.data, place.data);
	stream_put(s, STREAM_TEXT, request.data, request.len);
	buf_release(&place);
	buf_release(&request);
	if (target->user != NULL)
		put_http_login(s, target);
	stream_put(s, STREAM_TEXT, "\r\n", 2);
	if (flush(s, deadline, err) < 0)
		return -1;
	return http_answer(s, deadline, err);
}

int
proxy_command(struct stream *s, const char *command, const char *host, uint16_t port,
    int64_t deadline, struct err *err)
{
	char number[8];
	int pair[2], result;

	snprintf(number, sizeof(number), "%u", port);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, ERR_SYSTEM, "socketpair");
	result = child_start(&s->command, command, host, number, pair[1], pair[1], deadline, err);
	close(pair[1]);
	if (result == 0)
		return stream_open_socket(s, pair[0], err);
	close(pair[0]);
	return err_wrap(err, "the tunnel_command");
}

int
proxy_await(struct stream *s, int64_t deadline, struct err *err)
{
	if (stream_wait(s, STREAM_READABLE, deadline, err) == 0)
		return 0;
	if (err->kind == ERR_TIMEOUT)
		return err_set(err, ERR_TIMEOUT, "no answer in time through the tunnel_command");
	return -1;
}
