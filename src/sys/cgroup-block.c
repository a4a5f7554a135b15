// SPDX-License-Identifier: Apache-2.0
// What a control group has read and written, by device.
#include "sys/cgroup-internal.h"

#include <string.h>

static void tell(berth_cgroup_block_fn *each, void *data, const char *device, struct berth_cgroup_block block,
		 const char *value)
{
	char *end;

	block.major = g_ascii_strtoull(device, &end, 10);
	block.minor = *end == ':' ? g_ascii_strtoull(end + 1, NULL, 10) : 0;
	block.value = g_ascii_strtoull(value, NULL, 10);
	each(data, &block);
}

// "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6"
static void read_v2(const struct berth_cgroup *cgroup, berth_cgroup_block_fn *each, void *data)
{
	static const struct {
		const char *key, *op;
		bool bytes;
	} keys[] = {{"rbytes=", "Read", true}, {"wbytes=", "Write", true}, {"dbytes=", "Discard", true},
		    {"rios=", "Read", false},  {"wios=", "Write", false},  {"dios=", "Discard", false}};
	g_autofree char *text = berth_cgroup_peek(cgroup, "io", "io.stat");
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", -1);
		for (char **word = words[0] ? words + 1 : words; *word; word++)
			for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
				if (g_str_has_prefix(*word, keys[i].key))
					tell(each, data, words[0],
					     (struct berth_cgroup_block){.op = keys[i].op, .bytes = keys[i].bytes},
					     *word + strlen(keys[i].key));
	}
}

// "8:0 Read 4096", and a last line "Total 4096"
static void read_v1(const struct berth_cgroup *cgroup, bool bytes, berth_cgroup_block_fn *each, void *data)
{
	const char *file = bytes ? "blkio.throttle.io_service_bytes" : "blkio.throttle.io_serviced";
	g_autofree char *recursive = g_strconcat(file, "_recursive", NULL);
	g_autofree char *text = berth_cgroup_peek(cgroup, "blkio", recursive);

	if (!text)
		text = berth_cgroup_peek(cgroup, "blkio", file);
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
	for (char **line = lines; *line; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", -1);
		if (g_strv_length(words) == 3)
			tell(each, data, words[0], (struct berth_cgroup_block){.op = words[1], .bytes = bytes},
			     words[2]);
	}
}

void berth_cgroup_block_each(const struct berth_cgroup *cgroup, berth_cgroup_block_fn *each, void *data)
{
	if (berth_cgroup_kind(cgroup) == BERTH_CGROUP_V2) {
		read_v2(cgroup, each, data);
		return;
	}
	read_v1(cgroup, true, each, data);
	read_v1(cgroup, false, each, data);
}
