// SPDX-License-Identifier: Apache-2.0
#include "volume/volume.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

static void test_names(void)
{
	static const char *const good[] = {"ab", "a.b", "data_1", "0-x", NULL};
	static const char *const bad[] = {"", "a", ".a", "-ab", "a/b", "..", "a b", "a\nb", "\xff\xff", NULL};

	for (const char *const *name = good; *name; name++)
		g_assert_true(berth_volume_name_check(*name, NULL));
	for (const char *const *name = bad; *name; name++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(berth_volume_name_check(*name, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	}
}

// "type=tmpfs device=x o=size=1m"
static struct berth_volume *volume_of(const char *text)
{
	struct berth_volume *volume = berth_document_new(&berth_volume_document);
	g_auto(GStrv) words = g_strsplit(text, " ", 0);

	volume->name = g_strdup("data");
	volume->driver = g_strdup("local");
	volume->options = berth_map_new();
	for (char **word = words; *word && **word; word++) {
		const char *equals = strchr(*word, '=');
		g_hash_table_insert(volume->options, g_strndup(*word, (gsize) (equals - *word)), g_strdup(equals + 1));
	}
	return volume;
}

static void test_options(void)
{
	static const struct {
		const char *options, *refusal; // NULL: it is fine
	} table[] = {
		{"", NULL},
		{"size=1g", NULL},
		{"uid=1000 gid=0 mode=1777", NULL},
		{"type=tmpfs device=tmpfs o=size=1m,mode=700,nosuid,noexec,ro", NULL},
		{"type=nfs device=:/export o=addr=10.0.0.1,vers=4.2,soft,nolock", NULL},
		{"type=ext4 device=/dev/vdb o=noatime,data=ordered", NULL},
		{"type=none device=/srv o=rbind,ro", NULL},
		{"type=cifs device=//host/share o=username=a,password=b,vers=3.0", NULL},
		{"x=y", "invalid option: \"x\""},
		{"type=tmpfs", "missing required option: \"device\""},
		{"o=ro", "missing required option"},
		{"size=0", "invalid size"},
		{"size=-1", "invalid size"},
		{"mode=8", "option mode"},
		{"uid=4294967295", "option uid"},
		{"type=tmpfs device=x uid=1", "options uid, gid and mode"},
		{"type=tmpfs device=x size=1m", "option size limits a folder"},
		{"type=overlay device=overlay o=lowerdir=/", "is not one that volumes may be of"},
		{"type=tmpfs device=x o=size=1m,context=x", "\"context\" is not an option of tmpfs volumes"},
		{"type=tmpfs device=x o=remount", "\"remount\" is not an option"},
		{"type=ext4 device=/dev/x o=bind", "\"bind\" is not an option of ext4 volumes"},
		{"type=none device=/srv o=ro", "give o=bind"},
		{"type=none device=srv o=bind", "is not an absolute path"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(berth_volume) volume = volume_of(table[i].options);
		g_autoptr(GError) error = NULL;
		bool fine = berth_volume_local.check(NULL, volume, &error);
		if (fine != !table[i].refusal || (error && !strstr(error->message, table[i].refusal)))
			g_error("%s: %s", table[i].options, error ? error->message : "is fine");
	}
}

struct place {
	char *path;
	int work, data, image;
};

static int make_folder(const char *path, const char *name)
{
	g_autofree char *full = g_build_filename(path, name, NULL);

	g_assert_cmpint(g_mkdir(full, 0755), ==, 0);
	return open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static struct place new_place(void)
{
	struct place place = {.path = g_dir_make_tmp("berth-test-XXXXXX", NULL)};

	place.work = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	place.data = make_folder(place.path, "data");
	place.image = make_folder(place.path, "image");
	return place;
}

static void remove_place(struct place *place)
{
	g_assert_true(berth_remove_tree_at(AT_FDCWD, place->path, NULL));
	berth_fd_clear(&place->work);
	berth_fd_clear(&place->data);
	berth_fd_clear(&place->image);
	g_free(place->path);
}

static bool has(int folder, const char *name)
{
	return faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void put(int folder, const char *name, const char *text)
{
	g_assert_true(berth_write_file_at(folder, name, text, strlen(text), 0644, false, NULL));
}

static void test_fill(void)
{
	g_autoptr(berth_volume) volume = volume_of("mode=700");
	struct place place = new_place();
	struct stat status;

	put(place.image, "file", "text");
	g_assert_true(berth_volume_fill(volume, place.work, place.data, place.image, NULL));
	g_assert_true(has(place.data, "file") && !has(place.work, ".berth-full") && !has(place.work, ".berth-new"));
	g_assert_cmpint(fstat(place.data, &status), ==, 0);
	g_assert_cmpuint(status.st_mode & 07777, ==, 0700);
	put(place.image, "more", "text");
	g_assert_true(berth_volume_fill(volume, place.work, place.data, place.image, NULL));
	g_assert_false(has(place.data, "more"));
	remove_place(&place);
}

// What a crash left before its copy was whole, and after.
static void test_recover(void)
{
	struct place place = new_place();
	int folder = make_folder(place.path, ".berth-new");

	put(folder, "half", "");
	berth_fd_clear(&folder);
	g_assert_true(berth_volume_fill_recover(place.work, place.data, NULL));
	g_assert_false(has(place.data, "half") || has(place.work, ".berth-new"));

	folder = make_folder(place.path, ".berth-full");
	put(folder, "left", "image's");
	put(folder, "own", "image's");
	put(place.data, "own", "container's");
	put(place.data, "moved", "");
	berth_fd_clear(&folder);
	g_assert_true(berth_volume_fill_recover(place.work, place.data, NULL));
	g_assert_true(has(place.data, "left") && has(place.data, "moved") && !has(place.work, ".berth-full"));
	g_autofree char *own = berth_read_file_at(place.data, "own", 100, NULL, NULL);
	g_assert_cmpstr(own, ==, "container's");
	remove_place(&place);
}

static void test_subpath(void)
{
	static const struct {
		const char *path;
		bool fine;
	} table[] = {{"in", true},   {"in/file", true},  {"inside", true},    {"/in", false}, {"in/../../data", false},
		     {"out", false}, {"upwards", false}, {"absolute", false}, {"none", false}};
	struct place place = new_place();
	int folder = openat(place.data, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	g_assert_cmpint(mkdirat(place.data, "in", 0755), ==, 0);
	put(place.data, "in/file", "");
	g_assert_cmpint(symlinkat("in", place.data, "inside"), ==, 0);
	g_assert_cmpint(symlinkat("/etc", place.data, "out"), ==, 0);
	g_assert_cmpint(symlinkat("../image", place.data, "upwards"), ==, 0);
	g_assert_cmpint(symlinkat("/", place.data, "absolute"), ==, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;
		berth_fd found = berth_volume_open_subpath(folder, table[i].path, &error);
		if ((found >= 0) != table[i].fine || !error != table[i].fine)
			g_error("%s: %s", table[i].path, error ? error->message : "was opened");
	}
	berth_fd_clear(&folder);
	remove_place(&place);
}

static void test_usage(void)
{
	struct place place = new_place();
	int64_t bytes;

	put(place.data, "one", "12345");
	g_assert_cmpint(linkat(place.data, "one", place.data, "two", 0), ==, 0);
	g_assert_cmpint(mkdirat(place.data, "in", 0755), ==, 0);
	put(place.data, "in/three", "123");
	g_assert_true(berth_volume_usage(place.data, &bytes, NULL));
	g_assert_cmpint(bytes, ==, 8);
	remove_place(&place);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/volume/names", test_names);
	g_test_add_func("/volume/options", test_options);
	g_test_add_func("/volume/fill", test_fill);
	g_test_add_func("/volume/recover", test_recover);
	g_test_add_func("/volume/subpath", test_subpath);
	g_test_add_func("/volume/usage", test_usage);
	return g_test_run();
}
