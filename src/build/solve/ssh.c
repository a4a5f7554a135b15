// SPDX-License-Identifier: Apache-2.0
// RUN --mount=type=ssh: a socket in the step, behind which the agent of the caller of the build answers; and the same
// for git.
#include "build/solve/mounts.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>

#define MODE 0600

struct berth_build_agent_socket *berth_step_agent_new(struct berth_building *building, const char *id,
						      const struct berth_dockerfile_mount *mount, int *ret_fd,
						      GError **error)
{
	const struct berth_build_request *request = building->request;
	const struct berth_build_agent_options options = {
		.folder = building->work,
		.uid = mount->has_uid ? mount->uid : 0,
		.gid = mount->has_gid ? mount->gid : 0,
		.mode = mount->has_mode ? mount->mode & 07777 : MODE,
		.id = id,
		.connect = request->agent,
		.data = request->data,
	};
	berth_fd there = request->agent ? request->agent(request->data, id, true, NULL) : -1;
	const char *name;

	if (there < 0) {
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "unset ssh agent \"%s\": the build needs --ssh %s", id,
				id);
		return NULL;
	}
	struct berth_build_agent_socket *socket = berth_build_agent_socket_new(&options, &name, error);
	if (!socket)
		return NULL;
	*ret_fd = openat(building->work, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (*ret_fd >= 0)
		return socket;
	berth_error_set_errno(error, errno, "open the socket of the ssh agent");
	berth_build_agent_socket_free(socket);
	return NULL;
}
