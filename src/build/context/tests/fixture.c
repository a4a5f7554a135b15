// SPDX-License-Identifier: Apache-2.0
#include "build/context/tests/fixture.h"

#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void fixture_set_up(struct fixture *this, G_GNUC_UNUSED gconstpointer data)
{
	GError *error = NULL;

	this->path = g_dir_make_tmp("berth-context-XXXXXX", &error);
	g_assert_no_error(error);
	g_autofree char *work = g_build_filename(this->path, "work", NULL);
	g_autofree char *root = g_build_filename(this->path, "root", NULL);
	this->work = berth_open_folder(work, true, 0700, &error);
	g_assert_no_error(error);
	this->root = berth_open_folder(root, true, 0755, &error);
	g_assert_no_error(error);
	this->options = (struct berth_build_tree_options){.work = this->work};
}

void fixture_tear_down(struct fixture *this, G_GNUC_UNUSED gconstpointer data)
{
	GError *error = NULL;

	berth_build_tree_unref(this->tree);
	DIR *left = fdopendir(openat(this->work, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	for (struct dirent *entry; (entry = readdir(left));)
		g_assert_true(*entry->d_name == '.'); // no context is left behind
	closedir(left);
	close(this->work);
	close(this->root);
	berth_remove_tree_at(AT_FDCWD, this->path, &error);
	g_assert_no_error(error);
	g_free(this->path);
}

void fixture_open(struct fixture *this, GByteArray *tarball)
{
	GError *error = NULL;

	tarball_end(tarball);
	berth_fd fd = tarball_open(tarball->data, tarball->len);
	const struct berth_build_source source = {.tar = fd};
	this->tree = berth_build_tree_open(&source, &this->options, NULL, &error);
	g_assert_no_error(error);
	g_byte_array_unref(tarball);
}

char *fixture_refused(struct fixture *this, const void *data, size_t length)
{
	GError *error = NULL;
	berth_fd fd = tarball_open(data, length);
	const struct berth_build_source source = {.tar = fd};

	g_assert_null(berth_build_tree_open(&source, &this->options, NULL, &error));
	g_assert_nonnull(error);
	char *message = g_strdup(error->message);
	g_error_free(error);
	return message;
}

void fixture_write(int folder, const char *path, const char *content, mode_t mode)
{
	g_autofree char *copy = g_strdup(path);

	for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdirat(folder, copy, 0755);
		*slash = '/';
	}
	if (!content) {
		g_assert_cmpint(mkdirat(folder, path, mode), ==, 0);
		g_assert_cmpint(fchmodat(folder, path, mode, 0), ==, 0);
		return;
	}
	berth_fd fd = openat(folder, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	g_assert_cmpint(fd, >=, 0);
	g_assert_true(berth_write_all(fd, content, strlen(content), path, NULL));
	g_assert_cmpint(fchmod(fd, mode), ==, 0);
}

static gint by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static void list_one(GString *list, int folder, const char *name, const char *path)
{
	struct stat status;
	char text[256] = "";
	ssize_t length = 0;

	g_assert_cmpint(fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW), ==, 0);
	g_string_append_printf(list, "%s %o %u:%u", path, status.st_mode & 07777, status.st_uid, status.st_gid);
	if (S_ISLNK(status.st_mode)) {
		length = readlinkat(folder, name, text, sizeof text - 1);
		g_string_append(list, " ->");
	} else if (S_ISREG(status.st_mode)) {
		berth_fd fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
		length = berth_read_full(fd, text, sizeof text - 1);
	}
	text[MAX(length, 0)] = '\0';
	g_string_append_printf(list, "%s%s\n", *text ? " " : "", text);
}

static void list_folder(GString *list, int folder, const char *path)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	DIR *stream = fdopendir(openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	for (struct dirent *entry; (entry = readdir(stream));)
		if (!g_str_equal(entry->d_name, ".") && !g_str_equal(entry->d_name, ".."))
			g_ptr_array_add(names, g_strdup(entry->d_name));
	closedir(stream);
	g_ptr_array_sort(names, by_text);
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *child = g_strconcat(path, *path ? "/" : "", names->pdata[i], NULL);
		list_one(list, folder, names->pdata[i], child);
		berth_fd fd = openat(folder, names->pdata[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			list_folder(list, fd, child);
	}
}

char *fixture_list(int folder)
{
	GString *list = g_string_new(NULL);

	list_folder(list, folder, "");
	return g_string_free(list, false);
}

struct berth_build_copy fixture_make_copy(struct fixture *this, const char *const *sources, const char *destination,
					  struct berth_build_copy_source *ret_sources)
{
	struct berth_build_copy copy = {
		.tree = this->tree,
		.from_context = true,
		.sources = ret_sources,
		.destination = destination,
		.folder = "/",
		.unpack = -1,
		.epoch = -1,
		.options = &this->options,
	};

	for (; sources[copy.source_count]; copy.source_count++)
		ret_sources[copy.source_count] = (struct berth_build_copy_source){.path = sources[copy.source_count]};
	return copy;
}

char *fixture_copy(struct fixture *this, const struct berth_build_copy *copy)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_build_copied) copied = berth_build_copy_find(copy, this->root, &error);

	if (copied && berth_build_copy_make(copied, this->root, this->root, &error))
		return NULL;
	g_assert_nonnull(error);
	return g_strdup(error->message);
}

char *fixture_digest(struct fixture *this, const struct berth_build_copy *copy)
{
	GError *error = NULL;
	g_autoptr(berth_build_copied) copied = berth_build_copy_find(copy, this->root, &error);

	g_assert_no_error(error);
	return g_strdup(berth_build_copied_digest(copied));
}
