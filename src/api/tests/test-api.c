// SPDX-License-Identifier: Apache-2.0
// The HTTP layer over real sockets, with an engine of cardboard behind it.
#include "api/api.h"
#include "api/request.h"
#include "api/status.h"
#include "api/tests/fixture.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

static void send_text(int fd, const char *text)
{
	g_assert_true(berth_write_all(fd, text, strlen(text), "request", NULL));
}

static const char *body_of(const char *answer)
{
	const char *end = strstr(answer, "\r\n\r\n");

	g_assert_nonnull(end);
	return end + 4;
}

#define JSON_HEAD "Content-Type: application/json\r\n"

// Asks without a body, and compares status and the body's text (NULL: any).
static void check(const struct fixture *fixture, const char *method, const char *path, unsigned status,
		  const char *body)
{
	g_autofree char *answer = ask(fixture, method, path, "", NULL);

	if (status_of(answer) != status || (body && strcmp(body_of(answer), body) != 0))
		g_error("%s %s: %s", method, path, answer);
}

static void check_call(const struct fixture *fixture, const char *method, const char *path, unsigned status,
		       const char *call)
{
	g_autofree char *answer = ask(fixture, method, path, "", NULL);
	g_autofree char *last = fake_last(fixture->engine);

	if (status_of(answer) != status || g_strcmp0(last, call) != 0)
		g_error("%s %s: %s\ncalled: %s", method, path, answer, last);
}

static void test_routes(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	check(fixture, "GET", "/nothing", 404, "{\"message\":\"page not found\"}\n");
	check(fixture, "PUT", "/_ping", 404, "{\"message\":\"page not found\"}\n");
	check(fixture, "GET", "/v1.47/nothing", 404, "{\"message\":\"page not found\"}\n");
	check(fixture, "GET", "/containers//json", 404, "{\"message\":\"page not found\"}\n");
	check(fixture, "GET", "/v1.24/system/df", 404, "{\"message\":\"page not found\"}\n");
	check(fixture, "GET", "/_ping", 200, "OK");
	check(fixture, "GET", "/v1.30/_ping", 200, "OK");
	check(fixture, "HEAD", "/_ping", 200, "");
	check_call(fixture, "GET", "/v1.24/containers/json", 200, "list 0 0 0 -");
	check_call(fixture, "GET", "/containers/json?all=1&size=true&limit=3", 200, "list 1 1 3 -");
	check_call(fixture, "GET", "/containers/json?all=0&filters=%7B%22status%22:%7B%22exited%22:true%7D%7D", 200,
		   "list 0 0 0 exited");
	check_call(fixture, "POST", "/containers/box/stop", 204, "stop box - -9223372036854775808");
	check_call(fixture, "POST", "/containers/box/stop?t=-1&signal=SIGINT", 204, "stop box SIGINT -1");
	check_call(fixture, "POST", "/containers/box/restart?t=3", 204, "restart box - 3");
	check_call(fixture, "POST", "/containers/box/kill?signal=9", 204, "kill box 9");
	check_call(fixture, "POST", "/containers/box/pause", 204, "pause box");
	check_call(fixture, "POST", "/containers/box/unpause", 204, "unpause box");
	check_call(fixture, "POST", "/containers/box/rename?name=crate", 204, "rename box crate");
	check_call(fixture, "POST", "/containers/box/resize?h=24&w=80", 200, "resize box 80x24");
	check_call(fixture, "DELETE", "/containers/box?force=1&v=no", 204, "remove box 1 0");
	check_call(fixture, "POST", "/containers/prune", 200, "prune");
	check_call(fixture, "GET", "/containers/box/top?ps_args=-ef+x", 200, "top box -ef x");
	check_call(fixture, "GET", "/images/docker.io/library/busybox/json", 200, "image docker.io/library/busybox");
	check_call(fixture, "POST", "/images/busybox/tag?repo=a/b&tag=c", 201, "tag busybox a/b:c");
	check_call(fixture, "DELETE", "/images/busybox:latest?noprune=1", 200, "rmi busybox:latest 0 0");
	check(fixture, "GET", "/volumes", 200, "{\"Volumes\":[],\"Warnings\":null}\n");
}

// Sends a JSON body, and compares status and what the engine was called with (NULL: any).
static void check_json(const struct fixture *fixture, const char *path, const char *body, unsigned status,
		       const char *call)
{
	g_autofree char *answer = ask(fixture, "POST", path, JSON_HEAD, body);
	g_autofree char *last = fake_last(fixture->engine);

	if (status_of(answer) != status || (call && g_strcmp0(last, call) != 0))
		g_error("%s %s: %s\ncalled: %s", path, body, answer, last);
}

static void test_networks(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	check_call(fixture, "GET", "/networks?filters=%7B%22driver%22:%5B%22bridge%22%5D%7D", 200, "networks bridge");
	check_call(fixture, "GET", "/networks/", 200, "networks -");
	check_call(fixture, "GET", "/networks/net?verbose=1&scope=local", 200, "network net");
	check(fixture, "GET", "/networks/net?scope=swarm", 404, "{\"message\":\"network net not found\"}\n");
	check(fixture, "GET", "/networks/x", 404, "{\"message\":\"network x not found\"}\n");
	check_call(fixture, "DELETE", "/networks/net", 204, "network-remove net");
	check(fixture, "DELETE", "/networks/bridge", 403, NULL);
	check(fixture, "POST", "/networks/prune", 200, "{\"NetworksDeleted\":[\"net\"]}\n");
	check_json(fixture, "/networks/create", "{\"Name\":\"net\",\"Driver\":\"bridge\",\"Internal\":true}", 201,
		   "network-create net bridge 1 -1");
	check_json(fixture, "/networks/create", "{\"Name\":\"net\",\"EnableIPv6\":true,\"IPAM\":{\"Config\":[]}}", 201,
		   "network-create net - 0 1");
	check_json(fixture, "/networks/create", "{\"Name\":\"taken\"}", 409, NULL);
	check_json(fixture, "/networks/create", "{\"Name\":1}", 400, NULL);
	check_json(fixture, "/networks/create", "", 400, NULL);
	check_json(fixture, "/networks/net/connect",
		   "{\"Container\":\"box\",\"EndpointConfig\":{\"Aliases\":[\"db\"]}}", 200, "connect net box db");
	check_json(fixture, "/networks/net/connect", "{\"Container\":\"x\"}", 404, "connect net x -");
	check_json(fixture, "/networks/net/connect", "{}", 400, NULL);
	check_json(fixture, "/networks/net/disconnect", "{\"Container\":\"box\",\"Force\":true}", 200,
		   "disconnect net box 1");
	check_json(fixture, "/networks/x/disconnect", "{\"Container\":\"box\"}", 404, "disconnect x box 0");
	check_json(fixture, "/containers/box/update",
		   "{\"PublishAdd\":{\"80/"
		   "tcp\":[{\"HostPort\":\"8080\"}]},\"Memory\":0,\"CpusetCpus\":\"\",\"RestartPolicy"
		   "\":{\"Name\":\"\"}}",
		   200, "update box 1 -1");
	check_json(fixture, "/containers/box/update", "{\"PublishRm\":{\"80/tcp\":null}}", 200, "update box -1 1");
	check_json(fixture, "/containers/box/update", "{\"OomKillDisable\":true}", 501, NULL);
	check_json(fixture, "/containers/box/update", "{\"RestartPolicy\":{\"Name\":\"always\"}}", 200,
		   "update box -1 -1 always");
	check_json(fixture, "/containers/box/update", "{\"PublishAdd\":[]}", 400, NULL);
	check_json(fixture, "/berth/secrets/create", "{\"Name\":\"one\",\"Data\":\"eA==\"}", 201,
		   "secret create one eA==");
	check_json(fixture, "/berth/secrets/one/update", "{\"Data\":\"eQ==\"}", 200, "secret update one eQ==");
	check_json(fixture, "/berth/secrets/create", "{\"Name\":\"one\"}", 400, NULL);
	check(fixture, "GET", "/berth/secrets", 200, "[]\n");
	check(fixture, "GET", "/berth/secrets/none", 404, "{\"message\":\"secret none not found\"}\n");
	check(fixture, "DELETE", "/berth/secrets/one", 204, "");
}

static void test_errors(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	check(fixture, "GET", "/v1.23/version", 400,
	      "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a "
	      "newer version");
	check(fixture, "GET", "/v1.48/version", 400,
	      "{\"message\":\"client version 1.48 is too new. Maximum supported API version is 1.47\"}\n");
	check(fixture, "GET", "/info", 500, "{\"message\":\"reading /proc/meminfo: \\\"<&>\\\" is broken\"}\n");
	check(fixture, "GET", "/containers/x/json", 404, "{\"message\":\"No such container: x\"}\n");
	check(fixture, "GET", "/containers/%FF/json", 404, "{\"message\":\"No such container: \xef\xbf\xbd\"}\n");
	check(fixture, "POST", "/containers/running/start", 304, "");
	check(fixture, "POST", "/containers/box/resize?h=24", 400,
	      "{\"message\":\"query parameter w: is required\"}\n");
	check(fixture, "POST", "/containers/box/stop?t=soon", 400,
	      "{\"message\":\"query parameter t: \\\"soon\\\" is not a number\"}\n");
	check(fixture, "GET", "/containers/json?limit=1%00", 400, NULL);
	check(fixture, "GET", "/containers/json?filters=nonsense", 400, NULL);
	check(fixture, "POST", "/containers/box/wait?condition=x", 400,
	      "{\"message\":\"invalid condition: \\\"x\\\"\"}\n");
	check(fixture, "GET", "/containers/box/logs?stdout=0", 400,
	      "{\"message\":\"Bad parameters: must specify at least one of 'stdout' or 'stderr'\"}\n");
	check(fixture, "GET", "/events?filters=%7B%22colour%22:%5B%22red%22%5D%7D", 400,
	      "{\"message\":\"invalid filter 'colour'\"}\n");
	check(fixture, "POST", "/swarm/init", 501,
	      "{\"message\":\"Swarm mode is not supported by this version of Berth\"}\n");
	check(fixture, "GET", "/services", 503, NULL);
	check(fixture, "POST", "/containers/box/attach?stdin=1", 400, NULL);
	check(fixture, "GET", "/images/missing/get", 404, "{\"message\":\"No such image: missing\"}\n");
}

static void test_headers(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	static const char *const paths[] = {"/_ping", "/nothing", "/v1.48/info", "/volumes"};
	static const char *const headers[] = {"\r\nApi-Version: 1.47\r\n", "\r\nOstype: linux\r\n",
					      "\r\nServer: Berth/", "\r\nDocker-Experimental: false\r\n"};

	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		g_autofree char *answer = ask(fixture, "GET", paths[i], "", NULL);
		for (size_t k = 0; k < G_N_ELEMENTS(headers); k++)
			g_assert_nonnull(strstr(answer, headers[k]));
	}
	g_autofree char *ping = ask(fixture, "HEAD", "/_ping", "", NULL);
	g_assert_nonnull(strstr(ping, "\r\nBuilder-Version: 1\r\n"));
	g_assert_nonnull(strstr(ping, "\r\nSwarm: inactive\r\n"));
}

static void check_post(const struct fixture *fixture, const char *path, const char *head, const char *body,
		       unsigned status)
{
	g_autofree char *answer = ask(fixture, "POST", path, head, body);

	if (status_of(answer) != status)
		g_error("%s with %s: %s", path, body, answer);
}

static void test_bodies(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	static const char config[] = "{\"Image\":\"busybox\",\"Cmd\":\"true\"}";
	g_autofree char *answer = ask(fixture, "POST", "/v1.47/containers/create?name=a", JSON_HEAD, config);

	g_assert_cmpuint(status_of(answer), ==, 201);
	g_assert_cmpstr(body_of(answer), ==, "{\"Id\":\"abc\",\"Warnings\":[]}\n");
	check_post(fixture, "/containers/create?name=taken", JSON_HEAD, config, 409);
	check_post(fixture, "/containers/create", "Content-Type: application/json; charset=utf-8\r\n", config, 201);
	check_post(fixture, "/containers/create", "Content-Type: text/plain\r\n", config, 400);
	check_post(fixture, "/containers/create", "", config, 400);
	check_post(fixture, "/containers/create", JSON_HEAD, "", 400);
	check_post(fixture, "/containers/create", JSON_HEAD, "{\"Image\":\"busybox\"} x", 400);
	check_post(fixture, "/containers/create", JSON_HEAD, "{\"Image\":7}", 400);
	check_post(fixture, "/containers/create", JSON_HEAD, "[", 400);
	check_post(fixture, "/containers/create?platform=linux/s390x", JSON_HEAD, config, 501);
	check_post(fixture, "/containers/box/start", JSON_HEAD, "{}", 204);
	check_post(fixture, "/containers/box/start", JSON_HEAD, "{\"Image\":1}", 400);
	check_post(fixture, "/nothing", JSON_HEAD, config, 404);
}

static void test_limits(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autofree char *long_value = g_strnfill(2 * BERTH_LIMIT_REQUEST_HEADER, 'x');
	g_autofree char *header = g_strconcat("X-Long: ", long_value, "\r\n", NULL);
	g_autofree char *refused = ask(fixture, "GET", "/_ping", header, NULL);
	g_assert_cmpuint(status_of(refused), ==, 431);

	long_value[BERTH_LIMIT_REQUEST_HEADER / 2] = '\0';
	g_autofree char *shorter = g_strconcat("X-Long: ", long_value, "\r\n", NULL);
	g_autofree char *taken = ask(fixture, "GET", "/_ping", shorter, NULL);
	g_assert_cmpuint(status_of(taken), ==, 200);

	char *body = g_strnfill(BERTH_LIMIT_JSON + 2, ' ');
	body[0] = '{';
	body[1] = '}';
	check_post(fixture, "/containers/create", JSON_HEAD, body, 400);
	g_free(body);

	berth_fd fd = dial(fixture);
	GString *text = g_string_new(NULL);
	send_text(fd, "nonsense\r\n\r\n");
	read_until(fd, text, NULL);
	g_assert_true(text->len == 0 || status_of(text->str) == 400);
	g_string_free(text, TRUE);
}

static void test_keep_alive(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	berth_fd fd = dial(fixture);
	gint64 begun = g_get_monotonic_time();

	for (int i = 0; i < 200; i++) {
		g_autoptr(GString) text = g_string_new(NULL);
		send_text(fd, i % 2 ? "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n"
				    : "POST /containers/box/start HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
				      "Content-Type: application/json\r\n\r\n{}");
		read_until(fd, text, i % 2 ? "OK" : "\r\n\r\n");
		g_assert_cmpuint(status_of(text->str), ==, i % 2 ? 200 : 204);
	}
	// a delayed packet or a timer in the way would cost 40 ms or more each
	g_assert_cmpint(g_get_monotonic_time() - begun, <, 4 * G_USEC_PER_SEC);
}

static void test_wait(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	berth_fd fd = dial(fixture);
	g_autoptr(GString) text = g_string_new(NULL);

	send_text(fd, "POST /v1.47/containers/box/wait?condition=next-exit HTTP/1.1\r\nHost: x\r\n\r\n");
	read_until(fd, text, "\r\n\r\n");
	g_assert_cmpuint(status_of(text->str), ==, 200);
	g_autofree char *last = fake_last(fixture->engine);
	g_assert_cmpstr(last, ==, "wait box 1");
	g_assert_null(strstr(text->str, "StatusCode"));
	fake_exit(fixture->engine, 7);
	read_until(fd, text, "{\"StatusCode\":7}\n\r\n0\r\n\r\n");
}

// Over TCP, where the library would keep the head back for 200 ms; and a client that leaves is seen there, too.
static void test_tcp(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(bind(listener, (struct sockaddr *) &address, sizeof address), ==, 0);
	g_assert_cmpint(listen(listener, 16), ==, 0);
	g_assert_cmpint(getsockname(listener, (struct sockaddr *) &address, &length), ==, 0);
	struct berth_api *api = berth_api_start(
		fixture->engine, &(struct berth_api_options){&(struct berth_api_socket){listener, false}, 1, {0}},
		&error);
	g_assert_no_error(error);
	gint64 best = G_MAXINT64;
	for (int i = 0; i < 3; i++) {
		berth_fd fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		g_autoptr(GString) text = g_string_new(NULL);
		g_assert_cmpint(connect(fd, (struct sockaddr *) &address, sizeof address), ==, 0);
		gint64 begun = g_get_monotonic_time();
		send_text(fd, "POST /containers/box/wait HTTP/1.1\r\nHost: x\r\n\r\n");
		read_until(fd, text, "\r\n\r\n");
		best = MIN(best, g_get_monotonic_time() - begun);
		wait_for_streams(fixture, 1);
		berth_fd_clear(&fd);
		wait_for_streams(fixture, 0);
	}
	g_assert_cmpint(best, <, 100000);
	g_assert_true(berth_api_stop(api));
}

static void test_client_leaves(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	static const char *const requests[] = {"POST /containers/box/wait", "GET /events",
					       "GET /containers/box/logs?stdout=1&follow=1"};

	for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
		berth_fd fd = dial(fixture);
		g_autoptr(GString) text = g_string_new(NULL);
		send_text(fd, requests[i]);
		send_text(fd, " HTTP/1.1\r\nHost: x\r\n\r\n");
		read_until(fd, text, "\r\n\r\n");
		g_assert_cmpuint(status_of(text->str), ==, 200);
		wait_for_streams(fixture, 1);
		shutdown(fd, SHUT_WR); // a half-closed client still listens
		g_usleep(50000);
		g_assert_cmpint(fake_streams(fixture->engine), ==, 1);
		berth_fd_clear(&fd);
		wait_for_streams(fixture, 0);
	}
}

static void test_stop_cuts_streams(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	berth_fd fd = dial(fixture);
	g_autoptr(GString) text = g_string_new(NULL);

	send_text(fd, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
	read_until(fd, text, "\r\n\r\n");
	wait_for_streams(fixture, 1);
	gint64 begun = g_get_monotonic_time();
	tear_down(fixture, NULL);
	g_assert_cmpint(g_get_monotonic_time() - begun, <, 10 * G_USEC_PER_SEC);
	read_until(fd, text, NULL);
	set_up(fixture, NULL);
}

static void test_logs(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autofree char *answer =
		ask(fixture, "GET", "/v1.47/containers/box/logs?stdout=1&stderr=1&since=5.5&tail=2", "", NULL);
	g_assert_nonnull(strstr(answer, "\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n"));
	g_autofree char *last = fake_last(fixture->engine);
	g_assert_cmpstr(last, ==, "logs 110 5500000000 0 2");

	g_autofree char *old = ask(fixture, "GET", "/v1.41/containers/box/logs?stdout=1&until=0&tail=all", "", NULL);
	g_assert_nonnull(strstr(old, "\r\nContent-Type: application/vnd.docker.raw-stream\r\n"));
	g_autofree char *all = fake_last(fixture->engine);
	g_assert_cmpstr(all, ==, "logs 100 0 0 -1");
	check(fixture, "GET", "/containers/box/logs?stdout=1&tail=few", 400, NULL);
	check(fixture, "GET", "/containers/box/logs?stdout=1&since=yesterday", 400, NULL);

	static const char frames[] = "\1\0\0\0\0\0\0\x2f"
				     "2017-07-14T02:40:00.000000000Z a=1,b=2+3 hello\n"
				     "\2\0\0\0\0\0\0\x23"
				     "2017-07-14T02:40:00.000000001Z  oh\n";
	berth_fd fd = dial(fixture);
	GString *text = g_string_new(NULL);
	send_text(fd, "GET /containers/box/logs?stdout=1&stderr=1&timestamps=1&details=1 HTTP/1.0\r\n\r\n");
	read_until(fd, text, NULL);
	const char *body = body_of(text->str);
	size_t length = text->len - (size_t) (body - text->str);
	g_assert_cmpmem(body, length, frames, sizeof frames - 1);
	g_string_free(text, TRUE);
}

// A failure in the middle is told of in the stream and ends the connection without the last chunk.
static void test_logs_fail(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	berth_fd fd = dial(fixture);
	GString *text = g_string_new(NULL);

	send_text(fd, "GET /containers/box/logs?stdout=1&tail=13 HTTP/1.1\r\nHost: x\r\n\r\n");
	read_until(fd, text, NULL);
	g_assert_cmpuint(status_of(text->str), ==, 200);
	g_assert_nonnull(memmem(text->str, text->len, "log file: broken", 16));
	g_assert_false(memcmp(text->str + text->len - 5, "0\r\n\r\n", 5) == 0);
	g_string_free(text, TRUE);
}

static void test_events(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	berth_fd fd = dial(fixture);
	g_autoptr(GString) text = g_string_new(NULL);

	send_text(fd, "GET /events?since=1 HTTP/1.1\r\nHost: x\r\n\r\n");
	read_until(fd, text, "\r\n\r\n");
	wait_for_streams(fixture, 1);
	fake_event(fixture->engine, "create");
	read_until(fd, text, "\"Action\":\"create\"");
	read_until(fd, text, "}\n\r\n");
	check(fixture, "GET", "/events?since=5&until=3", 400, NULL);
	check(fixture, "GET", "/events?until=2020-01-01T00:00:00Z", 200, NULL);
}

#define ATTACH(query)                                                                                                  \
	"POST /v1.47/containers/box/attach?" query " HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"              \
	"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"

static void test_attach(struct fixture *fixture, const void *data)
{
	static const char early[] = ATTACH("stdin=1&stdout=1&stream=1") "abc";
	bool is_early = data != NULL;
	berth_fd fd = dial(fixture);
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *request = g_strndup(early, sizeof early - 1 - (is_early ? 0 : 3));

	send_text(fd, request);
	read_until(fd, text, "\r\n\r\n");
	g_assert_cmpuint(status_of(text->str), ==, 101);
	g_assert_nonnull(strstr(text->str, "\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n"));
	g_assert_nonnull(strstr(text->str, "\r\nUpgrade: tcp\r\n"));
	g_assert_nonnull(strstr(text->str, "\r\nConnection: Upgrade\r\n"));
	if (!is_early)
		send_text(fd, "abc");
	read_until(fd, text, "\r\n\r\nABC");
	g_usleep(20000); // the server has let go of the connection; the stream goes on
	send_text(fd, "def");
	read_until(fd, text, "ABCDEF");
	shutdown(fd, SHUT_WR);
	read_until(fd, text, NULL);
	g_assert_true(g_str_has_suffix(text->str, "ABCDEFbye"));
}

static void test_attach_fails(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	berth_fd fd = dial(fixture);
	g_autoptr(GString) text = g_string_new(NULL);

	send_text(fd, ATTACH("stream=1&detachKeys=a"));
	read_until(fd, text, NULL);
	g_assert_true(g_str_has_prefix(body_of(text->str), "HTTP/1.1 507 Error\r\n"));
	g_assert_true(g_str_has_suffix(text->str, "too many clients\n"));
}

static void test_attach_without_upgrade(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	berth_fd fd = dial(fixture);
	g_autoptr(GString) text = g_string_new(NULL);

	send_text(fd, "POST /v1.41/containers/box/attach?stdout=1&stream=1 HTTP/1.1\r\nHost: x\r\n\r\n");
	read_until(fd, text, NULL);
	g_assert_cmpuint(status_of(text->str), ==, 200);
	g_assert_nonnull(strstr(text->str, "\r\nContent-Type: application/vnd.docker.raw-stream\r\n"));
	g_assert_null(strstr(text->str, "chunked"));
	g_assert_cmpstr(body_of(text->str), ==, "output");
}

static void test_upload(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autofree char *big = g_strnfill(3 << 20, 'x');
	g_autofree char *loaded = ask(fixture, "POST", "/images/load?quiet=1", "", big);
	g_autofree char *last = fake_last(fixture->engine);

	g_assert_cmpstr(last, ==, "load 3145728");
	g_assert_nonnull(strstr(loaded, "{\"stream\":\"Loaded image: busybox:latest\\n\"}\r\n"));
	g_assert_null(strstr(loaded, "Loading layer"));

	g_autofree char *imported =
		ask(fixture, "POST", "/images/create?fromSrc=-&repo=a&tag=b&changes=CMD+x&changes=USER+y&message=m", "",
		    "12345");
	g_autofree char *call = fake_last(fixture->engine);
	g_assert_cmpstr(call, ==, "import a:b [CMD x|USER y] m - 5");
	g_assert_nonnull(strstr(imported, "{\"status\":\"sha256:1111"));

	// refused before the first line: a status; after it: a line
	memcpy(big, "bad", 3);
	g_autofree char *refused = ask(fixture, "POST", "/images/load", "", big);
	g_assert_cmpuint(status_of(refused), ==, 400);
	g_assert_cmpstr(body_of(refused), ==, "{\"message\":\"archive: not a tar\"}\n");
	g_autofree char *broken = ask(fixture, "POST", "/images/create?fromSrc=-", "", "1234");
	g_assert_cmpuint(status_of(broken), ==, 200);
	g_assert_nonnull(strstr(broken, "{\"error\":\"layer: broken in the middle\",\"errorDetail\":{\"message\":"
					"\"layer: broken in the middle\"}}\r\n"));
}

// A client that leaves in the middle must not look like the end of its archive.
static void test_upload_cut(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	gint64 end = g_get_monotonic_time() + PATIENCE * 1000;
	berth_fd fd = dial(fixture);
	g_autofree char *last = NULL;

	send_text(fd, "POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf");
	g_usleep(50000);
	berth_fd_clear(&fd);
	while (!(last = fake_last(fixture->engine))) {
		g_assert_cmpint(g_get_monotonic_time(), <, end);
		g_usleep(1000);
	}
	g_assert_cmpstr(last, ==, "load -1");
}

static void test_download(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	static const struct {
		const char *path, *call;
		bool whole;
	} cases[] = {
		{"/images/busybox:latest/get", "save busybox:latest", true},
		{"/images/get?names=busybox&names=busybox:2", "save busybox busybox:2", true},
		{"/images/busybox@sha256:1/get", "save busybox@sha256:1", false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		berth_fd fd = dial(fixture);
		GString *text = g_string_new(NULL);
		g_autofree char *request =
			g_strdup_printf("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", cases[i].path);
		send_text(fd, request);
		read_until(fd, text, NULL);
		g_assert_cmpuint(status_of(text->str), ==, 200);
		g_assert_nonnull(strstr(text->str, "\r\nContent-Type: application/x-tar\r\n"));
		g_assert_nonnull(strstr(text->str, "\r\nContent-Length: 1048576\r\n"));
		size_t body = text->len - (size_t) (strstr(text->str, "\r\n\r\n") + 4 - text->str);
		g_assert_cmpint(body == 1 << 20, ==, cases[i].whole);
		g_string_free(text, TRUE);
		g_autofree char *last = fake_last(fixture->engine);
		g_assert_cmpstr(last, ==, cases[i].call);
	}
}

static void test_versions_shape(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autofree char *old = ask(fixture, "GET", "/v1.42/images/json", "", NULL);
	g_autofree char *new = ask(fixture, "GET", "/v1.43/images/json", "", NULL);

	g_assert_nonnull(strstr(old, "\"RepoTags\":[\"<none>:<none>\"]"));
	g_assert_nonnull(strstr(new, "\"RepoTags\":[]"));
}

static void test_statuses(void)
{
	for (int kind = 0; kind < BERTH_ERROR_KINDS; kind++) {
		GError error = {BERTH_ERROR, kind, NULL};
		g_assert_cmpuint(berth_status_of(&error), >=, 300);
	}
	GError foreign = {G_FILE_ERROR, 1, NULL};
	g_assert_cmpuint(berth_status_of(&foreign), ==, 500);
}

static void test_split_version(void)
{
	static const struct {
		const char *path, *rest;
		unsigned version;
	} cases[] = {
		{"/v1.47/info", "/info", 147},
		{"/info", "/info", 0},
		{"/v1.5/info", "/info", 105},
		{"/v2/info", "/info", 200},
		{"/volumes", "/volumes", 0},
		{"/v1./info", "/v1./info", 0},
		{"/v1.47", "/v1.47", 0},
		{"/v1.200/x", "/x", 199},
		{"/v0.0/x", "/x", 1},
		{"", "", 0},
		{"/v99999.1/x", "/v99999.1/x", 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const char *rest;
		unsigned version;
		berth_route_split_version(cases[i].path, &rest, &version);
		g_assert_cmpstr(rest, ==, cases[i].rest);
		g_assert_cmpuint(version, ==, cases[i].version);
	}
}

// The table itself: placeholders are well formed, and the description names every row.
static void test_table(void)
{
	g_autoptr(GString) text = g_string_new(NULL);

	berth_api_describe(text);
	for (const struct berth_route *route = berth_routes; route->method; route++) {
		g_autofree char *title = g_strdup_printf("\n## %s %s\n", route->method, route->path);
		const char *open = strchr(route->path, '{');
		g_assert_nonnull(strstr(text->str, title));
		g_assert_true(!open || (strchr(open, '}') && !strchr(open + 1, '{')));
		g_assert_cmpuint(route->since, >=, API_VERSION_MIN);
	}
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	g_test_init(&argc, &argv, NULL);
	g_log_set_always_fatal(G_LOG_FATAL_MASK); // a warning per failure is what is wanted
#define ADD(path, function, data) g_test_add(path, struct fixture, data, set_up, function, tear_down)
	ADD("/api/routes", test_routes, NULL);
	ADD("/api/networks", test_networks, NULL);
	ADD("/api/errors", test_errors, NULL);
	ADD("/api/headers", test_headers, NULL);
	ADD("/api/bodies", test_bodies, NULL);
	ADD("/api/limits", test_limits, NULL);
	ADD("/api/keep-alive", test_keep_alive, NULL);
	ADD("/api/wait", test_wait, NULL);
	ADD("/api/tcp", test_tcp, NULL);
	ADD("/api/client-leaves", test_client_leaves, NULL);
	ADD("/api/stop-cuts-streams", test_stop_cuts_streams, NULL);
	ADD("/api/logs", test_logs, NULL);
	ADD("/api/logs-fail", test_logs_fail, NULL);
	ADD("/api/events", test_events, NULL);
	ADD("/api/attach", test_attach, NULL);
	ADD("/api/attach-early-input", test_attach, "early");
	ADD("/api/attach-fails", test_attach_fails, NULL);
	ADD("/api/attach-without-upgrade", test_attach_without_upgrade, NULL);
	ADD("/api/upload", test_upload, NULL);
	ADD("/api/upload-cut", test_upload_cut, NULL);
	ADD("/api/download", test_download, NULL);
	ADD("/api/version-shapes", test_versions_shape, NULL);
	g_test_add_func("/api/statuses", test_statuses);
	g_test_add_func("/api/split-version", test_split_version);
	g_test_add_func("/api/table", test_table);
	return g_test_run();
}
