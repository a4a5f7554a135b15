// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "monitor/log-record.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct fixture {
	char *folder, *path;
	enum berth_log_format format;
};

static void set_up(struct fixture *fixture, const void *data)
{
	(void) data;
	fixture->folder = g_dir_make_tmp("berth-log-XXXXXX", NULL);
	fixture->path = g_build_filename(fixture->folder, "log.json", NULL);
}

static void tear_down(struct fixture *fixture, const void *data)
{
	(void) data;
	g_autoptr(GError) error = NULL;
	berth_log_remove(fixture->path, &error);
	g_assert_no_error(error);
	g_assert_cmpint(rmdir(fixture->folder), ==, 0); // nothing but the log's files was there
	g_free(fixture->folder);
	g_free(fixture->path);
}

static struct berth_log_writer *open_writer(struct fixture *fixture, int64_t max_size, int64_t max_file, bool compress)
{
	g_autoptr(GError) error = NULL;
	const struct berth_log_file_options options = {
		.format = fixture->format, .max_size = max_size, .max_file = max_file, .compress = compress};
	struct berth_log_writer *writer = berth_log_writer_open(fixture->path, &options, &error);
	g_assert_no_error(error);
	return writer;
}

// With everything compressed that will be.
static void close_writer(struct berth_log_writer *writer)
{
	berth_log_writer_settle(writer);
	berth_log_writer_free(writer);
}

static void add(struct berth_log_writer *writer, int stream, const char *text, int64_t time)
{
	g_autoptr(GError) error = NULL;
	berth_log_writer_add(writer, stream, text, strlen(text), time, &error);
	g_assert_no_error(error);
}

// All text that a query gives, records separated by "|" after each.
static char *read_all(struct fixture *fixture, struct berth_log_query query)
{
	g_autoptr(GError) error = NULL;
	query.format = fixture->format;
	struct berth_log_reader *reader = berth_log_reader_open(fixture->path, &query, &error);
	struct berth_log_record record;
	GString *text = g_string_new(NULL);
	int result;

	g_assert_no_error(error);
	while ((result = berth_log_reader_next(reader, &record, &error)) > 0) {
		g_string_append_len(text, record.text, (gssize) record.length);
		g_string_append_c(text, '|');
	}
	g_assert_no_error(error);
	g_assert_cmpint(result, ==, 0);
	berth_log_reader_free(reader);
	return g_string_free(text, FALSE);
}

#define ALL .out = true, .err = true, .tail = -1
#define ASSERT_LOG(fixture, expected, ...)                                                                             \
	do {                                                                                                           \
		g_autofree char *text_ = read_all((fixture), (struct berth_log_query){__VA_ARGS__});                   \
		g_assert_cmpstr(text_, ==, (expected));                                                                \
	} while (0)

static void test_format(struct fixture *fixture, const void *data)
{
	(void) data;
	struct berth_log_writer *writer = open_writer(fixture, -1, 1, false);
	add(writer, 1, "a \"b\" \\ \t\x01<\xff\xc3\xa9>\r\n", 1700000000123000000);
	add(writer, 2, "err\nhalf", 1700000000000000000);
	close_writer(writer);

	g_autofree char *text = NULL;
	g_assert_true(g_file_get_contents(fixture->path, &text, NULL, NULL));
	const char *expected = "{\"log\":\"a \\\"b\\\" \\\\ \\t\\u0001<\\ufffd\xc3\xa9>\\r\\n\",\"stream\":\"stdout\","
			       "\"time\":\"2023-11-14T22:13:20.123Z\"}\n"
			       "{\"log\":\"err\\n\",\"stream\":\"stderr\",\"time\":\"2023-11-14T22:13:20Z\"}\n"
			       "{\"log\":\"half\",\"stream\":\"stderr\",\"time\":\"";
	g_assert_true(g_str_has_prefix(text, expected));
	ASSERT_LOG(fixture, "a \"b\" \\ \t\x01<\xef\xbf\xbd\xc3\xa9>\r\n|err\n|half|", ALL);
}

static void test_lines_join_and_split(struct fixture *fixture, const void *data)
{
	(void) data;
	struct berth_log_writer *writer = open_writer(fixture, -1, 1, false);
	g_autofree char *lines = g_strnfill(2 * BERTH_LIMIT_LOG_LINE + 10, 'x');
	add(writer, 1, "one ", 1);
	add(writer, 2, "other\n", 1);
	add(writer, 1, "two\nthree", 1);
	add(writer, 1, "\n", 1);
	add(writer, 1, lines, 1);
	add(writer, 1, "\n", 1);
	memcpy(lines + BERTH_LIMIT_LOG_LINE - 1, "\xc3\xa9", 2); // would be cut between its bytes
	lines[BERTH_LIMIT_LOG_LINE + 5] = '\n';
	lines[BERTH_LIMIT_LOG_LINE + 6] = 0;
	add(writer, 1, lines, 1);
	close_writer(writer);

	g_autofree char *text = read_all(fixture, (struct berth_log_query){ALL});
	g_auto(GStrv) got = g_strsplit(text, "|", -1);
	g_assert_cmpuint(g_strv_length(got), ==, 9);
	g_assert_cmpstr(got[0], ==, "other\n");
	g_assert_cmpstr(got[1], ==, "one two\n");
	g_assert_cmpstr(got[2], ==, "three\n");
	g_assert_cmpuint(strlen(got[3]), ==, BERTH_LIMIT_LOG_LINE);
	g_assert_cmpuint(strlen(got[4]), ==, BERTH_LIMIT_LOG_LINE);
	g_assert_cmpstr(got[5], ==, "xxxxxxxxxx\n");
	g_assert_cmpuint(strlen(got[6]), ==, BERTH_LIMIT_LOG_LINE - 1);
	g_assert_cmpstr(got[7], ==, "\xc3\xa9xxxx\n");
}

static void test_queries(struct fixture *fixture, const void *data)
{
	// Plain, rotated and compressed: the same answers.
	static const struct {
		int64_t max_size;
		bool compress;
		enum berth_log_format format;
	} kinds[] = {{-1, false},
		     {120, false},
		     {120, true},
		     {-1, false, BERTH_LOG_LOCAL},
		     {70, false, BERTH_LOG_LOCAL},
		     {70, true, BERTH_LOG_LOCAL}};
	(void) data;
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		fixture->format = kinds[i].format;
		struct berth_log_writer *writer = open_writer(fixture, kinds[i].max_size, 20, kinds[i].compress);
		for (int n = 1; n <= 9; n++) {
			g_autofree char *line = g_strdup_printf("%d\n", n);
			add(writer, n % 3 == 0 ? 2 : 1, line, n * 1000);
		}
		close_writer(writer);
		ASSERT_LOG(fixture, "1\n|2\n|3\n|4\n|5\n|6\n|7\n|8\n|9\n|", ALL);
		ASSERT_LOG(fixture, "3\n|6\n|9\n|", .err = true, .tail = -1);
		ASSERT_LOG(fixture, "6\n|7\n|8\n|9\n|", .out = true, .err = true, .tail = 4);
		ASSERT_LOG(fixture, "9\n|", .out = true, .err = true, .tail = 1);
		ASSERT_LOG(fixture, "", .out = true, .err = true, .tail = 0);
		ASSERT_LOG(fixture, "1\n|2\n|3\n|4\n|5\n|6\n|7\n|8\n|9\n|", .out = true, .err = true, .tail = 99);
		ASSERT_LOG(fixture, "4\n|5\n|6\n|", ALL, .since = 4000, .until = 6000);
		g_assert_true(berth_log_remove(fixture->path, NULL));
	}
	ASSERT_LOG(fixture, "", ALL); // no log: nothing to read
}

static void test_rotation(struct fixture *fixture, const void *data)
{
	(void) data;
	struct berth_log_writer *writer = open_writer(fixture, 1000, 3, true);
	for (int n = 0; n < 100; n++) {
		add(writer, 1, "a line of thirty-one characters\n", 1);
		berth_log_writer_settle(writer); // nobody looks at the files when the next line rotates them
	}
	close_writer(writer);

	static const struct {
		const char *suffix;
		bool exists;
	} files[] = {{"", true},    {".1", false},    {".1.gz", true}, {".2", false},     {".2.gz", true},
		     {".3", false}, {".3.gz", false}, {".new", false}, {".gz.new", false}};
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *name = g_strconcat(fixture->path, files[i].suffix, NULL);
		g_assert_cmpint(g_file_test(name, G_FILE_TEST_EXISTS), ==, files[i].exists);
	}
	struct stat status;
	g_assert_cmpint(stat(fixture->path, &status), ==, 0);
	g_assert_cmpint(status.st_size, <=, 1000);
	// Fewer files are kept from now on: those beyond are gone, and zcat agrees with the reader.
	writer = open_writer(fixture, 1000, 2, true);
	close_writer(writer);
	g_autofree char *second = g_strconcat(fixture->path, ".2.gz", NULL);
	g_assert_false(g_file_test(second, G_FILE_TEST_EXISTS));
	g_autofree char *command = g_strdup_printf("zcat %s.1.gz", fixture->path), *out = NULL;
	g_assert_true(g_spawn_command_line_sync(command, &out, NULL, NULL, NULL));
	g_assert_true(g_str_has_prefix(out, "{\"log\":\"a line of thirty-one characters\\n\","));
	g_assert_true(g_str_has_suffix(out, "}\n"));
}

static void test_appends_after_half_line(struct fixture *fixture, const void *data)
{
	(void) data;
	g_assert_true(g_file_set_contents(fixture->path, "{\"log\":\"lost", -1, NULL));
	struct berth_log_writer *writer = open_writer(fixture, -1, 1, false);
	add(writer, 1, "kept\n", 1);
	close_writer(writer);
	ASSERT_LOG(fixture, "kept\n|", ALL);
}

static void test_foreign_records(void)
{
	static const struct {
		const char *line;
		const char *text; // NULL: not a record
		int stream;
	} cases[] = {
		{"{\"log\":\"x\\u00e9\\ud83d\\ude00\\u003c\",\"stream\":\"stderr\",\"attrs\":{\"a\":\"}\"},"
		 "\"time\":\"2023-11-14T22:13:20.5Z\"}",
		 "x\xc3\xa9\xf0\x9f\x98\x80<", 2},
		{"{ \"time\" : \"2023-11-14T22:13:20.5Z\", \"log\" : \"\" }", "", 1},
		{"{\"log\":\"a\\ud800b\",\"time\":\"2023-11-14T22:13:20.5Z\"}",
		 "a\xef\xbf\xbd"
		 "b",
		 1},
		{"{\"log\":\"a\",\"time\":\"yesterday\"}", NULL, 0},
		{"{\"log\":\"a\"}", NULL, 0},
		{"{\"log\":\"a\\", NULL, 0},
		{"{\"log\":\"a\\x\",\"time\":\"2023-11-14T22:13:20.5Z\"}", NULL, 0},
		{"{\"log\":\"a\",\"n\":[1,{\"b\":\"]\"}],\"time\":\"2023-11-14T22:13:20.5Z\"}", "a", 1},
		{"{\"log\":\"a\",\"time\":\"2023-11-14T22:13:20.5Z\"}x", NULL, 0},
		{"", NULL, 0},
		{"{", NULL, 0},
		{"null", NULL, 0},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *line = g_strdup(cases[i].line);
		struct berth_log_record record;
		bool ok = berth_log_record_parse(line, strlen(line), &record);
		g_assert_cmpint(ok, ==, cases[i].text != NULL);
		if (!ok)
			continue;
		g_assert_cmpmem(record.text, record.length, cases[i].text, strlen(cases[i].text));
		g_assert_cmpint(record.stream, ==, cases[i].stream);
		g_assert_cmpint(record.time, ==, 1700000000500000000);
	}
}

#define FOLLOWED 20000

struct following {
	struct fixture *fixture;
	struct berth_log_reader *reader;
	bool compress;
};

static void *write_and_rotate(void *data)
{
	struct following *following = data;
	// Files are never dropped here: the reader may be as slow as it likes.
	struct berth_log_writer *writer = open_writer(following->fixture, 40000, 10000, following->compress);
	for (int n = 0; n < FOLLOWED; n++) {
		g_autofree char *line = g_strdup_printf("%d\n", n);
		add(writer, 1, line, n + 1);
	}
	close_writer(writer);
	berth_log_reader_stop(following->reader);
	return NULL;
}

static void test_follow(struct fixture *fixture, const void *data)
{
	struct following following = {fixture, NULL, GPOINTER_TO_INT(data) & 1};
	fixture->format = GPOINTER_TO_INT(data) & 2 ? BERTH_LOG_LOCAL : BERTH_LOG_JSON;
	struct berth_log_query query = {ALL, .format = fixture->format, .follow = true};
	g_autoptr(GError) error = NULL;
	struct berth_log_record record;
	int expected = 0;

	following.reader = berth_log_reader_open(fixture->path, &query, &error);
	g_assert_no_error(error);
	GThread *thread = g_thread_new("writer", write_and_rotate, &following);
	while (berth_log_reader_next(following.reader, &record, &error) > 0) {
		g_assert_cmpint(g_ascii_strtoll(record.text, NULL, 10), ==, expected);
		expected++;
		if (expected % 1000 == 0)
			g_usleep(3000); // fall behind by several rotations
		// And whoever comes in between sees a sequence without gaps.
		if (expected % 4000 == 0) {
			struct berth_log_query once = {ALL, .format = fixture->format};
			struct berth_log_reader *other = berth_log_reader_open(fixture->path, &once, NULL);
			struct berth_log_record seen;
			int next = 0;
			for (; berth_log_reader_next(other, &seen, NULL) > 0; next++)
				g_assert_cmpint(g_ascii_strtoll(seen.text, NULL, 10), ==, next);
			g_assert_cmpint(next, >=, expected);
			berth_log_reader_free(other);
		}
	}
	g_assert_no_error(error);
	g_assert_cmpint(expected, ==, FOLLOWED);
	g_thread_join(thread);
	berth_log_reader_free(following.reader);
	g_autofree char *rotated = g_strconcat(fixture->path, following.compress ? ".5.gz" : ".5", NULL);
	g_assert_true(g_file_test(rotated, G_FILE_TEST_EXISTS));
}

static void test_follow_until(struct fixture *fixture, const void *data)
{
	(void) data;
	struct berth_log_writer *writer = open_writer(fixture, -1, 1, false);
	add(writer, 1, "now\n", g_get_real_time() * 1000);
	int64_t begin = g_get_monotonic_time();
	ASSERT_LOG(fixture, "now\n|", ALL, .follow = true, .until = (g_get_real_time() + 200000) * 1000);
	g_assert_cmpint(g_get_monotonic_time() - begin, >=, 150000);
	close_writer(writer);
}

// A follower hears now and then that it waits, and goes on where it was.
static void test_follow_patience(struct fixture *fixture, const void *data)
{
	(void) data;
	const struct berth_log_query query = {ALL, .follow = true, .patience = 20};
	struct berth_log_writer *writer = open_writer(fixture, -1, 1, false);
	struct berth_log_record record;
	g_autoptr(GError) error = NULL;
	struct berth_log_reader *reader = berth_log_reader_open(fixture->path, &query, &error);
	g_assert_no_error(error);
	for (int i = 0; i < 3; i++)
		g_assert_cmpint(berth_log_reader_next(reader, &record, &error), ==, BERTH_LOG_WAITING);
	add(writer, 1, "late\n", 1700000000123456789);
	g_assert_cmpint(berth_log_reader_next(reader, &record, &error), ==, BERTH_LOG_RECORD);
	g_assert_cmpmem(record.text, record.length, "late\n", 5);
	berth_log_reader_stop(reader);
	g_assert_cmpint(berth_log_reader_next(reader, &record, &error), ==, BERTH_LOG_END);
	berth_log_reader_free(reader);
	close_writer(writer);
}

// The local format: what a killed writer left is cut off, wherever it broke off; pieces of lines read as they were.
static void test_local_entries(struct fixture *fixture, const void *data)
{
	(void) data;
	fixture->format = BERTH_LOG_LOCAL;
	g_autofree char *lines = g_strnfill(BERTH_LIMIT_LOG_LINE + 10, 'x');
	struct berth_log_writer *writer = open_writer(fixture, -1, 1, false);
	add(writer, 1, "one\n\n", 5);
	add(writer, 2, lines, 6);
	add(writer, 2, "\n", 7);
	add(writer, 1, "half", 8);
	close_writer(writer);
	g_autofree char *text = read_all(fixture, (struct berth_log_query){ALL});
	g_auto(GStrv) got = g_strsplit(text, "|", -1);
	g_assert_cmpuint(g_strv_length(got), ==, 6);
	g_assert_cmpstr(got[0], ==, "one\n");
	g_assert_cmpstr(got[1], ==, "\n");
	g_assert_cmpuint(strlen(got[2]), ==, BERTH_LIMIT_LOG_LINE);
	g_assert_cmpstr(got[3], ==, "xxxxxxxxxx\n");
	g_assert_cmpstr(got[4], ==, "half");

	g_autofree char *whole = NULL;
	gsize length;
	g_assert_true(g_file_get_contents(fixture->path, &whole, &length, NULL));
	for (gsize cut = 1; cut < 40; cut++) {
		g_assert_true(g_file_set_contents(fixture->path, whole, (gssize) (length - cut), NULL));
		writer = open_writer(fixture, -1, 1, false);
		add(writer, 1, "kept\n", 9);
		close_writer(writer);
		ASSERT_LOG(fixture, "kept\n|", .out = true, .err = true, .tail = 1);
	}
	// In the middle of a file that is not written any more damage ends what can be read of it.
	whole[4] = 'x';
	whole[3] = 0;
	g_assert_true(g_file_set_contents(fixture->path, whole, (gssize) length, NULL));
	struct berth_log_query query = {ALL, .format = BERTH_LOG_LOCAL};
	struct berth_log_reader *reader = berth_log_reader_open(fixture->path, &query, NULL);
	struct berth_log_record record;
	g_autoptr(GError) error = NULL;
	g_assert_cmpint(berth_log_reader_next(reader, &record, &error), ==, BERTH_LOG_FAILED);
	g_assert_nonnull(strstr(error->message, "damaged"));
	berth_log_reader_free(reader);
}

// Every record of json-file has the attributes, and the reader gives them.
static void test_attributes(struct fixture *fixture, const void *data)
{
	(void) data;
	const struct berth_log_file_options options = {.max_size = -1, .attributes = "{\"a\":\"b\"}"};
	const struct berth_log_query query = {ALL};
	struct berth_log_writer *writer = berth_log_writer_open(fixture->path, &options, NULL);
	struct berth_log_record record;

	add(writer, 1, "x\n", 1700000000123000000);
	close_writer(writer);
	g_autofree char *text = NULL;
	g_assert_true(g_file_get_contents(fixture->path, &text, NULL, NULL));
	g_assert_cmpstr(text, ==,
			"{\"log\":\"x\\n\",\"stream\":\"stdout\",\"attrs\":{\"a\":\"b\"},"
			"\"time\":\"2023-11-14T22:13:20.123Z\"}\n");
	struct berth_log_reader *reader = berth_log_reader_open(fixture->path, &query, NULL);
	g_assert_cmpint(berth_log_reader_next(reader, &record, NULL), ==, BERTH_LOG_RECORD);
	g_assert_cmpmem(record.attributes, record.attributes_length, "{\"a\":\"b\"}", 9);
	berth_log_reader_free(reader);
}

// A follower that asks for it hears once that it has all; one that never waits does so each time.
static void test_caught_up(struct fixture *fixture, const void *data)
{
	(void) data;
	struct berth_log_query query = {ALL, .follow = true, .patience = 20, .tell_caught_up = true};
	struct berth_log_writer *writer = open_writer(fixture, -1, 1, false);
	struct berth_log_record record;
	struct berth_log_reader *reader = berth_log_reader_open(fixture->path, &query, NULL);
	for (int i = 0; i < 2; i++) {
		add(writer, 1, "x\n", 1);
		g_assert_cmpint(berth_log_reader_next(reader, &record, NULL), ==, BERTH_LOG_RECORD);
		g_assert_cmpint(berth_log_reader_next(reader, &record, NULL), ==, BERTH_LOG_CAUGHT_UP);
		g_assert_cmpint(berth_log_reader_next(reader, &record, NULL), ==, BERTH_LOG_WAITING);
	}
	berth_log_reader_free(reader);
	query = (struct berth_log_query){ALL, .follow = true, .patience = -1};
	reader = berth_log_reader_open(fixture->path, &query, NULL);
	for (int i = 0; i < 2; i++)
		g_assert_cmpint(berth_log_reader_next(reader, &record, NULL), ==, BERTH_LOG_RECORD);
	g_assert_cmpint(berth_log_reader_next(reader, &record, NULL), ==, BERTH_LOG_WAITING);
	berth_log_reader_free(reader);
	close_writer(writer);
}

// Not a check: how long a rotation with compression holds up the output.
static void test_speed(struct fixture *fixture, const void *data)
{
	fixture->format = GPOINTER_TO_INT(data);
	struct berth_log_writer *writer = open_writer(fixture, 10 << 20, 2, true);
	g_autoptr(GString) chunk = g_string_new(NULL);
	for (int n = 0; chunk->len < 32000; n++)
		g_string_append_printf(chunk, "line %d of some service: took %d ms for user %d\n", n, n * 7919 % 1000,
				       n * 104729 % 65536);
	int64_t begin = g_get_monotonic_time(), longest = 0, bytes = 0;
	for (; bytes < 40 << 20; bytes += (int64_t) chunk->len) {
		int64_t before = g_get_monotonic_time();
		add(writer, 1, chunk->str, 1700000000123456789 + bytes);
		longest = MAX(longest, g_get_monotonic_time() - before);
	}
	int64_t took = g_get_monotonic_time() - begin;
	g_test_message("writing: %.0f MB/s; the longest add, with rotation of 10 MB, took %.1f ms",
		       (double) bytes / (double) took, (double) longest / 1000);
	close_writer(writer);
	begin = g_get_monotonic_time();
	g_autofree char *text = read_all(fixture, (struct berth_log_query){ALL});
	g_test_message("reading: %.0f MB/s", (double) strlen(text) / (double) (g_get_monotonic_time() - begin));
	g_assert_cmpuint(strlen(text), >, 4 << 20);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, data, function) g_test_add("/log/" name, struct fixture, data, set_up, function, tear_down)
	ADD("format", NULL, test_format);
	ADD("lines", NULL, test_lines_join_and_split);
	ADD("queries", NULL, test_queries);
	ADD("rotation", NULL, test_rotation);
	ADD("half-line", NULL, test_appends_after_half_line);
	g_test_add_func("/log/foreign", test_foreign_records);
	ADD("follow", GINT_TO_POINTER(0), test_follow);
	ADD("follow-compressed", GINT_TO_POINTER(1), test_follow);
	ADD("follow-local", GINT_TO_POINTER(2), test_follow);
	ADD("follow-local-compressed", GINT_TO_POINTER(3), test_follow);
	ADD("follow-until", NULL, test_follow_until);
	ADD("follow-patience", NULL, test_follow_patience);
	ADD("local-entries", NULL, test_local_entries);
	ADD("attributes", NULL, test_attributes);
	ADD("caught-up", NULL, test_caught_up);
	ADD("speed", GINT_TO_POINTER(BERTH_LOG_JSON), test_speed);
	ADD("speed-local", GINT_TO_POINTER(BERTH_LOG_LOCAL), test_speed);
	return g_test_run();
}
