// SPDX-License-Identifier: Apache-2.0
// What of a container's life needs no monitor: texts, filters, policies, what recovery decides, the table, the workers.
#include "engine/internal.h"
#include "engine/life/exec.h"

#include "base/error.h"
#include "base/json.h"
#include "spec/api-system.h"

#include <string.h>

#define SECOND G_GINT64_CONSTANT(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static void test_durations(void)
{
	static const struct {
		int64_t time;
		const char *text;
	} cases[] = {
		{-5 * SECOND, "Less than a second"},
		{0, "Less than a second"},
		{SECOND, "1 second"},
		{59 * SECOND, "59 seconds"},
		{MINUTE, "About a minute"},
		{2 * MINUTE, "2 minutes"},
		{59 * MINUTE, "59 minutes"},
		{HOUR, "About an hour"},
		{89 * MINUTE, "About an hour"},
		{91 * MINUTE, "2 hours"},
		{47 * HOUR, "47 hours"},
		{2 * DAY, "2 days"},
		{13 * DAY, "13 days"},
		{14 * DAY, "2 weeks"},
		{60 * DAY, "2 months"},
		{730 * DAY, "2 years"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = berth_engine__duration_text(cases[i].time);
		g_assert_cmpstr(text, ==, cases[i].text);
	}
}

static void test_status_texts(void)
{
	const int64_t now = 100 * DAY;
	static const struct {
		const char *status;
		int64_t started, finished, exit_code; // how long ago; 0: never
		const char *text;
	} cases[] = {
		{BERTH_STATUS_CREATED, 0, 0, 0, "Created"},
		{BERTH_STATUS_CREATED, 0, 0, 127, "Created"},
		{BERTH_STATUS_RUNNING, 2 * MINUTE, 0, 0, "Up 2 minutes"},
		{BERTH_STATUS_RUNNING, 3 * SECOND, DAY, 0, "Up 3 seconds"},
		{BERTH_STATUS_PAUSED, HOUR, 0, 0, "Up About an hour (Paused)"},
		{BERTH_STATUS_EXITED, HOUR, 3 * SECOND, 0, "Exited (0) 3 seconds ago"},
		{BERTH_STATUS_EXITED, HOUR, 2 * DAY, 137, "Exited (137) 2 days ago"},
		{BERTH_STATUS_RESTARTING, HOUR, SECOND, 1, "Restarting (1) 1 second ago"},
		{BERTH_STATUS_REMOVING, HOUR, SECOND, 1, "Removal In Progress"},
		{BERTH_STATUS_DEAD, HOUR, SECOND, 1, "Dead"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct berth_container_state state = {
			.status = (char *) cases[i].status,
			.exit_code = cases[i].exit_code,
			.started_at = cases[i].started ? now - cases[i].started : 0,
			.finished_at = cases[i].finished ? now - cases[i].finished : 0,
		};
		g_autofree char *text = berth_engine__status_text(&state, NULL, now);
		g_assert_cmpstr(text, ==, cases[i].text);
	}
}

// A text is the same from one moment to the next one at which it may change, which is not missed.
static void test_status_until(void)
{
	static const int64_t ages[] = {0,           SECOND - 1, SECOND, 59 * SECOND, MINUTE,       MINUTE + 1,
				       59 * MINUTE, HOUR - 1,   HOUR,   HOUR + 1,    3 * HOUR / 2, 47 * HOUR + HOUR / 2,
				       13 * DAY,    59 * DAY};
	static const char *const all[] = {BERTH_STATUS_CREATED, BERTH_STATUS_RUNNING,    BERTH_STATUS_PAUSED,
					  BERTH_STATUS_EXITED,  BERTH_STATUS_RESTARTING, BERTH_STATUS_DEAD,
					  BERTH_STATUS_REMOVING};
	const int64_t now = 1000 * DAY;

	for (size_t i = 0; i < G_N_ELEMENTS(ages) * G_N_ELEMENTS(all); i++) {
		int64_t moment = now - ages[i / G_N_ELEMENTS(all)];
		const struct berth_container_state state = {
			.status = (char *) all[i % G_N_ELEMENTS(all)], .started_at = moment, .finished_at = moment};
		int64_t until = berth_engine__status_until(&state, now);
		g_autofree char *text = berth_engine__status_text(&state, NULL, now);
		g_autofree char *last = berth_engine__status_text(&state, NULL, MIN(until - 1, now + 1000 * DAY));
		g_assert_cmpint(until, >, now);
		g_assert_cmpstr(text, ==, last);
		if (ages[i / G_N_ELEMENTS(all)] < HOUR && until < G_MAXINT64) {
			g_autofree char *next = berth_engine__status_text(&state, NULL, until);
			g_assert_cmpstr(text, !=, next);
		}
	}
	const struct berth_container_state ahead = {.status = (char *) BERTH_STATUS_RUNNING, .started_at = now + DAY};
	g_assert_cmpint(berth_engine__status_until(&ahead, now), <=, now + SECOND);
}

static void test_command_text(void)
{
	static const struct {
		const char *entrypoint, *cmd, *text; // words between bars
	} cases[] = {
		{NULL, "sh|-c|sleep 60", "sh -c 'sleep 60'"},
		{"/bin/echo|a b", "c", "/bin/echo 'a b' c"},
		{"/a path/x", NULL, "/a path/x"},
		{NULL, NULL, ""},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(GStrv) entrypoint = cases[i].entrypoint ? g_strsplit(cases[i].entrypoint, "|", -1) : NULL;
		g_auto(GStrv) cmd = cases[i].cmd ? g_strsplit(cases[i].cmd, "|", -1) : NULL;
		const struct api_container_config config = {.entrypoint = entrypoint, .cmd = cmd};
		g_autofree char *text = berth_engine__command_text(&config);
		g_assert_cmpstr(text, ==, cases[i].text);
	}
}

static void test_filters(void)
{
	static const struct {
		const char *text, *message; // NULL: it is fine
	} cases[] = {
		{"{}", NULL},
		{"{\"name\":[\"a\",\"b\"]}", NULL},
		{"{\"name\":{\"a\":true,\"b\":true,\"c\":false}}", NULL},
		{"[]", "expected an object"},
		{"{\"name\":\"a\"}", "'name'"},
		{"{\"name\":[1]}", "'name'"},
		{"{\"name\":{\"a\":1}}", "'name'"},
		{"nonsense", "filters"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GHashTable) filters = berth_filters_parse(cases[i].text, &error);
		g_assert_true((filters != NULL) == (cases[i].message == NULL));
		if (!filters) {
			g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
			g_assert_nonnull(strstr(error->message, cases[i].message));
			continue;
		}
		char *const *names = berth_engine__filter(filters, "name");
		g_assert_true((names != NULL) == (strstr(cases[i].text, "name") != NULL));
		if (names) {
			g_assert_cmpuint(g_strv_length((char **) names), ==, 2);
			g_assert_true(g_strv_contains((const char *const *) names, "b"));
		}
	}
}

static void test_labels(void)
{
	static const struct {
		const char *filters;
		bool passes;
	} cases[] = {
		{"{}", true},
		{"{\"label\":[\"tier\"]}", true},
		{"{\"label\":[\"tier=web\"]}", true},
		{"{\"label\":[\"tier=db\"]}", false},
		{"{\"label\":[\"tier=web\",\"absent\"]}", false},
		{"{\"label\":[\"empty\",\"empty=\"]}", true},
		{"{\"label!\":[\"tier\"]}", false},
		{"{\"label!\":[\"tier=db\",\"absent\"]}", true},
	};
	g_autoptr(GHashTable) labels = berth_map_new();

	g_hash_table_insert(labels, g_strdup("tier"), g_strdup("web"));
	g_hash_table_insert(labels, g_strdup("empty"), g_strdup(""));
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GHashTable) filters = berth_filters_parse(cases[i].filters, NULL);
		g_assert_cmpint(berth_engine__labels_pass(filters, labels), ==, cases[i].passes);
	}
	g_assert_true(berth_engine__labels_pass(NULL, NULL));
}

static void test_event_filters(void)
{
	static const struct {
		const char *filters;
		bool passes;
	} cases[] = {
		{"{\"container\":[\"abcdef\"]}", true},
		{"{\"container\":[\"abc\"]}", true}, // the beginning of the id
		{"{\"container\":[\"box\"]}", true},
		{"{\"container\":[\"bo\"]}", true}, // or of the name
		{"{\"container\":[\"ox\"]}", false},
		{"{\"event\":[\"start\",\"die\"],\"type\":{\"container\":true}}", true},
		{"{\"event\":[\"start\"]}", false},
		{"{\"type\":[\"image\"]}", false},
		{"{\"image\":[\"busybox\"]}", true}, // without its tag
		{"{\"image\":[\"busybox:1\"]}", true},
		{"{\"image\":[\"busybox:2\"]}", false},
		{"{\"label\":[\"k=v\"]}", true},
		{"{\"network\":[\"box\"]}", false},
		{"{\"scope\":[\"local\"]}", true},
	};
	g_autoptr(GHashTable) attributes = berth_map_new();
	struct api_event_actor actor = {(char *) "abcdef", attributes};
	const struct api_event event = {
		.type = (char *) "container", .action = (char *) "die", .actor = &actor, .scope = (char *) "local"};

	g_hash_table_insert(attributes, g_strdup("name"), g_strdup("box"));
	g_hash_table_insert(attributes, g_strdup("image"), g_strdup("busybox:1"));
	g_hash_table_insert(attributes, g_strdup("k"), g_strdup("v"));
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GHashTable) filters = berth_filters_parse(cases[i].filters, NULL);
		g_assert_cmpint(berth_engine__event_passes(&event, filters), ==, cases[i].passes);
	}
}

static void test_restart_policies(void)
{
	static const struct {
		const char *policy;
		int64_t most, exit_code, count;
		bool manually, wanted, at_boot; // at_boot: when it has ended
	} cases[] = {
		{"no", 0, 1, 0, false, false, false},           {"", 0, 1, 0, false, false, false},
		{"always", 0, 0, 0, false, true, true},         {"always", 0, 1, 0, true, false, true},
		{"unless-stopped", 0, 0, 0, false, true, true}, {"unless-stopped", 0, 0, 0, true, false, false},
		{"on-failure", 0, 0, 0, false, false, false},   {"on-failure", 0, 1, 100, false, true, false},
		{"on-failure", 3, 1, 2, false, true, false},    {"on-failure", 3, 1, 3, false, false, false},
		{"on-failure", 3, 1, 0, true, false, false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct api_restart_policy policy = {(char *) cases[i].policy, cases[i].most};
		struct berth_container_state state = {
			.status = (char *) BERTH_STATUS_EXITED,
			.exit_code = cases[i].exit_code,
			.restart_count = cases[i].count,
			.manually_stopped = cases[i].manually,
			.started_before = true,
		};
		g_assert_cmpint(berth_engine__restart_wanted(&policy, &state), ==, cases[i].wanted);
		g_assert_cmpint(berth_engine__restart_at_boot(&policy, &state), ==, cases[i].at_boot);
		state.status = (char *) BERTH_STATUS_RESTARTING;
		g_assert_true(berth_engine__restart_at_boot(&policy, &state));
		state.status = (char *) BERTH_STATUS_CREATED;
		state.started_before = false;
		g_assert_false(berth_engine__restart_at_boot(&policy, &state));
	}
	const struct api_restart_policy ill = {(char *) "on-unhealthy", 2};
	g_assert_true(berth_engine__restart_unhealthy(&ill, &(struct berth_container_state){.restart_count = 1}));
	g_assert_false(berth_engine__restart_unhealthy(&ill, &(struct berth_container_state){.restart_count = 2}));
	g_assert_false(
		berth_engine__restart_unhealthy(&ill, &(struct berth_container_state){.manually_stopped = true}));
	g_assert_true(berth_engine__restart_wanted(&ill, &(struct berth_container_state){.exit_code = 1}));
	g_assert_false(berth_engine__restart_wanted(&ill, &(struct berth_container_state){.exit_code = 0}));
	g_assert_false(berth_engine__restart_unhealthy(&(struct api_restart_policy){(char *) "always", 0},
						       &(struct berth_container_state){0}));
	g_assert_false(berth_engine__restart_wanted(NULL, &(struct berth_container_state){.exit_code = 1}));
}

static void test_restart_delays(void)
{
	int64_t delay = 0;

	for (int64_t wanted = 100; wanted < 60000; wanted *= 2)
		g_assert_cmpint(delay = berth_engine__restart_delay(delay, SECOND), ==, wanted);
	g_assert_cmpint(delay = berth_engine__restart_delay(delay, SECOND), ==, 60000);
	g_assert_cmpint(berth_engine__restart_delay(delay, SECOND), ==, 60000);
	g_assert_cmpint(berth_engine__restart_delay(delay, 10 * SECOND), ==, 100);
}

static void test_recovery(void)
{
	static const struct {
		const char *status;
		enum berth_recovery of[5]; // by enum berth_found
	} cases[] = {
		{BERTH_STATUS_CREATED,
		 {BERTH_RECOVERY_NONE, BERTH_RECOVERY_EXITED, BERTH_RECOVERY_UNDO, BERTH_RECOVERY_RUNS,
		  BERTH_RECOVERY_RUNS}},
		{BERTH_STATUS_EXITED,
		 {BERTH_RECOVERY_NONE, BERTH_RECOVERY_EXITED, BERTH_RECOVERY_UNDO, BERTH_RECOVERY_RUNS,
		  BERTH_RECOVERY_RUNS}},
		{BERTH_STATUS_RESTARTING,
		 {BERTH_RECOVERY_NONE, BERTH_RECOVERY_EXITED, BERTH_RECOVERY_UNDO, BERTH_RECOVERY_RUNS,
		  BERTH_RECOVERY_RUNS}},
		{BERTH_STATUS_RUNNING,
		 {BERTH_RECOVERY_EXITED, BERTH_RECOVERY_EXITED, BERTH_RECOVERY_UNDO, BERTH_RECOVERY_ADOPT,
		  BERTH_RECOVERY_RUNS}},
		{BERTH_STATUS_PAUSED,
		 {BERTH_RECOVERY_EXITED, BERTH_RECOVERY_EXITED, BERTH_RECOVERY_UNDO, BERTH_RECOVERY_RUNS,
		  BERTH_RECOVERY_ADOPT}},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		for (int found = 0; found < 5; found++)
			g_assert_cmpint(berth_engine__recovery_of(cases[i].status, (enum berth_found) found), ==,
					cases[i].of[found]);
}

static void test_start_exit_codes(void)
{
	static const struct {
		enum berth_error kind;
		const char *message;
		int code;
	} cases[] = {
		{BERTH_ERROR_NOT_FOUND, "exec: \"x\": executable file not found in $PATH", 127},
		{BERTH_ERROR_NOT_FOUND, "exec: \"/x\": stat /x: no such file or directory", 127},
		{BERTH_ERROR_FORBIDDEN, "exec: \"/etc\": permission denied", 126},
		{BERTH_ERROR_INTERNAL, "mount proc: Invalid argument", 128},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = g_error_new_literal(BERTH_ERROR, (int) cases[i].kind, cases[i].message);
		g_assert_cmpint(berth_engine__start_exit_code(error), ==, cases[i].code);
	}
}

// The table

static struct berth_engine_container *add(struct berth_engine *engine, const char *id, const char *name)
{
	struct berth_container_record *record = berth_document_new(&berth_container_record_document);

	record->id = g_strdup(id);
	record->name = g_strdup(name);
	record->state = berth_document_new(&berth_container_state_document);
	g_autoptr(berth_engine_container) container = berth_engine__container_new(record);
	container->ready = true;
	return berth_engine__table_add(engine, container) ? container : NULL;
}

static void check_find(struct berth_engine *engine, const char *text, const struct berth_engine_container *wanted,
		       enum berth_error kind)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_engine_container) found = berth_engine__find(engine, text, &error);

	g_assert_true(found == wanted);
	if (!wanted)
		g_assert_error(error, BERTH_ERROR, (int) kind);
}

static void test_table(void)
{
	struct berth_engine engine = {0};

	pthread_mutex_init(&engine.lock, NULL);
	engine.execs = berth_exec_table_new();
	engine.by_id =
		g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify) berth_engine__container_unref);
	engine.by_name = g_hash_table_new(g_str_hash, g_str_equal);
	struct berth_engine_container *one = add(&engine, "aaa111", "one"), *two = add(&engine, "aaa222", "two");
	struct berth_engine_container *odd = add(&engine, "bbb333", "aaa1"); // a name like the beginning of an id
	g_assert_null(add(&engine, "ccc444", "one"));
	check_find(&engine, "aaa111", one, 0);
	check_find(&engine, "one", one, 0);
	check_find(&engine, "/two", two, 0);
	check_find(&engine, "aaa2", two, 0);
	check_find(&engine, "aaa1", odd, 0);
	check_find(&engine, "b", odd, 0);
	check_find(&engine, "aaa", NULL, BERTH_ERROR_INVALID);
	check_find(&engine, "ccc", NULL, BERTH_ERROR_NOT_FOUND);
	check_find(&engine, "", NULL, BERTH_ERROR_NOT_FOUND);
	two->ready = false; // it is still being made: its name is taken, and nobody finds it
	check_find(&engine, "two", NULL, BERTH_ERROR_NOT_FOUND);
	check_find(&engine, "aaa2", NULL, BERTH_ERROR_NOT_FOUND);
	g_assert_null(add(&engine, "ddd555", "two"));
	berth_engine__table_remove(&engine, one);
	check_find(&engine, "one", NULL, BERTH_ERROR_NOT_FOUND);
	g_hash_table_unref(engine.by_name);
	g_hash_table_unref(engine.by_id);
	berth_exec_table_free(engine.execs);
	pthread_mutex_destroy(&engine.lock);
}

// Workers

struct task {
	pthread_mutex_t *lock;
	GString *order;
	char name;
};

static void work(void *data, bool canceled)
{
	struct task *task = data;

	pthread_mutex_lock(task->lock);
	g_string_append_c(task->order, canceled ? '-' : task->name);
	pthread_mutex_unlock(task->lock);
	g_free(task);
}

static void add_work(struct berth_workers *workers, pthread_mutex_t *lock, GString *order, char name, int64_t delay)
{
	struct task *task = g_new0(struct task, 1);

	*task = (struct task){lock, order, name};
	berth_workers_add(workers, work, task, delay);
}

static gsize length_of(const GString *order, pthread_mutex_t *lock)
{
	pthread_mutex_lock(lock);
	gsize length = order->len;
	pthread_mutex_unlock(lock);
	return length;
}

static void test_workers(void)
{
	g_autoptr(GString) order = g_string_new(NULL);
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct berth_workers *workers = berth_workers_new(1);

	add_work(workers, &lock, order, 'l', 300);
	add_work(workers, &lock, order, 'm', 150);
	add_work(workers, &lock, order, 'n', 0);
	add_work(workers, &lock, order, 'x', 3600000);
	for (int i = 0; i < 10000 && length_of(order, &lock) < 3; i++)
		g_usleep(1000);
	berth_workers_free(workers); // cancels what is far
	g_assert_cmpstr(order->str, ==, "nml-");

	workers = berth_workers_new(4);
	for (int i = 0; i < 200; i++)
		add_work(workers, &lock, order, '.', i % 3);
	g_usleep(20000);
	berth_workers_free(workers);
	g_assert_cmpuint(order->len, ==, 204);
}

static void linger(void *data, G_GNUC_UNUSED bool canceled)
{
	g_usleep(30000);
	g_atomic_int_inc((int *) data);
}

// However many threads have nothing to do, what comes later is done when it is due.
static void test_idle_workers(void)
{
	g_autoptr(GString) order = g_string_new(NULL);
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct berth_workers *workers = berth_workers_new(4);
	int lingered = 0;

	for (int i = 0; i < 4; i++)
		berth_workers_add(workers, linger, &lingered, 0);
	while (g_atomic_int_get(&lingered) < 4)
		g_usleep(1000);
	g_usleep(20000); // all of them wait now
	add_work(workers, &lock, order, 'a', 100);
	for (int i = 0; i < 80 && length_of(order, &lock) == 0; i++) // in this time threads without work do not end
		g_usleep(10000);
	g_assert_cmpstr(order->str, ==, "a");
	berth_workers_free(workers);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/life/durations", test_durations);
	g_test_add_func("/life/status-texts", test_status_texts);
	g_test_add_func("/life/status-until", test_status_until);
	g_test_add_func("/life/command-text", test_command_text);
	g_test_add_func("/life/filters", test_filters);
	g_test_add_func("/life/labels", test_labels);
	g_test_add_func("/life/event-filters", test_event_filters);
	g_test_add_func("/life/restart-policies", test_restart_policies);
	g_test_add_func("/life/restart-delays", test_restart_delays);
	g_test_add_func("/life/recovery", test_recovery);
	g_test_add_func("/life/start-exit-codes", test_start_exit_codes);
	g_test_add_func("/life/table", test_table);
	g_test_add_func("/life/workers", test_workers);
	g_test_add_func("/life/idle-workers", test_idle_workers);
	return g_test_run();
}
