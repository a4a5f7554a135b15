// SPDX-License-Identifier: Apache-2.0
// Limits as properties of systemd's units. They are written to the group's files as well, which have more and finer
// ones; systemd must know of those that it manages, since it writes its own values whenever it is reloaded.
#include "runtime/systemd.h"

#include "base/error.h"
#include "base/fd.h"
#include "runtime/resources.h"
#include "sys/cgroup-internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define SET_MAX 8192 // processors and memory nodes
#define QUOTA_STEP 10000 // systemd keeps whole percents of a processor
#define DEFAULT_PERIOD 100000

static void add(GVariantBuilder *builder, const char *name, GVariant *value)
{
	g_variant_builder_add(builder, "(sv)", name, value);
}

static void add_number(GVariantBuilder *builder, const char *name, uint64_t value)
{
	add(builder, name, g_variant_new_uint64(value));
}

static void add_bool(GVariantBuilder *builder, const char *name)
{
	add(builder, name, g_variant_new_boolean(TRUE));
}

// Annotations: what may be set, and how it is read. Nothing in here starts a program or another unit, touches other
// units, or names files.
static const struct allowed {
	const char *name, *type;
	const char *const *values; // NULL: any
} allowed[] = {
#define VALUES(...)                                                                                                    \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}
	{"After", "as"},
	{"Before", "as"},
	{"CollectMode", "s", VALUES("inactive", "inactive-or-failed")},
	{"CPUQuotaPerSecUSec", "t"},
	{"CPUQuotaPeriodUSec", "t"},
	{"CPUWeight", "t"},
	{"DefaultDependencies", "b"},
	{"Description", "s"},
	{"IOWeight", "t"},
	{"KillMode", "s", VALUES("control-group", "mixed", "process", "none")},
	{"KillSignal", "i"},
	{"ManagedOOMMemoryPressure", "s", VALUES("auto", "kill")},
	{"ManagedOOMMemoryPressureLimit", "u"},
	{"ManagedOOMPreference", "s", VALUES("none", "avoid", "omit")},
	{"ManagedOOMSwap", "s", VALUES("auto", "kill")},
	{"MemoryHigh", "t"},
	{"MemoryLow", "t"},
	{"MemoryMax", "t"},
	{"MemoryMin", "t"},
	{"MemorySwapMax", "t"},
	{"OOMPolicy", "s", VALUES("continue", "stop", "kill")},
	{"RuntimeMaxUSec", "t"},
	{"SendSIGHUP", "b"},
	{"SendSIGKILL", "b"},
	{"StartupCPUWeight", "t"},
	{"StartupIOWeight", "t"},
	{"TasksMax", "t"},
	{"TimeoutStopUSec", "t"},
#undef VALUES
};

static const struct allowed *find_allowed(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(allowed); i++)
		if (g_str_equal(allowed[i].name, name))
			return &allowed[i];
	return NULL;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char) *text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static bool check_value(const char *annotation, const struct allowed *property, GVariant *value, GError **error)
{
	if (g_str_equal(property->type, "s")) {
		const char *text = g_variant_get_string(value, NULL);
		if (has_control(text) || (property->values && !g_strv_contains(property->values, text)))
			return berth_error_set(error, BERTH_ERROR_INVALID, "annotation %s: '%s' is not a value of it",
					       annotation, text);
	}
	for (gsize i = 0; g_str_equal(property->type, "as") && i < g_variant_n_children(value); i++) {
		g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
		const char *text = g_variant_get_string(child, NULL);
		if (!*text || has_control(text) || strpbrk(text, " /"))
			return berth_error_set(error, BERTH_ERROR_INVALID, "annotation %s: '%s' is not a unit's name",
					       annotation, text);
	}
	return true;
}

// "TimeoutStopSec" takes seconds, as systemd's own files do.
static char *property_name(const char *name, bool *ret_seconds)
{
	*ret_seconds = g_str_has_suffix(name, "Sec") && !g_str_has_suffix(name, "USec");
	if (!*ret_seconds)
		return g_strdup(name);
	g_autofree char *stem = g_strndup(name, strlen(name) - strlen("Sec"));
	return g_strconcat(stem, "USec", NULL);
}

static GVariant *seconds(const char *text, GError **error)
{
	g_autoptr(GVariant) number = g_variant_parse(NULL, text, NULL, NULL, error);

	if (!number)
		return NULL;
	if (g_variant_is_of_type(number, G_VARIANT_TYPE_DOUBLE) && g_variant_get_double(number) >= 0 &&
	    g_variant_get_double(number) < 1e12)
		return g_variant_new_uint64((uint64_t) (g_variant_get_double(number) * G_USEC_PER_SEC));
	if (g_variant_is_of_type(number, G_VARIANT_TYPE_INT32) && g_variant_get_int32(number) >= 0)
		return g_variant_new_uint64((uint64_t) g_variant_get_int32(number) * G_USEC_PER_SEC);
	if (g_variant_is_of_type(number, G_VARIANT_TYPE_UINT64) && g_variant_get_uint64(number) < G_MAXINT32)
		return g_variant_new_uint64(g_variant_get_uint64(number) * G_USEC_PER_SEC);
	berth_error_set(error, BERTH_ERROR_INVALID, "is not a number of seconds");
	return NULL;
}

static bool add_annotation(GVariantBuilder *builder, const char *annotation, const char *text, GError **error)
{
	bool in_seconds;
	g_autofree char *name = property_name(annotation + strlen(BERTH_SYSTEMD_PROPERTY), &in_seconds);
	const struct allowed *property = find_allowed(name);
	g_autoptr(GError) local = NULL;

	if (!property)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "annotation %s: is not one of the properties that a container may set",
				       annotation);
	g_autoptr(GVariant) value = in_seconds
					    ? seconds(text, &local)
					    : g_variant_parse(G_VARIANT_TYPE(property->type), text, NULL, NULL, &local);
	if (!value)
		return berth_error_set(error, BERTH_ERROR_INVALID, "annotation %s: '%s': %s", annotation, text,
				       local->message);
	g_variant_take_ref(value);
	if (!check_value(annotation, property, value, error))
		return false;
	add(builder, name, value);
	return true;
}

static int compare(const void *left, const void *right)
{
	return strcmp(*(char *const *) left, *(char *const *) right);
}

static bool add_annotations(GVariantBuilder *builder, GHashTable *annotations, GError **error)
{
	guint count = 0;
	g_autofree char **names = annotations ? (char **) g_hash_table_get_keys_as_array(annotations, &count) : NULL;

	if (count)
		qsort(names, count, sizeof *names, compare);
	for (guint i = 0; i < count; i++)
		if (g_str_has_prefix(names[i], BERTH_SYSTEMD_PROPERTY) &&
		    !add_annotation(builder, names[i], g_hash_table_lookup(annotations, names[i]), error))
			return false;
	return true;
}

// Limits

static uint64_t negative_is_max(int64_t value)
{
	return value < 0 ? UINT64_MAX : (uint64_t) value;
}

static bool given(int64_t value)
{
	return value != BERTH_UNSET && value != 0;
}

static void add_memory(GVariantBuilder *builder, const struct berth_systemd_request *request)
{
	const struct oci_memory *memory = request->resources->memory;

	if (!memory)
		return;
	int64_t limit = given(memory->limit) ? memory->limit : request->memory_limit;
	int64_t swap = memory->limit == -1 && !given(memory->swap) ? -1 : memory->swap;
	if (given(memory->limit))
		add_number(builder, request->unified ? "MemoryMax" : "MemoryLimit", negative_is_max(memory->limit));
	if (!request->unified)
		return;
	if (given(memory->reservation))
		add_number(builder, "MemoryLow", negative_is_max(memory->reservation));
	if (swap == -1)
		add_number(builder, "MemorySwapMax", UINT64_MAX);
	else if (swap > 0 && limit > 0 && swap >= limit) // else the files' writer says what is wrong
		add_number(builder, "MemorySwapMax", (uint64_t) (swap - limit));
}

static void add_quota(GVariantBuilder *builder, const struct berth_systemd_request *request)
{
	const struct oci_cpu *cpu = request->resources->cpu;
	bool has_quota = given(cpu->quota), has_period = cpu->period != 0 && (int64_t) cpu->period != BERTH_UNSET;
	int64_t quota = has_quota ? cpu->quota : request->cpu_quota;
	uint64_t period = has_period                           ? cpu->period
			  : request->cpu_period != BERTH_UNSET ? (uint64_t) request->cpu_period
							       : DEFAULT_PERIOD;

	if (has_period)
		add_number(builder, "CPUQuotaPeriodUSec", period);
	if ((!has_quota && !has_period) || quota == BERTH_UNSET)
		return;
	if (quota < 0) {
		add_number(builder, "CPUQuotaPerSecUSec", UINT64_MAX);
		return;
	}
	uint64_t per_second = (uint64_t) ((double) quota * G_USEC_PER_SEC / (double) period);
	per_second = (per_second + QUOTA_STEP - 1) / QUOTA_STEP * QUOTA_STEP;
	add_number(builder, "CPUQuotaPerSecUSec", per_second);
}

// "0-3,5" as a set of bits, the lowest first.
static bool add_set(GVariantBuilder *builder, const char *name, const char *what, const char *text, GError **error)
{
	unsigned char bits[SET_MAX / 8] = {0};
	unsigned last = 0;

	if (!text || !*text)
		return true;
	for (const char *at = text; *at;) {
		char *end;
		unsigned long from = strtoul(at, &end, 10), to = from;
		bool good = g_ascii_isdigit(*at);
		if (good && *end == '-') {
			at = end + 1;
			good = g_ascii_isdigit(*at);
			to = strtoul(at, &end, 10);
		}
		if (!good || from > to || to >= SET_MAX || (*end && *end != ',' && *end != '\n'))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "resources: cpu.%s: '%s' is not a list of %s", what, text, what);
		for (unsigned long i = from; i <= to; i++)
			bits[i / 8] |= (unsigned char) (1 << i % 8);
		last = MAX(last, (unsigned) to);
		at = *end ? end + 1 : end;
	}
	add(builder, name, g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bits, last / 8 + 1, 1));
	return true;
}

static bool add_cpu(GVariantBuilder *builder, const struct berth_systemd_request *request, GError **error)
{
	const struct oci_cpu *cpu = request->resources->cpu;

	if (!cpu)
		return true;
	bool has_shares = cpu->shares != 0 && (int64_t) cpu->shares != BERTH_UNSET;
	if (has_shares && !request->unified)
		add_number(builder, "CPUShares", CLAMP(cpu->shares, 2, 262144));
	if (request->unified && cpu->idle == 1)
		add_number(builder, "CPUWeight", 0);
	else if (request->unified && has_shares)
		add_number(builder, "CPUWeight",
			   (uint64_t) berth_resources_cpu_weight((int64_t) MIN(cpu->shares, 262144)));
	else if (request->unified && cpu->idle == 0)
		add_number(builder, "CPUWeight", 100);
	add_quota(builder, request);
	return !request->unified || (add_set(builder, "AllowedCPUs", "cpus", cpu->cpus, error) &&
				     add_set(builder, "AllowedMemoryNodes", "mems", cpu->mems, error));
}

static void add_devices(GVariantBuilder *builder, const char *name, const GPtrArray *devices)
{
	GVariantBuilder list;

	if (!devices || !devices->len)
		return;
	g_variant_builder_init(&list, G_VARIANT_TYPE("a(st)"));
	for (guint i = 0; i < devices->len; i++) {
		const struct oci_throttle_device *device = devices->pdata[i];
		g_autofree char *path = g_strdup_printf("/dev/block/%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT,
							device->major, device->minor);
		g_variant_builder_add(&list, "(st)", path, device->rate == 0 ? UINT64_MAX : device->rate);
	}
	add(builder, name, g_variant_builder_end(&list));
}

static uint64_t block_weight(const struct berth_systemd_request *request, int64_t weight)
{
	weight = CLAMP(weight, 10, 1000);
	return (uint64_t) (request->unified ? berth_resources_io_weight(weight) : weight);
}

static void add_block_io(GVariantBuilder *builder, const struct berth_systemd_request *request)
{
	const struct oci_block_io *block_io = request->resources->block_io;
	bool unified = request->unified;
	GVariantBuilder list;

	if (!block_io)
		return;
	if (given(block_io->weight))
		add_number(builder, unified ? "IOWeight" : "BlockIOWeight", block_weight(request, block_io->weight));
	g_variant_builder_init(&list, G_VARIANT_TYPE("a(st)"));
	for (guint i = 0; block_io->weight_device && i < block_io->weight_device->len; i++) {
		const struct oci_weight_device *device = block_io->weight_device->pdata[i];
		g_autofree char *path = g_strdup_printf("/dev/block/%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT,
							device->major, device->minor);
		if (given(device->weight))
			g_variant_builder_add(&list, "(st)", path, block_weight(request, device->weight));
	}
	g_autoptr(GVariant) weights = g_variant_ref_sink(g_variant_builder_end(&list));
	if (g_variant_n_children(weights))
		add(builder, unified ? "IODeviceWeight" : "BlockIODeviceWeight", weights);
	add_devices(builder, unified ? "IOReadBandwidthMax" : "BlockIOReadBandwidth",
		    block_io->throttle_read_bps_device);
	add_devices(builder, unified ? "IOWriteBandwidthMax" : "BlockIOWriteBandwidth",
		    block_io->throttle_write_bps_device);
	if (unified) {
		add_devices(builder, "IOReadIOPSMax", block_io->throttle_read_iops_device);
		add_devices(builder, "IOWriteIOPSMax", block_io->throttle_write_iops_device);
	}
}

// unified: the files that systemd manages by properties of its own.

static bool number_or_max(const char *key, const char *text, uint64_t *ret, GError **error)
{
	if (g_str_equal(text, "max")) {
		*ret = UINT64_MAX;
		return true;
	}
	return g_ascii_string_to_unsigned(text, 10, 0, UINT64_MAX, ret, NULL) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "resources: unified: %s: '%s' is not a number", key, text);
}

static bool add_cpu_max(GVariantBuilder *builder, const char *text, GError **error)
{
	g_auto(GStrv) words = g_strsplit(text, " ", 2);
	uint64_t quota, period = DEFAULT_PERIOD;

	if (!number_or_max("cpu.max", words[0] ? words[0] : "", &quota, error) ||
	    (words[0] && words[1] && !number_or_max("cpu.max", words[1], &period, error)))
		return false;
	if (period == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "resources: unified: cpu.max: the period is 0");
	add_number(builder, "CPUQuotaPeriodUSec", period);
	if (quota != UINT64_MAX) {
		quota = (uint64_t) ((double) quota * G_USEC_PER_SEC / (double) period);
		quota = (quota + QUOTA_STEP - 1) / QUOTA_STEP * QUOTA_STEP;
	}
	add_number(builder, "CPUQuotaPerSecUSec", quota);
	return true;
}

static bool add_unified(GVariantBuilder *builder, GHashTable *unified, GError **error)
{
	static const struct {
		const char *file, *property;
	} numbers[] = {
		{"memory.min", "MemoryMin"}, {"memory.low", "MemoryLow"}, {"memory.high", "MemoryHigh"},
		{"memory.max", "MemoryMax"}, {"pids.max", "TasksMax"},    {"memory.swap.max", "MemorySwapMax"},
		{"cpu.weight", "CPUWeight"},
	};
	const char *cpu_max = g_hash_table_lookup(unified, "cpu.max");

	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
		const char *text = g_hash_table_lookup(unified, numbers[i].file);
		uint64_t value;
		if (text && !number_or_max(numbers[i].file, text, &value, error))
			return false;
		if (text)
			add_number(builder, numbers[i].property, value);
	}
	return (!cpu_max || add_cpu_max(builder, cpu_max, error)) &&
	       add_set(builder, "AllowedCPUs", "cpus", g_hash_table_lookup(unified, "cpuset.cpus"), error) &&
	       add_set(builder, "AllowedMemoryNodes", "mems", g_hash_table_lookup(unified, "cpuset.mems"), error);
}

// Devices, on v1 only: there systemd writes its own rules over others. On v2 each has a program of its own, and all
// count.

// The driver's name by its number, as /proc/devices has it ("136 pts"); NULL: the kernel has no such driver now.
static char *driver_name(const char *table, char type, int64_t major)
{
	const char *section = strstr(table, type == 'b' ? "Block devices:" : "Character devices:");
	g_auto(GStrv) lines = g_strsplit(section ? section : "", "\n", -1);

	for (char **line = lines[0] ? lines + 1 : lines; *line && **line; line++) {
		char *end;
		if (g_ascii_strtoll(*line, &end, 10) == major && *end == ' ')
			return g_strdup(g_strstrip(end));
	}
	return NULL;
}

static bool add_device_rule(GVariantBuilder *list, const char *table, const struct berth_device_rule *rule,
			    GError **error)
{
	const char *class = rule->type == 'b' ? "block" : "char";
	g_autofree char *access =
		g_strconcat(rule->read ? "r" : "", rule->write ? "w" : "", rule->mknod ? "m" : "", NULL);
	g_autofree char *name = NULL, *driver = NULL;

	if (rule->major < 0 && rule->minor >= 0)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "resources: devices: systemd has no rules on a minor number of all drivers");
	if (rule->major < 0) {
		name = g_strconcat(class, "-*", NULL);
	} else if (rule->minor < 0) {
		driver = driver_name(table, rule->type, rule->major);
		name = driver ? g_strconcat(class, "-", driver, NULL) : NULL;
	} else {
		name = g_strdup_printf("/dev/%s/%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT, class, rule->major,
				       rule->minor);
	}
	if (name)
		g_variant_builder_add(list, "(ss)", name, access);
	return true;
}

static bool add_device_rules(GVariantBuilder *builder, const struct oci_resources *resources, GError **error)
{
	g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(struct berth_device_rule));
	g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(ss)"));
	bool all;
	g_autoptr(GArray) rules = berth_resources_device_rules(resources, &all, error);

	if (!rules)
		return false;
	if (all)
		return true;
	if (!berth_cgroup_reduce_devices((const struct berth_device_rule *) rules->data, rules->len, &all, entries,
					 error))
		return false;
	if (all)
		return berth_error_set(
			error, BERTH_ERROR_NOT_IMPLEMENTED,
			"resources: devices: systemd cannot make exceptions from all devices on cgroup v1");
	g_autofree char *table = berth_read_file_at(AT_FDCWD, "/proc/devices", 1 << 20, NULL, error);
	for (guint i = 0; table && i < entries->len; i++)
		if (!add_device_rule(&list, table, &g_array_index(entries, struct berth_device_rule, i), error))
			return false;
	if (!table)
		return false;
	add(builder, "DevicePolicy", g_variant_new_string("strict"));
	add(builder, "DeviceAllow", g_variant_new("a(ss)", NULL)); // empties the list
	add(builder, "DeviceAllow", g_variant_builder_end(&list));
	return true;
}

static bool add_limits(GVariantBuilder *builder, const struct berth_systemd_request *request, bool start,
		       GError **error)
{
	const struct oci_resources *resources = request->resources;
	const struct oci_pids *pids = resources->pids;

	add_memory(builder, request);
	if (!add_cpu(builder, request, error))
		return false;
	if (pids && pids->limit != BERTH_UNSET)
		add_number(builder, "TasksMax", pids->limit < 0 ? UINT64_MAX : (uint64_t) MAX(pids->limit, 1));
	add_block_io(builder, request);
	if (!request->unified && (start || (resources->devices && resources->devices->len)) &&
	    !add_device_rules(builder, resources, error))
		return false;
	return !request->unified || !resources->unified || add_unified(builder, resources->unified, error);
}

GVariant *berth_systemd_properties(const struct berth_systemd_request *request, bool start, GError **error)
{
	g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(sv)"));

	if (start) {
		add(&builder, "Description", g_variant_new_string(request->description));
		add(&builder, "CollectMode", g_variant_new_string("inactive-or-failed"));
		add(&builder, "DefaultDependencies", g_variant_new_boolean(FALSE));
		// Before what the configuration says: of two values the last one counts.
		if (!add_annotations(&builder, request->annotations, error))
			return NULL;
		add(&builder, "Slice", g_variant_new_string(request->slice));
		add_bool(&builder, "Delegate");
		add_bool(&builder, "CPUAccounting");
		add_bool(&builder, "MemoryAccounting");
		add_bool(&builder, "TasksAccounting");
		add_bool(&builder, request->unified ? "IOAccounting" : "BlockIOAccounting");
	}
	if (request->resources && !add_limits(&builder, request, start, error))
		return NULL;
	return g_variant_builder_end(&builder);
}
