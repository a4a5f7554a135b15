// SPDX-License-Identifier: Apache-2.0
// What dockerd has and this engine does not: each is refused by its name, or taken with a warning that says why it has
// no effect. So a daemon.json that was made for dockerd is either right here too, or tells what is not.
#include "programs/daemon-foreign.h"

#include "base/near.h"

#include <string.h>

#define NEAR 3 // edits between a mistyped key and one that is suggested

enum verdict { WARN, REFUSE };

static const struct foreign {
	const char *key, *flag; // NULL: it has none
	enum verdict verdict;
	bool is_switch; // its flag needs no value
	const char *harmless; // the JSON that says nothing; NULL: none
	const char *why;
} foreign[] = {
	{"allow-direct-routing", "allow-direct-routing", REFUSE, true, "false",
	 "give the network the option com.docker.network.bridge.gateway_mode_ipv4=routed"},
	{"allow-nondistributable-artifacts", "allow-nondistributable-artifacts", WARN, false, "[]",
	 "layers that must not be distributed are never pushed"},
	{"api-cors-header", "api-cors-header", REFUSE, false, "\"\"", "dockerd has given it up, too"},
	{"bip6", "bip6", REFUSE, false, "\"\"", "the IPv6 subnet of the default bridge is --fixed-cidr-v6"},
	{"bridge-accept-fwmark", "bridge-accept-fwmark", REFUSE, false, "\"\"", "there is no such rule"},
	{"cluster-advertise", "cluster-advertise", REFUSE, false, "\"\"", "dockerd has given it up, too"},
	{"cluster-store", "cluster-store", REFUSE, false, "\"\"", "dockerd has given it up, too"},
	{"cluster-store-opts", "cluster-store-opt", REFUSE, false, "{}", "dockerd has given it up, too"},
	{"containerd", "containerd", WARN, false, "\"\"", "there is no containerd: each container has its monitor"},
	{"containerd-namespace", "containerd-namespace", WARN, false, "\"\"", "there is no containerd"},
	{"containerd-plugins-namespace", "containerd-plugins-namespace", WARN, false, "\"\"", "there is no containerd"},
	{"cpu-rt-period", "cpu-rt-period", REFUSE, false, "0", "give containers --cpu-rt-period"},
	{"cpu-rt-runtime", "cpu-rt-runtime", REFUSE, false, "0", "give containers --cpu-rt-runtime"},
	{"cri-containerd", "cri-containerd", REFUSE, true, "false", "there is no containerd"},
	{"default-gateway", "default-gateway", REFUSE, false, "\"\"", "make a network with --gateway"},
	{"default-gateway-v6", "default-gateway-v6", REFUSE, false, "\"\"", "make a network with --gateway"},
	{"default-network-opts", "default-network-opt", REFUSE, false, "{}", "give networks their options with --opt"},
	{"deprecated-key-path", "deprecated-key-path", WARN, false, "\"\"", "images are not signed with it"},
	{"experimental", "experimental", WARN, true, "false", "nothing is hidden behind it"},
	{"firewall-backend", "firewall-backend", REFUSE, false, "\"nftables\"", "the rules are nftables'"},
	{"graph", "graph", REFUSE, false, "\"\"", "its name is data-root"},
	{"ip-forward-no-drop", "ip-forward-no-drop", WARN, true, "false", "no policy of the host's is changed"},
	{"max-download-attempts", "max-download-attempts", WARN, false, "5",
	 "a download that is interrupted goes on where it was, as often as it gets further"},
	{"network-control-plane-mtu", "network-control-plane-mtu", WARN, false, "1500", "it is of swarms"},
	{"node-generic-resources", "node-generic-resource", WARN, false, "[]", "there are no swarms in this version"},
	{"raw-logs", "raw-logs", WARN, true, "false", "the engine's log has no colours"},
	{"rootless", "rootless", REFUSE, true, "false", "the engine needs the rights of root"},
	{"runtimes", "add-runtime", REFUSE, false, "{}", "Berth runs containers with its own runtime"},
	{"selinux-enabled", "selinux-enabled", REFUSE, true, "false", "there is no SELinux in this version"},
	{"storage-opts", "storage-opt", REFUSE, false, "[]", "the storage drivers have no options"},
	{"swarm-default-advertise-addr", "swarm-default-advertise-addr", WARN, false, "\"\"",
	 "there are no swarms in this version"},
	{"userland-proxy-path", "userland-proxy-path", WARN, false, "\"\"", "there is no proxy"},
	{"userns-remap", "userns-remap", REFUSE, false, "\"\"",
	 "each container can have users of its own: say --userns=auto"},
};

static void judge(const struct foreign *what, const char *name, struct daemon_findings *findings)
{
	if (what->verdict == WARN)
		g_ptr_array_add(findings->warnings, g_strdup_printf("%s has no effect: %s", name, what->why));
	else
		g_ptr_array_add(findings->errors, g_strdup_printf("%s is not supported: %s", name, what->why));
}

bool daemon_foreign_key(const char *path, const char *key, const json_t *value, struct daemon_findings *findings)
{
	for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++) {
		if (strcmp(foreign[i].key, key) != 0)
			continue;
		BERTH_AUTO_JSON json_t *harmless =
			foreign[i].harmless ? json_loads(foreign[i].harmless, JSON_DECODE_ANY, NULL) : NULL;
		g_autofree char *name = g_strdup_printf("%s: %s", path, key);
		if (!json_equal(harmless, value) && !json_is_null(value))
			judge(&foreign[i], name, findings);
		return true;
	}
	return false;
}

// The row of an argument "--name" or "--name=value".
static const struct foreign *find_flag(const char *argument)
{
	if (!g_str_has_prefix(argument, "--"))
		return NULL;
	size_t length = strcspn(argument + 2, "=");
	for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++)
		if (foreign[i].flag && strlen(foreign[i].flag) == length &&
		    strncmp(foreign[i].flag, argument + 2, length) == 0)
			return &foreign[i];
	return NULL;
}

// Whether the flag's value is the one that says nothing.
static bool is_harmless(const struct foreign *what, const char *value)
{
	g_autofree char *quoted = g_strdup_printf("\"%s\"", value);

	return what->harmless && (strcmp(what->harmless, value) == 0 || strcmp(what->harmless, quoted) == 0);
}

char **daemon_foreign_without(int argc, char *const *argv, struct daemon_findings *findings)
{
	GStrvBuilder *builder = g_strv_builder_new();

	for (int i = 0; i < argc; i++) {
		const struct foreign *what = i > 0 ? find_flag(argv[i]) : NULL;
		if (!what) {
			g_strv_builder_add(builder, argv[i]);
			continue;
		}
		const char *equals = strchr(argv[i], '=');
		const char *value = equals ? equals + 1 : what->is_switch ? "true" : i + 1 < argc ? argv[++i] : "";
		g_autofree char *name = g_strconcat("--", what->flag, NULL);
		if (!is_harmless(what, value))
			judge(what, name, findings);
	}
	char **arguments = g_strv_builder_end(builder);
	g_strv_builder_unref(builder);
	return arguments;
}

const char *daemon_foreign_nearest(const char *key, const char *(*known)(size_t index))
{
	const char *best = NULL, *name;
	unsigned least = MIN(NEAR, (unsigned) strlen(key) / 3) + 1;

	for (size_t i = 0; (name = known(i)); i++) {
		unsigned distance = berth_near_distance(key, name);
		if (distance < least) {
			least = distance;
			best = name;
		}
	}
	return best;
}
