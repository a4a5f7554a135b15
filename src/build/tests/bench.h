// SPDX-License-Identifier: Apache-2.0
// A builder whose host knows no containers: a RUN step's words are small commands that it carries out itself in the
// step's snapshot.
//
//	write PATH TEXT   append PATH TEXT   need PATH   print TEXT   complain TEXT   fail CODE   wait   nap
//
// several in one step are separated by " && ". "wait" ends when the step is canceled. "unsettle"
// is a settling that fails.
#pragma once

#include "build/build.h"
#include "image/tests/fixture.h"

struct bench {
	struct fixture fixture;
	struct berth_build_host host;
	struct berth_builder *builder;
	gint runs, pulls; // what the host was asked for
	gint at_once, most_at_once;
	GString *log; // "started 0;", "cached 1;", … of the last build
	GString *output; // what steps printed
	GString *environment; // of the last step
	GString *mounts; // "tmpfs /x;", "secret /run/secrets/a=…;", …
	struct berth_builder_policy policy; // of the builder
	const char *pulled; // image that a pull brings under that name
	gint canceled;
	void (*debug)(struct bench *bench,
		      const char *failed_step); // at a step that can be entered; NULL: nobody comes
	struct berth_build_result result;
	GError *error;
	pthread_mutex_t lock;
};

void bench_setup(struct bench *bench, gconstpointer data);
void bench_teardown(struct bench *bench, gconstpointer data);
void bench_restart(struct bench *bench); // the builder anew
// Builds the Dockerfile `text` without a context; true: it went well.
bool bench_build(struct bench *bench, const char *text, struct berth_build_request *request);
// The same, which has to go well; the image's configuration.
struct oci_image *bench_image(struct bench *bench, const char *text);
// The content of a file in the image that was built; NULL: it is not there.
char *bench_read(struct bench *bench, const char *path);
// Its history: "created_by" with "*" before those that have a layer, one per line, without the first `skip`.
char *bench_history(struct bench *bench, unsigned skip);
