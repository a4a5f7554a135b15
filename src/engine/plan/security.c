// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/security.h"

#include "base/error.h"
#include "sys/capability.h"

#include <string.h>

static const char *const default_capabilities[] = {
	"CHOWN",  "DAC_OVERRIDE", "FSETID",  "FOWNER",           "MKNOD",      "NET_RAW", "SETGID",
	"SETUID", "SETFCAP",      "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL",    "AUDIT_WRITE",
};

static bool parse_seccomp(const char *value, struct berth_security *security, GError **error)
{
	if (security->seccomp || security->seccomp_unconfined)
		return berth_error_set(error, BERTH_ERROR_INVALID, "--security-opt seccomp is given twice");
	if (g_str_equal(value, "builtin"))
		return true;
	security->seccomp_unconfined = g_str_equal(value, "unconfined");
	if (security->seccomp_unconfined)
		return true;
	security->seccomp = berth_seccomp_profile_parse(value, strlen(value), error);
	return security->seccomp != NULL;
}

// `value` is NULL for an option that is one word.
static bool parse_option(const char *key, const char *value, struct berth_security *security, GError **error)
{
	if (g_str_equal(key, "no-new-privileges")) {
		security->no_new_privileges = !value || g_str_equal(value, "true");
		return !value || security->no_new_privileges || g_str_equal(value, "false") ||
		       berth_error_set(error, BERTH_ERROR_INVALID, "invalid --security-opt 2: \"%s=%s\"", key, value);
	}
	if (!value)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid --security-opt 1: \"%s\"", key);
	if (g_str_equal(key, "seccomp"))
		return parse_seccomp(value, security, error);
	if (g_str_equal(key, "apparmor")) {
		g_clear_pointer(&security->apparmor, g_free);
		if (!g_str_equal(value, "unconfined"))
			security->apparmor = g_strdup(value);
		return true;
	}
	if (g_str_equal(key, "label"))
		return g_str_equal(value, "disable") ||
		       berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "--security-opt label=%s: SELinux labels are not in this version; "
				       "only label=disable is accepted",
				       value);
	if (g_str_equal(key, "systempaths") && g_str_equal(value, "unconfined")) {
		security->system_paths_unconfined = true;
		return true;
	}
	return berth_error_set(error, BERTH_ERROR_INVALID, "invalid --security-opt 2: \"%s=%s\"", key, value);
}

bool berth_security_parse(char *const *options, struct berth_security *ret, GError **error)
{
	*ret = (struct berth_security){0};
	for (; options && *options; options++) {
		size_t length = strcspn(*options, "=:");
		g_autofree char *key = g_strndup(*options, length);
		const char *value = (*options)[length] ? *options + length + 1 : NULL;
		if (!parse_option(key, value, ret, error)) {
			berth_security_clear(ret);
			return false;
		}
	}
	return true;
}

void berth_security_clear(struct berth_security *security)
{
	g_clear_pointer(&security->seccomp, berth_seccomp_profile_free);
	g_clear_pointer(&security->apparmor, g_free);
}

static uint64_t all_capabilities(void)
{
	uint64_t all = 0;

	for (int i = 0; i <= berth_capability_last() && berth_capability_name(i); i++)
		all |= UINT64_C(1) << i;
	return all;
}

static bool parse_capabilities(char *const *names, const char *what, uint64_t *ret, bool *ret_all, GError **error)
{
	*ret = 0;
	*ret_all = false;
	for (; names && *names; names++) {
		int number = berth_capability_number(*names);
		if (number >= 0)
			*ret |= UINT64_C(1) << number;
		else if (g_ascii_strcasecmp(*names, "ALL") == 0)
			*ret_all = true;
		else
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid %s: unknown capability: \"%s\"",
					       what, *names);
	}
	return true;
}

bool berth_security_capabilities(const struct api_host_config *host_config, uint64_t *ret, GError **error)
{
	uint64_t add, drop, base = 0;
	bool add_all, drop_all;

	if (!parse_capabilities(host_config->cap_add, "CapAdd", &add, &add_all, error) ||
	    !parse_capabilities(host_config->cap_drop, "CapDrop", &drop, &drop_all, error))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(default_capabilities); i++)
		base |= UINT64_C(1) << berth_capability_number(default_capabilities[i]);
	if (host_config->privileged)
		*ret = all_capabilities();
	else if (add_all)
		*ret = all_capabilities() & ~drop;
	else if (drop_all)
		*ret = add;
	else
		*ret = (base & ~drop) | add; // what is added and dropped is added
	return true;
}
