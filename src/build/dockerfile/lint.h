// SPDX-License-Identifier: Apache-2.0
// What is allowed and still probably wrong: BuildKit's checks, with its names and words.
//
// `# check=skip=Rule,Other;error=true;experimental=Rule` in the file, or the same text of a request, chooses: "all" is
// every rule; rules marked experimental are off until they are named.
#pragma once

#include "base/ignore.h"
#include "build/dockerfile/dockerfile.h"
#include "build/dockerfile/expand.h"

enum berth_dockerfile_rule {
	BERTH_RULE_STAGE_NAME_CASING,
	BERTH_RULE_FROM_AS_CASING,
	BERTH_RULE_NO_EMPTY_CONTINUATION,
	BERTH_RULE_CONSISTENT_INSTRUCTION_CASING,
	BERTH_RULE_DUPLICATE_STAGE_NAME,
	BERTH_RULE_RESERVED_STAGE_NAME,
	BERTH_RULE_JSON_ARGS_RECOMMENDED,
	BERTH_RULE_MAINTAINER_DEPRECATED,
	BERTH_RULE_UNDEFINED_ARG_IN_FROM,
	BERTH_RULE_WORKDIR_RELATIVE_PATH,
	BERTH_RULE_UNDEFINED_VAR,
	BERTH_RULE_MULTIPLE_INSTRUCTIONS_DISALLOWED,
	BERTH_RULE_LEGACY_KEY_VALUE_FORMAT,
	BERTH_RULE_REDUNDANT_TARGET_PLATFORM,
	BERTH_RULE_SECRETS_USED_IN_ARG_OR_ENV,
	BERTH_RULE_INVALID_DEFAULT_ARG_IN_FROM,
	BERTH_RULE_FROM_PLATFORM_FLAG_CONST_DISALLOWED,
	BERTH_RULE_COPY_IGNORED_FILE,
	BERTH_RULE_INVALID_DEFINITION_DESCRIPTION, // experimental
	BERTH_RULE_EXPOSE_PROTO_CASING,
	BERTH_RULE_EXPOSE_INVALID_FORMAT,
	BERTH_RULES,
};

struct berth_dockerfile_rule_about {
	const char *name; // "StageNameCasing"
	const char *description;
	const char *url;
	bool experimental;
};
const struct berth_dockerfile_rule_about *berth_dockerfile_rule_about(enum berth_dockerfile_rule rule);

struct berth_dockerfile_warning {
	enum berth_dockerfile_rule rule;
	char *detail; // this case, in words
	unsigned first_line, last_line;
};

struct berth_dockerfile_lint_options {
	const char *check; // of the request, in place of the file's directive; NULL: the directive holds
	berth_dockerfile_lookup argument; // --build-arg; NULL: there are none
	void *argument_data;
	const berth_ignore *ignore; // of the context; NULL: nothing is ignored
	// The environment of an image ("name=value", NULL-terminated, borrowed until the next call), or NULL if it is
	// not known: then no variable is called undefined in what is made from it. The function may be NULL.
	const char *const *(*environment)(void *data, const char *image);
	void *environment_data;
};

struct berth_dockerfile_lint {
	GPtrArray *warnings; // struct berth_dockerfile_warning, by line
	bool error; // `error=true`, and there are warnings: the build fails
};
typedef struct berth_dockerfile_lint berth_dockerfile_lint;

// Looks at all stages. Fails only on a wrong `check` text.
berth_dockerfile_lint *berth_dockerfile_lint_new(const berth_dockerfile *file,
						 const struct berth_dockerfile_lint_options *options, GError **error);
berth_dockerfile_lint *berth_dockerfile_lint_free(berth_dockerfile_lint *lint);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_dockerfile_lint, berth_dockerfile_lint_free)

// "lint violation found for rules: A, B", for the error of a build that `error` fails. The caller frees.
char *berth_dockerfile_lint_message(const berth_dockerfile_lint *lint);
