// SPDX-License-Identifier: Apache-2.0
// Any text is a source that is refused, or a repository, reference and folder that git can take for nothing else.
#include "build/context/fetch.h"
#include "build/context/git-url.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *) data, size);
	g_autofree char *shown = berth_build_url_redact(text);
	struct berth_build_git git;

	g_assert_nonnull(shown);
	berth_build_git_is(text);
	if (!berth_build_git_parse(text, &git, NULL))
		return 0;
	g_assert_true(*git.remote && *git.remote != '-' && !strchr(git.remote, '\n'));
	g_assert_true(!git.reference || (*git.reference != '-' && !strpbrk(git.reference, " \n:^~*")));
	g_autofree char *folder = g_strconcat("/", git.folder ? git.folder : "", "/", NULL);
	g_assert_null(strstr(folder, "/../"));
	berth_build_git_clear(&git);
	return 0;
}
