// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/abilities.h"

#include "sys/cgroup.h"

#include <unistd.h>

static bool readable(const struct berth_cgroup *cgroup, const char *controller, const char *file)
{
	g_autofree char *text = berth_cgroup_read(cgroup, controller, file, NULL);
	return text != NULL;
}

// The root of v2 has none of the files, so there a controller stands for all of its limits.
static void load_v2(const struct berth_cgroup *root, struct berth_abilities *ret)
{
	ret->swap = ret->memory;
	ret->block_throttle = ret->block_weight = berth_cgroup_has(root, "io");
	ret->cpuset_cpus = berth_cgroup_read(root, "cpuset", "cpuset.cpus.effective", NULL);
	ret->cpuset_mems = berth_cgroup_read(root, "cpuset", "cpuset.mems.effective", NULL);
}

static void load_v1(const struct berth_cgroup *root, struct berth_abilities *ret)
{
	ret->swap = readable(root, "memory", "memory.memsw.limit_in_bytes");
	ret->swappiness = readable(root, "memory", "memory.swappiness");
	ret->oom_kill_disable = readable(root, "memory", "memory.oom_control");
	ret->cpu_realtime = readable(root, "cpu", "cpu.rt_runtime_us");
	ret->block_throttle = berth_cgroup_has(root, "blkio");
	ret->block_weight = readable(root, "blkio", "blkio.weight") || readable(root, "blkio", "blkio.bfq.weight");
	ret->cpuset_cpus = berth_cgroup_read(root, "cpuset", "cpuset.cpus", NULL);
	ret->cpuset_mems = berth_cgroup_read(root, "cpuset", "cpuset.mems", NULL);
}

void berth_abilities_load(struct berth_abilities *ret)
{
	g_autoptr(berth_cgroup) root = NULL;

	*ret = (struct berth_abilities){
		.cpus = (int) g_get_num_processors(),
		.selinux = access("/sys/fs/selinux/enforce", F_OK) == 0,
	};
	if (!berth_cgroup_open("/", &root, NULL))
		return;
	ret->memory = berth_cgroup_has(root, "memory");
	ret->cpu_shares = ret->cpu_quota = berth_cgroup_has(root, "cpu");
	ret->cpuset = berth_cgroup_has(root, "cpuset");
	ret->pids = berth_cgroup_has(root, "pids");
	if (berth_cgroup_kind(root) == BERTH_CGROUP_V2)
		load_v2(root, ret);
	else
		load_v1(root, ret);
}

void berth_abilities_clear(struct berth_abilities *abilities)
{
	g_clear_pointer(&abilities->cpuset_cpus, g_free);
	g_clear_pointer(&abilities->cpuset_mems, g_free);
}
