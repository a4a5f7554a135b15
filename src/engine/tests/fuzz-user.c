// SPDX-License-Identifier: Apache-2.0
// Whatever passwd, group and the wanted user say (three texts with NUL between), there is an error or a user whose ids
// are in range and whose groups begin with its own, none of them twice.
#include "base/error.h"
#include "engine/plan/user.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_malloc0(size + 3);
	struct berth_user user;
	g_autoptr(GError) error = NULL;

	memcpy(text, data, size);
	const char *group = text + strlen(text) + 1;
	const char *wanted = group + strlen(group) + 1;
	char *add[] = {(char *) "wheel", NULL};
	bool resolved = berth_user_resolve_text(text, group, wanted, size % 2 ? add : NULL, &user, &error);
	g_assert_true(resolved == (error == NULL));
	if (!resolved)
		return 0;
	g_assert_true(user.uid <= BERTH_USER_ID_MAX && user.gid <= BERTH_USER_ID_MAX && *user.home == '/');
	g_assert_cmpuint(g_array_index(user.groups, uint32_t, 0), ==, user.gid);
	for (guint i = 1; i < user.groups->len; i++)
		g_assert_cmpuint(g_array_index(user.groups, uint32_t, i), !=, user.gid);
	berth_user_clear(&user);
	return 0;
}
