// SPDX-License-Identifier: Apache-2.0
// A minimal Debian by mmdebstrap, or by debootstrap and tar. The archive is whole before the engine sees any of it.
#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "cli/commands/bootstrap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

char *berth_bootstrap_running_suite(GError **error)
{
	g_autofree char *text = berth_read_file_at(AT_FDCWD, "/etc/os-release", BERTH_LIMIT_PASSWD, NULL, NULL);
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
	bool debian = false;
	char *suite = NULL;

	for (char **line = lines; *line; line++) {
		g_strdelimit(*line, "\"'", ' ');
		debian = debian || (g_str_has_prefix(*line, "ID=") && strcmp(g_strstrip(*line + 3), "debian") == 0);
		if (g_str_has_prefix(*line, "VERSION_CODENAME=") && !suite)
			suite = g_strdup(g_strstrip(*line + strlen("VERSION_CODENAME=")));
	}
	if (debian && suite)
		return suite;
	g_free(suite);
	berth_error_set(error, BERTH_ERROR_INVALID,
			"this machine does not run a Debian suite: name one, as debian:bookworm");
	return NULL;
}

// A nameless file for an archive.
static int open_temporary(GError **error)
{
	g_autofree char *path = g_build_filename(g_get_tmp_dir(), "berth-bootstrap-XXXXXX", NULL);
	berth_fd fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0)
		berth_error_set_errno(error, errno, "making a temporary file in %s", g_get_tmp_dir());
	else
		unlink(path);
	return berth_fd_steal(&fd);
}

// Runs a program with its output in `out` (-1: where our messages go) and waits for it.
static bool run(char *const *command, int out, GError **error)
{
	g_autoptr(GError) failure = NULL;
	GPid pid;
	int status;

	if (!g_spawn_async_with_fds(NULL, (char **) command, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
				    NULL, NULL, &pid, -1, out < 0 ? STDERR_FILENO : out, STDERR_FILENO, &failure))
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "%s: %s", command[0], failure->message);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (!g_spawn_check_wait_status(status, &failure))
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "%s failed: %s", command[0], failure->message);
	return true;
}

// The mirror from which apt gets this suite here; NULL: the tools' own default.
static char *find_mirror(const char *suite)
{
	char *command[] = {(char *) "apt-get",
			   (char *) "indextargets",
			   (char *) "--format",
			   (char *) "$(CODENAME) $(REPO_URI)",
			   (char *) "Identifier: Packages",
			   NULL};
	g_autofree char *list = NULL;

	if (!g_spawn_sync(NULL, command, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &list,
			  NULL, NULL, NULL))
		return NULL;
	g_auto(GStrv) lines = g_strsplit(list, "\n", -1);
	for (char **line = lines; *line; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", 2);
		if (words[0] && words[1] && strcmp(words[0], suite) == 0)
			return g_strdup(g_strstrip(words[1]));
	}
	return NULL;
}

static bool by_debootstrap(const char *suite, const char *mirror, int out, GError **error)
{
	g_autofree char *folder = g_build_filename(g_get_tmp_dir(), "berth-bootstrap-XXXXXX", NULL);

	if (!mkdtemp(folder))
		return berth_error_set_errno(error, errno, "making a temporary folder in %s", g_get_tmp_dir());
	g_autofree char *root = g_build_filename(folder, "root", NULL);
	char *make[] = {
		(char *) "debootstrap", (char *) "--variant=minbase", (char *) suite, root, (char *) mirror, NULL};
	char *pack[] = {(char *) "tar", (char *) "-C", root, (char *) "--numeric-owner",
			(char *) "-c",  (char *) ".",  NULL};
	bool fine = run(make, -1, error) && run(pack, out, error);
	if (!berth_remove_tree_at(AT_FDCWD, folder, fine ? error : NULL))
		return false;
	return fine;
}

int berth_bootstrap_debian(const char *suite, GError **error)
{
	g_autofree char *mmdebstrap = g_find_program_in_path("mmdebstrap");
	g_autofree char *debootstrap = g_find_program_in_path("debootstrap");
	g_autofree char *mirror = find_mirror(suite);

	if (!mmdebstrap && !debootstrap) {
		berth_error_set(error, BERTH_ERROR_NOT_FOUND,
				"there is neither mmdebstrap nor debootstrap on this machine: install the package "
				"mmdebstrap (apt-get install mmdebstrap)");
		return -1;
	}
	berth_fd archive = open_temporary(error);
	if (archive < 0)
		return -1;
	fprintf(stderr, "Making a Debian %s by %s from %s\n", suite, mmdebstrap ? "mmdebstrap" : "debootstrap",
		mirror ? mirror : "its default mirror");
	char *command[] = {
		mmdebstrap, (char *) "--quiet", (char *) "--variant=minbase", (char *) suite, (char *) "-", mirror,
		NULL};
	bool fine = mmdebstrap ? run(command, archive, error) : by_debootstrap(suite, mirror, archive, error);
	if (!fine)
		return -1;
	if (lseek(archive, 0, SEEK_SET) < 0) {
		berth_error_set_errno(error, errno, "reading the archive");
		return -1;
	}
	return berth_fd_steal(&archive);
}
