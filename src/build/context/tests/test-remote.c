// SPDX-License-Identifier: Apache-2.0
// Sources on other machines, which are this test's own servers on loopback: a web server, and git's daemon.
#include "build/context/tests/fixture.h"
#include "build/context/tests/garden.h"

#include "base/error.h"
#include "base/fd.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECRET "top secret"
#define AUTHORITIES "/etc/ssl/certs/ca-certificates.crt" // of libcurl

struct scene {
	struct fixture fixture;
	struct MHD_Daemon *server, *other;
	unsigned port, other_port;
	GByteArray *archive;
	char *authorization; // that came last
	unsigned requests;
};

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const void *data, size_t length,
			     const char *name, const char *value)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(length, (void *) data, MHD_RESPMEM_MUST_COPY);

	if (name)
		MHD_add_response_header(response, name, value);
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result serve(void *data, struct MHD_Connection *connection, const char *url,
			     G_GNUC_UNUSED const char *method, G_GNUC_UNUSED const char *version,
			     G_GNUC_UNUSED const char *upload, G_GNUC_UNUSED size_t *size, void **state)
{
	struct scene *scene = data;

	if (!*state) { // the body has not come yet
		*state = scene;
		return MHD_YES;
	}
	scene->requests++;
	g_free(scene->authorization);
	scene->authorization = g_strdup(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization"));
	if (g_str_has_prefix(url, "/file"))
		return reply(connection, 200, "hello", 5, "Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT");
	if (g_str_equal(url, "/Dockerfile"))
		return reply(connection, 200, "FROM scratch\n", 13, NULL, NULL);
	if (g_str_equal(url, "/binary"))
		return reply(connection, 200, "a\0b", 3, NULL, NULL);
	if (g_str_equal(url, "/archive"))
		return reply(connection, 200, scene->archive->data, scene->archive->len, NULL, NULL);
	if (g_str_equal(url, "/loop"))
		return reply(connection, 302, "", 0, "Location", "/loop");
	if (g_str_equal(url, "/here"))
		return reply(connection, 302, "", 0, "Location", "/file");
	if (g_str_equal(url, "/there")) {
		g_autofree char *there = g_strdup_printf("http://127.0.0.1:%u/file", scene->other_port);
		return reply(connection, 302, "", 0, "Location", there);
	}
	if (g_str_equal(url, "/elsewhere"))
		return reply(connection, 302, "", 0, "Location", "file:///etc/passwd");
	return reply(connection, 404, "", 0, NULL, NULL);
}

static struct MHD_Daemon *start_server(struct scene *scene, unsigned *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct MHD_Daemon *server = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, serve, scene,
						     MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);

	g_assert_nonnull(server);
	*ret_port = MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port;
	return server;
}

static void set_up(struct scene *scene, gconstpointer data)
{
	fixture_set_up(&scene->fixture, data);
	scene->fixture.tree = berth_build_tree_empty();
	scene->server = start_server(scene, &scene->port);
	scene->other = start_server(scene, &scene->other_port);
	scene->archive = tarball_new();
	tarball_add(scene->archive, &(struct tarball_entry){.name = "a", .content = "A"});
	tarball_add(scene->archive, &(struct tarball_entry){.name = "b", .content = "B"});
	tarball_add(scene->archive, &(struct tarball_entry){.name = ".dockerignore", .content = "b\n"});
	tarball_end(scene->archive);
	GByteArray *packed = tarball_compress(scene->archive, "gzip");
	g_byte_array_unref(scene->archive);
	scene->archive = packed;
}

static void tear_down(struct scene *scene, gconstpointer data)
{
	MHD_stop_daemon(scene->server);
	MHD_stop_daemon(scene->other);
	g_byte_array_unref(scene->archive);
	g_free(scene->authorization);
	fixture_tear_down(&scene->fixture, data);
}

static char *url_of(const struct scene *scene, const char *path)
{
	return g_strdup_printf("http://127.0.0.1:%u%s", scene->port, path);
}

// ADD of one source. NULL, or the error's message.
static char *add(struct scene *scene, const char *source, const char *destination, const char *checksum, int unpack)
{
	struct berth_build_copy_source list[1];
	struct berth_build_copy copy =
		fixture_make_copy(&scene->fixture, (const char *const[]){source, NULL}, destination, list);

	copy.add = true;
	copy.checksum = checksum;
	copy.unpack = unpack;
	return fixture_copy(&scene->fixture, &copy);
}

#define assert_has(message, expected)                                                                                  \
	do {                                                                                                           \
		g_assert_nonnull(message);                                                                             \
		if (!strstr(message, expected))                                                                        \
			g_error("\"%s\" is not in: %s", expected, message);                                            \
	} while (0)

static void test_add(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	static const char digest[] = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
	g_autofree char *file = url_of(scene, "/file%20x?y#z"), *plain = url_of(scene, "/here"),
			*archive = url_of(scene, "/archive");
	struct stat status;

	g_assert_cmpstr(add(scene, file, "/d/", NULL, -1), ==, NULL);
	g_assert_cmpstr(add(scene, plain, "/e", digest, -1), ==, NULL);
	g_assert_cmpstr(add(scene, archive, "/f/", NULL, 1), ==, NULL);
	g_assert_cmpstr(add(scene, archive, "/g/", NULL, -1), ==, NULL);
	g_assert_cmpint(fstatat(scene->fixture.root, "e", &status, 0), ==, 0);
	g_assert_cmpint(status.st_mtim.tv_sec, ==, 784111777);
	g_assert_cmpint(fstatat(scene->fixture.root, "g/archive", &status, 0), ==, 0);
	g_assert_cmpint(status.st_size, ==, scene->archive->len);
	g_assert_cmpint(status.st_mtim.tv_sec, ==, 0);
	g_assert_cmpint(unlinkat(scene->fixture.root, "g/archive", 0), ==, 0);
	fixture_assert_list(scene->fixture.root,
			    "d 755 0:0\nd/file x 600 0:0 hello\ne 600 0:0 hello\nf 755 0:0\n"
			    "f/.dockerignore 644 0:0 b\n\nf/a 644 0:0 A\nf/b 644 0:0 B\ng 755 0:0\n");
}

static void test_add_refused(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	static const struct {
		const char *path, *checksum, *expected;
	} cases[] = {
		{"/none", NULL, "invalid response status 404"},
		{"/loop", NULL, "it redirects more than 10 times"},
		{"/elsewhere", NULL, "it redirects to what is no http(s) URL"},
		{"/file", "sha256:0000000000000000000000000000000000000000000000000000000000000000",
		 "digest mismatch sha256:2cf24"},
		{"/file", "md5:0", "checksum md5:0: it is no \"sha256:\""},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *url = url_of(scene, cases[i].path);
		g_autofree char *message = add(scene, url, "/x", cases[i].checksum, -1);
		assert_has(message, cases[i].expected);
	}
	fixture_assert_list(scene->fixture.root, "");
}

static void add_secret(struct scene *scene, const char *name, const char *value)
{
	GHashTable **secrets = &scene->fixture.options.credentials;

	if (!*secrets)
		*secrets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
	g_hash_table_replace(*secrets, g_strdup(name), g_bytes_new_static(value, strlen(value)));
}

// CVE-2019-13509 and its like: what a host is told is told to no other.
static void test_secrets(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autofree char *here = url_of(scene, "/here"), *there = url_of(scene, "/there");
	g_autofree char *name = g_strdup_printf("HTTP_AUTH_TOKEN_127.0.0.1:%u", scene->port);

	add_secret(scene, name, SECRET "\n");
	g_assert_cmpstr(add(scene, here, "/x", NULL, -1), ==, NULL);
	g_assert_cmpstr(scene->authorization, ==, "Bearer " SECRET);
	g_assert_cmpstr(add(scene, there, "/x", NULL, -1), ==, NULL);
	g_assert_cmpstr(scene->authorization, ==, NULL);
	g_hash_table_unref(scene->fixture.options.credentials);
}

static char *read_text(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	char *text = NULL;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

// This thread takes one authority for the host's.
static void trust(const char *folder)
{
	const char *const words[] = {
		"openssl", "req",   "-x509", "-newkey",     "ec",       "-pkeyopt", "ec_paramgen_curve:P-256",
		"-nodes",  "-days", "2",     "-subj",       "/CN=test", "-addext",  "subjectAltName=IP:127.0.0.1",
		"-keyout", "key",   "-out",  "certificate", NULL};
	g_autofree char *certificate = g_build_filename(folder, "certificate", NULL);
	int status;

	g_assert_true(g_spawn_sync(folder, (char **) words, NULL,
				   G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
				   NULL, NULL, NULL, &status, NULL));
	g_assert_cmpint(status, ==, 0);
	g_assert_cmpint(unshare(CLONE_NEWNS), ==, 0);
	g_assert_cmpint(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
	g_assert_cmpint(mount(certificate, AUTHORITIES, NULL, MS_BIND, NULL), ==, 0);
}

static struct berth_build_tree *open_remote(struct scene *scene, const char *remote, GBytes **ret_dockerfile,
					    GError **error)
{
	const struct berth_build_source source = {.tar = -1, .remote = remote};

	return berth_build_tree_open(&source, &scene->fixture.options, ret_dockerfile, error);
}

static void test_downgrade(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	GError *error = NULL;

	if (geteuid() != 0 || access(AUTHORITIES, F_OK) < 0) {
		g_test_skip("needs root, and " AUTHORITIES " to put its own in place of");
		return;
	}
	trust(scene->fixture.path);
	g_autofree char *key = read_text(scene->fixture.path, "key"),
			*certificate = read_text(scene->fixture.path, "certificate");
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct MHD_Daemon *server = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL, serve, scene, MHD_OPTION_SOCK_ADDR,
		&address, MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_HTTPS_MEM_CERT, certificate, MHD_OPTION_END);
	g_assert_nonnull(server);
	unsigned port = MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port;
	g_autofree char *here = g_strdup_printf("https://127.0.0.1:%u/here", port);
	g_autofree char *there = g_strdup_printf("https://127.0.0.1:%u/there", port);
	g_assert_cmpstr(add(scene, here, "/fine", NULL, -1), ==, NULL);
	unsigned before = scene->requests;
	g_autofree char *message = add(scene, there, "/x", NULL, -1);
	assert_has(message, "it redirects from TLS to plain HTTP, which is refused");
	g_assert_null(open_remote(scene, there, NULL, &error));
	assert_has(error->message, "it redirects from TLS to plain HTTP, which is refused");
	g_error_free(error);
	g_assert_cmpuint(scene->requests, ==, before + 2); // the plain server has heard nothing
	fixture_assert_list(scene->fixture.root, "fine 600 0:0 hello\n");
	MHD_stop_daemon(server);
}

static void test_context(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autofree char *archive = url_of(scene, "/archive"), *text = url_of(scene, "/Dockerfile"),
			*binary = url_of(scene, "/binary");
	GError *error = NULL;
	g_autoptr(GBytes) dockerfile = NULL;

	scene->fixture.options.dockerfile = "Dockerfile";
	g_autoptr(berth_build_tree) tree = open_remote(scene, archive, &dockerfile, &error);
	g_assert_no_error(error);
	g_assert_null(dockerfile);
	fixture_assert_list(berth_build_tree_folder(tree), ".dockerignore 644 0:0 b\n\na 644 0:0 A\n");
	g_autoptr(berth_build_tree) empty = open_remote(scene, text, &dockerfile, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(g_bytes_get_size(dockerfile), ==, 13);
	g_assert_null(open_remote(scene, text, NULL, &error));
	assert_has(error->message, "is no archive");
	g_clear_error(&error);
	g_clear_pointer(&dockerfile, g_bytes_unref);
	g_assert_null(open_remote(scene, binary, &dockerfile, &error));
	assert_has(error->message, "is neither an archive nor a Dockerfile");
	g_clear_error(&error);
	g_assert_null(open_remote(scene, "/etc", &dockerfile, &error));
	assert_has(error->message, "unable to prepare context: /etc is no URL");
	g_clear_error(&error);
}

static void test_git(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	struct garden garden;
	g_autofree char *commit = NULL;
	GError *error = NULL;

	garden_plant(&garden, scene->fixture.path, garden_plain);
	g_autofree char *file = g_build_filename(garden.path, "commit", NULL);
	g_assert_true(g_file_get_contents(file, &commit, NULL, NULL));
	g_strchomp(commit);
	g_autofree char *by_commit = g_strconcat("r#", commit, ":d", NULL);
	g_autofree char *checked = g_strdup_printf("r?ref=other&checksum=%.7s&subdir=d", commit);
	static const char all[] = "d 755 0:0\nd/l 777 0:0 -> ../f\nd/up 777 0:0 -> ../..\nd/x 755 0:0 run\n\n"
				  "f 644 0:0 %s\n\nroot 777 0:0 -> /\ns 777 0:0 -> d\n";
	static const char folder[] = "l 777 0:0 -> ../f\nup 777 0:0 -> ../..\nx 755 0:0 run\n\n";
	g_autofree char *one = g_strdup_printf(all, "one"), *two = g_strdup_printf(all, "two");
	const struct {
		const char *rest, *expected;
	} cases[] = {
		{"r", one},       {"r#v1", one},           {"r#v2", one},
		{"r#other", two}, {"r?branch=other", two}, {"r#refs/heads/other", two},
		{"r#:d", folder}, {by_commit, folder},     {checked, folder},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *source = garden_repository(&garden, cases[i].rest);
		g_autoptr(berth_build_tree) tree = open_remote(scene, source, NULL, &error);
		g_assert_no_error(error);
		fixture_assert_list(berth_build_tree_folder(tree), cases[i].expected);
		struct stat top;
		g_assert_cmpint(fstat(berth_build_tree_folder(tree), &top), ==, 0);
		g_assert_cmpuint(top.st_uid, ==, geteuid());
		g_assert_cmpuint(top.st_gid, ==, getegid());
		g_assert_cmpuint(strlen(berth_build_tree_commit(tree)), ==, 40);
		g_autofree char *digest = berth_build_tree_digest(tree, "", &error);
		g_assert_no_error(error);
	}
	g_autofree char *kept = garden_repository(&garden, "r?keep-git-dir=1");
	g_assert_cmpstr(add(scene, kept, "/k", NULL, -1), ==, NULL);
	g_assert_cmpint(faccessat(scene->fixture.root, "k/.git/HEAD", F_OK, 0), ==, 0);
	g_assert_cmpint(faccessat(scene->fixture.root, "k/.git/FETCH_HEAD", F_OK, 0), <, 0);
	garden_dig_over(&garden);
}

static void test_submodules(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	struct garden garden;
	GError *error = NULL;

	garden_plant(&garden, scene->fixture.path,
		     "git init -q inner; cd inner; echo in >i; git add .; git commit -qm i; cd ..\n"
		     "git init -q outer; cd outer; git submodule --quiet add ../inner sub 2>&1; git commit -qm o");
	g_autofree char *with = garden_repository(&garden, "outer"),
			*without = garden_repository(&garden, "outer?submodules=0");
	g_autoptr(berth_build_tree) one = open_remote(scene, with, NULL, &error);
	g_assert_no_error(error);
	g_autofree char *list = fixture_list(berth_build_tree_folder(one));
	g_assert_true(g_str_has_suffix(list, "sub 755 0:0\nsub/i 644 0:0 in\n\n"));
	g_autoptr(berth_build_tree) other = open_remote(scene, without, NULL, &error);
	g_assert_no_error(error);
	g_autofree char *bare = fixture_list(berth_build_tree_folder(other));
	g_assert_true(g_str_has_suffix(bare, "sub 755 0:0\n"));
	garden_dig_over(&garden);
}

// A repository that is small on its way, and large where it goes.
static void test_size(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	struct garden garden;
	GError *error = NULL;

	garden_plant(&garden, scene->fixture.path,
		     "git init -q large; cd large; head -c 9000000 /dev/zero >zero; git add .; git commit -qm l");
	g_autofree char *large = garden_repository(&garden, "large");
	scene->fixture.options.git_bytes = 10 << 20;
	g_autoptr(berth_build_tree) tree = open_remote(scene, large, NULL, &error);
	g_assert_no_error(error);
	scene->fixture.options.git_bytes = 8 << 20;
	g_assert_null(open_remote(scene, large, NULL, &error));
	assert_has(error->message, "/large: it takes more than 8388608 bytes on the disk");
	g_clear_error(&error);
	g_clear_pointer(&tree, berth_build_tree_unref);
	g_autofree char *left = fixture_list(scene->fixture.work);
	g_assert_cmpstr(left, ==, "");
	garden_dig_over(&garden);
}

#define COMMIT "1234567890123456789012345678901234567890"
#define OBJECT 65000 // bytes of each
#define PAUSE 500 // microseconds after one

static bool put(int fd, const void *bytes, size_t length)
{
	return berth_write_all(fd, bytes, length, "the client", NULL);
}

static bool put_line(int fd, const char *text, size_t length)
{
	g_autofree char *head = g_strdup_printf("%04x", (unsigned) length + 4);

	return put(fd, head, 4) && put(fd, text, length);
}

// Reads lines to one that is this; NULL: to the mark between two lists.
static bool read_to(int fd, const char *last)
{
	char head[5] = "", line[65536];

	while (berth_read_full(fd, head, 4) == 4) {
		size_t length = strtoul(head, NULL, 16);
		if (length < 4 && !last)
			return true;
		if (length > 4 && berth_read_full(fd, line, length - 4) != (ssize_t) length - 4)
			return false;
		if (last && length > 4 && strncmp(line, last, strlen(last)) == 0)
			return true;
	}
	return false;
}

// A blob of zeroes, not compressed.
static GByteArray *make_object(void)
{
	GByteArray *object = g_byte_array_new();
	const uint8_t size[] = {0x80 | 3 << 4 | (OBJECT & 15), 0x80 | (OBJECT >> 4 & 127), OBJECT >> 11};
	const uint8_t stored[] = {0x78, 1, 1, OBJECT & 255, OBJECT >> 8, ~OBJECT & 255, ~OBJECT >> 8 & 255};
	const uint8_t sum[] = {OBJECT % 65521 >> 8, OBJECT % 65521 & 255, 0, 1};
	g_autofree uint8_t *zeroes = g_malloc0(OBJECT);

	g_byte_array_append(object, size, sizeof size);
	g_byte_array_append(object, stored, sizeof stored);
	g_byte_array_append(object, zeroes, OBJECT);
	return g_byte_array_append(object, sum, sizeof sum);
}

// A server of one repository that has no end.
static void *serve_endless(void *data)
{
	static const char head[] = COMMIT " HEAD\0shallow", branch[] = COMMIT " refs/heads/main",
			  shallow[] = "shallow " COMMIT;
	berth_fd client = accept(*(int *) data, NULL, NULL);
	char length[5] = "", request[4096];
	g_autoptr(GByteArray) object = make_object();

	bool good = berth_read_full(client, length, 4) == 4 &&
		    berth_read_full(client, request, strtoul(length, NULL, 16) - 4) > 0 &&
		    put_line(client, head, sizeof head - 1) && put_line(client, branch, sizeof branch - 1) &&
		    put(client, "0000", 4) && read_to(client, NULL) && put_line(client, shallow, sizeof shallow - 1) &&
		    put(client, "0000", 4) && read_to(client, "done") && put_line(client, "NAK\n", 4) &&
		    put(client, "PACK\0\0\0\2\0\x7f\xff\xff", 12);
	g_assert_true(good);
	while (put(client, object->data, object->len))
		g_usleep(PAUSE);
	return NULL;
}

// It is ended in the middle.
static void test_endless(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	GError *error = NULL;
	pthread_t thread;

	g_assert_cmpint(bind(listener, (struct sockaddr *) &address, length), ==, 0);
	g_assert_cmpint(listen(listener, 1), ==, 0);
	g_assert_cmpint(getsockname(listener, (struct sockaddr *) &address, &length), ==, 0);
	signal(SIGPIPE, SIG_IGN);
	g_assert_cmpint(pthread_create(&thread, NULL, serve_endless, &listener), ==, 0);
	g_autofree char *source = g_strdup_printf("git://127.0.0.1:%u/x", ntohs(address.sin_port));
	scene->fixture.options.git_bytes = 1 << 20;
	g_assert_null(open_remote(scene, source, NULL, &error));
	assert_has(error->message, "/x: it takes more than 1048576 bytes on the disk");
	g_error_free(error);
	pthread_join(thread, NULL);
	close(listener);
	g_autofree char *left = fixture_list(scene->fixture.work);
	g_assert_cmpstr(left, ==, "");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/remote/" #name, struct scene, NULL, set_up, test_##name, tear_down)
	ADD(add);
	ADD(add_refused);
	ADD(secrets);
	ADD(context);
	ADD(git);
	ADD(submodules);
	ADD(size);
	ADD(endless);
	ADD(downgrade);
	return g_test_run();
}
