// SPDX-License-Identifier: Apache-2.0
#include "api/tls.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "http/tls-pump.h"

#include <fcntl.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define STACK_SIZE (256 << 10)
#define STOP_SECONDS 2
#define NAME_SIZE 256
#define LINGER_READS 16
#define LINGER_MILLISECONDS 100

struct credentials {
	int references; // under the server's lock
	gnutls_certificate_credentials_t of;
	bool verify;
};

struct listener {
	struct berth_tls_server *server;
	int socket;
	struct MHD_Daemon *daemon;
	struct berth_connections *connections;
	pthread_t thread;
};

struct berth_tls_server {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	struct credentials *credentials;
	unsigned threads, handshakes;
	GPtrArray *links; // of struct link: what those threads serve
	bool stopping;
	GPtrArray *listeners;
	int stop; // becomes readable
};

// One connection.
struct link {
	struct listener *listener;
	struct credentials *credentials;
	int socket, near; // the client's, and this end of the pair
	gnutls_session_t session;
};

static void credentials_unref(struct berth_tls_server *server, struct credentials *credentials)
{
	pthread_mutex_lock(&server->lock);
	bool last = --credentials->references == 0;
	pthread_mutex_unlock(&server->lock);
	if (!last)
		return;
	gnutls_certificate_free_credentials(credentials->of);
	g_free(credentials);
}

static bool fail(const char *what, const char *path, int code, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_INVALID, "%s %s: %s", what, path, gnutls_strerror(code));
}

static bool load(gnutls_certificate_credentials_t credentials, const struct berth_api_tls *files, GError **error)
{
	int result =
		gnutls_certificate_set_x509_key_file(credentials, files->certificate, files->key, GNUTLS_X509_FMT_PEM);

	if (result < 0) {
		g_autofree char *both = g_strdup_printf("%s with key %s", files->certificate, files->key);
		return fail("TLS certificate", both, result, error);
	}
	if (!files->authorities)
		return true;
	result = gnutls_certificate_set_x509_trust_file(credentials, files->authorities, GNUTLS_X509_FMT_PEM);
	if (result < 0)
		return fail("TLS authority", files->authorities, result, error);
	return result > 0 ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "TLS authority %s: has no certificate", files->authorities);
}

static struct credentials *credentials_new(const struct berth_api_tls *files, GError **error)
{
	struct credentials *credentials = g_new0(struct credentials, 1);

	credentials->references = 1;
	credentials->verify = files->authorities != NULL;
	gnutls_certificate_allocate_credentials(&credentials->of);
	gnutls_certificate_set_known_dh_params(credentials->of, GNUTLS_SEC_PARAM_MEDIUM);
	if (load(credentials->of, files, error))
		return credentials;
	gnutls_certificate_free_credentials(credentials->of);
	g_free(credentials);
	return NULL;
}

struct berth_tls_server *berth_tls_server_new(const struct berth_api_tls *files, GError **error)
{
	struct credentials *credentials = credentials_new(files, error);
	pthread_condattr_t monotonic;

	if (!credentials)
		return NULL;
	struct berth_tls_server *server = g_new0(struct berth_tls_server, 1);
	pthread_mutex_init(&server->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&server->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	server->credentials = credentials;
	server->listeners = g_ptr_array_new();
	server->links = g_ptr_array_new();
	server->stop = eventfd(0, EFD_CLOEXEC);
	return server;
}

bool berth_tls_server_reload(struct berth_tls_server *server, const struct berth_api_tls *files, GError **error)
{
	struct credentials *credentials = credentials_new(files, error);

	if (!credentials)
		return false;
	pthread_mutex_lock(&server->lock);
	struct credentials *old = server->credentials;
	server->credentials = credentials;
	pthread_mutex_unlock(&server->lock);
	credentials_unref(server, old);
	return true;
}

// The client's name and certificate.
static struct berth_peer *make_peer(gnutls_session_t session)
{
	unsigned count = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
	struct berth_peer *peer = g_new0(struct berth_peer, 1);
	gnutls_x509_crt_t certificate;
	char name[NAME_SIZE];
	size_t size = sizeof name;
	gnutls_datum_t pem = {0};

	if (!chain || count == 0 || gnutls_x509_crt_init(&certificate) < 0)
		return peer;
	if (gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) == 0) {
		if (gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) == 0)
			peer->user = g_strndup(name, size);
		if (gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem) == 0)
			peer->certificates[0] = g_strndup((const char *) pem.data, pem.size);
		gnutls_free(pem.data);
	}
	gnutls_x509_crt_deinit(certificate);
	return peer;
}

// A socket that is closed with something unread in it takes back what was sent last: here the reason.
static void linger(int socket)
{
	struct pollfd fd = {socket, POLLIN, 0};
	char ignored[1024];

	shutdown(socket, SHUT_WR);
	for (int i = 0; i < LINGER_READS && poll(&fd, 1, LINGER_MILLISECONDS) > 0; i++)
		if (recv(socket, ignored, sizeof ignored, MSG_DONTWAIT) <= 0)
			return;
}

// Who has no certificate of the authority's does not get past this.
static bool shake_hands(struct link *link)
{
	gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
					 .data = (unsigned char *) (uintptr_t) GNUTLS_KP_TLS_WWW_CLIENT};
	int result;

	if (gnutls_init(&link->session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL) < 0)
		return false;
	gnutls_priority_set_direct(link->session, PRIORITIES, NULL);
	gnutls_credentials_set(link->session, GNUTLS_CRD_CERTIFICATE, link->credentials->of);
	if (link->credentials->verify) {
		gnutls_certificate_server_set_request(link->session, GNUTLS_CERT_REQUIRE);
		gnutls_session_set_verify_cert2(link->session, &purpose, 1, 0);
	}
	gnutls_transport_set_int(link->session, link->socket);
	gnutls_handshake_set_timeout(link->session, BERTH_LIMIT_HANDSHAKE_SECONDS * 1000);
	do
		result = gnutls_handshake(link->session);
	while (result < 0 && !gnutls_error_is_fatal(result));
	if (result < 0) {
		g_debug("TLS: a client's handshake: %s", gnutls_strerror(result));
		gnutls_alert_send_appropriate(link->session, result);
		linger(link->socket);
	}
	return result == 0;
}

// Gives the pair's other end to the HTTP server, unless that is about to stop.
static bool hand_over(struct link *link)
{
	const struct sockaddr address = {.sa_family = AF_UNIX};
	struct listener *listener = link->listener;
	bool taken = false;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	link->near = pair[0];
	pthread_mutex_lock(&listener->server->lock);
	if (listener->server->stopping) {
		close(pair[1]);
	} else {
		if (link->credentials->verify)
			berth_connections_expect(listener->connections, pair[1], make_peer(link->session));
		// If it does not take it, it has closed it.
		taken = MHD_add_connection(listener->daemon, pair[1], &address, sizeof address) == MHD_YES;
		if (!taken)
			berth_connections_expect(listener->connections, pair[1], NULL);
	}
	pthread_mutex_unlock(&listener->server->lock);
	return taken;
}

static void end_handshake(struct berth_tls_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->handshakes--;
	pthread_mutex_unlock(&server->lock);
}

static void *link_main(void *data)
{
	struct link *link = data;
	struct berth_tls_server *server = link->listener->server;

	bool trusted = shake_hands(link);
	end_handshake(server);
	if (trusted && hand_over(link))
		berth_tls_pump(link->session, link->socket, link->near);
	pthread_mutex_lock(&server->lock);
	g_ptr_array_remove_fast(server->links, link);
	pthread_mutex_unlock(&server->lock);
	if (link->session)
		gnutls_deinit(link->session);
	berth_fd_clear(&link->near);
	berth_fd_clear(&link->socket);
	credentials_unref(server, link->credentials);
	g_free(link);
	pthread_mutex_lock(&server->lock);
	server->threads--;
	pthread_cond_broadcast(&server->ended);
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

// Whoever has not proved who they are gets few of the threads, and little time.
static bool admit(struct berth_tls_server *server, struct link *link)
{
	pthread_mutex_lock(&server->lock);
	bool room = server->handshakes < BERTH_LIMIT_HANDSHAKES && server->threads < BERTH_LIMIT_CONNECTIONS;
	if (room) {
		server->handshakes++;
		server->threads++;
		link->credentials = server->credentials;
		link->credentials->references++;
		g_ptr_array_add(server->links, link);
	}
	pthread_mutex_unlock(&server->lock);
	return room;
}

static void withdraw(struct berth_tls_server *server, struct link *link)
{
	pthread_mutex_lock(&server->lock);
	server->handshakes--;
	server->threads--;
	g_ptr_array_remove_fast(server->links, link);
	pthread_mutex_unlock(&server->lock);
	credentials_unref(server, link->credentials);
}

static void serve(struct listener *listener, int socket)
{
	struct link *link = g_new0(struct link, 1);
	pthread_attr_t attributes;
	pthread_t thread;

	*link = (struct link){.listener = listener, .socket = socket, .near = -1};
	bool admitted = admit(listener->server, link);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	if (!admitted || pthread_create(&thread, &attributes, link_main, link) != 0) {
		if (admitted)
			withdraw(listener->server, link);
		close(socket);
		g_free(link);
	}
	pthread_attr_destroy(&attributes);
}

static void *listen_main(void *data)
{
	struct listener *listener = data;
	struct pollfd fds[] = {{listener->socket, POLLIN, 0}, {listener->server->stop, POLLIN, 0}};

	for (;;) {
		if (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[1].revents)
			return NULL;
		int socket = accept4(listener->socket, NULL, NULL, SOCK_CLOEXEC);
		if (socket >= 0)
			serve(listener, socket);
		else if (errno == EMFILE || errno == ENFILE)
			g_usleep(100000); // until others have ended
	}
}

bool berth_tls_server_listen(struct berth_tls_server *server, int socket, struct MHD_Daemon *daemon,
			     struct berth_connections *connections, GError **error)
{
	struct listener *listener = g_new0(struct listener, 1);

	*listener = (struct listener){server, socket, daemon, connections, 0};
	fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
	int failure = pthread_create(&listener->thread, NULL, listen_main, listener);
	if (failure != 0) {
		close(socket);
		g_free(listener);
		return berth_error_set_errno(error, failure, "starting a thread for a TLS socket");
	}
	g_ptr_array_add(server->listeners, listener);
	return true;
}

void berth_tls_server_quiesce(struct berth_tls_server *server)
{
	eventfd_write(server->stop, 1);
	pthread_mutex_lock(&server->lock);
	server->stopping = true;
	pthread_mutex_unlock(&server->lock);
	for (guint i = 0; i < server->listeners->len; i++) {
		struct listener *listener = server->listeners->pdata[i];
		if (listener->socket < 0)
			continue;
		pthread_join(listener->thread, NULL);
		berth_fd_clear(&listener->socket);
	}
}

bool berth_tls_server_free(struct berth_tls_server *server)
{
	struct timespec end;

	berth_tls_server_quiesce(server);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += STOP_SECONDS;
	pthread_mutex_lock(&server->lock);
	for (guint i = 0; i < server->links->len; i++) // attached clients, which the HTTP server knows nothing of
		shutdown(((struct link *) server->links->pdata[i])->socket, SHUT_RDWR);
	while (server->threads > 0 && pthread_cond_timedwait(&server->ended, &server->lock, &end) == 0)
		;
	bool none = server->threads == 0;
	pthread_mutex_unlock(&server->lock);
	if (!none)
		return false;
	credentials_unref(server, server->credentials);
	g_ptr_array_set_free_func(server->listeners, g_free);
	g_ptr_array_unref(server->listeners);
	g_ptr_array_unref(server->links);
	close(server->stop);
	pthread_mutex_destroy(&server->lock);
	pthread_cond_destroy(&server->ended);
	g_free(server);
	return true;
}
