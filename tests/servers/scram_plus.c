/* SPDX-License-Identifier: ISC */
/*
 * A mail server for one client: implicit TLS, and a login with channel binding (RFC 5802 with RFC
 * 9266).
 *
 *   scram_plus CERTIFICATE KEY PRIORITIES MECHANISMS PASSWORD [other-channel | renegotiate]
 *
 * Prints its port, and then what happens: "TLS1.3", "login MECHANISM user", "refused MECHANISM",
 * "message". other-channel: the channel binding is that of another connection, as it is where
 * someone stands in between. renegotiate: behind MAIL the server asks for another handshake (TLS
 * 1.2).
 */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gsasl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE_SIZE = 16384, PATIENCE_MS = 20000 };

static gnutls_session_t session;
static const char *password;
static bool other_channel, renegotiate;

static void
give_up(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

static void
say(const char *text)
{
	if (gnutls_record_send(session, text, strlen(text)) < 0)
		give_up("send", "the client is gone");
}

/* One line without its end; false where the client has closed. */
static bool
hear(char line[static LINE_SIZE])
{
	size_t len = 0;

	for (;;) {
		ssize_t n = gnutls_record_recv(session, line + len, 1);

		if (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_WARNING_ALERT_RECEIVED)
			continue;
		if (n <= 0)
			return false;
		if (line[len] == '\n')
			break;
		if (++len == LINE_SIZE)
			give_up("hear", "too long a line");
	}
	line[len > 0 && line[len - 1] == '\r' ? len - 1 : len] = '\0';
	return true;
}

static void
set_binding(Gsasl_session *sasl)
{
	gnutls_datum_t binding;
	char *text;

	if (gnutls_session_channel_binding(session, GNUTLS_CB_TLS_EXPORTER, &binding) < 0)
		give_up("TLS", "no channel binding");
	if (other_channel)
		binding.data[0] ^= 1;
	if (gsasl_base64_to((const char *)binding.data, binding.size, &text, NULL) != GSASL_OK)
		give_up("base64", "no memory");
	gsasl_property_set(sasl, GSASL_CB_TLS_EXPORTER, text);
	gsasl_free(text);
	gnutls_free(binding.data);
}

static int
callback(Gsasl *context, Gsasl_session *sasl, Gsasl_property property)
{
	(void)context;
	switch (property) {
	case GSASL_PASSWORD:
		return gsasl_property_set(sasl, property, password);
	case GSASL_CB_TLS_EXPORTER:
		set_binding(sasl);
		return GSASL_OK;
	case GSASL_VALIDATE_SIMPLE:
		return strcmp(gsasl_property_get(sasl, GSASL_PASSWORD), password) == 0 ?
		    GSASL_OK :
		    GSASL_AUTHENTICATION_ERROR;
	default:
		return GSASL_NO_CALLBACK;
	}
}

/* "AUTH MECHANISM [RESPONSE]" */
static void
authenticate(Gsasl *context, char *command)
{
	char line[LINE_SIZE], *mechanism = strtok(command + strlen("AUTH "), " "),
			      *response = strtok(NULL, " "), *out;
	Gsasl_session *sasl;
	int code;

	if (mechanism == NULL || gsasl_server_start(context, mechanism, &sasl) != GSASL_OK) {
		say("504 5.5.4 unknown mechanism\r\n");
		return;
	}
	for (;;) {
		code = gsasl_step64(sasl, response != NULL ? response : "", &out);
		if (code != GSASL_OK && code != GSASL_NEEDS_MORE)
			break;
		if (code == GSASL_OK && out[0] == '\0')
			break;
		say("334 ");
		say(out);
		say("\r\n");
		gsasl_free(out);
		if (!hear(line))
			exit(0);
		response = line;
		/*
		 * The last thing the server says in SCRAM is its own proof; an empty response takes
		 * it in.
		 */
		if (code == GSASL_OK)
			break;
	}
	printf("%s %s %s\n", code == GSASL_OK ? "login" : "refused", mechanism,
	    code == GSASL_OK ? gsasl_property_fast(sasl, GSASL_AUTHID) : gsasl_strerror_name(code));
	say(code == GSASL_OK ? "235 2.7.0 welcome\r\n" : "535 5.7.8 wrong\r\n");
	gsasl_finish(sasl);
}

static void
take_message(void)
{
	char line[LINE_SIZE];

	say("354 go on\r\n");
	while (hear(line) && strcmp(line, ".") != 0)
		continue;
	puts("message");
	say("250 2.0.0 queued\r\n");
}

static void
serve(Gsasl *context, const char *mechanisms)
{
	char line[LINE_SIZE];

	say("220 mx.example.net ESMTP\r\n");
	while (hear(line)) {
		if (strncmp(line, "EHLO ", 5) == 0) {
			say("250-mx.example.net\r\n250 AUTH ");
			say(mechanisms);
			say("\r\n");
		} else if (strncmp(line, "AUTH ", 5) == 0) {
			authenticate(context, line);
		} else if (strcmp(line, "DATA") == 0) {
			take_message();
		} else if (strcmp(line, "QUIT") == 0) {
			say("221 2.0.0 Bye\r\n");
			gnutls_bye(session, GNUTLS_SHUT_WR);
			return;
		} else {
			if (renegotiate && strncmp(line, "MAIL ", 5) == 0)
				gnutls_rehandshake(session);
			say("250 2.0.0 ok\r\n");
		}
	}
}

static int
accept_one(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(here);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (listener < 0 || bind(listener, (struct sockaddr *)&here, sizeof(here)) < 0 ||
	    listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&here, &len) < 0)
		give_up("socket", "no socket");
	printf("%d\n", ntohs(here.sin_port));
	return accept(listener, NULL, NULL);
}

static void
start_tls(int fd, const char *cert, const char *key, const char *priorities)
{
	static gnutls_certificate_credentials_t credentials;
	int code;

	gnutls_certificate_allocate_credentials(&credentials);
	code = gnutls_certificate_set_x509_key_file(credentials, cert, key, GNUTLS_X509_FMT_PEM);
	if (code < 0)
		give_up(cert, gnutls_strerror(code));
	gnutls_init(&session, GNUTLS_SERVER);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
	code = gnutls_priority_set_direct(session, priorities, NULL);
	if (code < 0)
		give_up(priorities, gnutls_strerror(code));
	gnutls_transport_set_int(session, fd);
	gnutls_handshake_set_timeout(session, PATIENCE_MS);
	do
		code = gnutls_handshake(session);
	while (code < 0 && !gnutls_error_is_fatal(code));
	if (code < 0)
		give_up("handshake", gnutls_strerror(code));
	puts(gnutls_protocol_get_name(gnutls_protocol_get_version(session)));
}

int
main(int argc, char **argv)
{
	Gsasl *context;

	if (argc < 6)
		give_up(argv[0], "wrong arguments");
	setvbuf(stdout, NULL, _IOLBF, 0);
	password = argv[5];
	other_channel = argc > 6 && strcmp(argv[6], "other-channel") == 0;
	renegotiate = argc > 6 && strcmp(argv[6], "renegotiate") == 0;
	if (gsasl_init(&context) != GSASL_OK)
		give_up("libgsasl", "no memory");
	gsasl_callback_set(context, callback);
	start_tls(accept_one(), argv[1], argv[2], argv[3]);
	serve(context, argv[4]);
	return 0;
}
