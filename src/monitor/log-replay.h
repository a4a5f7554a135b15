// SPDX-License-Identifier: Apache-2.0
// What was logged before a client attached, for that client: it gets it as fast as it reads, and when it has all, down
// to the beginning of a line that is in no file yet, it goes on with what comes. Nothing is missed between the two, and
// the container waits for neither.
#pragma once

#include "monitor/log-output.h"

struct berth_log_replay;
// NULL without *error: there is nothing that could be read.
struct berth_log_replay *berth_log_replay_new(const struct berth_log_output *output, bool out, bool err, bool frames,
					      GError **error);
// Appends to the queue until it has `most` bytes. False: that was all there is at this moment.
bool berth_log_replay_more(struct berth_log_replay *replay, GByteArray *queue, size_t most);
void berth_log_replay_free(struct berth_log_replay *replay);
