// SPDX-License-Identifier: Apache-2.0
// RUN --mount: bind, cache, tmpfs, secret, ssh. Every source is opened beneath the tree that it lies in, and handed
// over by descriptor.
#include "build/solve/mounts.h"

#include "base/error.h"
#include "base/fd.h"
#include "build/plan/internal.h"
#include "build/solve/step.h"
#include "store/tree.h"
#include "sys/mount.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define SECRETS "/run/secrets/"
#define AGENTS "/run/buildkit/ssh_agent."
#define PIPES "/dev/pipes"
#define DEFAULT_AGENT "default"
#define CHUNK (256 << 10)

// The key

static void add_number(struct berth_build_key *key, const char *name, bool given, unsigned value)
{
	g_autofree char *text = given ? g_strdup_printf("%u", value) : NULL;

	berth_build_key_add(key, name, text);
}

// What is bound, by content; files of other stages by what made them.
static bool add_source(struct berth_building_step *this, const struct berth_plan_mount *planned,
		       struct berth_build_key *key, GError **error)
{
	const struct berth_plan_source *source = &planned->source;
	const char *path = planned->mount->source ? planned->mount->source : "";

	berth_build_key_add(key, "source", path);
	if (source->context < 0) {
		struct berth_build_layer *layer = berth_building_layer_of(source->step);
		berth_build_key_add(key, "layer", layer ? layer->chain_id : "scratch");
		return true;
	}
	struct berth_build_tree *tree = berth_step_tree(this, source->context, error);
	g_autofree char *digest = tree ? berth_build_tree_digest(tree, path, error) : NULL;
	berth_build_key_add(key, "content", digest);
	return digest != NULL;
}

static bool add_mount(struct berth_building_step *this, const struct berth_plan_mount *planned,
		      struct berth_build_key *key, GError **error)
{
	static const char *const types[] = {"bind", "cache", "tmpfs", "secret", "ssh"};
	const struct berth_dockerfile_mount *mount = planned->mount;
	g_autofree char *size = g_strdup_printf("%" G_GINT64_FORMAT, mount->size);

	berth_build_key_add(key, "mount", types[mount->type]);
	berth_build_key_add(key, "target", mount->target);
	berth_build_key_add(key, "id", mount->id);
	berth_build_key_add(key, "env", mount->env);
	berth_build_key_add(key, "access", mount->read_only ? "ro" : "rw");
	berth_build_key_add(key, "size", size);
	add_number(key, "mode", mount->has_mode, mount->mode);
	add_number(key, "uid", mount->has_uid, mount->uid);
	add_number(key, "gid", mount->has_gid, mount->gid);
	bool has_source = mount->type == BERTH_DOCKERFILE_MOUNT_BIND ||
			  (mount->type == BERTH_DOCKERFILE_MOUNT_CACHE && planned->has_source);
	return !has_source || add_source(this, planned, key, error);
}

bool berth_step_mounts_key(struct berth_building_step *this, struct berth_build_key *key, GError **error)
{
	for (unsigned i = 0; i < this->step->mount_count; i++)
		if (!add_mount(this, &this->step->mounts[i], key, error))
			return false;
	return true;
}

// The mounts

static struct berth_build_mount *add(struct berth_step_mounts *this, char *target)
{
	const struct berth_build_mount mount = {
		.target = target, .tree = -1, .mode = BERTH_UNSET, .uid = BERTH_UNSET, .gid = BERTH_UNSET};

	g_ptr_array_add(this->texts, target);
	g_array_append_val(this->list, mount);
	return &g_array_index(this->list, struct berth_build_mount, this->list->len - 1);
}

static int keep(struct berth_step_mounts *this, int fd)
{
	g_array_append_val(this->descriptors, fd);
	return fd;
}

// An absolute, clean path; what is relative begins in the working folder.
static bool target_of(struct berth_step_mounts *this, const char *text, char **ret, GError **error)
{
	if (!text || !*text)
		return berth_error_set(error, BERTH_ERROR_INVALID, "a mount without a target");
	*ret = berth_plan__folder(this->step->step->folder, text);
	if (!g_str_equal(*ret, "/"))
		return true;
	g_clear_pointer(ret, g_free);
	return berth_error_set(error, BERTH_ERROR_INVALID, "invalid mount target \"%s\": the root itself", text);
}

static void set_attributes(struct berth_build_mount *to, const struct berth_dockerfile_mount *from)
{
	to->mode = from->has_mode ? from->mode : BERTH_UNSET;
	to->uid = from->has_uid ? from->uid : BERTH_UNSET;
	to->gid = from->has_gid ? from->gid : BERTH_UNSET;
}

static bool make_inner(int folder, const char *name, int *ret, GError **error)
{
	if (mkdirat(folder, name, 0755) < 0 ||
	    (*ret = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) < 0)
		return berth_error_set_errno(error, errno, "make a folder for what is written");
	return true;
}

// What is written into a folder that is bound "rw" is discarded: an overlay on it.
static int discard_writes(struct berth_step_mounts *this, int lower, GError **error)
{
	int work = this->step->building->work;
	g_autofree char *name = g_uuid_string_random();
	berth_fd folder = -1, upper = -1, inner = -1;

	if (!make_inner(work, name, &folder, error))
		return -1;
	g_ptr_array_add(this->folders, g_strdup(name));
	if (!make_inner(folder, "upper", &upper, error) || !make_inner(folder, "work", &inner, error))
		return -1;
	g_autofree char *low = g_strdup_printf("lowerdir=/proc/self/fd/%d", lower);
	g_autofree char *up = g_strdup_printf("upperdir=/proc/self/fd/%d", upper);
	g_autofree char *in = g_strdup_printf("workdir=/proc/self/fd/%d", inner);
	char *const options[] = {low, up, in, NULL};
	return berth_mount_new("overlay", "overlay", options, 0, error);
}

static int copy_file(struct berth_step_mounts *this, int from, mode_t mode, GError **error)
{
	g_autofree char *name = g_uuid_string_random(), *link = g_strdup_printf("/proc/self/fd/%d", from);
	berth_fd input = open(link, O_RDONLY | O_CLOEXEC);
	berth_fd output = openat(this->step->building->work, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (input < 0 || output < 0) {
		berth_error_set_errno(error, errno, "copy a file that is written to");
		return -1;
	}
	g_ptr_array_add(this->folders, g_strdup(name));
	g_autofree char *chunk = g_malloc(CHUNK);
	for (ssize_t length; (length = berth_read_full(input, chunk, CHUNK)) != 0;) {
		if (length < 0) {
			berth_error_set_errno(error, errno, "copy a file that is written to");
			return -1;
		}
		if (!berth_write_all(output, chunk, (size_t) length, "a copy of a bound file", error))
			return -1;
	}
	fchmod(output, mode & 07777);
	return berth_fd_steal(&output);
}

static int copy_folder(struct berth_step_mounts *this, int from, GError **error)
{
	g_autofree char *name = g_uuid_string_random(), *link = g_strdup_printf("/proc/self/fd/%d", from);
	berth_fd input = open(link, O_RDONLY | O_DIRECTORY | O_CLOEXEC), output = -1;

	if (input < 0) {
		berth_error_set_errno(error, errno, "open the source of a mount");
		return -1;
	}
	if (!make_inner(this->step->building->work, name, &output, error))
		return -1;
	g_ptr_array_add(this->folders, g_strdup(name));
	return berth_tree_copy(input, output, error) ? berth_fd_steal(&output) : -1;
}

// A device of a stage is one of the host, and a pipe blocks who opens it: neither is ever opened here, nor lent to a
// step.
static bool check_kind(const struct berth_plan_mount *planned, mode_t mode, GError **error)
{
	const struct berth_dockerfile_mount *wanted = planned->mount;

	return S_ISDIR(mode) || S_ISREG(mode) ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "the source \"%s\" of the mount at %s is a device, a pipe or a socket: only folders and "
			       "regular files can be bound",
			       wanted->source, wanted->target);
}

// What is bound: `fd` as it is, or what stands for it. Within a detached mount, which a stage's files are seen by,
// kernels before Linux 6.15 bind nothing but the whole: then it is copied.
static int bound(struct berth_step_mounts *this, const struct berth_plan_mount *planned, int fd, GError **error)
{
	const char *path = planned->mount->source;
	bool part = planned->source.context < 0 && path && *path && !g_str_equal(path, "/");
	struct stat status;

	if (fstat(fd, &status) < 0) {
		berth_error_set_errno(error, errno, "stat the source of a mount");
		return -1;
	}
	if (!check_kind(planned, status.st_mode, error))
		return -1;
	if (planned->mount->read_only && !part)
		return fd;
	bool folder = S_ISDIR(status.st_mode);
	int made = -1;
	if (planned->mount->read_only)
		made = berth_mount_clone(fd, "", false, NULL);
	else if (folder)
		made = discard_writes(this, fd, part ? NULL : error);
	if (made < 0 && (part || !folder))
		made = folder ? copy_folder(this, fd, error) : copy_file(this, fd, status.st_mode, error);
	return made < 0 ? -1 : keep(this, made);
}

static bool open_bind(struct berth_step_mounts *this, const struct berth_plan_mount *planned, GError **error)
{
	const struct berth_dockerfile_mount *wanted = planned->mount;
	char *target = NULL;

	if (!target_of(this, wanted->target, &target, error))
		return false;
	struct berth_build_mount *mount = add(this, target);
	struct berth_build_tree *tree = berth_building_source(this->step->building, &planned->source, error);
	if (!tree)
		return false;
	g_ptr_array_add(this->trees, tree);
	int fd = berth_build_tree_open_path(tree, wanted->source ? wanted->source : "", error);
	if (fd < 0)
		return false;
	keep(this, fd);
	mount->read_only = wanted->read_only;
	mount->tree = bound(this, planned, fd, error);
	return mount->tree >= 0;
}

static const char *cache_id(const struct berth_dockerfile_mount *wanted, const char *target)
{
	return wanted->id && *wanted->id ? wanted->id : target;
}

static bool hold_caches(struct berth_step_mounts *this, GError **error)
{
	const struct berth_plan_step *step = this->step->step;

	for (unsigned i = 0; i < step->mount_count; i++) {
		const struct berth_dockerfile_mount *wanted = step->mounts[i].mount;
		g_autofree char *target = NULL;
		if (wanted->type != BERTH_DOCKERFILE_MOUNT_CACHE)
			continue;
		if (!target_of(this, wanted->target, &target, error) ||
		    !berth_cache_mounts_want(this->step->building, this->uses, cache_id(wanted, target),
					     wanted->sharing, error))
			return false;
	}
	return berth_cache_mounts_hold(this->step->building, this->uses, error);
}

static bool open_cache(struct berth_step_mounts *this, const struct berth_plan_mount *planned, GError **error)
{
	const struct berth_dockerfile_mount *wanted = planned->mount;
	struct berth_build_tree *tree = NULL;
	char *target = NULL;

	if (!target_of(this, wanted->target, &target, error))
		return false;
	struct berth_build_mount *mount = add(this, target);
	if (planned->has_source) {
		if (!(tree = berth_building_source(this->step->building, &planned->source, error)))
			return false;
		g_ptr_array_add(this->trees, tree);
	}
	int fd =
		berth_cache_mount_open(this->step->building, this->uses, cache_id(wanted, target), wanted, tree, error);
	if (fd < 0)
		return false;
	mount->tree = keep(this, fd);
	mount->read_only = wanted->read_only;
	return true;
}

static bool open_tmpfs(struct berth_step_mounts *this, const struct berth_dockerfile_mount *wanted, GError **error)
{
	char *target = NULL;

	if (!target_of(this, wanted->target, &target, error))
		return false;
	struct berth_build_mount *mount = add(this, target);
	mount->size = wanted->size;
	set_attributes(mount, wanted);
	return true;
}

static GBytes *find_secret(const struct berth_build_request *request, const char *id)
{
	for (size_t i = 0; i < request->secret_count; i++)
		if (g_str_equal(request->secrets[i].id, id))
			return request->secrets[i].value;
	return NULL;
}

static bool open_secret(struct berth_step_mounts *this, const struct berth_dockerfile_mount *wanted, GError **error)
{
	g_autofree char *base = wanted->target ? g_path_get_basename(wanted->target) : NULL;
	const char *id = wanted->id && *wanted->id ? wanted->id : base;
	char *target = NULL;

	if (!id || !*id)
		return berth_error_set(error, BERTH_ERROR_INVALID, "a secret without id and target");
	GBytes *value = find_secret(this->step->building->request, id);
	if (!value)
		return !wanted->required || berth_error_set(error, BERTH_ERROR_NOT_FOUND, "secret %s: not found", id);
	if (wanted->env) {
		gsize length;
		const char *text = g_bytes_get_data(value, &length);
		if (length > 0 && memchr(text, '\0', length))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "secret %s has a NUL byte: it cannot be a variable", id);
		g_ptr_array_add(this->environment, g_strdup_printf("%s=%.*s", *wanted->env ? wanted->env : id,
								   (int) length, text ? text : ""));
		if (!wanted->target)
			return true;
	}
	g_autofree char *usual = g_strconcat(SECRETS, id, NULL);
	if (!target_of(this, wanted->target && *wanted->target ? wanted->target : usual, &target, error))
		return false;
	struct berth_build_mount *mount = add(this, target);
	mount->content = value;
	mount->read_only = true;
	set_attributes(mount, wanted);
	return true;
}

static bool open_agent(struct berth_step_mounts *this, const struct berth_dockerfile_mount *wanted, unsigned number,
		       GError **error)
{
	const char *id = wanted->id && *wanted->id ? wanted->id : DEFAULT_AGENT;
	g_autofree char *usual = g_strdup_printf(AGENTS "%u", number);
	g_autoptr(GError) local = NULL;
	char *target = NULL;
	int fd = -1;

	struct berth_build_agent_socket *agent = berth_step_agent_new(this->step->building, id, wanted, &fd, &local);
	if (!agent && !wanted->required && g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return true;
	if (!agent) {
		g_propagate_error(error, g_steal_pointer(&local));
		return false;
	}
	g_ptr_array_add(this->agents, agent);
	keep(this, fd);
	if (!target_of(this, wanted->target && *wanted->target ? wanted->target : usual, &target, error))
		return false;
	if (number == 0)
		g_ptr_array_add(this->environment, g_strconcat("SSH_AUTH_SOCK=", target, NULL));
	add(this, target)->tree = fd;
	return true;
}

// A heredoc that begins with "#!" is a file.
static bool open_script(struct berth_step_mounts *this, GError **error)
{
	const struct berth_plan_step *step = this->step->step;
	g_autofree char *folder = g_uuid_string_random();
	berth_fd fd = -1;

	if (!make_inner(this->step->building->work, folder, &fd, error))
		return false;
	g_ptr_array_add(this->folders, g_strdup(folder));
	if (!berth_write_file_at(fd, step->script_name, step->script, strlen(step->script), 0755, false, error))
		return false;
	struct berth_build_mount *mount = add(this, g_strdup(PIPES));
	mount->tree = keep(this, berth_fd_steal(&fd));
	mount->read_only = true;
	return true;
}

static bool open_one(struct berth_step_mounts *this, const struct berth_plan_mount *planned, unsigned *agents,
		     GError **error)
{
	switch (planned->mount->type) {
	case BERTH_DOCKERFILE_MOUNT_BIND:
		return open_bind(this, planned, error);
	case BERTH_DOCKERFILE_MOUNT_CACHE:
		return open_cache(this, planned, error);
	case BERTH_DOCKERFILE_MOUNT_TMPFS:
		return open_tmpfs(this, planned->mount, error);
	case BERTH_DOCKERFILE_MOUNT_SECRET:
		return open_secret(this, planned->mount, error);
	default:
		return open_agent(this, planned->mount, (*agents)++, error);
	}
}

static void unref_tree(void *tree)
{
	berth_build_tree_unref(tree);
}

bool berth_step_mounts_open(struct berth_step_mounts *this, GError **error)
{
	const struct berth_plan_step *step = this->step->step;
	unsigned agents = 0;

	this->list = g_array_new(FALSE, FALSE, sizeof(struct berth_build_mount));
	this->environment = g_ptr_array_new_with_free_func(g_free);
	this->texts = g_ptr_array_new_with_free_func(g_free);
	this->descriptors = g_array_new(FALSE, FALSE, sizeof(int));
	this->trees = g_ptr_array_new_with_free_func(unref_tree);
	this->uses = g_array_new(FALSE, FALSE, sizeof(struct berth_cache_mount_use));
	this->agents = g_ptr_array_new_with_free_func(berth_build_agent_socket_free);
	this->folders = g_ptr_array_new_with_free_func(g_free);
	if (!hold_caches(this, error))
		return false;
	for (unsigned i = 0; i < step->mount_count; i++)
		if (!open_one(this, &step->mounts[i], &agents, error))
			return false;
	return !step->script || open_script(this, error);
}

void berth_step_mounts_close(struct berth_step_mounts *this)
{
	struct berth_building *building = this->step->building;

	if (!this->list)
		return;
	g_ptr_array_unref(this->agents);
	for (guint i = 0; i < this->descriptors->len; i++)
		berth_fd_clear(&g_array_index(this->descriptors, int, i));
	berth_cache_mounts_release(building->builder, this->uses);
	for (guint i = 0; i < this->folders->len; i++)
		berth_remove_tree_at(building->work, this->folders->pdata[i], NULL);
	g_ptr_array_unref(this->folders);
	g_ptr_array_unref(this->trees);
	g_array_unref(this->descriptors);
	g_ptr_array_unref(this->texts);
	g_ptr_array_unref(this->environment);
	g_array_unref(this->list);
}
