// SPDX-License-Identifier: Apache-2.0
// The parent of one container. It is started by berth_monitor_spawn() and by nobody else, or before there is a
// container (the id is blank then) by berth_monitor_spare_fill(); monitor/protocol.h says how one talks to it. There
// may be thousands of these: what is needed only while the container is created is given back.
#include "base/json.h"
#include "monitor/monitor.h"
#include "sys/self.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/prctl.h>

int main(int argc, char **argv)
{
	if (argc != 3) {
		fputs("berth-monitor is started by the engine, one for each container\n", stderr);
		return 2;
	}
	if (!berth_self_protect(argv)) {
		perror("berth-monitor: cannot keep its own program from its container");
		return 2;
	}
	prctl(PR_SET_NAME, "berth-monitor"); // it may have been executed by descriptor
	berth_json_seed();
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TRIM_THRESHOLD, 16 << 10);
	mallopt(M_TOP_PAD, 4 << 10);
	mallopt(M_MMAP_THRESHOLD, 32 << 10);
	int network = -1;
	if (*argv[1] == ' ' && !berth_monitor_await_order(argv, &network))
		return 0;
	return berth_monitor_run(argv[1], argv[2], network);
}
