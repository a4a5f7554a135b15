// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/users.h"

#include "base/error.h"
#include "base/limits.h"
#include "spec/oci-runtime.h"

#include <string.h>

#define ID_END ((int64_t) G_MAXUINT32) // the last one is "none"

void berth_users_wanted_clear(struct berth_users_wanted *wanted)
{
	g_clear_pointer(&wanted->uids, g_array_unref);
	g_clear_pointer(&wanted->gids, g_array_unref);
	g_clear_pointer(&wanted->container, g_free);
}

static bool invalid(GError **error, const char *text, const char *why)
{
	return berth_error_set(error, BERTH_ERROR_INVALID, "invalid userns mode: %s: %s", text, why);
}

static bool parse_number(const char *text, int64_t least, int64_t most, int64_t *ret)
{
	return text && g_ascii_string_to_signed(text, 10, least, most, ret, NULL);
}

// "container:host:count"
static bool parse_pin(const char *text, GArray *pins)
{
	g_auto(GStrv) parts = g_strsplit(text, ":", 4);
	struct berth_users_pin pin = {.count = 1};

	if (pins->len >= BERTH_LIMIT_USER_MAPPINGS || g_strv_length(parts) < 2 || g_strv_length(parts) > 3 ||
	    !parse_number(parts[0], 0, ID_END - 1, &pin.container) ||
	    !parse_number(parts[1], 0, ID_END - 1, &pin.host) ||
	    (parts[2] && !parse_number(parts[2], 1, ID_END, &pin.count)) || pin.container + pin.count > ID_END ||
	    pin.host + pin.count > ID_END)
		return false;
	g_array_append_val(pins, pin);
	return true;
}

static bool parse_auto(char *const *options, struct berth_users_wanted *ret, const char **bad)
{
	for (; options && *options; options++) {
		const char *value = strchr(*options, '=');
		*bad = *options;
		if (!value)
			return false;
		value++;
		bool known = g_str_has_prefix(*options, "size=")
				     ? parse_number(value, 1, BERTH_LIMIT_USER_RANGE, &ret->size)
			     : g_str_has_prefix(*options, "uidmapping=") ? parse_pin(value, ret->uids)
			     : g_str_has_prefix(*options, "gidmapping=") ? parse_pin(value, ret->gids)
									 : false;
		if (!known)
			return false;
	}
	return true;
}

static bool parse_keep_id(char *const *options, struct berth_users_wanted *ret, const char **bad)
{
	struct berth_users_pin uid = {-1, -1, 1}, gid = {-1, -1, 1};
	const struct {
		const char *name;
		int64_t *value;
	} table[] = {
		{"uid=", &uid.container}, {"gid=", &gid.container}, {"hostuid=", &uid.host}, {"hostgid=", &gid.host}};

	for (; options && *options; options++) {
		bool known = false;
		*bad = *options;
		for (size_t i = 0; i < G_N_ELEMENTS(table) && !known; i++)
			known = g_str_has_prefix(*options, table[i].name) &&
				parse_number(*options + strlen(table[i].name), 0, INT32_MAX, table[i].value);
		if (!known)
			return false;
	}
	*bad = "hostuid= and hostgid= have to say whose ids are kept (the command berth does)";
	if (uid.host < 0 || gid.host < 0)
		return false;
	uid.container = ret->uid = uid.container < 0 ? uid.host : uid.container;
	gid.container = ret->gid = gid.container < 0 ? gid.host : gid.container;
	g_array_append_val(ret->uids, uid);
	g_array_append_val(ret->gids, gid);
	return true;
}

static bool parse(const char *text, struct berth_users_wanted *ret, GError **error)
{
	size_t length = strcspn(text, ":");
	g_autofree char *word = g_strndup(text, length);
	g_auto(GStrv) options = text[length] ? g_strsplit(text + length + 1, ",", 0) : NULL;
	const char *bad = NULL;

	if (g_str_equal(word, "host"))
		return !options || invalid(error, text, "host has no options");
	if (g_str_equal(word, "auto")) {
		ret->mode = BERTH_USERS_AUTO;
		return parse_auto(options, ret, &bad) || invalid(error, text, bad);
	}
	if (g_str_equal(word, "keep-id")) {
		ret->mode = BERTH_USERS_KEEP_ID;
		return parse_keep_id(options, ret, &bad) || invalid(error, text, bad);
	}
	if (g_str_equal(word, "container") && text[length] && text[length + 1]) {
		ret->mode = BERTH_USERS_JOIN;
		ret->container = g_strdup(text + length + 1);
		return true;
	}
	if (g_str_equal(word, "nomap"))
		return invalid(error, text, "it makes sense only for an engine of an ordinary user");
	return invalid(error, text, "there are host, auto, keep-id and container:NAME");
}

bool berth_users_parse(const char *text, const char *standard, struct berth_users_wanted *ret, GError **error)
{
	*ret = (struct berth_users_wanted){
		.size = BERTH_USERS_SIZE,
		.uids = g_array_new(FALSE, FALSE, sizeof(struct berth_users_pin)),
		.gids = g_array_new(FALSE, FALSE, sizeof(struct berth_users_pin)),
	};
	if (parse(text && *text ? text : standard ? standard : "host", ret, error))
		return true;
	berth_users_wanted_clear(ret);
	return false;
}

// Ranges

static void read_line(const char *line, const char *name, GArray *ranges)
{
	g_auto(GStrv) parts = g_strsplit(line, ":", 4);
	struct berth_users_range range;

	if (g_strv_length(parts) != 3 || !g_str_equal(parts[0], name) ||
	    !parse_number(g_strstrip(parts[1]), 1, ID_END - 1, &range.first) ||
	    !parse_number(g_strstrip(parts[2]), 1, ID_END, &range.count) || ranges->len >= BERTH_LIMIT_USER_RANGES)
		return;
	range.count = MIN(range.count, ID_END - range.first);
	g_array_append_val(ranges, range);
}

GArray *berth_users_ranges(const char *text, const char *const *names)
{
	GArray *ranges = g_array_new(FALSE, FALSE, sizeof(struct berth_users_range));
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", 0);

	for (; ranges->len == 0 && *names; names++)
		for (char **line = lines; *line; line++)
			read_line(*line, *names, ranges);
	if (ranges->len == 0) {
		const struct berth_users_range standard = {BERTH_USERS_FIRST, BERTH_USERS_COUNT};
		g_array_append_val(ranges, standard);
	}
	return ranges;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct berth_users_range *one = a, *other = b;

	return one->first < other->first ? -1 : one->first > other->first;
}

static int64_t find_in(const struct berth_users_range *range, const GArray *used, int64_t size)
{
	int64_t at = range->first;

	for (guint i = 0; i < used->len; i++) {
		const struct berth_users_range *taken = &g_array_index(used, struct berth_users_range, i);
		if (taken->first >= at + size)
			break;
		at = MAX(at, taken->first + taken->count);
	}
	return at + size <= range->first + range->count ? at : -1;
}

int64_t berth_users_find(const GArray *ranges, GArray *used, int64_t size)
{
	g_array_sort(used, compare_ranges);
	for (guint i = 0; i < ranges->len; i++) {
		int64_t found = find_in(&g_array_index(ranges, struct berth_users_range, i), used, size);
		if (found >= 0)
			return found;
	}
	return -1;
}

// Maps

static int compare_pins(const void *a, const void *b)
{
	const struct berth_users_pin *one = a, *other = b;

	return one->container < other->container ? -1 : one->container > other->container;
}

static void add(GPtrArray *map, int64_t container, int64_t host, int64_t count)
{
	if (count <= 0)
		return;
	struct oci_id_mapping *mapping = berth_document_new(&oci_id_mapping_document);
	mapping->container_id = container;
	mapping->host_id = host;
	mapping->size = count;
	g_ptr_array_add(map, mapping);
}

static bool overlaps(const struct berth_users_pin *pin, int64_t first, int64_t size)
{
	return pin->host < first + size && first < pin->host + pin->count;
}

static bool fill(GPtrArray *map, const GArray *sorted, int64_t first, int64_t size, GError **error)
{
	int64_t next = 0;

	for (guint i = 0; i < sorted->len; i++) {
		const struct berth_users_pin *pin = &g_array_index(sorted, struct berth_users_pin, i);
		bool twice = pin->container < next && i > 0;
		for (guint j = 0; j < i && !twice; j++)
			twice = overlaps(pin, g_array_index(sorted, struct berth_users_pin, j).host,
					 g_array_index(sorted, struct berth_users_pin, j).count);
		if (twice || overlaps(pin, first, size))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid userns mode: id %" G_GINT64_FORMAT " is mapped twice, or to an "
					       "id of the range that the container gets for itself",
					       pin->container);
		add(map, next, first + next, MIN(pin->container, size) - next);
		add(map, pin->container, pin->host, pin->count);
		next = pin->container + pin->count;
	}
	add(map, next, first + next, size - next);
	return true;
}

GPtrArray *berth_users_map(const GArray *pins, int64_t first, int64_t size, GError **error)
{
	g_autoptr(GArray) sorted = g_array_new(FALSE, FALSE, sizeof(struct berth_users_pin));
	GPtrArray *map = berth_objects_new();

	if (pins->len)
		g_array_append_vals(sorted, pins->data, pins->len);
	g_array_sort(sorted, compare_pins);
	if (fill(map, sorted, first, size, error))
		return map;
	for (guint i = 0; i < map->len; i++)
		berth_document_free(&oci_id_mapping_document, map->pdata[i]);
	g_ptr_array_unref(map);
	return NULL;
}

int64_t berth_users_host_id(const GPtrArray *map, int64_t id)
{
	for (guint i = 0; map && i < map->len; i++) {
		const struct oci_id_mapping *mapping = map->pdata[i];
		if (id >= mapping->container_id && id - mapping->container_id < mapping->size)
			return mapping->host_id + id - mapping->container_id;
	}
	return -1;
}
