/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "command/option.h"

enum { WORDS_MAX = 10 };

/* The characters of RFC 3461's longest envelope id, and one more. */
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

/*
 * What is accepted: the words behind the program's name, and what they come to, in show()'s
 * notation: what differs from the default, then, behind a bar, the operands.
 */
static const struct {
	const char *words[WORDS_MAX];
	const char *shown;
} accepted[] = {
	/* Nothing, and operands only. */
	{ { NULL }, "|" },
	{ { "bob" }, "| bob" },
	{ { "bob", "eve@example.org" }, "| bob eve@example.org" },
	{ { "" }, "| " },
	{ { "", "" }, "|  " },
	/* Each option that has a meaning: attached, apart. */
	{ { "-t" }, "t |" },
	{ { "-i" }, "i |" },
	{ { "-v" }, "v |" },
	{ { "-fa@b" }, "f<a@b> |" },
	{ { "-f", "a@b" }, "f<a@b> |" },
	{ { "-ra@b" }, "f<a@b> |" },
	{ { "-r", "a@b" }, "f<a@b> |" },
	{ { "-f<>" }, "f<<>> |" },
	{ { "-f", "<>" }, "f<<>> |" },
	{ { "-f", "" }, "f<> |" },
	{ { "-f", "Some One <s@example.org>", "bob" }, "f<Some One <s@example.org>> | bob" },
	{ { "-f", "a@b", "-f", "c@d" }, "f<c@d> |" },
	{ { "-fa@b", "-r", "c@d" }, "f<c@d> |" },
	{ { "-FCronDaemon" }, "F<CronDaemon> |" },
	{ { "-F", "Cron Daemon" }, "F<Cron Daemon> |" },
	{ { "-F", "" }, "F<> |" },
	{ { "-F", "J\xc3\xb6rg" }, "F<J\xc3\xb6rg> |" },
	{ { "-aoffice" }, "a<office> |" },
	{ { "-a", "office" }, "a<office> |" },
	{ { "--account", "office" }, "a<office> |" },
	{ { "--account=office" }, "a<office> |" },
	{ { "--account=a=b" }, "a<a=b> |" },
	{ { "--account=" }, "a<> |" },
	{ { "-B7BIT" }, "|" },
	{ { "-B", "7bit" }, "|" },
	{ { "-B8BITMIME" }, "|" },
	{ { "-B", "8BitMime" }, "|" },
	{ { "-Nnever" }, "N1 |" },
	{ { "-N", "never" }, "N1 |" },
	{ { "-N", "success" }, "N2 |" },
	{ { "-N", "FAILURE" }, "N4 |" },
	{ { "-N", "delay" }, "N8 |" },
	{ { "-N", "success,delay,failure" }, "N14 |" },
	{ { "-N", "failure, delay" }, "N12 |" },
	{ { "-N", "failure,failure" }, "N4 |" },
	{ { "-N", "delay", "-N", "success" }, "N2 |" },
	{ { "-Rfull" }, "R1 |" },
	{ { "-R", "full" }, "R1 |" },
	{ { "-R", "HDRS" }, "R2 |" },
	{ { "-Vx" }, "V<x> |" },
	{ { "-V", "an id+=" }, "V<an id+=> |" },
	{ { "-V", HUNDRED }, "V<" HUNDRED "> |" },
	{ { "-bm" }, "|" },
	{ { "-b", "m" }, "|" },
	{ { "-bs" }, "bs |" },
	{ { "-bp" }, "bp |" },
	{ { "-bi" }, "bi |" },
	{ { "-bv" }, "bv |" },
	{ { "-bd" }, "bd |" },
	{ { "-bD" }, "bd |" },
	{ { "-bs", "-bm" }, "|" },
	{ { "-oi" }, "i |" },
	{ { "-o", "i" }, "i |" },
	{ { "-odq" }, "odq |" },
	{ { "-odd" }, "odq |" },
	{ { "-odb" }, "odb |" },
	{ { "-odi" }, "odi |" },
	{ { "-odq", "-odi" }, "odi |" },
	{ { "-odi", "-odb" }, "odb |" },
	{ { "-o", "dq" }, "odq |" },
	{ { "-odx", "-od", "-odqq" }, "|" },
	{ { "-odq", "-odx" }, "odq |" },
	{ { "-oem" }, "em |" },
	{ { "-oep" }, "|" },
	{ { "-oeq" }, "eq |" },
	{ { "-oew" }, "em |" },
	{ { "-oee" }, "ee |" },
	{ { "-oeq", "-oem" }, "em |" },
	{ { "-oem", "-oep" }, "|" },
	{ { "-eq" }, "eq |" },
	{ { "-e", "q" }, "eq |" },
	{ { "-em" }, "em |" },
	{ { "-ep" }, "|" },
	{ { "-ew" }, "em |" },
	{ { "-ee" }, "ee |" },
	/* The queue: once, again and again, some of it. */
	{ { "-q" }, "q |" },
	{ { "-qf" }, "q f |" },
	{ { "-q15m" }, "q 900000ms |" },
	{ { "-q15" }, "q 900000ms |" },
	{ { "-q1s" }, "q 1000ms |" },
	{ { "-q2h" }, "q 7200000ms |" },
	{ { "-q1d" }, "q 86400000ms |" },
	{ { "-q1w" }, "q 604800000ms |" },
	{ { "-q1h30m" }, "q 5400000ms |" },
	{ { "-q1h30" }, "q 5400000ms |" },
	{ { "-q0" }, "q |" },
	{ { "-q2000000s" }, "q 2000000000ms |" },
	{ { "-q3w1d" }, "q 1900800000ms |" },
	{ { "-qf15m" }, "q f 900000ms |" },
	{ { "-q15m", "-qf" }, "q f 900000ms |" },
	{ { "-q15m", "-q30m" }, "q 1800000ms |" },
	{ { "-qp15m" }, "q 900000ms |" },
	{ { "-qp" }, "q 60000ms |" },
	{ { "-bd", "-q15m" }, "bd 900000ms |" },
	{ { "-q15m", "-bd" }, "bd 900000ms |" },
	{ { "-bp", "-qRbob" }, "bp R<bob> |" },
	{ { "-qIABC" }, "q I<ABC> |" },
	{ { "-qI", "ABC", "bob" }, "q I<ABC> | bob" },
	{ { "-qR", "-t", "bob" }, "q R<-t> | bob" },
	{ { "-qR@example.org" }, "q R<@example.org> |" },
	{ { "-qSme@example.org" }, "q S<me@example.org> |" },
	{ { "-q!Rbob" }, "q !R<bob> |" },
	{ { "-q!S", "me" }, "q !S<me> |" },
	{ { "-q!Iabc", "-qRbob", "-qS", "me", "-v" }, "v q !I<abc> R<bob> S<me> |" },
	{ { "-qf", "-qRbob" }, "q f R<bob> |" },
	{ { "-vqRbob" }, "v q R<bob> |" },
	{ { "--help" }, "help |" },
	{ { "--version" }, "version |" },
	{ { "--help", "--version", "-t" }, "t help version |" },
	/* Clusters. */
	{ { "-ti" }, "t i |" },
	{ { "-it" }, "t i |" },
	{ { "-tiv" }, "t i v |" },
	{ { "-tt" }, "t |" },
	{ { "-oi", "-t" }, "t i |" },
	{ { "-t", "-oi" }, "t i |" },
	{ { "-tif", "a@b" }, "t i f<a@b> |" },
	{ { "-tifa@b" }, "t i f<a@b> |" },
	{ { "-toi" }, "t i |" },
	{ { "-ftia@b" }, "f<tia@b> |" },
	{ { "-mGnIsUxt" }, "t |" },
	{ { "-tq15m" }, "t q 900000ms |" },
	/* An argument is what comes next, whatever it looks like. */
	{ { "-f", "-t" }, "f<-t> |" },
	{ { "-f", "--" }, "f<--> |" },
	{ { "-f--", "bob" }, "f<--> | bob" },
	{ { "-L", "-t", "bob" }, "| bob" },
	{ { "--account", "--help" }, "a<--help> |" },
	/* Options whose argument can only be attached do not take the next word. */
	{ { "-q", "bob" }, "q | bob" },
	{ { "-q15m", "bob" }, "q 900000ms | bob" },
	{ { "-qf", "bob" }, "q f | bob" },
	{ { "-qIabc", "bob" }, "q I<abc> | bob" },
	{ { "-d", "bob" }, "| bob" },
	{ { "-d0.1", "bob" }, "| bob" },
	{ { "-dt", "bob" }, "| bob" },
	{ { "-E", "bob" }, "| bob" },
	{ { "-Ex", "bob" }, "| bob" },
	{ { "-J", "bob" }, "| bob" },
	{ { "-Jx", "bob" }, "| bob" },
	{ { "-Q", "bob" }, "| bob" },
	{ { "-Qreason", "bob" }, "| bob" },
	/* Ignored, with an argument. */
	{ { "-Ac", "bob" }, "| bob" },
	{ { "-A", "m", "bob" }, "| bob" },
	{ { "-h5", "bob" }, "| bob" },
	{ { "-h", "5", "bob" }, "| bob" },
	{ { "-Ltag", "bob" }, "| bob" },
	{ { "-L", "tag", "bob" }, "| bob" },
	{ { "-Mxvalue", "bob" }, "| bob" },
	{ { "-M", "xvalue", "bob" }, "| bob" },
	{ { "-ODeliveryMode=b", "bob" }, "| bob" },
	{ { "-O", "DeliveryMode=i", "bob" }, "| bob" },
	{ { "-OQueueDirectory=/tmp", "bob" }, "| bob" },
	{ { "-pSMTP:host", "bob" }, "| bob" },
	{ { "-p", "SMTP:host", "bob" }, "| bob" },
	{ { "-T1d", "bob" }, "| bob" },
	{ { "-T", "1d", "bob" }, "| bob" },
	{ { "-oA/etc/aliases", "bob" }, "| bob" },
	{ { "-oQ/tmp", "bob" }, "| bob" },
	{ { "-o", "Q/tmp", "bob" }, "| bob" },
	{ { "-or0s", "bob" }, "| bob" },
	{ { "-om", "bob" }, "| bob" },
	{ { "-oo", "bob" }, "| bob" },
	{ { "-o8", "bob" }, "| bob" },
	{ { "-o", "", "bob" }, "| bob" },
	/* Ignored, without one. */
	{ { "-G", "bob" }, "| bob" },
	{ { "-I", "bob" }, "| bob" },
	{ { "-m", "bob" }, "| bob" },
	{ { "-n", "bob" }, "| bob" },
	{ { "-s", "bob" }, "| bob" },
	{ { "-U", "bob" }, "| bob" },
	{ { "-x", "bob" }, "| bob" },
	/* The end of the options. */
	{ { "--" }, "|" },
	{ { "--", "bob" }, "| bob" },
	{ { "-t", "--", "bob" }, "t | bob" },
	{ { "--", "-x@example.org" }, "| -x@example.org" },
	{ { "--", "-t", "-X/tmp/x", "--" }, "| -t -X/tmp/x --" },
	{ { "--", "bob", "-i" }, "| bob -i" },
	{ { "--", "-" }, "| -" },
	{ { "-f", "a@b", "--", "--" }, "f<a@b> | --" },
};

/* What is refused, with the sentence. */
static const struct {
	const char *words[WORDS_MAX];
	const char *sentence;
} refused[] = {
	/* Unknown letters. */
	{ { "-Z" }, "unknown option -Z" },
	{ { "-z", "bob" }, "unknown option -z" },
	{ { "-1" }, "unknown option -1" },
	{ { "-tZ" }, "unknown option -Z" },
	{ { "-iz" }, "unknown option -z" },
	{ { "-=" }, "unknown option -=" },
	{ { "-t-" }, "unknown option --" },
	{ { "- " }, "unknown option - " },
	{ { "-\n" }, "unknown option" },
	{ { "-\x1b[2J" }, "unknown option" },
	{ { "-\x7f" }, "unknown option" },
	{ { "-\xc3\xb6" }, "unknown option" },
	{ { "-\xff" }, "unknown option" },
	{ { "-t\x01" }, "unknown option" },
	/* Unknown words. */
	{ { "--foo" }, "unknown option --foo" },
	{ { "--foo=bar" }, "unknown option --foo" },
	{ { "--Help" }, "unknown option --Help" },
	{ { "--hel" }, "unknown option --hel" },
	{ { "--=x" }, "unknown option --" },
	{ { "--config", "/etc/passwd" }, "unknown option --config" },
	{ { "--config=/etc/passwd" }, "unknown option --config" },
	{ { "---" }, "unknown option ---" },
	{ { "--help=x" }, "--help takes no value" },
	{ { "--version=" }, "--version takes no value" },
	/* No argument. */
	{ { "-f" }, "-f needs an argument" },
	{ { "-tif" }, "-f needs an argument" },
	{ { "-r" }, "-r needs an argument" },
	{ { "-F" }, "-F needs an argument" },
	{ { "-a" }, "-a needs an argument" },
	{ { "--account" }, "--account needs a value" },
	{ { "-B" }, "-B needs an argument" },
	{ { "-N" }, "-N needs an argument" },
	{ { "-R" }, "-R needs an argument" },
	{ { "-V" }, "-V needs an argument" },
	{ { "-b" }, "-b needs an argument" },
	{ { "-o" }, "-o needs an argument" },
	{ { "-e" }, "-e needs an argument" },
	{ { "-A" }, "-A needs an argument" },
	{ { "-h" }, "-h needs an argument" },
	{ { "-L" }, "-L needs an argument" },
	{ { "-M" }, "-M needs an argument" },
	{ { "-O" }, "-O needs an argument" },
	{ { "-p" }, "-p needs an argument" },
	{ { "-T" }, "-T needs an argument" },
	{ { "-C" }, "-C needs an argument" },
	{ { "-D" }, "-D needs an argument" },
	{ { "-X" }, "-X needs an argument" },
	/* Values out of range. */
	{ { "-B", "BINARYMIME" }, "-B takes 7BIT or 8BITMIME, not BINARYMIME" },
	{ { "-B", "" }, "-B takes 7BIT or 8BITMIME, not " },
	{ { "-B", "bob" }, "-B takes 7BIT or 8BITMIME, not bob" },
	{ { "-N", "" }, "-N takes never, or a list of success, failure and delay, not " },
	{ { "-N", "x" }, "-N takes never, or a list of success, failure and delay, not x" },
	{ { "-N", "failure,x" },
	    "-N takes never, or a list of success, failure and delay, not failure,x" },
	{ { "-N", ",delay" },
	    "-N takes never, or a list of success, failure and delay, not ,delay" },
	{ { "-N", "failure,,delay" },
	    "-N takes never, or a list of success, failure and delay, not failure,,delay" },
	{ { "-N", "never,delay" }, "-N never goes with nothing else" },
	{ { "-N", "success,never" }, "-N never goes with nothing else" },
	{ { "-R", "" }, "-R takes full or hdrs, not " },
	{ { "-R", "headers" }, "-R takes full or hdrs, not headers" },
	{ { "-V", "" }, "-V takes an envelope id of 1 to 100 printable characters" },
	{ { "-V", HUNDRED "x" }, "-V takes an envelope id of 1 to 100 printable characters" },
	{ { "-V", "a\nb" }, "-V takes an envelope id of 1 to 100 printable characters" },
	{ { "-V", "a\x7f" }, "-V takes an envelope id of 1 to 100 printable characters" },
	{ { "-bt" }, "-bt is not a mode of this program; it has -bm, -bs, -bp, -bi, -bv and -bd" },
	{ { "-be" }, "-be is not a mode of this program; it has -bm, -bs, -bp, -bi, -bv and -bd" },
	{ { "-bem" },
	    "-bem is not a mode of this program; it has -bm, -bs, -bp, -bi, -bv and -bd" },
	{ { "-bP" }, "-bP is not a mode of this program; it has -bm, -bs, -bp, -bi, -bv and -bd" },
	{ { "-bS" }, "-bS is not a mode of this program; it has -bm, -bs, -bp, -bi, -bv and -bd" },
	{ { "-b", "" },
	    "-b is not a mode of this program; it has -bm, -bs, -bp, -bi, -bv and -bd" },
	{ { "-oex" }, "-oe takes m, p, q, w or e, not x" },
	{ { "-oe" }, "-oe takes m, p, q, w or e, not " },
	{ { "-oemm" }, "-oe takes m, p, q, w or e, not mm" },
	{ { "-qx" }, "-qx makes no sense" },
	{ { "-q15x" }, "-q15x makes no sense" },
	{ { "-q15m " }, "-q15m  makes no sense" },
	{ { "-q-1" }, "-q-1 makes no sense" },
	{ { "-qfx" }, "-qfx makes no sense" },
	{ { "-qff" }, "-qff makes no sense" },
	{ { "-qpf" }, "-qpf makes no sense" },
	{ { "-q!" }, "-q! makes no sense" },
	{ { "-q!!Rbob" }, "-q!!Rbob makes no sense" },
	{ { "-q2000001s" }, "-q2000001s makes no sense" },
	{ { "-q3w3d" }, "-q3w3d makes no sense" },
	{ { "-q99999999999999999999" }, "-q99999999999999999999 makes no sense" },
	{ { "-qi" }, "-qi makes no sense" },
	{ { "-qQ" }, "-qQ: this program has neither quarantine nor queue groups" },
	{ { "-q!Qx" }, "-q!Qx: this program has neither quarantine nor queue groups" },
	{ { "-qGname" }, "-qGname: this program has neither quarantine nor queue groups" },
	{ { "-qI" }, "-qI, -qR and -qS need a text" },
	{ { "-qR", "" }, "-qI, -qR and -qS need a text" },
	{ { "-qSx", "-q!R" }, "-qI, -qR and -qS need a text" },
	{ { "-F", "A\nBcc: x@example.org" }, "the name given with -F has control characters" },
	{ { "-F", "A\rB" }, "the name given with -F has control characters" },
	{ { "-F", "\x1b[2J" }, "the name given with -F has control characters" },
	/* Files. */
	{ { "-C", "/etc/passwd" },
	    "no option of sendmail's names a file here: -C, -D and -X are refused" },
	{ { "-C/etc/passwd" },
	    "no option of sendmail's names a file here: -C, -D and -X are refused" },
	{ { "-tC/etc/passwd" },
	    "no option of sendmail's names a file here: -C, -D and -X are refused" },
	{ { "-X/tmp/x" }, "no option of sendmail's names a file here: -C, -D and -X are refused" },
	{ { "-X", "/tmp/x" },
	    "no option of sendmail's names a file here: -C, -D and -X are refused" },
	{ { "-D/tmp/x" }, "no option of sendmail's names a file here: -C, -D and -X are refused" },
	{ { "-iD", "/tmp/x" },
	    "no option of sendmail's names a file here: -C, -D and -X are refused" },
	/* Options behind a recipient. */
	{ { "bob", "-i" }, "the option -i stands behind a recipient" },
	{ { "bob", "-X/tmp/x" }, "the option -X/tmp/x stands behind a recipient" },
	{ { "bob", "eve", "-t" }, "the option -t stands behind a recipient" },
	{ { "bob", "--" }, "the option -- stands behind a recipient" },
	{ { "bob", "--", "eve" }, "the option -- stands behind a recipient" },
	{ { "", "-t" }, "the option -t stands behind a recipient" },
	{ { "-i", "bob", "--help" }, "the option --help stands behind a recipient" },
	{ { "-q", "bob", "-t" }, "the option -t stands behind a recipient" },
};

/* Under the program's own name. */
static const struct {
	const char *words[WORDS_MAX];
	const char *shown;
} accepted_by_sendoff[] = {
	{ { NULL }, "|" },
	{ { "-C", "/a" }, "C</a> |" },
	{ { "-C", "/a", "bob" }, "C</a> | bob" },
	{ { "-C", "/a", "-t", "--", "bob" }, "C</a> t | bob" },
	{ { "-C", "" }, "C<> |" },
	{ { "--config", "/a" }, "C</a> |" },
	{ { "--config=/a" }, "C</a> |" },
	{ { "--config=/a=b", "bob" }, "C</a=b> | bob" },
	{ { "-C", "-t", "bob" }, "C<-t> | bob" },
	{ { "-ti", "bob" }, "t i | bob" },
	{ { "--", "-C", "/a" }, "| -C /a" },
};

static const struct {
	const char *words[WORDS_MAX];
	const char *sentence;
} refused_by_sendoff[] = {
	{ { "-C" }, "-C needs a file" },
	{ { "--config" }, "--config needs a file" },
	{ { "-t", "-C", "/a" },
	    "no option of sendmail's names a file here: -C, -D and -X are refused" },
	{ { "-C", "/a", "-C", "/b" },
	    "no option of sendmail's names a file here: -C, -D and -X are refused" },
	{ { "-t", "--config", "/a" }, "unknown option --config" },
	{ { "-C", "/a", "--config=/b" }, "unknown option --config" },
	{ { "-X", "/a" }, "no option of sendmail's names a file here: -C, -D and -X are refused" },
	{ { "bob", "-C", "/a" }, "the option -C stands behind a recipient" },
};

static void
show_text(struct buf *out, const char *name, const char *text)
{
	if (text != NULL)
		buf_addf(out, "%s<%s> ", name, text);
}

static void
show_flag(struct buf *out, const char *name, bool set)
{
	if (set)
		buf_addf(out, "%s ", name);
}

static void
show_queue(struct buf *out, const struct options *options)
{
	show_flag(out, "f", options->foreground);
	if (options->interval_ms != 0)
		buf_addf(out, "%lldms ", (long long)options->interval_ms);
	for (size_t i = 0; i < options->selector_count; i++) {
		buf_adds(out, options->selectors[i].is_not ? "!" : "");
		buf_addf(out, "%c<%s> ", "IRS"[options->selectors[i].kind],
		    options -> selectors[i].text);
	}
}

/* What differs from the default, then a bar, then the operands. */
static void
show(struct buf *out, const struct options *options)
{
	static const char *const modes[] = { NULL, "bs", "bp", "bi", "bv", "bd", "q" };
	static const char *const whens[] = { "odi", "odb", "odq", NULL };
	static const char *const errors[] = { NULL, "eq", "em", "ee" };

	show_text(out, "C", options->config);
	show_flag(out, "t", options->from_headers);
	show_flag(out, "i", options->dot_is_data);
	show_flag(out, "v", options->verbose);
	show_flag(out, whens[options->when], options->when != DELIVERY_DEFAULT);
	show_flag(out, errors[options->errors], options->errors != ERRORS_PRINT);
	show_text(out, "f", options->sender);
	show_text(out, "F", options->full_name);
	show_text(out, "a", options->account);
	show_text(out, "V", options->envid);
	if (options->notify != 0)
		buf_addf(out, "N%u ", options->notify);
	if (options->ret != RETURN_DEFAULT)
		buf_addf(out, "R%d ", (int)options->ret);
	if (options->mode != MODE_DELIVER)
		buf_addf(out, "%s ", modes[options->mode]);
	show_queue(out, options);
	show_flag(out, "help", options->help);
	show_flag(out, "version", options->version);
	buf_addc(out, '|');
	for (size_t i = 0; i < options->operand_count; i++)
		buf_addf(out, " %s", options->operands[i]);
}

/* Parses the words, and appends what they came to, or the sentence that refuses them. */
static int
parse(struct buf *out, const char *const *words, bool own_name)
{
	char name[] = "sendmail", text[WORDS_MAX][256], *argv[WORDS_MAX + 2] = { name };
	struct options options;
	struct err err;
	int argc = 1, result;

	for (; argc <= WORDS_MAX && words[argc - 1] != NULL; argc++) {
		assert_true(strlen(words[argc - 1]) < sizeof(text[0]));
		argv[argc] = strcpy(text[argc - 1], words[argc - 1]);
	}
	err_init(&err);
	result = options_parse(&options, argc, argv, own_name, &err);
	if (result == 0)
		show(out, &options);
	else
		buf_add(out, err.what.data, err.what.len);
	assert_int_equal(err.kind, result == 0 ? ERR_NONE : ERR_USAGE);
	err_release(&err);
	return result;
}

/* Prints what is wrong with a row; 1 where anything is. */
static int
check(const char *const *words, bool own_name, int wanted_result, const char *wanted)
{
	struct buf got = BUF_INIT(SIZE_MAX);
	int result = parse(&got, words, own_name);
	int wrong = result != wanted_result || strcmp(got.data, wanted) != 0;

	if (wrong) {
		print_error("%s", own_name ? "sendoff" : "sendmail");
		for (; *words != NULL; words++)
			print_error(" '%s'", *words);
		print_error(":\n  expected: %s\n  got:      %s\n", wanted, got.data);
	}
	buf_release(&got);
	return wrong;
}

static void
accepts(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++)
		failures += check(accepted[i].words, false, 0, accepted[i].shown);
	assert_int_equal(failures, 0);
}

static void
refuses(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		failures += check(refused[i].words, false, -1, refused[i].sentence);
	assert_int_equal(failures, 0);
}

static void
takes_a_configuration_as_sendoff_only(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(accepted_by_sendoff) / sizeof(accepted_by_sendoff[0]); i++)
		failures += check(accepted_by_sendoff[i].words, true, 0,
		    accepted_by_sendoff[i].shown);
	for (size_t i = 0; i < sizeof(refused_by_sendoff) / sizeof(refused_by_sendoff[0]); i++)
		failures += check(refused_by_sendoff[i].words, true, -1,
		    refused_by_sendoff[i].sentence);
	assert_int_equal(failures, 0);
}

/* execve(2) may give no argv at all. */
static void
lives_without_a_name(void **state)
{
	char *none[] = { NULL };
	struct options options;
	struct err err;

	(void)state;
	err_init(&err);
	assert_int_equal(options_parse(&options, 0, none, false, &err), 0);
	assert_int_equal(options.operand_count, 0);
	assert_int_equal(options_parse(&options, 0, none, true, &err), 0);
	assert_int_equal(options.operand_count, 0);
	err_release(&err);
}

/* What a caller gave before is forgotten. */
static void
begins_anew(void **state)
{
	char name[] = "sendmail", t[] = "-tv", f[] = "-fa@b";
	char *first[] = { name, t, f, NULL }, *second[] = { name, NULL };
	struct buf got = BUF_INIT(SIZE_MAX);
	struct options options;
	struct err err;

	(void)state;
	err_init(&err);
	assert_int_equal(options_parse(&options, 3, first, false, &err), 0);
	assert_int_equal(options_parse(&options, 1, second, false, &err), 0);
	show(&got, &options);
	assert_string_equal(got.data, "|");
	buf_release(&got);
	err_release(&err);
}

/* As many selectors as there is room for, and one more. */
static void
bounds_selectors(void **state)
{
	static const char *const words[] = { "-qRa", "-qRb", "-qIc", "-q!Sd" };
	char name[] = "sendmail", text[SELECTORS_MAX + 1][8], *argv[SELECTORS_MAX + 3] = { name };
	struct options options;
	struct err err;

	(void)state;
	for (size_t i = 0; i <= SELECTORS_MAX; i++)
		argv[i + 1] = strcpy(text[i], words[i % 4]);
	err_init(&err);
	assert_int_equal(options_parse(&options, SELECTORS_MAX + 1, argv, false, &err), 0);
	assert_int_equal(options.selector_count, SELECTORS_MAX);
	assert_string_equal(options.selectors[SELECTORS_MAX - 1].text, "d");
	assert_int_equal(options_parse(&options, SELECTORS_MAX + 2, argv, false, &err), -1);
	assert_string_equal(err.what.data, "more than 16 times -qI, -qR or -qS");
	err_release(&err);
}

/*
 * Every octet as a letter, alone and behind another: parsed or refused, and a control character is
 * never repeated.
 */
static void
survives_every_letter(void **state)
{
	(void)state;
	for (int octet = 1; octet < 256; octet++) {
		char alone[] = { '-', (char)octet, '\0' },
		     behind[] = { '-', 't', (char)octet, '\0' };
		const char *const words[][3] = { { alone, NULL }, { behind, NULL },
			{ alone, "x", NULL } };

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			struct buf got = BUF_INIT(SIZE_MAX);

			if (parse(&got, words[i], false) < 0 && (octet < ' ' || octet > '~'))
				assert_string_equal(got.data, "unknown option");
			buf_release(&got);
		}
	}
}

/* One row a letter and a name, and every row says whether it has an argument. */
static void
has_a_sound_table(void **state)
{
	(void)state;
	for (size_t i = 0; option_row(i) != NULL; i++) {
		const struct option_row *row = option_row(i);

		assert_true(row->letter != 0 || row->name != NULL);
		assert_int_equal(row->argument == NULL, row->arity == ARITY_NONE);
		assert_true(row->what == NULL || row->apply != NULL);
		for (size_t k = 0; k < i; k++) {
			assert_true(row->letter == 0 || row->letter != option_row(k)->letter);
			assert_true(row->name == NULL || option_row(k)->name == NULL ||
			    strcmp(row->name, option_row(k)->name) != 0);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts),
		cmocka_unit_test(refuses),
		cmocka_unit_test(takes_a_configuration_as_sendoff_only),
		cmocka_unit_test(lives_without_a_name),
		cmocka_unit_test(begins_anew),
		cmocka_unit_test(bounds_selectors),
		cmocka_unit_test(survives_every_letter),
		cmocka_unit_test(has_a_sound_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
