// SPDX-License-Identifier: Apache-2.0
// The HTTP client against a server that says what the test wrote down.
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "cli/client.h"

#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define OK "HTTP/1.1 200 OK\r\n"
#define JSON "Content-Type: application/json\r\n"

// Each exchange waits for a request that ends with `until`, then writes `answer`; `close` ends the connection after it.
struct exchange {
	const char *until, *answer;
	bool close;
};

struct server {
	const struct exchange *exchanges;
	size_t count;
	char folder[64], *path, *host;
	int listener;
	GThread *thread;
	GString *heard;
	unsigned connections;
};

static void *serve(void *data)
{
	struct server *server = data;
	berth_fd client = -1;

	for (size_t i = 0; i < server->count; i++) {
		g_autoptr(GString) request = g_string_new(NULL);
		char buffer[4096];
		if (client < 0) {
			client = accept(server->listener, NULL, NULL);
			server->connections++;
		}
		while (!g_str_has_suffix(request->str, server->exchanges[i].until)) {
			ssize_t count = read(client, buffer, sizeof buffer);
			if (count <= 0)
				break;
			g_string_append_len(request, buffer, count);
		}
		g_string_append_printf(server->heard, "%s|", request->str);
		// In small pieces, so that no boundary falls together with a read.
		for (const char *at = server->exchanges[i].answer; *at;) {
			size_t length = MIN(strlen(at), 7);
			if (send(client, at, length, MSG_NOSIGNAL) < 0)
				break;
			at += length;
		}
		if (server->exchanges[i].close)
			berth_fd_clear(&client);
	}
	return NULL;
}

static void start(struct server *server, const struct exchange *exchanges, size_t count)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	*server = (struct server){.exchanges = exchanges, .count = count, .heard = g_string_new(NULL)};
	g_strlcpy(server->folder, "/tmp/berth-test-XXXXXX", sizeof server->folder);
	g_assert_nonnull(g_mkdtemp(server->folder));
	server->path = g_build_filename(server->folder, "sock", NULL);
	server->host = g_strconcat("unix://", server->path, NULL);
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_strlcpy(address.sun_path, server->path, sizeof address.sun_path);
	g_assert_cmpint(bind(server->listener, (struct sockaddr *) &address, sizeof address), ==, 0);
	g_assert_cmpint(listen(server->listener, 5), ==, 0);
	server->thread = g_thread_new("server", serve, server);
}

// Waits until the server has said everything; after it `heard` can be read.
static void join(struct server *server)
{
	g_thread_join(server->thread);
}

static void stop(struct server *server)
{
	close(server->listener);
	unlink(server->path);
	rmdir(server->folder);
	g_free(server->path);
	g_free(server->host);
	g_string_free(server->heard, TRUE);
}

static struct berth_client *connect_to(const struct server *server)
{
	g_autoptr(GError) error = NULL;
	struct berth_client *client = berth_client_new(server->host, &error);

	g_assert_no_error(error);
	return client;
}

static void test_framing(void)
{
	static const struct exchange exchanges[] = {
		{"\r\n\r\n", OK JSON "Content-Length: 7\r\n\r\n{\"a\":1}", false},
		{"\r\n\r\n", OK JSON "Transfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n3;x=y\r\n:2}\r\n0\r\n\r\n",
		 false},
		{"{\"in\":1}", "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", false},
		{"\r\n\r\n", OK JSON "Connection: close\r\n\r\n{\"a\":3}", true},
		{"\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n\r\n", false},
	};
	g_autoptr(GError) error = NULL;
	struct server server;
	start(&server, exchanges, G_N_ELEMENTS(exchanges));
	struct berth_client *client = connect_to(&server);

	for (int i = 1; i <= 2; i++) {
		BERTH_AUTO_JSON json_t *json = berth_client_json(client, "GET", "/x", NULL, &error);
		g_assert_no_error(error);
		g_assert_cmpint(json_integer_value(json_object_get(json, "a")), ==, i);
	}
	BERTH_AUTO_JSON json_t *empty = berth_client_json(client, "POST", "/y", "{\"in\":1}", &error);
	g_assert_no_error(error);
	g_assert_true(json_is_null(empty));
	BERTH_AUTO_JSON json_t *closed = berth_client_json(client, "GET", "/z", NULL, &error);
	g_assert_no_error(error);
	g_assert_cmpint(json_integer_value(json_object_get(closed, "a")), ==, 3);
	g_autoptr(berth_answer) answer =
		berth_client_call(client, &(struct berth_call){.method = "POST", .path = "/start"}, &error);
	g_assert_no_error(error);
	g_assert_cmpint(berth_answer_status(answer), ==, 304);
	g_clear_pointer(&answer, berth_answer_free);
	berth_client_free(client);
	join(&server);
	g_assert_nonnull(strstr(server.heard->str, "GET /v1.47/x HTTP/1.1\r\n"));
	g_assert_nonnull(
		strstr(server.heard->str, "Content-Type: application/json\r\nContent-Length: 8\r\n\r\n{\"in\":1}"));
	g_assert_cmpuint(server.connections, ==, 2); // the first was kept for four exchanges
	stop(&server);
}

static void test_errors(void)
{
	static const struct exchange exchanges[] = {
		{"\r\n\r\n", "HTTP/1.1 404 Not Found\r\n" JSON "Content-Length: 23\r\n\r\n{\"message\":\"no such x\"}",
		 false},
		{"\r\n\r\n", "HTTP/1.1 409 Conflict\r\nContent-Length: 4\r\n\r\nbusy", false},
		{"\r\n\r\n", OK "Content-Length: 10\r\n\r\n{\"a\"", true},
		{"\r\n\r\n", OK "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", true},
		{"\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n\r\n", true},
		{"\r\n\r\n", OK "Content-Length: 3\r\n\r\n{]}", true},
		{"\r\n\r\n", "", true},
	};
	static const struct {
		enum berth_error kind;
		const char *message;
	} expected[] = {
		{BERTH_ERROR_NOT_FOUND, "Error response from daemon: no such x"},
		{BERTH_ERROR_CONFLICT, "Error response from daemon: GET /x: HTTP status 409: busy"},
		{BERTH_ERROR_UNAVAILABLE, "ended the connection"},
		{BERTH_ERROR_UNAVAILABLE, "the length of a chunk is no number"},
		{BERTH_ERROR_UNAVAILABLE, "its answer is not HTTP"},
		{BERTH_ERROR_INVALID, "the engine's answer"},
		{BERTH_ERROR_UNAVAILABLE, "ended the connection"},
	};
	struct server server;
	start(&server, exchanges, G_N_ELEMENTS(exchanges));
	struct berth_client *client = connect_to(&server);
	for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(berth_client_json(client, "GET", "/x", NULL, &error));
		g_assert_error(error, BERTH_ERROR, (int) expected[i].kind);
		g_test_message("%s", error->message);
		g_assert_nonnull(strstr(error->message, expected[i].message));
	}
	berth_client_free(client);
	join(&server);
	stop(&server);
}

static void test_long_header(void)
{
	g_autofree char *value = g_strnfill(BERTH_LIMIT_ANSWER_HEADER + 100, 'x');
	g_autofree char *answer = g_strconcat(OK "X: ", value, "\r\n\r\n", NULL);
	const struct exchange exchanges[] = {{"\r\n\r\n", answer, true}};
	g_autoptr(GError) error = NULL;
	struct server server;
	start(&server, exchanges, 1);
	struct berth_client *client = connect_to(&server);
	g_assert_null(berth_client_json(client, "GET", "/x", NULL, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	berth_client_free(client);
	join(&server);
	stop(&server);
}

static void test_older_engine(void)
{
	static const struct exchange exchanges[] = {
		{"{}",
		 "HTTP/1.1 400 Bad Request\r\nApi-Version: 1.41\r\n" JSON
		 "Content-Length: 17\r\n\r\n{\"message\":\"new\"}",
		 false},
		{"{}", OK "Api-Version: 1.41\r\nContent-Length: 2\r\n\r\n{}", false},
	};
	g_autoptr(GError) error = NULL;
	struct server server;
	start(&server, exchanges, G_N_ELEMENTS(exchanges));
	struct berth_client *client = connect_to(&server);
	BERTH_AUTO_JSON json_t *json = berth_client_json(client, "POST", "/x", "{}", &error);
	g_assert_no_error(error);
	g_assert_cmpuint(berth_client_version(client), ==, 141);
	berth_client_free(client);
	join(&server);
	g_assert_nonnull(strstr(server.heard->str, "POST /v1.47/x "));
	g_assert_nonnull(strstr(server.heard->str, "POST /v1.41/x "));
	stop(&server);
}

static void test_lines(void)
{
	static const struct exchange exchanges[] = {
		{"\r\n\r\n",
		 OK "Transfer-Encoding: "
		    "chunked\r\n\r\n8\r\n{\"a\":1}\r\r\n9\r\n\n\n{\"a\":2}\r\n7\r\n\n{\"a\":3\r\n1\r\n}\r\n0\r\n\r\n",
		 false},
	};
	g_autoptr(GError) error = NULL;
	struct server server;
	start(&server, exchanges, 1);
	struct berth_client *client = connect_to(&server);
	g_autoptr(berth_answer) answer =
		berth_client_call(client, &(struct berth_call){.method = "GET", .path = "/events"}, &error);
	g_assert_no_error(error);
	for (int i = 1; i <= 3; i++) {
		BERTH_AUTO_JSON json_t *line = berth_answer_line(answer, &error);
		g_assert_no_error(error);
		g_assert_cmpint(json_integer_value(json_object_get(line, "a")), ==, i);
	}
	g_assert_null(berth_answer_line(answer, &error));
	g_assert_no_error(error);
	g_clear_pointer(&answer, berth_answer_free);
	berth_client_free(client);
	join(&server);
	stop(&server);
}

static void test_upload(void)
{
	static const struct exchange exchanges[] = {
		{"\r\n\r\n", OK "Content-Length: 2\r\n\r\nOK", false},
		{"0\r\n\r\n", OK "Content-Length: 0\r\n\r\n", false},
	};
	g_autoptr(GError) error = NULL;
	struct server server;
	int fds[2];
	start(&server, exchanges, G_N_ELEMENTS(exchanges));
	struct berth_client *client = connect_to(&server);
	g_assert_cmpint(pipe(fds), ==, 0);
	g_assert_cmpint(write(fds[1], "archive", 7), ==, 7);
	close(fds[1]);
	g_autoptr(berth_answer) answer = berth_client_call(
		client, &(struct berth_call){.method = "POST", .path = "/load", .upload = true, .upload_fd = fds[0]},
		&error);
	g_assert_no_error(error);
	g_assert_nonnull(answer);
	close(fds[0]);
	g_clear_pointer(&answer, berth_answer_free);
	berth_client_free(client);
	join(&server);
	g_assert_nonnull(strstr(server.heard->str, "Transfer-Encoding: chunked\r\n\r\n7\r\narchive\r\n0\r\n\r\n|"));
	stop(&server);
}

static void test_upgrade(void)
{
	static const struct exchange exchanges[] = {
		{"\r\n\r\n", "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly ", false},
		{"typed", "late", true},
	};
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) text = g_string_new(NULL);
	struct server server;
	char buffer[16];
	ssize_t count;
	start(&server, exchanges, G_N_ELEMENTS(exchanges));
	struct berth_client *client = connect_to(&server);
	g_autoptr(berth_answer) answer = berth_client_call(
		client, &(struct berth_call){.method = "POST", .path = "/attach", .upgrade = true}, &error);
	g_assert_no_error(error);
	g_assert_cmpint(send(berth_answer_fd(answer), "typed", 5, 0), ==, 5);
	while ((count = berth_answer_read(answer, buffer, sizeof buffer, &error)) > 0)
		g_string_append_len(text, buffer, count);
	g_assert_no_error(error);
	g_assert_cmpstr(text->str, ==, "early late");
	g_clear_pointer(&answer, berth_answer_free);
	berth_client_free(client);
	join(&server);
	stop(&server);
}

static void test_hosts(void)
{
	static const char *const fine[] = {"unix:///run/x.sock", "tcp://localhost:2375", "tcp://10.0.0.1",
					   "tcp://[::1]:99", "ssh://host"};
	static const char *const wrong[] = {"",           "x", "unix://relative", "tcp://a:b", "ssh://", "https://host",
					    "tcp://a/b:1"};
	for (size_t i = 0; i < G_N_ELEMENTS(fine); i++) {
		g_autoptr(GError) error = NULL;
		struct berth_client *client = berth_client_new(fine[i], &error);
		g_assert_no_error(error);
		berth_client_free(client);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(berth_client_new(wrong[i], &error));
		g_assert_nonnull(error);
	}
	g_autoptr(GError) error = NULL;
	struct berth_client *client = berth_client_new("unix:///nonexistent/berth.sock", &error);
	g_assert_false(berth_client_do(client, "GET", "/_ping", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	g_assert_cmpstr(
		error->message, ==,
		"Cannot connect to the Berth engine at unix:///nonexistent/berth.sock: No such file or directory. Is "
		"berthd running?");
	berth_client_free(client);
}

static void test_paths(void)
{
	g_autoptr(GError) error = NULL;
	char *filters[] = {(char *) "label=a=b", (char *) "label=c", (char *) "status=running", NULL};
	char *bad[] = {(char *) "nothing", NULL};
	g_autoptr(GString) path = berth_path_new("/containers/%s/json", "a/b?c", false);
	berth_path_add(path, "x", "1 2");
	berth_path_add(path, "y", NULL);
	berth_path_add_integer(path, "z", -1);
	g_assert_cmpstr(path->str, ==, "/containers/a%2Fb%3Fc/json?x=1%202&z=-1");
	g_autoptr(GString) image = berth_path_new("/images/%s", "host:5000/a/b:tag", true);
	g_assert_cmpstr(image->str, ==, "/images/host:5000/a/b:tag");
	g_autoptr(GString) list = berth_path_new("/x", NULL, false);
	g_assert_true(berth_path_add_filters(list, filters, &error));
	g_autofree char *query = g_uri_unescape_string(list->str, NULL);
	g_assert_cmpstr(query, ==, "/x?filters={\"label\":[\"a=b\",\"c\"],\"status\":[\"running\"]}");
	g_assert_false(berth_path_add_filters(list, bad, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/client/framing", test_framing);
	g_test_add_func("/client/errors", test_errors);
	g_test_add_func("/client/long-header", test_long_header);
	g_test_add_func("/client/older-engine", test_older_engine);
	g_test_add_func("/client/lines", test_lines);
	g_test_add_func("/client/upload", test_upload);
	g_test_add_func("/client/upgrade", test_upgrade);
	g_test_add_func("/client/hosts", test_hosts);
	g_test_add_func("/client/paths", test_paths);
	return g_test_run();
}
