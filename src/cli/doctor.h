// SPDX-License-Identifier: Apache-2.0
// What `berth doctor` finds: each finding says what is so, what that turns off, and what to do about it. The checks
// read /proc, /sys and /etc, or try a thing out in a namespace of a child's own; none changes anything of the host.
#pragma once

#include "cli/command.h"

#include <jansson.h>

enum berth_health {
	BERTH_HEALTH_FINE,
	BERTH_HEALTH_LIMITED, // something is turned off, or works less well
	BERTH_HEALTH_MISSING, // no container can run without it
};

struct berth_doctor {
	struct berth_cli *cli;
	json_t *findings;
	const char *group; // of the findings that follow: "Kernel", …
	char *data_root;
	pid_t engine; // the process, or 0 if it is not known
};

// Adds a finding. `off`: what is turned off or works less well; `remedy`: what to do. Both NULL where all is fine.
void berth_doctor_add(struct berth_doctor *doctor, enum berth_health health, const char *off, const char *remedy,
		      const char *format, ...) G_GNUC_PRINTF(5, 6);

// The groups of checks.
void berth_doctor_kernel(struct berth_doctor *doctor); // doctor-kernel.c
void berth_doctor_cgroups(struct berth_doctor *doctor); // doctor-cgroups.c
void berth_doctor_users(struct berth_doctor *doctor); // doctor-host.c
void berth_doctor_storage(struct berth_doctor *doctor);
void berth_doctor_host(struct berth_doctor *doctor);
void berth_doctor_network(struct berth_doctor *doctor); // doctor-network.c

// Of use to them. A file's text without the space at its end, NULL if it cannot be read; the caller frees it.
char *berth_doctor_read(const char *path);
// A file's number, or `otherwise`.
int64_t berth_doctor_number(const char *path, int64_t otherwise);
// Whether a kernel module is loaded, built in, or to be had.
bool berth_doctor_has_module(const char *name);
// Whether a program is in PATH or where administrators' programs are.
bool berth_doctor_has_program(const char *name);
