// SPDX-License-Identifier: Apache-2.0
#include "runtime/stats.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/cgroup-internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define SET_MAX 8192 // processors and memory nodes

static uint64_t number(const struct berth_cgroup *cgroup, const char *controller, const char *file)
{
	g_autofree char *text = berth_cgroup_peek(cgroup, controller, file);

	if (text && g_str_equal(text, "max"))
		return OCI_STATS_UNLIMITED;
	return text ? MIN(g_ascii_strtoull(text, NULL, 10), OCI_STATS_UNLIMITED) : 0;
}

static bool is_v2(const struct berth_cgroup *cgroup)
{
	return berth_cgroup_kind(cgroup) == BERTH_CGROUP_V2;
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", and the same for full.
static json_t *pressure(const struct berth_cgroup *cgroup, const char *file)
{
	g_autofree char *text = is_v2(cgroup) ? berth_cgroup_peek(cgroup, "memory", file) : NULL;
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
	json_t *all = text && *text ? json_object() : NULL;

	for (char **line = lines; all && *line; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", -1);
		json_t *entry = json_object();
		for (char **word = words[0] ? words + 1 : words; *word; word++) {
			char *value = strchr(*word, '=');
			if (!value)
				continue;
			*value++ = '\0';
			json_object_set_new(entry, *word,
					    strchr(value, '.') ? json_real(g_ascii_strtod(value, NULL))
							       : json_integer(g_ascii_strtoll(value, NULL, 10)));
		}
		if (words[0])
			json_object_set_new(all, words[0], entry);
		else
			json_decref(entry);
	}
	return all;
}

static json_t *numbers(const char *text)
{
	json_t *list = text && *text ? json_array() : NULL;
	g_auto(GStrv) words = g_strsplit(text ? text : "", " ", -1);

	for (char **word = words; list && *word; word++)
		if (**word)
			json_array_append_new(list, json_integer(g_ascii_strtoll(*word, NULL, 10)));
	return list;
}

static void read_cpu(const struct berth_cgroup *cgroup, struct oci_stats *stats)
{
	g_autofree char *text = berth_cgroup_peek(cgroup, "cpu", "cpu.stat");
	struct berth_cgroup_usage usage;

	stats->cpu = berth_document_new(&oci_stats_cpu_document);
	stats->cpu->usage = berth_document_new(&oci_stats_cpu_usage_document);
	stats->cpu->throttling = berth_document_new(&oci_stats_throttling_document);
	berth_cgroup_usage(cgroup, &usage);
	stats->cpu->usage->total = usage.cpu_nanoseconds;
	stats->cpu->usage->user = usage.cpu_user_nanoseconds;
	stats->cpu->usage->kernel = usage.cpu_system_nanoseconds;
	if (!is_v2(cgroup)) {
		g_autofree char *each = berth_cgroup_peek(cgroup, "cpuacct", "cpuacct.usage_percpu");
		stats->cpu->usage->per_cpu = numbers(each);
	}
	stats->cpu->throttling->periods = berth_cgroup_number(text, "nr_periods");
	stats->cpu->throttling->throttled_periods = berth_cgroup_number(text, "nr_throttled");
	stats->cpu->throttling->throttled_time = is_v2(cgroup) ? berth_cgroup_number(text, "throttled_usec") * 1000
							       : berth_cgroup_number(text, "throttled_time");
	stats->cpu->psi = pressure(cgroup, "cpu.pressure");
}

// "0-2,5"
static json_t *set(const struct berth_cgroup *cgroup, const char *effective, const char *plain)
{
	g_autofree char *text = berth_cgroup_peek(cgroup, "cpuset", effective);
	g_autofree char *other = text ? NULL : berth_cgroup_peek(cgroup, "cpuset", plain);
	const char *at = text ? text : other;
	json_t *list = at && *at ? json_array() : NULL;

	while (list && g_ascii_isdigit(*at)) {
		char *end;
		guint64 from = g_ascii_strtoull(at, &end, 10),
			to = *end == '-' ? g_ascii_strtoull(end + 1, &end, 10) : from;
		for (guint64 i = from; i <= to && i < SET_MAX; i++)
			json_array_append_new(list, json_integer((json_int_t) i));
		at = *end == ',' ? end + 1 : end;
	}
	return list;
}

static void read_cpuset(const struct berth_cgroup *cgroup, struct oci_stats *stats)
{
	bool v2 = is_v2(cgroup);

	stats->cpuset = berth_document_new(&oci_stats_cpuset_document);
	stats->cpuset->cpus = set(cgroup, v2 ? "cpuset.cpus.effective" : "cpuset.effective_cpus", "cpuset.cpus");
	stats->cpuset->mems = set(cgroup, v2 ? "cpuset.mems.effective" : "cpuset.effective_mems", "cpuset.mems");
}

// v1: "memory", "memory.memsw", "memory.kmem", "memory.kmem.tcp"
static struct oci_stats_memory_entry *entry_v1(const struct berth_cgroup *cgroup, const char *prefix)
{
	struct oci_stats_memory_entry *entry = berth_document_new(&oci_stats_memory_entry_document);
	g_autofree char *limit = g_strconcat(prefix, ".limit_in_bytes", NULL);
	g_autofree char *usage = g_strconcat(prefix, ".usage_in_bytes", NULL);
	g_autofree char *max = g_strconcat(prefix, ".max_usage_in_bytes", NULL);
	g_autofree char *fails = g_strconcat(prefix, ".failcnt", NULL);

	entry->limit = number(cgroup, "memory", limit);
	entry->usage = number(cgroup, "memory", usage);
	entry->max = number(cgroup, "memory", max);
	entry->fail_count = number(cgroup, "memory", fails);
	return entry;
}

static void read_memory_v2(const struct berth_cgroup *cgroup, struct oci_stats_memory *memory, const char *stat)
{
	g_autofree char *events = berth_cgroup_peek(cgroup, "memory", "memory.events");

	memory->cache = berth_cgroup_number(stat, "file");
	memory->usage = berth_document_new(&oci_stats_memory_entry_document);
	memory->usage->limit = number(cgroup, "memory", "memory.max");
	memory->usage->usage = number(cgroup, "memory", "memory.current");
	memory->usage->max = number(cgroup, "memory", "memory.peak");
	memory->usage->fail_count = berth_cgroup_number(events, "max");
	memory->swap = berth_document_new(&oci_stats_memory_entry_document);
	memory->swap->limit = number(cgroup, "memory", "memory.swap.max");
	memory->swap->usage = number(cgroup, "memory", "memory.swap.current") + memory->usage->usage;
	// As on v1, where swap contains memory.
	if (memory->swap->limit != OCI_STATS_UNLIMITED)
		memory->swap->limit = memory->usage->limit == OCI_STATS_UNLIMITED
					      ? OCI_STATS_UNLIMITED
					      : memory->swap->limit + memory->usage->limit;
	memory->psi = pressure(cgroup, "memory.pressure");
}

static void read_memory(const struct berth_cgroup *cgroup, struct oci_stats *stats)
{
	struct oci_stats_memory *memory = berth_document_new(&oci_stats_memory_document);
	g_autofree char *stat = berth_cgroup_peek(cgroup, "memory", "memory.stat");
	g_auto(GStrv) lines = g_strsplit(stat ? stat : "", "\n", -1);

	stats->memory = memory;
	if (is_v2(cgroup)) {
		read_memory_v2(cgroup, memory, stat);
	} else {
		memory->cache = berth_cgroup_number(stat, "cache");
		memory->usage = entry_v1(cgroup, "memory");
		memory->swap = entry_v1(cgroup, "memory.memsw");
		memory->kernel = entry_v1(cgroup, "memory.kmem");
		memory->kernel_tcp = entry_v1(cgroup, "memory.kmem.tcp");
	}
	memory->raw = json_object();
	for (char **line = lines; *line; line++) {
		char *value = strchr(*line, ' ');
		if (!value)
			continue;
		*value = '\0';
		json_object_set_new(memory->raw, *line, json_integer(g_ascii_strtoll(value + 1, NULL, 10)));
	}
}

static void read_pids(const struct berth_cgroup *cgroup, struct oci_stats *stats)
{
	stats->pids = berth_document_new(&oci_stats_pids_document);
	stats->pids->current = number(cgroup, "pids", "pids.current");
	stats->pids->limit = number(cgroup, "pids", "pids.max");
	if (stats->pids->limit == OCI_STATS_UNLIMITED)
		stats->pids->limit = 0;
}

static void add_block(void *data, const struct berth_cgroup_block *block)
{
	struct oci_stats_block_io *block_io = data;
	struct oci_stats_block_entry *entry = berth_document_new(&oci_stats_block_entry_document);

	entry->major = (int64_t) block->major;
	entry->minor = (int64_t) block->minor;
	entry->op = g_strdup(block->op);
	entry->value = block->value;
	g_ptr_array_add(block->bytes ? block_io->service_bytes : block_io->serviced, entry);
}

static void read_block_io(const struct berth_cgroup *cgroup, struct oci_stats *stats)
{
	struct oci_stats_block_io *block_io = berth_document_new(&oci_stats_block_io_document);

	stats->block_io = block_io;
	block_io->service_bytes = berth_objects_new();
	block_io->serviced = berth_objects_new();
	berth_cgroup_block_each(cgroup, add_block, block_io);
	if (is_v2(cgroup))
		block_io->psi = pressure(cgroup, "io.pressure");
}

static void add_huge_pages(const struct berth_cgroup *cgroup, const char *size, struct oci_stats *stats)
{
	struct oci_stats_huge_pages *pages = berth_document_new(&oci_stats_huge_pages_document);
	bool v2 = is_v2(cgroup);
	g_autofree char *usage = g_strconcat("hugetlb.", size, v2 ? ".current" : ".usage_in_bytes", NULL);
	g_autofree char *max = v2 ? NULL : g_strconcat("hugetlb.", size, ".max_usage_in_bytes", NULL);
	g_autofree char *fails = g_strconcat("hugetlb.", size, v2 ? ".events" : ".failcnt", NULL);
	g_autofree char *text = berth_cgroup_peek(cgroup, "hugetlb", fails);

	pages->usage = number(cgroup, "hugetlb", usage);
	pages->max = max ? number(cgroup, "hugetlb", max) : 0;
	pages->fail_count = v2 ? berth_cgroup_number(text, "max") : text ? g_ascii_strtoull(text, NULL, 10) : 0;
	g_hash_table_insert(stats->huge_pages, g_strdup(size), pages);
}

// The page sizes are told by the names of the files.
static void read_huge_pages(const struct berth_cgroup *cgroup, struct oci_stats *stats)
{
	const struct berth_cgroup_folder *folder = berth_cgroup_find(cgroup, "hugetlb");
	const char *end = is_v2(cgroup) ? ".current" : ".usage_in_bytes";
	int fd = folder ? openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;

	stats->huge_pages = berth_map_object_new(&oci_stats_huge_pages_document);
	if (!listing) {
		berth_fd_clear(&fd);
		return;
	}
	for (struct dirent *entry; (entry = readdir(listing));) {
		const char *name = entry->d_name;
		if (!g_str_has_prefix(name, "hugetlb.") || !g_str_has_suffix(name, end) || strstr(name, ".rsvd."))
			continue;
		name += strlen("hugetlb.");
		g_autofree char *size = g_strndup(name, strlen(name) - strlen(end));
		add_huge_pages(cgroup, size, stats);
	}
	closedir(listing);
}

struct oci_stats *berth_stats_read(const struct berth_cgroup *cgroup)
{
	struct oci_stats *stats = berth_document_new(&oci_stats_document);

	read_cpu(cgroup, stats);
	read_cpuset(cgroup, stats);
	read_memory(cgroup, stats);
	read_pids(cgroup, stats);
	read_block_io(cgroup, stats);
	read_huge_pages(cgroup, stats);
	return stats;
}
