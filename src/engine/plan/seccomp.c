// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/seccomp.h"

#include "base/error.h"
#include "engine/seccomp-default.h"
#include "sys/capability.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

struct condition {
	char **caps;
	char **arches;
	char *min_kernel;
};

struct rule {
	char *name; // one name, as old profiles have it
	char **names;
	char *action;
	int64_t errno_ret;
	GPtrArray *args; // of struct oci_syscall_argument
	struct condition *includes, *excludes;
};

struct architecture {
	char *architecture;
	char **sub_architectures;
};

struct berth_seccomp_profile {
	char *default_action;
	int64_t default_errno_ret;
	char **architectures;
	GPtrArray *arch_map; // of struct architecture
	char **flags;
	char *listener_path, *listener_metadata;
	GPtrArray *syscalls; // of struct rule
};

static const struct berth_field condition_fields[] = {
	BERTH_STRINGS(struct condition, caps, "caps", 0),
	BERTH_STRINGS(struct condition, arches, "arches", 0),
	BERTH_STRING(struct condition, min_kernel, "minKernel", 0),
	{0},
};
static const struct berth_document condition_document = {"condition", sizeof(struct condition), condition_fields};

static const struct berth_field rule_fields[] = {
	BERTH_STRING(struct rule, name, "name", 0),
	BERTH_STRINGS(struct rule, names, "names", 0),
	BERTH_STRING(struct rule, action, "action", BERTH_REQUIRED),
	BERTH_INT64_UNSET(struct rule, errno_ret, "errnoRet", 0),
	BERTH_OBJECTS(struct rule, args, "args", &oci_syscall_argument_document, 0),
	BERTH_OBJECT(struct rule, includes, "includes", &condition_document, 0),
	BERTH_OBJECT(struct rule, excludes, "excludes", &condition_document, 0),
	{0},
};
static const struct berth_document rule_document = {"syscall", sizeof(struct rule), rule_fields};

static const struct berth_field architecture_fields[] = {
	BERTH_STRING(struct architecture, architecture, "architecture", BERTH_REQUIRED),
	BERTH_STRINGS(struct architecture, sub_architectures, "subArchitectures", 0),
	{0},
};
static const struct berth_document architecture_document = {"architecture", sizeof(struct architecture),
							    architecture_fields};

#define PROFILE struct berth_seccomp_profile
static const struct berth_field profile_fields[] = {
	BERTH_STRING(PROFILE, default_action, "defaultAction", BERTH_REQUIRED),
	BERTH_INT64_UNSET(PROFILE, default_errno_ret, "defaultErrnoRet", 0),
	BERTH_STRINGS(PROFILE, architectures, "architectures", 0),
	BERTH_OBJECTS(PROFILE, arch_map, "archMap", &architecture_document, 0),
	BERTH_STRINGS(PROFILE, flags, "flags", 0),
	BERTH_STRING(PROFILE, listener_path, "listenerPath", 0),
	BERTH_STRING(PROFILE, listener_metadata, "listenerMetadata", 0),
	BERTH_OBJECTS(PROFILE, syscalls, "syscalls", &rule_document, 0),
	{0},
};
static const struct berth_document profile_document = {"seccomp profile", sizeof(PROFILE), profile_fields};

// This machine's names: uname's, Go's, libseccomp's.
static const struct {
	const char *machine, *go, *scmp;
} architectures[] = {
	{"x86_64", "amd64", "SCMP_ARCH_X86_64"},     {"aarch64", "arm64", "SCMP_ARCH_AARCH64"},
	{"armv7l", "arm", "SCMP_ARCH_ARM"},          {"i686", "386", "SCMP_ARCH_X86"},
	{"riscv64", "riscv64", "SCMP_ARCH_RISCV64"}, {"ppc64le", "ppc64le", "SCMP_ARCH_PPC64LE"},
	{"s390x", "s390x", "SCMP_ARCH_S390X"},
};

void berth_seccomp_profile_free(struct berth_seccomp_profile *profile)
{
	berth_document_free(&profile_document, profile);
}

static bool is_kernel(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, ".", 0);
	guint count = g_strv_length(parts);

	for (guint i = 0; i < count; i++)
		if (!g_ascii_string_to_unsigned(parts[i], 10, 0, 65535, NULL, NULL))
			return false;
	return count >= 1 && count <= 3;
}

static bool check_action(const char *action, GError **error)
{
	static const char *const known[] = {"SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
					    "SCMP_ACT_TRAP",  "SCMP_ACT_ERRNO",        "SCMP_ACT_TRACE",
					    "SCMP_ACT_ALLOW", "SCMP_ACT_LOG",          NULL};

	if (g_str_equal(action, "SCMP_ACT_NOTIFY"))
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "action SCMP_ACT_NOTIFY is not in this version");
	return g_strv_contains(known, action) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "action \"%s\" is not known", action);
}

static bool check_condition(const struct condition *condition, GError **error)
{
	return !condition || !condition->min_kernel || is_kernel(condition->min_kernel) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "minKernel \"%s\" is no version", condition->min_kernel);
}

static bool check_arguments(const GPtrArray *arguments, GError **error)
{
	static const char *const operators[] = {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",        "SCMP_CMP_EQ",
						"SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL};

	for (guint i = 0; arguments && i < arguments->len; i++) {
		const struct oci_syscall_argument *argument = arguments->pdata[i];
		if (argument->index < 0 || argument->index > 5)
			return berth_error_set(error, BERTH_ERROR_INVALID, "args[%u]: the index goes from 0 to 5", i);
		if (!argument->op || !g_strv_contains(operators, argument->op))
			return berth_error_set(error, BERTH_ERROR_INVALID, "args[%u]: operator \"%s\" is not known", i,
					       argument->op ? argument->op : "");
	}
	return true;
}

static bool check_rule(const struct rule *rule, GError **error)
{
	if (!rule->name == !(rule->names && *rule->names))
		return berth_error_set(error, BERTH_ERROR_INVALID, "use either 'name' or 'names'");
	return check_action(rule->action, error) && check_arguments(rule->args, error) &&
	       check_condition(rule->includes, error) && check_condition(rule->excludes, error);
}

static bool check(const struct berth_seccomp_profile *profile, GError **error)
{
	if (profile->architectures && *profile->architectures && profile->arch_map && profile->arch_map->len > 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "use either 'architectures' or 'archMap', not both");
	if (profile->listener_path && *profile->listener_path)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "listenerPath is not in this version");
	if (!check_action(profile->default_action, error))
		return g_prefix_error(error, "defaultAction: "), false;
	for (guint i = 0; profile->syscalls && i < profile->syscalls->len; i++)
		if (!check_rule(profile->syscalls->pdata[i], error))
			return g_prefix_error(error, "syscalls[%u]: ", i), false;
	return true;
}

struct berth_seccomp_profile *berth_seccomp_profile_parse(const char *text, size_t length, GError **error)
{
	struct berth_seccomp_profile *profile =
		berth_document_parse_text(&profile_document, text, length, "seccomp profile", error);

	if (!profile || !check(profile, error)) {
		g_prefix_error(error, "Decoding seccomp profile failed: ");
		berth_seccomp_profile_free(profile);
		return NULL;
	}
	return profile;
}

struct berth_seccomp_profile *berth_seccomp_profile_builtin(GError **error)
{
	return berth_seccomp_profile_parse((const char *) berth_seccomp_default, sizeof(berth_seccomp_default), error);
}

struct berth_seccomp_host berth_seccomp_this_host(void)
{
	struct berth_seccomp_host host = {.architecture = "unknown"};
	struct utsname system;

	if (uname(&system) < 0)
		return host;
	for (size_t i = 0; i < G_N_ELEMENTS(architectures); i++)
		if (strcmp(architectures[i].machine, system.machine) == 0)
			host.architecture = architectures[i].go;
	if (sscanf(system.release, "%u.%u", &host.kernel_major, &host.kernel_minor) != 2)
		host.kernel_major = host.kernel_minor = 0;
	return host;
}

static bool has_capability(char *const *names, uint64_t capabilities, bool all)
{
	bool any = false;

	for (; names && *names; names++) {
		int number = berth_capability_number(*names);
		bool has = number >= 0 && number < 64 && (capabilities >> number & 1);
		if (all && !has)
			return false;
		any = any || has;
	}
	return all || any;
}

static bool kernel_reaches(const char *wanted, const struct berth_seccomp_host *host)
{
	unsigned major = 0, minor = 0;

	if (!wanted || sscanf(wanted, "%u.%u", &major, &minor) < 1)
		return true;
	return host->kernel_major > major || (host->kernel_major == major && host->kernel_minor >= minor);
}

static bool lists(char *const *names, const char *name)
{
	return names && g_strv_contains((const char *const *) names, name);
}

// A rule counts when all that it includes is so, and nothing that it excludes.
static bool applies(const struct rule *rule, uint64_t capabilities, const struct berth_seccomp_host *host)
{
	const struct condition *excludes = rule->excludes, *includes = rule->includes;

	if (excludes &&
	    (lists(excludes->arches, host->architecture) || has_capability(excludes->caps, capabilities, false) ||
	     (excludes->min_kernel && kernel_reaches(excludes->min_kernel, host))))
		return false;
	if (!includes)
		return true;
	if (includes->arches && *includes->arches && !lists(includes->arches, host->architecture))
		return false;
	return has_capability(includes->caps, capabilities, true) && kernel_reaches(includes->min_kernel, host);
}

static char **names_of(const struct rule *rule)
{
	const char *const one[] = {rule->name, NULL};

	return g_strdupv(rule->name ? (char **) one : rule->names);
}

static char **native_architectures(const struct berth_seccomp_profile *profile, const struct berth_seccomp_host *host)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	const char *native = "";

	if (profile->architectures && *profile->architectures)
		return g_strdupv(profile->architectures);
	for (size_t i = 0; i < G_N_ELEMENTS(architectures); i++)
		if (strcmp(architectures[i].go, host->architecture) == 0)
			native = architectures[i].scmp;
	for (guint i = 0; profile->arch_map && i < profile->arch_map->len; i++) {
		const struct architecture *entry = profile->arch_map->pdata[i];
		if (strcmp(entry->architecture, native) != 0)
			continue;
		g_strv_builder_add(builder, entry->architecture);
		for (char **sub = entry->sub_architectures; sub && *sub; sub++)
			g_strv_builder_add(builder, *sub);
		break;
	}
	return g_strv_builder_end(builder);
}

static GPtrArray *copy_arguments(const GPtrArray *arguments)
{
	GPtrArray *copies = berth_objects_new();

	for (guint i = 0; arguments && i < arguments->len; i++)
		g_ptr_array_add(copies, berth_document_copy(&oci_syscall_argument_document, arguments->pdata[i]));
	return copies;
}

struct oci_seccomp *berth_seccomp_profile_apply(const struct berth_seccomp_profile *profile, uint64_t capabilities,
						const struct berth_seccomp_host *host)
{
	struct oci_seccomp *seccomp = berth_document_new(&oci_seccomp_document);

	seccomp->default_action = g_strdup(profile->default_action);
	seccomp->default_errno_ret = profile->default_errno_ret;
	seccomp->architectures = native_architectures(profile, host);
	seccomp->flags = g_strdupv(profile->flags);
	seccomp->listener_path = g_strdup(profile->listener_path);
	seccomp->listener_metadata = g_strdup(profile->listener_metadata);
	seccomp->syscalls = berth_objects_new();
	for (guint i = 0; profile->syscalls && i < profile->syscalls->len; i++) {
		const struct rule *rule = profile->syscalls->pdata[i];
		if (!applies(rule, capabilities, host))
			continue;
		struct oci_syscall_rule *copy = berth_document_new(&oci_syscall_rule_document);
		copy->names = names_of(rule);
		copy->action = g_strdup(rule->action);
		copy->errno_ret = rule->errno_ret;
		copy->args = copy_arguments(rule->args);
		g_ptr_array_add(seccomp->syscalls, copy);
	}
	return seccomp;
}
