// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/fd.h"
#include "base/keys.h"
#include "base/packet.h"
#include "monitor/server.h"

#include <fcntl.h>

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

static void test_requests(void)
{
	static const struct {
		const char *text;
		size_t fd_count;
		int verb; // -1: refused
		int kind; // of the error
		bool malformed;
	} cases[] = {
		{"{\"request\":\"start\"}", 0, BERTH_MONITOR_START, 0, false},
		{"{\"request\":\"start\",\"of a newer engine\":[1]}", 0, BERTH_MONITOR_START, 0, false},
		{"{\"request\":\"signal\",\"signal\":9,\"all\":true}", 0, BERTH_MONITOR_SIGNAL, 0, false},
		{"{\"request\":\"signal\",\"signal\":0}", 0, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"signal\",\"signal\":65}", 0, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"signal\",\"signal\":\"KILL\"}", 0, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"signal\"}", 0, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"resize\",\"width\":80,\"height\":24}", 0, BERTH_MONITOR_RESIZE, 0, false},
		{"{\"request\":\"resize\",\"width\":65536,\"height\":24}", 0, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"attach\",\"out\":true,\"keys\":\"ctrl-p,ctrl-q\"}", 1, BERTH_MONITOR_ATTACH, 0, false},
		{"{\"request\":\"attach\",\"out\":true}", 0, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"attach\",\"keys\":\"ctrl-1\"}", 1, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"start\"}", 1, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"resolve\",\"resolver\":{\"names\":[\"/n\"],\"forward\":true}}", 2,
		 BERTH_MONITOR_RESOLVE, 0, false},
		{"{\"request\":\"resolve\",\"resolver\":{\"servers\":[\"10.0.0.1\",\"fd::1\",\"fe80::1%lo\"]}}", 0,
		 BERTH_MONITOR_RESOLVE, 0, false},
		{"{\"request\":\"resolve\",\"resolver\":{}}", 1, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"resolve\"}", 0, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"resolve\",\"resolver\":{\"names\":[\"n\"]}}", 0, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"resolve\",\"resolver\":{\"servers\":[\"dns.test\"]}}", 0, -1, BERTH_ERROR_INVALID,
		 false},
		{"{\"request\":\"resolve\",\"resolver\":{\"servers\":[\"\"]}}", 0, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"exec\",\"exec\":\"e\",\"about\":{\"a\":1},\"init\":7}", 1, BERTH_MONITOR_EXEC, 0,
		 false},
		{"{\"request\":\"exec\",\"exec\":\"e\",\"out\":true,\"keys\":\"a\"}", 2, BERTH_MONITOR_EXEC, 0, false},
		{"{\"request\":\"exec\",\"exec\":\"e\"}", 0, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"exec\",\"exec\":\"e\"}", 3, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"exec\",\"exec\":\"\"}", 1, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"exec\"}", 1, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"exec\",\"exec\":\"e\",\"keys\":\"ctrl-1\"}", 1, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"exec-resize\",\"exec\":\"e\",\"width\":80,\"height\":24}", 0,
		 BERTH_MONITOR_EXEC_RESIZE, 0, false},
		{"{\"request\":\"exec-resize\",\"exec\":\"e\",\"width\":-1,\"height\":24}", 0, -1, BERTH_ERROR_INVALID,
		 false},
		{"{\"request\":\"exec-stat\",\"exec\":\"e\"}", 0, BERTH_MONITOR_EXEC_STAT, 0, false},
		{"{\"request\":\"exec-stat\"}", 0, -1, BERTH_ERROR_INVALID, false},
		{"{\"request\":\"exec-list\"}", 0, BERTH_MONITOR_EXEC_LIST, 0, false},
		{"{\"request\":\"health\"}", 0, BERTH_MONITOR_HEALTH, 0, false},
		{"{\"request\":\"teleport\"}", 0, -1, BERTH_ERROR_NOT_IMPLEMENTED, false},
		{"{\"request\":7}", 0, -1, BERTH_ERROR_INVALID, true},
		{"[]", 0, -1, BERTH_ERROR_INVALID, true},
		{"{\"request\":\"start\"", 0, -1, BERTH_ERROR_INVALID, true},
		{"", 0, -1, BERTH_ERROR_INVALID, true},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		enum berth_monitor_verb verb;
		bool malformed = false;
		g_autoptr(berth_monitor_request) request = berth_monitor_request_parse(
			cases[i].text, strlen(cases[i].text), cases[i].fd_count, &verb, &malformed, &error);
		g_assert_cmpint(malformed, ==, cases[i].malformed);
		if (cases[i].verb < 0) {
			g_assert_null(request);
			g_assert_error(error, BERTH_ERROR, cases[i].kind);
		} else {
			g_assert_no_error(error);
			g_assert_cmpint(verb, ==, cases[i].verb);
		}
	}
}

static void test_key_names(void)
{
	static const struct {
		const char *text;
		const char *bytes; // NULL: refused
		size_t count;
	} cases[] = {
		{NULL, "", 0},
		{"", "", 0},
		{"ctrl-p,ctrl-q", "\x10\x11", 2},
		{"ctrl-@", "\0", 1},
		{"a,b", "ab", 2},
		{"ctrl-[,ctrl-_,DEL", "\x1b\x1f\x7f", 3},
		{"ctrl-\\,A",
		 "\x1c"
		 "A",
		 2},
		{"ctrl-1", NULL, 0},
		{"ab", NULL, 0},
		{"a,", NULL, 0},
		{"ctrl-", NULL, 0},
		{"ctrl-ab", NULL, 0},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		struct berth_keys keys;
		bool ok = berth_keys_parse(cases[i].text, &keys, &error);
		g_assert_cmpint(ok, ==, cases[i].bytes != NULL);
		if (ok)
			g_assert_cmpmem(keys.keys, keys.count, cases[i].bytes, cases[i].count);
		else
			g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	}
}

static void test_key_search(void)
{
	static const struct {
		const char *keys, *input, *output;
		bool found;
	} cases[] = {
		{"ctrl-p,ctrl-q", "ls\n", "ls\n", false},
		{"ctrl-p,ctrl-q",
		 "a\x10\x11"
		 "b",
		 "a", true},
		{"ctrl-p,ctrl-q",
		 "a\x10"
		 "b\x11",
		 "a\x10"
		 "b\x11",
		 false},
		{"ctrl-p,ctrl-q", "\x10\x10\x11", "\x10", true},
		{"a,a,b", "aaab", "a", true},
		{"a,a,b", "aacaab", "aac", true},
		{"a,b,a,c", "ababac", "ab", true},
		{"a", "xya", "xy", true},
		{"", "anything", "anything", false},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		for (size_t step = 1; step <= strlen(cases[i].input); step++) { // whole or in pieces: the same
			g_autoptr(GByteArray) out = g_byte_array_new();
			struct berth_keys keys;
			bool found = false;
			g_assert_true(berth_keys_parse(cases[i].keys, &keys, NULL));
			for (size_t at = 0; !found && at < strlen(cases[i].input); at += step)
				found = berth_keys_filter(&keys, cases[i].input + at,
							  MIN(step, strlen(cases[i].input) - at), out);
			g_assert_cmpint(found, ==, cases[i].found);
			g_assert_cmpmem(out->data, out->len, cases[i].output, strlen(cases[i].output));
		}
}

// A server whose container is made up.
struct fake {
	char *folder;
	int folder_fd;
	struct berth_loop loop;
	struct berth_server *server;
	struct berth_monitor_exit exit;
	bool ended;
	GThread *thread;
	int stop; // set by the main thread
};

static bool fake_handle(void *data, enum berth_monitor_verb verb, const struct berth_monitor_request *request, int *fds,
			struct berth_monitor_reply *reply, GError **error)
{
	struct fake *fake = data;
	switch (verb) {
	case BERTH_MONITOR_START:
		reply->pid = 77;
		return true;
	case BERTH_MONITOR_SIGNAL:
		if (request->signal == 15)
			return berth_error_set(error, BERTH_ERROR_CONFLICT, "container x: not running \xff");
		fake->exit = (struct berth_monitor_exit){137, request->signal, true, 42};
		fake->ended = true;
		berth_server_tell(fake->server, &(struct berth_monitor_reply){.event = (char *) "detached"}, false);
		berth_server_tell(fake->server, &(struct berth_monitor_reply){.event = (char *) "of a newer monitor"},
				  false);
		berth_server_tell(fake->server,
				  &(struct berth_monitor_reply){.event = (char *) "exited", .exit = &fake->exit},
				  false);
		return true;
	case BERTH_MONITOR_ATTACH:
		g_assert_cmpint(write(fds[0], "attached", 8), ==, 8);
		return true; // the server closes it
	case BERTH_MONITOR_RESOLVE:
		if (fds[0] < 0)
			return berth_error_set(error, BERTH_ERROR_INVALID, "no sockets");
		g_assert_cmpint(write(fds[1], request->resolver->names[0], 5), ==, 5);
		g_assert_cmpstr(g_hash_table_lookup(request->resolver->aliases, "db"), ==, "postgres");
		return request->resolver->forward;
	case BERTH_MONITOR_EXEC: {
		g_autofree char *process = berth_read_fd(fds[0], 1000, NULL, "process", NULL);
		g_assert_cmpstr(process, ==, "{\"args\":[\"x\"]}");
		g_assert_cmpint(json_integer_value(json_object_get(request->about, "a")), ==, 1);
		g_assert_cmpint(request->init, ==, 5);
		g_assert_cmpint(write(fds[1], "joined", 6), ==, 6);
		reply->pid = 99;
		return true;
	}
	case BERTH_MONITOR_EXEC_LIST: {
		json_t *list = json_pack("[{ss sb si s{si}}, {ss sb si}]", "id", "one", "running", 1, "pid", 5, "about",
					 "a", 1, "id", "two", "running", 0, "exitCode", 9);
		reply->sent = berth_server_file(list, "list", error);
		json_decref(list);
		return reply->sent >= 0;
	}
	case BERTH_MONITOR_THAW: { // an unread crowd: passing events first, then one that must not be lost
		struct berth_monitor_exec exec = {.id = (char *) "probe"};
		for (int i = 0; i < 20000; i++)
			berth_server_tell(fake->server,
					  &(struct berth_monitor_reply){.event = (char *) "probe", .exec = &exec},
					  true);
		for (int i = 0; i < 1000; i++) {
			exec.exit_code = i;
			berth_server_tell(fake->server,
					  &(struct berth_monitor_reply){.event = (char *) "exec-exited", .exec = &exec},
					  false);
		}
		return true;
	}
	case BERTH_MONITOR_PIDS:
		reply->pids = json_pack("[iii]", 1, 2, 3);
		return true;
	default:
		return true;
	}
}

static const struct berth_monitor_exit *fake_ended(void *data)
{
	struct fake *fake = data;
	return fake->ended ? &fake->exit : NULL;
}

static void *fake_run(void *data)
{
	struct fake *fake = data;
	while (!g_atomic_int_get(&fake->stop)) {
		berth_loop_turn(&fake->loop, 10);
		if (berth_server_busy(fake->server))
			berth_server_begin(fake->server);
	}
	return NULL;
}

static void fake_begin(struct fake *fake, const void *data)
{
	g_autoptr(GError) error = NULL;
	(void) data;

	fake->folder = g_dir_make_tmp("berth-monitor-XXXXXX", NULL);
	fake->folder_fd = berth_open_folder(fake->folder, false, 0, &error);
	struct berth_server_setup setup = {
		berth_socket_listen_at(fake->folder_fd, BERTH_MONITOR_SOCKET, SOCK_SEQPACKET, &error), fake_handle,
		fake_ended, fake};
	g_assert_no_error(error);
	g_assert_true(berth_loop_open(&fake->loop, NULL));
	fake->server = berth_server_new(&fake->loop, &setup);
	fake->thread = g_thread_new("server", fake_run, fake);
}

static void fake_finish(struct fake *fake, const void *data)
{
	(void) data;
	g_atomic_int_set(&fake->stop, 1);
	g_thread_join(fake->thread);
	berth_server_free(fake->server);
	berth_loop_close(&fake->loop);
	close(fake->folder_fd);
	berth_remove_tree_at(AT_FDCWD, fake->folder, NULL);
	g_free(fake->folder);
}

static struct berth_monitor *fake_connect(struct fake *fake)
{
	g_autoptr(GError) error = NULL;
	struct berth_monitor *monitor = berth_monitor_connect(fake->folder_fd, &error);
	g_assert_no_error(error);
	return monitor;
}

static void test_answers(struct fake *fake, const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_monitor) monitor = fake_connect(fake);
	struct stat status;
	pid_t pid = 0;
	int pair[2];
	char text[16] = "";
	(void) data;

	g_assert_cmpint(fstatat(fake->folder_fd, BERTH_MONITOR_SOCKET, &status, 0), ==, 0);
	g_assert_cmpint(status.st_mode & 07777, ==, 0600);
	g_assert_true(berth_monitor_start(monitor, &pid, &error));
	g_assert_cmpint(pid, ==, 77);
	g_assert_false(berth_monitor_signal(monitor, 15, false, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT);
	g_assert_cmpstr(error->message, ==, "container x: not running \xef\xbf\xbd");
	g_clear_error(&error);
	g_assert_false(berth_monitor_signal(monitor, 700, false, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_clear_error(&error);
	g_autoptr(GArray) pids = berth_monitor_pids(monitor, &error);
	g_assert_cmpint(pids->len, ==, 3);
	g_assert_cmpint(g_array_index(pids, pid_t, 2), ==, 3);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	g_assert_true(berth_monitor_attach(monitor, pair[0], &(struct berth_monitor_attach){.out = true}, &error));
	g_assert_cmpint(read(pair[1], text, sizeof text), ==, 8);
	g_autoptr(berth_monitor_resolver) resolver = berth_document_new(&berth_monitor_resolver_document);
	resolver->names = g_strsplit("/name", " ", 0);
	resolver->aliases = berth_map_new();
	g_hash_table_insert(resolver->aliases, g_strdup("db"), g_strdup("postgres"));
	resolver->forward = true;
	g_assert_true(berth_monitor_resolve(monitor, resolver, pair[1], pair[0], &error));
	g_assert_cmpint(read(pair[1], text, sizeof text), ==, 5);
	g_assert_cmpmem(text, 5, "/name", 5);
	g_assert_false(berth_monitor_resolve(monitor, resolver, -1, -1, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	close(pair[0]);
	close(pair[1]);
}

static void test_events(struct fake *fake, const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_monitor) watcher = fake_connect(fake), other = fake_connect(fake);
	struct berth_monitor_event event;
	(void) data;

	g_assert_true(berth_monitor_watch(watcher, &error));
	g_assert_true(berth_monitor_signal(other, 9, false, &error));
	g_assert_true(berth_monitor_next_event(watcher, &event, &error));
	g_assert_cmpint(event.type, ==, BERTH_MONITOR_DETACHED);
	g_assert_true(berth_monitor_next_event(watcher, &event, &error));
	g_assert_cmpint(event.type, ==, BERTH_MONITOR_EXITED);
	g_assert_cmpint(event.exit.exit_code, ==, 137);
	g_assert_cmpint(event.exit.exited_at, ==, 42);
	g_assert_true(event.exit.oom_killed);
	// Who comes late is told at once.
	g_autoptr(berth_monitor) late = fake_connect(fake);
	g_assert_true(berth_monitor_watch(late, &error));
	g_assert_true(berth_monitor_next_event(late, &event, &error));
	g_assert_cmpint(event.type, ==, BERTH_MONITOR_EXITED);
	g_assert_no_error(error);
}

static void test_execs(struct fake *fake, const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_monitor) monitor = fake_connect(fake);
	json_t *about = json_pack("{si}", "a", 1);
	struct berth_monitor_exec_start start = {.id = "e", .process = "{\"args\":[\"x\"]}", .about = about, .init = 5};
	pid_t pid = 0;
	int pair[2];
	char text[16] = "";
	(void) data;

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	start.socket = pair[0];
	g_assert_true(berth_monitor_exec_begin(monitor, &start, &pid, &error));
	g_assert_cmpint(pid, ==, 99);
	g_assert_cmpint(read(pair[1], text, sizeof text), ==, 6);
	json_decref(about);
	close(pair[0]);
	close(pair[1]);
	g_autoptr(GPtrArray) list = berth_monitor_exec_list(monitor, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(list->len, ==, 2);
	const struct berth_monitor_exec *one = list->pdata[0], *two = list->pdata[1];
	g_assert_cmpstr(one->id, ==, "one");
	g_assert_true(one->running && one->pid == 5 && one->about);
	g_assert_true(!two->running && two->exit_code == 9);
}

// A watcher that does not read for long loses passing events and no others, and holds nobody up.
static void test_waiting_events(struct fake *fake, const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_monitor) watcher = fake_connect(fake), other = fake_connect(fake);
	int probes = 0;
	(void) data;

	g_assert_true(berth_monitor_watch(watcher, &error));
	g_assert_true(berth_monitor_thaw(other, &error));
	for (int next = 0; next < 1000;) {
		struct berth_monitor_event event;
		g_assert_true(berth_monitor_next_event(watcher, &event, &error));
		if (event.type == BERTH_MONITOR_PROBE) {
			g_assert_cmpint(next, ==, 0);
			probes++;
		} else {
			g_assert_cmpint(event.type, ==, BERTH_MONITOR_EXEC_EXITED);
			g_assert_cmpint(event.exec->exit_code, ==, next++);
		}
		berth_monitor_exec_free(event.exec);
	}
	g_assert_cmpint(probes, >=, 256);
	g_assert_cmpint(probes, <, 20000);
}

static void test_strangers(struct fake *fake, const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_monitor) good = fake_connect(fake);
	static const char *const packets[] = {"{", "x", "[1]", "{\"request\":null}"};
	(void) data;

	for (size_t i = 0; i < G_N_ELEMENTS(packets); i++) {
		berth_fd socket = berth_socket_connect_at(fake->folder_fd, BERTH_MONITOR_SOCKET, SOCK_SEQPACKET, NULL);
		BERTH_AUTO_PACKET hello = {0};
		BERTH_AUTO_PACKET none = {0};
		g_assert_cmpint(berth_packet_receive(socket, &hello, &error), ==, 1);
		g_assert_cmpstr(hello.data, ==, "{\"hello\":1,\"version\":\"" BERTH_VERSION "\"}");
		g_assert_true(berth_packet_send(socket, packets[i], strlen(packets[i]), NULL, 0, &error));
		g_assert_cmpint(berth_packet_receive(socket, &none, &error), ==, 0); // closed
	}
	g_assert_true(berth_monitor_start(good, NULL, &error)); // the others never noticed
	// A request of a newer engine is refused by name, and the connection stays.
	berth_fd socket = berth_socket_connect_at(fake->folder_fd, BERTH_MONITOR_SOCKET, SOCK_SEQPACKET, NULL);
	for (int i = 0; i < 3; i++) {
		BERTH_AUTO_PACKET packet = {0};
		g_assert_cmpint(berth_packet_receive(socket, &packet, &error), ==, 1);
		if (i > 0)
			g_assert_true(g_str_has_prefix(packet.data,
						       "{\"error\":\"not-implemented\",\"message\":\"request dance: "));
		berth_packet_send(socket, "{\"request\":\"dance\"}", 19, NULL, 0, NULL);
	}
	g_assert_no_error(error);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/monitor/protocol/requests", test_requests);
	g_test_add_func("/monitor/keys/names", test_key_names);
	g_test_add_func("/monitor/keys/search", test_key_search);
#define ADD(name, function) g_test_add("/monitor/server/" name, struct fake, NULL, fake_begin, function, fake_finish)
	ADD("answers", test_answers);
	ADD("events", test_events);
	ADD("execs", test_execs);
	ADD("waiting-events", test_waiting_events);
	ADD("strangers", test_strangers);
	return g_test_run();
}
