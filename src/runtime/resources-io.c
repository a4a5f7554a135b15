// SPDX-License-Identifier: Apache-2.0
// linux.resources.blockIO: weights and throttles.
#include "runtime/resources-internal.h"

#include "base/error.h"

// v1's weight 10 … 1000 to io.weight 1 … 10000.
int64_t berth_resources_io_weight(int64_t weight)
{
	return 1 + (weight - 10) * 9999 / 990;
}

// Weights are known to the BFQ scheduler or, on v2, to io.cost; without them nothing can be weighed, and it is said.
// `device` is "" or "major:minor ".
static bool set_weight(const struct berth_resources_context *context, const char *name, const char *device,
		       int64_t weight, GError **error)
{
	const char *v1_file = *device ? "blkio.bfq.weight_device" : "blkio.bfq.weight";
	const char *v1_old = *device ? "blkio.weight_device" : "blkio.weight";
	const char *const files[] = {context->v2 ? "io.bfq.weight" : v1_file, context->v2 ? "io.weight" : v1_old};

	if (weight == BERTH_UNSET || weight == 0)
		return true;
	if (weight < 10 || weight > 1000)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "resources: blockIO.%s: %" G_GINT64_FORMAT " is not between 10 and 1000", name,
				       weight);
	for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
		int64_t value = context->v2 && i == 1 ? berth_resources_io_weight(weight) : weight;
		g_autofree char *text = g_strdup_printf("%s%" G_GINT64_FORMAT, device, value);
		g_autoptr(GError) local = NULL;
		if (berth_cgroup_write(context->cgroup, "blkio", files[i], text, &local))
			return true;
		if (!g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
			g_propagate_prefixed_error(error, g_steal_pointer(&local), "resources: blockIO.%s: ", name);
			return false;
		}
	}
	berth_resources_warn(context, "resources: blockIO.%s: this kernel has no weights for block devices; ignored",
			     name);
	return true;
}

static bool check_device(const char *name, int64_t major, int64_t minor, GError **error)
{
	if (major >= 0 && minor >= 0)
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "resources: blockIO.%s: %" G_GINT64_FORMAT ":%" G_GINT64_FORMAT " is no device", name,
			       major, minor);
}

static const struct throttle {
	const char *name;
	size_t member;
	const char *v1_file, *v2_key;
} throttles[] = {
	{"throttleReadBpsDevice", offsetof(struct oci_block_io, throttle_read_bps_device),
	 "blkio.throttle.read_bps_device", "rbps"},
	{"throttleWriteBpsDevice", offsetof(struct oci_block_io, throttle_write_bps_device),
	 "blkio.throttle.write_bps_device", "wbps"},
	{"throttleReadIOPSDevice", offsetof(struct oci_block_io, throttle_read_iops_device),
	 "blkio.throttle.read_iops_device", "riops"},
	{"throttleWriteIOPSDevice", offsetof(struct oci_block_io, throttle_write_iops_device),
	 "blkio.throttle.write_iops_device", "wiops"},
};

static bool set_throttle(const struct berth_resources_context *context, const struct throttle *throttle,
			 const GPtrArray *devices, GError **error)
{
	for (unsigned i = 0; devices && i < devices->len; i++) {
		const struct oci_throttle_device *device = g_ptr_array_index(devices, i);
		g_autofree char *number =
			g_strdup_printf("%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT " ", device->major, device->minor);
		g_autofree char *rate = context->v2 && device->rate == 0
						? g_strdup("max")
						: g_strdup_printf("%" G_GUINT64_FORMAT, device->rate);
		g_autofree char *text =
			g_strconcat(number, context->v2 ? throttle->v2_key : "", context->v2 ? "=" : "", rate, NULL);
		if (!check_device(throttle->name, device->major, device->minor, error))
			return false;
		if (!berth_cgroup_write(context->cgroup, "blkio", context->v2 ? "io.max" : throttle->v1_file, text,
					error)) {
			g_prefix_error(error, "resources: blockIO.%s: ", throttle->name);
			return false;
		}
	}
	return true;
}

// Only CFQ knew them: v1 before Linux 5.0.
static bool set_leaf_weights(const struct berth_resources_context *context, const struct oci_block_io *block_io,
			     GError **error)
{
	const GPtrArray *devices = block_io->weight_device;
	g_autoptr(GError) local = NULL;
	bool good = true;

	if (block_io->leaf_weight != BERTH_UNSET && block_io->leaf_weight != 0) {
		g_autofree char *text = berth_limit_plain(block_io->leaf_weight);
		good = berth_cgroup_write(context->cgroup, "blkio", "blkio.leaf_weight", text, &local);
	}
	for (unsigned i = 0; good && devices && i < devices->len; i++) {
		const struct oci_weight_device *device = g_ptr_array_index(devices, i);
		g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT " %" G_GINT64_FORMAT,
							device->major, device->minor, device->leaf_weight);
		if (device->leaf_weight != BERTH_UNSET && device->leaf_weight != 0)
			good = berth_cgroup_write(context->cgroup, "blkio", "blkio.leaf_weight_device", text, &local);
	}
	if (!good && g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		berth_resources_warn(context,
				     "resources: blockIO.leafWeight: Linux has no leaf weights since 5.0; ignored");
		return true;
	}
	if (!good)
		g_propagate_prefixed_error(error, g_steal_pointer(&local), "resources: blockIO.leafWeight: ");
	return good;
}

bool berth_resources_set_block_io(const struct berth_resources_context *context, const struct oci_resources *resources,
				  GError **error)
{
	const struct oci_block_io *block_io = resources->block_io;
	const GPtrArray *weights = block_io->weight_device;
	bool leaf = block_io->leaf_weight != BERTH_UNSET && block_io->leaf_weight != 0;

	if (!set_weight(context, "weight", "", block_io->weight, error))
		return false;
	for (unsigned i = 0; weights && i < weights->len; i++) {
		const struct oci_weight_device *device = g_ptr_array_index(weights, i);
		g_autofree char *number =
			g_strdup_printf("%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT " ", device->major, device->minor);
		if (!check_device("weightDevice", device->major, device->minor, error) ||
		    !set_weight(context, "weightDevice", number, device->weight, error))
			return false;
		leaf = leaf || (device->leaf_weight != 0 && device->leaf_weight != BERTH_UNSET);
	}
	if (leaf && !set_leaf_weights(context, block_io, error))
		return false;
	for (unsigned i = 0; i < G_N_ELEMENTS(throttles); i++) {
		const char *member = (const char *) block_io + throttles[i].member;
		if (!set_throttle(context, &throttles[i], *(GPtrArray *const *) member, error))
			return false;
	}
	return true;
}
