// SPDX-License-Identifier: Apache-2.0
// The sets and rules of our two tables. They are always the same; what differs from host to host and from minute to
// minute are elements. So a rule set with two thousand published ports has as many rules as one with none.
#include "network/firewall-internal.h"

#include <string.h>

static const struct {
	const char *name, *type, *options;
} sets[SETS] = {
	[SET_BRIDGES] = {"bridges", "ifname"},
	[SET_SAME] = {"same", "ifname . ifname"},
	[SET_INTERNAL] = {"internal", "ifname"},
	[SET_MASQUERADE4] = {"masquerade4", "ifname"},
	[SET_MASQUERADE6] = {"masquerade6", "ifname"},
	[SET_ROUTED4] = {"routed4", "ifname"},
	[SET_ROUTED6] = {"routed6", "ifname"},
	[SET_LOCAL4] = {"local4", "ipv4_addr . ifname", "flags interval"},
	[SET_LOCAL6] = {"local6", "ipv6_addr . ifname", "flags interval"},
	[SET_OPEN] = {"open", "nf_proto"},
	[SET_LOOPBACK] = {"loopbacks", "nf_proto"},
	[SET_PORTS4] = {"ports4", "ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service", "counter"},
	[SET_PORTS6] = {"ports6", "ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service", "counter"},
	[SET_ANY4] = {"any4", "inet_proto . inet_service : ipv4_addr . inet_service", "counter"},
	[SET_ANY6] = {"any6", "inet_proto . inet_service : ipv6_addr . inet_service", "counter"},
	[SET_PUBLISHED4] = {"published4", "ipv4_addr . inet_proto . inet_service"},
	[SET_PUBLISHED6] = {"published6", "ipv6_addr . inet_proto . inet_service"},
	[SET_LINKS4] = {"links4", "ipv4_addr . ipv4_addr . inet_proto . inet_service"},
	[SET_PORTS] = {"ports", "ifname"},
	[SET_SENDERS4] = {"senders4", "ifname . ether_addr . ipv4_addr"},
	[SET_SENDERS6] = {"senders6", "ifname . ether_addr . ipv6_addr"},
	[SET_MACS] = {"macs", "ifname . ether_addr"},
	[SET_ADDRESSES4] = {"addresses4", "ifname . ipv4_addr"},
	[SET_ADDRESSES6] = {"addresses6", "ifname . ipv6_addr"},
	[SET_TARGETS6] = {"targets6", "ifname . @th,64,128"},
	[SET_ISOLATED] = {"isolated", "ifname"},
	[SET_ISOLATED_MACS] = {"isolated_macs", "ether_addr"},
};

// `from`: what a container sends, `into`: what goes to one from somewhere else. Packets with loopback addresses come
// from lo only: the bridges may route them (route_localnet), because the host's own connections to 127.0.0.1 are
// translated and their answers come back there.
static const char inet_rules[] =
	"chain loopback {\n"
	"	type filter hook prerouting priority raw; policy accept;\n"
	"	iifname \"lo\" accept\n"
	"	ip saddr 127.0.0.0/8 drop\n"
	"	ip daddr 127.0.0.0/8 drop\n"
	"	ip6 saddr ::1 drop\n"
	"	ip6 daddr ::1 drop\n"
	"}\n"
	"chain leave {\n"
	"	type filter hook postrouting priority 300; policy accept;\n"
	"	ip saddr 127.0.0.0/8 oifname @bridges drop\n"
	"	ip daddr 127.0.0.0/8 oifname @bridges drop\n"
	"}\n"
	"chain translate {\n"
	"	fib daddr type != local return\n"
	"	ip6 daddr fe80::/10 return\n" // such an address means nothing beyond its link
	"	dnat ip to ip daddr . meta l4proto . th dport map @ports4\n"
	"	dnat ip to meta l4proto . th dport map @any4\n"
	"	dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports6\n"
	"	dnat ip6 to meta l4proto . th dport map @any6\n"
	"}\n"
	"chain prerouting {\n"
	"	type nat hook prerouting priority -100; policy accept;\n"
	"	iifname @internal accept\n"
	"	iifname @bridges goto translate\n"
	"	meta nfproto @open goto translate\n"
	"}\n"
	"chain output {\n"
	"	type nat hook output priority -100; policy accept;\n"
	"	ip6 daddr ::1 meta nfproto != @loopbacks accept\n"
	"	goto translate\n"
	"}\n"
	"chain inside {\n"
	"	ip saddr 127.0.0.0/8 masquerade\n"
	"	ip6 saddr ::1 masquerade\n"
	"	ct status dnat ip saddr . oifname @local4 masquerade\n" // else the answer would not come back by us
	"	ct status dnat ip6 saddr . oifname @local6 masquerade\n"
	"}\n"
	"chain postrouting {\n"
	"	type nat hook postrouting priority 100; policy accept;\n"
	"	oifname @bridges goto inside\n"
	"	meta nfproto ipv4 iifname @masquerade4 masquerade\n"
	"	meta nfproto ipv6 iifname @masquerade6 masquerade\n"
	"}\n"
	"chain routed {\n"
	"	oifname @routed4 ip daddr . meta l4proto . th dport @published4 accept\n"
	"	oifname @routed4 icmp type echo-request accept\n"
	"	oifname @routed6 ip6 daddr . meta l4proto . th dport @published6 accept\n"
	"	oifname @routed6 icmpv6 type echo-request accept\n"
	"}\n"
	"chain into {\n"
	"	oifname @internal drop\n"
	"	ct status dnat accept\n"
	"	iifname @bridges jump routed\n"
	"	meta nfproto @open jump routed\n"
	"	drop\n"
	"}\n"
	"chain from {\n"
	"	iifname . oifname @same accept\n"
	"	ip saddr . ip daddr . meta l4proto . th dport @links4 accept\n"
	"	iifname @internal drop\n"
	"	oifname @bridges goto into\n"
	"	meta nfproto ipv4 iifname @masquerade4 ct state invalid drop\n" // it would leave untranslated
	"	meta nfproto ipv6 iifname @masquerade6 ct state invalid drop\n"
	"}\n"
	"chain forward {\n"
	"	type filter hook forward priority 0; policy accept;\n"
	"	ct state established,related accept\n" // most packets; what began was let through
	"	iifname @bridges goto from\n"
	"	oifname @bridges goto into\n"
	"}\n";

// What a bridge port sends is looked at before the bridge learns from it. Most frames are known by one look-up: a
// port's own MAC and address together, and what they carry is TCP. Ports of containers that do not reach each other are
// none of these `senders`, and go through all checks. The second half of isolation: between two such ports goes only
// what was translated on its way (bridge-nf-call-iptables), which has its MAC from us.
static const char bridge_rules[] =
	"chain receive {\n"
	"	type filter hook prerouting priority -200; policy accept;\n"
	"	ether type ip iifname . ether saddr . ip saddr @senders4 goto check_content4\n"
	"	ether type ip6 iifname . ether saddr . ip6 saddr @senders6 goto check_content6\n"
	"	iifname @ports goto check\n"
	"}\n"
	"chain check {\n"
	"	iifname . ether saddr != @macs drop\n"
	"	iifname @isolated ether daddr @isolated_macs drop\n"
	"	ether type vmap { arp : goto check_arp, ip : goto check_ip, ip6 : goto check_ip6 }\n"
	"	drop\n"
	"}\n"
	"chain check_arp {\n"
	"	arp htype != 1 drop\n"
	"	arp ptype != ip drop\n"
	"	arp hlen != 6 drop\n"
	"	arp plen != 4 drop\n"
	"	iifname . arp saddr ether != @macs drop\n"
	"	iifname . arp saddr ip @addresses4 accept\n"
	"	arp operation request arp saddr ip 0.0.0.0 iifname . arp daddr ip @addresses4 accept\n"
	"	drop\n"
	"}\n"
	"chain check_ip {\n"
	"	iifname . ip saddr != @addresses4 drop\n"
	"	goto check_content4\n"
	"}\n"
	"chain check_content4 {\n"
	"	ip protocol tcp accept\n"
	"	udp dport 68 drop\n" // answers of a DHCP server
	"	icmp type redirect drop\n"
	"	ip protocol igmp @th,0,8 0x11 drop\n" // queries: who asks is the router
	"}\n"
	"chain check_ip6 {\n"
	"	ip6 saddr :: goto check_tentative\n"
	"	iifname . ip6 saddr != @addresses6 drop\n"
	"	goto check_content6\n"
	"}\n"
	"chain check_content6 {\n"
	"	ip6 nexthdr tcp accept\n"
	"	icmpv6 type { nd-router-advert, nd-redirect, mld-listener-query } drop\n"
	"	udp dport 546 drop\n"
	"	icmpv6 type nd-neighbor-advert iifname . @th,64,128 != @targets6 drop\n"
	"}\n"
	"chain check_tentative {\n" // before it has an address, it may ask whether its own are free
	"	icmpv6 type nd-neighbor-solicit iifname . @th,64,128 @targets6 accept\n"
	"	icmpv6 type { mld-listener-report, mld2-listener-report } accept\n"
	"	drop\n"
	"}\n"
	"chain forward {\n"
	"	type filter hook forward priority -200; policy accept;\n"
	"	iifname @isolated oifname @isolated ether daddr != @isolated_macs drop\n"
	"}\n";

bool berth_firewall__is_bridge_set(enum berth_firewall_set set)
{
	return set >= SET_PORTS;
}

const char *berth_firewall__set_name(enum berth_firewall_set set)
{
	return sets[set].name;
}

const char *berth_firewall__set_type(enum berth_firewall_set set)
{
	return sets[set].type;
}

static void print_elements(GString *text, enum berth_firewall_set set, const GArray *items)
{
	const char *before = "	elements = { ";

	for (guint i = 0; i < items->len; i++) {
		const struct berth_firewall_item *item = &g_array_index(items, struct berth_firewall_item, i);
		if (item->set != set)
			continue;
		g_string_append(text, before);
		berth_firewall__print(text, item);
		before = ",\n		";
	}
	if (*before != '\t')
		g_string_append(text, " }\n");
}

static void print_set(GString *text, enum berth_firewall_set set, const GArray *items)
{
	bool map = strchr(sets[set].type, ':'), raw = strchr(sets[set].type, '@');

	g_string_append_printf(text, "%s %s {\n	%s %s\n", map ? "map" : "set", sets[set].name, raw ? "typeof" : "type",
			       raw ? "iifname . @th,64,128" : sets[set].type);
	if (sets[set].options)
		g_string_append_printf(text, "	%s\n", sets[set].options);
	print_elements(text, set, items);
	g_string_append(text, "}\n");
}

static void print_table(GString *text, const char *family, const char *table, enum berth_firewall_set first,
			enum berth_firewall_set end, const char *rules, const GArray *items)
{
	g_string_append_printf(text, "add table %s %s\ndelete table %s %s\ntable %s %s {\n", family, table, family,
			       table, family, table);
	for (enum berth_firewall_set set = first; set < end; set++)
		print_set(text, set, items);
	g_string_append(text, rules);
	g_string_append(text, "}\n");
}

char *berth_firewall__commands(const char *table, const GArray *items)
{
	GString *text = g_string_new(NULL);

	print_table(text, "inet", table, 0, SET_PORTS, inet_rules, items);
	print_table(text, "bridge", table, SET_PORTS, SETS, bridge_rules, items);
	return g_string_free(text, FALSE);
}
