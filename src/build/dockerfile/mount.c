// SPDX-License-Identifier: Apache-2.0
// RUN --mount: comma-separated keys and values.
#include "base/flags.h"
#include "build/dockerfile/internal.h"

#include <string.h>

static const char *const types[] = {
	[BERTH_DOCKERFILE_MOUNT_BIND] = "bind",   [BERTH_DOCKERFILE_MOUNT_CACHE] = "cache",
	[BERTH_DOCKERFILE_MOUNT_TMPFS] = "tmpfs", [BERTH_DOCKERFILE_MOUNT_SECRET] = "secret",
	[BERTH_DOCKERFILE_MOUNT_SSH] = "ssh",     NULL,
};
static const char *const sharings[] = {
	[BERTH_DOCKERFILE_SHARED] = "shared",
	[BERTH_DOCKERFILE_PRIVATE] = "private",
	[BERTH_DOCKERFILE_LOCKED] = "locked",
	NULL,
};

enum value_type {
	VALUE_TYPE,
	VALUE_TEXT,
	VALUE_READ_ONLY,
	VALUE_READ_WRITE,
	VALUE_REQUIRED,
	VALUE_SIZE,
	VALUE_SHARING,
	VALUE_MODE,
	VALUE_ID,
};

enum {
	BIND = 1 << BERTH_DOCKERFILE_MOUNT_BIND,
	CACHE = 1 << BERTH_DOCKERFILE_MOUNT_CACHE,
	TMPFS = 1 << BERTH_DOCKERFILE_MOUNT_TMPFS,
	SECRET = 1 << BERTH_DOCKERFILE_MOUNT_SECRET,
	SSH = 1 << BERTH_DOCKERFILE_MOUNT_SSH,
	ALL = BIND | CACHE | TMPFS | SECRET | SSH,
};

// A key, what its value is and which types of mounts may have it.
static const struct key {
	const char *name;
	enum value_type type;
	unsigned allowed;
	size_t offset, given; // in the mount; of a bool
} keys[] = {
	{"type", VALUE_TYPE, ALL, 0, 0},
	{"from", VALUE_TEXT, ALL, offsetof(struct berth_dockerfile_mount, from), 0},
	{"source", VALUE_TEXT, ALL, offsetof(struct berth_dockerfile_mount, source), 0},
	{"src", VALUE_TEXT, ALL, offsetof(struct berth_dockerfile_mount, source), 0},
	{"target", VALUE_TEXT, ALL, offsetof(struct berth_dockerfile_mount, target), 0},
	{"dst", VALUE_TEXT, ALL, offsetof(struct berth_dockerfile_mount, target), 0},
	{"destination", VALUE_TEXT, ALL, offsetof(struct berth_dockerfile_mount, target), 0},
	{"readonly", VALUE_READ_ONLY, ALL, 0, 0},
	{"ro", VALUE_READ_ONLY, ALL, 0, 0},
	{"readwrite", VALUE_READ_WRITE, ALL, 0, 0},
	{"rw", VALUE_READ_WRITE, ALL, 0, 0},
	{"required", VALUE_REQUIRED, SECRET | SSH, 0, 0},
	{"size", VALUE_SIZE, TMPFS, 0, 0},
	{"id", VALUE_TEXT, ALL, offsetof(struct berth_dockerfile_mount, id), 0},
	{"sharing", VALUE_SHARING, ALL, 0, 0},
	{"mode", VALUE_MODE, ALL, offsetof(struct berth_dockerfile_mount, mode),
	 offsetof(struct berth_dockerfile_mount, has_mode)},
	{"uid", VALUE_ID, ALL, offsetof(struct berth_dockerfile_mount, uid),
	 offsetof(struct berth_dockerfile_mount, has_uid)},
	{"gid", VALUE_ID, ALL, offsetof(struct berth_dockerfile_mount, gid),
	 offsetof(struct berth_dockerfile_mount, has_gid)},
	{"env", VALUE_TEXT, ALL, offsetof(struct berth_dockerfile_mount, env), 0},
};

// What is read, and the key that was the last one to say whether it is read-only.
struct reading {
	struct berth_dockerfile_mount *mount;
	bool access_given, sharing_given;
	GPtrArray *memory;
};

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (g_str_equal(keys[i].name, name))
			return &keys[i];
	return NULL;
}

// Go's strconv.ParseBool.
static bool read_boolean(const char *name, const char *value, bool *ret, GError **error)
{
	static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True", NULL};
	static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False", NULL};

	if (berth_dockerfile__find_word(yes, value) < 0 && berth_dockerfile__find_word(no, value) < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid value for %s: %s", name, value);
	*ret = berth_dockerfile__find_word(yes, value) >= 0;
	return true;
}

static bool read_number(const struct key *key, const char *value, struct berth_dockerfile_mount *mount, GError **error)
{
	guint64 number;
	unsigned base = key->type == VALUE_MODE ? 8 : 10;

	if (!g_ascii_string_to_unsigned(value, base, 0, G_MAXUINT32, &number, NULL))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid value %s for %s", value, key->name);
	*(unsigned *) ((char *) mount + key->offset) = (unsigned) number;
	*(bool *) ((char *) mount + key->given) = true;
	return true;
}

static bool read_name(const char *const *names, const char *what, const char *value, int *ret, GError **error)
{
	*ret = berth_dockerfile__find_word(names, value);
	if (*ret >= 0)
		return true;
	berth_error_set(error, BERTH_ERROR_INVALID, "unsupported %s \"%s\"", what, value);
	berth_dockerfile__suggest(error, value, names);
	return false;
}

static bool set_value(struct reading *reading, const struct key *key, const char *value, GError **error)
{
	struct berth_dockerfile_mount *mount = reading->mount;
	bool flag;
	int index;

	if (!(key->allowed & 1u << mount->type))
		return berth_error_set(error, BERTH_ERROR_INVALID, "unexpected key '%s' for mount type '%s'", key->name,
				       types[mount->type]);
	switch (key->type) {
	case VALUE_TYPE:
		if (!read_name(types, "mount type", value, &index, error))
			return false;
		mount->type = (enum berth_dockerfile_mount_type) index;
		return true;
	case VALUE_TEXT:
		*(const char **) ((char *) mount + key->offset) = value;
		return true;
	case VALUE_READ_ONLY:
	case VALUE_READ_WRITE:
		if (!read_boolean(key->name, value, &flag, error))
			return false;
		mount->read_only = flag == (key->type == VALUE_READ_ONLY);
		reading->access_given = true;
		return true;
	case VALUE_REQUIRED:
		return read_boolean(key->name, value, &mount->required, error);
	case VALUE_SIZE:
		if (berth_bytes_parse(value, &mount->size, NULL))
			return true;
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid value for %s: %s", key->name, value);
	case VALUE_SHARING:
		if (!read_name(sharings, "sharing value", value, &index, error))
			return false;
		mount->sharing = (enum berth_dockerfile_sharing) index;
		reading->sharing_given = true;
		return true;
	case VALUE_MODE:
	case VALUE_ID:
		return read_number(key, value, mount, error);
	}
	return false;
}

static bool is_switch(const struct key *key)
{
	return key->type == VALUE_READ_ONLY || key->type == VALUE_READ_WRITE || key->type == VALUE_REQUIRED;
}

static bool unknown_key(const char *name, const char *field, GError **error)
{
	const char *names[G_N_ELEMENTS(keys) + 1] = {NULL};

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		names[i] = keys[i].name;
	berth_error_set(error, BERTH_ERROR_INVALID, "unexpected key '%s' in '%s'", name, field);
	berth_dockerfile__suggest(error, name, names);
	return false;
}

// One "key=value" or "key".
static bool read_field(struct reading *reading, const char *field, const struct berth_dockerfile_scope *scope,
		       GError **error)
{
	const char *equal = strchr(field, '=');
	g_autofree char *written = equal ? g_strndup(field, (gsize) (equal - field)) : g_strdup(field);
	g_autofree char *name = g_ascii_strdown(written, -1);
	const struct key *key = find_key(name);
	const char *value = equal ? equal + 1 : "true";

	if (!equal && (!key || !is_switch(key)))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid field '%s' must be a key=value pair",
				       field);
	if (!key)
		return unknown_key(name, field, error);
	if (!scope && g_str_equal(name, "from") && strchr(value, '$') && strchr(value, '$')[1])
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "'from' doesn't support variable expansion, define alias stage instead: "
				       "FROM %s AS name",
				       value);
	if (scope) {
		value = berth_dockerfile__keep(reading->memory, berth_dockerfile_expand(scope, value, error));
		if (!value) {
			g_prefix_error(error, "mount's %s: ", name);
			return false;
		}
	}
	return set_value(reading, key, value, error);
}

static bool check_secret(const struct berth_dockerfile_mount *mount, GError **error)
{
	if (mount->from)
		return berth_error_set(error, BERTH_ERROR_INVALID, "secret mount should not have a from");
	if (!mount->source && !mount->target && !mount->id)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid secret mount. one of source, target required");
	if (mount->source && mount->id)
		return berth_error_set(error, BERTH_ERROR_INVALID, "both source and id can't be set");
	return true;
}

static bool check(const struct reading *reading, GError **error)
{
	const struct berth_dockerfile_mount *mount = reading->mount;
	const char *type = types[mount->type];
	bool plain = mount->type == BERTH_DOCKERFILE_MOUNT_BIND || mount->type == BERTH_DOCKERFILE_MOUNT_TMPFS;

	if (plain && (mount->has_mode || mount->has_uid || mount->has_gid))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s not allowed for \"%s\" type mounts",
				       mount->has_mode  ? "mode"
				       : mount->has_uid ? "uid"
							: "gid",
				       type);
	if (reading->sharing_given && mount->type != BERTH_DOCKERFILE_MOUNT_CACHE)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid cache sharing set for %s mount", type);
	if (mount->env && mount->type != BERTH_DOCKERFILE_MOUNT_SECRET)
		return berth_error_set(error, BERTH_ERROR_INVALID, "unexpected key 'env' for mount type '%s'", type);
	if (mount->type == BERTH_DOCKERFILE_MOUNT_SECRET)
		return check_secret(mount, error);
	return true;
}

bool berth_dockerfile__mount(const char *text, const struct berth_dockerfile_scope *scope, GPtrArray *memory,
			     struct berth_dockerfile_mount *ret, const char **ret_culprit, GError **error)
{
	struct reading reading = {.mount = ret, .memory = memory};
	bool open = !scope && strpbrk(text, "$\\`'\"");
	const char *const *fields = berth_dockerfile__fields(memory, text, error);

	*ret = (struct berth_dockerfile_mount){0};
	if (ret_culprit)
		*ret_culprit = text;
	if (!fields)
		return false;
	// The type comes first, wherever it is written: what else is allowed depends on it.
	for (int pass = 0; pass < 2; pass++)
		for (const char *const *field = fields; *field; field++) {
			bool is_type = g_ascii_strncasecmp(*field, "type=", strlen("type=")) == 0;
			if (is_type != (pass == 0))
				continue;
			if (ret_culprit)
				*ret_culprit = *field;
			if (open && strpbrk(*field, "$\\`'\"") &&
			    (is_type || g_ascii_strncasecmp(*field, "from=", strlen("from=")) != 0))
				continue; // judged when it is expanded
			if (!read_field(&reading, *field, scope, error))
				return false;
		}
	if (ret_culprit)
		*ret_culprit = text;
	if (!reading.access_given)
		ret->read_only = ret->type != BERTH_DOCKERFILE_MOUNT_CACHE && ret->type != BERTH_DOCKERFILE_MOUNT_TMPFS;
	return open || check(&reading, error);
}
