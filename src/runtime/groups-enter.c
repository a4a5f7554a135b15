// SPDX-License-Identifier: Apache-2.0
// How the process gets into its control groups and their namespace. On v2 it is born in its group. Into v1's
// hierarchies it moves itself, through files that its creator opened: a thread that moves itself needs none of the
// kernel's global locks. Those files are there at clone, or come later over the channel: making ten groups takes the
// creator as long as the process needs for the mounts that it can make without them.
#include "runtime/channel.h"
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/cgroup.h"

#include <errno.h>
#include <sched.h>

bool berth_groups_enter(struct berth_setup *setup, GError **error)
{
	bool entered = !setup->cgroup_entrance || berth_cgroup_enter(setup->cgroup_entrance, error);

	g_clear_pointer(&setup->cgroup_entrance, g_array_unref); // closes its files
	return entered;
}

static bool receive_entrance(struct berth_setup *setup, GError **error)
{
	size_t count;

	setup->cgroup_entrance = g_array_new(FALSE, FALSE, sizeof(int));
	g_array_set_clear_func(setup->cgroup_entrance, (GDestroyNotify) berth_fd_clear);
	do {
		BERTH_AUTO_PACKET packet = {.fds = {-1, -1, -1, -1, -1, -1, -1, -1}};
		const char *rest = "";
		const char *word = berth_channel_receive(setup->sync, &packet, &rest, error);

		if (g_strcmp0(word, BERTH_CHANNEL_GROUPS) != 0)
			return !(error && *error) &&
			       berth_error_set(error, BERTH_ERROR_INTERNAL, "waited for the control groups, got \"%s\"",
					       word ? word : "nothing");
		count = packet.fd_count;
		for (size_t i = 0; i < count; i++) {
			int fd = berth_fd_steal(&packet.fds[i]);
			g_array_append_val(setup->cgroup_entrance, fd);
		}
	} while (count == BERTH_LIMIT_PACKET_FDS);
	return true;
}

bool berth_groups_settle(struct berth_setup *setup, GError **error)
{
	if (setup->groups_settled)
		return true;
	setup->groups_settled = true;
	if (setup->groups_come && (!receive_entrance(setup, error) || !berth_groups_enter(setup, error)))
		return false;
	// The namespace's root is the group that the process is in when it is made, so clone3() cannot make it.
	return !(setup->new_namespaces & CLONE_NEWCGROUP) || unshare(CLONE_NEWCGROUP) == 0 ||
	       berth_error_set_errno(error, errno, "make the cgroup namespace");
}
