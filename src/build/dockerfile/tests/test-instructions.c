// SPDX-License-Identifier: Apache-2.0
// Instructions with their values.
#include "build/dockerfile/expand.h"
#include "build/dockerfile/tests/dump.h"

#include <string.h>

static const char *lookup(G_GNUC_UNUSED void *data, const char *name)
{
	return g_str_equal(name, "a") ? "value" : g_str_equal(name, "many") ? "80 81" : NULL;
}

static const struct {
	const char *text, *dump; // dump: of the instruction; NULL: an error
} cases[] = {
	{"COPY --chown=$a --chmod=$a --exclude=$a --from=x $a \"b\" $a/\n",
	 "COPY [value] [b] to=value/ from=x chown=value chmod=value exclude=value\n"},
	{"COPY <<E <<'F' /$a\n$a \"$a\"\nE\n$a\nF\n", "COPY to=/value 0<<E{value \"value\"\n} 0<<F'{$a\n}\n"},
	{"ADD --checksum=$a [\"$a b\", \"c\"]\n", "ADD [value b] to=c checksum=value\n"},
	{"ADD --checksum=sha256:$a a b\n", "ADD [a] to=b checksum=sha256:value\n"},
	{"ENV a=b c=$a \"d$a\"=\"$a x\" e='$a'\n", "ENV [a=b] [c=value] [dvalue=value x] [e=$a]\n"},
	{"ENV a $a  \"b\"\n", "ENV [a=value  b]old\n"},
	{"ARG x=$a y ${a}z=1\n", "ARG [x=value] [y] [valuez=1]\n"},
	{"EXPOSE $many 90/$a\n", "EXPOSE [80] [81] [90/value]\n"},
	{"VOLUME $a \"x\"\n", "VOLUME [value] [x]\n"},
	{"WORKDIR /x/$unset/$a\n", "WORKDIR </x//value>\n"},
	{"USER $a:${unset:-0}\n", "USER <value:0>\n"},
	{"STOPSIGNAL $a\n", "STOPSIGNAL <value>\n"},
	{"CMD echo $a\n", "CMD shell [echo $a]\n"},
	{"ENTRYPOINT [\"$a\"]\n", "ENTRYPOINT exec [$a]\n"},
	{"HEALTHCHECK CMD $a\n", "HEALTHCHECK shell [$a] 0ms 0ms 0ms 0ms 0\n"},
	{"ONBUILD COPY $a b\n", "ONBUILD <COPY $a b>\n"},
	{"RUN --device=$a echo $a\n", "RUN shell [echo $a] device=value\n"},
	{"USER ${a:?}${unset:?no}\n", NULL},
	{"ENV a='x\n", NULL},
	{"VOLUME /a $unset\n", NULL},
	{"RUN --mount=type=$a,target=/x b\n", NULL},
	{"RUN --mount=type=cache,target=/x,uid=$a b\n", NULL},
};

static const struct berth_dockerfile_instruction *expand(const char *line, GPtrArray *memory, berth_dockerfile **ret,
							 GError **error)
{
	struct berth_dockerfile_scope scope = {.lookup = lookup, .escape = '\\'};
	g_autofree char *text = g_strconcat("FROM a\n", line, NULL);
	GError *problem = NULL;

	*ret = berth_dockerfile_parse(text, strlen(text), NULL, &problem);
	g_assert_no_error(problem);
	return berth_dockerfile_instruction_expand((*ret)->stages[0].instructions, &scope, memory, error);
}

static void test_expand(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) memory = g_ptr_array_new_with_free_func(g_free);
		g_autoptr(berth_dockerfile) file = NULL;
		g_autoptr(GError) error = NULL;
		const struct berth_dockerfile_instruction *instruction = expand(cases[i].text, memory, &file, &error);

		g_test_message("%s", cases[i].text);
		g_assert_true(!instruction == !cases[i].dump);
		g_assert_true(!instruction == !!error);
		if (!instruction)
			continue;
		berth_dockerfile one = {.arguments = instruction, .arguments_count = 1};
		g_autofree char *text = dump(&one);
		g_assert_cmpstr(strchr(text, ' ') + 1, ==, cases[i].dump);
	}
}

static void test_mounts(void)
{
	g_autoptr(GPtrArray) memory = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(berth_dockerfile) file = NULL;
	g_autoptr(GError) error = NULL;
	const struct berth_dockerfile_instruction *run = expand(
		"RUN --mount=target=/b/$a,from=x,src=y,rw "
		"--mount=target=/c,type=cache,id=i-$a,sharing=locked,mode=0700,uid=1,gid=2 "
		"--mount=type=tmpfs,dst=/t,size=1k --mount=type=secret,id=s,env=,required --mount=type=ssh,ro=false "
		"--mount='type=cache,\"target=/q,r\",ro' x\n",
		memory, &file, &error);
	const struct berth_dockerfile_mount *mount = run ? run->run.mounts : NULL;

	g_assert_no_error(error);
	g_assert_cmpuint(run->run.mounts_count, ==, 6);
	g_assert_cmpint(mount[0].type, ==, BERTH_DOCKERFILE_MOUNT_BIND);
	g_assert_cmpstr(mount[0].target, ==, "/b/value");
	g_assert_cmpstr(mount[0].from, ==, "x");
	g_assert_cmpstr(mount[0].source, ==, "y");
	g_assert_false(mount[0].read_only);
	g_assert_cmpint(mount[1].type, ==, BERTH_DOCKERFILE_MOUNT_CACHE);
	g_assert_cmpint(mount[1].sharing, ==, BERTH_DOCKERFILE_LOCKED);
	g_assert_true(mount[1].has_mode && mount[1].has_uid && mount[1].has_gid && !mount[1].read_only);
	g_assert_cmpuint(mount[1].mode, ==, 0700);
	g_assert_cmpuint(mount[1].uid, ==, 1);
	g_assert_cmpuint(mount[1].gid, ==, 2);
	g_assert_cmpint(mount[2].type, ==, BERTH_DOCKERFILE_MOUNT_TMPFS);
	g_assert_cmpint(mount[2].size, ==, 1024);
	g_assert_cmpint(mount[3].type, ==, BERTH_DOCKERFILE_MOUNT_SECRET);
	g_assert_cmpstr(mount[3].env, ==, "");
	g_assert_true(mount[3].required && mount[3].read_only);
	g_assert_cmpint(mount[4].type, ==, BERTH_DOCKERFILE_MOUNT_SSH);
	g_assert_false(mount[4].read_only);
	g_assert_cmpstr(mount[5].target, ==, "/q,r");
	g_assert_true(mount[5].read_only);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/instructions/expand", test_expand);
	g_test_add_func("/instructions/mounts", test_mounts);
	return g_test_run();
}
