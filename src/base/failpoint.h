// SPDX-License-Identifier: Apache-2.0
// Failpoints: places between two effects at which a test kills the process. They are compiled in with
// -Dfailpoints=true only; otherwise BERTH_FAILPOINT() is nothing.
//
//	BERTH_FAILPOINT_TRACE=FILE   each point passed appends its name to FILE
//	BERTH_FAILPOINT_KILL=N       the N-th point passed (from 1) ends the process by SIGKILL
//	BERTH_FAILPOINT_KILL=NAME    the first passing of the point NAME does
//	BERTH_FAILPOINT_PROGRAM=NAME only in the program of that name; others that inherit this pass
//
// Names read <object>.<operation>.<what was just done>: "container.create.recorded".
#pragma once

#ifdef BERTH_FAILPOINTS
void berth_failpoint_pass(const char *name);
#define BERTH_FAILPOINT(name) berth_failpoint_pass(name)
#else
#define BERTH_FAILPOINT(name) ((void) 0)
#endif
