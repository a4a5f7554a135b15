// SPDX-License-Identifier: Apache-2.0
// A repository is fetched into the tree's own folder and checked out there. What git left is looked at afterwards as
// what a stranger made: the folder that was asked for must be one, and no link.
#include "build/context/fetch.h"
#include "build/context/git-run.h"
#include "build/context/git-ssh.h"
#include "build/context/git-url.h"
#include "build/context/remote.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/resolve.h"
#include "distribution/address.h"

#include <fcntl.h>
#include <string.h>

#define MODULES ".gitmodules"

// What git is told whatever it does, also in submodules.
static const char *const settings[][2] = {
	{"core.hooksPath", "/dev/null"},
	{"core.fsmonitor", "false"},
	{"core.symlinks", "true"},
	{"core.protectHFS", "true"},
	{"core.protectNTFS", "true"},
	{"core.logAllRefUpdates", "false"},
	{"credential.helper", ""},
	{"transfer.fsckObjects", "true"},
	{"fetch.fsckObjects", "true"},
	{"fetch.fsck.zeroPaddedFilemode", "warn"},
	{"fetch.fsck.missingSpaceBeforeDate", "warn"},
	{"fetch.fsck.badTimezone", "warn"},
	{"gc.auto", "0"},
	{"maintenance.auto", "false"},
	{"advice.detachedHead", "false"},
	{"init.defaultBranch", "main"},
};

struct cloning {
	const struct berth_build_git *git;
	const struct berth_build_tree_options *options;
	struct berth_build_tree *tree;
	struct berth_build_git_run run;
	struct berth_build_git_ssh *ssh; // NULL: the repository is not reached by it
	GPtrArray *environment;
	char *shown; // the repository, for messages
};

static bool call(struct cloning *this, char **ret_output, GError **error, const char *first,
		 ...) G_GNUC_NULL_TERMINATED;

static bool call(struct cloning *this, char **ret_output, GError **error, const char *first, ...)
{
	g_autoptr(GPtrArray) arguments = g_ptr_array_new();
	va_list list;

	va_start(list, first);
	for (const char *argument = first; argument; argument = va_arg(list, const char *))
		g_ptr_array_add(arguments, (gpointer) argument);
	va_end(list);
	g_ptr_array_add(arguments, NULL);
	return berth_build_git_call(&this->run, (const char *const *) arguments->pdata, ret_output, error);
}

static void add_setting(GPtrArray *environment, unsigned *count, const char *name, const char *value)
{
	g_ptr_array_add(environment, g_strdup_printf("GIT_CONFIG_KEY_%u=%s", *count, name));
	g_ptr_array_add(environment, g_strdup_printf("GIT_CONFIG_VALUE_%u=%s", *count, value));
	++*count;
}

static GBytes *find_secret(GHashTable *secrets, const char *name, const char *host)
{
	g_autofree char *own = g_strconcat(name, ".", host, NULL);
	GBytes *secret = secrets ? g_hash_table_lookup(secrets, own) : NULL;

	return secret || !secrets ? secret : g_hash_table_lookup(secrets, name);
}

// The header that a secret makes; it goes to the repository's own host alone, and so no redirect is followed.
static void add_secret(struct cloning *this, unsigned *count)
{
	const char *remote = this->git->remote;
	g_autofree char *host = berth_url_authority(remote);
	GBytes *token = find_secret(this->options->credentials, "GIT_AUTH_TOKEN", host);
	GBytes *header = find_secret(this->options->credentials, "GIT_AUTH_HEADER", host);
	g_autofree char *value = NULL;
	gsize length;

	if (!*host || (!token && !header))
		return;
	const char *data = g_bytes_get_data(header ? header : token, &length);
	g_autofree char *text = g_strchomp(g_strndup(data, length));
	if (strpbrk(text, "\r\n"))
		return;
	if (header) {
		value = g_strconcat("Authorization: ", text, NULL);
	} else {
		g_autofree char *pair = g_strconcat("x-access-token:", text, NULL);
		g_autofree char *encoded = g_base64_encode((const guchar *) pair, strlen(pair));
		value = g_strconcat("Authorization: basic ", encoded, NULL);
	}
	g_autofree char *scheme = g_strndup(remote, strcspn(remote, ":"));
	g_autofree char *name = g_strconcat("http.", scheme, "://", host, "/.extraHeader", NULL);
	add_setting(this->environment, count, name, value);
	add_setting(this->environment, count, "http.followRedirects", "false");
}

static void make_environment(struct cloning *this)
{
	unsigned count = 0;

	this->environment = g_ptr_array_new_with_free_func(g_free);
	for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
		add_setting(this->environment, &count, settings[i][0], settings[i][1]);
	add_secret(this, &count);
	g_ptr_array_add(this->environment, g_strdup_printf("GIT_CONFIG_COUNT=%u", count));
	g_ptr_array_add(this->environment, NULL);
	this->run.environment = (char *const *) this->environment->pdata;
}

// Without user and password.
static char *bare_remote(const char *remote)
{
	const char *host = strstr(remote, "://");

	if (!host || g_str_has_prefix(remote, "ssh://"))
		return g_strdup(remote);
	host += 3;
	const char *at = memrchr(host, '@', strcspn(host, "/"));
	return at ? g_strdup_printf("%.*s%s", (int) (host - remote), remote, at + 1) : g_strdup(remote);
}

static bool fetch(struct cloning *this, const char *reference, GError **error)
{
	const char *remote = this->git->remote;
	GError *failure = NULL;

	if (call(this, NULL, &failure, "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules",
		 "--force", "--", remote, reference, NULL))
		return true;
	// Servers need not give single commits, or a part of the history.
	if (!g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_INVALID) ||
	    (!berth_build_git_is_commit(reference) && !strstr(failure->message, "shallow"))) {
		if (strstr(failure->message, "couldn't find remote ref"))
			g_prefix_error(&failure, "repository does not contain ref %s: ", reference);
		g_propagate_error(error, failure);
		return false;
	}
	g_error_free(failure);
	return berth_build_git_is_commit(reference)
		       ? call(this, NULL, error, "fetch", "--quiet", "--no-recurse-submodules", "--force", "--", remote,
			      "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", NULL)
		       : call(this, NULL, error, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--force",
			      "--", remote, reference, NULL);
}

// The commit that was fetched.
static char *find_commit(struct cloning *this, const char *reference, GError **error)
{
	g_autofree char *wanted =
		g_strconcat(berth_build_git_is_commit(reference) ? reference : "FETCH_HEAD", "^{commit}", NULL);
	g_autofree char *output = NULL;

	if (!call(this, &output, error, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted, NULL)) {
		g_prefix_error(error, "repository does not contain ref %s: ", reference);
		return NULL;
	}
	// With --end-of-options it is printed, too.
	const char *last = strrchr(g_strstrip(output), '\n');
	g_autofree char *commit = g_ascii_strdown(last ? last + 1 : output, -1);
	if (berth_build_git_is_commit(commit))
		return g_steal_pointer(&commit);
	berth_error_set(error, BERTH_ERROR_INVALID, "git names no commit for %s", reference);
	return NULL;
}

static bool check_commit(const char *commit, const char *const *checksums, GError **error)
{
	for (size_t i = 0; i < 2; i++) {
		g_autofree char *lower = checksums[i] ? g_ascii_strdown(checksums[i], -1) : NULL;
		if (lower && !g_str_has_prefix(commit, lower))
			return berth_error_set(error, BERTH_ERROR_INVALID, "expected checksum to match %s, got %s",
					       lower, commit);
	}
	return true;
}

static bool update_submodules(struct cloning *this, GError **error)
{
	g_autofree char *paths = NULL;
	struct stat status;
	unsigned count = 0;

	if (!this->git->submodules || fstatat(this->tree->folder, MODULES, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return true;
	if (!S_ISREG(status.st_mode))
		return berth_error_set(error, BERTH_ERROR_INVALID, "its " MODULES " is no regular file");
	if (!call(this, &paths, NULL, "config", "--file", MODULES, "--name-only", "--get-regexp",
		  "^submodule\\..*\\.path$", NULL))
		return true; // it names none
	for (const char *at = paths; (at = strchr(at, '\n')); at++)
		count++;
	if (count > BERTH_LIMIT_GIT_SUBMODULES)
		return berth_error_set(error, BERTH_ERROR_INVALID, "it has more than %d submodules",
				       BERTH_LIMIT_GIT_SUBMODULES);
	if (call(this, NULL, error, "submodule", "--quiet", "update", "--init", "--recursive", "--depth=1", "--jobs=1",
		 NULL))
		return true;
	g_prefix_error(error, "submodules: ");
	return false;
}

static bool check_out(struct cloning *this, const char *checksum, GError **error)
{
	const struct berth_build_git *git = this->git;
	const char *reference = git->reference                                              ? git->reference
				: git->checksum && berth_build_git_is_commit(git->checksum) ? git->checksum
											    : "HEAD";
	g_autofree char *origin = bare_remote(git->remote);
	const char *const checksums[2] = {git->checksum, checksum};

	if (!call(this, NULL, error, "init", "--quiet", "--template=", NULL) ||
	    !call(this, NULL, error, "config", "remote.origin.url", origin, NULL) || !fetch(this, reference, error))
		return false;
	g_autofree char *commit = find_commit(this, reference, error);
	if (!commit || !check_commit(commit, checksums, error) ||
	    !call(this, NULL, error, "checkout", "--quiet", "--force", "--detach", commit, NULL) ||
	    !update_submodules(this, error))
		return false;
	this->tree->commit = g_steal_pointer(&commit);
	return true;
}

// git's own folders and files, also of submodules.
static bool remove_git(struct berth_build_tree *tree, struct berth_build_node *folder, GError **error)
{
	g_autoptr(GPtrArray) children = berth_build_node_sorted(folder);

	for (guint i = 0; i < children->len; i++) {
		struct berth_build_node *child = children->pdata[i];
		if (!g_str_equal(child->name, ".git")) {
			if (S_ISDIR(child->mode) && !remove_git(tree, child, error))
				return false;
			continue;
		}
		berth_fd fd = berth_build_tree_open_node(tree, folder, O_RDONLY | O_DIRECTORY, error);
		if (fd < 0 || !berth_remove_tree_at(fd, child->name, error))
			return false;
		berth_build_node_remove(child);
	}
	return true;
}

// The tree begins at a folder of the repository.
static bool narrow(struct berth_build_tree *tree, const char *folder, GError **error)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd = berth_resolve(tree->folder, folder, &how);

	if (fd < 0 && (errno == ELOOP || errno == EXDEV))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "the subdirectory \"%s\" of the repository is or contains a symbolic link",
				       folder);
	if (fd < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "the repository has no subdirectory \"%s\"", folder);
	if (fchown(fd, geteuid(), getegid()) < 0) { // what is the top has no node that is taken over
		berth_error_set_errno(error, errno, "take the subdirectory \"%s\" over", folder);
		close(fd);
		return false;
	}
	close(tree->folder);
	tree->folder = fd;
	return true;
}

static bool take_over(struct cloning *this, bool keep_git, GError **error)
{
	struct berth_build_tree *tree = this->tree;

	if (fchown(tree->folder, geteuid(), getegid()) < 0)
		return berth_error_set_errno(error, errno, "take the repository over");
	unlinkat(tree->folder, ".git/FETCH_HEAD", 0);
	if (this->git->folder && !narrow(tree, this->git->folder, error))
		return false;
	tree->inodes =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) berth_build_content_unref);
	return berth_build_tree_load_all(tree, tree->top, error) && (keep_git || remove_git(tree, tree->top, error));
}

static bool clone_into(struct cloning *this, const char *checksum, bool keep_git, GError **error)
{
	struct berth_build_tree *tree = this->tree;

	this->run = (struct berth_build_git_run){
		.folder = tree->folder,
		.options = this->options,
		.id = berth_build_git_id(),
	};
	make_environment(this);
	if (berth_build_git_is_ssh(this->git->remote)) {
		this->ssh = berth_build_git_ssh_new(this->git->remote, this->run.id, this->options, error);
		if (!this->ssh)
			return false;
		this->run.ssh = this->ssh;
	}
	if (this->options->progress)
		this->options->progress(this->options->data, this->shown, 0, 0);
	if (this->run.id && fchown(tree->folder, this->run.id, this->run.id) < 0)
		return berth_error_set_errno(error, errno, "make a folder for the repository");
	return check_out(this, checksum, error) && take_over(this, keep_git, error);
}

bool berth_build_is_git(const char *source)
{
	return berth_build_git_is(source);
}

struct berth_build_tree *berth_build_git_open(const char *source, const struct berth_build_tree_options *options,
					      const char *checksum, bool keep_git, GError **error)
{
	struct berth_build_git git;
	struct cloning this = {.git = &git, .options = options};

	if (!berth_build_git_parse(source, &git, error))
		return NULL;
	this.tree = berth_build_tree_new(options, error);
	this.shown = berth_build_url_redact(git.remote);
	bool done = this.tree && clone_into(&this, checksum, git.keep_git < 0 ? keep_git : git.keep_git, error);
	if (!done && this.tree) {
		berth_build_git_ssh_explain(this.ssh, error);
		g_prefix_error(error, "failed to load git repository %s: ", this.shown);
		g_clear_pointer(&this.tree, berth_build_tree_unref);
	}
	berth_build_git_ssh_free(this.ssh);
	g_clear_pointer(&this.environment, g_ptr_array_unref);
	g_free(this.shown);
	berth_build_git_clear(&git);
	return this.tree;
}
