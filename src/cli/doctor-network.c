// SPDX-License-Identifier: Apache-2.0
// Networks: what the kernel can make, tried out in a network namespace of a child's own, and what else on this host has
// a say in what passes.
#include "cli/doctor.h"

#include "base/fd.h"

#include <dlfcn.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum ability { ABLE_BRIDGE = 1 << 0, ABLE_VETH = 1 << 1, ABLE_NFTABLES = 1 << 2, UNKNOWN = 1 << 3 };

// Sends a request of netlink and reads its answer: 0, or the error in it.
static int ask(int protocol, struct nlmsghdr *request)
{
	char answer[4096];
	berth_fd fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	const struct nlmsghdr *head = (const struct nlmsghdr *) answer;

	if (fd < 0)
		return errno;
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (send(fd, request, request->nlmsg_len, 0) < 0)
		return errno;
	ssize_t length = recv(fd, answer, sizeof answer, 0);
	if (length < (ssize_t) sizeof *head)
		return EPROTO;
	return head->nlmsg_type == NLMSG_ERROR ? -((const struct nlmsgerr *) NLMSG_DATA(head))->error : 0;
}

static void add_attribute(struct nlmsghdr *request, unsigned short type, const void *data, size_t length)
{
	struct rtattr *attribute = (struct rtattr *) ((char *) request + NLMSG_ALIGN(request->nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short) RTA_LENGTH(length);
	if (length > 0)
		memcpy(RTA_DATA(attribute), data, length);
	request->nlmsg_len = NLMSG_ALIGN(request->nlmsg_len) + (unsigned) RTA_ALIGN(attribute->rta_len);
}

static bool can_veth(void)
{
	union {
		struct nlmsghdr head;
		char room[256];
	} request = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
			      .nlmsg_type = RTM_NEWLINK,
			      .nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL}};

	add_attribute(&request.head, IFLA_IFNAME, "berth-veth", sizeof "berth-veth");
	struct rtattr *info = (struct rtattr *) ((char *) &request.head + NLMSG_ALIGN(request.head.nlmsg_len));
	add_attribute(&request.head, IFLA_LINKINFO, NULL, 0);
	add_attribute(&request.head, IFLA_INFO_KIND, "veth", strlen("veth"));
	info->rta_len = (unsigned short) ((char *) &request.head + request.head.nlmsg_len - (char *) info);
	return ask(NETLINK_ROUTE, &request.head) == 0;
}

static bool can_nftables(void)
{
	union {
		struct nlmsghdr head;
		char room[64];
	} request = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg)),
			      .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN}};

	return ask(NETLINK_NETFILTER, &request.head) == 0;
}

static bool can_bridge(void)
{
	berth_fd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && ioctl(fd, SIOCBRADDBR, "berth-try") == 0;
}

// Tries all in a child, which takes what it made along when it ends.
static unsigned try_out(void)
{
	int status = 0;

	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
			_exit(UNKNOWN);
		_exit((can_bridge() ? ABLE_BRIDGE : 0) | (can_veth() ? ABLE_VETH : 0) |
		      (can_nftables() ? ABLE_NFTABLES : 0));
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return UNKNOWN;
	return (unsigned) WEXITSTATUS(status);
}

static void check_abilities(struct berth_doctor *doctor)
{
	static const struct {
		enum ability ability;
		const char *what, *off, *module;
	} rows[] = {
		{ABLE_BRIDGE, "bridges", "all networks but host and none", "bridge"},
		{ABLE_VETH, "pairs of virtual interfaces (veth)", "all networks but host and none", "veth"},
		{ABLE_NFTABLES, "nftables in the kernel", "published ports, and rules between networks", "nf_tables"},
	};
	unsigned able = try_out();

	if (able & UNKNOWN) {
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "what the kernel can do for networks is not known",
				 "run berth doctor as root", "no network namespace may be made here");
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *remedy = g_strdup_printf("`modprobe %s`, or a kernel that has it", rows[i].module);
		if (able & rows[i].ability)
			berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "%s", rows[i].what);
		else
			berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, rows[i].off, remedy, "no %s", rows[i].what);
	}
}

static void check_library(struct berth_doctor *doctor)
{
	void *library = dlopen("libnftables.so.1", RTLD_LAZY | RTLD_LOCAL);

	if (library)
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "libnftables");
	else
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "networks of the engine: all but host and none",
				 "install Debian's package libnftables1", "no libnftables");
	g_clear_pointer(&library, dlclose);
}

static void check_settings(struct berth_doctor *doctor)
{
	if (berth_doctor_number("/proc/sys/net/ipv4/ip_forward", 0) == 1)
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "IPv4 is forwarded");
	else
		berth_doctor_add(
			doctor, BERTH_HEALTH_LIMITED,
			"until the engine turns it on for its first network: containers reach no other machine",
			"sysctl -w net.ipv4.ip_forward=1 (the engine does so with --ip-forward)",
			"IPv4 is not forwarded");
	if (g_file_test("/proc/sys/net/netfilter/nf_conntrack_max", G_FILE_TEST_EXISTS) ||
	    berth_doctor_has_module("nf_conntrack"))
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "connection tracking");
	else
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "published ports and masquerading",
				 "`modprobe nf_conntrack`", "no connection tracking");
	if (berth_doctor_number("/proc/sys/net/bridge/bridge-nf-call-iptables", 0) == 1)
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL,
				 "br_netfilter: packets between containers of one network pass the host's rules, too");
	if (!g_file_test("/proc/net/if_inet6", G_FILE_TEST_EXISTS))
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "--ipv6", "start the kernel without ipv6.disable=1",
				 "no IPv6");
}

static void check_firewalls(struct berth_doctor *doctor)
{
	g_autofree char *ufw = berth_doctor_read("/etc/ufw/ufw.conf");
	bool docker = g_file_test("/sys/class/net/docker0", G_FILE_TEST_EXISTS) ||
		      g_file_test("/run/docker.sock", G_FILE_TEST_EXISTS);

	if (ufw && strstr(ufw, "\nENABLED=yes"))
		berth_doctor_add(
			doctor, BERTH_HEALTH_LIMITED,
			"ufw drops what is forwarded: containers may reach nothing; published ports pass it by",
			"`ufw route allow` for the engine's bridges", "ufw is on");
	if (g_file_test("/run/firewalld", G_FILE_TEST_IS_DIR))
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "firewalld's zones may reject what bridges forward",
				 "firewall-cmd --permanent --zone=trusted --add-interface=BRIDGE", "firewalld runs");
	if (docker)
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED,
				 "Docker sets the policy of forwarding to drop: containers of Berth may reach nothing",
				 "iptables -I DOCKER-USER -i BRIDGE -j ACCEPT, or stop dockerd",
				 "Docker has networks here");
}

static void check_cni(struct berth_doctor *doctor)
{
	static const char *const folders[] = {"/usr/lib/cni", "/opt/cni/bin"};

	for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
		g_autofree char *path = g_build_filename(folders[i], "bridge", NULL);
		if (!g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
			continue;
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "CNI plugins in %s", folders[i]);
		return;
	}
	berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "networks of CNI", "install containernetworking-plugins",
			 "no CNI plugins");
}

void berth_doctor_network(struct berth_doctor *doctor)
{
	check_abilities(doctor);
	check_library(doctor);
	check_settings(doctor);
	check_firewalls(doctor);
	check_cni(doctor);
}
