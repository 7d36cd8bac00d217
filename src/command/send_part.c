/* SPDX-License-Identifier: ISC */
#include "command/send_part.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char STDIN_PATH[] = "/dev/stdin";

bool
send_path_is_stdin(const char *path)
{
	static const char *const names[] = { "-", STDIN_PATH, "/dev/fd/0", "/proc/self/fd/0" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(path, names[i]) == 0)
			return true;
	return false;
}

/* "name=value", behind a semicolon. */
static int
set_detail(const char *option, const char *detail, struct compose_part *part, struct err *err)
{
	static const char *const names[] = { "name=", "type=", "cid=" };
	const char **const members[] = { &part->name, &part->type, &part->content_id };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]);

		if (strncmp(detail, names[i], len) != 0)
			continue;
		if (detail[len] == '\0')
			return err_set(err, ERR_USAGE, "%s: nothing stands behind \"%s\"", option,
			    names[i]);
		if (members[i] == &part->content_id && part->role != PART_INLINE)
			break;
		*members[i] = detail + len;
		return 0;
	}
	err_set(err, ERR_USAGE, "%s knows no \"%s\"", option, detail);
	return err_hint(err,
	    part->role == PART_INLINE ? "FILE;cid=ID;name=NAME;type=TYPE" :
					"FILE;name=NAME;type=TYPE");
}

static int
split(const char *option, char *word, struct compose_part *part, struct err *err)
{
	char *at = strchr(word, ';');

	while (at != NULL) {
		char *detail = at + 1;

		*at = '\0';
		at = strchr(detail, ';');
		if (at != NULL)
			*at = '\0';
		if (set_detail(option, detail, part, err) < 0)
			return -1;
	}
	return 0;
}

int
send_part_parse(const char *option, const char *value, enum part_role role,
    struct compose_part *part, char **word, struct err *err)
{
	*part = (struct compose_part){ .role = role, .fd = -1 };
	*word = strdup(value);
	if (*word == NULL)
		return err_memory(err);
	part->path = *word;
	/* A name with line breaks is a name too, but nobody means it: it comes from a stranger. */
	if (strpbrk(value, "\r\n") != NULL)
		return err_set(err, ERR_USAGE, "%s: the file's name has a line break", option);
	if (access(value, F_OK) < 0 && split(option, *word, part, err) < 0)
		return -1;
	if ((*word)[0] == '\0')
		return err_set(err, ERR_USAGE, "%s needs the name of a file", option);
	if (send_path_is_stdin(*word))
		part->path = STDIN_PATH;
	return 0;
}
