// SPDX-License-Identifier: Apache-2.0
#include "runtime/channel.h"

#include "base/error.h"

#include <stdarg.h>
#include <string.h>

bool berth_channel_send(int socket, int fd, GError **error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);

	size_t length = MIN(strlen(text), BERTH_LIMIT_PACKET);
	return berth_packet_send(socket, text, length, &fd, fd >= 0 ? 1 : 0, error);
}

void berth_channel_send_error(int socket, const GError *problem)
{
	enum berth_error kind =
		problem->domain == BERTH_ERROR ? (enum berth_error) problem->code : BERTH_ERROR_INTERNAL;

	berth_channel_send(socket, -1, NULL, "error %s %s", berth_error_kind_name(kind), problem->message);
}

static void raise_error(const char *rest, GError **error)
{
	const char *message = strchr(rest, ' ');
	g_autofree char *kind = message ? g_strndup(rest, (gsize) (message - rest)) : g_strdup(rest);

	berth_error_set(error, berth_error_kind_from_name(kind), "%s", message ? message + 1 : "unknown error");
}

const char *berth_channel_receive(int socket, struct berth_packet *packet, const char **ret_rest, GError **error)
{
	berth_packet_clear(packet);
	if (berth_packet_receive(socket, packet, error) <= 0)
		return NULL;
	char *space = strchr(packet->data, ' ');
	if (space)
		*space = 0;
	*ret_rest = space ? space + 1 : "";
	if (!g_str_equal(packet->data, "error"))
		return packet->data;
	raise_error(*ret_rest, error);
	return NULL;
}

bool berth_channel_expect(int socket, const char *word, char **ret_rest, GError **error)
{
	BERTH_AUTO_PACKET packet = {.fds = {-1, -1, -1, -1, -1, -1, -1, -1}};
	g_autoptr(GError) problem = NULL;
	const char *rest = "";
	const char *got = berth_channel_receive(socket, &packet, &rest, &problem);

	if (problem) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	if (!got)
		return berth_error_set(error, BERTH_ERROR_CANCELED, "the creator of the container is gone");
	if (!g_str_equal(got, word))
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "waited for \"%s\", got \"%s\"", word, got);
	if (ret_rest)
		*ret_rest = g_strdup(rest);
	return true;
}
