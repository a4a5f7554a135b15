// SPDX-License-Identifier: Apache-2.0
#include "api/tests/fixture.h"

#include "api/api.h"
#include "base/fd.h"

#include <glib/gstdio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un address_of(const struct fixture *fixture)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	g_strlcpy(address.sun_path, fixture->path, sizeof address.sun_path);
	return address;
}

void set_up(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	fixture->folder = g_dir_make_tmp("berth-api-XXXXXX", NULL);
	fixture->path = g_build_filename(fixture->folder, "sock", NULL);
	struct sockaddr_un address = address_of(fixture);
	g_assert_cmpint(bind(listener, (struct sockaddr *) &address, sizeof address), ==, 0);
	g_assert_cmpint(listen(listener, 16), ==, 0);
	fixture->engine = fake_engine_new();
	fixture->builder = fake_builder_new(fixture->engine);
	const struct berth_api_options options = {
		.sockets = &(struct berth_api_socket){listener, false},
		.socket_count = 1,
		.builder = fixture->builder,
		.spool = fixture->folder,
	};
	fixture->api = berth_api_start(fixture->engine, &options, &error);
	g_assert_no_error(error);
}

void tear_down(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_assert_true(berth_api_stop(fixture->api));
	berth_builder_free(fixture->builder);
	fake_engine_free(fixture->engine);
	g_unlink(fixture->path);
	g_assert_cmpint(g_rmdir(fixture->folder), ==, 0);
	g_free(fixture->path);
	g_free(fixture->folder);
}

int dial(const struct fixture *fixture)
{
	struct sockaddr_un address = address_of(fixture);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_assert_cmpint(connect(fd, (struct sockaddr *) &address, sizeof address), ==, 0);
	return fd;
}

int send_request(const struct fixture *fixture, const char *method, const char *path, const char *head,
		 const char *body)
{
	int fd = dial(fixture);
	g_autofree char *length = body ? g_strdup_printf("Content-Length: %zu\r\n", strlen(body)) : g_strdup("");
	g_autofree char *request =
		g_strconcat(method, " ", path, " HTTP/1.1\r\nHost: x\r\n", head, length, "\r\n", body, NULL);

	g_assert_true(berth_write_all(fd, request, strlen(request), "request", NULL));
	return fd;
}

void read_until(int fd, GString *text, const char *wanted)
{
	char buffer[65536];

	while (!wanted || !strstr(text->str, wanted)) {
		struct pollfd ready = {fd, POLLIN, 0};
		g_assert_cmpint(poll(&ready, 1, PATIENCE), ==, 1);
		ssize_t count = read(fd, buffer, sizeof buffer);
		if (count <= 0) {
			g_assert_null(wanted);
			return;
		}
		g_string_append_len(text, buffer, count);
	}
}

char *ask(const struct fixture *fixture, const char *method, const char *path, const char *head, const char *body)
{
	g_autofree char *closing = g_strconcat("Connection: close\r\n", head, NULL);
	berth_fd fd = send_request(fixture, method, path, closing, body);
	GString *text = g_string_new(NULL);

	read_until(fd, text, NULL);
	return g_string_free(text, FALSE);
}

unsigned status_of(const char *answer)
{
	g_assert_true(g_str_has_prefix(answer, "HTTP/1.1 "));
	return (unsigned) atoi(answer + strlen("HTTP/1.1 "));
}

void wait_for_streams(const struct fixture *fixture, int count)
{
	int64_t end = g_get_monotonic_time() + PATIENCE * INT64_C(1000);

	while (fake_streams(fixture->engine) != count) {
		g_assert_cmpint(g_get_monotonic_time(), <, end);
		g_usleep(1000);
	}
}
