// SPDX-License-Identifier: Apache-2.0
// berth-tls, helper of `berth`: speaks TLS to an engine for whoever is at its standard input, which is a socket.
//
//	berth-tls verify|trust AUTHORITY CERTIFICATE KEY NAME PORT
//
// Files are PEM, "" for none. "verify": the engine must have a certificate for this name, of the authority (none: of
// one that the system trusts); "trust": any will do. Exit status 1 with a message if there is no connection.
#include "base/fd.h"
#include "http/tls-pump.h"

#include <glib.h>
#include <gnutls/x509.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define HANDSHAKE_TIMEOUT 30000 // milliseconds
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

static int complain(const char *what, const char *cause)
{
	fprintf(stderr, "berth-tls: %s: %s\n", what, cause);
	return -1;
}

static int dial(const char *name, const char *port)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *addresses = NULL;
	int failure = getaddrinfo(name, port, &hints, &addresses), cause = 0;
	berth_fd fd = -1;

	if (failure != 0)
		return complain(name, gai_strerror(failure));
	for (struct addrinfo *at = addresses; at && fd < 0; at = at->ai_next) {
		fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) < 0) {
			cause = errno;
			berth_fd_clear(&fd);
		}
	}
	freeaddrinfo(addresses);
	if (fd < 0)
		return complain(name, g_strerror(cause));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	return berth_fd_steal(&fd);
}

static bool load(gnutls_certificate_credentials_t credentials, const char *authority, const char *certificate,
		 const char *key)
{
	int result = *authority ? gnutls_certificate_set_x509_trust_file(credentials, authority, GNUTLS_X509_FMT_PEM)
				: gnutls_certificate_set_x509_system_trust(credentials);

	if (result < 0)
		return complain(*authority ? authority : "the system's authorities", gnutls_strerror(result)) == 0;
	if (*certificate)
		result = gnutls_certificate_set_x509_key_file(credentials, certificate, key, GNUTLS_X509_FMT_PEM);
	return result >= 0 || complain(certificate, gnutls_strerror(result)) == 0;
}

// Why the engine's certificate does not do, in words.
static void explain(gnutls_session_t session, int result)
{
	gnutls_datum_t words = {0};
	unsigned status = gnutls_session_get_verify_cert_status(session);

	if (result == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR &&
	    gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &words, 0) == 0)
		complain("the engine's certificate", (const char *) words.data);
	else
		complain("the handshake", result == GNUTLS_E_FATAL_ALERT_RECEIVED
						  ? gnutls_alert_get_name(gnutls_alert_get(session))
						  : gnutls_strerror(result));
	gnutls_free(words.data);
}

static bool shake_hands(gnutls_session_t session, int socket, const char *name, bool verify)
{
	int result;

	gnutls_priority_set_direct(session, PRIORITIES, NULL);
	if (!g_hostname_is_ip_address(name))
		gnutls_server_name_set(session, GNUTLS_NAME_DNS, name, strlen(name));
	if (verify)
		gnutls_session_set_verify_cert(session, name, 0);
	gnutls_transport_set_int(session, socket);
	gnutls_handshake_set_timeout(session, HANDSHAKE_TIMEOUT);
	do
		result = gnutls_handshake(session);
	while (result < 0 && !gnutls_error_is_fatal(result));
	if (result < 0)
		explain(session, result);
	return result == 0;
}

int main(int argc, char **argv)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t session;

	if (argc != 7 || (strcmp(argv[1], "verify") != 0 && strcmp(argv[1], "trust") != 0)) {
		fprintf(stderr, "Usage:  berth-tls verify|trust AUTHORITY CERTIFICATE KEY NAME PORT\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	berth_fd fd = dial(argv[5], argv[6]);
	if (fd < 0 || gnutls_certificate_allocate_credentials(&credentials) < 0 ||
	    !load(credentials, argv[2], argv[3], argv[4]) ||
	    gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL) < 0)
		return 1;
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
	if (!shake_hands(session, fd, argv[5], strcmp(argv[1], "verify") == 0))
		return 1;
	// In TLS 1.3 the engine says what it thinks of our certificate when the handshake is over.
	int failure = berth_tls_pump(session, fd, STDIN_FILENO);
	if (failure == GNUTLS_E_FATAL_ALERT_RECEIVED)
		complain("the engine ends the connection", gnutls_alert_get_name(gnutls_alert_get(session)));
	else if (failure && failure != GNUTLS_E_PREMATURE_TERMINATION)
		complain("the connection", gnutls_strerror(failure));
	gnutls_deinit(session);
	gnutls_certificate_free_credentials(credentials);
	return failure ? 1 : 0;
}
