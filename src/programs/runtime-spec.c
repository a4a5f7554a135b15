// SPDX-License-Identifier: Apache-2.0
// spec: a config.json to start from, also one for ordinary users.
#include "programs/runtime-program.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "runtime-spec-json.h"

struct options {
	char *bundle, *file;
	bool rootless;
};

static const struct berth_flag flags[] = {
	{"bundle", 'b', BERTH_FLAG_TEXT, offsetof(struct options, bundle), "path", "Folder of the OCI bundle", "."},
	{"file", 'f', BERTH_FLAG_TEXT, offsetof(struct options, file), "path", "Where it goes", "config.json"},
	{"rootless", 0, BERTH_FLAG_SWITCH, offsetof(struct options, rootless), .help = "For the user who calls this"},
	{0},
};

static json_t *mapping(int64_t host)
{
	return json_pack("[{s:i,s:I,s:i}]", "containerID", 0, "hostID", (json_int_t) host, "size", 1);
}

// The user's own id is root, and there is no other: no group of terminals, nothing that needs rights over groups.
static void make_rootless(json_t *config)
{
	json_t *section = json_object_get(config, "linux"), *mount;
	size_t index, at;
	json_t *option;

	json_array_append_new(json_object_get(section, "namespaces"), json_pack("{s:s}", "type", "user"));
	json_object_set_new(section, "uidMappings", mapping((int64_t) geteuid()));
	json_object_set_new(section, "gidMappings", mapping((int64_t) getegid()));
	json_object_del(section, "resources");
	json_array_foreach(json_object_get(config, "mounts"), index, mount)
	{
		json_t *options = json_object_get(mount, "options");
		json_array_foreach(options, at, option)
		{
			if (!g_str_has_prefix(json_string_value(option), "gid="))
				continue;
			json_array_remove(options, at);
			break;
		}
	}
}

static int spec(G_GNUC_UNUSED struct runtime_program *program, const void *data, G_GNUC_UNUSED char *const *arguments,
		GError **error)
{
	const struct options *options = data;
	BERTH_AUTO_JSON json_t *json = berth_json_parse((const char *) runtime_spec_json, sizeof runtime_spec_json,
							"a built-in document", error);

	if (!json)
		return -1;
	if (options->rootless)
		make_rootless(json);
	g_autofree char *bundle = g_canonicalize_filename(options->bundle, NULL);
	g_autofree char *path = g_canonicalize_filename(options->file, bundle);
	berth_fd fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return berth_error_set_errno(error, errno, "make %s", path), -1;
	char *text = json_dumps(json, JSON_INDENT(2));
	bool written = berth_write_all(fd, text, strlen(text), path, error);
	free(text);
	return written ? 0 : -1;
}

const struct runtime_command runtime_command_spec = {
	"spec", "", "Write a config.json to start from", flags, sizeof(struct options), 0, 0, spec};
