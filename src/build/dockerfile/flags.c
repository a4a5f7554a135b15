// SPDX-License-Identifier: Apache-2.0
// The flags of instructions, from tables.
#include "base/limits.h"
#include "build/dockerfile/internal.h"

#include <string.h>

static bool set_boolean(bool *place, const char *name, const char *value, GError **error)
{
	if (value && !*value)
		return berth_error_set(error, BERTH_ERROR_INVALID, "missing a value on flag: --%s", name);
	if (!value || g_ascii_strcasecmp(value, "true") == 0)
		*place = true;
	else if (g_ascii_strcasecmp(value, "false") == 0)
		*place = false;
	else
		return berth_error_set(error, BERTH_ERROR_INVALID, "expecting boolean value for flag --%s, not: %s",
				       name, value);
	return true;
}

static const struct berth_dockerfile__flag *find(const struct berth_dockerfile__flag *table, const char *name)
{
	for (; table && table->name; table++)
		if (g_str_equal(table->name, name))
			return table;
	return NULL;
}

static bool unknown(const struct berth_dockerfile__statement *statement, const char *name, GError **error)
{
	int kind = berth_dockerfile__kind(statement->word);

	berth_error_set(error, BERTH_ERROR_INVALID, "unknown flag: --%s", name);
	if (kind >= 0)
		berth_dockerfile__suggest(error, name,
					  berth_dockerfile_about((enum berth_dockerfile_kind) kind)->flags);
	return false;
}

bool berth_dockerfile__flags(struct berth_dockerfile__parser *parser,
			     const struct berth_dockerfile__statement *statement,
			     const struct berth_dockerfile__flag *table, void *options, GError **error)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, NULL);

	for (const struct berth_dockerfile__flag *flag = table; flag && flag->name; flag++)
		if (flag->type == BERTH_DOCKERFILE__TEXTS)
			*(const char *const **) ((char *) options + flag->offset) =
				berth_dockerfile__keep_words(parser->memory, g_ptr_array_new());
	guint count = g_strv_length((char **) statement->flags);
	if (count > BERTH_LIMIT_DOCKERFILE_FLAGS)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "%s has more than %d flags",
				       statement->word, BERTH_LIMIT_DOCKERFILE_FLAGS);
	parser->flags += count;
	if (parser->flags > BERTH_LIMIT_DOCKERFILE_ALL_FLAGS)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
				       "there are more than %d flags in one file", BERTH_LIMIT_DOCKERFILE_ALL_FLAGS);
	for (const char *const *given = statement->flags; *given; given++) {
		const char *equal = strchr(*given, '=');
		const char *value = equal ? equal + 1 : NULL;
		const char *name = berth_dockerfile__keep_part(
			parser->memory, *given + 2, equal ? (size_t) (equal - *given - 2) : strlen(*given + 2));
		const struct berth_dockerfile__flag *flag = find(table, name);

		parser->culprit = *given;
		if (!flag)
			return unknown(statement, name, error);
		if (flag->type != BERTH_DOCKERFILE__TEXTS && !g_hash_table_add(seen, (char *) name))
			return berth_error_set(error, BERTH_ERROR_INVALID, "duplicate flag specified: --%s", name);
		void *place = (char *) options + flag->offset;
		if (flag->given_offset)
			*(bool *) ((char *) options + flag->given_offset) = true;
		if (flag->type == BERTH_DOCKERFILE__BOOLEAN) {
			if (!set_boolean(place, name, value, error))
				return false;
			continue;
		}
		if (!value)
			return berth_error_set(error, BERTH_ERROR_INVALID, "missing a value on flag: --%s", name);
		if (flag->type == BERTH_DOCKERFILE__TEXT) {
			*(const char **) place = value;
			continue;
		}
		GPtrArray *values = g_ptr_array_new();
		for (const char *const *old = *(const char *const **) place; *old; old++)
			g_ptr_array_add(values, (char *) *old);
		g_ptr_array_add(values, (char *) value);
		*(const char *const **) place = berth_dockerfile__keep_words(parser->memory, values);
	}
	parser->culprit = NULL;
	return true;
}
