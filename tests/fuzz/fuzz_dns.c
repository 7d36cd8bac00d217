/* SPDX-License-Identifier: ISC */
/*
 * Any octets as a DNS answer, as resolv.conf, as a certificate in DER, and as a trust bundle's pin.
 */
#include <stdint.h>
#include <stdlib.h>

#include "format/dns.h"
#include "fuzz.h"
#include "net/anchors.h"
#include "net/tls.h"

static bool
lies_within(struct span part, struct span whole)
{
	return part.data >= whole.data && part.len <= whole.len &&
	    part.data + part.len <= whole.data + whole.len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size }, record, subject;
	struct dns_servers servers;
	struct dns_answer answer;
	unsigned records = 0;
	char *pin;

	if (dns_open(&answer, text))
		while (dns_next(&answer, DNS_TYPE_TLSA, &record)) {
			check(lies_within(record, text));
			check(++records <= DNS_ANSWERS_MAX);
		}
	dns_answers(text, text);
	dns_servers(&servers, text);
	for (size_t i = 0; i < servers.count; i++)
		check(lies_within(servers.address[i], text));
	subject = anchors_subject(text);
	check(subject.len == 0 || lies_within(subject, text));
	pin = span_dup(text);
	check(pin != NULL);
	tls_pin_is_valid(pin);
	free(pin);
	return 0;
}
