// SPDX-License-Identifier: Apache-2.0
#include "network/tests/machines.h"

#include "base/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PATIENCE_MS 10000 // for what must come
#define SILENCE_MS 200 // for what must not

struct machine machines[MACHINES] = {[HOST] = {"host"}, [OUTSIDE] = {"outside"}, [A] = {"a"}, [B] = {"b"}, [C] = {"c"}};

void enter_machine(int machine)
{
	g_assert_cmpint(setns(machines[machine].network, CLONE_NEWNET), ==, 0);
}

void run_on(int machine, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *command = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	enter_machine(machine);
	int status = system(command);
	enter_machine(HOST);
	if (status)
		g_error("%s: %s: status %d", machines[machine].name, command, status);
}

void write_on(int machine, const char *path, const char *text)
{
	enter_machine(machine);
	berth_fd fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		g_error("write %s to %s on %s: %s", text, path, machines[machine].name, g_strerror(errno));
	enter_machine(HOST);
}

bool set_bridge_rules(bool on)
{
	if (access("/proc/sys/net/bridge", F_OK) < 0) {
		g_test_message("br_netfilter is not loaded: not tried with it");
		return !on;
	}
	write_on(HOST, "/proc/sys/net/bridge/bridge-nf-call-iptables", on ? "1" : "0");
	write_on(HOST, "/proc/sys/net/bridge/bridge-nf-call-ip6tables", on ? "1" : "0");
	return true;
}

bool has_sctp(void)
{
	berth_fd fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP);

	return fd >= 0;
}

static int serve_on(int type, int protocol, uint16_t port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, protocol), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	g_assert_cmpint(bind(fd, (struct sockaddr *) &address, sizeof address), ==, 0);
	if (type == SOCK_STREAM)
		g_assert_cmpint(listen(fd, 16), ==, 0);
	return fd;
}

static void answer(int fd, const char *name)
{
	struct sockaddr_in6 peer = {0};
	socklen_t length = sizeof peer;
	char question[64], text[INET6_ADDRSTRLEN], reply[128];
	ssize_t n = recvfrom(fd, question, sizeof question, 0, (struct sockaddr *) &peer, &length);

	if (n <= 0)
		return;
	if (length == 0 || peer.sin6_family != AF_INET6) {
		length = sizeof peer;
		getpeername(fd, (struct sockaddr *) &peer, &length);
	}
	inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof text);
	g_snprintf(reply, sizeof reply, "%s %s", name, g_str_has_prefix(text, "::ffff:") ? text + 7 : text);
	sendto(fd, reply, strlen(reply), MSG_NOSIGNAL, (struct sockaddr *) &peer, length);
}

enum { LISTENING = 3, SERVING = 5 }; // sockets that connections come by; and those of datagrams behind them

// TCP and UDP on two ports, SCTP on one; connections stay until the other side closes.
G_GNUC_NORETURN static void serve(const char *name, int ready)
{
	struct pollfd fds[64] = {{.fd = serve_on(SOCK_STREAM, IPPROTO_TCP, 80)},
				 {.fd = serve_on(SOCK_STREAM, IPPROTO_TCP, 90)},
				 {.fd = has_sctp() ? serve_on(SOCK_STREAM, IPPROTO_SCTP, 80) : -1},
				 {.fd = serve_on(SOCK_DGRAM, IPPROTO_UDP, 80)},
				 {.fd = serve_on(SOCK_DGRAM, IPPROTO_UDP, 90)}};
	nfds_t count = SERVING;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(ready);
	for (;;) {
		for (nfds_t i = 0; i < count; i++)
			fds[i].events = POLLIN;
		poll(fds, count, -1);
		for (nfds_t i = 0; i < count; i++) {
			char byte;
			if (!fds[i].revents)
				continue;
			if (i < LISTENING) {
				int client = accept4(fds[i].fd, NULL, NULL, SOCK_CLOEXEC);
				if (client >= 0 && count < G_N_ELEMENTS(fds))
					fds[count++] = (struct pollfd){.fd = client};
			} else if (i >= SERVING && recv(fds[i].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
				close(fds[i].fd);
				fds[i] = fds[--count];
			} else
				answer(fds[i].fd, name);
		}
	}
}

static void start_machine(int machine)
{
	int ready[2];
	char byte;

	if (machine != HOST)
		g_assert_cmpint(unshare(CLONE_NEWNET), ==, 0);
	machines[machine].network = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	g_assert_cmpint(machines[machine].network, >=, 0);
	run_on(machine, "ip link set lo up");
	enter_machine(machine);
	g_assert_cmpint(pipe2(ready, O_CLOEXEC), ==, 0);
	machines[machine].server = fork();
	if (machines[machine].server == 0)
		serve(machines[machine].name, ready[1]);
	close(ready[1]);
	g_assert_cmpint(read(ready[0], &byte, 1), ==, 0);
	close(ready[0]);
	enter_machine(HOST);
}

static void link_container(int machine, const char *bridge, int network, int number)
{
	const char *name = machines[machine].name;

	run_on(HOST,
	       "ip link add %s-%s type veth peer name eth0 address 02:42:ac:1e:00:%02x netns %d &&"
	       "ip link set %s-%s master %s up",
	       bridge, name, mac_of(machine), (int) machines[machine].server, bridge, name, bridge);
	run_on(machine,
	       "echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad; ip link set eth0 up &&"
	       "ip addr add 172.30.%d.%d/24 dev eth0 && ip addr add fd00:%d::%d/64 dev eth0 nodad &&"
	       "ip route add default via 172.30.%d.1 && ip -6 route add default via fd00:%d::1",
	       network, number, network, number, network, network);
}

uint8_t mac_of(int machine)
{
	return (uint8_t) (0x10 + machine);
}

static void make_bridge(const char *name, int network)
{
	run_on(HOST,
	       "ip link add %s type bridge && echo 0 >/proc/sys/net/ipv6/conf/%s/accept_dad && ip link set %s up &&"
	       "ip addr add 172.30.%d.1/24 dev %s && ip addr add fd00:%d::1/64 dev %s nodad",
	       name, name, name, network, name, network, name);
}

bool machines_up(void)
{
	if (unshare(CLONE_NEWNET) < 0) {
		g_test_skip("network namespaces cannot be made here");
		return false;
	}
	for (int i = 0; i < MACHINES; i++)
		start_machine(i);
	run_on(HOST, "ip link add wire type veth peer name wire netns %d", (int) machines[OUTSIDE].server);
	run_on(HOST, "echo 0 >/proc/sys/net/ipv6/conf/wire/accept_dad; ip link set wire up &&"
		     "ip addr add 203.0.113.1/24 dev wire && ip addr add 203.0.113.3/24 dev wire &&"
		     "ip addr add 2001:db8:1::1/64 dev wire nodad &&"
		     "ip route add default via 203.0.113.2 && ip -6 route add default via 2001:db8:1::2 &&"
		     "echo 1 >/proc/sys/net/ipv4/ip_forward && echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
	run_on(OUTSIDE, "echo 0 >/proc/sys/net/ipv6/conf/wire/accept_dad; ip link set wire up &&"
			"ip addr add 203.0.113.2/24 dev wire && ip addr add 2001:db8:1::2/64 dev wire nodad &&"
			"ip route add 172.30.0.0/16 via 203.0.113.1 && ip -6 route add fd00::/16 via 2001:db8:1::1");
	make_bridge("one", 1);
	make_bridge("two", 2);
	link_container(A, "one", 1, 2);
	link_container(B, "one", 1, 3);
	link_container(C, "two", 2, 2);
	return true;
}

void machines_down(void)
{
	for (int i = 0; i < MACHINES; i++) {
		kill(machines[i].server, SIGKILL);
		waitpid(machines[i].server, NULL, 0);
		close(machines[i].network);
	}
}

static int connect_within(int machine, int protocol, const char *text, uint16_t port, int patience)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	bool is6 = inet_pton(AF_INET, text, &in.sin_addr) != 1;
	int problem = 0;
	socklen_t length = sizeof problem;

	if (is6)
		g_assert_cmpint(inet_pton(AF_INET6, text, &in6.sin6_addr), ==, 1);
	enter_machine(machine);
	berth_fd fd =
		socket(is6 ? AF_INET6 : AF_INET,
		       (protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	int result =
		connect(fd, is6 ? (struct sockaddr *) &in6 : (struct sockaddr *) &in, is6 ? sizeof in6 : sizeof in);
	enter_machine(HOST);
	struct pollfd poller = {.fd = fd, .events = POLLOUT};
	if (result < 0 && errno != EINPROGRESS)
		return -1;
	if (poll(&poller, 1, patience) <= 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &length) || problem)
		return -1;
	return berth_fd_steal(&fd);
}

int connect_from(int machine, int protocol, const char *address, uint16_t port)
{
	return connect_within(machine, protocol, address, port, PATIENCE_MS);
}

static const char *ask_within(int fd, int patience)
{
	static char text[128];
	struct pollfd poller = {.fd = fd, .events = POLLIN};

	text[0] = '\0';
	if (fd < 0 || send(fd, "who are you", 11, MSG_NOSIGNAL) < 0 || poll(&poller, 1, patience) <= 0)
		return text;
	ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

const char *ask(int fd)
{
	return ask_within(fd, PATIENCE_MS);
}

const char *reach(int machine, int protocol, const char *address, uint16_t port)
{
	berth_fd fd = connect_from(machine, protocol, address, port);

	return ask(fd);
}

bool is_silent(int fd)
{
	return *ask_within(fd, SILENCE_MS) == '\0';
}

bool is_unreachable(int machine, int protocol, const char *address, uint16_t port)
{
	berth_fd fd = connect_within(machine, protocol, address, port, SILENCE_MS);

	return is_silent(fd);
}

static int packet_socket(int machine, const char *interface)
{
	enter_machine(machine);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
	struct sockaddr_ll address = {.sll_family = AF_PACKET,
				      .sll_protocol = htons(ETH_P_ALL),
				      .sll_ifindex = (int) if_nametoindex(interface)};
	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(bind(fd, (struct sockaddr *) &address, sizeof address), ==, 0);
	enter_machine(HOST);
	return fd;
}

bool frame_arrives(int from, int to, const char *interface, const void *frame, size_t length, bool wanted)
{
	berth_fd ears = packet_socket(to, interface), mouth = packet_socket(from, "eth0");
	struct pollfd poller = {.fd = ears, .events = POLLIN};
	char buffer[2048];
	gint64 end = g_get_monotonic_time() + (wanted ? PATIENCE_MS : SILENCE_MS / 2) * G_TIME_SPAN_MILLISECOND;

	const char *sent = frame;
	size_t tag = sent[12] == (char) 0x81 ? 4 : 0; // of a VLAN: it is not among what is received

	g_assert_cmpint(send(mouth, frame, length, 0), ==, (ssize_t) length);
	while (g_get_monotonic_time() < end) {
		poll(&poller, 1, 10);
		ssize_t n = recv(ears, buffer, sizeof buffer, 0);
		// Behind the MAC addresses, which translation may change; short frames are filled up.
		if (n >= (ssize_t) (length - tag) && memcmp(buffer + 12, sent + 12 + tag, length - tag - 12) == 0)
			return true;
	}
	return false;
}
