// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/json.h"
#include "cli/container-options.h"
#include "cli/session.h"
#include "spec/api.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

// What `run` would send for a command line; words are separated by spaces.
static json_t *request_of(const char *line, GError **error)
{
	g_auto(GStrv) argv = g_strsplit(line, " ", -1);
	g_auto(GStrv) arguments = NULL;
	struct berth_container_options options = {0};
	bool help;
	json_t *json = NULL;

	if (berth_flags_parse(berth_run_flags, &options, (int) g_strv_length(argv), argv, 0, &arguments, &help,
			      error)) {
		g_autoptr(api_container_create) request = berth_container_request(&options, arguments, error);
		if (request)
			json = berth_document_print(&api_container_create_document, request, API_VERSION_MAX);
	}
	berth_flags_clear(berth_run_flags, &options);
	return json;
}

// One part of the request as compact text, by a path as "HostConfig.Memory".
static char *part(const char *line, const char *path)
{
	g_autoptr(GError) error = NULL;
	BERTH_AUTO_JSON json_t *json = request_of(line, &error);
	g_auto(GStrv) names = g_strsplit(path, ".", -1);
	const json_t *at = json;

	g_assert_no_error(error);
	for (char **name = names; *name; name++)
		at = json_object_get(at, *name);
	char *text = json_dumps(at, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
	char *copy = g_strdup(text ? text : "nothing");
	free(text);
	return copy;
}

static void test_request(void)
{
	static const struct {
		const char *line, *path, *value;
	} cases[] = {
		{"run busybox", "Image", "\"busybox\""},
		{"run busybox", "Cmd", "null"},
		{"run busybox", "HostConfig.NetworkMode", "\"default\""},
		{"run busybox sh -c x", "Cmd", "[\"sh\",\"-c\",\"x\"]"},
		{"run busybox", "AttachStdout", "true"},
		{"run busybox", "AttachStdin", "false"},
		{"run -i busybox", "StdinOnce", "true"},
		{"run -d busybox", "AttachStdout", "false"},
		{"run -di busybox", "StdinOnce", "false"},
		{"run -a stderr busybox", "AttachStdout", "false"},
		{"run -a STDERR busybox", "AttachStderr", "true"},
		{"run --entrypoint x busybox", "Entrypoint", "[\"x\"]"},
		{"run --entrypoint= busybox", "Entrypoint", "[\"\"]"},
		{"run busybox", "Entrypoint", "null"},
		{"run --stop-timeout 0 busybox", "StopTimeout", "0"},
		{"run busybox", "StopTimeout", "nothing"},
		{"run -w /tmp -u 1:2 -h box busybox", "WorkingDir", "\"/tmp\""},
		{"run -h box busybox", "Hostname", "\"box\""},
		{"run -e A=1 -e B=x=y busybox", "Env", "[\"A=1\",\"B=x=y\"]"},
		{"run -e BERTH_TEST_SET -e BERTH_TEST_UNSET busybox", "Env", "[\"BERTH_TEST_SET=here\"]"},
		{"run -l a=b -l c busybox", "Labels", "{\"a\":\"b\",\"c\":\"\"}"},
		{"run -m 64m --memory-swap -1 busybox", "HostConfig.Memory", "67108864"},
		{"run -m 64m --memory-swap -1 busybox", "HostConfig.MemorySwap", "-1"},
		{"run --cpus 1.5 busybox", "HostConfig.NanoCpus", "1500000000"},
		{"run --pids-limit -1 busybox", "HostConfig.PidsLimit", "-1"},
		{"run busybox", "HostConfig.PidsLimit", "null"},
		{"run busybox", "HostConfig.MemorySwappiness", "null"},
		{"run --memory-swappiness 0 busybox", "HostConfig.MemorySwappiness", "0"},
		{"run --init busybox", "HostConfig.Init", "true"},
		{"run --init=false busybox", "HostConfig.Init", "false"},
		{"run busybox", "HostConfig.Init", "nothing"},
		{"run --rm busybox", "HostConfig.AutoRemove", "true"},
		{"run --restart on-failure:3 busybox", "HostConfig.RestartPolicy",
		 "{\"MaximumRetryCount\":3,\"Name\":\"on-failure\"}"},
		{"run -v /a:/b:ro busybox", "HostConfig.Binds", "[\"/a:/b:ro\"]"},
		{"run -v /data busybox", "Volumes", "{\"/data\":{}}"},
		{"run -v named:/data busybox", "HostConfig.Binds", "[\"named:/data\"]"},
		{"run --tmpfs /t:size=1m --tmpfs /u busybox", "HostConfig.Tmpfs", "{\"/t\":\"size=1m\",\"/u\":\"\"}"},
		{"run --mount type=bind,src=/a,dst=/b,readonly busybox", "HostConfig.Mounts",
		 "[{\"ReadOnly\":true,\"Source\":\"/a\",\"Target\":\"/b\",\"Type\":\"bind\"}]"},
		{"run --mount type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770 busybox", "HostConfig.Mounts",
		 "[{\"Target\":\"/t\",\"TmpfsOptions\":{\"Mode\":1016,\"SizeBytes\":1048576},\"Type\":\"tmpfs\"}]"},
		{"run --ulimit nofile=10:20 --ulimit core=-1 busybox", "HostConfig.Ulimits",
		 "[{\"Hard\":20,\"Name\":\"nofile\",\"Soft\":10},{\"Hard\":-1,\"Name\":\"core\",\"Soft\":-1}]"},
		{"run --device /dev/null:/dev/x:r busybox", "HostConfig.Devices",
		 "[{\"CgroupPermissions\":\"r\",\"PathInContainer\":\"/dev/x\",\"PathOnHost\":\"/dev/null\"}]"},
		{"run --device /dev/null:rw busybox", "HostConfig.Devices",
		 "[{\"CgroupPermissions\":\"rw\",\"PathInContainer\":\"/dev/null\",\"PathOnHost\":\"/dev/null\"}]"},
		{"run --device-read-bps /dev/sda:1mb busybox", "HostConfig.BlkioDeviceReadBps",
		 "[{\"Path\":\"/dev/sda\",\"Rate\":1048576}]"},
		{"run --security-opt no-new-privileges --security-opt seccomp=unconfined busybox",
		 "HostConfig.SecurityOpt", "[\"no-new-privileges\",\"seccomp=unconfined\"]"},
		{"run --security-opt systempaths=unconfined busybox", "HostConfig.MaskedPaths", "[]"},
		{"run busybox", "HostConfig.MaskedPaths", "null"},
		{"run --network none busybox", "HostConfig.NetworkMode", "\"none\""},
		{"run --net host busybox", "HostConfig.NetworkMode", "\"host\""},
		{"run -p 8080:80 busybox", "HostConfig.PortBindings",
		 "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"8080\"}]}"},
		{"run -p 127.0.0.1::53/udp busybox", "HostConfig.PortBindings",
		 "{\"53/udp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"\"}]}"},
		{"run -p [::1]:81-82:91-92 busybox", "HostConfig.PortBindings",
		 "{\"91/tcp\":[{\"HostIp\":\"::1\",\"HostPort\":\"81\"}],\"92/tcp\":[{\"HostIp\":\"::1\",\"HostPort\":"
		 "\"82\"}]}"},
		{"run -p 8080-8090:80 busybox", "HostConfig.PortBindings",
		 "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"8080-8090\"}]}"},
		{"run -p published=53,target=53,protocol=udp busybox", "HostConfig.PortBindings",
		 "{\"53/udp\":[{\"HostIp\":\"\",\"HostPort\":\"53\"}]}"},
		{"run -p 0:80/sctp busybox", "HostConfig.PortBindings",
		 "{\"80/sctp\":[{\"HostIp\":\"\",\"HostPort\":\"0\"}]}"},
		{"run --network none busybox", "NetworkingConfig", "nothing"},
		{"run --network name=a,ip=10.0.0.2,alias=x --network b busybox", "HostConfig.NetworkMode", "\"a\""},
		{"run --network name=a,ip=10.0.0.2 busybox", "NetworkingConfig.EndpointsConfig.a.IPAMConfig",
		 "{\"IPv4Address\":\"10.0.0.2\"}"},
		{"run --network a --link x:y busybox", "NetworkingConfig.EndpointsConfig.a.Links", "[\"x:y\"]"},
		{"run --link x:y busybox", "NetworkingConfig.EndpointsConfig.default.Links", "null"},
		{"run --mac-address 02:42:ac:11:00:02 busybox", "NetworkingConfig.EndpointsConfig.default.MacAddress",
		 "\"02:42:ac:11:00:02\""},
		{"run --mac-address 02:42:ac:11:00:02 busybox", "MacAddress", "nothing"},
		{"run --add-host a=[::1] busybox", "HostConfig.ExtraHosts", "[\"a:::1\"]"},
		{"run --mount type=image,src=a,dst=/b,image-subpath=c busybox", "HostConfig.Mounts",
		 "[{\"ImageOptions\":{\"Subpath\":\"c\"},\"Source\":\"a\",\"Target\":\"/b\",\"Type\":\"image\"}]"},
		{"run --mount type=bind,src=/a,dst=/b,uid=0,gid=7 busybox", "HostConfig.Mounts",
		 "[{\"GID\":7,\"Source\":\"/a\",\"Target\":\"/b\",\"Type\":\"bind\",\"UID\":0}]"},
		{"run --expose 7000-7001/udp busybox", "ExposedPorts", "{\"7000/udp\":{},\"7001/udp\":{}}"},
		{"run --health-cmd x --health-interval 1m busybox", "Healthcheck",
		 "{\"Interval\":60000000000,\"Test\":[\"CMD-SHELL\",\"x\"]}"},
		{"run --no-healthcheck busybox", "Healthcheck", "{\"Test\":[\"NONE\"]}"},
		{"run --log-driver none --log-opt max-size=1m busybox", "HostConfig.LogConfig",
		 "{\"Config\":{\"max-size\":\"1m\"},\"Type\":\"none\"}"},
		{"run --oom-score-adj -500 busybox", "HostConfig.OomScoreAdj", "-500"},
		{"run --sysctl a.b=1 --annotation x=y busybox", "HostConfig.Sysctls", "{\"a.b\":\"1\"}"},
	};
	g_setenv("BERTH_TEST_SET", "here", TRUE);
	g_unsetenv("BERTH_TEST_UNSET");
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *value = part(cases[i].line, cases[i].path);
		g_test_message("%s", cases[i].line);
		g_assert_cmpstr(value, ==, cases[i].value);
	}
}

static void test_wrong(void)
{
	static const struct {
		const char *line, *message;
	} cases[] = {
		{"run --rm --restart always x", "conflicting options: cannot specify both --restart and --rm"},
		{"run -d -a stdout x", "conflicting options: cannot specify both --attach and --detach"},
		{"run -a nowhere x", "valid streams are STDIN, STDOUT and STDERR"},
		{"run --gpus some x", "invalid count (some): value must be either"},
		{"run --pull maybe x", "invalid pull option: 'maybe'"},
		{"run -e =x x", "invalid environment variable: =x"},
		{"run -l =x x", "empty name"},
		{"run -v a:b x", "invalid volume specification: 'a:b'"},
		{"run -v /a:/b:ro:z x", "invalid volume specification"},
		{"run --mount type=bind x", "target is required"},
		{"run --mount type=bind,bogus=1,target=/x x", "unexpected key 'bogus'"},
		{"run --mount type=bind,target=/x,tmpfs-size=1 x",
		 "cannot mix 'tmpfs-*' options with mount type 'bind'"},
		{"run --mount target x", "must be a key=value pair"},
		{"run --ulimit bogus=1 x", "invalid ulimit type: bogus"},
		{"run --ulimit nofile=3:2 x", "less than or equal to hard limit"},
		{"run --ulimit nofile x", "expected nofile=SOFT[:HARD]"},
		{"run --ulimit nofile=1:2:3 x", "expected nofile=SOFT[:HARD]"},
		{"run --device /a:/b:q x", "invalid device specification"},
		{"run --device-read-bps sda:1 x", "invalid rate for device: sda:1"},
		{"run --blkio-weight-device /dev/sda:5 x", "invalid weight for device"},
		{"run --restart on-failure:x x", "maximum retry count must be an integer"},
		{"run --security-opt bogus x", "invalid --security-opt: \"bogus\""},
		{"run --security-opt seccomp=/nonexistent x", "opening seccomp profile (/nonexistent) failed"},
		{"run -p 99999:1 x", "for \"-p, --publish\" flag"},
		{"run -p 80:80:80:80 x", "invalid IP address: 80:80"},
		{"run -p 70000-1:1 x", "invalid hostPort: 70000-1"},
		{"run -p 18446744073709551617 x", "invalid containerPort"},
		{"run --network a --network a x", "network \"a\" is specified multiple times"},
		{"run --network a --network host x", "cannot attach both user-defined and non-user-defined"},
		{"run --network host --network-alias b x", "only supported for user-defined networks"},
		{"run --network name=a,bogus=1 x", "invalid field key bogus"},
		{"run --mac-address 02:42 x", "02:42 is not a valid mac address"},
		{"run --mount type=bind,src=/a,dst=/b,uid=4294967295 x", "invalid value for uid"},
		{"run --mount \"type=bind,target=/x x", "a quote is not closed"},
		{"run -p 1-3:1-2 x", "for \"-p, --publish\" flag"},
		{"run -p 80/bogus x", "for \"-p, --publish\" flag"},
		{"run --expose 0 x", "invalid range format for --expose"},
		{"run --sysctl a x", "invalid option 'a': expected key=value"},
		{"run --health-cmd x --no-healthcheck x", "--no-healthcheck conflicts"},
		{"run --env-file /nonexistent x", "/nonexistent"},
		{"run --cpus=-1 x", "--cpus must not be negative"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		BERTH_AUTO_JSON json_t *json = request_of(cases[i].line, &error);
		g_test_message("%s", cases[i].line);
		g_assert_null(json);
		g_assert_nonnull(error);
		g_assert_nonnull(strstr(error->message, cases[i].message));
	}
}

// A file with this text; the caller frees its path and removes it.
static char *write_file(const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = NULL;
	int fd = g_file_open_tmp("berth-test-XXXXXX", &path, &error);
	g_assert_no_error(error);
	g_assert_cmpint(write(fd, text, strlen(text)), ==, (ssize_t) strlen(text));
	close(fd);
	return g_steal_pointer(&path);
}

static void test_env_file(void)
{
	g_autofree char *path =
		write_file("# a comment\n\nA=1\n  B=two words \r\nBERTH_TEST_SET\nBERTH_TEST_UNSET\nC=\n");
	g_autofree char *line = g_strdup_printf("run --env-file %s -e A=2 busybox", path);
	g_setenv("BERTH_TEST_SET", "here", TRUE);
	g_autofree char *env = part(line, "Env");
	g_assert_cmpstr(env, ==, "[\"A=1\",\"B=two words \",\"BERTH_TEST_SET=here\",\"C=\",\"A=2\"]");
	unlink(path);

	static const struct {
		const char *text, *message;
	} wrong[] = {{"a b=1\n", "variable 'a b' contains whitespaces"}, {"=1\n", "no variable name on line '=1'"}};
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *bad = write_file(wrong[i].text);
		g_autofree char *command = g_strdup_printf("run --env-file %s busybox", bad);
		g_assert_null(request_of(command, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_nonnull(strstr(error->message, wrong[i].message));
		unlink(bad);
	}
}

static void test_seccomp_file(void)
{
	g_autofree char *path = write_file("{ \"defaultAction\" : \"SCMP_ACT_ALLOW\" }\n");
	g_autofree char *line = g_strdup_printf("run --security-opt seccomp=%s busybox", path);
	g_autofree char *option = part(line, "HostConfig.SecurityOpt");
	g_assert_cmpstr(option, ==, "[\"seccomp={\\\"defaultAction\\\":\\\"SCMP_ACT_ALLOW\\\"}\"]");
	unlink(path);
}

static void test_frames(void)
{
	static const char stream[] = "\1\0\0\0\0\0\0\3out\2\0\0\0\0\0\0\5error\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\2!\n";
	// In one piece, and byte by byte.
	for (size_t step = 1; step <= sizeof stream; step += sizeof stream - 1) {
		g_autoptr(GError) error = NULL;
		int out[2], err[2];
		char text[16] = "";
		g_assert_cmpint(pipe(out), ==, 0);
		g_assert_cmpint(pipe(err), ==, 0);
		struct berth_frames frames = {.out = out[1], .err = err[1]};
		for (size_t at = 0; at < sizeof stream - 1; at += step)
			g_assert_true(
				berth_frames_write(&frames, stream + at, MIN(step, sizeof stream - 1 - at), &error));
		close(out[1]);
		close(err[1]);
		g_assert_cmpint(read(out[0], text, sizeof text), ==, 5);
		g_assert_cmpstr(text, ==, "out!\n");
		g_assert_cmpint(read(err[0], text, sizeof text), ==, 5);
		g_assert_cmpmem(text, 5, "error", 5);
		close(out[0]);
		close(err[0]);
		berth_frames_clear(&frames);
	}
	g_autoptr(GError) error = NULL;
	struct berth_frames frames = {.out = -1, .err = -1};
	g_assert_false(berth_frames_write(&frames, "HTTP/1.1", 8, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	berth_frames_clear(&frames);
}

static void test_start_status(void)
{
	g_assert_cmpint(berth_session_start_status("exec: \"x\": executable file not found in $PATH"), ==, 127);
	g_assert_cmpint(berth_session_start_status("exec: \"/x\": no such file or directory"), ==, 127);
	g_assert_cmpint(berth_session_start_status("exec: \"/etc\": permission denied"), ==, 126);
	g_assert_cmpint(berth_session_start_status("exec: \"/etc\": is a directory"), ==, 126);
	g_assert_cmpint(berth_session_start_status("driver failed"), ==, 125);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/options/request", test_request);
	g_test_add_func("/options/wrong", test_wrong);
	g_test_add_func("/options/env-file", test_env_file);
	g_test_add_func("/options/seccomp-file", test_seccomp_file);
	g_test_add_func("/session/frames", test_frames);
	g_test_add_func("/session/start-status", test_start_status);
	return g_test_run();
}
