// SPDX-License-Identifier: Apache-2.0
// Checkpoints of the container, and its restoring: the monitor is the parent of what CRIU makes, as of what it creates
// itself. What a restored container may have comes from its configuration, never from the images
// (runtime/restore-check.c).
#include "monitor/monitor-internal.h"

#include "base/error.h"

bool berth_monitor__checkpoint(struct monitor *monitor, const struct berth_monitor_request *request, int *fds,
			       struct berth_monitor_reply *reply, GError **error)
{
	const struct berth_checkpoint checkpoint = {
		.image_path = request->images,
		.status_fd = -1,
		.leave_running = request->leave_running,
		.empty_network = request->empty_network,
		.file_locks = true,
		.link_remap = true,
	};
	(void) fds;
	(void) reply;

	return berth_container_checkpoint(monitor->container, &checkpoint, error);
}

bool berth_monitor__make(struct monitor *monitor, const struct oci_config *config, struct berth_create *create,
			 GError **error)
{
	const struct berth_checkpoint checkpoint = {
		.image_path = monitor->settings->images,
		.status_fd = -1,
		.empty_network = monitor->settings->empty_network,
		.file_locks = true,
		.link_remap = true,
	};

	if (!monitor->settings->images)
		return berth_container_create(&monitor->runtime, monitor->id, config, create, &monitor->container,
					      error);
	create->die_with_parent = create->own_start = false; // CRIU cannot give it that
	create->network = NULL;
	return berth_container_restore(&monitor->runtime, monitor->id, config, create, &checkpoint, &monitor->container,
				       error);
}
