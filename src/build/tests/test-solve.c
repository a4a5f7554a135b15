// SPDX-License-Identifier: Apache-2.0
// Builds from a Dockerfile to an image, with a host that runs no containers.
#include "build/tests/bench.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "build/solve/builder.h"
#include "build/solve/cache-mount.h"
#include "spec/api-build.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct bench BENCH;

static void assert_read(BENCH *bench, const char *path, const char *expected)
{
	assert_text(bench_read(bench, path), expected);
}

static guint snapshots_of(BENCH *bench)
{
	return fixture_count_files(bench->fixture.folder, "snapshots");
}

static void test_steps(BENCH *bench, gconstpointer data)
{
	(void) data;
	g_autoptr(oci_image) image = bench_image(bench, "FROM small:1\n"
							"RUN write /a one\n"
							"RUN append /a two && write /b three\n"
							"CMD [\"sh\"]\n");
	assert_read(bench, "/a", "onetwo");
	assert_read(bench, "/b", "three");
	assert_read(bench, "/etc/hello", "hello");
	g_assert_cmpint(bench->runs, ==, 2);
	g_assert_cmpuint(g_strv_length(image->rootfs->diff_ids), ==, 3);
	assert_text(bench_history(bench, 1), "*RUN /bin/sh -c write /a one # buildkit\n"
					     "*RUN /bin/sh -c append /a two && write /b three # buildkit\n"
					     "CMD [\"sh\"]\n");
	g_assert_nonnull(strstr(bench->log->str, "planned [1/3] FROM docker.io/library/small:1;"));
	g_assert_nonnull(strstr(bench->log->str, "done [3/3] RUN append /a two && write /b three;"));
}

static void test_cached(BENCH *bench, gconstpointer data)
{
	static const char text[] = "FROM small:1\nRUN write /a one\nWORKDIR /w\nRUN append /a two\n";

	(void) data;
	bench_build(bench, text, NULL);
	g_assert_no_error(bench->error);
	g_autofree char *first = g_strdup(bench->result.image);
	bench_restart(bench); // what is known is in the database
	bench_build(bench, text, NULL);
	g_assert_no_error(bench->error);
	g_assert_cmpint(bench->runs, ==, 2);
	g_assert_cmpstr(bench->result.image, ==, first);
	g_assert_nonnull(strstr(bench->log->str, "cached [2/4] RUN write /a one;"));
	bench_build(bench, "FROM small:1\nRUN write /a one\nWORKDIR /w\nRUN append /a three\n", NULL);
	g_assert_cmpint(bench->runs, ==, 3);
	assert_read(bench, "/a", "onethree");
	struct berth_build_request request = {.no_cache = true};
	bench_build(bench, text, &request);
	g_assert_no_error(bench->error);
	g_assert_cmpint(bench->runs, ==, 5);
}

static void test_config(BENCH *bench, gconstpointer data)
{
	(void) data;
	g_autoptr(oci_image) image = bench_image(bench, "FROM scratch\n"
							"ARG ONE=1\n"
							"ENV abc=hello\n"
							"ENV abc=bye def=$abc\n"
							"ENV ghi=$abc\n"
							"CMD echo x\n"
							"LABEL a=b \"c d\"=e\n"
							"EXPOSE 80 53/udp 8000-8001\n"
							"VOLUME /data\n"
							"USER 1000:1000\n"
							"WORKDIR /\n"
							"STOPSIGNAL SIGTERM\n"
							"SHELL [\"/bin/bash\", \"-c\"]\n"
							"ENTRYPOINT run it\n"
							"HEALTHCHECK --interval=90s --retries=3 CMD true\n"
							"ONBUILD RUN make\n"
							"MAINTAINER somebody\n");
	g_autofree char *env = g_strjoinv(";", image->config->env);
	g_assert_cmpstr(env, ==,
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin;abc=bye;def=hello;ghi=bye");
	g_assert_nonnull(image->config->cmd); // set in this stage: an entry point leaves it
	g_assert_cmpstr(image->config->entrypoint[0], ==, "/bin/bash");
	g_assert_cmpstr(image->config->entrypoint[2], ==, "run it");
	g_assert_cmpstr(image->config->working_dir, ==, "/");
	g_assert_cmpstr(image->config->on_build[0], ==, "RUN make");
	g_assert_cmpint(image->config->healthcheck->interval, ==, 90000000000);
	g_assert_cmpstr(image->author, ==, "somebody");
	g_autofree char *ports = g_strjoinv(" ", image->config->exposed_ports);
	g_assert_cmpstr(ports, ==, "53/udp 80/tcp 8000/tcp 8001/tcp");
	assert_text(bench_history(bench, 0),
		    "ARG ONE=1\nENV abc=hello\nENV abc=bye def=hello\nENV ghi=bye\n"
		    "CMD [\"/bin/sh\" \"-c\" \"echo x\"]\nLABEL a=b c d=e\nEXPOSE [53/udp 80/tcp 8000/tcp 8001/tcp]\n"
		    "VOLUME [/data]\nUSER 1000:1000\nWORKDIR /\nSTOPSIGNAL SIGTERM\nSHELL [/bin/bash -c]\n"
		    "ENTRYPOINT [\"/bin/bash\" \"-c\" \"run it\"]\n"
		    "HEALTHCHECK {Test:[CMD-SHELL true] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s "
		    "Retries:3}\n"
		    "MAINTAINER somebody\n");
}

static void test_arguments(BENCH *bench, gconstpointer data)
{
	g_autoptr(GHashTable) arguments = g_hash_table_new(g_str_hash, g_str_equal);
	struct berth_build_request request = {.arguments = arguments};
	static const char text[] = "ARG TAG=1\nFROM small:$TAG\nARG TAG\nARG VERSION=2\nRUN write /v x\n";

	(void) data;
	bench_build(bench, text, &request);
	g_assert_no_error(bench->error);
	assert_text(bench_history(bench, 1),
		    "ARG TAG=1\nARG VERSION=2\n*RUN |2 TAG=1 VERSION=2 /bin/sh -c write /v x # buildkit\n");
	g_assert_nonnull(strstr(bench->environment->str, ";VERSION=2;"));
	// A proxy is there, and is neither in the key nor in the history.
	g_hash_table_insert(arguments, (void *) "HTTP_PROXY", (void *) "http://p:1");
	bench_build(bench, text, &request);
	g_assert_cmpint(bench->runs, ==, 1);
	g_hash_table_insert(arguments, (void *) "VERSION", (void *) "3");
	bench_build(bench, text, &request);
	g_assert_cmpint(bench->runs, ==, 2);
	g_assert_nonnull(strstr(bench->environment->str, "http_proxy=http://p:1;"));
	g_autofree char *history = bench_history(bench, 0);
	g_assert_null(strstr(history, "http://p"));
}

static void test_stages(BENCH *bench, gconstpointer data)
{
	(void) data;
	bench_build(bench,
		    "FROM small:1 AS one\nRUN nap && write /one 1\n"
		    "FROM small:1 AS two\nRUN nap && write /two 2\n"
		    "FROM nothing:1 AS unused\nRUN fail 1\n"
		    "FROM scratch\nCOPY --from=one /one /\nCOPY --from=1 /two /\n",
		    NULL);
	g_assert_no_error(bench->error);
	g_assert_cmpint(bench->most_at_once, ==, 2);
	assert_read(bench, "/one", "1");
	assert_read(bench, "/two", "2");
	g_assert_cmpint(bench->pulls, ==, 0);
	struct berth_build_request request = {.target = "TWO"};
	bench_build(bench, "FROM small:1 AS one\nRUN fail 1\nFROM small:1 AS two\nRUN write /t x\n", &request);
	g_assert_no_error(bench->error);
}

static void test_failure(BENCH *bench, gconstpointer data)
{
	(void) data;
	guint before = snapshots_of(bench);
	bench_build(bench, "FROM small:1\nRUN write /a 1\nRUN print out && complain err && fail 7\nRUN write /b 1\n",
		    NULL);
	g_assert_error(bench->error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_true(g_str_has_prefix(bench->error->message,
				       "process \"/bin/sh -c print out && complain err && fail 7\" did not complete "
				       "successfully: exit code: 7\nDockerfile:3\n"));
	g_assert_nonnull(strstr(bench->output->str, "out"));
	g_assert_nonnull(strstr(bench->output->str, "err"));
	g_assert_null(bench->result.image);
	// What went well is kept, what failed is gone.
	g_assert_cmpuint(snapshots_of(bench), ==, before + 1);
	bench_build(bench, "FROM small:1\nRUN write /a 1\n", NULL);
	g_assert_cmpint(bench->runs, ==, 2);
}

static void test_bad_names(BENCH *bench, gconstpointer data)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"FROM nothing:1\n", "nothing:1: failed to resolve source metadata for docker.io/library/nothing:1"},
		{"FROM small:1 AS own\nCOPY --from=own /a /b\n", "it needs to be defined before"},
		{"FROM small:1\nEXPOSE x\n", "invalid containerPort: x"},
		{"FROM small:1\nSTOPSIGNAL SIGNOTHING\n", "invalid signal: SIGNOTHING"},
		{"FROM small:1\nRUN --network=host true\n", "network.host is not allowed"},
		{"FROM small:1\nRUN --security=insecure true\n", "security.insecure is not allowed"},
		{"FROM small:1\nRUN --mount=type=secret,id=x,required=true true\n", "secret x: not found"},
		{"FROM small:1\nRUN --mount=type=cache,target=/c,id=../../x true\n", "invalid id \"../../x\""},
		{"FROM small:1\nRUN --mount=type=cache,target=/c/../.. true\n", "invalid mount target"},
		{"FROM $NOTHING\n", "should not be blank"},
	};

	(void) data;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_assert_false(bench_build(bench, cases[i].text, NULL));
		g_assert_nonnull(strstr(bench->error->message, cases[i].message));
	}
	struct berth_build_request request = {.target = "x"};
	g_assert_false(bench_build(bench, "FROM small:1\n", &request));
	g_assert_cmpstr(bench->error->message, ==, "target stage \"x\" could not be found");
	char *const tags[] = {(char *) "Not A Name", NULL};
	request = (struct berth_build_request){.tags = tags};
	g_assert_false(bench_build(bench, "FROM small:1\nRUN write /a 1\n", &request));
	g_assert_cmpint(bench->runs, ==, 0);
}

static void *cancel_soon(void *data)
{
	BENCH *bench = data;

	while (g_atomic_int_get(&bench->runs) == 0)
		g_usleep(1000);
	g_atomic_int_set(&bench->canceled, 1);
	return NULL;
}

static void test_cancel(BENCH *bench, gconstpointer data)
{
	pthread_t thread;

	(void) data;
	guint before = snapshots_of(bench);
	pthread_create(&thread, NULL, cancel_soon, bench);
	bench_build(bench, "FROM small:1\nRUN wait\n", NULL);
	pthread_join(thread, NULL);
	g_assert_error(bench->error, BERTH_ERROR, BERTH_ERROR_CANCELED);
	g_assert_cmpuint(snapshots_of(bench), ==, before);
	g_assert_cmpuint(fixture_count_files(bench->fixture.folder, "build/work"), ==, 0);
}

struct twin {
	BENCH *bench;
	struct berth_build_result result;
	GError *error;
};

static void *build_twin(void *data)
{
	static const char text[] = "FROM small:1\nRUN nap && write /a 1\nRUN nap && write /b 1\n";
	struct twin *twin = data;
	const struct berth_build_request request = {.dockerfile_text = g_bytes_new_static(text, strlen(text))};

	berth_build(twin->bench->builder, &request, NULL, &twin->result, &twin->error);
	g_bytes_unref(request.dockerfile_text);
	return NULL;
}

static void test_twins(BENCH *bench, gconstpointer data)
{
	struct twin twins[3] = {{bench, {NULL}, NULL}, {bench, {NULL}, NULL}, {bench, {NULL}, NULL}};
	pthread_t threads[G_N_ELEMENTS(twins)];

	(void) data;
	for (size_t i = 0; i < G_N_ELEMENTS(twins); i++)
		pthread_create(&threads[i], NULL, build_twin, &twins[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(twins); i++) {
		pthread_join(threads[i], NULL);
		g_assert_no_error(twins[i].error);
		g_assert_cmpstr(twins[i].result.image, ==, twins[0].result.image);
	}
	g_assert_cmpint(bench->runs, ==, 2); // each step once
	for (size_t i = 0; i < G_N_ELEMENTS(twins); i++)
		berth_build_result_clear(&twins[i].result);
}

static void test_epoch(BENCH *bench, gconstpointer data)
{
	static const char text[] = "FROM small:1\nRUN write /a one\nWORKDIR /w/x\nENV a=b\n";
	g_autoptr(GHashTable) arguments = g_hash_table_new(g_str_hash, g_str_equal);
	struct berth_build_request request = {.arguments = arguments, .no_cache = true};

	(void) data;
	g_hash_table_insert(arguments, (void *) "SOURCE_DATE_EPOCH", (void *) "1000000000");
	bench_build(bench, text, &request);
	g_assert_no_error(bench->error);
	g_autofree char *first = g_strdup(bench->result.digest);
	g_usleep(10000);
	bench_build(bench, text, &request);
	g_assert_cmpint(bench->runs, ==, 2);
	g_assert_cmpstr(bench->result.digest, ==, first);
	g_autoptr(oci_image) image = berth_images_config(bench->fixture.images, bench->result.image, &bench->error);
	g_assert_cmpstr(image->created, ==, "2001-09-09T01:46:40.000000000Z");
}

static void test_triggers(BENCH *bench, gconstpointer data)
{
	char *const tags[] = {(char *) "base:1", NULL};
	struct berth_build_request request = {.tags = tags};

	(void) data;
	bench_build(bench, "FROM small:1\nONBUILD ARG x=1\nONBUILD RUN write /t triggered\n", &request);
	g_assert_no_error(bench->error);
	g_autoptr(oci_image) image = bench_image(bench, "FROM base:1\nRUN need /t\n");
	assert_read(bench, "/t", "triggered");
	g_assert_null(image->config->on_build);
}

static void test_mounts(BENCH *bench, gconstpointer data)
{
	g_autoptr(GBytes) value = g_bytes_new_static("hush", 4), other = g_bytes_new_static("else", 4);
	struct berth_build_secret secret = {"key", value};
	struct berth_build_request request = {.secrets = &secret, .secret_count = 1};
	static const char text[] = "FROM small:1\n"
				   "RUN --mount=type=secret,id=key --mount=type=secret,id=key,env=KEY "
				   "--mount=type=tmpfs,target=/t write /a x\n";

	(void) data;
	bench_build(bench, text, &request);
	g_assert_no_error(bench->error);
	g_assert_cmpstr(bench->mounts->str, ==, "file /run/secrets/key=hush;tmpfs /t rw;");
	g_assert_nonnull(strstr(bench->environment->str, "KEY=hush;"));
	secret.value = other; // which is no reason to run it again
	bench_build(bench, text, &request);
	g_assert_cmpint(bench->runs, ==, 1);
	bench_build(bench, "FROM small:1\nRUN --mount=type=cache,target=/c cache n 1\n", NULL);
	g_assert_no_error(bench->error);
	g_assert_cmpstr(bench->output->str, ==, "1");
	bench_restart(bench);
	bench_build(bench, "FROM small:1\nRUN --mount=type=cache,target=/c cache n 2\n", NULL);
	g_assert_cmpstr(bench->output->str, ==, "12");
	// What a removal left half-way is in nobody's way.
	g_autofree char *name = berth_cache_mount_name("/d", NULL),
			*left = g_strconcat(BERTH_CACHE_MOUNT_NEW, name, NULL);
	g_assert_cmpint(mkdirat(bench->builder->mounts, left, 0700), ==, 0);
	bench_build(bench, "FROM small:1\nRUN --mount=type=cache,target=/d cache n 3\n", NULL);
	g_assert_no_error(bench->error);
	g_assert_cmpstr(bench->output->str, ==, "3");
	g_assert_cmpint(faccessat(bench->builder->mounts, name, F_OK, 0), ==, 0);
}

// Steps that read the same context one after the other and beside each other: the last may take its files, none before.
static void test_shared(BENCH *bench, gconstpointer data)
{
	static const char *const texts[] = {
		"FROM small:1\nCOPY d /one/d\nCOPY . /two/\n",
		"FROM small:1\nCOPY . /two/\nCOPY d /one/d\n",
		"FROM small:1 AS a\nCOPY d /one/d\nFROM small:1\nCOPY . /two/\nCOPY --from=a /one /one\n",
		"FROM small:1\nCOPY . /two/\nRUN --mount=type=bind,source=d,target=/m write /x X\n",
	};
	GByteArray *tarball = tarball_new();

	(void) data;
	tarball_add(tarball, &(struct tarball_entry){.name = "d/x", .content = "X"});
	tarball_add(tarball, &(struct tarball_entry){.name = "d/e/y", .content = "Y"});
	tarball_end(tarball);
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		berth_fd archive = tarball_open(tarball->data, tarball->len);
		struct berth_build_source source = {.tar = archive};
		struct berth_build_request request = {.sources = &source, .source_count = 1, .no_cache = true};
		bench_build(bench, texts[i], &request);
		g_assert_no_error(bench->error);
		if (!strstr(texts[i], "RUN"))
			assert_read(bench, "/one/d/x", "X");
		assert_read(bench, "/two/d/x", "X");
		assert_read(bench, "/two/d/e/y", "Y");
	}
	g_byte_array_unref(tarball);
}

static void free_records(GPtrArray *records)
{
	fixture_free_all(records, &api_build_cache_document);
}

// The cache comes to that many records, by itself.
static void assert_records(BENCH *bench, guint wanted)
{
	guint found = G_MAXUINT;

	for (int i = 0; i < 1000 && found != wanted; i++) {
		GPtrArray *records = berth_builder_cache_list(bench->builder, &bench->error);
		g_assert_no_error(bench->error);
		found = records->len;
		free_records(records);
		if (found != wanted)
			g_usleep(10000);
	}
	g_assert_cmpuint(found, ==, wanted);
}

static void test_prune(BENCH *bench, gconstpointer data)
{
	g_autoptr(GHashTable) filters = g_hash_table_new(g_str_hash, g_str_equal);
	char *const long_ago[] = {(char *) "24h", NULL};
	struct berth_build_prune prune = {.filters = filters, .all = true};
	char **ids;
	int64_t bytes;

	(void) data;
	bench_build(bench, "FROM small:1\nRUN write /a one\nRUN --mount=type=cache,target=/c cache n 1\n", NULL);
	g_assert_no_error(bench->error);
	GPtrArray *records = berth_builder_cache_list(bench->builder, &bench->error);
	g_assert_no_error(bench->error);
	g_assert_cmpuint(records->len, ==, 3);
	free_records(records);
	g_hash_table_insert(filters, (void *) "until", (void *) long_ago);
	g_assert_true(berth_builder_prune(bench->builder, &prune, &ids, &bytes, &bench->error));
	g_assert_cmpuint(g_strv_length(ids), ==, 0);
	g_strfreev(ids);
	g_hash_table_remove_all(filters);
	g_assert_true(berth_builder_prune(bench->builder, &prune, &ids, &bytes, &bench->error));
	g_assert_cmpuint(g_strv_length(ids), ==, 3);
	g_strfreev(ids);
	// The image still has its layers.
	assert_read(bench, "/a", "one");
	records = berth_builder_cache_list(bench->builder, &bench->error);
	g_assert_cmpuint(records->len, ==, 0);
	free_records(records);
	g_hash_table_insert(filters, (void *) "colour", (void *) long_ago);
	bench_build(bench, "FROM small:1\nRUN write /a one\n", NULL);
	g_assert_false(berth_builder_prune(bench->builder, &prune, &ids, &bytes, &bench->error));
	g_assert_cmpstr(bench->error->message, ==, "invalid filter 'colour'");
}

static void test_collect(BENCH *bench, gconstpointer data)
{
	(void) data;
	bench_build(bench, "FROM small:1\nRUN write /a 12345\nRUN write /b 12345\n", NULL);
	g_assert_no_error(bench->error);
	assert_records(bench, 2);
	// What stands on another one goes before it; what a start finds too much goes then.
	bench->policy.max_used_bytes = 6;
	bench_restart(bench);
	assert_records(bench, 1);
	assert_read(bench, "/b", "12345");
	bench_build(bench, "FROM small:1\nRUN write /a 12345\n", NULL);
	g_assert_nonnull(strstr(bench->log->str, "cached [2/2]"));
	// Rules in turn: those that fit nothing, and then one that does; with other rules than before, at once.
	char *const mounts[] = {(char *) "exec.cachemount", NULL};
	g_autoptr(GHashTable) filters = g_hash_table_new(g_str_hash, g_str_equal);
	g_hash_table_insert(filters, (void *) "type", (void *) mounts);
	const struct berth_build_prune rules[] = {{.filters = filters, .all = true}, {.all = true, .keep_bytes = 1}};
	struct berth_builder_policy policy = {.rules = rules, .rule_count = 1};
	berth_builder_set_policy(bench->builder, &policy);
	bench_build(bench, "FROM small:1\nRUN write /a 12345\n", NULL);
	assert_records(bench, 1);
	policy.no_collection = true;
	policy.rule_count = 2;
	berth_builder_set_policy(bench->builder, &policy);
	assert_records(bench, 1);
	policy.no_collection = false;
	berth_builder_set_policy(bench->builder, &policy);
	assert_records(bench, 0);
}

// What a running build has a step of stays, whatever the rules say.
static void *collect_meanwhile(void *data)
{
	BENCH *bench = data;
	const struct berth_build_prune all = {.all = true};
	g_autoptr(GError) error = NULL;
	char **ids;
	int64_t bytes;

	for (bool runs = false; !runs; g_usleep(1000)) {
		BERTH_AUTO_UNLOCK locker = berth_lock(&bench->lock);
		runs = bench->at_once > 0;
	}
	g_assert_true(berth_builder_prune(bench->builder, &all, &ids, &bytes, &error));
	g_assert_cmpuint(g_strv_length(ids), ==, 0);
	g_strfreev(ids);
	GPtrArray *records = berth_builder_cache_list(bench->builder, &error);
	g_assert_true(((struct api_build_cache *) records->pdata[0])->in_use);
	free_records(records);
	return NULL;
}

static void test_in_use(BENCH *bench, gconstpointer data)
{
	pthread_t thread;

	(void) data;
	bench_build(bench, "FROM small:1\nRUN write /a 1\n", NULL);
	g_assert_no_error(bench->error);
	pthread_create(&thread, NULL, collect_meanwhile, bench);
	bench_build(bench, "FROM small:1\nRUN write /a 1\nRUN nap\n", NULL);
	pthread_join(thread, NULL);
	g_assert_no_error(bench->error);
}

static void test_entitlements(BENCH *bench, gconstpointer data)
{
	const struct berth_builder_policy policy = {.no_insecure = true, .no_host_network = true, .no_devices = true};
	const struct berth_build_request requests[] = {
		{.allow_insecure = true}, {.allow_host_network = true}, {.network = "host"}, {.allow_devices = true}};

	(void) data;
	berth_builder_set_policy(bench->builder, &policy);
	for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
		struct berth_build_request request = requests[i];
		bench_build(bench, "FROM small:1\nRUN write /a 1\n", &request);
		g_assert_error(bench->error, BERTH_ERROR, BERTH_ERROR_FORBIDDEN);
		g_clear_error(&bench->error);
	}
	assert_records(bench, 0);
}

static void *look_around(void *data)
{
	BENCH *bench = data;
	char *const look[] = {(char *) "need /a && cache /f 2", NULL};
	g_autofree char *step = g_strdup(strstr(bench->log->str, "debug ") + strlen("debug "));
	int ends[2], code = -1;
	GError *error = NULL;

	*strchr(step, ';') = '\0';
	g_string_append(bench->log, "entered;");
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
	const struct berth_build_debug debug = {.arguments = look, .terminal = ends[0]};
	g_assert_false(berth_build_resize(bench->builder, step, 1, 1, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_clear_error(&error);
	g_assert_true(berth_build_is_kept(bench->builder, step));
	berth_build_debug(bench->builder, step, &debug, &code, &error);
	g_assert_no_error(error);
	g_assert_cmpint(code, ==, 0);
	char text[8] = "";
	g_assert_cmpint(read(ends[1], text, sizeof text - 1), ==, 2);
	g_assert_cmpstr(text, ==, "12"); // of the cache, which the step has filled
	close(ends[0]);
	close(ends[1]);
	g_assert_false(berth_build_debug(bench->builder, step, &debug, &code, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_clear_error(&error);
	return NULL;
}

static pthread_t debugger;

static void start_debugger(BENCH *bench, G_GNUC_UNUSED const char *failed_step)
{
	g_assert_cmpint(pthread_create(&debugger, NULL, look_around, bench), ==, 0);
}

static void leave(BENCH *bench, G_GNUC_UNUSED const char *failed_step)
{
	g_atomic_int_set(&bench->canceled, 1);
}

static void test_keep_failed(BENCH *bench, gconstpointer data)
{
	const struct berth_build_secret secret = {"s", g_bytes_new_static("hush", 4)};
	struct berth_build_request request = {.keep_failed = true, .secrets = &secret, .secret_count = 1};

	(void) data;
	guint before = snapshots_of(bench);
	bench->debug = start_debugger;
	bench_build(bench,
		    "FROM small:1\nRUN --mount=type=cache,target=/c --mount=type=secret,id=s cache /f 1 && write /a 1 "
		    "&& fail 1\n",
		    &request);
	pthread_join(debugger, NULL);
	g_assert_error(bench->error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_nonnull(strstr(bench->log->str, "entered;"));
	g_assert_nonnull(strstr(bench->mounts->str, "file /run/secrets/s=hush;")); // of the shell, the last that ran
	g_assert_cmpuint(snapshots_of(bench), ==, before);
	g_bytes_unref(secret.value);
	// A caller that is gone is not waited for.
	bench->debug = leave;
	bench_build(bench, "FROM small:1\nRUN write /b 1 && fail 1\n", &request);
	g_assert_cmpuint(snapshots_of(bench), ==, before);
}

static void test_pull(BENCH *bench, gconstpointer data)
{
	(void) data;
	bench->pulled = "far:1";
	bench_build(bench, "FROM far:1\nRUN need /etc/hello\n", NULL);
	g_assert_no_error(bench->error);
	g_assert_cmpint(bench->pulls, ==, 1);
	bench_build(bench, "FROM far:1\nRUN need /etc/hello\n", NULL);
	g_assert_cmpint(bench->pulls, ==, 1);
	struct berth_build_request request = {.pull = true};
	bench_build(bench, "FROM far:1\nRUN need /etc/hello\n", &request);
	g_assert_cmpint(bench->pulls, ==, 2);
	// A word that begins the id of an image here is no name of it, as many digits as "docker images" shows are.
	g_autofree char *digits = g_strndup(strchr(bench->result.image, ':') + 1, 12);
	g_autofree char *few = g_strndup(digits, 4), *word = g_strdup_printf("FROM %s\n", few),
			*id = g_strdup_printf("FROM %s\nRUN need /etc/hello\n", digits);
	bench_build(bench, word, NULL);
	g_assert_error(bench->error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_assert_cmpint(bench->pulls, ==, 3);
	bench_build(bench, id, NULL);
	g_assert_no_error(bench->error);
}

// Layers that could not be made lasting while the build went on: it says so, and nothing of them is recorded.
static void test_unsettled(BENCH *bench, gconstpointer data)
{
	static const char *const texts[] = {
		"FROM small:1\nRUN write /a one\nRUN unsettle\nRUN write /b two\n",
		"FROM small:1 AS one\nRUN write /a one\nFROM small:1\nRUN --mount=from=one,target=/m unsettle\n",
	};

	(void) data;
	guint before = snapshots_of(bench);
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		bench_build(bench, texts[i], NULL);
		g_assert_nonnull(bench->error);
		g_assert_nonnull(strstr(bench->error->message, "a layer of the build could not be stored: "));
		g_assert_null(bench->result.image);
		g_assert_cmpuint(snapshots_of(bench), ==, before + i); // the second's last layer was stored
	}
	g_assert_cmpint(bench->runs, ==, 4);
	bench_build(bench, "FROM small:1\nRUN write /a one\n", NULL);
	g_assert_no_error(bench->error);
	g_assert_cmpint(bench->runs, ==, 5);
	assert_read(bench, "/a", "one");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*test)(BENCH *bench, gconstpointer data);
	} tests[] = {
		{"steps", test_steps},         {"cached", test_cached},
		{"config", test_config},       {"arguments", test_arguments},
		{"stages", test_stages},       {"failure", test_failure},
		{"bad-names", test_bad_names}, {"cancel", test_cancel},
		{"twins", test_twins},         {"epoch", test_epoch},
		{"triggers", test_triggers},   {"mounts", test_mounts},
		{"shared", test_shared},       {"prune", test_prune},
		{"collect", test_collect},     {"keep-failed", test_keep_failed},
		{"in-use", test_in_use},       {"entitlements", test_entitlements},
		{"pull", test_pull},           {"unsettled", test_unsettled},
	};

	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
		g_autofree char *path = g_strconcat("/solve/", tests[i].name, NULL);
		g_test_add(path, BENCH, NULL, bench_setup, tests[i].test, bench_teardown);
	}
	return g_test_run();
}
