// SPDX-License-Identifier: Apache-2.0
// Machines for tests of the firewall, made of network namespaces: the test's own is the host.
//
//	outside 203.0.113.2 2001:db8:1::2 ── wire ── 203.0.113.1 2001:db8:1::1 host
//	    host ── one: 172.30.1.1 fd00:1::1 ── a: 172.30.1.2 fd00:1::2, b: 172.30.1.3 fd00:1::3 (ports one-a, one-b)
//	    host ── two: 172.30.2.1 fd00:2::1 ── c: 172.30.2.2 fd00:2::2 (port two-c)
//
// The outside has routes to the containers' subnets by the host: what comes by them is what an attacker would send.
// Every machine answers on TCP and UDP ports 80 and 90, and SCTP port 80 where the kernel has it, with "<its name>
// <address of who asks>".
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct machine {
	const char *name;
	int network; // namespace
	pid_t server;
};
enum { HOST, OUTSIDE, A, B, C, MACHINES };
extern struct machine machines[MACHINES];

bool has_sctp(void); // the kernel does

// False: the test is skipped, because namespaces cannot be made here.
bool machines_up(void);
void machines_down(void);

// Runs a shell command on the machine; it must succeed.
void run_on(int machine, const char *format, ...) G_GNUC_PRINTF(2, 3);
void write_on(int machine, const char *path, const char *text);
// Whether bridged packets go through the rules of IP; false: this kernel has no such setting (no br_netfilter).
bool set_bridge_rules(bool on);
// The calling thread's namespace.
void enter_machine(int machine);

// A socket of the machine that is connected; -1: refused, or no answer.
int connect_from(int machine, int protocol, const char *address, uint16_t port);
// What is answered to a question by that socket; "": nothing. The text is valid until the next call.
const char *ask(int fd);
// Both.
const char *reach(int machine, int protocol, const char *address, uint16_t port);
// The same where nothing must come: only a moment is waited for it.
bool is_silent(int fd);
bool is_unreachable(int machine, int protocol, const char *address, uint16_t port);
// The last byte of the MAC that containers have: 02:42:ac:1e:00:xx.
uint8_t mac_of(int machine);

// Whether a frame that the one sends by its eth0 is seen at the interface of the other (the host's: the bridge). One
// that is not wanted there is waited for only a moment.
bool frame_arrives(int from, int to, const char *interface, const void *frame, size_t length, bool wanted);
