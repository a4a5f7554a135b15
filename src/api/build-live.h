// SPDX-License-Identifier: Apache-2.0
// Builds that are under way, by the id that their client gave them: so they are cancelled, and so connections to the
// client's ssh agents find the build that asked for them.
#pragma once

#include <glib.h>
#include <stdbool.h>

// In place of an agent's name: a connection on which the client tells what it knows of the key of a host. It is no name
// of an agent: steps cannot ask for it.
#define BERTH_BUILD_KNOWN_HOSTS "@known-hosts"

struct berth_build_lives;
struct berth_build_live;

struct berth_build_lives *berth_build_lives_new(void);
void berth_build_lives_free(struct berth_build_lives *lives);

// A build of this id begins: CONFLICT if one is under way. It ends with end(), which closes agents nobody took.
struct berth_build_live *berth_build_live_begin(struct berth_build_lives *lives, const char *id, GError **error);
void berth_build_live_end(struct berth_build_live *live);
bool berth_build_live_canceled(const struct berth_build_live *live);
// A connection to the agent `name`, the caller's. `wait`: some seconds for it, unless the build is cancelled.
int berth_build_live_take_agent(struct berth_build_live *live, const char *name, bool wait, GError **error);

// Who wants the archive of a context, and what is done with it.
struct berth_build_live_taker {
	void (*ask)(void *data, const char *name); // called when it can be given
	bool (*canceled)(void *data);
	void *data; // of both
	bool (*use)(void *data, int archive, GError **error);
	void *use_data;
};
// Waits for the archive of context `name`, and for its use.
bool berth_build_live_take_archive(struct berth_build_live *live, const char *name,
				   const struct berth_build_live_taker *taker, GError **error);

// Of others: NOT_FOUND if no such build is under way.
bool berth_build_lives_check(struct berth_build_lives *lives, const char *id, GError **error);
bool berth_build_lives_cancel(struct berth_build_lives *lives, const char *id, GError **error);
// `fd` is taken, also when it fails. RESOURCE_EXHAUSTED: there are enough that wait.
bool berth_build_lives_give_agent(struct berth_build_lives *lives, const char *id, const char *name, int fd,
				  GError **error);
// `fd` is borrowed until the build has used it, or is over: this waits for it. CONFLICT: the build does not want it.
bool berth_build_lives_give_archive(struct berth_build_lives *lives, const char *id, const char *name, int fd,
				    GError **error);
