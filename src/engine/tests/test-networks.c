// SPDX-License-Identifier: Apache-2.0
// Networks of the engine with real containers, in a network namespace of the test's own: what the API says of them and
// what the kernel has, and everything at once by several threads (which the thread sanitizer looks at).
#include "base/error.h"
#include "engine/tests/place.h"
#include "spec/api-container.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define CONTAINERS 4
#define ROUNDS 12

static bool create(struct berth_engine *engine, const char *name, const char *host_config, GError **error)
{
	g_autofree char *text = g_strdup_printf(
		"{\"Image\":\"test\",\"Cmd\":[\"/bin/busybox\",\"sleep\",\"1000\"],\"HostConfig\":{%s}}", host_config);
	g_autoptr(api_container_create) request =
		berth_document_parse_text(&api_container_create_document, text, strlen(text), "request", error);
	g_autoptr(api_container_created) created =
		request ? berth_engine_container_create(engine, name, request, error) : NULL;

	return created;
}

static void start_new(struct berth_engine *engine, const char *name, const char *host_config)
{
	g_autoptr(GError) error = NULL;

	create(engine, name, host_config, &error);
	g_assert_no_error(error);
	berth_engine_container_start(engine, name, NULL, NULL, &error);
	g_assert_no_error(error);
}

static bool make_network(struct berth_engine *engine, const char *text, GError **error)
{
	g_autoptr(api_network_create) request =
		berth_document_parse_text(&api_network_create_document, text, strlen(text), "request", error);
	g_autoptr(api_network_created) created = request ? berth_engine_network_create(engine, request, error) : NULL;

	return created;
}

static void new_network(struct berth_engine *engine, const char *text)
{
	g_autoptr(GError) error = NULL;

	make_network(engine, text, &error);
	g_assert_no_error(error);
}

static const struct api_endpoint_settings *endpoint_of(const struct api_container_inspect *container,
						       const char *network)
{
	return g_hash_table_lookup(container->network_settings->networks, network);
}

static struct api_container_inspect *inspect(struct berth_engine *engine, const char *name)
{
	g_autoptr(GError) error = NULL;
	struct api_container_inspect *container = berth_engine_container_inspect(engine, name, false, &error);

	g_assert_no_error(error);
	return container;
}

static void assert_refused(const GError *error, int kind, const char *words)
{
	g_assert_error(error, BERTH_ERROR, kind);
	if (!strstr(error->message, words))
		g_assert_cmpstr(error->message, ==, words);
}

static void assert_network_refused(struct berth_engine *engine, const char *text, int kind, const char *words)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(make_network(engine, text, &error));
	assert_refused(error, kind, words);
}

static void check_nothing_left(void)
{
	g_autofree char *links = output_of("ip -o link show | cut -d: -f2 | tr -d ' \\n'");
	g_autofree char *rules = output_of("nft list ruleset");

	g_assert_cmpstr(links, ==, "lo");
	g_assert_cmpstr(rules, ==, "");
}

// What has to be refused, and in which words.
static void check_refusals(struct berth_engine *engine)
{
	assert_network_refused(engine, "{\"Name\":\"front\"}", BERTH_ERROR_CONFLICT,
			       "network with name front already exists");
	assert_network_refused(engine, "{\"Name\":\"\"}", BERTH_ERROR_INVALID, "invalid network name");
	assert_network_refused(engine, "{\"Name\":\"host\"}", BERTH_ERROR_FORBIDDEN,
			       "operation is not permitted on predefined host network");
	assert_network_refused(engine, "{\"Name\":\"a/b\"}", BERTH_ERROR_INVALID, "invalid network name \"a/b\"");
	assert_network_refused(engine, "{\"Name\":\"x\",\"Ingress\":true}", BERTH_ERROR_NOT_IMPLEMENTED, "--ingress");
	assert_network_refused(engine, "{\"Name\":\"x\",\"ConfigOnly\":true}", BERTH_ERROR_NOT_IMPLEMENTED,
			       "--config-only");
	assert_network_refused(engine, "{\"Name\":\"x\",\"Scope\":\"swarm\"}", BERTH_ERROR_NOT_IMPLEMENTED, "--scope");
	assert_network_refused(engine, "{\"Name\":\"x\",\"Driver\":\"host\"}", BERTH_ERROR_FORBIDDEN,
			       "only one instance of \"host\" network is allowed");
	assert_network_refused(engine, "{\"Name\":\"x\",\"Driver\":\"no-such\"}", BERTH_ERROR_NOT_FOUND, "no-such");
	assert_network_refused(engine, "{\"Name\":\"x\",\"IPAM\":{\"Config\":[{\"Subnet\":\"10.9.0.0/24\"}]}}",
			       BERTH_ERROR_CONFLICT, "overlap");
	g_autoptr(GError) error = NULL;
	g_assert_false(berth_engine_network_remove(engine, "bridge", &error));
	assert_refused(error, BERTH_ERROR_FORBIDDEN, "bridge is a pre-defined network and cannot be removed");
	g_clear_error(&error);
	g_assert_false(berth_engine_network_remove(engine, "front", &error));
	assert_refused(error, BERTH_ERROR_FORBIDDEN, "has active endpoints");
	g_clear_error(&error);
	g_assert_false(berth_engine_network_remove(engine, "missing", &error));
	assert_refused(error, BERTH_ERROR_NOT_FOUND, "network missing not found");
	g_clear_error(&error);
	g_assert_false(berth_engine_network_connect(engine, "front", "web", NULL, &error));
	assert_refused(error, BERTH_ERROR_FORBIDDEN, "endpoint with name web already exists in network front");
	g_clear_error(&error);
	g_assert_false(berth_engine_network_disconnect(engine, "back", "db", false, &error));
	assert_refused(error, BERTH_ERROR_FORBIDDEN, "is not connected to network back");
	g_clear_error(&error);
	g_assert_false(berth_engine_network_connect(engine, "none", "web", NULL, &error));
	assert_refused(error, BERTH_ERROR_FORBIDDEN, "private (none) mode");
	g_clear_error(&error);
	g_assert_false(create(engine, "bad", "\"NetworkMode\":\"container:missing\"", &error));
	assert_refused(error, BERTH_ERROR_INVALID, "No such container: missing");
	g_clear_error(&error);
	g_assert_true(create(engine, "late", "\"NetworkMode\":\"missing\"", &error)); // it may come yet
	g_assert_false(berth_engine_container_start(engine, "late", NULL, NULL, &error));
	g_assert_nonnull(strstr(error->message, "network missing not found"));
	g_clear_error(&error);
	g_assert_true(create(engine, "second", "\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"8080\"}]}", &error));
	g_assert_false(berth_engine_container_start(engine, "second", NULL, NULL, &error));
	assert_refused(error, BERTH_ERROR_CONFLICT, "port is already allocated: by container web");
}

// Filters of the list: how many networks each lets through.
static void check_filters(struct berth_engine *engine)
{
	static const struct {
		const char *filters;
		guint count;
	} cases[] = {
		{"{}", 5},
		{"{\"driver\":[\"bridge\"]}", 3},
		{"{\"type\":[\"custom\"]}", 2},
		{"{\"type\":[\"builtin\"]}", 3},
		{"{\"name\":[\"ront\"]}", 1},
		{"{\"label\":[\"tier=one\"]}", 1},
		{"{\"label\":[\"tier=two\"]}", 0},
		{"{\"scope\":[\"swarm\"]}", 0},
		{"{\"dangling\":[\"true\"]}", 1},
		{"{\"dangling\":[\"0\"],\"type\":[\"custom\"]}", 1},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GHashTable) filters = berth_filters_parse(cases[i].filters, &error);
		GPtrArray *list = berth_engine_network_list(engine, filters, &error);
		g_assert_no_error(error);
		g_test_message("%s", cases[i].filters);
		g_assert_cmpuint(list->len, ==, cases[i].count);
		berth_objects_free(list, &api_network_summary_document);
	}
	g_autoptr(GError) error = NULL;
	g_autoptr(GHashTable) filters = berth_filters_parse("{\"type\":[\"odd\"]}", NULL);
	g_assert_null(berth_engine_network_list(engine, filters, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
}

static void update(struct berth_engine *engine, const char *name, const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(api_container_update) request =
		berth_document_parse_text(&api_container_update_document, text, strlen(text), "request", &error);
	g_autoptr(api_container_updated) updated = berth_engine_container_update(engine, name, request, &error);

	g_assert_no_error(error);
}

static const char *published(const struct api_container_inspect *container, const char *port)
{
	const GPtrArray *list = g_hash_table_lookup(container->network_settings->ports, port);

	return list && list->len ? ((const struct api_port_binding *) list->pdata[0])->host_port : NULL;
}

static void check_ports(struct berth_engine *engine)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(api_container_inspect) before = inspect(engine, "web");

	g_assert_cmpstr(published(before, "80/tcp"), ==, "8080");
	update(engine, "web",
	       "{\"PublishAdd\":{\"81/tcp\":[{\"HostPort\":\"8090-8095\"}]},\"PublishRm\":{\"80/tcp\":[]}}");
	g_autoptr(api_container_inspect) after = inspect(engine, "web");
	g_assert_null(published(after, "80/tcp"));
	g_assert_cmpstr(published(after, "81/tcp"), ==, "8090");
	g_autofree char *rules = output_of("nft list ruleset inet"); // the table has the engine's id in its name
	g_assert_nonnull(strstr(rules, "8090"));
	g_assert_null(strstr(rules, "8080"));
	// What it publishes is so after a restart, too, and the port is free for others.
	berth_engine_container_restart(engine, "web", NULL, 0, &error);
	g_assert_no_error(error);
	g_autoptr(api_container_inspect) again = inspect(engine, "web");
	g_assert_cmpstr(published(again, "81/tcp"), ==, "8090");
	berth_engine_container_start(engine, "second", NULL, NULL, &error);
	g_assert_no_error(error);
	g_autoptr(api_container_update) wrong = berth_document_parse_text(
		&api_container_update_document, "{\"PublishRm\":{\"99/tcp\":[]}}", 27, "request", &error);
	g_assert_null(berth_engine_container_update(engine, "web", wrong, &error));
	assert_refused(error, BERTH_ERROR_NOT_FOUND, "port 99/tcp is not published");
}

static void check_connected(struct berth_engine *engine)
{
	g_autoptr(GError) error = NULL;

	berth_engine_network_connect(engine, "back", "web", NULL, &error);
	g_assert_no_error(error);
	g_autoptr(api_container_inspect) web = inspect(engine, "web");
	const struct api_endpoint_settings *back = endpoint_of(web, "back");
	g_assert_true(g_str_has_prefix(back->ip_address, "10.9.0."));
	g_autofree char *command = g_strdup_printf("nsenter -t %d -n ip -o -4 addr | wc -l", (int) web->state->pid);
	g_autofree char *count = output_of(command);
	g_assert_cmpint(atoi(count), ==, 3); // lo and both
	g_autoptr(api_network_summary) network = berth_engine_network_inspect(engine, "back", &error);
	g_assert_no_error(error);
	g_assert_nonnull(json_object_get(network->containers, web->id));
}

// It is there after the engine's restart, and can be disconnected then.
static void check_adopted(struct berth_engine *engine)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(api_container_inspect) web = inspect(engine, "web");

	g_assert_nonnull(endpoint_of(web, "back")->ip_address);
	g_assert_cmpstr(published(web, "81/tcp"), ==, "8090");
	berth_engine_network_disconnect(engine, "back", "web", false, &error);
	g_assert_no_error(error);
	g_autoptr(api_container_inspect) after = inspect(engine, "web");
	g_assert_null(endpoint_of(after, "back"));
	berth_engine_network_remove(engine, "back", &error);
	g_assert_no_error(error);
}

static void check_joined(struct berth_engine *engine)
{
	start_new(engine, "joined", "\"NetworkMode\":\"container:web\"");
	g_autoptr(api_container_inspect) web = inspect(engine, "web"), joined = inspect(engine, "joined");
	g_autofree char *command = g_strdup_printf("readlink /proc/%d/ns/net; readlink /proc/%d/ns/net",
						   (int) web->state->pid, (int) joined->state->pid);
	g_autofree char *links = output_of(command);
	g_auto(GStrv) lines = g_strsplit(links, "\n", 0);

	g_assert_cmpstr(lines[0], ==, lines[1]);
	g_assert_cmpstr(joined->config->hostname, ==, web->config->hostname);
}

static void remove_all(struct berth_engine *engine)
{
	const struct berth_list_query query = {.all = true};
	GPtrArray *list = berth_engine_container_list(engine, &query, NULL);

	for (guint i = 0; i < list->len; i++) {
		g_autoptr(GError) error = NULL;
		const struct api_container_summary *container = list->pdata[i];
		berth_engine_container_remove(engine, container->id, true, true, &error);
		g_assert_no_error(error);
	}
	berth_objects_free(list, &api_container_summary_document);
}

static void test_lives(void)
{
	struct place place = place_new();
	g_autoptr(GError) error = NULL;

	struct berth_engine *engine = place_open(&place, true);
	check_nothing_left(); // of networks that nobody needs yet
	g_autofree char *image = place_import(&place, engine);
	new_network(engine, "{\"Name\":\"front\",\"Labels\":{\"tier\":\"one\"}}");
	new_network(engine,
		    "{\"Name\":\"back\",\"Internal\":true,\"IPAM\":{\"Config\":[{\"Subnet\":\"10.9.0.0/24\"}]}}");
	start_new(engine, "web", "\"NetworkMode\":\"front\",\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"8080\"}]}");
	start_new(engine, "db", "\"NetworkMode\":\"front\"");
	check_filters(engine);
	check_refusals(engine);
	check_ports(engine);
	check_connected(engine);
	berth_engine_close(engine);
	engine = place_open(&place, true);
	check_adopted(engine);
	check_joined(engine);
	remove_all(engine);
	// Those that have ended are off the network for whoever removes it.
	berth_engine_network_remove(engine, "front", &error);
	g_assert_no_error(error);
	berth_engine_close(engine);
	check_nothing_left();
	place_remove(&place);
}

// All at once

struct racer {
	struct berth_engine *engine;
	int number;
};

// What another thread made impossible is fine; what is broken is not.
static void assert_fine(GError *error)
{
	g_autoptr(GError) owned = error;

	if (!error)
		return;
	g_assert_true(error->domain == BERTH_ERROR);
	if (error->code == BERTH_ERROR_INTERNAL || error->code == BERTH_ERROR_RESOURCE_EXHAUSTED)
		g_error("%s", error->message);
}

static void *live(void *data)
{
	const struct racer *racer = data;
	g_autofree char *name = g_strdup_printf("c%d", racer->number);
	g_autofree char *host =
		g_strdup_printf("\"NetworkMode\":\"%s\",\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"\"}]}",
				racer->number % 2 ? "front" : "bridge");

	for (int round = 0; round < ROUNDS; round++) {
		GError *error = NULL;
		if (create(racer->engine, name, host, &error))
			berth_engine_container_start(racer->engine, name, NULL, NULL, &error);
		assert_fine(g_steal_pointer(&error));
		if (round % 3 == 0)
			berth_engine_container_restart(racer->engine, name, NULL, 0, &error);
		assert_fine(g_steal_pointer(&error));
		berth_engine_container_remove(racer->engine, name, true, true, &error);
		assert_fine(error);
	}
	return NULL;
}

static void *connect_and_disconnect(void *data)
{
	const struct racer *racer = data;

	for (int round = 0; round < ROUNDS * CONTAINERS; round++) {
		g_autofree char *name = g_strdup_printf("c%d", round % CONTAINERS);
		const char *network = round % 3 ? "back" : "passing";
		GError *error = NULL;
		berth_engine_network_connect(racer->engine, network, name, NULL, &error);
		assert_fine(g_steal_pointer(&error));
		g_autoptr(api_container_inspect) container =
			berth_engine_container_inspect(racer->engine, name, false, NULL);
		berth_engine_network_disconnect(racer->engine, network, name, round % 2, &error);
		assert_fine(error);
	}
	return NULL;
}

// While others read what an update replaces.
static void *update_and_read_logs(void *data)
{
	static const char text[] = "{\"RestartPolicy\":{\"Name\":\"no\"}}";
	const struct racer *racer = data;

	for (int round = 0; round < ROUNDS * CONTAINERS; round++) {
		g_autofree char *name = g_strdup_printf("c%d", round / 2 % CONTAINERS);
		GError *error = NULL;
		bool tty;
		if (racer->number % 2) {
			g_autoptr(api_container_update) request = berth_document_parse_text(
				&api_container_update_document, text, strlen(text), "request", &error);
			g_autoptr(api_container_updated) updated =
				request ? berth_engine_container_update(racer->engine, name, request, &error) : NULL;
		} else {
			berth_engine_container_logs_check(racer->engine, name, &tty, &error);
		}
		assert_fine(error);
	}
	return NULL;
}

// What is in the list is whole.
static void *look(void *data)
{
	const struct racer *racer = data;

	for (int round = 0; round < ROUNDS * 20; round++) {
		GPtrArray *list = berth_engine_network_list(racer->engine, NULL, NULL);
		for (guint i = 0; i < list->len; i++) {
			const struct api_network_summary *network = list->pdata[i];
			json_t *pool = json_array_get(json_object_get(network->ipam, "Config"), 0);
			if (g_str_equal(network->driver, "bridge") && !g_str_equal(network->name, "bridge"))
				g_assert_nonnull(json_object_get(pool, "Gateway"));
		}
		berth_objects_free(list, &api_network_summary_document);
		g_usleep(500);
	}
	return NULL;
}

static void *make_and_remove(void *data)
{
	const struct racer *racer = data;

	for (int round = 0; round < ROUNDS; round++) {
		GError *error = NULL;
		make_network(racer->engine, "{\"Name\":\"passing\"}", &error);
		assert_fine(g_steal_pointer(&error));
		g_autoptr(api_network_summary) network = berth_engine_network_inspect(racer->engine, "front", NULL);
		g_assert_nonnull(network);
		GPtrArray *list = berth_engine_network_list(racer->engine, NULL, NULL);
		berth_objects_free(list, &api_network_summary_document);
		berth_engine_network_remove(racer->engine, "passing", &error);
		assert_fine(error);
	}
	return NULL;
}

static void test_race(void)
{
	struct place place = place_new();
	static void *(*const others[])(void *) = {connect_and_disconnect, make_and_remove, look, update_and_read_logs,
						  update_and_read_logs};
	struct racer racers[CONTAINERS + G_N_ELEMENTS(others)];
	pthread_t threads[G_N_ELEMENTS(racers)];
	g_autoptr(GError) error = NULL;

	struct berth_engine *engine = place_open(&place, true);
	g_autofree char *image = place_import(&place, engine);
	new_network(engine, "{\"Name\":\"front\"}");
	new_network(engine, "{\"Name\":\"back\",\"IPAM\":{\"Config\":[{\"Subnet\":\"10.8.0.0/28\"}]}}");
	for (int i = 0; i < (int) G_N_ELEMENTS(threads); i++) {
		racers[i] = (struct racer){engine, i};
		void *(*race)(void *) = i < CONTAINERS ? live : others[i - CONTAINERS];
		g_assert_cmpint(pthread_create(&threads[i], NULL, race, &racers[i]), ==, 0);
	}
	for (int i = 0; i < (int) G_N_ELEMENTS(threads); i++)
		pthread_join(threads[i], NULL);
	remove_all(engine);
	berth_engine_network_remove(engine, "passing", NULL);
	// Nobody is counted who is not there.
	for (const char *const *name = (const char *const[]){"front", "back", NULL}; *name; name++) {
		berth_engine_network_remove(engine, *name, &error);
		g_assert_no_error(error);
	}
	berth_engine_close(engine);
	check_nothing_left();
	place_remove(&place);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_log_set_always_fatal(G_LOG_FATAL_MASK);
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		g_print("1..0 # SKIP a network namespace of its own needs root\n");
		return 0;
	}
	run_command("ip link set lo up");
	g_test_add_func("/networks/lives", test_lives);
	g_test_add_func("/networks/race", test_race);
	return g_test_run();
}
