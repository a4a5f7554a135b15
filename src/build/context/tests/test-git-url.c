// SPDX-License-Identifier: Apache-2.0
// How git repositories are named, and what is refused before git hears of it.
#include "build/context/fetch.h"
#include "build/context/git-ssh.h"
#include "build/context/git-url.h"

#include "base/error.h"

#include <string.h>

static void test_is(void)
{
	static const char *const yes[] = {
		"git://host/x",       "ssh://git@host/x",         "git@github.com:a/b.git",   "u@h:x",
		"https://host/x.git", "http://host/x.git#main:d", "https://host/x.git?ref=a", "github.com/a/b"};
	static const char *const no[] = {"https://host/x.tar.gz",
					 "https://host/x",
					 "http://host/x?a=.git",
					 "file:///x.git",
					 "ext::sh -c x",
					 "/srv/x.git",
					 "./x.git",
					 "x",
					 "",
					 "a/b@c:d",
					 "@:x",
					 "https://host/#x.git"};

	for (size_t i = 0; i < G_N_ELEMENTS(yes); i++)
		g_assert_true(berth_build_git_is(yes[i]));
	for (size_t i = 0; i < G_N_ELEMENTS(no); i++)
		g_assert_false(berth_build_git_is(no[i]));
}

static void test_parse(void)
{
	static const struct {
		const char *source, *expected;
	} cases[] = {
		{"https://h/x.git", "https://h/x.git|-|-|-|-1|1"},
		{"https://h/x.git#v1", "https://h/x.git|v1|-|-|-1|1"},
		{"https://h/x.git#v1:a/./b/", "https://h/x.git|v1|a/b|-|-1|1"},
		{"https://h/x.git#:/a", "https://h/x.git|-|a|-|-1|1"},
		{"https://h/x.git#:", "https://h/x.git|-|-|-|-1|1"},
		{"git@h:a/b.git#refs/heads/x", "git@h:a/b.git|refs/heads/x|-|-|-1|1"},
		{"github.com/a/b#c", "https://github.com/a/b|c|-|-|-1|1"},
		{"https://h/x.git?branch=b&subdir=s%2Ft&keep-git-dir=1&submodules=false",
		 "https://h/x.git|b|s/t|-|1|0"},
		{"https://h/x.git?tag=t&commit=ABCDEF0123&keep-git-dir=no", "https://h/x.git|t|-|abcdef0123|0|1"},
		{"https://u:p@h/x.git?ref=a#a", "https://u:p@h/x.git|a|-|-|-1|1"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct berth_build_git git;
		GError *error = NULL;
		berth_build_git_parse(cases[i].source, &git, &error);
		g_assert_no_error(error);
		g_autofree char *found = g_strdup_printf(
			"%s|%s|%s|%s|%d|%d", git.remote, git.reference ? git.reference : "-",
			git.folder ? git.folder : "-", git.checksum ? git.checksum : "-", git.keep_git, git.submodules);
		g_assert_cmpstr(found, ==, cases[i].expected);
		berth_build_git_clear(&git);
	}
}

// CVE-2019-13139: a reference that git would take for an option. GO-2022-1107, CVE-2026-33748: a folder that leads out.
static void test_refused(void)
{
	static const struct {
		const char *source, *expected;
	} cases[] = {
		{"https://h/x.git#--upload-pack=/bin/sh", "it begins with \"-\""},
		{"https://h/x.git#-x:d", "it begins with \"-\""},
		{"https://h/x.git?ref=--exec%3Dsh", "it begins with \"-\""},
		{"https://h/x.git?tag=-d", "it begins with \"-\""},
		{"https://h/x.git#a b", "it is no name"},
		{"https://h/x.git#a..b", "it is no name"},
		{"https://h/x.git#main^{/x}", "it is no name"},
		{"https://h/x.git#main~1", "it is no name"},
		{"https://h/x.git#a\nb", "it is no name"},
		{"https://h/x.git#+refs/heads/*", "it is no name"},
		{"https://h/x.git#a@{1}", "it is no name"},
		{"https://h/x.git#x.lock", "it is no name"},
		{"https://h/x.git#main:..", "would lead out of the repository"},
		{"https://h/x.git#main:a/../../b", "would lead out of the repository"},
		{"https://h/x.git?subdir=%2E%2E/x", "would lead out of the repository"},
		{"https://h/x.git#main:.git/hooks", "it is git's own folder"},
		{"https://h/x.git#main:.GIT", "it is git's own folder"},
		{"ssh://-oProxyCommand=x/y", "begins with \"-\""},
		{"ssh://u@-oProxyCommand=x/y", "begins with \"-\""},
		{"-u@h:x.git", "begins with \"-\""},
		{"git@-oProxyCommand=x:y", "begins with \"-\""},
		{"git@h:-x", "its path begins with \"-\""},
		{"ssh://%2doProxyCommand=x/y", "its host has characters"},
		{"ssh://h;id/y", "its host has characters"},
		{"ssh://$(id)@h/y", "its user has characters"},
		{"ssh://u:secret@h/y", "its user has characters"},
		{"`id`@h:x", "its user has characters"},
		{"git@h|id:x", "its host has characters"},
		{"ssh://h:-oProxyCommand=x/y", "its port is no number"},
		{"ssh://h:22x/y", "its port is no number"},
		{"ssh://h:0/y", "its port is no number"},
		{"ssh://h:65536/y", "its port is no number"},
		{"ssh://h:2:2/y", "its port is no number"},
		{"ssh://[::1/y", "its host has characters"},
		{"ssh://[::1]x/y", "its host has characters"},
		{"ssh://u@/y", "it has no host"},
		{"ssh://:22/y", "it has no host"},
		{"https://h x/x.git", "blanks or control characters"},
		{"git:///x", "it has no host"},
		{"https://h/x.git?ref=a#b", "two references are given"},
		{"https://h/x.git?unknown=1", "it is not known"},
		{"https://h/x.git?submodules=perhaps", "it is neither true nor false"},
		{"https://h/x.git?checksum=xyz", "no beginning of a commit's digest"},
		{"https://h/x.git?ref=%zz", "its escapes are malformed"},
		{"file:///etc", "no URL that git is asked for"},
		{"ext::sh", "no URL that git is asked for"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct berth_build_git git;
		GError *error = NULL;
		if (berth_build_git_parse(cases[i].source, &git, &error))
			g_error("%s is not refused", cases[i].source);
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		if (!strstr(error->message, cases[i].expected))
			g_error("\"%s\" is not in: %s", cases[i].expected, error->message);
		g_error_free(error);
	}
}

// As ssh looks for its key; of what is refused above nothing is asked.
static void test_ssh_host(void)
{
	static const char *const cases[][2] = {
		{"git@Host.Example:a/b.git", "host.example"},
		{"ssh://host/x", "host"},
		{"ssh://git@host:22/x", "host"},
		{"ssh://git@host:2222/x", "[host]:2222"},
		{"ssh://git@host:/x", "host"},
		{"ssh://[FE80::1]/x", "fe80::1"},
		{"ssh://u@[::1]:2222/x", "[::1]:2222"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct berth_build_git git;
		g_assert_true(berth_build_git_parse(cases[i][0], &git, NULL));
		g_assert_true(berth_build_git_is_ssh(git.remote));
		g_autofree char *host = berth_build_git_ssh_host(git.remote);
		g_assert_cmpstr(host, ==, cases[i][1]);
		berth_build_git_clear(&git);
	}
	g_assert_false(berth_build_git_is_ssh("https://git@h/x.git"));
}

static void test_redact(void)
{
	static const char *const cases[][2] = {
		{"https://u:secret@h/x", "https://u:xxxxx@h/x"},
		{"https://h/x:y@z", "https://h/x:y@z"},
		{"https://u@h/x", "https://u@h/x"},
		{"https://u:a@b@h", "https://u:xxxxx@h"},
		{"git@h:x", "git@h:x"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *shown = berth_build_url_redact(cases[i][0]);
		g_assert_cmpstr(shown, ==, cases[i][1]);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/git-url/is", test_is);
	g_test_add_func("/git-url/parse", test_parse);
	g_test_add_func("/git-url/refused", test_refused);
	g_test_add_func("/git-url/redact", test_redact);
	g_test_add_func("/git-url/ssh-host", test_ssh_host);
	return g_test_run();
}
