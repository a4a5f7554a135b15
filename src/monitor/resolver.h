// SPDX-License-Identifier: Apache-2.0
// The container's name server: answers on two sockets in the container's network namespace what the names files say
// (spec/names.h), and hands every other question on to servers outside, from the namespace that the monitor is in.
//
// - It is one part of the monitor's loop and never waits. Each event that it takes is little work, so that a container
//   that floods it delays nothing else of its monitor's. All it keeps is limited (base/limits.h, DNS).
// - Names files are mapped and looked up in place; whether they were replaced is looked at when a question comes. Until
//   the first question there is nothing but the settings, and no timer ever runs while no question is open.
// - A name that is known has no address but those known: a question for its other types gets an empty answer, and is
//   not handed on.
// - With `forward` false what is not known gets SERVFAIL, and nothing leaves the host.
// - Answers of servers are believed only from the address asked, to the port asked from, with the id and the question.
#pragma once

#include "monitor/client.h"
#include "monitor/loop.h"

struct berth_resolver;

struct berth_resolver_setup {
	const char *host_file; // the host's resolv.conf; borrowed
	uint16_t port; // of servers
};

struct berth_resolver *berth_resolver_new(struct berth_loop *loop, const struct berth_resolver_setup *setup);

// Takes the settings in place of those before; they were checked by the protocol. Of `fds` the first two, UDP and TCP,
// are taken over (and set to -1) if they are there; the sockets before, if any, are closed then.
bool berth_resolver_set(struct berth_resolver *resolver, const struct berth_monitor_resolver *settings, int *fds,
			GError **error);

// Closes everything; questions that are open get no answer. NULL is fine.
void berth_resolver_free(struct berth_resolver *resolver);
