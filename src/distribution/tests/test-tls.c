// SPDX-License-Identifier: Apache-2.0
// Registries over TLS: what is verified, and that nothing leads from there to plain HTTP (CVE-2014-5277). The names are
// resolved by a proxy of the test's, which so sees everything that is asked of anybody.
#include "base/error.h"
#include "base/fd.h"
#include "distribution/registry.h"
#include "distribution/tests/certificate.h"
#include "distribution/tests/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MANIFEST "{\"schemaVersion\":2,\"layers\":[]}"

struct world {
	struct MHD_Daemon *registry; // registry.example and other.example, over TLS
	unsigned port;
	struct server *plain; // plain.example, which speaks no TLS
	struct server *proxy;
	pthread_mutex_t lock;
	GString *log; // of the proxy: methods and targets
	char *certificates; // a folder like certs.d
};

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *name, const char *value)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(MANIFEST), (void *) MANIFEST, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	MHD_add_response_header(response, "Content-Type", OCI_MEDIA_MANIFEST);
	if (name)
		MHD_add_response_header(response, name, value);
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

// What it answers is chosen by the repository's name.
static enum MHD_Result answer_tls(G_GNUC_UNUSED void *data, struct MHD_Connection *connection, const char *url,
				  G_GNUC_UNUSED const char *method, G_GNUC_UNUSED const char *version,
				  G_GNUC_UNUSED const char *body, G_GNUC_UNUSED size_t *length, void **state)
{
	if (!*state) {
		*state = connection;
		return MHD_YES;
	}
	if (strstr(url, "/redirect/"))
		return reply(connection, 307, "Location", "http://plain.example/stolen");
	if (strstr(url, "/further/"))
		return reply(connection, 307, "Location", "https://other.example/v2/good/manifests/1");
	if (strstr(url, "/realm/"))
		return reply(connection, 401, "WWW-Authenticate", "Bearer realm=\"http://plain.example/token\"");
	if (strstr(url, "/upload/"))
		return reply(connection, 202, "Location", "http://registry.example/v2/upload/1");
	return reply(connection, 200, NULL, NULL);
}

static void answer_plain(struct request *request, G_GNUC_UNUSED void *data)
{
	answer_text(request, 200, "Content-Type: " OCI_MEDIA_MANIFEST "\r\n", MANIFEST);
}

static int dial(unsigned port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t) port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_assert_cmpint(connect(fd, (struct sockaddr *) &address, sizeof address), ==, 0);
	return fd;
}

static bool pass(int from, int to)
{
	char bytes[16384];
	ssize_t count = read(from, bytes, sizeof bytes);

	return count > 0 && send(to, bytes, (size_t) count, MSG_NOSIGNAL) == count;
}

static void tunnel(int a, int b)
{
	struct pollfd ends[] = {{a, POLLIN, 0}, {b, POLLIN, 0}};

	while (poll(ends, 2, -1) > 0)
		if ((ends[0].revents && !pass(a, b)) || (ends[1].revents && !pass(b, a)))
			return;
}

static void answer_proxy(struct request *request, void *data)
{
	struct world *world = data;

	pthread_mutex_lock(&world->lock);
	g_string_append_printf(world->log, "%s %s\n", request->method, request->target);
	pthread_mutex_unlock(&world->lock);
	if (!g_str_equal(request->method, "CONNECT")) {
		answer_plain(request, NULL);
		return;
	}
	berth_fd fd = dial(g_str_has_prefix(request->target, "plain.") ? server_port(world->plain) : world->port);
	answer_raw(request, "HTTP/1.1 200 x\r\n\r\n", strlen("HTTP/1.1 200 x\r\n\r\n"));
	tunnel(request->fd, fd);
	request->close = true;
}

static void set_up(struct world *world, G_GNUC_UNUSED const void *data)
{
	pthread_mutex_init(&world->lock, NULL);
	world->log = g_string_new(NULL);
	world->registry = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL, answer_tls,
					   NULL, MHD_OPTION_HTTPS_MEM_KEY, CERTIFICATE_KEY, MHD_OPTION_HTTPS_MEM_CERT,
					   CERTIFICATE, MHD_OPTION_END);
	g_assert_nonnull(world->registry);
	world->port = MHD_get_daemon_info(world->registry, MHD_DAEMON_INFO_BIND_PORT)->port;
	world->plain = server_new(answer_plain, NULL);
	world->proxy = server_new(answer_proxy, world);
	world->certificates = g_dir_make_tmp("berth-tls-XXXXXX", NULL);
	g_autofree char *url = g_strconcat("http://", server_authority(world->proxy), NULL);
	setenv("HTTP_PROXY", url, true);
	setenv("HTTPS_PROXY", url, true);
}

static void tear_down(struct world *world, G_GNUC_UNUSED const void *data)
{
	server_free(world->proxy);
	server_free(world->plain);
	MHD_stop_daemon(world->registry);
	berth_remove_tree_at(-1, world->certificates, NULL);
	g_free(world->certificates);
	g_string_free(world->log, TRUE);
	pthread_mutex_destroy(&world->lock);
}

static void trust(const struct world *world, const char *authority)
{
	g_autofree char *folder = g_build_filename(world->certificates, authority, NULL);
	g_autofree char *file = g_build_filename(folder, "ca.crt", NULL);

	g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
	g_assert_true(g_file_set_contents(file, CERTIFICATE, -1, NULL));
}

static struct berth_registries *open_registries(const struct world *world, const char *insecure)
{
	char *certificates[] = {world->certificates, NULL};
	const char *const hosts[] = {insecure, NULL};
	g_autoptr(GError) error = NULL;
	struct berth_registries *registries = berth_registries_new(
		&(struct berth_registries_options){
			.certificates = certificates, .insecure = (char *const *) hosts, .backoff = 10},
		&error);

	g_assert_no_error(error);
	return registries;
}

// Twice, so that connections are seen to be kept.
static bool resolve(const struct world *world, const char *domain, const char *path, const char *insecure,
		    GError **error)
{
	struct berth_registries *registries = open_registries(world, insecure);
	struct berth_repository *repository =
		berth_repository_new(registries, &(struct berth_repository_options){.domain = domain, .path = path});
	bool good = true;

	for (int i = 0; good && i < 2; i++) {
		struct berth_manifest manifest = {0};
		good = berth_repository_manifest(repository, "1", &manifest, error);
		berth_manifest_clear(&manifest);
	}
	berth_repository_free(repository);
	berth_registries_free(registries);
	return good;
}

static void test_verified(struct world *world, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;

	trust(world, "registry.example");
	g_assert_true(resolve(world, "registry.example", "good", NULL, &error));
	g_assert_no_error(error);
	g_assert_cmpstr(world->log->str, ==, "CONNECT registry.example:443\n");
	// A folder of the port serves it, too.
	trust(world, "other.example:443");
	g_assert_true(resolve(world, "other.example", "good", NULL, &error));
	g_assert_no_error(error);
}

// Whatever is wrong: it is never asked for in plain HTTP.
static void refused(struct world *world, const char *domain, const char *path, int kind, const char *told)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(resolve(world, domain, path, NULL, &error));
	g_assert_error(error, BERTH_ERROR, kind);
	g_test_message("%s", error->message);
	g_assert_nonnull(strstr(error->message, told));
	g_assert_null(strstr(world->log->str, "http:"));
}

static void test_unknown_authority(struct world *world, G_GNUC_UNUSED const void *data)
{
	refused(world, "registry.example", "good", BERTH_ERROR_UNAVAILABLE, "certificate");
	trust(world, "registry.example"); // but not for the other one
	refused(world, "other.example", "good", BERTH_ERROR_UNAVAILABLE, "certificate");
}

static void test_other_name(struct world *world, G_GNUC_UNUSED const void *data)
{
	trust(world, "wrong.example");
	refused(world, "wrong.example", "good", BERTH_ERROR_UNAVAILABLE, "wrong.example");
}

static void test_no_tls(struct world *world, G_GNUC_UNUSED const void *data)
{
	refused(world, "plain.example", "good", BERTH_ERROR_UNAVAILABLE, "insecure");
	g_assert_cmpint(server_requests(world->plain), ==, 0);
}

static void test_downgrades(struct world *world, G_GNUC_UNUSED const void *data)
{
	trust(world, "registry.example");
	refused(world, "registry.example", "redirect", BERTH_ERROR_INVALID, "plain HTTP");
	refused(world, "registry.example", "realm", BERTH_ERROR_INVALID, "plain HTTP");
	// The other host's certificate is that host's matter.
	refused(world, "registry.example", "further", BERTH_ERROR_UNAVAILABLE, "other.example");
	trust(world, "other.example");
	g_assert_true(resolve(world, "registry.example", "further", NULL, NULL));
}

static void test_upload_downgrade(struct world *world, G_GNUC_UNUSED const void *data)
{
	struct berth_registries *registries;
	struct berth_repository *repository;
	struct berth_blobs *blobs = berth_blobs_open(world->certificates, NULL);
	g_autofree char *digest = berth_blob_put(blobs, "blob", 4, NULL);
	g_autoptr(GError) error = NULL;

	trust(world, "registry.example");
	registries = open_registries(world, NULL);
	repository = berth_repository_new(
		registries,
		&(struct berth_repository_options){.domain = "registry.example", .path = "upload", .push = true});
	g_assert_false(berth_repository_upload(repository, blobs, &(struct oci_descriptor){.digest = digest, .size = 4},
					       NULL, NULL, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_nonnull(strstr(error->message, "plain HTTP"));
	g_assert_null(strstr(world->log->str, "http:"));
	berth_repository_free(repository);
	berth_registries_free(registries);
	berth_blobs_free(blobs);
}

// What is configured as insecure is not verified, and spoken to in plain HTTP where it speaks no TLS.
static void test_insecure(struct world *world, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(resolve(world, "registry.example", "good", "registry.example", &error));
	g_assert_no_error(error);
	g_assert_null(strstr(world->log->str, "http:"));
	g_assert_true(resolve(world, "plain.example", "good", "plain.example", &error));
	g_assert_no_error(error);
	g_assert_nonnull(strstr(world->log->str, "GET http://plain.example/v2/good/manifests/1\n"));
}

static void test_client_certificate(struct world *world, G_GNUC_UNUSED const void *data)
{
	g_autofree char *folder = g_build_filename(world->certificates, "registry.example", NULL);
	g_autofree char *key = g_build_filename(folder, "client.key", NULL);
	g_autofree char *certificate = g_build_filename(folder, "client.cert", NULL);
	g_autoptr(GError) error = NULL;

	trust(world, "registry.example");
	g_assert_true(g_file_set_contents(key, CERTIFICATE_KEY, -1, NULL));
	refused(world, "registry.example", "good", BERTH_ERROR_INVALID, "client.cert");
	g_assert_true(g_file_set_contents(certificate, CERTIFICATE, -1, NULL));
	g_assert_true(resolve(world, "registry.example", "good", NULL, &error));
	g_assert_no_error(error);
	g_assert_true(g_file_set_contents(key, "no key", -1, NULL));
	refused(world, "registry.example", "good", BERTH_ERROR_UNAVAILABLE, "client.key");
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add("/tls/" name, struct world, NULL, set_up, function, tear_down)
	ADD("verified", test_verified);
	ADD("unknown-authority", test_unknown_authority);
	ADD("other-name", test_other_name);
	ADD("no-tls", test_no_tls);
	ADD("downgrades", test_downgrades);
	ADD("upload-downgrade", test_upload_downgrade);
	ADD("insecure", test_insecure);
	ADD("client-certificate", test_client_certificate);
	return g_test_run();
}
