// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/seccomp.h"

#include "base/error.h"
#include "sys/capability.h"

#include <string.h>

#define RULE(text) "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [" text "]}"
#define ALLOW "\"action\": \"SCMP_ACT_ALLOW\""

static const struct berth_seccomp_host amd64 = {"amd64", 6, 1}, s390x = {"s390x", 6, 1}, old = {"amd64", 4, 7};

static uint64_t capability(const char *name)
{
	return UINT64_C(1) << berth_capability_number(name);
}

// The action for a call by the first rule that names it without arguments; NULL: none does.
static const char *action_of(const struct oci_seccomp *seccomp, const char *name, bool arguments)
{
	for (guint i = 0; i < seccomp->syscalls->len; i++) {
		const struct oci_syscall_rule *rule = seccomp->syscalls->pdata[i];
		if (g_strv_contains((const char *const *) rule->names, name) &&
		    (rule->args && rule->args->len) == arguments)
			return rule->action;
	}
	return NULL;
}

// What the built-in profile does with calls that break out, and with those that all programs need.
static void test_builtin(void)
{
	static const struct {
		const char *call, *capability; // "": none
		bool arguments;
		const char *action;
	} table[] = {
		{"read", "", false, "SCMP_ACT_ALLOW"},
		{"clone", "", true, "SCMP_ACT_ALLOW"}, // without namespaces
		{"clone", "", false, NULL},
		{"clone3", "", false, "SCMP_ACT_ERRNO"}, // ENOSYS, so that libc takes clone
		{"clone", "SYS_ADMIN", false, "SCMP_ACT_ALLOW"},
		{"clone3", "SYS_ADMIN", false, "SCMP_ACT_ALLOW"},
		{"mount", "", false, NULL},
		{"mount", "SYS_ADMIN", false, "SCMP_ACT_ALLOW"},
		{"unshare", "", false, NULL},
		{"setns", "", false, NULL},
		{"fsopen", "", false, NULL},
		{"bpf", "", false, NULL},
		{"bpf", "BPF", false, "SCMP_ACT_ALLOW"},
		{"userfaultfd", "", false, NULL},
		{"keyctl", "", false, NULL},
		{"add_key", "SYS_ADMIN", false, NULL},
		{"io_uring_setup", "", false, NULL},
		{"open_by_handle_at", "", false, NULL},
		{"open_by_handle_at", "DAC_READ_SEARCH", false, "SCMP_ACT_ALLOW"},
		{"init_module", "", false, NULL},
		{"init_module", "SYS_MODULE", false, "SCMP_ACT_ALLOW"},
		{"kexec_load", "SYS_BOOT", false, NULL},
		{"reboot", "SYS_BOOT", false, "SCMP_ACT_ALLOW"},
		{"settimeofday", "", false, NULL},
		{"settimeofday", "SYS_TIME", false, "SCMP_ACT_ALLOW"},
		{"arch_prctl", "", false, "SCMP_ACT_ALLOW"},
		{"s390_runtime_instr", "", false, NULL},
		{"ptrace", "", false, "SCMP_ACT_ALLOW"},
	};
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_seccomp_profile) profile = berth_seccomp_profile_builtin(&error);

	g_assert_no_error(error);
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		uint64_t set = *table[i].capability ? capability(table[i].capability) : 0;
		g_autoptr(oci_seccomp) seccomp = berth_seccomp_profile_apply(profile, set, &amd64);
		g_test_message("%s with %s", table[i].call, table[i].capability);
		g_assert_cmpstr(action_of(seccomp, table[i].call, table[i].arguments), ==, table[i].action);
		g_assert_cmpstr(seccomp->default_action, ==, "SCMP_ACT_ERRNO");
		g_assert_cmpint(seccomp->default_errno_ret, ==, 1);
	}
}

static void test_hosts(void)
{
	g_autoptr(berth_seccomp_profile) profile = berth_seccomp_profile_builtin(NULL);
	g_autoptr(oci_seccomp) here = berth_seccomp_profile_apply(profile, 0, &amd64);
	g_autoptr(oci_seccomp) big = berth_seccomp_profile_apply(profile, 0, &s390x);
	g_autoptr(oci_seccomp) before = berth_seccomp_profile_apply(profile, 0, &old);
	g_autofree char *architectures = g_strjoinv(" ", here->architectures);

	g_assert_cmpstr(architectures, ==, "SCMP_ARCH_X86_64 SCMP_ARCH_X86 SCMP_ARCH_X32");
	g_assert_cmpstr(big->architectures[0], ==, "SCMP_ARCH_S390X");
	g_assert_cmpstr(action_of(big, "s390_runtime_instr", false), ==, "SCMP_ACT_ALLOW");
	g_assert_null(action_of(big, "arch_prctl", false));
	g_assert_null(action_of(before, "ptrace", false)); // before 4.8 it went around seccomp
}

static const struct {
	const char *text, *error;
	enum berth_error kind;
} invalid[] = {
	{"", "Decoding seccomp profile failed: ", BERTH_ERROR_INVALID},
	{"{", "Decoding seccomp profile failed: ", BERTH_ERROR_INVALID},
	{"[]", "Decoding seccomp profile failed: ", BERTH_ERROR_INVALID},
	{"{}", "defaultAction", BERTH_ERROR_INVALID},
	{"{\"defaultAction\": 1}", "defaultAction", BERTH_ERROR_INVALID},
	{"{\"defaultAction\": \"ALLOW\"}", "defaultAction: action \"ALLOW\" is not known", BERTH_ERROR_INVALID},
	{"{\"defaultAction\": \"SCMP_ACT_NOTIFY\"}", "not in this version", BERTH_ERROR_NOT_IMPLEMENTED},
	{"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/x\"}", "listenerPath is not in this version",
	 BERTH_ERROR_NOT_IMPLEMENTED},
	{"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_X86\"], \"archMap\": "
	 "[{\"architecture\": \"SCMP_ARCH_X86\"}]}",
	 "use either 'architectures' or 'archMap', not both", BERTH_ERROR_INVALID},
	{RULE("{" ALLOW "}"), "syscalls[0]: use either 'name' or 'names'", BERTH_ERROR_INVALID},
	{RULE("{" ALLOW ", \"names\": []}"), "use either 'name' or 'names'", BERTH_ERROR_INVALID},
	{RULE("{" ALLOW ", \"name\": \"read\", \"names\": [\"write\"]}"), "use either", BERTH_ERROR_INVALID},
	{RULE("{\"name\": \"read\"}"), "action", BERTH_ERROR_INVALID},
	{RULE("{\"name\": \"read\", \"action\": \"x\"}"), "syscalls[0]: action \"x\" is not known",
	 BERTH_ERROR_INVALID},
	{RULE("{" ALLOW ", \"name\": \"read\", \"args\": [{\"index\": 6, \"value\": 0, \"op\": \"SCMP_CMP_EQ\"}]}"),
	 "the index goes from 0 to 5", BERTH_ERROR_INVALID},
	{RULE("{" ALLOW ", \"name\": \"read\", \"args\": [{\"index\": 0, \"value\": 0, \"op\": \"==\"}]}"),
	 "operator \"==\" is not known", BERTH_ERROR_INVALID},
	{RULE("{" ALLOW ", \"name\": \"read\", \"includes\": {\"minKernel\": \"new\"}}"),
	 "minKernel \"new\" is no version", BERTH_ERROR_INVALID},
};

static void test_invalid(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(invalid); i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("%s", invalid[i].text);
		g_assert_null(berth_seccomp_profile_parse(invalid[i].text, strlen(invalid[i].text), &error));
		g_assert_error(error, BERTH_ERROR, (int) invalid[i].kind);
		g_assert_true(g_str_has_prefix(error->message, "Decoding seccomp profile failed: "));
		g_assert_nonnull(strstr(error->message, invalid[i].error));
	}
}

// A rule of each form arrives whole.
static void test_custom(void)
{
	static const char text[] =
		"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_X86_64\"], \"flags\": "
		"[\"SECCOMP_FILTER_FLAG_LOG\"], \"syscalls\": [{\"name\": \"chmod\", \"action\": \"SCMP_ACT_ERRNO\", "
		"\"errnoRet\": 13}, {\"names\": [\"socket\"], \"action\": \"SCMP_ACT_KILL\", \"args\": [{\"index\": 0, "
		"\"value\": 16, \"valueTwo\": 3, \"op\": \"SCMP_CMP_MASKED_EQ\"}], \"comment\": \"x\"}]}";
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_seccomp_profile) profile = berth_seccomp_profile_parse(text, strlen(text), &error);
	g_assert_no_error(error);
	g_autoptr(oci_seccomp) seccomp = berth_seccomp_profile_apply(profile, 0, &amd64);
	g_autofree char *printed = berth_document_print_text(&oci_seccomp_document, seccomp, 0);

	g_assert_cmpstr(printed, ==,
			"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86_64\"],\"flags\":"
			"[\"SECCOMP_FILTER_FLAG_LOG\"],\"syscalls\":[{\"names\":[\"chmod\"],\"action\":"
			"\"SCMP_ACT_ERRNO\",\"errnoRet\":13,\"args\":[]},{\"names\":[\"socket\"],\"action\":"
			"\"SCMP_ACT_KILL\",\"args\":[{\"index\":0,\"value\":16,\"valueTwo\":3,\"op\":"
			"\"SCMP_CMP_MASKED_EQ\"}]}]}");
}

static void test_this_host(void)
{
	struct berth_seccomp_host host = berth_seccomp_this_host();

	g_assert_cmpstr(host.architecture, !=, "unknown");
	g_assert_cmpuint(host.kernel_major, >=, 5);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/seccomp-profile/builtin", test_builtin);
	g_test_add_func("/seccomp-profile/hosts", test_hosts);
	g_test_add_func("/seccomp-profile/invalid", test_invalid);
	g_test_add_func("/seccomp-profile/custom", test_custom);
	g_test_add_func("/seccomp-profile/this-host", test_this_host);
	return g_test_run();
}
