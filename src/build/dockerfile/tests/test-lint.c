// SPDX-License-Identifier: Apache-2.0
#include "build/dockerfile/call.h"

#include <string.h>

static const char *argument(G_GNUC_UNUSED void *data, const char *name)
{
	return g_str_equal(name, "given") ? "value" : NULL;
}

static const char *const *environment(G_GNUC_UNUSED void *data, const char *image)
{
	static const char *const variables[] = {"HOME=/root", "NODE=1", NULL};

	return g_str_equal(image, "unknown") ? NULL : variables;
}

static berth_dockerfile_lint *lint(const char *text, const char *check, berth_dockerfile **ret_file, GError **error)
{
	static const char ignored[] = "*.log\ntmp\n!tmp/keep\n";
	g_autoptr(berth_ignore) ignore = berth_ignore_parse(ignored, strlen(ignored), NULL);
	struct berth_dockerfile_lint_options options = {
		.check = check, .argument = argument, .ignore = ignore, .environment = environment};
	g_autoptr(GError) problem = NULL;
	g_autoptr(berth_dockerfile) file = berth_dockerfile_parse(text, strlen(text), NULL, &problem);

	g_assert_no_error(problem);
	berth_dockerfile_lint *result = berth_dockerfile_lint_new(file, &options, error);
	if (ret_file)
		*ret_file = g_steal_pointer(&file);
	return result;
}

// Each warning: "first-last Rule: detail".
static char *say(const berth_dockerfile_lint *result)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < result->warnings->len; i++) {
		const struct berth_dockerfile_warning *warning = result->warnings->pdata[i];
		g_string_append_printf(out, "%u-%u %s: %s\n", warning->first_line, warning->last_line,
				       berth_dockerfile_rule_about(warning->rule)->name, warning->detail);
	}
	return g_string_free(out, FALSE);
}

static const struct {
	const char *text, *warnings;
} cases[] = {
	{"FROM a\nRUN x\n", ""},
	{"FROM a AS Bad\n", "1-1 StageNameCasing: Stage name 'Bad' should be lowercase\n"},
	{"FROM a as b\n", "1-1 FromAsCasing: 'as' and 'FROM' keywords' casing do not match\n"},
	{"from a AS b\n", "1-1 FromAsCasing: 'AS' and 'from' keywords' casing do not match\n"},
	{"from a as b\nrun x\n", ""},
	{"FROM a\nCOPY a \\\n\n  b\n", "4-4 NoEmptyContinuation: Empty continuation line\n"},
	{"FROM a\ncopy a b\nCOPY a b\n",
	 "2-2 ConsistentInstructionCasing: Command 'copy' should match the case of the command majority (uppercase)\n"},
	{"from a\nCOPY a b\ncopy a b\n",
	 "2-2 ConsistentInstructionCasing: Command 'COPY' should match the case of the command majority (lowercase)\n"},
	{"FROM a\nRun x\n",
	 "2-2 ConsistentInstructionCasing: Command 'Run' should match the case of the command majority (uppercase)\n"},
	{"FROM a AS b\nFROM c AS b\n",
	 "2-2 DuplicateStageName: Duplicate stage name \"b\", stage names should be unique\n"},
	{"FROM a AS scratch\nFROM a AS context\n",
	 "1-1 ReservedStageName: Stage name should not use the same name as reserved stage \"scratch\"\n"
	 "2-2 ReservedStageName: Stage name should not use the same name as reserved stage \"context\"\n"},
	{"FROM a\nENTRYPOINT x\n", "2-2 JSONArgsRecommended: JSON arguments recommended for ENTRYPOINT to prevent "
				   "unintended behavior related to OS "
				   "signals\n"},
	{"FROM a\nCMD [\"x\"]\n", ""},
	{"FROM a\nSHELL [\"x\"]\nCMD x\n", ""},
	{"FROM a\nMAINTAINER x\n",
	 "2-2 MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label\n"},
	{"ARG version=1\nFROM a:${versoin}\n",
	 "2-2 UndefinedArgInFrom: FROM argument 'versoin' is not declared (did you mean version?)\n"
	 "2-2 InvalidDefaultArgInFrom: Default value for ARG a:${versoin} results in empty or invalid base image "
	 "name\n"},
	{"ARG version=1\nFROM a:$version\nFROM --platform=$BUILDPLATFORM b\n", ""},
	{"FROM --platform=$PLATFORM b\n", "1-1 UndefinedArgInFrom: FROM argument 'PLATFORM' is not declared\n"},
	{"ARG tag\nFROM a:$tag\n",
	 "2-2 InvalidDefaultArgInFrom: Default value for ARG a:$tag results in empty or invalid base image name\n"},
	{"ARG tag\nFROM a${tag}\nFROM a:${tag:-latest}\n", ""},
	{"ARG base\nFROM $base\n",
	 "2-2 InvalidDefaultArgInFrom: Default value for ARG $base results in empty or invalid base image name\n"},
	{"ARG base=localhost:5000/a/b-c_d:V1.2\nFROM $base\nFROM ${base}@sha256:00\n", ""},
	{"FROM a\nWORKDIR x\n",
	 "2-2 WorkdirRelativePath: Relative workdir \"x\" can have unexpected results if the base image changes\n"},
	{"FROM a AS b\nWORKDIR /x\nWORKDIR y\nFROM b\nWORKDIR z\n", ""},
	{"FROM a\nENV x=/y z=/z\nARG x=y\nARG z\nWORKDIR $z\n", ""},
	{"FROM a\nENV x=/y\nARG x=y\nWORKDIR $x\n",
	 "4-4 WorkdirRelativePath: Relative workdir \"y\" can have unexpected results if the base image changes\n"},
	{"FROM a\nCOPY $x /\n", "2-2 UndefinedVar: Usage of undefined variable '$x'\n"},
	{"FROM a\nARG x\nENV y=$x z=$given\nCOPY $y $x/\n", "3-3 UndefinedVar: Usage of undefined variable '$given'\n"},
	{"FROM a\nENV PATH=$PAHT:/x b=${b:-1} c=$HOME$NODE\n",
	 "2-2 UndefinedVar: Usage of undefined variable '$PAHT' (did you mean $PATH?)\n"},
	{"FROM unknown\nENV a=$b\n", ""},
	{"FROM scratch\nENV a=$HOME\nRUN echo $x\nCMD [\"$x\"]\n",
	 "2-2 UndefinedVar: Usage of undefined variable '$HOME'\n"},
	{"FROM a AS b\nARG x\nENV y=1\nFROM b\nLABEL z=$x$y$TARGETARCH\n",
	 "5-5 UndefinedVar: Usage of undefined variable '$TARGETARCH'\n"},
	{"FROM a\nARG TARGETARCH\nUSER $TARGETARCH\n", ""},
	{"FROM a\nCOPY <<E /x\n$q $q '$q' \\$r\nE\nCOPY <<'E' /x\n$q\nE\n",
	 "2-4 UndefinedVar: Usage of undefined variable '$q'\n"},
	{"FROM a\nRUN --mount=type=cache,target=/$q x\n", "2-2 UndefinedVar: Usage of undefined variable '$q'\n"},
	{"FROM a\nCMD [\"x\"]\nENTRYPOINT [\"x\"]\nCMD [\"y\"]\nHEALTHCHECK NONE\nHEALTHCHECK NONE\nFROM b\nCMD "
	 "[\"y\"]\n",
	 "2-2 MultipleInstructionsDisallowed: Multiple CMD instructions should not be used in the same stage because "
	 "only the last one will be used\n"
	 "5-5 MultipleInstructionsDisallowed: Multiple HEALTHCHECK instructions should not be used in the same stage "
	 "because only the last one will be used\n"},
	{"FROM a\nENV x y\nLABEL x y\n",
	 "2-2 LegacyKeyValueFormat: \"ENV key=value\" should be used instead of legacy \"ENV key value\" format\n"
	 "3-3 LegacyKeyValueFormat: \"LABEL key=value\" should be used instead of legacy \"LABEL key value\" format\n"},
	{"FROM --platform=${TARGETPLATFORM} a\n", "1-1 RedundantTargetPlatform: Setting platform to predefined "
						  "${TARGETPLATFORM} in FROM is redundant as this is "
						  "the default behavior\n"},
	{"FROM a\nARG TOKEN\nENV api_key=1 AWS_SECRET_ACCESS=1 PUBLIC_KEY=1 monkey=2\n",
	 "2-2 SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ARG \"TOKEN\")\n"
	 "3-3 SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV "
	 "\"AWS_SECRET_ACCESS\")\n"
	 "3-3 SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV \"api_key\")\n"},
	{"FROM --platform=linux/amd64 a\n",
	 "1-1 FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value \"linux/amd64\"\n"},
	{"FROM --platform=linux/amd64 a AS build_amd64\n", ""},
	{"FROM a\nCOPY x.log tmp /\nCOPY --from=b x.log /\nCOPY ./tmp/x /y\nADD tmp/z http://a/b.log tmp/keep /\n",
	 "2-2 CopyIgnoredFile: Attempting to Copy file \"x.log\" that is excluded by .dockerignore\n"
	 "4-4 CopyIgnoredFile: Attempting to Copy file \"./tmp/x\" that is excluded by .dockerignore\n"
	 "5-5 CopyIgnoredFile: Attempting to Add file \"tmp/z\" that is excluded by .dockerignore\n"},
	{"FROM a\nEXPOSE 80/TCP 81/udp 127.0.0.1:80:80 8080:80 :80\n",
	 "2-2 ExposeProtoCasing: Defined protocol '80/TCP' in EXPOSE instruction should be lowercase\n"
	 "2-2 ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found "
	 "'127.0.0.1:80:80'\n"
	 "2-2 ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found "
	 "'8080:80'\n"},
	{"# about\nARG x=1\nFROM a AS b\n", ""}, // experimental
	{"# check=experimental=all\n# about\nARG x=1\n# the base\nFROM a AS b\n# y well\nARG y\n\nARG z\n",
	 "3-3 InvalidDefinitionDescription: Comment for ARG should follow the format: `# x <description>`\n"
	 "5-5 InvalidDefinitionDescription: Comment for FROM should follow the format: `# b <description>`\n"},
	{"# check=skip=StageNameCasing, FromAsCasing\nFROM a as Bad\nMAINTAINER x\n",
	 "3-3 MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label\n"},
	{"# check=skip=all;error=true\nFROM a as Bad\nMAINTAINER x\n", ""},
};

static void test_rules(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(berth_dockerfile_lint) result = lint(cases[i].text, NULL, NULL, &error);

		g_assert_no_error(error);
		g_autofree char *warnings = say(result);
		if (!g_str_equal(warnings, cases[i].warnings))
			g_test_fail_printf("%s\nis\n%s\nnot\n%s", cases[i].text, warnings, cases[i].warnings);
	}
}

static void test_options(void)
{
	static const struct {
		const char *check, *message;
	} wrong[] = {
		{"skip", "invalid check option \"skip\""},
		{"skipp=all", "invalid check option \"skipp\" (did you mean skip?)"},
		{"error=maybe", "failed to parse check option \"error=maybe\": it is true or false"},
	};
	static const char text[] = "# check=error=true\nFROM a as Bad\nMAINTAINER x\n";

	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(lint(text, wrong[i].check, NULL, &error));
		g_assert_cmpstr(error->message, ==, wrong[i].message);
	}
	g_autoptr(berth_dockerfile_lint) result = lint(text, NULL, NULL, NULL);
	g_assert_true(result->error);
	g_autofree char *message = berth_dockerfile_lint_message(result);
	g_assert_cmpstr(message, ==,
			"lint violation found for rules: StageNameCasing, FromAsCasing, MaintainerDeprecated");
	// The request's own text is in place of the file's.
	g_autoptr(berth_dockerfile_lint) other = lint(text, "skip=FromAsCasing", NULL, NULL);
	g_assert_false(other->error);
	g_assert_cmpuint(other->warnings->len, ==, 2);
}

static const char outlined[] = "# base what it starts from\n"
			       "ARG base=busybox\n"
			       "FROM $base AS tools\n"
			       "ARG given\n"
			       "RUN --mount=type=cache,target=/c --mount=type=secret,id=npm,required x\n"
			       "FROM a AS unused\n"
			       "ARG never\n"
			       "# app the program\n"
			       "FROM scratch AS app\n"
			       "ARG version=1.$base\n"
			       "RUN --mount=from=tools,target=/t --mount=type=ssh x\n";

static void test_targets(void)
{
	g_autoptr(berth_dockerfile) file = berth_dockerfile_parse(outlined, strlen(outlined), NULL, NULL);
	g_autofree char *text = berth_dockerfile_targets_text(file);
	g_autofree char *json = berth_dockerfile_targets_json(file);

	g_assert_cmpstr(text, ==, "TARGET           DESCRIPTION\ntools\nunused\napp (default)    the program\n");
	g_assert_nonnull(strstr(json,
				"\"name\": \"app\",\n      \"default\": true,\n      \"description\": \"the program\","
				"\n      \"base\": \"scratch\""));
	g_assert_null(strstr(json, "platform"));
}

static void test_outline(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_dockerfile) file = berth_dockerfile_parse(outlined, strlen(outlined), NULL, NULL);
	g_autofree char *text = berth_dockerfile_outline_text(file, NULL, argument, NULL, NULL);
	g_autofree char *json = berth_dockerfile_outline_json(file, "APP", argument, NULL, NULL);
	g_autofree char *unused = berth_dockerfile_outline_text(file, "1", NULL, NULL, NULL);

	g_assert_cmpstr(text, ==,
			"TARGET:      app\nDESCRIPTION: the program\n"
			"\nBUILD ARG    VALUE        DESCRIPTION\n"
			"base         busybox      what it starts from\n"
			"given        value\n"
			"version      1.busybox\n"
			"\nSECRET    REQUIRED\nnpm       true\n"
			"\nSSH        REQUIRED\ndefault\n"
			"\nCACHE MOUNT    REQUIRED\n/c\n");
	g_assert_nonnull(strstr(json, "\"secrets\": [\n    {\n      \"name\": \"npm\",\n      \"required\": true"));
	g_assert_nonnull(strstr(json, "\"cache\": [\n    {\n      \"ID\": \"/c\""));
	g_assert_null(strstr(json, "never"));
	g_assert_nonnull(strstr(unused, "never"));
	g_assert_null(berth_dockerfile_outline_json(file, "none", NULL, NULL, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_assert_cmpstr(error->message, ==, "target stage \"none\" could not be found");
}

static void test_check(void)
{
	g_autoptr(berth_dockerfile) file = NULL;
	g_autoptr(berth_dockerfile_lint) result = lint("FROM a\n\nCMD x\n", NULL, &file, NULL);
	g_autofree char *text = berth_dockerfile_check_text(file, "Dockerfile", result);
	g_autofree char *json = berth_dockerfile_check_json(file, "Dockerfile", result);
	g_autoptr(berth_dockerfile) clean_file = NULL;
	g_autoptr(berth_dockerfile_lint) clean = lint("FROM a\n", NULL, &clean_file, NULL);
	g_autofree char *nothing = berth_dockerfile_check_text(clean_file, "Dockerfile", clean);

	g_assert_cmpstr(text, ==,
			"Check complete, 1 warning has been found!\n\n"
			"WARNING: JSONArgsRecommended - "
			"https://docs.docker.com/go/dockerfile/rule/json-args-recommended/\n"
			"JSON arguments recommended for CMD to prevent unintended behavior related to OS signals\n"
			"Dockerfile:3\n--------------------\n   1 |     FROM a\n   2 |\n   3 | >>> CMD x\n"
			"--------------------\n");
	g_assert_nonnull(strstr(json, "\"ruleName\": \"JSONArgsRecommended\""));
	g_assert_nonnull(strstr(json, "\"line\": 3"));
	g_assert_nonnull(strstr(json, "\"data\": \"RlJPTSBhCgpDTUQgeAo=\""));
	g_assert_cmpstr(nothing, ==, "Check complete, no warnings found.\n");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/lint/rules", test_rules);
	g_test_add_func("/lint/options", test_options);
	g_test_add_func("/lint/targets", test_targets);
	g_test_add_func("/lint/outline", test_outline);
	g_test_add_func("/lint/check", test_check);
	return g_test_run();
}
