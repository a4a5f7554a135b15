// SPDX-License-Identifier: Apache-2.0
// CNI without a kernel: lists, versions, chains, errors. Plugins are a script that writes down how it was called and
// prints what the test has put beside it.
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "network/cni.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char script[] = "#!/bin/sh\n"
			     "me=$(basename \"$0\")\n"
			     "here=$(dirname \"$0\")\n"
			     "{ echo \"$CNI_COMMAND $me $CNI_CONTAINERID $CNI_NETNS $CNI_IFNAME $CNI_ARGS\"\n"
			     "cat; echo; } >>\"$here/log\"\n"
			     "env | sort >\"$here/environment\"\n"
			     "[ ! -e \"$here/$me.$CNI_COMMAND.sh\" ] || . \"$here/$me.$CNI_COMMAND.sh\"\n"
			     "[ ! -e \"$here/$me.$CNI_COMMAND\" ] || cat \"$here/$me.$CNI_COMMAND\"\n"
			     "[ ! -e \"$here/$me.$CNI_COMMAND.fails\" ]\n";

struct scene {
	char *folder;
	char *paths[2];
	struct berth_cni_call call;
};

static void write_file(const struct scene *scene, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(scene->folder, name, NULL);

	g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void add_plugin(const struct scene *scene, const char *type)
{
	g_autofree char *path = g_build_filename(scene->folder, type, NULL);
	g_autofree char *versions = g_strconcat(type, ".VERSION", NULL);

	write_file(scene, type, script);
	g_assert_cmpint(chmod(path, 0755), ==, 0);
	write_file(scene, versions,
		   "{\"cniVersion\": \"1.0.0\", \"supportedVersions\": [\"0.3.1\", \"0.4.0\", \"1.0.0\"]}");
}

static void scene_up(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	scene->folder = g_dir_make_tmp("berth-cni-XXXXXX", NULL);
	scene->paths[0] = scene->folder;
	scene->call = (struct berth_cni_call){
		.paths = scene->paths, .container = "c0ffee", .interface = "eth0", .namespace = "/proc/1/ns/net"};
	add_plugin(scene, "one");
	add_plugin(scene, "two");
}

static void scene_down(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_assert_true(berth_remove_tree_at(AT_FDCWD, scene->folder, NULL));
	g_free(scene->folder);
}

static char *read_log(const struct scene *scene)
{
	g_autofree char *path = g_build_filename(scene->folder, "log", NULL);
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		text = g_strdup("");
	unlink(path);
	return text;
}

static struct berth_cni_list *parse(const char *text)
{
	g_autoptr(GError) error = NULL;
	struct berth_cni_list *list = berth_cni_list_parse(text, strlen(text), "test", &error);

	g_assert_no_error(error);
	return list;
}

#define CHAIN(version)                                                                                                 \
	"{\"cniVersion\": \"" version "\", \"name\": \"net\", \"plugins\": [{\"type\": \"one\", \"capabilities\": "    \
	"{\"ips\": true, \"mac\": false}, \"colour\": \"red\"}, {\"type\": \"two\", \"capabilities\": "                \
	"{\"portMappings\": true}}]}"
#define RESULT1                                                                                                        \
	"{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"veth1\"},{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:"  \
	"01\","                                                                                                        \
	"\"sandbox\":\"/proc/1/ns/net\"}],\"ips\":[{\"address\":\"10.1.0.5/"                                           \
	"16\",\"gateway\":\"10.1.0.1\",\"interface\":1}"                                                               \
	"],\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}"
#define RESULT2 "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.1.0.5/16\"}]}"

static void test_lists(G_GNUC_UNUSED struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	static const char *const wrong[][2] = {
		{"[]", "not an object"},
		{"{\"cniVersion\": \"1.0.0\", \"plugins\": [{\"type\": \"one\"}]}", "name"},
		{"{\"cniVersion\": \"1.0.0\", \"name\": \"a/b\", \"plugins\": [{\"type\": \"one\"}]}", "name"},
		{"{\"name\": \"n\", \"plugins\": [{\"type\": \"one\"}]}", "cniVersion (none)"},
		{"{\"cniVersion\": \"0.2.0\", \"name\": \"n\", \"plugins\": [{\"type\": \"one\"}]}", "\"0.2.0\""},
		{"{\"cniVersion\": \"1.0.0\", \"name\": \"n\"}", "no plugins"},
		{"{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"plugins\": []}", "no plugins"},
		{"{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"plugins\": [{}]}", "plugin 1 has no type"},
		{"{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"plugins\": [3]}", "plugin 1 has no type"},
		// CVE-2021-20206
		{"{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"plugins\": [{\"type\": \"../../bin/sh\"}]}",
		 "without a slash"},
		{"{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"plugins\": [{\"type\": \"..\"}]}", "plugin type"},
		{"{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"plugins\": [{\"type\": \"\"}]}", "plugin type"},
		{"{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"type\": \"/bin/sh\"}", "without a slash"},
		{"{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"plugins\": [{\"type\": \"one\", \"ipam\": {\"type\": "
		 "\"../x\"}}]}",
		 "\"../x\""},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(berth_cni_list_parse(wrong[i][0], strlen(wrong[i][0]), "test", &error));
		if (!strstr(error->message, wrong[i][1]))
			g_error("\"%s\" is not in \"%s\"", wrong[i][1], error->message);
	}
	g_autoptr(berth_cni_list) single = parse("{\"cniVersion\": \"0.4.0\", \"name\": \"n\", \"type\": \"one\"}");
	g_assert_cmpuint(single->plugins->len, ==, 1);
	g_autoptr(berth_cni_list) several = parse("{\"cniVersion\": \"1.1.0\", \"cniVersions\": [\"0.4.0\", \"9.9.9\", "
						  "\"1.0.0\"], \"name\": \"n\", \"plugins\": [{\"type\": \"one\"}]}");
	g_autofree char *joined = g_strjoinv(" ", several->versions);
	g_assert_cmpstr(joined, ==, "0.4.0 1.0.0 1.1.0");
}

static void test_type(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	static const char *const bad[] = {"../one", "/bin/sh", "..", ".", "", "one/../two", "one\n", "a b"};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(berth_cni_find(scene->paths, bad[i], &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	}
	g_autoptr(GError) error = NULL;
	g_assert_null(berth_cni_find(scene->paths, "three", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	write_file(scene, "three", "not executable");
	g_assert_null(berth_cni_find(scene->paths, "three", NULL));
	g_autofree char *path = berth_cni_find(scene->paths, "one", NULL);
	g_assert_nonnull(path);
}

static void test_find(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *inner = g_build_filename(scene->folder, "beta", NULL);

	write_file(scene, "10-alpha.conflist", CHAIN("0.4.0"));
	write_file(scene, "20-broken.conflist", "{");
	write_file(scene, "30-beta.conflist",
		   "{\"cniVersion\": \"1.0.0\", \"name\": \"beta\", \"plugins\": [{\"type\": \"one\"}]}");
	g_assert_cmpint(mkdir(inner, 0700), ==, 0);
	write_file(scene, "beta/50-more.conf", "{\"type\": \"two\"}");
	g_autoptr(berth_cni_list) found = berth_cni_list_find(scene->paths, "net", &error);
	g_assert_no_error(error);
	g_assert_cmpuint(found->plugins->len, ==, 2);
	g_autoptr(berth_cni_list) second = berth_cni_list_find(scene->paths, "beta", &error);
	g_assert_no_error(error);
	g_assert_cmpuint(second->plugins->len, ==, 2);
	g_autoptr(berth_cni_list) again = berth_cni_list_from(second->document, "again", &error);
	g_assert_cmpuint(again->plugins->len, ==, 2); // what was beside it is in its document
	g_assert_null(berth_cni_list_find(scene->paths, "gamma", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
	g_assert_nonnull(strstr(error->message, "20-broken.conflist"));
	g_autofree char *path = g_build_filename(scene->folder, "10-alpha.conflist", NULL);
	g_autoptr(berth_cni_list) by_path = berth_cni_list_find(scene->paths, path, NULL);
	g_assert_cmpstr(by_path->name, ==, "net");
}

static void test_versions(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_cni_list) fixed = parse(CHAIN("1.1.0"));

	g_assert_null(berth_cni_negotiate(&scene->call, fixed, true, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED);
	g_assert_cmpstr(error->message, ==,
			"test: it is written for CNI 1.1.0, but plugin \"one\" supports 0.3.1, 0.4.0, 1.0.0");
	g_clear_error(&error);
	g_autofree char *unasked = berth_cni_negotiate(&scene->call, fixed, false, &error);
	g_assert_cmpstr(unasked, ==, "1.1.0");
	g_autoptr(berth_cni_list) open = parse(
		"{\"cniVersion\": \"1.1.0\", \"cniVersions\": [\"0.3.1\", \"0.4.0\", \"1.0.0\"], \"name\": \"n\", "
		"\"plugins\": [{\"type\": \"one\"}, {\"type\": \"two\"}]}");
	write_file(scene, "two.VERSION", "{\"supportedVersions\": [\"0.4.0\", \"0.3.1\", 7]}");
	g_autofree char *common = berth_cni_negotiate(&scene->call, open, false, &error);
	g_assert_cmpstr(common, ==, "0.4.0");
	write_file(scene, "two.VERSION", "{}");
	g_assert_null(berth_cni_negotiate(&scene->call, open, false, &error));
	g_assert_cmpint(berth_cni_version_compare("0.4.0", "1.0.0"), <, 0);
	g_assert_cmpint(berth_cni_version_compare("1.10.0", "1.9.0"), >, 0);
	g_assert_cmpint(berth_cni_version_compare("x", "0.3.0"), <, 0);
}

// Each plugin gets what it declares, and the result before it; all get the last one at CHECK and, in reverse, at DEL.
static void test_chain(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_cni_list) list = parse(CHAIN("1.0.0"));
	BERTH_AUTO_JSON json_t *abilities = json_pack("{s[s]sss[{si}]}", "ips", "10.1.0.5", "mac", "02:00:00:00:00:07",
						      "portMappings", "hostPort", 80);

	write_file(scene, "one.ADD", RESULT1);
	write_file(scene, "two.ADD", RESULT2);
	BERTH_AUTO_JSON json_t *result = berth_cni_add(&scene->call, list, "1.0.0", abilities, &error);
	g_assert_no_error(error);
	g_autofree char *text = berth_json_text(result);
	g_assert_cmpstr(text, ==, RESULT2);
	g_autofree char *added = read_log(scene);
	g_assert_cmpstr(
		added, ==,
		"ADD one c0ffee /proc/1/ns/net eth0 \n"
		"{\"type\":\"one\",\"colour\":\"red\",\"cniVersion\":\"1.0.0\",\"name\":\"net\","
		"\"runtimeConfig\":{\"ips\":[\"10.1.0.5\"]}}\n"
		"ADD two c0ffee /proc/1/ns/net eth0 \n"
		"{\"type\":\"two\",\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"runtimeConfig\":{\"portMappings\":"
		"[{\"hostPort\":80}]},\"prevResult\":" RESULT1 "}\n");
	g_assert_true(berth_cni_check(&scene->call, list, "1.0.0", NULL, result, &error));
	g_autofree char *checked = read_log(scene);
	g_assert_true(g_str_has_prefix(checked, "CHECK one"));
	g_assert_nonnull(strstr(checked, "CHECK two"));
	g_assert_nonnull(strstr(checked, "\"prevResult\":" RESULT2));
	g_assert_true(berth_cni_check(&scene->call, list, "0.3.1", NULL, result, &error)); // it has no CHECK
	g_assert_true(berth_cni_status(&scene->call, list, "1.0.0", &error)); // nor has this STATUS and GC
	g_assert_true(berth_cni_gc(&scene->call, list, "1.0.0", NULL, &error));
	g_autofree char *nothing = read_log(scene);
	g_assert_cmpstr(nothing, ==, "");
	write_file(scene, "two.DEL.fails", "");
	write_file(scene, "two.DEL", "{\"code\": 11, \"msg\": \"not now\"}");
	g_assert_false(berth_cni_del(&scene->call, list, "1.0.0", NULL, result, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	g_autofree char *deleted = read_log(scene);
	g_assert_true(g_str_has_prefix(deleted, "DEL two"));
	g_assert_nonnull(strstr(deleted, "\nDEL one"));
}

static void test_new(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_cni_list) list = parse(CHAIN("1.1.0"));
	BERTH_AUTO_JSON json_t *valid = json_pack("[{ssss}]", "containerID", "c0ffee", "ifname", "eth0");

	g_assert_true(berth_cni_gc(&scene->call, list, "1.1.0", valid, &error));
	g_autofree char *collected = read_log(scene);
	g_assert_nonnull(
		strstr(collected, "\"cni.dev/valid-attachments\":[{\"containerID\":\"c0ffee\",\"ifname\":\"eth0\"}]"));
	write_file(scene, "two.STATUS.fails", "");
	write_file(scene, "two.STATUS", "{\"code\": 50, \"msg\": \"no addresses\", \"details\": \"pool is empty\"}");
	g_assert_false(berth_cni_status(&scene->call, list, "1.1.0", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	g_assert_cmpstr(error->message, ==, "CNI plugin \"two\" (STATUS): no addresses: pool is empty (code 50)");
}

// A failed ADD is followed by DEL of all, in reverse, without a result.
static void test_failed_add(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_cni_list) list = parse(CHAIN("1.0.0"));

	write_file(scene, "one.ADD", RESULT1);
	write_file(scene, "two.ADD.fails", "");
	write_file(scene, "two.ADD", "{\"code\": 7, \"msg\": \"colour?\", \"details\": \"blue\\nor red\"}");
	g_assert_null(berth_cni_add(&scene->call, list, "1.0.0", NULL, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_cmpstr(error->message, ==, "CNI plugin \"two\" (ADD): colour?: blue or red (code 7)");
	g_autofree char *log = read_log(scene);
	const char *second = strstr(log, "DEL two"), *first = strstr(log, "DEL one");
	g_assert_true(second && first && second < first);
	g_assert_null(strstr(second, "prevResult"));
}

static void assert_add_fails(struct scene *scene, int kind, const char *message)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_cni_list) list =
		parse("{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"plugins\": [{\"type\": \"one\"}]}");

	g_assert_null(berth_cni_add(&scene->call, list, "1.0.0", NULL, &error));
	g_assert_error(error, BERTH_ERROR, kind);
	if (!strstr(error->message, message))
		g_error("\"%s\" is not in \"%s\"", message, error->message);
}

static void test_output(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	assert_add_fails(scene, BERTH_ERROR_INTERNAL, "it printed no result");
	write_file(scene, "one.ADD", "no JSON");
	assert_add_fails(scene, BERTH_ERROR_INVALID, "CNI plugin \"one\" (ADD)");
	write_file(scene, "one.ADD", "{\"ips\": [{\"address\": \"10.1.0.5\"}]}");
	assert_add_fails(scene, BERTH_ERROR_INVALID, "10.1.0.5");
	write_file(scene, "one.ADD", "{\"ips\": [{\"address\": \"10.1.0.5/24\", \"interface\": 1}]}");
	assert_add_fails(scene, BERTH_ERROR_INVALID, "of interface 1 of 0");
	write_file(scene, "one.ADD", "{\"cniVersion\": \"0.3.1\"}");
	assert_add_fails(scene, BERTH_ERROR_INVALID, "version 0.3.1");
	write_file(scene, "one.ADD.fails", "");
	write_file(scene, "one.ADD", "it broke");
	assert_add_fails(scene, BERTH_ERROR_INTERNAL, "it failed without an error of CNI's: it broke");
	write_file(scene, "one.ADD", "");
	write_file(scene, "one.ADD.sh", "echo 'no luck today' >&2\n");
	assert_add_fails(scene, BERTH_ERROR_INTERNAL, "it failed without an error of CNI's: no luck today");
	write_file(scene, "one.ADD.sh", "yes >&2 & yes\n");
	assert_add_fails(scene, BERTH_ERROR_INTERNAL, "it printed more than 1048576 bytes");
	write_file(scene, "one.ADD.sh", "kill -9 $$\n");
	assert_add_fails(scene, BERTH_ERROR_INTERNAL, "it printed nothing");
}

// A plugin sees nothing of ours: neither variables nor descriptors. What it leaves running is not waited for.
static void test_environment(struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	BERTH_AUTO_JSON json_t *request = json_object();
	g_autofree char *path = g_build_filename(scene->folder, "environment", NULL);
	g_autofree char *descriptors = g_build_filename(scene->folder, "descriptors", NULL);
	g_autofree char *text = NULL, *fds = NULL;
	int64_t begun = g_get_monotonic_time();

	g_setenv("SECRET", "x", TRUE);
	g_assert_cmpint(dup2(STDERR_FILENO, 77), ==, 77); // it would be inherited
	write_file(scene, "one.ADD.sh", "ls /proc/$$/fd >$here/descriptors\nsleep 20 & echo $! >$here/pid\n");
	g_assert_true(
		berth_cni_run(&(struct berth_cni_call){.paths = scene->paths, .command = "ADD", .arguments = "K=V"},
			      "one", request, NULL, &error));
	g_assert_no_error(error);
	g_assert_cmpint((int) ((g_get_monotonic_time() - begun) / 1000000), <, 10);
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_null(strstr(text, "SECRET"));
	g_autofree char *own = g_strdup_printf("CNI_PATH=%s\n", scene->folder);
	g_assert_nonnull(strstr(text, own));
	g_assert_nonnull(strstr(text, "CNI_ARGS=K=V\n"));
	g_assert_null(strstr(text, "CNI_NETNS"));
	g_assert_true(g_file_get_contents(descriptors, &fds, NULL, NULL));
	g_assert_true(g_str_has_prefix(fds, "0\n1\n"));
	g_assert_null(strstr(fds, "77\n"));
	close(77);
	g_autofree char *pid_path = g_build_filename(scene->folder, "pid", NULL), *pid = NULL;
	g_assert_true(g_file_get_contents(pid_path, &pid, NULL, NULL));
	g_assert_cmpint(kill(atoi(pid), SIGKILL), ==, 0);
}

static void test_abilities(G_GNUC_UNUSED struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	struct berth_endpoint_port port = {.protocol = (char *) "tcp", .host_port = 8080, .port = 80};
	g_autoptr(GPtrArray) ports = g_ptr_array_new();
	g_autoptr(GHashTable) options = berth_map_new();
	char *names[] = {(char *) "web", (char *) "www", NULL};
	struct berth_network network = {.name = (char *) "n", .options = options};
	struct berth_endpoint endpoint = {.names = names, .ports = ports, .ipv4 = (char *) "10.1.0.5"};
	g_autoptr(berth_cni_list) list = parse(CHAIN("1.0.0"));

	g_ptr_array_add(ports, &port);
	g_hash_table_insert(options, g_strdup("cni.capability.bandwidth"), g_strdup("{\"ingressRate\": 1}"));
	BERTH_AUTO_JSON json_t *abilities = berth_cni_abilities(&network, &endpoint, &error);
	g_assert_no_error(error);
	g_autofree char *text = berth_json_text(abilities);
	g_assert_cmpstr(text, ==,
			"{\"bandwidth\":{\"ingressRate\":1},\"portMappings\":[{\"hostPort\":8080,\"containerPort\":80,"
			"\"protocol\":\"tcp\"}],\"ips\":[\"10.1.0.5\"],\"aliases\":[\"web\",\"www\"]}");
	g_assert_false(berth_cni_abilities_check(list, abilities, "the container", &error));
	g_assert_cmpstr(error->message, ==,
			"the container: what an option asks for cannot be had there: no plugin of the CNI list \"net\" "
			"declares the capability bandwidth");
	g_clear_error(&error);
	json_object_del(abilities, "bandwidth");
	g_assert_true(berth_cni_abilities_check(list, abilities, "the container", &error));
	// What is known is told to who declares it, and nobody has to.
	char *servers[] = {(char *) "10.0.0.9", NULL}, *search[] = {(char *) "a.test", NULL};
	endpoint.cgroup = (char *) "/berth/c0ffee";
	endpoint.dns_servers = servers;
	endpoint.dns_search = search;
	g_hash_table_remove(options, "cni.capability.bandwidth");
	BERTH_AUTO_JSON json_t *facts = berth_cni_abilities(&network, &endpoint, &error);
	g_assert_no_error(error);
	g_assert_true(berth_cni_abilities_check(list, facts, "the container", &error));
	g_autoptr(berth_cni_list) curious = parse("{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"one\","
						  "\"capabilities\":{\"dns\":true,\"cgroupPath\":true}}");
	BERTH_AUTO_JSON json_t *request = berth_cni_request(curious, curious->plugins->pdata[0], "1.0.0", facts, NULL);
	g_autofree char *told = berth_json_text(json_object_get(request, "runtimeConfig"));
	g_assert_cmpstr(
		told, ==,
		"{\"cgroupPath\":\"/berth/c0ffee\",\"dns\":{\"servers\":[\"10.0.0.9\"],\"searches\":[\"a.test\"]}}");
	json_object_set_new(abilities, "mac", json_string("02:00:00:00:00:07")); // declared as false
	g_assert_false(berth_cni_abilities_check(list, abilities, "the container", &error));
	g_clear_error(&error);
	g_hash_table_insert(options, g_strdup("cni.capability.bandwidth"), g_strdup("{"));
	g_assert_null(berth_cni_abilities(&network, &endpoint, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
}

static void test_apply(G_GNUC_UNUSED struct scene *scene, G_GNUC_UNUSED gconstpointer data)
{
	g_autoptr(berth_endpoint) endpoint = berth_document_new(&berth_endpoint_document);
	BERTH_AUTO_JSON json_t *result = json_loads(RESULT1, 0, NULL);
	BERTH_AUTO_JSON json_t *plain = json_loads(RESULT2, 0, NULL);

	endpoint->interface = g_strdup("eth0");
	g_assert_true(berth_cni_result_check(result, "1.0.0", NULL));
	berth_cni_result_apply(result, endpoint);
	g_assert_cmpstr(endpoint->ipv4, ==, "10.1.0.5/16");
	g_assert_cmpstr(endpoint->gateway, ==, "10.1.0.1");
	g_assert_cmpstr(endpoint->mac, ==, "02:00:00:00:00:01");
	g_assert_null(endpoint->ipv6);
	berth_cni_result_apply(plain, endpoint);
	g_assert_cmpstr(endpoint->ipv4, ==, "10.1.0.5/16");
	g_assert_null(endpoint->gateway); // there is no default route
	BERTH_AUTO_JSON json_t *dns =
		json_loads("{\"cniVersion\":\"1.0.0\",\"ips\":[],\"dns\":{\"nameservers\":[\"10.1.0.1\",\"fd00::1\"],"
			   "\"domain\":\"b.test\",\"options\":[\"ndots:3\"]}}",
			   0, NULL);
	g_assert_true(berth_cni_result_check(dns, "1.0.0", NULL));
	berth_cni_result_apply(dns, endpoint);
	g_assert_cmpstr(endpoint->dns_servers[1], ==, "fd00::1");
	g_assert_cmpstr(endpoint->dns_search[0], ==, "b.test");
	g_assert_cmpstr(endpoint->dns_options[0], ==, "ndots:3");
	static const char *const bad[] = {"{\"nameservers\":[\"elsewhere\"]}",
					  "{\"search\":[\"a\\nnameserver 6.6.6.6\"]}", "{\"domain\":\"two words\"}",
					  "{\"options\":[\"\"]}", "{\"search\":7}"};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		BERTH_AUTO_JSON json_t *wrong =
			json_pack("{s:s, s:o}", "cniVersion", "1.0.0", "dns", json_loads(bad[i], 0, NULL));
		g_assert_false(berth_cni_result_check(wrong, "1.0.0", NULL));
	}
	BERTH_AUTO_JSON json_t *moved = berth_cni_result_moved(result, "/proc/1/ns/net", "/new");
	g_autofree char *text = berth_json_text(moved);
	g_assert_nonnull(strstr(text, "\"sandbox\":\"/new\""));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *path;
		void (*test)(struct scene *scene, gconstpointer data);
	} tests[] = {
		{"/cni/lists", test_lists},
		{"/cni/CVE-2021-20206", test_type},
		{"/cni/find", test_find},
		{"/cni/versions", test_versions},
		{"/cni/chain", test_chain},
		{"/cni/1.1", test_new},
		{"/cni/failed-add", test_failed_add},
		{"/cni/output", test_output},
		{"/cni/environment", test_environment},
		{"/cni/abilities", test_abilities},
		{"/cni/apply", test_apply},
	};

	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].path, struct scene, NULL, scene_up, tests[i].test, scene_down);
	return g_test_run();
}
