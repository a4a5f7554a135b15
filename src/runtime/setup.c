// SPDX-License-Identifier: Apache-2.0
#include "runtime/setup.h"
#include "runtime/channel.h"

#include "base/fd.h"

#include <stdarg.h>

static void step_clear(void *data)
{
	struct berth_mount_step *step = data;

	berth_mount_options_clear(&step->options);
	berth_fd_clear(&step->tree);
	berth_fd_clear(&step->mounted);
	g_free(step->link);
	berth_cgroup_mount_clear(step);
}

const char *berth_setup_annotation(const struct berth_setup *setup, const char *name)
{
	GHashTable *annotations = setup->config->annotations;

	return annotations ? g_hash_table_lookup(annotations, name) : NULL;
}

enum berth_joining berth_setup_joining(const struct berth_setup *setup)
{
	if (berth_time_has_offsets(setup))
		return BERTH_JOINING_CHILD;
	if (setup->join[0] < 0)
		return BERTH_JOINING_NONE;
	// An ordinary user's child has to be dumpable until its ids are mapped. Who has memory in common with another
	// process may not join a time namespace.
	return setup->unprivileged || setup->joined_namespaces & CLONE_NEWTIME ? BERTH_JOINING_CHILD
									       : BERTH_JOINING_HELPER;
}

void berth_setup_warn(const struct berth_setup *setup, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *message = g_strdup_vprintf(format, args);
	va_end(args);
	if (setup->in_child)
		berth_channel_send(setup->sync, -1, NULL, "warn %s", message);
	else if (setup->runtime->warn)
		setup->runtime->warn(setup->runtime->data, message);
}

struct berth_setup *berth_setup_new(void)
{
	struct berth_setup *setup = g_new0(struct berth_setup, 1);

	setup->root_tree = setup->proc_fd = setup->label_fd = setup->sync = setup->listener = setup->root =
		setup->terminal = setup->time_offsets = setup->target = setup->own_namespaces = -1;
	for (size_t i = 0; i < G_N_ELEMENTS(setup->join); i++)
		setup->join[i] = -1;
	for (size_t i = 0; i < G_N_ELEMENTS(setup->stdio); i++)
		setup->stdio[i] = -1;
	setup->hook_streams.out = setup->hook_streams.err = -1;
	setup->mounts = g_array_new(FALSE, TRUE, sizeof(struct berth_mount_step));
	g_array_set_clear_func(setup->mounts, step_clear);
	setup->device_trees = g_array_new(FALSE, TRUE, sizeof(int));
	g_array_set_clear_func(setup->device_trees, (GDestroyNotify) berth_fd_clear);
	return setup;
}

void berth_setup_free(struct berth_setup *setup)
{
	if (!setup)
		return;
	int *const fds[] = {&setup->root_tree, &setup->proc_fd,       &setup->label_fd, &setup->sync,
			    &setup->listener,  &setup->root,          &setup->terminal, &setup->time_offsets,
			    &setup->target,    &setup->own_namespaces};
	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++)
		berth_fd_clear(fds[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(setup->join); i++)
		berth_fd_clear(&setup->join[i]);
	berth_hooks_close_streams(&setup->hook_streams);
	g_array_unref(setup->mounts);
	g_array_unref(setup->device_trees);
	g_clear_pointer(&setup->cgroup_entrance, g_array_unref);
	g_free(setup->root_path);
	g_free(setup->label);
	g_free(setup->seccomp);
	g_free(setup->host_pid);
	g_free(setup->program);
	g_strfreev(setup->env);
	g_free(setup);
}
