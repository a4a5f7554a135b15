// SPDX-License-Identifier: Apache-2.0
#include "base/packet.h"

#include "base/error.h"
#include "base/fd.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static bool folder_address(int folder_fd, const char *name, struct sockaddr_un *address, GError **error)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	int length = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", folder_fd, name);
	if (length < 0 || (size_t) length >= sizeof address->sun_path || strchr(name, '/'))
		return berth_error_set(error, BERTH_ERROR_INVALID, "socket name %s: too long, or contains a slash",
				       name);
	return true;
}

int berth_socket_listen_at(int folder_fd, const char *name, int type, GError **error)
{
	struct sockaddr_un address;
	if (!folder_address(folder_fd, name, &address, error))
		return -1;

	berth_fd fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		berth_error_set_errno(error, errno, "make a socket");
		return -1;
	}
	// The socket file's mode is the socket's own, less the umask; set on the descriptor it leaves no moment in
	// which others could connect.
	unlinkat(folder_fd, name, 0);
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *) &address, sizeof address) < 0 ||
	    listen(fd, SOMAXCONN) < 0) {
		berth_error_set_errno(error, errno, "listen on socket %s", name);
		return -1;
	}
	return berth_fd_steal(&fd);
}

static int connect_at(int folder_fd, const char *name, int type, bool named, GError **error)
{
	struct sockaddr_un address, none = {.sun_family = AF_UNIX};
	if (!folder_address(folder_fd, name, &address, error))
		return -1;

	berth_fd fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0 || (named && bind(fd, (struct sockaddr *) &none, sizeof none.sun_family) < 0)) {
		berth_error_set_errno(error, errno, "make a socket");
		return -1;
	}
	if (connect(fd, (struct sockaddr *) &address, sizeof address) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "connect to socket %s: nobody listens there",
					name);
		else
			berth_error_set_errno(error, errno, "connect to socket %s", name);
		return -1;
	}
	return berth_fd_steal(&fd);
}

int berth_socket_connect_at(int folder_fd, const char *name, int type, GError **error)
{
	return connect_at(folder_fd, name, type, false, error);
}

int berth_socket_connect_named_at(int folder_fd, const char *name, int type, GError **error)
{
	return connect_at(folder_fd, name, type, true, error);
}

bool berth_packet_send(int socket, const void *data, size_t length, const int *fds, size_t fd_count, GError **error)
{
	if (length == 0 || length > BERTH_LIMIT_PACKET || fd_count > BERTH_LIMIT_PACKET_FDS)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "packet of %zu bytes and %zu descriptors: outside the limits of %d and %d",
				       length, fd_count, BERTH_LIMIT_PACKET, BERTH_LIMIT_PACKET_FDS);

	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * BERTH_LIMIT_PACKET_FDS)];
	} control = {0};
	struct iovec content = {(void *) data, length};
	struct msghdr message = {.msg_iov = &content, .msg_iovlen = 1};
	if (fd_count > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
	}

	ssize_t sent;
	do
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && (errno == EPIPE || errno == ECONNRESET || errno == EAGAIN))
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "send a packet: %s", berth_error_text(errno));
	if (sent < 0)
		return berth_error_set_errno(error, errno, "send a packet");
	return true;
}

static void take_descriptors(struct msghdr *message, struct berth_packet *packet)
{
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
			if (packet->fd_count < BERTH_LIMIT_PACKET_FDS)
				packet->fds[packet->fd_count++] = fd;
			else
				close(fd);
		}
	}
}

// Waits for a packet and leaves it there. Its length, 0 at the end, -1 with errno.
static ssize_t await_packet(int socket)
{
	ssize_t length = 0;
	bool reset = false;

	// A peer that closed with something unread resets the connection: the kernel says that once, before what the
	// peer had sent.
	do {
		reset = length < 0 && errno == ECONNRESET;
		length = recv(socket, NULL, 0, MSG_PEEK | MSG_TRUNC);
	} while (length < 0 && (errno == EINTR || (errno == ECONNRESET && !reset)));
	return length;
}

int berth_packet_receive(int socket, struct berth_packet *ret, GError **error)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * BERTH_LIMIT_PACKET_FDS)];
	} control;
	BERTH_AUTO_PACKET packet = {0};

	for (size_t i = 0; i < BERTH_LIMIT_PACKET_FDS; i++)
		packet.fds[i] = -1;
	ssize_t length = await_packet(socket);
	if (length < 0 && errno == EAGAIN) {
		berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "receive a packet: none is there");
		return -1;
	}
	if (length < 0 && errno != ECONNRESET) {
		berth_error_set_errno(error, errno, "receive a packet");
		return -1;
	}
	if (length <= 0)
		return 0;
	size_t room = MIN((size_t) length, BERTH_LIMIT_PACKET);
	g_autofree char *buffer = g_malloc(room + 1);
	struct iovec content = {buffer, room};
	struct msghdr message = {
		.msg_iov = &content, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	// The reset may come in between, too: the packet is still there.
	do
		length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (length < 0 && (errno == EINTR || errno == ECONNRESET));
	if (length < 0) {
		berth_error_set_errno(error, errno, "receive a packet");
		return -1;
	}
	take_descriptors(&message, &packet);
	if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"receive a packet: it exceeds the limits of %d bytes and %d "
				"descriptors",
				BERTH_LIMIT_PACKET, BERTH_LIMIT_PACKET_FDS);
		return -1;
	}
	buffer[length] = 0;
	packet.data = g_steal_pointer(&buffer);
	packet.length = (size_t) length;
	*ret = packet;
	packet = (struct berth_packet){0};
	return 1;
}

void berth_packet_clear(struct berth_packet *packet)
{
	for (size_t i = 0; i < packet->fd_count; i++)
		berth_fd_clear(&packet->fds[i]);
	packet->fd_count = 0;
	g_clear_pointer(&packet->data, g_free);
	packet->length = 0;
}
