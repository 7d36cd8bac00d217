/* SPDX-License-Identifier: ISC */
#include "html/entity.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
	NAME_MAX_LEN = 8, /* "thetasym" */
	BARE_MAX_LEN = 6, /* of the names that need no semicolon: "Aacute" */
	CODE_MAX = 0x10ffff,
};

/* Sorted, as bsearch() wants them.  Those below 256, but for apos, need no semicolon. */
static const struct entity {
	char name[NAME_MAX_LEN + 1];
	unsigned short code;
} entities[] = {
	{ "AElig", 198 },
	{ "AMP", 38 },
	{ "Aacute", 193 },
	{ "Acirc", 194 },
	{ "Agrave", 192 },
	{ "Alpha", 913 },
	{ "Aring", 197 },
	{ "Atilde", 195 },
	{ "Auml", 196 },
	{ "Beta", 914 },
	{ "COPY", 169 },
	{ "Ccedil", 199 },
	{ "Chi", 935 },
	{ "Dagger", 8225 },
	{ "Delta", 916 },
	{ "ETH", 208 },
	{ "Eacute", 201 },
	{ "Ecirc", 202 },
	{ "Egrave", 200 },
	{ "Epsilon", 917 },
	{ "Eta", 919 },
	{ "Euml", 203 },
	{ "GT", 62 },
	{ "Gamma", 915 },
	{ "Iacute", 205 },
	{ "Icirc", 206 },
	{ "Igrave", 204 },
	{ "Iota", 921 },
	{ "Iuml", 207 },
	{ "Kappa", 922 },
	{ "LT", 60 },
	{ "Lambda", 923 },
	{ "Mu", 924 },
	{ "Ntilde", 209 },
	{ "Nu", 925 },
	{ "OElig", 338 },
	{ "Oacute", 211 },
	{ "Ocirc", 212 },
	{ "Ograve", 210 },
	{ "Omega", 937 },
	{ "Omicron", 927 },
	{ "Oslash", 216 },
	{ "Otilde", 213 },
	{ "Ouml", 214 },
	{ "Phi", 934 },
	{ "Pi", 928 },
	{ "Prime", 8243 },
	{ "Psi", 936 },
	{ "QUOT", 34 },
	{ "REG", 174 },
	{ "Rho", 929 },
	{ "Scaron", 352 },
	{ "Sigma", 931 },
	{ "THORN", 222 },
	{ "Tau", 932 },
	{ "Theta", 920 },
	{ "Uacute", 218 },
	{ "Ucirc", 219 },
	{ "Ugrave", 217 },
	{ "Upsilon", 933 },
	{ "Uuml", 220 },
	{ "Xi", 926 },
	{ "Yacute", 221 },
	{ "Yuml", 376 },
	{ "Zeta", 918 },
	{ "aacute", 225 },
	{ "acirc", 226 },
	{ "acute", 180 },
	{ "aelig", 230 },
	{ "agrave", 224 },
	{ "alefsym", 8501 },
	{ "alpha", 945 },
	{ "amp", 38 },
	{ "and", 8743 },
	{ "ang", 8736 },
	{ "apos", 39 },
	{ "aring", 229 },
	{ "asymp", 8776 },
	{ "atilde", 227 },
	{ "auml", 228 },
	{ "bdquo", 8222 },
	{ "beta", 946 },
	{ "brvbar", 166 },
	{ "bull", 8226 },
	{ "cap", 8745 },
	{ "ccedil", 231 },
	{ "cedil", 184 },
	{ "cent", 162 },
	{ "chi", 967 },
	{ "circ", 710 },
	{ "clubs", 9827 },
	{ "cong", 8773 },
	{ "copy", 169 },
	{ "crarr", 8629 },
	{ "cup", 8746 },
	{ "curren", 164 },
	{ "dArr", 8659 },
	{ "dagger", 8224 },
	{ "darr", 8595 },
	{ "deg", 176 },
	{ "delta", 948 },
	{ "diams", 9830 },
	{ "divide", 247 },
	{ "eacute", 233 },
	{ "ecirc", 234 },
	{ "egrave", 232 },
	{ "empty", 8709 },
	{ "emsp", 8195 },
	{ "ensp", 8194 },
	{ "epsilon", 949 },
	{ "equiv", 8801 },
	{ "eta", 951 },
	{ "eth", 240 },
	{ "euml", 235 },
	{ "euro", 8364 },
	{ "exist", 8707 },
	{ "fnof", 402 },
	{ "forall", 8704 },
	{ "frac12", 189 },
	{ "frac14", 188 },
	{ "frac34", 190 },
	{ "frasl", 8260 },
	{ "gamma", 947 },
	{ "ge", 8805 },
	{ "gt", 62 },
	{ "hArr", 8660 },
	{ "harr", 8596 },
	{ "hearts", 9829 },
	{ "hellip", 8230 },
	{ "iacute", 237 },
	{ "icirc", 238 },
	{ "iexcl", 161 },
	{ "igrave", 236 },
	{ "image", 8465 },
	{ "infin", 8734 },
	{ "int", 8747 },
	{ "iota", 953 },
	{ "iquest", 191 },
	{ "isin", 8712 },
	{ "iuml", 239 },
	{ "kappa", 954 },
	{ "lArr", 8656 },
	{ "lambda", 955 },
	{ "lang", 10216 },
	{ "laquo", 171 },
	{ "larr", 8592 },
	{ "lceil", 8968 },
	{ "ldquo", 8220 },
	{ "le", 8804 },
	{ "lfloor", 8970 },
	{ "lowast", 8727 },
	{ "loz", 9674 },
	{ "lrm", 8206 },
	{ "lsaquo", 8249 },
	{ "lsquo", 8216 },
	{ "lt", 60 },
	{ "macr", 175 },
	{ "mdash", 8212 },
	{ "micro", 181 },
	{ "middot", 183 },
	{ "minus", 8722 },
	{ "mu", 956 },
	{ "nabla", 8711 },
	{ "nbsp", 160 },
	{ "ndash", 8211 },
	{ "ne", 8800 },
	{ "ni", 8715 },
	{ "not", 172 },
	{ "notin", 8713 },
	{ "nsub", 8836 },
	{ "ntilde", 241 },
	{ "nu", 957 },
	{ "oacute", 243 },
	{ "ocirc", 244 },
	{ "oelig", 339 },
	{ "ograve", 242 },
	{ "oline", 8254 },
	{ "omega", 969 },
	{ "omicron", 959 },
	{ "oplus", 8853 },
	{ "or", 8744 },
	{ "ordf", 170 },
	{ "ordm", 186 },
	{ "oslash", 248 },
	{ "otilde", 245 },
	{ "otimes", 8855 },
	{ "ouml", 246 },
	{ "para", 182 },
	{ "part", 8706 },
	{ "permil", 8240 },
	{ "perp", 8869 },
	{ "phi", 966 },
	{ "pi", 960 },
	{ "piv", 982 },
	{ "plusmn", 177 },
	{ "pound", 163 },
	{ "prime", 8242 },
	{ "prod", 8719 },
	{ "prop", 8733 },
	{ "psi", 968 },
	{ "quot", 34 },
	{ "rArr", 8658 },
	{ "radic", 8730 },
	{ "rang", 10217 },
	{ "raquo", 187 },
	{ "rarr", 8594 },
	{ "rceil", 8969 },
	{ "rdquo", 8221 },
	{ "real", 8476 },
	{ "reg", 174 },
	{ "rfloor", 8971 },
	{ "rho", 961 },
	{ "rlm", 8207 },
	{ "rsaquo", 8250 },
	{ "rsquo", 8217 },
	{ "sbquo", 8218 },
	{ "scaron", 353 },
	{ "sdot", 8901 },
	{ "sect", 167 },
	{ "shy", 173 },
	{ "sigma", 963 },
	{ "sigmaf", 962 },
	{ "sim", 8764 },
	{ "spades", 9824 },
	{ "sub", 8834 },
	{ "sube", 8838 },
	{ "sum", 8721 },
	{ "sup", 8835 },
	{ "sup1", 185 },
	{ "sup2", 178 },
	{ "sup3", 179 },
	{ "supe", 8839 },
	{ "szlig", 223 },
	{ "tau", 964 },
	{ "there4", 8756 },
	{ "theta", 952 },
	{ "thetasym", 977 },
	{ "thinsp", 8201 },
	{ "thorn", 254 },
	{ "tilde", 732 },
	{ "times", 215 },
	{ "trade", 8482 },
	{ "uArr", 8657 },
	{ "uacute", 250 },
	{ "uarr", 8593 },
	{ "ucirc", 251 },
	{ "ugrave", 249 },
	{ "uml", 168 },
	{ "upsih", 978 },
	{ "upsilon", 965 },
	{ "uuml", 252 },
	{ "weierp", 8472 },
	{ "xi", 958 },
	{ "yacute", 253 },
	{ "yen", 165 },
	{ "yuml", 255 },
	{ "zeta", 950 },
	{ "zwj", 8205 },
	{ "zwnj", 8204 },
};

/*
 * What numbers 0x80 to 0x9f mean, which are no characters: those of Windows-1252 (HTML, numeric
 * references).
 */
static const unsigned short windows[32] = {
	0x20ac,
	0xfffd,
	0x201a,
	0x0192,
	0x201e,
	0x2026,
	0x2020,
	0x2021,
	0x02c6,
	0x2030,
	0x0160,
	0x2039,
	0x0152,
	0xfffd,
	0x017d,
	0xfffd,
	0xfffd,
	0x2018,
	0x2019,
	0x201c,
	0x201d,
	0x2022,
	0x2013,
	0x2014,
	0x02dc,
	0x2122,
	0x0161,
	0x203a,
	0x0153,
	0xfffd,
	0x017e,
	0x0178,
};

bool
html_is_space(uint32_t code)
{
	return code == ' ' || code == '\t' || code == '\n' || code == '\r' || code == '\f';
}

bool
html_is_soft(uint32_t code)
{
	return code == HTML_NO_BREAK_SPACE || code == 0x200c || code == 0x200d;
}

struct span
html_trim(struct span text)
{
	while (text.len > 0 && html_is_space((unsigned char)text.data[0])) {
		text.data++;
		text.len--;
	}
	while (text.len > 0 && html_is_space((unsigned char)text.data[text.len - 1]))
		text.len--;
	return text;
}

static bool
is_alnum(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c);
}

static int
compare(const void *key, const void *row)
{
	const struct span *name = key;
	const struct entity *entity = row;
	int order = strncmp(name->data, entity->name, name->len);

	/* A row that goes on where the name ends comes behind it. */
	return order != 0 ? order : -(entity->name[name->len] != '\0');
}

/* name has at most NAME_MAX_LEN octets, all of them letters and digits. */
static const struct entity *
find(struct span name)
{
	return bsearch(&name, entities, sizeof(entities) / sizeof(entities[0]), sizeof(entities[0]),
	    compare);
}

/*
 * Octets of the name at the begin of text, for which no semicolon is needed; 0 where there is none.
 */
static size_t
find_bare(struct span text, size_t len, enum html_place place, uint32_t *code)
{
	for (size_t n = len < BARE_MAX_LEN ? len : BARE_MAX_LEN; n >= 2; n--) {
		const struct entity *found = find((struct span){ text.data, n });

		if (found == NULL || found->code > 0xff || found->code == '\'')
			continue;
		/* "?a=1&copy=2" is an address. */
		if (place == HTML_IN_VALUE && n < text.len &&
		    (is_alnum(text.data[n]) || text.data[n] == '='))
			return 0;
		*code = found->code;
		return n;
	}
	return 0;
}

/* Octets of the named entity; text stands behind the ampersand. */
static size_t
named(struct span text, enum html_place place, uint32_t *code)
{
	const struct entity *found = NULL;
	size_t n = 0;

	while (n < text.len && n <= NAME_MAX_LEN && is_alnum(text.data[n]))
		n++;
	if (n <= NAME_MAX_LEN && n < text.len && text.data[n] == ';')
		found = find((struct span){ text.data, n });
	if (found == NULL)
		return find_bare(text, n, place, code);
	*code = found->code;
	return n + 1;
}

/* The digit's value, or -1. */
static int
digit(char c, unsigned base)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return base == 16 && c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint32_t
meant(uint32_t number)
{
	if (number >= 0x80 && number <= 0x9f)
		return windows[number - 0x80];
	if (number == 0 || number > CODE_MAX || (number >= 0xd800 && number <= 0xdfff))
		return HTML_REPLACEMENT;
	return number;
}

/* Octets of the numeric entity; text stands behind "&#". */
static size_t
numeric(struct span text, uint32_t *code)
{
	unsigned base = text.len > 0 && ascii_lower(text.data[0]) == 'x' ? 16 : 10;
	size_t begin = base == 16, n = begin;
	uint32_t number = 0;

	for (; n < text.len && digit(text.data[n], base) >= 0; n++)
		if (number <= CODE_MAX)
			number = number * base + (uint32_t)digit(text.data[n], base);
	if (n == begin)
		return 0;
	*code = meant(number);
	return n + (n < text.len && text.data[n] == ';');
}

static void
advance(struct span *text, size_t n)
{
	text->data += n;
	text->len -= n;
}

static uint32_t
take_entity(struct span *text, enum html_place place)
{
	struct span rest = { text->data + 1, text->len - 1 };
	uint32_t code = '&';
	size_t n;

	if (rest.len > 0 && rest.data[0] == '#') {
		n = numeric((struct span){ rest.data + 1, rest.len - 1 }, &code);
		n += n > 0;
	} else {
		n = named(rest, place, &code);
	}
	advance(text, n + 1);
	return code;
}

uint32_t
html_take(struct span *text, enum html_place place)
{
	const unsigned char *p = (const unsigned char *)text->data;
	unsigned n;
	uint32_t code;

	if (p[0] == '&' && place != HTML_IN_RAW)
		return take_entity(text, place);
	n = p[0] < 0x80 ? 1 : utf8_length(*text);
	advance(text, n > 0 ? n : 1);
	if (n == 0)
		return HTML_REPLACEMENT;
	code = n == 1 ? p[0] : p[0] & (0x7fU >> n);
	for (unsigned i = 1; i < n; i++)
		code = code << 6 | (p[i] & 0x3fU);
	return code;
}

void
html_add(struct buf *out, uint32_t code)
{
	static const unsigned char leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	unsigned n = 1 + (code > 0x7f) + (code > 0x7ff) + (code > 0xffff);
	char octets[4];

	for (unsigned i = n; i-- > 1; code >>= 6)
		octets[i] = (char)(0x80 | (code & 0x3f));
	octets[0] = (char)(leads[n] | code);
	buf_add(out, octets, n);
}

void
html_add_value(struct buf *out, struct span value)
{
	while (value.len > 0)
		html_add(out, html_take(&value, HTML_IN_VALUE));
}
