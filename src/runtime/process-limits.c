// SPDX-License-Identifier: Apache-2.0
// Limits and priorities of the process: rlimits, which it sets itself as the last thing before its program, so that
// they do not disturb what the runtime still does; and oom_score_adj, scheduler and I/O priority, which the creator
// sets from outside, so that its rights decide and not those of the container.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SCHED_DEADLINE // libc has it since 2.41
#define SCHED_DEADLINE 6
#endif

static const struct {
	const char *name;
	int resource;
} resources[] = {
	{"RLIMIT_AS", RLIMIT_AS},
	{"RLIMIT_CORE", RLIMIT_CORE},
	{"RLIMIT_CPU", RLIMIT_CPU},
	{"RLIMIT_DATA", RLIMIT_DATA},
	{"RLIMIT_FSIZE", RLIMIT_FSIZE},
	{"RLIMIT_LOCKS", RLIMIT_LOCKS},
	{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
	{"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
	{"RLIMIT_NICE", RLIMIT_NICE},
	{"RLIMIT_NOFILE", RLIMIT_NOFILE},
	{"RLIMIT_NPROC", RLIMIT_NPROC},
	{"RLIMIT_RSS", RLIMIT_RSS},
	{"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
	{"RLIMIT_RTTIME", RLIMIT_RTTIME},
	{"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
	{"RLIMIT_STACK", RLIMIT_STACK},
};

static const struct {
	const char *name;
	unsigned value;
} policies[] = {
	{"SCHED_OTHER", SCHED_OTHER},
	{"SCHED_FIFO", SCHED_FIFO},
	{"SCHED_RR", SCHED_RR},
	{"SCHED_BATCH", SCHED_BATCH},
	{"SCHED_IDLE", SCHED_IDLE},
	{"SCHED_DEADLINE", SCHED_DEADLINE},
	{"SCHED_ISO", 4},
};

static const struct {
	const char *name;
	uint64_t value;
} scheduler_flags[] = {
	{"SCHED_FLAG_RESET_ON_FORK", 0x01},  {"SCHED_FLAG_RECLAIM", 0x02},     {"SCHED_FLAG_DL_OVERRUN", 0x04},
	{"SCHED_FLAG_KEEP_POLICY", 0x08},    {"SCHED_FLAG_KEEP_PARAMS", 0x10}, {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
	{"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40},
};

// sched_setattr(2)'s second version; libc has no name for it. The clamps are in it for the flags that ask for them.
struct scheduler_attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t clamp_min, clamp_max;
};

static int resource_number(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(resources); i++)
		if (g_str_equal(resources[i].name, name))
			return resources[i].resource;
	return -1;
}

static int policy_number(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(policies); i++)
		if (g_str_equal(policies[i].name, name))
			return (int) policies[i].value;
	return -1;
}

static int priority_class(const char *name)
{
	static const char *const classes[] = {"IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"};

	for (int i = 0; i < (int) G_N_ELEMENTS(classes); i++)
		if (g_str_equal(classes[i], name))
			return i + 1;
	return -1;
}

static uint64_t scheduler_flag(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(scheduler_flags); i++)
		if (g_str_equal(scheduler_flags[i].name, name))
			return scheduler_flags[i].value;
	return 0;
}

static bool check_scheduler(const struct oci_scheduler *wanted, GError **error)
{
	int policy = policy_number(wanted->policy ? wanted->policy : "");
	bool realtime = policy == SCHED_FIFO || policy == SCHED_RR;

	if (policy < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "process.scheduler.policy: %s is not known",
				       wanted->policy ? wanted->policy : "");
	if (wanted->nice < -20 || wanted->nice > 19)
		return berth_error_set(error, BERTH_ERROR_INVALID, "process.scheduler.nice: goes from -20 to 19");
	if (wanted->priority && !realtime)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "process.scheduler.priority: is for SCHED_FIFO and SCHED_RR only");
	if (realtime && (wanted->priority < 1 || wanted->priority > 99))
		return berth_error_set(error, BERTH_ERROR_INVALID, "process.scheduler.priority: goes from 1 to 99");
	if ((wanted->runtime || wanted->deadline || wanted->period) && policy != SCHED_DEADLINE)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "process.scheduler: runtime, deadline and period are for SCHED_DEADLINE only");
	for (char **flag = wanted->flags; flag && *flag; flag++)
		if (!scheduler_flag(*flag))
			return berth_error_set(error, BERTH_ERROR_INVALID, "process.scheduler.flags: %s is not known",
					       *flag);
	return true;
}

static bool check_io_priority(const struct oci_io_priority *wanted, GError **error)
{
	if (priority_class(wanted->class ? wanted->class : "") < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "process.ioPriority.class: %s is not known",
				       wanted->class ? wanted->class : "");
	if (wanted->priority < 0 || wanted->priority > 7)
		return berth_error_set(error, BERTH_ERROR_INVALID, "process.ioPriority.priority: goes from 0 to 7");
	return true;
}

bool berth_limits_check(const struct oci_process *process, GError **error)
{
	uint64_t seen = 0;

	for (guint i = 0; process->rlimits && i < process->rlimits->len; i++) {
		const struct oci_rlimit *limit = process->rlimits->pdata[i];
		int number = resource_number(limit->type);
		if (number < 0)
			return berth_error_set(error, BERTH_ERROR_INVALID, "process.rlimits: %s is not known",
					       limit->type);
		if (seen & UINT64_C(1) << number)
			return berth_error_set(error, BERTH_ERROR_INVALID, "process.rlimits: %s is there twice",
					       limit->type);
		if (limit->soft > limit->hard)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "process.rlimits: %s: the soft limit is above the hard one",
					       limit->type);
		seen |= UINT64_C(1) << number;
	}
	if (process->oom_score_adj != BERTH_UNSET && (process->oom_score_adj < -1000 || process->oom_score_adj > 1000))
		return berth_error_set(error, BERTH_ERROR_INVALID, "process.oomScoreAdj: goes from -1000 to 1000");
	return (!process->scheduler || check_scheduler(process->scheduler, error)) &&
	       (!process->io_priority || check_io_priority(process->io_priority, error));
}

static void warn_clamped(const struct berth_runtime *runtime, const struct oci_rlimit *wanted, const struct rlimit *got)
{
	g_autofree char *message = g_strdup_printf(
		"%s: clamped to %" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT
		" cannot be set without CAP_SYS_RESOURCE",
		wanted->type, (uint64_t) got->rlim_cur, (uint64_t) got->rlim_max, wanted->soft, wanted->hard);

	if (runtime->warn)
		runtime->warn(runtime->data, message);
}

static bool prepare_limit(struct berth_setup *setup, const struct oci_rlimit *wanted, GError **error)
{
	int number = resource_number(wanted->type);
	struct rlimit *limit = &setup->limits[number];
	struct rlimit own;

	*limit = (struct rlimit){.rlim_cur = wanted->soft, .rlim_max = wanted->hard};
	setup->limits_set |= 1U << number;
	if (prlimit(0, (enum __rlimit_resource) number, NULL, &own) < 0)
		return berth_error_set_errno(error, errno, "process.rlimits: %s", wanted->type);
	if (limit->rlim_max <= own.rlim_max)
		return true;
	struct rlimit raised = {.rlim_cur = own.rlim_cur, .rlim_max = limit->rlim_max};
	if (prlimit(0, (enum __rlimit_resource) number, &raised, NULL) == 0) {
		setup->own_limits[number] = own;
		setup->limits_raised |= 1U << number;
		return true;
	}
	if (errno != EPERM)
		return berth_error_set_errno(error, errno, "process.rlimits: %s", wanted->type);
	limit->rlim_max = own.rlim_max;
	limit->rlim_cur = MIN(limit->rlim_cur, own.rlim_max);
	warn_clamped(setup->runtime, wanted, limit);
	return true;
}

bool berth_limits_prepare(struct berth_setup *setup, GError **error)
{
	const struct oci_process *process = setup->config->process;

	for (guint i = 0; process && process->rlimits && i < process->rlimits->len; i++)
		if (!prepare_limit(setup, process->rlimits->pdata[i], error))
			return false;
	return true;
}

void berth_limits_restore(const struct berth_setup *setup)
{
	for (int i = 0; i < (int) RLIM_NLIMITS; i++)
		if (setup->limits_raised >> i & 1)
			prlimit(0, (enum __rlimit_resource) i, &setup->own_limits[i], NULL);
}

bool berth_limits_set(const struct berth_setup *setup, GError **error)
{
	for (int i = 0; i < (int) RLIM_NLIMITS; i++)
		if (setup->limits_set >> i & 1 && prlimit(0, (enum __rlimit_resource) i, &setup->limits[i], NULL) < 0)
			return berth_error_set_errno(error, errno, "process.rlimits");
	return true;
}

static bool set_oom_score(const struct berth_setup *setup, pid_t pid, int64_t value, GError **error)
{
	char path[64], text[16], now[16];

	g_snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int) pid);
	int length = g_snprintf(text, sizeof text, "%d", (int) value);
	berth_fd fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, text, (size_t) length) == length)
		return true;
	if (errno != EACCES && errno != EPERM)
		return berth_error_set_errno(error, errno, "process.oomScoreAdj %s", text);
	berth_fd current = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = current < 0 ? -1 : read(current, now, sizeof now - 1);
	now[MAX(n, 0)] = 0;
	berth_setup_warn(setup, "process.oomScoreAdj: stays %s, %s cannot be set without CAP_SYS_RESOURCE",
			 g_strstrip(now), text);
	return true;
}

static bool set_scheduler(pid_t pid, const struct oci_scheduler *wanted, GError **error)
{
	struct scheduler_attributes attributes = {
		.size = sizeof attributes,
		.policy = (uint32_t) policy_number(wanted->policy),
		.nice = (int32_t) wanted->nice,
		.priority = (uint32_t) wanted->priority,
		.runtime = wanted->runtime,
		.deadline = wanted->deadline,
		.period = wanted->period,
	};

	for (char **flag = wanted->flags; flag && *flag; flag++)
		attributes.flags |= scheduler_flag(*flag);
	if (syscall(SYS_sched_setattr, pid, &attributes, 0) < 0)
		return berth_error_set_errno(error, errno, "process.scheduler: %s%s", wanted->policy,
					     errno == EPERM && wanted->priority
						     ? " (does its group have a share: cpu.realtimeRuntime?)"
						     : "");
	return true;
}

bool berth_limits_apply_scheduler(const struct berth_setup *setup, pid_t pid, GError **error)
{
	const struct oci_process *process = setup->config->process;

	return !process || !process->scheduler || set_scheduler(pid, process->scheduler, error);
}

bool berth_limits_apply_oom_score(const struct berth_setup *setup, pid_t pid, GError **error)
{
	const struct oci_process *process = setup->config->process;

	return !process || process->oom_score_adj == BERTH_UNSET ||
	       set_oom_score(setup, pid, process->oom_score_adj, error);
}

bool berth_limits_apply_inherited(const struct berth_setup *setup, pid_t pid, GError **error)
{
	const struct oci_process *process = setup->config->process;

	if (!process)
		return true;
	// For an ordinary user's processes it had to be done before they were made undumpable.
	if (!setup->exec && !(setup->unprivileged && setup->new_namespaces & CLONE_NEWUSER) &&
	    !berth_limits_apply_oom_score(setup, pid, error))
		return false;
	if (process->io_priority) {
		int value =
			IOPRIO_PRIO_VALUE(priority_class(process->io_priority->class), process->io_priority->priority);
		if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, value) < 0)
			return berth_error_set_errno(error, errno, "process.ioPriority");
	}
	return true;
}

bool berth_limits_apply(const struct berth_setup *setup, pid_t pid, GError **error)
{
	return berth_limits_apply_inherited(setup, pid, error) && berth_limits_apply_scheduler(setup, pid, error);
}
