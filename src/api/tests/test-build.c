// SPDX-License-Identifier: Apache-2.0
// What the API makes of requests for a build, and of what a build tells: Docker's stream, Berth's events, outputs, ssh
// agents, and clients that leave.
#include "api/tests/fixture.h"
#include "base/fd.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

// The whole answer, without the marks of chunks.
static char *ask_whole(const struct fixture *fixture, const char *method, const char *path, const char *head,
		       const char *body)
{
	g_autoptr(GRegex) marks = g_regex_new("\r\n[0-9a-fA-F]+\r\n", 0, 0, NULL);
	g_autofree char *answer = ask(fixture, method, path, head, body);

	return g_regex_replace_literal(marks, answer, -1, 0, "", 0, NULL);
}

static void check_last(const struct fixture *fixture, const char *wanted)
{
	g_autofree char *last = fake_last(fixture->engine);

	g_assert_cmpstr(last, ==, wanted);
}

static void check_has(const char *answer, const char *wanted)
{
	if (!strstr(answer, wanted))
		g_error("%s\nis not in\n%s", wanted, answer);
}

#define ID12 "111111111111"
#define DIGEST12 "333333333333"
static void test_docker_stream(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autofree char *answer = ask_whole(fixture, "POST", "/build?t=x&t=y:1", "", "tar");

	check_has(answer, "HTTP/1.1 200");
	const char *start = strstr(answer, "{\"stream\":\"Step");
	static const char wanted[] = "{\"stream\":\"Step 1/4 : FROM busybox\"}\r\n{\"stream\":\"\\n\"}\r\n"
				     "{\"stream\":\" ---> " DIGEST12 "\\n\"}\r\n"
				     "{\"stream\":\"Step 2/4 : RUN echo hello\"}\r\n{\"stream\":\"\\n\"}\r\n"
				     "{\"stream\":\" ---> Running in " DIGEST12 "\\n\"}\r\n"
				     "{\"stream\":\"hello\\n\"}\r\n"
				     "{\"stream\":\" ---> Removed intermediate container " DIGEST12 "\\n\"}\r\n"
				     "{\"stream\":\" ---> " DIGEST12 "\\n\"}\r\n"
				     "{\"stream\":\"Step 3/4 : COPY . /\"}\r\n{\"stream\":\"\\n\"}\r\n"
				     "{\"stream\":\"later\\n\"}\r\n"
				     "{\"stream\":\" ---> " DIGEST12 "\\n\"}\r\n"
				     "{\"stream\":\"Step 4/4 : CMD true\"}\r\n{\"stream\":\"\\n\"}\r\n"
				     "{\"aux\":{\"ID\":\"sha256:" ID12 ID12 ID12 ID12 ID12 "1111\"}}\r\n"
				     "{\"stream\":\"Successfully built " ID12 "\\n\"}\r\n"
				     "{\"stream\":\"Successfully tagged x:latest\\n\"}\r\n"
				     "{\"stream\":\"Successfully tagged y:1\\n\"}\r\n";
	g_assert_nonnull(start);
	g_autofree char *told = g_strndup(start, strlen(wanted));
	g_assert_cmpstr(told, ==, wanted);
	check_last(fixture, "build source:=tar t:x t:y:1");
}

static void test_quiet(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autofree char *answer = ask_whole(fixture, "POST", "/build?q=1", "", "tar");

	check_has(answer, "{\"stream\":\"sha256:" ID12);
	g_assert_null(strstr(answer, "Step"));
	g_assert_null(strstr(answer, "Successfully"));
}

static void test_failure(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autofree char *step = ask_whole(fixture, "POST", "/build?target=fail", "", "tar");

	check_has(step, "{\"stream\":\"hello\\n\"}");
	check_has(step, "{\"error\":\"The command '/bin/sh -c false' returned a non-zero code: 7\",\"errorDetail\":"
			"{\"code\":7,\"message\":\"The command '/bin/sh -c false' returned a non-zero code: 7\"}}");
	g_assert_null(strstr(step, "Successfully"));
	g_autofree char *early = ask_whole(fixture, "POST", "/build?target=bad", "", "tar");
	check_has(early, "HTTP/1.1 400");
	check_has(early, "{\"message\":\"dockerfile parse error on line 1: x\"}");
}

static void test_parameters(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autofree char *answer = ask_whole(
		fixture, "POST",
		"/build?dockerfile=a/b&nocache=1&pull=1&squash=1&rm=1&forcerm=0&memory=100&memswap=-1&cpushares=3"
		"&cpusetcpus=0-1&cpuperiod=4&cpuquota=5&shmsize=6&networkmode=none&platform=linux/amd64,linux/arm64"
		"&extrahosts=a:1.2.3.4&extrahosts=b:::1&version=1&cachefrom=%5B%22c%22%5D"
		"&buildargs=%7B%22A%22%3A%221%22%2C%22B%22%3Anull%7D&labels=%7B%22l%22%3A%22v%22%7D"
		"&remote=http%3A%2F%2Fx%2F",
		"X-Registry-Config: eyJodHRwczovL2luZGV4LmRvY2tlci5pby92MS8iOnsidXNlcm5hbWUiOiJ1IiwicGFzc3dvcmQiOiJwIn"
		"19\r\n",
		"");

	check_has(answer, "HTTP/1.1 200");
	check_last(fixture, "build -f a/b source:=http://x/ arg:A=1 arg:B=(null) label:l=v platform:linux/amd64 "
			    "platform:linux/arm64 from:c host:a:1.2.3.4 host:b:::1 no-cache pull squash "
			    "limits 100 -1 3 4 5 6 0-1 network none credentials 1");
}

static void test_refusals(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	static const struct {
		const char *query, *message;
		int status;
	} cases[] = {
		{"version=2", "BuildKit's protocol is not supported", 501},
		{"remote=client-session", "BuildKit's protocol is not supported", 501},
		{"isolation=hyperv", "isolation hyperv", 400},
		{"securityopt=%5B%22x%22%5D", "securityopt", 501},
		{"t=UPPER", "invalid reference format", 400},
		{"t=a@sha256:1111111111111111111111111111111111111111111111111111111111111111",
		 "refusing to create a tag with a digest reference", 400},
		{"buildargs=%5B%5D", "query parameter buildargs: expected a JSON object", 400},
		{"labels=%7B%22a%22%3A1%7D", "query parameter labels: a: expected a string", 400},
		{"memory=-5", "query parameter memory: is negative", 400},
		{"progress=x", "query parameter progress", 400},
		{"allow=x", "entitlement x", 400},
		{"buildid=a/b", "query parameter buildid", 400},
		{"outputs=%5B%7B%7D%5D", "outputs: one has no Type", 400},
		{"outputs=%5B%7B%22Type%22%3A%22tar%22%7D%5D", "type tar comes only in a stream of events", 400},
		{"context=x", "expected NAME=ADDRESS", 400},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strconcat("/build?", cases[i].query, NULL);
		g_autofree char *answer = ask_whole(fixture, "POST", path, "", "tar");
		check_has(answer, cases[i].message);
		g_assert_cmpint(atoi(answer + strlen("HTTP/1.1 ")), ==, cases[i].status);
	}
	g_autofree char *empty = ask_whole(fixture, "POST", "/build", "", "");
	check_has(empty, "the build has no context");
	g_autofree char *session = ask_whole(fixture, "POST", "/session", "", "");
	check_has(session, "HTTP/1.1 501");
	check_has(session, "BuildKit's protocol is not supported");
}

#define PARTS "X-Berth-Build: 1\r\n"
static void test_parts(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autofree char *answer = ask_whole(fixture, "POST", "/build", PARTS,
					    "dockerfile 12 -\nFROM scratch"
					    "secret 3 token\nabc"
					    "context 2 libs\nti"
					    "context 4 more libs\nmore"
					    "context 2 libs\nny"
					    "end 0 -\nthe rest");

	check_has(answer, "HTTP/1.1 200");
	check_last(fixture, "build source:=the rest source:libs=tiny source:more libs=more secret:token=abc "
			    "dockerfile=FROM scratch");
	static const char *const broken[] = {"dockerfile x -\n",
					     "dockerfile 10 -\nabc",
					     "what 0 -\n",
					     "secret 3\n",
					     "secret 9999999 big\n",
					     "dockerfile 0 -\ndockerfile 0 -\n",
					     ""};
	for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
		g_autofree char *refusal = ask_whole(fixture, "POST", "/build", PARTS, broken[i]);
		if (!strstr(refusal, "HTTP/1.1 400"))
			g_error("%s: %s", broken[i], refusal);
	}
}

static void test_events(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autofree char *answer = ask_whole(
		fixture, "POST", "/build?progress=events&outputs=%5B%7B%22Type%22%3A%22tar%22%7D%5D", "", "tar");

	check_has(answer, "{\"kind\":\"planned\",\"vertex\":1,\"name\":\"[1/3] FROM busybox\",");
	check_has(answer, "\"kind\":\"log\",\"vertex\":2,");
	check_has(answer, "{\"kind\":\"output\",\"bytes\":6}\nbytes\n{\"kind\":\"result\",\"image\":\"sha256:1111");
	g_autofree char *failed = ask_whole(fixture, "POST", "/build?progress=events&target=fail", "", "tar");
	check_has(failed, "{\"kind\":\"error\",\"text\":\"failed to solve: process \\\"/bin/sh -c false\\\"");
	check_has(failed, "\"code\":7}");
}

static void test_cancel(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GString) text = g_string_new(NULL);
	berth_fd fd = send_request(fixture, "POST", "/build?target=slow&buildid=b1", "Connection: close\r\n", "tar");

	wait_for_streams(fixture, 1);
	g_autofree char *again = ask_whole(fixture, "POST", "/build?target=slow&buildid=b1", "", "tar");
	check_has(again, "HTTP/1.1 409");
	g_autofree char *canceled = ask_whole(fixture, "POST", "/build/cancel?id=b1", "", "");
	check_has(canceled, "HTTP/1.1 204");
	read_until(fd, text, NULL);
	check_has(text->str, "\"error\":\"canceled\"");
	wait_for_streams(fixture, 0);
	g_autofree char *missing = ask_whole(fixture, "POST", "/build/cancel?id=b1", "", "");
	check_has(missing, "HTTP/1.1 404");
}

static void test_client_leaves(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	int fd = send_request(fixture, "POST", "/build?target=slow", "", "tar");

	wait_for_streams(fixture, 1);
	close(fd);
	wait_for_streams(fixture, 0);
}

static void test_resize(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autofree char *done = ask(fixture, "POST", "/build/kept/resize?h=30&w=90", "", "");

	check_has(done, "HTTP/1.1 200");
	check_last(fixture, "resize kept 90x30");
	g_autofree char *half = ask(fixture, "POST", "/build/kept/resize?h=30", "", "");
	check_has(half, "HTTP/1.1 400");
}

static void test_agent(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GString) text = g_string_new(NULL), agent_text = g_string_new(NULL);
	berth_fd fd = send_request(fixture, "POST", "/build?target=agent&buildid=b2&ssh=default",
				   "Connection: close\r\n", "tar");

	read_until(fd, text, "Step 2/4"); // it has begun
	berth_fd agent = send_request(fixture, "POST", "/build/b2/agent?name=default",
				      "Connection: Upgrade\r\nUpgrade: tcp\r\n", "");
	read_until(agent, agent_text, "ping");
	check_has(agent_text->str, "HTTP/1.1 101");
	read_until(fd, text, NULL);
	check_has(text->str, "Successfully built");
	g_autofree char *late = ask_whole(fixture, "POST", "/build/b2/agent?name=default",
					  "Connection: Upgrade\r\nUpgrade: tcp\r\n", "");
	check_has(late, "HTTP/1.1 404");
}

static void test_cache(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autofree char *pruned = ask_whole(fixture, "POST",
					    "/build/prune?all=1&reserved-space=5&max-used-space=6&min-free-space=7"
					    "&filters=%7B%22until%22%3A%5B%221h%22%5D%7D",
					    "", "");

	check_has(pruned, "{\"CachesDeleted\":[\"record1\"],\"SpaceReclaimed\":1000}");
	check_last(fixture, "prune 1 5 6 7 1");
	g_autofree char *wrong =
		ask_whole(fixture, "POST", "/build/prune?filters=%7B%22x%22%3A%5B%22y%22%5D%7D", "", "");
	check_has(wrong, "invalid filter 'x'");
	g_autofree char *usage = ask_whole(fixture, "GET", "/system/df?type=build-cache", "", "");
	check_has(usage, "{\"ID\":\"record1\",\"Parents\":[\"record0\"],\"Type\":\"regular\"");
	g_autofree char *older = ask_whole(fixture, "GET", "/v1.41/system/df?type=build-cache", "", "");
	check_has(older, "\"BuilderSize\":1000");
	check_has(older, "\"Parent\":");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *path;
		void (*test)(struct fixture *fixture, const void *data);
	} tests[] = {
		{"/build/docker-stream", test_docker_stream},
		{"/build/quiet", test_quiet},
		{"/build/failure", test_failure},
		{"/build/parameters", test_parameters},
		{"/build/refusals", test_refusals},
		{"/build/parts", test_parts},
		{"/build/events", test_events},
		{"/build/cancel", test_cancel},
		{"/build/client-leaves", test_client_leaves},
		{"/build/agent", test_agent},
		{"/build/resize", test_resize},
		{"/build/cache", test_cache},
	};

	signal(SIGPIPE, SIG_IGN);
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].path, struct fixture, NULL, set_up, tests[i].test, tear_down);
	return g_test_run();
}
