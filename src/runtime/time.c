// SPDX-License-Identifier: Apache-2.0
// linux.timeOffsets. A time namespace takes offsets only until a process is in it, so it is made for the children of a
// first child, which writes them and then makes the container's process (child.c).
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define NANOSECONDS 1000000000

static bool check_offset(const char *clock, const struct oci_time_offset *offset, GError **error)
{
	if (!g_str_equal(clock, "monotonic") && !g_str_equal(clock, "boottime"))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "linux.timeOffsets: %s: only monotonic and boottime have offsets", clock);
	if (offset->nanosecs >= NANOSECONDS)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "linux.timeOffsets: %s: nanosecs go from 0 to 999999999", clock);
	return true;
}

bool berth_time_check(const struct oci_linux_section *section, unsigned new_namespaces, GError **error)
{
	GHashTableIter iter;
	void *clock, *offset;

	if (!section->time_offsets || !g_hash_table_size(section->time_offsets))
		return true;
	if (!(new_namespaces & berth_namespace_flag("time")))
		return berth_error_set(error, BERTH_ERROR_INVALID, "linux.timeOffsets: needs a new time namespace");
	g_hash_table_iter_init(&iter, section->time_offsets);
	while (g_hash_table_iter_next(&iter, &clock, &offset))
		if (!check_offset(clock, offset, error))
			return false;
	return true;
}

bool berth_time_has_offsets(const struct berth_setup *setup)
{
	return setup->section->time_offsets && g_hash_table_size(setup->section->time_offsets);
}

bool berth_time_open(struct berth_setup *setup, GError **error)
{
	if (!berth_time_has_offsets(setup))
		return true;
	setup->time_offsets = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	return setup->time_offsets >= 0 ||
	       berth_error_set_errno(error, errno, "linux.timeOffsets: open /proc/self/timens_offsets");
}

bool berth_time_make(struct berth_setup *setup, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	unsigned flag = berth_namespace_flag("time");
	GHashTableIter iter;
	void *clock, *value;

	if (unshare((int) flag) < 0)
		return berth_error_set_errno(error, errno, "make the time namespace");
	g_hash_table_iter_init(&iter, setup->section->time_offsets);
	while (g_hash_table_iter_next(&iter, &clock, &value)) {
		const struct oci_time_offset *offset = value;
		g_string_append_printf(text, "%s %" G_GINT64_FORMAT " %" G_GUINT64_FORMAT "\n", (char *) clock,
				       offset->secs, offset->nanosecs);
	}
	if (write(setup->time_offsets, text->str, text->len) != (ssize_t) text->len)
		return berth_error_set_errno(error, errno, "linux.timeOffsets: %s", g_strchomp(text->str));
	berth_fd_clear(&setup->time_offsets);
	setup->new_namespaces &= ~flag;
	return true;
}
