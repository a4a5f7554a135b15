// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

#include "base/json.h"
#include "base/limits.h"
#include "store/tests/scene.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>

struct scene {
	char *root;
	struct berth_database *database;
	struct berth_transaction *transaction;
	GError *error;
};

static void open_database(struct scene *scene)
{
	scene->database = berth_database_open(scene->root, &scene->error);
	g_assert_no_error(scene->error);
}

static void start(struct scene *scene)
{
	scene->transaction = berth_transaction_begin(scene->database, &scene->error);
	g_assert_no_error(scene->error);
}

static void commit(struct scene *scene)
{
	g_assert_true(berth_transaction_commit(scene->transaction, &scene->error));
	berth_transaction_free(g_steal_pointer(&scene->transaction));
}

static void begin(struct scene *scene)
{
	*scene = (struct scene){.root = scene_new()};
	open_database(scene);
	start(scene);
}

static void finish(struct scene *scene)
{
	g_assert_no_error(scene->error);
	berth_transaction_free(scene->transaction);
	berth_database_free(scene->database);
	scene_free(scene->root);
}

static bool try_put(struct scene *scene, const char *kind, const char *id, const char *name, int value)
{
	BERTH_AUTO_JSON json_t *document = json_pack("{s:i}", "value", value);
	return berth_record_put(scene->transaction, kind, id, name, document, NULL, 0, &scene->error);
}

static void put(struct scene *scene, const char *kind, const char *id, const char *name, int value)
{
	g_assert_true(try_put(scene, kind, id, name, value));
}

static int get(struct scene *scene, const char *kind, const char *id)
{
	BERTH_AUTO_JSON json_t *document = berth_record_get(scene->transaction, kind, id, &scene->error);
	g_assert_no_error(scene->error);
	return (int) json_integer_value(json_object_get(document, "value"));
}

static void assert_texts(char **texts, const char *expected)
{
	g_assert_nonnull(texts);
	g_autofree char *joined = g_strjoinv(", ", texts);
	g_assert_cmpstr(joined, ==, expected);
	g_strfreev(texts);
}

static void test_records(void)
{
	struct scene scene;
	begin(&scene);
	put(&scene, "container", "a", "one", 1);
	put(&scene, "container", "a", "one", 2); // in its place, keeping its name
	put(&scene, "image", "a", "one", 3); // another kind
	put(&scene, "container", "b", NULL, 4);
	put(&scene, "container", "c", NULL, 5);
	commit(&scene);
	berth_database_free(scene.database);
	open_database(&scene);
	start(&scene);
	g_assert_cmpint(get(&scene, "container", "a"), ==, 2);
	g_assert_cmpint(get(&scene, "image", "a"), ==, 3);
	g_assert_cmpint(get(&scene, "container", "c"), ==, 5);
	g_assert_null(berth_record_get(scene.transaction, "container", "x", &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_NOT_FOUND, "no such container: x");
	g_assert_true(berth_record_remove(scene.transaction, "container", "a", &scene.error));
	g_assert_true(berth_record_remove(scene.transaction, "container", "a", &scene.error));
	g_assert_null(berth_record_get(scene.transaction, "container", "a", &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_NOT_FOUND, "no such container: a");
	g_assert_cmpint(get(&scene, "image", "a"), ==, 3);
	finish(&scene); // not committed
}

struct thing {
	char *text;
};
static const struct berth_field thing_fields[] = {BERTH_STRING(struct thing, text, "text", BERTH_REQUIRED), {0}};
static const struct berth_document thing_document = {"thing", sizeof(struct thing), thing_fields};

static void test_document(void)
{
	struct scene scene;
	begin(&scene);
	struct thing thing = {(char *) "schön"};
	g_assert_true(berth_record_put_document(scene.transaction, "thing", "1", NULL, &thing_document, &thing, NULL, 0,
						&scene.error));
	BERTH_AUTO_JSON json_t *json = berth_record_get(scene.transaction, "thing", "1", &scene.error);
	g_assert_cmpstr(json_string_value(json_object_get(json, "text")), ==, "schön");
	finish(&scene);
}

static void test_names(void)
{
	struct scene scene;
	begin(&scene);
	put(&scene, "container", "a", "web", 1);
	put(&scene, "container", "b", "db", 2);
	g_assert_false(try_put(&scene, "container", "b", "web", 3));
	scene_assert_error(&scene.error, BERTH_ERROR_CONFLICT, "the container name \"web\" is in use by a");
	// Nothing of it was done, and the transaction goes on.
	g_assert_cmpint(get(&scene, "container", "b"), ==, 2);
	put(&scene, "container", "a", "front", 1);
	put(&scene, "container", "b", "web", 3);
	commit(&scene);
	start(&scene);
	g_autofree char *id = berth_record_id_of_name(scene.transaction, "container", "web", &scene.error);
	g_assert_cmpstr(id, ==, "b");
	g_assert_null(berth_record_id_of_name(scene.transaction, "container", "db", &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_NOT_FOUND, "no such container: db");
	g_assert_null(berth_record_id_of_name(scene.transaction, "image", "web", &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_NOT_FOUND, "no such image: web");
	finish(&scene);
}

static void test_prefix(void)
{
	struct scene scene;
	const char *ids[] = {"12", "12ab", "12ff", "13", "sha256:12", "1%", "12\xc3\xbf"};
	begin(&scene);
	for (size_t i = 0; i < G_N_ELEMENTS(ids); i++)
		put(&scene, "container", ids[i], NULL, 0);
	put(&scene, "image", "12cc", NULL, 0);
	struct berth_transaction *t = scene.transaction;
	assert_texts(berth_record_ids_by_prefix(t, "container", "12", 10, NULL), "12, 12ab, 12ff, 12\xc3\xbf");
	assert_texts(berth_record_ids_by_prefix(t, "container", "12", 2, NULL), "12, 12ab");
	assert_texts(berth_record_ids_by_prefix(t, "container", "1%", 10, NULL), "1%"); // no wildcard
	assert_texts(berth_record_ids_by_prefix(t, "container", "sha256:", 10, NULL), "sha256:12");
	assert_texts(berth_record_ids_by_prefix(t, "container", "2", 10, NULL), "");
	assert_texts(berth_record_ids_by_prefix(t, "container", "", 1, NULL), "1%");
	finish(&scene);
}

static bool note(void *data, const char *id, const char *name, const json_t *document)
{
	g_string_append_printf(data, "%s/%s/%d ", id, name ? name : "-",
			       (int) json_integer_value(json_object_get(document, "value")));
	return !g_str_equal(id, "b");
}

static void test_each(void)
{
	struct scene scene;
	g_autoptr(GString) text = g_string_new(NULL);
	begin(&scene);
	put(&scene, "container", "c", NULL, 3);
	put(&scene, "container", "b", "two", 2);
	put(&scene, "container", "a", NULL, 1);
	g_assert_true(berth_record_each(scene.transaction, "container", note, text, &scene.error));
	g_assert_cmpstr(text->str, ==, "a/-/1 b/two/2 "); // ended by the callback
	g_string_truncate(text, 0);
	g_assert_true(berth_record_each(scene.transaction, "volume", note, text, &scene.error));
	g_assert_cmpstr(text->str, ==, "");
	finish(&scene);
}

static void test_references(void)
{
	struct scene scene;
	BERTH_AUTO_JSON json_t *nothing = json_object();
	struct berth_reference to[] = {{"blob", "x"}, {"snapshot", "y"}, {"blob", "x"}}; // one twice
	begin(&scene);
	struct berth_transaction *t = scene.transaction;
	g_assert_true(berth_record_put(t, "image", "1", NULL, nothing, to, 3, NULL));
	g_assert_true(berth_record_put(t, "container", "2", NULL, nothing, to, 1, NULL));
	assert_texts(berth_record_users(t, "blob", "x", NULL), "container 2, image 1");
	assert_texts(berth_record_users(t, "snapshot", "y", NULL), "image 1");
	assert_texts(berth_record_users(t, "snapshot", "x", NULL), "");
	g_assert_true(berth_record_put(t, "image", "1", NULL, nothing, to + 1, 1, NULL)); // replaced
	assert_texts(berth_record_users(t, "blob", "x", NULL), "container 2");
	g_assert_true(berth_record_remove(t, "container", "2", NULL)); // gone with the record
	assert_texts(berth_record_users(t, "blob", "x", NULL), "");
	assert_texts(berth_record_users(t, "snapshot", "y", NULL), "image 1");
	finish(&scene);
}

static const char *text_of(const json_t *event)
{
	return json_string_value(json_object_get(event, "text"));
}

static bool note_event(void *data, int64_t id, const json_t *event)
{
	g_string_append_printf(data, "%d:%s ", (int) id, text_of(event));
	return !g_str_equal(text_of(event), "stop");
}

static void put_event(struct scene *scene, int64_t time, const char *text)
{
	BERTH_AUTO_JSON json_t *event = json_pack("{s:s}", "text", text);
	g_assert_true(berth_event_put(scene->transaction, time, event, &scene->error));
}

static void assert_events(struct scene *scene, int64_t after, int64_t since, const char *expected)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_assert_true(berth_event_each(scene->transaction, after, since, note_event, text, &scene->error));
	g_assert_cmpstr(text->str, ==, expected);
}

static void test_events(void)
{
	struct scene scene;
	begin(&scene);
	put_event(&scene, 10, "a");
	put_event(&scene, 30, "b");
	put_event(&scene, 20, "c"); // clocks may go back
	commit(&scene);
	start(&scene);
	put_event(&scene, 40, "rolled back");
	berth_transaction_free(scene.transaction);
	start(&scene);
	put_event(&scene, 40, "d");
	assert_events(&scene, 0, 0, "1:a 2:b 3:c 4:d ");
	assert_events(&scene, 2, 0, "3:c 4:d ");
	assert_events(&scene, 0, 30, "2:b 4:d ");
	assert_events(&scene, 4, 0, "");
	put_event(&scene, -5, "stop");
	put_event(&scene, 50, "e");
	assert_events(&scene, 0, 0, "1:a 2:b 3:c 4:d 5:stop ");
	finish(&scene);
}

static bool count_event(void *data, int64_t id, const json_t *event)
{
	int64_t *seen = data; // count, first id, last id
	(void) event;
	if (seen[0]++ == 0)
		seen[1] = id;
	seen[2] = id;
	return true;
}

static void test_events_trimmed(void)
{
	struct scene scene;
	int64_t seen[3] = {0};
	begin(&scene);
	for (int i = 0; i < BERTH_LIMIT_EVENTS + 25; i++)
		put_event(&scene, i, "x");
	g_assert_true(berth_event_each(scene.transaction, 0, 0, count_event, seen, &scene.error));
	g_assert_cmpint(seen[0], ==, BERTH_LIMIT_EVENTS);
	g_assert_cmpint(seen[1], ==, 26);
	g_assert_cmpint(seen[2], ==, BERTH_LIMIT_EVENTS + 25);
	finish(&scene);
}

static void test_events_bound(void)
{
	const int64_t hour = 3600 * INT64_C(1000000000);
	struct scene scene;
	int64_t seen[3] = {0};
	begin(&scene);
	berth_events_bound(scene.database, 10, 2 * hour);
	for (int i = 0; i < 25; i++)
		put_event(&scene, i + 1, "x");
	g_assert_true(berth_event_each(scene.transaction, 0, 0, count_event, seen, &scene.error));
	g_assert_cmpint(seen[0], ==, 10);
	put_event(&scene, hour, "x"); // nothing is old yet
	put_event(&scene, 3 * hour, "x");
	memset(seen, 0, sizeof seen);
	g_assert_true(berth_event_each(scene.transaction, 0, 0, count_event, seen, &scene.error));
	g_assert_cmpint(seen[0], ==, 2);
	finish(&scene);
}

static void test_transactions(void)
{
	struct scene scene;
	begin(&scene);
	g_assert_null(berth_transaction_begin(scene.database, &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_INTERNAL, "a second transaction within one");
	put(&scene, "container", "a", NULL, 1);
	berth_transaction_free(scene.transaction);
	start(&scene);
	g_assert_null(berth_record_get(scene.transaction, "container", "a", &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_NOT_FOUND, "a");
	g_assert_true(berth_transaction_commit(scene.transaction, &scene.error));
	g_assert_false(try_put(&scene, "container", "a", NULL, 1));
	scene_assert_error(&scene.error, BERTH_ERROR_INTERNAL, "the transaction has ended");
	g_assert_false(berth_transaction_commit(scene.transaction, &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_INTERNAL, "the transaction has ended");
	berth_transaction_free(scene.transaction);
	berth_transaction_free(NULL);
	start(&scene);
	// What fails half-way cannot be committed: an id of NULL gets as far as the table.
	put(&scene, "container", "b", NULL, 1);
	g_assert_false(try_put(&scene, "container", NULL, NULL, 1));
	scene_assert_error(&scene.error, BERTH_ERROR_INTERNAL, "NOT NULL constraint failed");
	g_assert_false(try_put(&scene, "container", "c", NULL, 1));
	scene_assert_error(&scene.error, BERTH_ERROR_INTERNAL, "failed before");
	g_assert_false(berth_transaction_commit(scene.transaction, &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_INTERNAL, "failed before");
	berth_transaction_free(scene.transaction);
	start(&scene);
	g_assert_null(berth_record_get(scene.transaction, "container", "b", &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_NOT_FOUND, "b");
	finish(&scene);
}

// Runs SQL on the file, as somebody else would.
static void meddle(struct scene *scene, const char *sql)
{
	g_autofree char *path = g_build_filename(scene->root, "berth.db", NULL);
	sqlite3 *connection = NULL;
	g_assert_cmpint(sqlite3_open(path, &connection), ==, SQLITE_OK);
	g_assert_cmpint(sqlite3_exec(connection, sql, NULL, NULL, NULL), ==, SQLITE_OK);
	sqlite3_close(connection);
}

static void test_schema(void)
{
	struct scene scene;
	struct stat status;
	begin(&scene);
	put(&scene, "container", "a", NULL, 7);
	commit(&scene);
	berth_database_free(scene.database);
	g_autofree char *path = g_build_filename(scene.root, "berth.db", NULL);
	g_assert_cmpint(stat(path, &status), ==, 0);
	g_assert_cmpint(status.st_mode & 0777, ==, 0600);

	meddle(&scene, "PRAGMA user_version = 99");
	g_assert_null(berth_database_open(scene.root, &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_NOT_IMPLEMENTED, "newer version of Berth (schema version 99, ");
	meddle(&scene, "PRAGMA user_version = 1"); // and nothing was done to it
	open_database(&scene);
	start(&scene);
	g_assert_cmpint(get(&scene, "container", "a"), ==, 7);
	berth_transaction_free(g_steal_pointer(&scene.transaction));

	berth_database_free(g_steal_pointer(&scene.database));
	g_assert_true(g_file_set_contents(path, "this is no database, is it?", -1, NULL));
	g_assert_null(berth_database_open(scene.root, &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_INTERNAL, "file is not a database");
	g_assert_null(berth_database_open("/nowhere/at/all", &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_NOT_FOUND, "make /nowhere/at/all/berth.db: No such file");
	finish(&scene);
}

static void test_damaged_record(void)
{
	struct scene scene;
	begin(&scene);
	put(&scene, "container", "a", NULL, 1);
	commit(&scene);
	meddle(&scene, "UPDATE record SET document = '{' WHERE id = 'a'");
	start(&scene);
	g_assert_null(berth_record_get(scene.transaction, "container", "a", &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_INVALID, "the record of container a");
	finish(&scene);
}

static void test_killed(void)
{
	struct scene scene = {.root = scene_new()};
	int status;
	pid_t child = fork();
	if (child == 0) {
		open_database(&scene);
		start(&scene);
		put(&scene, "container", "a", NULL, 1);
		commit(&scene);
		start(&scene);
		put(&scene, "container", "b", NULL, 2);
		kill(getpid(), SIGKILL);
	}
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_true(WIFSIGNALED(status));
	open_database(&scene);
	start(&scene);
	g_assert_cmpint(get(&scene, "container", "a"), ==, 1);
	g_assert_null(berth_record_get(scene.transaction, "container", "b", &scene.error));
	scene_assert_error(&scene.error, BERTH_ERROR_NOT_FOUND, "b");
	finish(&scene);
}

static void test_full_disk(void)
{
	struct scene scene = {.root = scene_new()};
	if (scene_small_disk(scene.root)) {
		g_autofree char *much = g_strnfill(2 << 20, 'x');
		BERTH_AUTO_JSON json_t *document = json_pack("{s:s}", "text", much);
		open_database(&scene);
		start(&scene);
		put(&scene, "container", "a", NULL, 1);
		commit(&scene);
		start(&scene);
		put(&scene, "container", "b", NULL, 1);
		bool written =
			berth_record_put(scene.transaction, "container", "c", NULL, document, NULL, 0, &scene.error) &&
			berth_transaction_commit(scene.transaction, &scene.error);
		g_assert_false(written);
		scene_assert_error(&scene.error, BERTH_ERROR_RESOURCE_EXHAUSTED,
				   "berth.db: commit a transaction: database or disk is full; free some space");
		berth_transaction_free(scene.transaction);
		start(&scene); // what was there is there, and small things still work
		g_assert_cmpint(get(&scene, "container", "a"), ==, 1);
		g_assert_null(berth_record_get(scene.transaction, "container", "b", NULL));
		put(&scene, "container", "b", NULL, 2);
		commit(&scene);
		berth_database_free(g_steal_pointer(&scene.database));
		umount2(scene.root, MNT_DETACH);
	}
	finish(&scene);
}

// What frees the disk is written down, too.
static void test_full_disk_removal(void)
{
	struct scene scene = {.root = scene_new()};
	if (scene_small_disk(scene.root)) {
		open_database(&scene);
		start(&scene);
		put(&scene, "container", "a", NULL, 1);
		commit(&scene);
		g_autofree char *path = g_build_filename(scene.root, "filler", NULL);
		g_autofree char *much = g_strnfill(1 << 20, 'x');
		berth_fd filler = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		ssize_t written;
		do
			written = write(filler, much, 1 << 20);
		while (written > 0);
		g_assert_cmpint(errno, ==, ENOSPC);
		for (int i = 0; i < 3; i++) {
			start(&scene);
			put(&scene, "container", "b", NULL, i);
			commit(&scene);
			start(&scene);
			g_assert_true(berth_record_remove(scene.transaction, "container", "b", &scene.error));
			commit(&scene);
		}
		berth_database_free(g_steal_pointer(&scene.database));
		umount2(scene.root, MNT_DETACH);
	}
	finish(&scene);
}

static json_int_t value_of(const json_t *document)
{
	return json_integer_value(json_object_get(document, "value"));
}

static void *count_up(void *data)
{
	for (int i = 0; i < 100; i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(berth_transaction) transaction = berth_transaction_begin(data, &error);
		g_assert_no_error(error);
		BERTH_AUTO_JSON json_t *old = berth_record_get(transaction, "counter", "x", NULL);
		BERTH_AUTO_JSON json_t *new = json_pack("{s:I}", "value", value_of(old) + 1);
		g_assert_true(berth_record_put(transaction, "counter", "x", NULL, new, NULL, 0, &error));
		if (i % 10 == 9) // rolled back: does not count
			continue;
		g_assert_true(berth_transaction_commit(transaction, &error));
	}
	return NULL;
}

static void test_threads(void)
{
	struct scene scene;
	pthread_t threads[4];
	begin(&scene);
	commit(&scene);
	for (int i = 0; i < 4; i++)
		g_assert_cmpint(pthread_create(&threads[i], NULL, count_up, scene.database), ==, 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	start(&scene);
	BERTH_AUTO_JSON json_t *counter = berth_record_get(scene.transaction, "counter", "x", &scene.error);
	g_assert_cmpint(value_of(counter), ==, 360);
	finish(&scene);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	scene_own_mounts();
	g_test_add_func("/store/database/records", test_records);
	g_test_add_func("/store/database/document", test_document);
	g_test_add_func("/store/database/names", test_names);
	g_test_add_func("/store/database/prefix", test_prefix);
	g_test_add_func("/store/database/each", test_each);
	g_test_add_func("/store/database/references", test_references);
	g_test_add_func("/store/database/events", test_events);
	g_test_add_func("/store/database/events-trimmed", test_events_trimmed);
	g_test_add_func("/store/database/events-bound", test_events_bound);
	g_test_add_func("/store/database/transactions", test_transactions);
	g_test_add_func("/store/database/schema", test_schema);
	g_test_add_func("/store/database/damaged-record", test_damaged_record);
	g_test_add_func("/store/database/killed", test_killed);
	g_test_add_func("/store/database/full-disk", test_full_disk);
	g_test_add_func("/store/database/full-disk-removal", test_full_disk_removal);
	g_test_add_func("/store/database/threads", test_threads);
	return g_test_run();
}
