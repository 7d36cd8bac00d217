/* SPDX-License-Identifier: ISC */
#include "net/anchors.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BEGIN_LINE "-----BEGIN CERTIFICATE-----"
#define END_LINE "-----END CERTIFICATE-----"

enum {
	CERTIFICATE_MAX = 32768, /* octets of one certificate in DER */
	SUBJECT_WITHIN = 600,    /* octets of PEM that nearly always hold the subject */
	TAG_SEQUENCE = 0x30,
	TAG_INTEGER = 0x02,
	TAG_VERSION = 0xa0,
};

/* The head of a DER element with that tag: octets before its content, and of its content. */
static bool
der_head(struct span text, unsigned char tag, size_t *head, size_t *len)
{
	const unsigned char *p = (const unsigned char *)text.data;
	size_t octets;

	if (text.len < 2 || p[0] != tag)
		return false;
	*head = 2;
	*len = p[1];
	if (p[1] < 0x80)
		return true;
	octets = p[1] & 0x7f;
	if (octets == 0 || octets > 3 || text.len < 2 + octets)
		return false;
	*head += octets;
	*len = 0;
	for (size_t i = 0; i < octets; i++)
		*len = *len << 8 | p[2 + i];
	return true;
}

/* Takes one element off the front of *rest. */
static bool
der_take(struct span *rest, unsigned char tag, struct span *whole)
{
	size_t head, len;

	if (!der_head(*rest, tag, &head, &len) || len > rest->len - head)
		return false;
	*whole = (struct span){ rest->data, head + len };
	rest->data += whole->len;
	rest->len -= whole->len;
	return true;
}

/* Goes into a SEQUENCE, the end of which may lie behind what is there. */
static bool
der_enter(struct span *rest)
{
	size_t head, len;

	if (!der_head(*rest, TAG_SEQUENCE, &head, &len))
		return false;
	rest->data += head;
	rest->len -= head;
	if (rest->len > len)
		rest->len = len;
	return true;
}

struct span
anchors_subject(struct span der)
{
	const struct span none = { der.data, 0 };
	struct span rest = der, element;

	if (!der_enter(&rest) || !der_enter(&rest))
		return none;
	/*
	 * Version (not in version 1), serial number, signature, issuer, validity; then the subject.
	 */
	der_take(&rest, TAG_VERSION, &element);
	if (!der_take(&rest, TAG_INTEGER, &element))
		return none;
	for (unsigned i = 0; i < 4; i++)
		if (!der_take(&rest, TAG_SEQUENCE, &element))
			return none;
	return element;
}

/* What is no base64 character, in a table of the six bits that each stands for. */
enum { NO_SEXTET = 1 << 24 };

static void
fill_sextets(uint32_t sextets[256])
{
	static const char
	    alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < 256; i++)
		sextets[i] = NO_SEXTET;
	for (uint32_t i = 0; i < 64; i++)
		sextets[(unsigned char)alphabet[i]] = i;
}

/*
 * Decodes base64 text, passing over its line ends, up to the padding or whatever else is not
 * base64; the number of octets.  A bundle has 200,000 characters: a decoder that looks at one at a
 * time takes longer than the handshake.
 */
static size_t
decode(const uint32_t sextets[256], struct span text, uint8_t *out)
{
	const unsigned char *p = (const unsigned char *)text.data, *end = p + text.len;
	size_t len = 0;

	if (text.len / 4 * 3 > CERTIFICATE_MAX)
		return 0;
	while (end - p >= 4) {
		uint32_t a = sextets[p[0]], b = sextets[p[1]], c = sextets[p[2]], d = sextets[p[3]];

		if (((a | b | c | d) & NO_SEXTET) == 0) {
			out[len++] = (uint8_t)(a << 2 | b >> 4);
			out[len++] = (uint8_t)(b << 4 | c >> 2);
			out[len++] = (uint8_t)(c << 6 | d);
			p += 4;
		} else if (*p == '\n' || *p == '\r') {
			p++;
		} else {
			/* Padding, or no base64. */
			if (((a | b) & NO_SEXTET) == 0)
				out[len++] = (uint8_t)(a << 2 | b >> 4);
			if (((a | b | c) & NO_SEXTET) == 0)
				out[len++] = (uint8_t)(b << 4 | c >> 2);
			return len;
		}
	}
	return len;
}

static bool
is_wanted(struct span subject, const struct span *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (subject.len > 0 && subject.len == names[i].len &&
		    memcmp(subject.data, names[i].data, subject.len) == 0)
			return true;
	return false;
}

/*
 * One certificate of the bundle, in base64.  Its beginning alone mostly tells that it is not
 * wanted.
 */
static void
look_at(const uint32_t sextets[256], struct span text, const struct span *names, size_t count,
    anchor_found found, void *arg)
{
	uint8_t der[CERTIFICATE_MAX];
	struct span start = { text.data, text.len < SUBJECT_WITHIN ? text.len : SUBJECT_WITHIN },
		    subject;

	subject = anchors_subject((struct span){ (const char *)der, decode(sextets, start, der) });
	if (subject.len > 0 && !is_wanted(subject, names, count))
		return;
	start = (struct span){ (const char *)der, decode(sextets, text, der) };
	if (is_wanted(anchors_subject(start), names, count))
		found(arg, start);
}

static void
look_through(struct span bundle, const struct span *names, size_t count, anchor_found found,
    void *arg)
{
	const char *at = bundle.data, *end = bundle.data + bundle.len;
	uint32_t sextets[256];

	fill_sextets(sextets);
	for (;;) {
		const char *begin = memmem(at, (size_t)(end - at), BEGIN_LINE, strlen(BEGIN_LINE)),
			   *stop;

		if (begin == NULL)
			return;
		begin += strlen(BEGIN_LINE);
		stop = memmem(begin, (size_t)(end - begin), END_LINE, strlen(END_LINE));
		if (stop == NULL)
			return;
		look_at(sextets, (struct span){ begin, (size_t)(stop - begin) }, names, count,
		    found, arg);
		at = stop + strlen(END_LINE);
	}
}

bool
anchors_find(const char *path, const struct span *names, size_t count, anchor_found found,
    void *arg)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	void *data = MAP_FAILED;
	struct stat st;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= ANCHORS_BUNDLE_MAX)
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return false;
	look_through((struct span){ data, (size_t)st.st_size }, names, count, found, arg);
	munmap(data, (size_t)st.st_size);
	return true;
}

const char *
anchors_system_bundle(void)
{
	static const char *const places[] = {
		"/etc/ssl/certs/ca-certificates.crt", /* Debian, Arch, Alpine */
		"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora */
		"/etc/ssl/ca-bundle.pem",             /* SUSE */
		"/etc/ssl/cert.pem",                  /* the BSDs */
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	return NULL;
}
