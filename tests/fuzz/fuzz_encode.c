/* SPDX-License-Identifier: ISC */
/*
 * Encodes any octets in base64 and quoted-printable, in pieces, decodes them, and looks at them as
 * a scan does.  The first octet chooses how they are cut.
 */
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "format/codec.h"
#include "format/encode.h"
#include "fuzz.h"
#include "message/scan.h"

enum { INPUT_MAX = 16 * 1024 };

/* The lines, without their CRLF; none is too long. */
static struct span
take_line(struct span *rest, bool *ends)
{
	struct span line;

	*ends = memchr(rest->data, '\n', rest->len) != NULL;
	line = span_cut(rest, '\n');
	check(!*ends || (line.len > 0 && line.data[line.len - 1] == '\r'));
	line.len -= *ends ? 1 : 0;
	check(line.len <= ENCODE_COLUMNS);
	check(memchr(line.data, '\r', line.len) == NULL);
	return line;
}

static void
check_base64(struct span octets, size_t step)
{
	struct buf encoded = BUF_INIT(INPUT_MAX * 2), digits = BUF_INIT(INPUT_MAX * 2),
		   decoded = BUF_INIT(INPUT_MAX);
	struct span rest = octets;
	bool ends;

	while (rest.len > 0) {
		size_t len = rest.len < step * BASE64_LINE ? rest.len : step * BASE64_LINE;

		base64_add_lines(&encoded, (struct span){ rest.data, len });
		rest = (struct span){ rest.data + len, rest.len - len };
	}
	check(buf_ok(&encoded) && encoded.len == base64_lines_length(octets.len));
	for (rest = (struct span){ encoded.data, encoded.len }; rest.len > 0;) {
		struct span line = take_line(&rest, &ends);

		check(ends && line.len > 0);
		buf_add(&digits, line.data, line.len);
	}
	check(base64_decode(&decoded, (struct span){ digits.data, digits.len }));
	check(decoded.len == octets.len && memcmp(decoded.data, octets.data, octets.len) == 0);
	buf_release(&encoded);
	buf_release(&digits);
	buf_release(&decoded);
}

static int
hex(char c)
{
	check(ascii_is_digit(c) || (c >= 'A' && c <= 'F'));
	return ascii_is_digit(c) ? c - '0' : c - 'A' + 10;
}

/* Appends what a line of quoted-printable stands for; false where it goes on. */
static bool
add_decoded(struct buf *out, struct span line)
{
	check(line.len == 0 || !ascii_is_space(line.data[line.len - 1]));
	check(line.len == 0 || line.data[0] != '.');
	check(line.len < 5 || memcmp(line.data, "From ", 5) != 0);
	for (size_t i = 0; i < line.len; i++) {
		char c = line.data[i];

		check((c >= ' ' && c < 127) || c == '\t');
		if (c == '=' && i + 1 == line.len)
			return false;
		if (c == '=') {
			check(line.len - i > 2);
			c = (char)(hex(line.data[i + 1]) << 4 | hex(line.data[i + 2]));
			i += 2;
		}
		buf_addc(out, c);
	}
	return true;
}

/* The text, with CRLF for LF. */
static void
add_canonical(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\n' && (i == 0 || text.data[i - 1] != '\r'))
			buf_addc(out, '\r');
		buf_addc(out, text.data[i]);
	}
}

static void
check_quoted_printable(struct span text, size_t step)
{
	struct buf encoded = BUF_INIT(INPUT_MAX * 5), decoded = BUF_INIT(INPUT_MAX * 2),
		   wanted = BUF_INIT(INPUT_MAX * 2);
	struct qp qp = QP_INIT(&encoded);
	struct span rest = text;

	while (rest.len > 0) {
		size_t len = rest.len < step ? rest.len : step;

		qp_add(&qp, (struct span){ rest.data, len });
		rest = (struct span){ rest.data + len, rest.len - len };
	}
	qp_end(&qp);
	check(buf_ok(&encoded));
	for (rest = (struct span){ encoded.data, encoded.len }; rest.len > 0;) {
		bool ends;
		struct span line = take_line(&rest, &ends);

		if (add_decoded(&decoded, line) && ends)
			buf_adds(&decoded, "\r\n");
	}
	add_canonical(&wanted, text);
	check(decoded.len == wanted.len && memcmp(decoded.data, wanted.data, wanted.len) == 0);
	buf_release(&encoded);
	buf_release(&decoded);
	buf_release(&wanted);
}

/* A scan in pieces sees what there is, and a search finds what memmem(3) does. */
static void
check_scan(struct span octets, size_t step)
{
	struct span rest = octets, needle = { octets.data, octets.len < 5 ? octets.len : 5 };
	struct search search = { .needle = needle };
	struct scan scan = { .look_for_control = true };
	struct span behind = { octets.data + needle.len, octets.len - needle.len };

	while (rest.len > 0) {
		size_t len = rest.len < step ? rest.len : step;

		scan_add(&scan, (struct span){ rest.data, len });
		rest = (struct span){ rest.data + len, rest.len - len };
	}
	scan_end(&scan);
	check(scan.has_8bit == span_has_8bit(octets));
	check(scan.not_utf8 == !utf8_valid(octets));
	check(scan.has_nul == (memchr(octets.data, '\0', octets.len) != NULL));
	check(scan.has_nul ? scan.has_control : true);
	check(scan.line_max <= octets.len && scan.line == 0);
	for (rest = behind; rest.len > 0 && needle.len > 0;) {
		size_t len = rest.len < step ? rest.len : step;

		search_add(&search, (struct span){ rest.data, len });
		rest = (struct span){ rest.data + len, rest.len - len };
	}
	check(needle.len == 0 ||
	    search.found == (memmem(behind.data, behind.len, needle.data, needle.len) != NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span octets = { (const char *)data + 1, size - 1 };

	if (size == 0 || size > INPUT_MAX)
		return 0;
	check_base64(octets, data[0] + 1u);
	check_quoted_printable(octets, data[0] + 1u);
	check_scan(octets, data[0] + 1u);
	return 0;
}
