// SPDX-License-Identifier: Apache-2.0
// The kernel tells that memory is short before it kills, and it counts the kill before the process dies. But it may
// tell late, and who reads the counter then may find the group gone. What is known by then: that memory was short just
// before, and, on v2, whether the parent's counter, which has the group's in it, has grown since both were read last.
#include "runtime/oom.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/cgroup-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#define LOOK_FOR G_TIME_SPAN_SECOND // how long a kill may follow the news that memory is short

static bool watch_v2(struct berth_oom_watch *watch, int folder, GError **error)
{
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/memory.events", folder);

	watch->own = openat(folder, "memory.events", O_RDONLY | O_CLOEXEC);
	watch->above = openat(folder, "../memory.events", O_RDONLY | O_CLOEXEC);
	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return (watch->own >= 0 && watch->fd >= 0 && inotify_add_watch(watch->fd, path, IN_MODIFY) >= 0) ||
	       berth_error_set_errno(error, errno, "watch memory.events");
}

static bool watch_v1(struct berth_oom_watch *watch, int folder, GError **error)
{
	watch->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	watch->own = openat(folder, "memory.oom_control", O_RDONLY | O_CLOEXEC);
	berth_fd control = openat(folder, "cgroup.event_control", O_WRONLY | O_CLOEXEC);
	g_autofree char *text = g_strdup_printf("%d %d", watch->fd, watch->own);

	return (watch->fd >= 0 && watch->own >= 0 && control >= 0 && write(control, text, strlen(text)) >= 0) ||
	       berth_error_set_errno(error, errno, "watch memory.oom_control");
}

// False: there is no such file any more.
static bool read_kills(int fd, uint64_t *ret)
{
	char text[1024];
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);

	if (n <= 0)
		return false;
	text[n] = 0;
	*ret = berth_cgroup_number(text, "oom_kill");
	return true;
}

bool berth_oom_watch_open_folder(struct berth_oom_watch *watch, int folder, bool v2, GError **error)
{
	*watch = BERTH_OOM_WATCH_NONE;
	watch->v2 = v2;
	if (!(v2 ? watch_v2(watch, folder, error) : watch_v1(watch, folder, error))) {
		berth_oom_watch_close(watch);
		return false;
	}
	read_kills(watch->above, &watch->kills_above);
	read_kills(watch->own, &watch->kills);
	return true;
}

bool berth_oom_watch_open(struct berth_oom_watch *watch, const struct berth_cgroup *cgroup, GError **error)
{
	const struct berth_cgroup_folder *folder =
		berth_cgroup_has(cgroup, "memory") ? berth_cgroup_find(cgroup, "memory") : NULL;

	*watch = BERTH_OOM_WATCH_NONE;
	if (!folder)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "the cgroup controller memory is not available");
	if (berth_oom_watch_open_folder(watch, folder->fd, berth_cgroup_kind(cgroup) == BERTH_CGROUP_V2, error))
		return true;
	g_prefix_error(error, "cgroup %s: ", berth_cgroup_path(cgroup));
	return false;
}

// How often the kernel told that memory is short. v1 tells once more, by the same eventfd, when the group goes.
static uint64_t drain(const struct berth_oom_watch *watch)
{
	_Alignas(struct inotify_event) char buffer[4096];
	uint64_t count = 0;
	ssize_t n;

	if (!watch->v2)
		return read(watch->fd, &count, sizeof count) == sizeof count ? count : 0;
	while ((n = read(watch->fd, buffer, sizeof buffer)) > 0)
		for (const char *at = buffer; at < buffer + n;) {
			const struct inotify_event *event = (const void *) at;
			count += !!(event->mask & IN_MODIFY);
			at += sizeof *event + event->len;
		}
	return count;
}

// Of a group that is gone with its last process.
static bool was_killed(struct berth_oom_watch *watch)
{
	uint64_t above;

	if (!watch->unexplained || g_get_monotonic_time() > watch->look_until)
		return false;
	watch->unexplained = false;
	return !read_kills(watch->above, &above) || above > watch->kills_above;
}

uint64_t berth_oom_watch_look(struct berth_oom_watch *watch, bool ended)
{
	uint64_t news = drain(watch), above = 0, kills = 0, more;

	// The parent first: a kill in between must not be in its number only.
	read_kills(watch->above, &above);
	bool there = read_kills(watch->own, &kills);
	if (news > (!watch->v2 && !there)) {
		watch->look_until = g_get_monotonic_time() + LOOK_FOR;
		watch->unexplained = true;
	}
	if (!there)
		return ended && was_killed(watch);
	more = kills > watch->kills ? kills - watch->kills : 0;
	watch->kills = kills;
	watch->kills_above = above;
	if (more)
		watch->unexplained = false;
	if (g_get_monotonic_time() > watch->look_until)
		watch->look_until = 0;
	return more;
}

void berth_oom_watch_close(struct berth_oom_watch *watch)
{
	berth_fd_clear(&watch->fd);
	berth_fd_clear(&watch->own);
	berth_fd_clear(&watch->above);
}
