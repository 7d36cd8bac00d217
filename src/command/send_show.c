/* SPDX-License-Identifier: ISC */
#include "command/send_show.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/content.h"
#include "command/json.h"
#include "command/view.h"
#include "delivery/delivery.h"
#include "format/domain.h"

enum { TEXT_MAX = 8192 };

static void
print_line(const char *label, const char *text)
{
	printf("%-11s ", label);
	view_print_text(stdout, text);
	putchar('\n');
}

static void
print_envelope(const struct envelope *envelope)
{
	struct buf text = BUF_INIT(TEXT_MAX);

	print_line("sender",
	    envelope->sender[0] != '\0' ? envelope->sender : "<> (the null sender)");
	for (size_t i = 0; i < envelope->count; i++) {
		const struct recipient *r = &envelope->recipients[i];

		buf_clear(&text);
		buf_adds(&text, r->address);
		if (r->original != NULL)
			buf_addf(&text, ", given as %s", r->original);
		print_line("recipient", text.data);
	}
	buf_release(&text);
}

/* Here or, where it can, at the server. */
static int64_t
not_before_ms(const struct job *job)
{
	int64_t hold_until_ms = job->envelope.requests.hold_until_s * 1000;

	return job->not_before_ms > hold_until_ms ? job->not_before_ms : hold_until_ms;
}

static void
print_route(const struct job *job, uint64_t size)
{
	const struct server *server = &job->account->servers[0];
	struct buf text = BUF_INIT(TEXT_MAX);

	print_line("account", job->account->name);
	host_port_add(&text, server->host, server->port);
	print_line("server", text.data);
	buf_clear(&text);
	buf_addf(&text, "%" PRIu64 " octets", size);
	print_line("size", text.data);
	buf_clear(&text);
	if (not_before_ms(job) > 0) {
		view_time(not_before_ms(job), &text);
		print_line("not before", text.data);
	}
	if (job->hold)
		print_line("held", "until it is released");
	putchar('\n');
	buf_release(&text);
}

static void
print_json(const struct job *job, const struct delivery *d)
{
	struct json json = { stdout, false };
	struct buf text = BUF_INIT(TEXT_MAX);

	json_begin(&json, NULL, '{');
	json_text(&json, "sender", d->envelope.sender);
	json_begin(&json, "recipients", '[');
	for (size_t i = 0; i < d->envelope.count; i++) {
		json_begin(&json, NULL, '{');
		json_text(&json, "address", d->envelope.recipients[i].address);
		json_text(&json, "original", d->envelope.recipients[i].original);
		json_end(&json, '}');
	}
	json_end(&json, ']');
	json_text(&json, "account", job->account->name);
	host_port_add(&text, job->account->servers[0].host, job->account->servers[0].port);
	json_text(&json, "server", text.data);
	buf_clear(&text);
	message_id(&d->message, &text);
	json_text(&json, "message_id", text.data);
	json_number(&json, "size", (int64_t)message_size(&d->message));
	if (not_before_ms(job) > 0)
		json_number(&json, "not_before", not_before_ms(job) / 1000);
	json_bool(&json, "hold", job->hold);
	json_end(&json, '}');
	putchar('\n');
	buf_release(&text);
}

static int
fail_to_write(const char *path, int number, struct err *err)
{
	errno = number;
	return err_sys(err, ERR_CANT_CREATE, "cannot write %s", path);
}

/*
 * A part of a message must not be taken for all of it: a file that was not there before does not
 * stay.
 */
static int
write_file(const char *path, const struct message *message, struct err *err)
{
	struct stat st;
	bool is_new = stat(path, &st) < 0;
	FILE *file = fopen(path, "we");
	int result;

	if (file == NULL)
		return fail_to_write(path, errno, err);
	result = content_print(file, message, err);
	if (result < 0 && ferror(file))
		fail_to_write(path, err->sys_errno, err);
	if (fclose(file) != 0 && result == 0)
		result = fail_to_write(path, errno, err);
	if (result < 0 && is_new)
		unlink(path);
	return result;
}

static int
show(const struct job *job, const struct send_options *o, const struct delivery *d, struct err *err)
{
	bool to_file = o->output != NULL && strcmp(o->output, "-") != 0;

	if (o->dry_run && o->json) {
		print_json(job, d);
	} else if (o->dry_run) {
		print_envelope(&d->envelope);
		print_route(job, message_size(&d->message));
	}
	if (to_file)
		return write_file(o->output, &d->message, err);
	return o->json && o->output == NULL ? 0 : content_print(stdout, &d->message, err);
}

int
send_show(const struct job *job, const struct send_options *options, struct err *err)
{
	struct delivery d;
	int result = delivery_init(&d, job->account, &job->envelope, &job->message, err);

	if (result == 0)
		result = show(job, options, &d, err);
	delivery_release(&d);
	return result;
}
