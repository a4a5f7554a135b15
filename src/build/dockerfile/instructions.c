// SPDX-License-Identifier: Apache-2.0
// The table of instructions.
#include "build/dockerfile/dockerfile.h"

static const char *const none[] = {NULL};
static const char *const add_flags[] = {"checksum",     "chmod", "chown",  "exclude",
					"keep-git-dir", "link",  "unpack", NULL};
static const char *const copy_flags[] = {"chmod", "chown", "exclude", "from", "link", "parents", NULL};
static const char *const from_flags[] = {"platform", NULL};
static const char *const health_flags[] = {"interval", "retries", "start-interval", "start-period", "timeout", NULL};
static const char *const run_flags[] = {"device", "mount", "network", "security", NULL};

// In the order of the enumeration: name, flags, then whether it is so (1) or not: JSON, heredocs, after ONBUILD,
// expanded.
static const struct berth_dockerfile_about table[BERTH_DOCKERFILE_KINDS] = {
	{"ADD", add_flags, 1, 1, 1, 1},   {"ARG", none, 0, 0, 1, 1},        {"CMD", none, 1, 0, 1, 0},
	{"COPY", copy_flags, 1, 1, 1, 1}, {"ENTRYPOINT", none, 1, 0, 1, 0}, {"ENV", none, 0, 0, 1, 1},
	{"EXPOSE", none, 0, 0, 1, 1},     {"FROM", from_flags, 0, 0, 0, 1}, {"HEALTHCHECK", health_flags, 1, 0, 1, 0},
	{"LABEL", none, 0, 0, 1, 1},      {"MAINTAINER", none, 0, 0, 0, 0}, {"ONBUILD", none, 0, 1, 0, 0},
	{"RUN", run_flags, 1, 1, 1, 1},   {"SHELL", none, 1, 0, 1, 0},      {"STOPSIGNAL", none, 0, 0, 1, 1},
	{"USER", none, 0, 0, 1, 1},       {"VOLUME", none, 1, 0, 1, 1},     {"WORKDIR", none, 0, 0, 1, 1},
};

const struct berth_dockerfile_about *berth_dockerfile_about(enum berth_dockerfile_kind kind)
{
	return &table[kind];
}
