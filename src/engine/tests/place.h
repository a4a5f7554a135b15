// SPDX-License-Identifier: Apache-2.0
// A place of its own for a real engine: its folders, its group of processes, and an image, "test", of a busybox.
#pragma once

#include "engine/engine.h"

struct place {
	char *folder, *data, *run;
	char *parent; // of the containers' cgroups
};

struct place place_new(void);
// Nothing that the engine made may be left in use.
void place_remove(struct place *place);
// The engine, with the programs of the build that BERTH_BUILD names. The caller closes it.
struct berth_engine *place_open(const struct place *place, bool bridge);
// Makes the image, which has /bin/busybox, /bin/sh and /tmp. Returns its id.
char *place_import(const struct place *place, struct berth_engine *engine);

// Runs a line of shell that has to succeed; the second returns what it printed.
void run_command(const char *command);
char *output_of(const char *command);
