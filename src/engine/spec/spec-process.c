// SPDX-License-Identifier: Apache-2.0
// process: who, what, where, with which environment and rights; and the system calls allowed.
#include "engine/spec/spec-internal.h"

#include "base/error.h"
#include "engine/plan/users.h"
#include "sys/capability.h"

#include <string.h>

// Sets a variable where it stands or at the end; an entry without "=" takes it away.
static void set_variable(GPtrArray *env, const char *entry)
{
	size_t length = strcspn(entry, "=");
	guint i = 0;

	while (i < env->len && !(strncmp(env->pdata[i], entry, length) == 0 && ((char *) env->pdata[i])[length] == '='))
		i++;
	if (entry[length] == '\0') {
		if (i < env->len)
			g_free(g_ptr_array_steal_index(env, i));
	} else if (i < env->len) {
		g_free(env->pdata[i]);
		env->pdata[i] = g_strdup(entry);
	} else {
		g_ptr_array_add(env, g_strdup(entry));
	}
}

static bool has_home(const GPtrArray *env)
{
	for (guint i = 0; i < env->len; i++)
		if (g_str_has_prefix(env->pdata[i], "HOME="))
			return true;
	return false;
}

// Nothing of the engine's own environment is in it.
char **berth_spec_environment(const struct api_container_config *config, bool tty, const char *home, char *const *links,
			      char *const *more)
{
	g_autoptr(GPtrArray) env = g_ptr_array_new();

	g_ptr_array_add(env, g_strdup("PATH=" OCI_DEFAULT_PATH));
	g_ptr_array_add(env, g_strconcat("HOSTNAME=", config->hostname, NULL));
	if (tty)
		g_ptr_array_add(env, g_strdup("TERM=xterm"));
	for (char *const *entry = links; entry && *entry; entry++)
		set_variable(env, *entry);
	for (char **entry = config->env; entry && *entry; entry++)
		set_variable(env, *entry);
	for (char *const *entry = more; entry && *entry; entry++)
		set_variable(env, *entry);
	if (!has_home(env))
		g_ptr_array_add(env, g_strconcat("HOME=", home, NULL));
	g_ptr_array_add(env, NULL);
	return (char **) g_ptr_array_free(g_steal_pointer(&env), FALSE);
}

static char **make_args(const struct berth_spec *spec)
{
	const struct api_container_config *config = spec->record->config;
	g_autoptr(GStrvBuilder) args = g_strv_builder_new();

	if (berth_spec_uses_init(spec)) {
		g_strv_builder_add(args, BERTH_SPEC_INIT_PATH);
		g_strv_builder_add(args, "--");
	}
	if (config->entrypoint)
		g_strv_builder_addv(args, (const char **) config->entrypoint);
	if (config->cmd)
		g_strv_builder_addv(args, (const char **) config->cmd);
	return g_strv_builder_end(args);
}

static char **capability_names(uint64_t set)
{
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();

	for (int i = 0; i < 64 && berth_capability_name(i); i++)
		if (set >> i & 1)
			g_strv_builder_add(names, berth_capability_name(i));
	return g_strv_builder_end(names);
}

// Nothing is inheritable or ambient (CVE-2022-24769), and who is not root has none until a program gives it some.
static struct oci_capabilities *make_capabilities(uint64_t set, bool root)
{
	struct oci_capabilities *capabilities = berth_document_new(&oci_capabilities_document);

	capabilities->bounding = capability_names(set);
	capabilities->effective = capability_names(root ? set : 0);
	capabilities->permitted = capability_names(root ? set : 0);
	capabilities->inheritable = capability_names(0);
	capabilities->ambient = capability_names(0);
	return capabilities;
}

struct oci_user *berth_spec_user(const struct berth_user *user)
{
	struct oci_user *made = berth_document_new(&oci_user_document);

	made->uid = user->uid;
	made->gid = user->gid;
	made->additional_gids = json_array();
	for (guint i = 0; i < user->groups->len; i++)
		json_array_append_new(made->additional_gids, json_integer(g_array_index(user->groups, uint32_t, i)));
	return made;
}

static void set_console_size(struct oci_process *process, const json_t *size)
{
	uint64_t height = (uint64_t) json_integer_value(json_array_get(size, 0));
	uint64_t width = (uint64_t) json_integer_value(json_array_get(size, 1));

	if (!process->terminal || (height == 0 && width == 0))
		return;
	process->console_size = berth_document_new(&oci_box_document);
	process->console_size->height = height;
	process->console_size->width = width;
}

static void set_seccomp(struct berth_spec *spec)
{
	const struct berth_security *security = &spec->security;
	struct berth_seccomp_host this_host = berth_seccomp_this_host();

	if (security->seccomp_unconfined || (spec->host->privileged && !security->seccomp))
		return;
	spec->config->os_linux->seccomp = berth_seccomp_profile_apply(
		security->seccomp ? security->seccomp : spec->input->seccomp, spec->capabilities, &this_host);
}

static bool check_id(const GPtrArray *map, uint32_t id, const char *what, GError **error)
{
	return berth_users_host_id(map, id) >= 0 ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "%s %u does not exist in the container's user namespace: give it more of them "
			       "(--userns auto:size=%u)",
			       what, id, id + 1);
}

static bool check_user(const struct berth_spec *spec, const struct berth_user *user, GError **error)
{
	const struct berth_container_users *users = spec->record->users;

	if (!users)
		return true;
	for (guint i = 0; i < user->groups->len; i++)
		if (!check_id(users->gids, g_array_index(user->groups, uint32_t, i), "group", error))
			return false;
	return check_id(users->uids, user->uid, "user", error) && check_id(users->gids, user->gid, "group", error);
}

bool berth_spec_process(struct berth_spec *spec, GError **error)
{
	const struct api_container_config *config = spec->record->config;
	struct berth_user user;

	if (!berth_user_resolve(spec->input->root_fd, config->user, spec->host->group_add, &user, error))
		return false;
	if (!check_user(spec, &user, error)) {
		berth_user_clear(&user);
		return false;
	}
	struct oci_process *process = berth_document_new(&oci_process_document);
	spec->config->process = process;
	process->terminal = config->tty;
	process->user = berth_spec_user(&user);
	process->args = make_args(spec);
	process->env = berth_spec_environment(config, config->tty, user.home, spec->input->environment, NULL);
	process->cwd = g_strdup(config->working_dir && *config->working_dir ? config->working_dir : "/");
	process->capabilities = make_capabilities(spec->capabilities, user.uid == 0);
	process->no_new_privileges = spec->security.no_new_privileges;
	process->oom_score_adj = spec->host->oom_score_adj;
	process->apparmor_profile = g_strdup(spec->security.apparmor);
	set_console_size(process, spec->host->console_size);
	set_seccomp(spec);
	berth_user_clear(&user);
	return true;
}
