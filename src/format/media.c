/* SPDX-License-Identifier: ISC */
#include "format/media.h"

#include <stdlib.h>
#include <string.h>

#include "format/parameter.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
	EXTENSION_MAX = 15, /* octets of the longest that is looked up */
	TYPE_MAX = 998,     /* octets of a given type: fits a line */
};

/* Sorted by extension: it is searched by halves. */
static const struct extension {
	const char *name;
	const char *type;
} extensions[] = {
	{ "3gp", "video/3gpp" },
	{ "7z", "application/x-7z-compressed" },
	{ "aac", "audio/aac" },
	{ "abw", "application/x-abiword" },
	{ "ai", "application/postscript" },
	{ "apk", "application/vnd.android.package-archive" },
	{ "asc", "text/plain" },
	{ "avi", "video/x-msvideo" },
	{ "avif", "image/avif" },
	{ "bash", "text/x-shellscript" },
	{ "bin", "application/octet-stream" },
	{ "bmp", "image/bmp" },
	{ "bz2", "application/x-bzip2" },
	{ "c", "text/x-csrc" },
	{ "cc", "text/x-c++src" },
	{ "cer", "application/pkix-cert" },
	{ "conf", "text/plain" },
	{ "cpp", "text/x-c++src" },
	{ "crl", "application/pkix-crl" },
	{ "crt", "application/x-x509-ca-cert" },
	{ "css", "text/css" },
	{ "csv", "text/csv" },
	{ "deb", "application/vnd.debian.binary-package" },
	{ "diff", "text/x-diff" },
	{ "djvu", "image/vnd.djvu" },
	{ "doc", "application/msword" },
	{ "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
	{ "dot", "application/msword" },
	{ "dotx", "application/vnd.openxmlformats-officedocument.wordprocessingml.template" },
	{ "dwg", "image/vnd.dwg" },
	{ "dxf", "image/vnd.dxf" },
	{ "eml", "message/rfc822" },
	{ "eps", "application/postscript" },
	{ "epub", "application/epub+zip" },
	{ "exe", "application/vnd.microsoft.portable-executable" },
	{ "flac", "audio/flac" },
	{ "gif", "image/gif" },
	{ "go", "text/x-go" },
	{ "gpg", "application/pgp-encrypted" },
	{ "gpx", "application/gpx+xml" },
	{ "gz", "application/gzip" },
	{ "h", "text/x-chdr" },
	{ "heic", "image/heic" },
	{ "heif", "image/heif" },
	{ "htm", "text/html" },
	{ "html", "text/html" },
	{ "ico", "image/vnd.microsoft.icon" },
	{ "ics", "text/calendar" },
	{ "ifb", "text/calendar" },
	{ "ini", "text/plain" },
	{ "ipynb", "application/x-ipynb+json" },
	{ "iso", "application/x-iso9660-image" },
	{ "jar", "application/java-archive" },
	{ "java", "text/x-java" },
	{ "jpe", "image/jpeg" },
	{ "jpeg", "image/jpeg" },
	{ "jpg", "image/jpeg" },
	{ "js", "text/javascript" },
	{ "json", "application/json" },
	{ "jxl", "image/jxl" },
	{ "kml", "application/vnd.google-earth.kml+xml" },
	{ "kmz", "application/vnd.google-earth.kmz" },
	{ "log", "text/plain" },
	{ "lz", "application/x-lzip" },
	{ "lzma", "application/x-lzma" },
	{ "m4a", "audio/mp4" },
	{ "m4v", "video/mp4" },
	{ "markdown", "text/markdown" },
	{ "md", "text/markdown" },
	{ "mid", "audio/midi" },
	{ "midi", "audio/midi" },
	{ "mjs", "text/javascript" },
	{ "mkv", "video/x-matroska" },
	{ "mobi", "application/x-mobipocket-ebook" },
	{ "mov", "video/quicktime" },
	{ "mp3", "audio/mpeg" },
	{ "mp4", "video/mp4" },
	{ "mpeg", "video/mpeg" },
	{ "mpg", "video/mpeg" },
	{ "msg", "application/vnd.ms-outlook" },
	{ "odg", "application/vnd.oasis.opendocument.graphics" },
	{ "odp", "application/vnd.oasis.opendocument.presentation" },
	{ "ods", "application/vnd.oasis.opendocument.spreadsheet" },
	{ "odt", "application/vnd.oasis.opendocument.text" },
	{ "oga", "audio/ogg" },
	{ "ogg", "audio/ogg" },
	{ "ogv", "video/ogg" },
	{ "opus", "audio/ogg" },
	{ "otf", "font/otf" },
	{ "p10", "application/pkcs10" },
	{ "p12", "application/x-pkcs12" },
	{ "p7c", "application/pkcs7-mime" },
	{ "p7m", "application/pkcs7-mime" },
	{ "p7s", "application/pkcs7-signature" },
	{ "patch", "text/x-diff" },
	{ "pcap", "application/vnd.tcpdump.pcap" },
	{ "pdf", "application/pdf" },
	{ "pem", "application/x-pem-file" },
	{ "pfx", "application/x-pkcs12" },
	{ "php", "text/x-php" },
	{ "pl", "text/x-perl" },
	{ "png", "image/png" },
	{ "ppt", "application/vnd.ms-powerpoint" },
	{ "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation" },
	{ "ps", "application/postscript" },
	{ "psd", "image/vnd.adobe.photoshop" },
	{ "py", "text/x-python" },
	{ "rar", "application/vnd.rar" },
	{ "rb", "text/x-ruby" },
	{ "rpm", "application/x-rpm" },
	{ "rs", "text/x-rust" },
	{ "rst", "text/x-rst" },
	{ "rtf", "application/rtf" },
	{ "sh", "text/x-shellscript" },
	{ "sig", "application/pgp-signature" },
	{ "sql", "application/sql" },
	{ "sqlite", "application/vnd.sqlite3" },
	{ "svg", "image/svg+xml" },
	{ "svgz", "image/svg+xml" },
	{ "tar", "application/x-tar" },
	{ "tbz2", "application/x-bzip2" },
	{ "tex", "text/x-tex" },
	{ "tgz", "application/gzip" },
	{ "tif", "image/tiff" },
	{ "tiff", "image/tiff" },
	{ "toml", "application/toml" },
	{ "tsv", "text/tab-separated-values" },
	{ "ttf", "font/ttf" },
	{ "txt", "text/plain" },
	{ "txz", "application/x-xz" },
	{ "vcard", "text/vcard" },
	{ "vcf", "text/vcard" },
	{ "vsd", "application/vnd.visio" },
	{ "wav", "audio/x-wav" },
	{ "weba", "audio/webm" },
	{ "webm", "video/webm" },
	{ "webp", "image/webp" },
	{ "wma", "audio/x-ms-wma" },
	{ "wmv", "video/x-ms-wmv" },
	{ "woff", "font/woff" },
	{ "woff2", "font/woff2" },
	{ "xhtml", "application/xhtml+xml" },
	{ "xls", "application/vnd.ms-excel" },
	{ "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
	{ "xml", "text/xml" },
	{ "xz", "application/x-xz" },
	{ "yaml", "application/yaml" },
	{ "yml", "application/yaml" },
	{ "zip", "application/zip" },
	{ "zst", "application/zstd" },
};

static const struct {
	struct span begin;
	const char *type;
} signatures[] = {
	{ { "%PDF-", 5 }, "application/pdf" },
	{ { "\x89PNG\r\n\x1a\n", 8 }, "image/png" },
	{ { "\xff\xd8\xff", 3 }, "image/jpeg" },
	{ { "GIF87a", 6 }, "image/gif" },
	{ { "GIF89a", 6 }, "image/gif" },
	{ { "PK\x03\x04", 4 }, "application/zip" },
	{ { "PK\x05\x06", 4 }, "application/zip" },
	{ { "\x1f\x8b\x08", 3 }, "application/gzip" },
};

struct span
media_extension(struct span name)
{
	const char *dot = name.len > 1 ? memrchr(name.data + 1, '.', name.len - 1) : NULL;

	if (dot == NULL)
		return (struct span){ "", 0 };
	return (struct span){ dot + 1, (size_t)(name.data + name.len - dot) - 1 };
}

static int
compare(const void *key, const void *row)
{
	return strcmp(key, ((const struct extension *)row)->name);
}

const char *
media_by_extension(struct span extension)
{
	const struct extension *row;
	char key[EXTENSION_MAX + 1];

	if (extension.len > EXTENSION_MAX || memchr(extension.data, '\0', extension.len) != NULL)
		return NULL;
	for (size_t i = 0; i < extension.len; i++)
		key[i] = ascii_lower(extension.data[i]);
	key[extension.len] = '\0';
	row = bsearch(key, extensions, COUNT(extensions), sizeof(extensions[0]), compare);
	return row != NULL ? row->type : NULL;
}

/* The next word of a line. */
static struct span
take_word(struct span *line)
{
	size_t end = 0;
	struct span word;

	*line = span_trim(*line);
	while (end < line->len && !ascii_is_space(line->data[end]))
		end++;
	word = (struct span){ line->data, end };
	line->data += end;
	line->len -= end;
	return word;
}

bool
media_by_list(struct span list, struct span extension, struct buf *out)
{
	while (list.len > 0 && extension.len > 0) {
		struct span line = span_cut(&list, '\n'), row = span_cut(&line, '#'),
			    type = take_word(&row), word;

		for (word = take_word(&row); word.len > 0; word = take_word(&row)) {
			if (!span_equal_nocase(word, extension) || !media_is_valid(type))
				continue;
			buf_add(out, type.data, type.len);
			return true;
		}
	}
	return false;
}

const char *
media_by_signature(struct span begin)
{
	for (size_t i = 0; i < COUNT(signatures); i++) {
		struct span s = signatures[i].begin;

		if (begin.len >= s.len && memcmp(begin.data, s.data, s.len) == 0)
			return signatures[i].type;
	}
	return NULL;
}

bool
media_is_valid(struct span type)
{
	return type.len <= TYPE_MAX && !span_has_8bit(type) && !span_has_control(type) &&
	    parameter_is_sound(type);
}

bool
media_is(struct span type, const char *wanted)
{
	size_t end = 0;

	type = span_trim(type);
	while (end < type.len && strchr("; \t\r\n(", type.data[end]) == NULL)
		end++;
	type.len = end;
	if (wanted[strlen(wanted) - 1] == '/')
		return span_starts_nocase(type, wanted);
	return span_is_nocase(type, wanted);
}
