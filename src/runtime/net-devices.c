// SPDX-License-Identifier: Apache-2.0
// linux.netDevices: the host's network interfaces that become the container's. They are moved when the process exists
// and before hooks run, and go back, under their old names, when the container is deleted while its network namespace
// still exists: before it is killed, or at any time if the namespace was joined by path. With a namespace that ends
// with its last process the kernel gives real devices back itself, and destroys those that are of software only.
#include "runtime/container-internal.h"
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/namespace.h"
#include "sys/net-link.h"

#include <fcntl.h>
#include <sched.h>

static bool wanted(const struct oci_linux_section *section)
{
	return section->net_devices && g_hash_table_size(section->net_devices);
}

static const char *inner_name(const char *name, const struct oci_net_device *device)
{
	return device && device->name && *device->name ? device->name : name;
}

bool berth_net_devices_check(const struct oci_linux_section *section, GError **error)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	GHashTableIter iter;
	void *name, *device;

	if (!wanted(section))
		return true;
	g_hash_table_iter_init(&iter, section->net_devices);
	while (g_hash_table_iter_next(&iter, &name, &device)) {
		const char *inner = inner_name(name, device);
		if (!berth_link_name_valid(name) || !berth_link_name_valid(inner))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "linux.netDevices: \"%s\" is no name of a network interface",
					       berth_link_name_valid(name) ? inner : (char *) name);
		if (!g_hash_table_add(seen, (void *) inner))
			return berth_error_set(error, BERTH_ERROR_INVALID, "linux.netDevices: two become %s", inner);
	}
	return true;
}

void berth_net_devices_record(const struct oci_linux_section *section, struct berth_record *record)
{
	GHashTableIter iter;
	void *name, *device;

	if (!wanted(section))
		return;
	record->net_devices = berth_objects_new();
	g_hash_table_iter_init(&iter, section->net_devices);
	while (g_hash_table_iter_next(&iter, &name, &device)) {
		struct berth_record_net_device *entry = berth_document_new(&berth_record_net_device_document);
		entry->outer = g_strdup(name);
		entry->inner = g_strdup(inner_name(name, device));
		g_ptr_array_add(record->net_devices, entry);
	}
	for (guint i = 0; section->namespaces && i < section->namespaces->len; i++) {
		const struct oci_namespace *namespace = section->namespaces->pdata[i];
		if (g_str_equal(namespace->type, "network") && namespace->path && *namespace->path)
			record->network = g_strdup(namespace->path);
	}
}

static int open_namespace(const struct berth_container *container, GError **error)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/ns/net", (int) container->record->pid);

	return berth_namespace_open(path, CLONE_NEWNET, error);
}

static bool take(struct berth_container *container, struct berth_record_net_device *device, int outside, int inside,
		 GError **error)
{
	struct berth_link link;

	if (!berth_link_find(outside, device->outer, &link, error))
		return false;
	device->up = link.up;
	device->taken = true; // said before it is true: giving back what is not there is no error
	if (!berth_state_write(container->folder, container->record, error))
		return false;
	device->taken = berth_link_move(outside, inside, container->network, device->outer, device->inner, error);
	if (!device->taken || !berth_link_find(inside, device->inner, &link, error))
		return false;
	device->index = link.index;
	return berth_state_write(container->folder, container->record, error) &&
	       berth_link_set_up(inside, device->inner, error);
}

bool berth_net_devices_take(struct berth_container *container, unsigned private_namespaces, GError **error)
{
	const GPtrArray *devices = container->record->net_devices;

	if (!devices)
		return true;
	if (!(private_namespaces & CLONE_NEWNET))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "linux.netDevices: the container has no network namespace of its own");
	// Held until the container is made: if that fails, its process may have ended before the interfaces are back.
	container->network = open_namespace(container, error);
	berth_fd inside = container->network < 0 ? -1 : berth_link_open(container->network, error);
	berth_fd outside = inside < 0 ? -1 : berth_link_open(-1, error);
	if (outside < 0)
		return g_prefix_error(error, "linux.netDevices: "), false;
	for (guint i = 0; i < devices->len; i++) {
		if (!take(container, devices->pdata[i], outside, inside, error))
			return g_prefix_error(error, "linux.netDevices: "), false;
	}
	return true;
}

static void warn(const struct berth_runtime *runtime, const GError *problem)
{
	g_autofree char *message = g_strdup_printf("linux.netDevices: %s", problem->message);

	if (runtime->warn)
		runtime->warn(runtime->data, message);
}

// The container may have made another of that name, which must not become the host's.
static bool is_same(int inside, const struct berth_record_net_device *device, GError **error)
{
	struct berth_link link;

	if (!berth_link_find(inside, device->inner, &link, error))
		return false;
	return !device->index || link.index == device->index ||
	       berth_error_set(error, BERTH_ERROR_CONFLICT, "%s is another interface than the one that was moved",
			       device->inner);
}

static void give_back(struct berth_container *container, int network, int own, GError **error)
{
	const GPtrArray *devices = container->record->net_devices;
	berth_fd inside = berth_link_open(network, error);
	berth_fd outside = inside < 0 ? -1 : berth_link_open(-1, error);

	for (guint i = 0; outside >= 0 && i < devices->len; i++) {
		struct berth_record_net_device *device = devices->pdata[i];
		g_autoptr(GError) problem = NULL;
		if (!device->taken)
			continue;
		device->taken = false;
		if (is_same(inside, device, &problem) &&
		    berth_link_move(inside, outside, own, device->inner, device->outer, &problem) && device->up)
			berth_link_set_up(outside, device->outer, &problem);
		if (problem && !g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
			warn(container->runtime, problem);
	}
}

void berth_net_devices_return(struct berth_container *container)
{
	const struct berth_record *record = container->record;
	g_autoptr(GError) problem = NULL;

	if (!record->net_devices)
		return;
	berth_fd own = berth_namespace_open("/proc/self/ns/net", CLONE_NEWNET, &problem);
	berth_fd network = -1;
	if (container->network >= 0)
		network = fcntl(container->network, F_DUPFD_CLOEXEC, 3);
	else if (own >= 0 && berth_container_pid(container))
		network = open_namespace(container, NULL);
	else if (own >= 0 && record->network)
		network = berth_namespace_open(record->network, CLONE_NEWNET, NULL);
	if (own >= 0 && network >= 0)
		give_back(container, network, own, &problem);
	if (problem)
		warn(container->runtime, problem);
}
