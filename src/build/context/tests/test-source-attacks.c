// SPDX-License-Identifier: Apache-2.0
// Attacks by what a build reads: contexts, and git repositories and how they are named.
#include "build/context/tests/fixture.h"
#include "build/context/tests/garden.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define SLEEP "98765.4321" // seconds, as nothing else sleeps

#define assert_has(message, expected)                                                                                  \
	do {                                                                                                           \
		g_assert_nonnull(message);                                                                             \
		if (!strstr(message, expected))                                                                        \
			g_error("\"%s\" is not in: %s", expected, message);                                            \
	} while (0)

static struct berth_build_tree *open_remote(struct fixture *fixture, const char *remote, GError **error)
{
	const struct berth_build_source source = {.tar = -1, .remote = remote};

	return berth_build_tree_open(&source, &fixture->options, NULL, error);
}

static void add_link(GByteArray *tarball, const char *name, char type, const char *target)
{
	tarball_add(tarball, &(struct tarball_entry){.name = name, .type = type, .link = target});
}

// A link for the ignore file or the Dockerfile leads to nothing outside of the context.
static void test_ignore_link(struct fixture *fixture)
{
	g_autofree char *outside = g_build_filename(fixture->path, "root", "ignore", NULL);
	GByteArray *tarball = tarball_new();
	GError *error = NULL;

	fixture_write(fixture->root, "ignore", "*\n", 0644);
	add_link(tarball, ".dockerignore", '2', outside);
	add_link(tarball, "Dockerfile", '2', "/../../../../../../../../etc/hostname");
	add_link(tarball, "up", '2', "../../../../etc");
	tarball_add(tarball, &(struct tarball_entry){.name = "a", .content = "A"});
	fixture->options.dockerfile = "Dockerfile";
	fixture->options.ignore = true;
	fixture_open(fixture, tarball);
	g_autofree char *digest = berth_build_tree_digest(fixture->tree, "a", &error);
	g_assert_no_error(error);
	g_assert_null(berth_build_tree_read(fixture->tree, "Dockerfile", 100, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_clear_error(&error);
	g_assert_cmpint(berth_build_tree_open_path(fixture->tree, "up/passwd", &error), ==, -1);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_error_free(error);
}

// GO-2022-1107, CVE-2026-33748, CVE-2026-44517: out of the clone by a folder that is a link; and what is not there.
static void test_git_refused(struct fixture *fixture)
{
	static const char *const cases[][2] = {
		{"r#:s", "is or contains a symbolic link"},
		{"r#:root", "is or contains a symbolic link"},
		{"r#:root/etc", "is or contains a symbolic link"},
		{"r#:d/up/..", "would lead out of the repository"},
		{"r#:f", "the repository has no subdirectory \"f\""},
		{"r#:none", "the repository has no subdirectory \"none\""},
		{"r#none", "repository does not contain ref none"},
		{"r#0123456789012345678901234567890123456789", "git"},
		{"r?ref=main&checksum=0000000", "expected checksum to match 0000000"},
		{"none", "failed to load git repository"},
	};
	struct garden garden;

	garden_plant(&garden, fixture->path, garden_plain);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		GError *error = NULL;
		g_autofree char *source = garden_repository(&garden, cases[i][0]);
		g_assert_null(open_remote(fixture, source, &error));
		g_assert_nonnull(error);
		assert_has(error->message, cases[i][1]);
		g_error_free(error);
	}
	garden_dig_over(&garden);
}

// A reference that git would take for an option: refused before git is asked, which would run a program of the
// attacker's choice.
static void test_option(struct fixture *fixture)
{
	static const char *const rest[] = {"r#--upload-pack=touch ${PWD}/touched", "r#-u:d", "r?ref=--exec%3Dsh",
					   "r?tag=-x"};
	struct garden garden;

	garden_plant(&garden, fixture->path, garden_plain);
	for (size_t i = 0; i < G_N_ELEMENTS(rest); i++) {
		GError *error = NULL;
		g_autofree char *source = garden_repository(&garden, rest[i]);
		g_assert_null(open_remote(fixture, source, &error));
		assert_has(error->message, "it begins with \"-\"");
		g_error_free(error);
	}
	garden_dig_over(&garden);
}

static int lend(void *data, G_GNUC_UNUSED const char *id, G_GNUC_UNUSED bool wait, G_GNUC_UNUSED GError **error)
{
	++*(int *) data;
	return -1;
}

// A user, host, port or path that ssh would take for an option, or a shell for more than a name: no agent is asked for,
// and nothing is run.
static void test_ssh_option(struct fixture *fixture)
{
	static const char *const sources[] = {
		"ssh://-oProxyCommand=touch%20x/y",
		"ssh://%2DoProxyCommand=touch%20x/y",
		"ssh://u@-oProxyCommand=x/y",
		"-oProxyCommand=x@h:y",
		"git@-oProxyCommand=x:y",
		"ssh://h:-oProxyCommand=x/y",
		"ssh://$(touch${IFS}x)@h/y",
		"ssh://h`touch${IFS}x`/y",
		"git@h;id:y",
		"git@h:--upload-pack=x",
	};
	int asked = 0;

	fixture->options.ssh = (struct berth_build_ssh){.agent = lend, .data = &asked};
	for (size_t i = 0; i < G_N_ELEMENTS(sources); i++) {
		GError *error = NULL;
		g_assert_null(open_remote(fixture, sources[i], &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		assert_has(error->message, "invalid git repository");
		g_error_free(error);
	}
	g_assert_cmpint(asked, ==, 0);
	fixture_assert_list(fixture->work, "");
}

// Submodules that would read files of this machine or run a program; hooks and filters that a repository brings.
static void test_hostile(struct fixture *fixture)
{
	static const char *const names[] = {"file", "ext", "option"};
	struct garden garden;

	garden_plant(
		&garden, fixture->path,
		"git init -q secret; cd secret; echo S >s; git add .; git commit -qm s; id=$(git rev-parse HEAD)\n"
		"make() { git init -q ../$1; cd ../$1; printf '[submodule \"m\"]\\n\\tpath = m\\n\\turl = %s\\n' "
		"\"$2\" "
		">.gitmodules; git add .gitmodules; git update-index --add --cacheinfo 160000,$id,m; git commit -qm h; "
		"}\n"
		"make file \"file://$PWD\"; make ext \"ext::sh -c touch% ${PWD%/*}/touched\"\n"
		"make option \"-u./payload\"");
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		GError *error = NULL;
		g_autofree char *source = garden_repository(&garden, names[i]);
		g_autoptr(berth_build_tree) tree = open_remote(fixture, source, &error);
		g_assert_null(tree);
		assert_has(error->message, "failed to load git repository");
		g_error_free(error);
	}
	g_autofree char *touched = g_build_filename(garden.path, "touched", NULL);
	g_assert_cmpint(access(touched, F_OK), <, 0);
	garden_dig_over(&garden);
}

// What git does, it does as nobody in particular, who sees none of what is root's.
static void test_rights(struct fixture *fixture)
{
	g_autofree char *bin = g_build_filename(fixture->path, "bin", NULL);
	g_autofree char *program = g_build_filename(bin, "git", NULL), *before = g_strdup(g_getenv("PATH"));
	GError *error = NULL;

	if (geteuid() != 0) {
		g_test_skip("only root can give rights up");
		return;
	}
	g_assert_cmpint(chmod(fixture->path, 0755), ==, 0); // as git's own folder is
	g_assert_cmpint(mkdir(bin, 0755), ==, 0);
	fixture_write(
		AT_FDCWD, program,
		"#!/bin/sh\nexec >&2; id -u; pwd; ls /proc/self/fd; cat /etc/shadow; set | grep -c SECRET; exit 1\n",
		0755);
	g_setenv("PATH", bin, true);
	g_setenv("SECRET_OF_THE_ENGINE", "x", true);
	g_assert_null(open_remote(fixture, "git://127.0.0.1/x", &error));
	g_setenv("PATH", before, true);
	assert_has(error->message, "/etc/shadow: Permission denied");
	g_auto(GStrv) lines = g_strsplit(error->message, "\n", -1);
	g_assert_nonnull(strstr(lines[0], "git: 20")); // a number that nobody has
	g_assert_true(g_str_has_suffix(error->message, "\n0"));
	g_clear_error(&error);
	g_setenv("PATH", "/nonexistent", true);
	g_assert_null(open_remote(fixture, "git://127.0.0.1/x", &error));
	g_setenv("PATH", before, true);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	assert_has(error->message, "git is not installed on this host");
	g_error_free(error);
}

static bool say_soon(void *data)
{
	return ++*(int *) data > 3;
}

// Whether a process is left that has the word among its arguments.
static bool any_process(const char *word)
{
	g_autoptr(GDir) all = g_dir_open("/proc", 0, NULL);
	const char *name;

	while ((name = g_dir_read_name(all))) {
		g_autofree char *path = g_build_filename("/proc", name, "cmdline", NULL), *text = NULL;
		gsize length = 0;
		if (g_ascii_isdigit(*name) && g_file_get_contents(path, &text, &length, NULL) &&
		    memmem(text, length, word, strlen(word)))
			return true;
	}
	return false;
}

// Who is gone leaves no git behind, and nothing that it has started.
static void test_canceled(struct fixture *fixture)
{
	g_autofree char *bin = g_build_filename(fixture->path, "bin", NULL);
	g_autofree char *program = g_build_filename(bin, "git", NULL), *before = g_strdup(g_getenv("PATH"));
	GError *error = NULL;
	int asked = 0;

	g_assert_cmpint(chmod(fixture->path, 0755), ==, 0);
	g_assert_cmpint(mkdir(bin, 0755), ==, 0);
	fixture_write(AT_FDCWD, program, "#!/bin/sh\ntrap '' TERM HUP INT\nsetsid sleep " SLEEP " &\nsleep " SLEEP "\n",
		      0755);
	fixture->options.canceled = say_soon;
	fixture->options.data = &asked;
	g_setenv("PATH", bin, true);
	g_assert_null(open_remote(fixture, "git://127.0.0.1/x", &error));
	g_setenv("PATH", before, true);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CANCELED);
	g_error_free(error);
	g_assert_cmpint(asked, >, 3);
	if (geteuid() == 0) // else there is no namespace that ends with it
		g_assert_false(any_process(SLEEP));
}

static void run(void (*test)(struct fixture *fixture))
{
	struct fixture fixture = {0};

	fixture_set_up(&fixture, NULL);
	test(&fixture);
	fixture_tear_down(&fixture, NULL);
}

#define TEST(name)                                                                                                     \
	static void run_##name(void)                                                                                   \
	{                                                                                                              \
		run(test_##name);                                                                                      \
	}
TEST(ignore_link)
TEST(git_refused)
TEST(option)
TEST(ssh_option)
TEST(hostile)
TEST(rights)
TEST(canceled)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/source-attacks/CVE-2022-4122 an ignore file that is a link", run_ignore_link);
	g_test_add_func("/source-attacks/CVE-2019-13139 a reference that is an option", run_option);
	g_test_add_func("/source-attacks/CVE-2017-1000117 CVE-2023-51385 an ssh URL that is an option or a command",
			run_ssh_option);
	g_test_add_func("/source-attacks/GO-2022-1107 CVE-2026-33748 CVE-2026-44517 out of the repository",
			run_git_refused);
	g_test_add_func("/source-attacks/hostile submodules", run_hostile);
	g_test_add_func("/source-attacks/rights of git", run_rights);
	g_test_add_func("/source-attacks/canceled", run_canceled);
	return g_test_run();
}
