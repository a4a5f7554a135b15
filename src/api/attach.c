// SPDX-License-Identifier: Apache-2.0
// Attach. With `Upgrade: tcp` the client's own socket goes to the engine, and through it to the container's monitor:
// output does not pass through here.
#include "api/relay.h"
#include "api/request-internal.h"
#include "api/status.h"
#include "base/error.h"
#include "base/keys.h"

#include <string.h>
#include <sys/socket.h>

struct berth_engine_attach berth_attach_of(const struct berth_request *request)
{
	const char *keys = berth_request_text(request, "detachKeys");

	return (struct berth_engine_attach){
		.in = berth_request_switch(request, "stdin", false),
		.out = berth_request_switch(request, "stdout", false),
		.err = berth_request_switch(request, "stderr", false),
		.logs = berth_request_switch(request, "logs", false),
		.stream = berth_request_switch(request, "stream", false),
		.detach_keys = keys && *keys ? keys : NULL,
	};
}

static const char *content_type(const struct berth_request *request, bool tty)
{
	return !tty && berth_request_version(request) >= 142 ? BERTH_CONTENT_MULTIPLEXED : BERTH_CONTENT_RAW;
}

// After the head only a raw answer can tell of a failure.
static void report(struct berth_request *request, int socket, const GError *error)
{
	g_autofree char *text = g_strdup_printf("HTTP/1.1 %u Error\r\nContent-Type: text/plain\r\n\r\n%s\n",
						berth_status_of(error), error->message);

	g_warning("%s %s: after the upgrade: %s", request->method, request->path, error->message);
	send(socket, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(socket, SHUT_RDWR);
}

static bool give(struct berth_request *request, int socket, GError **error)
{
	struct berth_engine_attach attach = berth_attach_of(request);

	return berth_engine_container_attach(request->engine, request->argument, socket, &attach, error);
}

static void on_upgraded(struct berth_request *request, int socket, const char *early, size_t length)
{
	g_autoptr(GError) error = NULL;

	if (!berth_relay(request, socket, early, length, give, &error))
		report(request, socket, error);
}

static bool check_keys(const struct berth_request *request, GError **error)
{
	const char *text = berth_request_text(request, "detachKeys");
	struct berth_keys keys;

	return !text || !*text || berth_keys_parse(text, &keys, error);
}

bool berth_attach_check(const struct berth_request *request, bool *ret_tty, GError **error)
{
	return check_keys(request, error) &&
	       berth_engine_container_attach_check(request->engine, request->argument, ret_tty, error);
}

bool berth_handle_container_attach(struct berth_request *request, GError **error)
{
	bool tty;

	if (!berth_attach_check(request, &tty, error))
		return false;
	berth_reply_upgrade(request, content_type(request, tty), on_upgraded);
	return true;
}

// Without an upgrade there is output only, written to the connection until it ends.
bool berth_handle_container_attach_raw(struct berth_request *request, GError **error)
{
	struct berth_engine_attach attach = berth_attach_of(request);
	bool tty;

	if (attach.in)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "attaching to stdin of container %s: the connection must be upgraded; send the "
				       "headers \"Connection: Upgrade\" and \"Upgrade: tcp\"",
				       request->argument);
	if (!berth_attach_check(request, &tty, error))
		return false;
	berth_stream_begin_raw(request, content_type(request, tty));
	return berth_engine_container_attach(request->engine, request->argument, berth_stream_fd(request), &attach,
					     error);
}
