// SPDX-License-Identifier: Apache-2.0
// The table of checks, and which of them are on.
#include "build/dockerfile/lint.h"
#include "base/limits.h"
#include "base/near.h"
#include "build/dockerfile/lint-internal.h"

#include <string.h>

#define URL "https://docs.docker.com/go/dockerfile/rule/"

static const struct berth_dockerfile_rule_about rules[BERTH_RULES] = {
	[BERTH_RULE_STAGE_NAME_CASING] = {"StageNameCasing", "Stage names should be lowercase",
					  URL "stage-name-casing/", false},
	[BERTH_RULE_FROM_AS_CASING] = {"FromAsCasing", "The 'as' keyword should match the case of the 'from' keyword",
				       URL "from-as-casing/", false},
	[BERTH_RULE_NO_EMPTY_CONTINUATION] = {"NoEmptyContinuation",
					      "Empty continuation lines will become errors in a future release",
					      URL "no-empty-continuation/", false},
	[BERTH_RULE_CONSISTENT_INSTRUCTION_CASING] = {"ConsistentInstructionCasing",
						      "All commands within the Dockerfile should use the same casing "
						      "(either upper or lower)",
						      URL "consistent-instruction-casing/", false},
	[BERTH_RULE_DUPLICATE_STAGE_NAME] = {"DuplicateStageName", "Stage names should be unique",
					     URL "duplicate-stage-name/", false},
	[BERTH_RULE_RESERVED_STAGE_NAME] = {"ReservedStageName", "Reserved words should not be used as stage names",
					    URL "reserved-stage-name/", false},
	[BERTH_RULE_JSON_ARGS_RECOMMENDED] = {"JSONArgsRecommended",
					      "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended "
					      "behavior related to OS signals",
					      URL "json-args-recommended/", false},
	[BERTH_RULE_MAINTAINER_DEPRECATED] = {"MaintainerDeprecated",
					      "The MAINTAINER instruction is deprecated, use a label instead to define "
					      "an image author",
					      URL "maintainer-deprecated/", false},
	[BERTH_RULE_UNDEFINED_ARG_IN_FROM] = {"UndefinedArgInFrom", "FROM command must use declared ARGs",
					      URL "undefined-arg-in-from/", false},
	[BERTH_RULE_WORKDIR_RELATIVE_PATH] = {"WorkdirRelativePath",
					      "Relative workdir without an absolute workdir declared within the build "
					      "can have unexpected results if the base image changes",
					      URL "workdir-relative-path/", false},
	[BERTH_RULE_UNDEFINED_VAR] = {"UndefinedVar", "Variables should be defined before their use",
				      URL "undefined-var/", false},
	[BERTH_RULE_MULTIPLE_INSTRUCTIONS_DISALLOWED] = {"MultipleInstructionsDisallowed",
							 "Multiple instructions of the same type should not be used in "
							 "the same stage",
							 URL "multiple-instructions-disallowed/", false},
	[BERTH_RULE_LEGACY_KEY_VALUE_FORMAT] = {"LegacyKeyValueFormat",
						"Legacy key/value format with whitespace separator should not be used",
						URL "legacy-key-value-format/", false},
	[BERTH_RULE_REDUNDANT_TARGET_PLATFORM] =
		{"RedundantTargetPlatform",
		 "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as "
		 "this is the default behavior",
		 URL "redundant-target-platform/", false},
	[BERTH_RULE_SECRETS_USED_IN_ARG_OR_ENV] = {"SecretsUsedInArgOrEnv",
						   "Sensitive data should not be used in the ARG or ENV commands",
						   URL "secrets-used-in-arg-or-env/", false},
	[BERTH_RULE_INVALID_DEFAULT_ARG_IN_FROM] = {"InvalidDefaultArgInFrom",
						    "Default value for global ARG results in an empty or invalid base "
						    "image name",
						    URL "invalid-default-arg-in-from/", false},
	[BERTH_RULE_FROM_PLATFORM_FLAG_CONST_DISALLOWED] = {"FromPlatformFlagConstDisallowed",
							    "FROM --platform flag should not use a constant value",
							    URL "from-platform-flag-const-disallowed/", false},
	[BERTH_RULE_COPY_IGNORED_FILE] = {"CopyIgnoredFile",
					  "Attempting to Copy file that is excluded by .dockerignore",
					  URL "copy-ignored-file/", false},
	[BERTH_RULE_INVALID_DEFINITION_DESCRIPTION] = {"InvalidDefinitionDescription",
						       "Comment for build stage or argument should follow the format: "
						       "`# <arg/stage name> <description>`. If this is not intended to "
						       "be a description comment, add an empty line or comment between "
						       "the instruction and the comment.",
						       URL "invalid-definition-description/", true},
	[BERTH_RULE_EXPOSE_PROTO_CASING] = {"ExposeProtoCasing", "Protocol in EXPOSE instruction should be lowercase",
					    URL "expose-proto-casing/", false},
	[BERTH_RULE_EXPOSE_INVALID_FORMAT] = {"ExposeInvalidFormat",
					      "IP address and host-port mapping should not be used in EXPOSE "
					      "instruction. This will become an error in a future release",
					      URL "expose-invalid-format/", false},
};

const struct berth_dockerfile_rule_about *berth_dockerfile_rule_about(enum berth_dockerfile_rule rule)
{
	return &rules[rule];
}

void berth_dockerfile__warn(struct berth_dockerfile__linter *linter, enum berth_dockerfile_rule rule,
			    unsigned first_line, unsigned last_line, const char *format, ...)
{
	va_list arguments;

	if (linter->off[rule] || linter->warnings->len >= BERTH_LIMIT_DOCKERFILE_WARNINGS)
		return;
	struct berth_dockerfile_warning *warning = g_new0(struct berth_dockerfile_warning, 1);
	warning->rule = rule;
	warning->first_line = first_line;
	warning->last_line = last_line;
	va_start(arguments, format);
	warning->detail = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	g_ptr_array_add(linter->warnings, warning);
}

char *berth_dockerfile__mean(GHashTable *names, const char *name, const char *prefix)
{
	enum { NEAR = 3, MOST = 1000 }; // edits; names that are compared
	const char *best = NULL;
	unsigned best_distance = NEAR;
	GHashTableIter iter;
	gpointer key;

	if (g_hash_table_size(names) > MOST)
		return g_strdup("");
	g_hash_table_iter_init(&iter, names);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		unsigned distance = berth_near_distance(name, key);
		// Of equally near ones the first in the alphabet, so that it is always the same.
		if (distance < best_distance || (best && distance == best_distance && strcmp(key, best) < 0)) {
			best = key;
			best_distance = distance;
		}
	}
	return best ? g_strdup_printf(" (did you mean %s%s?)", prefix, best) : g_strdup("");
}

const char *berth_dockerfile__from_table(void *data, const char *name)
{
	return g_hash_table_lookup(data, name);
}

static bool set_rules(struct berth_dockerfile__linter *linter, const char *names, bool off)
{
	g_auto(GStrv) list = g_strsplit(names, ",", -1);

	for (char **name = list; *name; name++) {
		g_strstrip(*name);
		for (int rule = 0; rule < BERTH_RULES; rule++) {
			// "all" of experimental= concerns those alone that are experimental.
			bool all = g_str_equal(*name, "all") && (off || rules[rule].experimental);
			if (all || g_str_equal(rules[rule].name, *name))
				linter->off[rule] = off;
		}
	}
	return true;
}

static bool set_error(const char *value, bool *error_given, GError **error)
{
	static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True", NULL};
	static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False", NULL};

	*error_given = g_strv_contains(yes, value);
	if (*error_given || g_strv_contains(no, value))
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "failed to parse check option \"error=%s\": it is true or false", value);
}

// "skip=A,B;error=true;experimental=C"
static bool read_check(struct berth_dockerfile__linter *linter, const char *check, bool *error_given, GError **error)
{
	static const char *const names[] = {"skip", "error", "experimental", NULL};
	g_auto(GStrv) options = g_strsplit(check, ";", -1);

	for (char **option = options; *option; option++) {
		char *value = strchr(*option, '=');
		if (!*g_strstrip(*option))
			continue;
		if (!value)
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid check option \"%s\"", *option);
		*value++ = 0;
		g_strstrip(value);
		if (g_str_equal(g_strchomp(*option), "skip")) {
			set_rules(linter, value, true);
		} else if (g_str_equal(*option, "experimental")) {
			set_rules(linter, value, false);
		} else if (!g_str_equal(*option, "error")) {
			berth_error_set(error, BERTH_ERROR_INVALID, "invalid check option \"%s\"", *option);
			berth_dockerfile__suggest(error, *option, names);
			return false;
		} else if (!set_error(value, error_given, error)) {
			return false;
		}
	}
	return true;
}

static bool read_options(struct berth_dockerfile__linter *linter, bool *error_given, GError **error)
{
	const berth_dockerfile *file = linter->file;

	for (int rule = 0; rule < BERTH_RULES; rule++)
		linter->off[rule] = rules[rule].experimental;
	if (linter->options->check)
		return read_check(linter, linter->options->check, error_given, error);
	for (unsigned i = 0; i < file->directives_count; i++)
		if (g_str_equal(file->directives[i].name, "check") &&
		    !read_check(linter, file->directives[i].value, error_given, error)) {
			g_prefix_error(error, "line %u: ", file->directives[i].line);
			return false;
		}
	return true;
}

static int compare(gconstpointer a, gconstpointer b)
{
	const struct berth_dockerfile_warning *one = *(const struct berth_dockerfile_warning *const *) a;
	const struct berth_dockerfile_warning *two = *(const struct berth_dockerfile_warning *const *) b;

	if (one->first_line != two->first_line)
		return one->first_line < two->first_line ? -1 : 1;
	if (one->rule != two->rule)
		return one->rule < two->rule ? -1 : 1;
	return strcmp(one->detail, two->detail);
}

static void warning_free(void *data)
{
	g_free(((struct berth_dockerfile_warning *) data)->detail);
	g_free(data);
}

berth_dockerfile_lint *berth_dockerfile_lint_new(const berth_dockerfile *file,
						 const struct berth_dockerfile_lint_options *options, GError **error)
{
	g_autoptr(berth_dockerfile_lint) lint = g_new0(berth_dockerfile_lint, 1);
	g_autoptr(GHashTable) globals = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autoptr(GHashTable) defaults = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autoptr(GPtrArray) memory = g_ptr_array_new_with_free_func(g_free);
	struct berth_dockerfile__linter linter = {
		.file = file, .options = options, .globals = globals, .defaults = defaults, .memory = memory};

	lint->warnings = linter.warnings = g_ptr_array_new_with_free_func(warning_free);
	if (!read_options(&linter, &lint->error, error))
		return NULL;
	berth_dockerfile__lint_form(&linter);
	berth_dockerfile__lint_from(&linter);
	berth_dockerfile__lint_stages(&linter);
	g_ptr_array_sort(lint->warnings, compare);
	lint->error = lint->error && lint->warnings->len > 0;
	return g_steal_pointer(&lint);
}

berth_dockerfile_lint *berth_dockerfile_lint_free(berth_dockerfile_lint *lint)
{
	if (!lint)
		return NULL;
	g_clear_pointer(&lint->warnings, g_ptr_array_unref);
	g_free(lint);
	return NULL;
}

char *berth_dockerfile_lint_message(const berth_dockerfile_lint *lint)
{
	g_autoptr(GString) message = g_string_new("lint violation found for rules: ");
	bool seen[BERTH_RULES] = {false};
	const char *comma = "";

	for (guint i = 0; i < lint->warnings->len; i++) {
		const struct berth_dockerfile_warning *warning = lint->warnings->pdata[i];
		if (seen[warning->rule])
			continue;
		seen[warning->rule] = true;
		g_string_append_printf(message, "%s%s", comma, rules[warning->rule].name);
		comma = ", ";
	}
	return g_string_free(g_steal_pointer(&message), FALSE);
}
