// SPDX-License-Identifier: Apache-2.0
// What `berth top` shows: the containers with what they use, measured between two samples, sorted and filtered; the end
// of one's log; one action that is under way. Nothing here knows of the terminal.
#pragma once

#include "cli/client.h"

#define TOP_HISTORY 16 // samples of the processors' use that are kept
#define TOP_LOG_LINES 200 // of a container's log

enum top_sort { TOP_SORT_CPU, TOP_SORT_MEMORY, TOP_SORT_NETWORK, TOP_SORT_IO, TOP_SORT_PIDS, TOP_SORT_NAME, TOP_SORTS };
extern const char *const top_sort_names[TOP_SORTS];

struct top_container {
	char *id, *name, *image, *state, *status;
	bool measured; // twice, so that rates are known
	double cpu; // percent of one processor
	double memory_share; // percent of its limit
	uint64_t memory, limit, pids;
	double received, sent, read, written; // bytes per second
	double history[TOP_HISTORY]; // of cpu, the newest last
	// of the last sample
	uint64_t cpu_total, cpu_system, rx, tx, block_read, block_written;
	int64_t at; // microseconds; 0: none
	bool seen;
};

struct top_model {
	struct berth_client *client;
	GPtrArray *containers; // of struct top_container: all that are there
	GPtrArray *shown; // those that pass the filter, in order (borrowed)
	bool all, reverse;
	enum top_sort sort;
	char *filter; // part of a name, image or status; NULL: none
	char *selected; // the id of the one that the cursor is on, or NULL
	char *trouble; // why the engine does not answer, or NULL
	char *message; // what came of the last action, or NULL
	struct berth_answer *pending; // the action under way
	char *doing; // "stopping web"
};

struct top_model *top_model_new(struct berth_client *client);
void top_model_free(struct top_model *model);
// Asks the engine anew. What goes wrong is told in `trouble`.
void top_model_refresh(struct top_model *model);
// Sorts and filters what is there; the selection stays on its container, or goes to its neighbour.
void top_model_arrange(struct top_model *model);
void top_model_move(struct top_model *model, int by);
struct top_container *top_model_selected(const struct top_model *model);
// Lines of the selected container's log, the newest last; control characters are left out. Free with g_strfreev().
char **top_model_log(struct top_model *model);
// Begins an action on the selected container, as POST or DELETE of "/containers/ID" + `path`; its end is looked for
// by top_model_poll(). One at a time.
void top_model_act(struct top_model *model, const char *method, const char *path, const char *doing);
// Whether an action has ended; `message` says how.
bool top_model_poll(struct top_model *model);
