# SPDX-License-Identifier: ISC
#
# Works as it is: `make` builds into build/.  ./configure writes config.mk, which overrides what is set here.
#
#   make            sendoff, and links sendmail, mailq, newaliases to it, in build/
#   make try        sends a message through a local Postfix and shows what arrives; installs what it needs
#   make test       builds, unit tests and the fast integration tests; installs what they need
#   make check      builds and passes all tests; installs what they need
#   make unit       the unit tests; make run-test_NAME: one program of them
#   make lint       what analyzers see
#   make format     lays out the C sources, as `make lint` wants them
#   make fuzz       fuzzes for FUZZ_SECONDS (600) a target; make run-fuzz_NAME: one of them; make fuzz-short: each for
#                   FUZZ_RUNS (20000) inputs
#   make bench      sendoff beside msmtp, curl, swaks, mutt, s-nail and nodemailer, its queue beside Postfix,
#                   nullmailer, dma and Exim; see tests/bench/README; installs what it needs
#   make install    honours DESTDIR, prefix, sysconfdir; localstatedir is built in; make uninstall
#   make dist       build/sendoff-VERSION.tar.gz, with configure in it
#   make clean      removes build/
#   make help       this
#
# Switches: DEVELOPER=1 makes warnings errors; SANITIZE=1 builds with the sanitizers (give another BUILD with it);
# LATE=0 links the libraries instead of loading them when they are needed; V=1 shows the commands; JOBS=N: how many files
# lint looks at at once.

# The only place that has it: configure.ac reads it here, and a test compares NEWS.
VERSION = 0.1

prefix = /usr/local
exec_prefix = $(prefix)
bindir = $(exec_prefix)/bin
sbindir = $(exec_prefix)/sbin
datarootdir = $(prefix)/share
mandir = $(datarootdir)/man
docdir = $(datarootdir)/doc/sendoff
sysconfdir = /etc
localstatedir = /var
bashcompdir = $(datarootdir)/bash-completion/completions
zshcompdir = $(datarootdir)/zsh/site-functions
fishcompdir = $(datarootdir)/fish/vendor_completions.d

CC = cc
CFLAGS = -O2 -g
PKG_CONFIG = pkg-config
READELF = readelf
INSTALL = install

-include config.mk

BUILD = build

PACKAGES = gnutls libgsasl libidn2
PACKAGE_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
PACKAGE_LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null || echo -lgnutls -lgsasl -lidn2)

# The libraries are loaded when they are needed (src/base/late.h), by the names that the linker would write into the
# program: it is asked for them.  Where it does not tell, they are linked, as with LATE=0 (for static programs).
LATE = 1
sonames = out=$$(mktemp) && \
	$(CC) -shared -nostdlib -o $$out $(filter-out -pie,$(LDFLAGS)) -Wl,--no-as-needed $(PACKAGE_LIBS) && \
	$(READELF) -d $$out | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p'; rm -f $$out
SONAMES := $(if $(filter-out 0,$(LATE)),$(shell { $(sonames); } 2>/dev/null))
soname = $(firstword $(filter lib$(1).so%,$(SONAMES)))
ifeq ($(and $(call soname,gnutls),$(call soname,gsasl),$(call soname,idn2)),)
LATE_CPPFLAGS = -DLATE=0
LINKED_LIBS = $(PACKAGE_LIBS)
else
LATE_CPPFLAGS = -DLATE=1 -DSONAME_GNUTLS='"$(call soname,gnutls)"' -DSONAME_GSASL='"$(call soname,gsasl)"' \
	-DSONAME_IDN2='"$(call soname,idn2)"'
LINKED_LIBS =
endif

WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings \
	-Wvla -Wformat=2 -Wundef -Wcast-qual -Wimplicit-fallthrough
HARDENING = -fstack-protector-strong -fPIE
HARDENING_LDFLAGS = -pie -Wl,-z,relro,-z,now
FORTIFY = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2

ifdef DEVELOPER
WARNINGS += -Werror
endif
ifdef SANITIZE
SANITIZERS = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FORTIFY =
endif

ALL_CPPFLAGS = -Isrc -I$(BUILD) -D_GNU_SOURCE $(FORTIFY) -DVERSION='"$(VERSION)"' -DSYSCONFDIR='"$(sysconfdir)"' \
	-DLOCALSTATEDIR='"$(localstatedir)"' $(LATE_CPPFLAGS) $(PACKAGE_CFLAGS) $(CPPFLAGS)
ALL_CFLAGS = -std=gnu11 $(WARNINGS) $(HARDENING) $(SANITIZERS) $(CFLAGS)
ALL_LDFLAGS = $(HARDENING_LDFLAGS) $(SANITIZERS) $(LDFLAGS)

ifndef V
say = @printf '  %-5s %s\n' $(1) $@;
endif

LAYERS := $(shell grep -v '^\#' src/LAYERS)
SOURCES := $(sort $(wildcard $(LAYERS:%=src/%/*.c)))
OBJECTS = $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY = $(BUILD)/libsendoff.a
NAMES = sendmail mailq newaliases
UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/test_*.c)))
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

.PHONY: all help try test check bench unit fuzz fuzz-short install uninstall dist clean lint format \
	$(UNIT_TESTS:%=run-%) $(FUZZ_TARGETS:%=run-%)
.DELETE_ON_ERROR:

all: $(BUILD)/sendoff $(NAMES:%=$(BUILD)/%)

# The comment above.
help:
	@sed -n '3,/^$$/ s/^#[ ]\{0,1\}//p' Makefile

$(BUILD)/sendoff: $(BUILD)/src/main.o $(LIBRARY)
	$(call say,LINK)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LINKED_LIBS) $(LIBS)

$(NAMES:%=$(BUILD)/%): $(BUILD)/sendoff
	$(call say,LN)ln -sf sendoff $@

$(LIBRARY): $(OBJECTS)
	$(call say,AR)rm -f $@ && $(AR) rcs $@ $^

# The flags of the last build: when they change, everything is built anew.
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)
	@echo '$(subst ','\'',$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS))' | cmp -s - $@ || \
	    echo '$(subst ','\'',$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS))' > $@
FORCE:

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d) $(BUILD)/src/main.d $(wildcard $(BUILD)/tests/unit/*.d)

# Unit tests: one program a module, cmocka.
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(LIBRARY)
	$(call say,LINK)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LINKED_LIBS) -lcmocka $(LIBS)

unit: $(UNIT_TESTS:%=run-%)

$(UNIT_TESTS:%=run-%): run-%: $(BUILD)/tests/unit/%
	@tests/unit/run.sh $<

# Not to be compiled again each time.
.SECONDARY: $(UNIT_TESTS:%=$(BUILD)/tests/unit/%.o)

# Fuzz targets: clang's libFuzzer, with a library of its own in which all is instrumented.
FUZZ_SECONDS = 600
FUZZ_RUNS = 20000
FUZZ_LIMIT = -max_total_time=$(FUZZ_SECONDS)
FUZZ_FLAGS = -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_CPPFLAGS = -Isrc -I$(BUILD) -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -DSYSCONFDIR='"$(sysconfdir)"' \
	-DLOCALSTATEDIR='"$(localstatedir)"' $(LATE_CPPFLAGS) $(PACKAGE_CFLAGS)
FUZZ_OBJECTS = $(SOURCES:%.c=$(BUILD)/fuzz/%.o)

$(BUILD)/fuzz/src/%.o: src/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC)clang $(FUZZ_CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/libsendoff.a: $(FUZZ_OBJECTS)
	$(call say,AR)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/fuzz/libsendoff.a
	$(call say,LINK)clang $(FUZZ_CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(LINKED_LIBS)

-include $(FUZZ_OBJECTS:.o=.d)

fuzz-short: FUZZ_LIMIT = -runs=$(FUZZ_RUNS)
fuzz fuzz-short: $(FUZZ_TARGETS:%=run-%)

$(FUZZ_TARGETS:%=run-%): run-%: $(BUILD)/fuzz/%
	@tests/fuzz/run.sh $< $(FUZZ_LIMIT)

# The benchmark: its server, its floor and its clock.
BENCH_PROGRAMS = $(BUILD)/bench/sink $(BUILD)/bench/bare $(BUILD)/bench/timed $(BUILD)/bench/durable \
	$(BUILD)/bench/fill $(BUILD)/bench/encode

$(BUILD)/bench/durable: tests/bench/durable.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) -std=gnu11 $(WARNINGS) -D_GNU_SOURCE -O2 -g -static -o $@ $<

$(BUILD)/bench/fill: tests/bench/fill.c $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LINKED_LIBS) $(LIBS)

$(BUILD)/bench/encode: tests/bench/encode.c $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LINKED_LIBS) $(LIBS) -lnettle -lcrypto

$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) -std=gnu11 $(WARNINGS) -D_GNU_SOURCE $(PACKAGE_CFLAGS) -O2 -g -o $@ $< -lgnutls -pthread

bench:
	tests/setup.sh bench
	$(MAKE) all $(BENCH_PROGRAMS)
	/usr/bin/python3 tests/bench/run.py $(BUILD)

test:
	tests/setup.sh check
	tests/check.sh fast

check:
	tests/setup.sh check
	tests/check.sh

try:
	tests/setup.sh try
	$(MAKE) all
	/usr/bin/python3 tests/try.py $(BUILD)

lint:
	tests/lint.sh

format:
	clang-format -i $$(tests/files.sh '*.[ch]')

# configure, for those who want it: made where autoconf is.
configure: configure.ac Makefile
	autoconf

# The same files make the same tarball.
DIST = sendoff-$(VERSION)
dist: configure
	@mkdir -p $(BUILD)
	{ tests/files.sh; echo configure; } | sort -u | tar -cf - -T - --transform 's|^|$(DIST)/|' --format=gnu \
	    --owner=0 --group=0 --numeric-owner --mode=u+w,go-w,a+rX \
	    --mtime="@$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || echo 0)}" | \
	    gzip -n9 > $(BUILD)/$(DIST).tar.gz

install: all
	$(INSTALL) -d $(DESTDIR)$(bindir) $(DESTDIR)$(sbindir) $(DESTDIR)$(mandir)/man1 $(DESTDIR)$(mandir)/man5 \
	    $(DESTDIR)$(mandir)/man8 $(DESTDIR)$(docdir) $(DESTDIR)$(bashcompdir) $(DESTDIR)$(zshcompdir) \
	    $(DESTDIR)$(fishcompdir)
	$(INSTALL) -m 755 $(BUILD)/sendoff $(DESTDIR)$(bindir)/sendoff
	ln -sf $(bindir)/sendoff $(DESTDIR)$(sbindir)/sendmail
	ln -sf sendoff $(DESTDIR)$(bindir)/mailq
	ln -sf sendoff $(DESTDIR)$(bindir)/newaliases
	$(INSTALL) -m 644 man/*.1 $(DESTDIR)$(mandir)/man1
	$(INSTALL) -m 644 man/*.5 $(DESTDIR)$(mandir)/man5
	$(INSTALL) -m 644 man/*.8 $(DESTDIR)$(mandir)/man8
	$(INSTALL) -m 644 README NEWS COPYING $(DESTDIR)$(docdir)
	$(INSTALL) -m 644 completions/sendoff.bash $(DESTDIR)$(bashcompdir)/sendoff
	ln -sf sendoff $(DESTDIR)$(bashcompdir)/sendmail
	$(INSTALL) -m 644 completions/_sendoff $(DESTDIR)$(zshcompdir)/_sendoff
	$(INSTALL) -m 644 completions/sendoff.fish $(DESTDIR)$(fishcompdir)/sendoff.fish
	$(INSTALL) -m 644 completions/sendoff.fish $(DESTDIR)$(fishcompdir)/sendmail.fish

uninstall:
	rm -f $(DESTDIR)$(bindir)/sendoff $(DESTDIR)$(sbindir)/sendmail $(DESTDIR)$(bindir)/mailq \
	    $(DESTDIR)$(bindir)/newaliases $(DESTDIR)$(bashcompdir)/sendoff $(DESTDIR)$(bashcompdir)/sendmail \
	    $(DESTDIR)$(zshcompdir)/_sendoff $(DESTDIR)$(fishcompdir)/sendoff.fish $(DESTDIR)$(fishcompdir)/sendmail.fish
	rm -f $(patsubst man/%.1,$(DESTDIR)$(mandir)/man1/%.1,$(wildcard man/*.1)) \
	    $(patsubst man/%.5,$(DESTDIR)$(mandir)/man5/%.5,$(wildcard man/*.5)) \
	    $(patsubst man/%.8,$(DESTDIR)$(mandir)/man8/%.8,$(wildcard man/*.8))
	rm -rf $(DESTDIR)$(docdir)

clean:
	rm -rf $(BUILD)
