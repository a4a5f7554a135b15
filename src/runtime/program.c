// SPDX-License-Identifier: Apache-2.0
// process.args is found and executed as a shell would, and failure is told in the words that Docker's users and tools
// know. BERTH_ERROR_NOT_FOUND is a shell's 127, BERTH_ERROR_FORBIDDEN its 126.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *find_variable(char *const *env, const char *name)
{
	size_t length = strlen(name);

	for (; env && *env; env++)
		if (strncmp(*env, name, length) == 0 && (*env)[length] == '=')
			return *env + length + 1;
	return NULL;
}

// The sixth field of the uid's line in the container's /etc/passwd; "/" if there is none. To be called inside the root.
static char *find_home(int64_t uid)
{
	g_autofree char *text = berth_read_file_at(AT_FDCWD, "/etc/passwd", BERTH_LIMIT_PASSWD, NULL, NULL);
	g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;

	for (char **line = lines; line && *line; line++) {
		g_auto(GStrv) fields = g_strsplit(*line, ":", -1);
		int64_t number;
		if (g_strv_length(fields) >= 6 &&
		    g_ascii_string_to_signed(fields[2], 10, 0, G_MAXUINT32, &number, NULL) && number == uid &&
		    *fields[5] == '/')
			return g_strdup(fields[5]);
	}
	return g_strdup("/");
}

static char **environment(const struct oci_process *process)
{
	GPtrArray *env = g_ptr_array_new();

	for (char **entry = process->env; entry && *entry; entry++)
		g_ptr_array_add(env, g_strdup(*entry));
	const char *home = find_variable(process->env, "HOME");
	if (!home || !*home) {
		g_autofree char *found = find_home(process->user ? process->user->uid : 0);
		g_ptr_array_add(env, g_strconcat("HOME=", found, NULL));
	}
	g_ptr_array_add(env, NULL);
	return (char **) g_ptr_array_free(env, FALSE);
}

static bool refuse(const char *name, const char *path, int errnum, GError **error)
{
	bool there = access(path, F_OK) == 0;
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN, "exec: \"%s\": is a directory: permission denied",
				       name);
	if (errnum == EACCES || errnum == EPERM)
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN, "exec: \"%s\": permission denied", name);
	if ((errnum == ENOENT || errnum == ENOTDIR) && !there)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "exec: \"%s\": stat %s: %s", name, path,
				       errnum == ENOENT ? "no such file or directory" : "not a directory");
	if (errnum == ENOENT) // its interpreter
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "exec %s: no such file or directory", path);
	if (errnum == ENOEXEC)
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN, "exec %s: exec format error", path);
	return berth_error_set_errno(error, errnum, "exec %s", path);
}

static bool is_program(const char *path, bool *denied)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		*denied |= errno == EACCES;
		return false;
	}
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return false;
	}
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
		return true;
	*denied = true;
	return false;
}

static char *search(const char *name, const char *path, GError **error)
{
	g_auto(GStrv) folders = g_strsplit(path ? path : OCI_DEFAULT_PATH, ":", -1);
	bool denied = false;

	for (char **folder = folders; *name && *folder; folder++) {
		g_autofree char *candidate = g_build_filename(**folder ? *folder : ".", name, NULL);
		if (is_program(candidate, &denied))
			return g_steal_pointer(&candidate);
	}
	if (denied)
		berth_error_set(error, BERTH_ERROR_FORBIDDEN, "exec: \"%s\": permission denied", name);
	else
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "exec: \"%s\": executable file not found in $PATH", name);
	return NULL;
}

char *berth_program_find(const struct oci_process *process, char ***ret_env, GError **error)
{
	const char *name = process->args[0];
	bool denied = false;
	g_autofree char *path = NULL;

	if (!strchr(name, '/'))
		path = search(name, find_variable(process->env, "PATH"), error);
	else if (is_program(name, &denied))
		path = g_strdup(name);
	else
		refuse(name, name, denied ? EACCES : errno, error);
	if (path)
		*ret_env = environment(process);
	return g_steal_pointer(&path);
}

bool berth_program_execute(const struct oci_process *process, const char *path, char **env, GError **error)
{
	execve(path, process->args, env);
	return refuse(process->args[0], path, errno, error);
}
