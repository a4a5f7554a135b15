// SPDX-License-Identifier: Apache-2.0
#include "programs/daemon-builder.h"

#include "base/error.h"
#include "base/flags.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/moment.h"

#include <string.h>

// A key of an object, and what reads its value.
struct key {
	const char *name;
	bool (*read)(const json_t *value, void *to, GError **error);
	size_t offset; // of what it is read into
};

static bool read_object(const json_t *object, const struct key *keys, void *to, GError **error)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return berth_error_set(error, BERTH_ERROR_INVALID, ": expected an object");
	json_object_foreach((json_t *) (uintptr_t) object, name, value)
	{
		const struct key *key = keys;
		while (key->name && strcmp(key->name, name) != 0)
			key++;
		if (!key->name)
			return berth_error_set(error, BERTH_ERROR_INVALID, ".%s: there is no such setting", name);
		if (json_is_null(value))
			continue;
		if (!key->read(value, (char *) to + key->offset, error)) {
			g_prefix_error(error, ".%s", name);
			return false;
		}
	}
	return true;
}

static bool read_switch(const json_t *value, void *to, GError **error)
{
	*(bool *) to = json_is_true(value);
	return json_is_boolean(value) || berth_error_set(error, BERTH_ERROR_INVALID, ": expected true or false");
}

// For what is said as its opposite.
static bool read_negated(const json_t *value, void *to, GError **error)
{
	*(bool *) to = json_is_false(value);
	return json_is_boolean(value) || berth_error_set(error, BERTH_ERROR_INVALID, ": expected true or false");
}

static bool read_bytes(const json_t *value, void *to, GError **error)
{
	int64_t *bytes = to;

	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		*bytes = json_integer_value(value);
		return true;
	}
	if (!json_is_string(value))
		return berth_error_set(error, BERTH_ERROR_INVALID, ": expected a size, as \"20GB\"");
	if (!*json_string_value(value)) // as Docker's own example has it
		return true;
	if (berth_bytes_parse(json_string_value(value), bytes, error))
		return true;
	g_prefix_error(error, ": ");
	return false;
}

// Filters

static bool check_age(const char *value, GError **error)
{
	int64_t ignored;

	return berth_duration_parse(value, &ignored, NULL) || berth_moment_parse(value, &ignored, error);
}

static bool add_filter(GHashTable *filters, const char *text, GError **error)
{
	static const char *const known[] = {"until",       "unused-for", "id",     "parent",  "type",
					    "description", "inuse",      "shared", "private", NULL};
	g_auto(GStrv) pair = g_strsplit(text, "=", 2);

	if (!pair[0] || !pair[1] || !g_strv_contains(known, pair[0]))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       ": \"%s\": expected FILTER=VALUE, as \"unused-for=48h\"", text);
	if ((strcmp(pair[0], "until") == 0 || strcmp(pair[0], "unused-for") == 0) && !check_age(pair[1], error)) {
		g_prefix_error(error, ": \"%s\": ", text);
		return false;
	}
	char **before = g_hash_table_lookup(filters, pair[0]);
	g_autoptr(GStrvBuilder) values = g_strv_builder_new();
	if (before)
		g_strv_builder_addv(values, (const char **) before);
	g_strv_builder_add(values, pair[1]);
	g_hash_table_replace(filters, g_strdup(pair[0]), g_strv_builder_end(values));
	return true;
}

static bool read_filters(const json_t *value, void *to, GError **error)
{
	GHashTable **filters = to;
	json_t *element;
	size_t i;

	if (!json_is_array(value))
		return berth_error_set(error, BERTH_ERROR_INVALID, ": expected an array of FILTER=VALUE");
	if (!*filters)
		*filters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_strfreev);
	json_array_foreach(value, i, element)
	{
		if (!json_is_string(element))
			return berth_error_set(error, BERTH_ERROR_INVALID, ": expected an array of FILTER=VALUE");
		if (!add_filter(*filters, json_string_value(element), error))
			return false;
	}
	return true;
}

// Rules

#define RULE(member) offsetof(struct berth_build_prune, member)
static const struct key rule_keys[] = {
	{"all", read_switch, RULE(all)},
	{"filter", read_filters, RULE(filters)},
	{"keepStorage", read_bytes, RULE(keep_bytes)},
	{"reservedSpace", read_bytes, RULE(keep_bytes)},
	{"maxUsedSpace", read_bytes, RULE(max_used_bytes)},
	{"minFreeSpace", read_bytes, RULE(min_free_bytes)},
	{0},
};

static void rule_clear(void *data)
{
	struct berth_build_prune *rule = data;

	g_clear_pointer(&rule->filters, g_hash_table_unref);
}

static bool read_rules(const json_t *value, void *to, GError **error)
{
	GArray **rules = to;
	json_t *element;
	size_t i;

	if (!json_is_array(value) || json_array_size(value) > BERTH_LIMIT_BUILD_LIST)
		return berth_error_set(error, BERTH_ERROR_INVALID, ": expected an array of at most %d rules",
				       BERTH_LIMIT_BUILD_LIST);
	if (!*rules) {
		*rules = g_array_new(FALSE, TRUE, sizeof(struct berth_build_prune));
		g_array_set_clear_func(*rules, rule_clear);
	}
	json_array_foreach(value, i, element)
	{
		struct berth_build_prune rule = {0};
		bool fine = read_object(element, rule_keys, &rule, error);
		g_array_append_val(*rules, rule);
		if (fine)
			continue;
		g_prefix_error(error, "[%zu]", i);
		return false;
	}
	return true;
}

#define IN(member) offsetof(struct daemon_builder, member)
static const struct key gc_keys[] = {
	{"enabled", read_negated, IN(policy.no_collection)},
	{"policy", read_rules, IN(rules)},
	{"defaultKeepStorage", read_bytes, IN(policy.reserved_bytes)},
	{"defaultReservedSpace", read_bytes, IN(policy.reserved_bytes)},
	{"defaultMaxUsedSpace", read_bytes, IN(policy.max_used_bytes)},
	{"defaultMinFreeSpace", read_bytes, IN(policy.min_free_bytes)},
	{0},
};
static const struct key entitlement_keys[] = {
	{"security-insecure", read_negated, IN(policy.no_insecure)},
	{"network-host", read_negated, IN(policy.no_host_network)},
	{"device", read_negated, IN(policy.no_devices)},
	{0},
};

static bool read_gc(const json_t *value, void *to, GError **error)
{
	return read_object(value, gc_keys, to, error);
}

static bool read_entitlements(const json_t *value, void *to, GError **error)
{
	return read_object(value, entitlement_keys, to, error);
}

static const struct key keys[] = {{"gc", read_gc, 0}, {"entitlements", read_entitlements, 0}, {0}};

bool daemon_builder_read(const char *text, struct daemon_builder *ret, GError **error)
{
	BERTH_AUTO_JSON json_t *json = text ? json_loads(text, 0, NULL) : json_object();

	*ret = (struct daemon_builder){.rules = NULL};
	if (!read_object(json, keys, ret, error)) {
		g_prefix_error(error, "builder");
		daemon_builder_clear(ret);
		return false;
	}
	if (ret->rules) {
		ret->policy.rule_count = ret->rules->len;
		// There may be none, which says something, too.
		static const struct berth_build_prune none;
		ret->policy.rules = ret->rules->len > 0 ? (const void *) ret->rules->data : &none;
	}
	return true;
}

void daemon_builder_clear(struct daemon_builder *builder)
{
	g_clear_pointer(&builder->rules, g_array_unref);
}
