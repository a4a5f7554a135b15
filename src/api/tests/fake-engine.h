// SPDX-License-Identifier: Apache-2.0
// An engine of one container, "box", and one image, "busybox", for tests of the HTTP layer: what the handlers were
// called with is put together as text in fake_last(), so that a test can see it.
#pragma once

#include "engine/engine.h"

struct berth_engine *fake_engine_new(void);
void fake_engine_free(struct berth_engine *engine);
// The last call and its arguments; the caller frees it.
char *fake_last(struct berth_engine *engine);
// The container ends with `status`: waits and logs that follow return.
void fake_exit(struct berth_engine *engine, int status);
// Sends `action` to those who stream events.
void fake_event(struct berth_engine *engine, const char *action);
// For fakes beside it: notes a call, and counts what is at work.
void fake_note(struct berth_engine *engine, const char *format, ...) G_GNUC_PRINTF(2, 3);
void fake_add_stream(struct berth_engine *engine, int by);
// How many waits, logs and event streams are at work.
int fake_streams(struct berth_engine *engine);
