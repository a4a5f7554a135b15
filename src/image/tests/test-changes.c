// SPDX-License-Identifier: Apache-2.0
#include "image/images-internal.h"

#include "base/error.h"

#include <string.h>

// Applies lines, separated by "|", to an empty configuration; gives it as JSON, or the error's message.
static char *change(const char *lines)
{
	g_autoptr(oci_image_execution) config = berth_document_new(&oci_image_execution_document);
	g_auto(GStrv) list = g_strsplit(lines, "|", -1);

	for (char **line = list; *line; line++) {
		g_autoptr(GError) error = NULL;
		if (berth_image_change(config, *line, &error))
			continue;
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		return g_strdup(error->message);
	}
	return berth_document_print_text(&oci_image_execution_document, config, 0);
}

static const struct {
	const char *lines, *expected;
} cases[] = {
	{"CMD [\"sh\", \"-c\", \"x\"]", "{\"Cmd\":[\"sh\",\"-c\",\"x\"]}"},
	{"CMD echo \"a b\" $HOME", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"echo \\\"a b\\\" $HOME\"]}"},
	{"cmd [not json", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"[not json\"]}"},
	{"CMD []", "{\"Cmd\":[]}"},
	{"SHELL [\"/bin/bash\",\"-lc\"]|CMD x",
	 "{\"Cmd\":[\"/bin/bash\",\"-lc\",\"x\"],\"Shell\":[\"/bin/bash\",\"-lc\"]}"},
	{"ENTRYPOINT [\"/init\"]", "{\"Entrypoint\":[\"/init\"]}"},
	{"ENV A=1 B=\"2 3\" C='4 $A' D=5\\ 6", "{\"Env\":[\"A=1\",\"B=2 3\",\"C=4 $A\",\"D=5 6\"]}"},
	{"ENV A=1|ENV A=2 B=$A", "{\"Env\":[\"A=2\",\"B=1\"]}"},
	{"ENV PATH=/bin|ENV PATH=/x:${PATH}", "{\"Env\":[\"PATH=/x:/bin\"]}"},
	{"ENV KEY all the rest", "{\"Env\":[\"KEY=all the rest\"]}"},
	{"ENV KEY", "change \"ENV KEY\": ENV must have two arguments"},
	{"ENV A=1 B", "change \"ENV A=1 B\": Syntax error - can't find = in \"B\". Must be of the form: name=value"},
	{"ENV =1", "change \"ENV =1\": ENV names can not be blank"},
	{"ENV A=\"1", "change \"ENV A=\"1\": unexpected end of statement while looking for matching double-quote"},
	{"ENV A=${B:-1}", "change \"ENV A=${B:-1}\": unsupported substitution: ${B:-1}"},
	{"ENV A=x$B.y", "{\"Env\":[\"A=x.y\"]}"},
	{"LABEL a=1 \"b c\"=\"2\"", "{\"Labels\":{\"a\":\"1\",\"b c\":\"2\"}}"},
	{"EXPOSE 80 53/udp 8000-8002/TCP 80/tcp",
	 "{\"ExposedPorts\":{\"53/udp\":{},\"80/tcp\":{},\"8000/tcp\":{},\"8001/tcp\":{},\"8002/tcp\":{}}}"},
	{"EXPOSE 0", "change \"EXPOSE 0\": invalid containerPort: 0"},
	{"EXPOSE 70000", "change \"EXPOSE 70000\": invalid containerPort: 70000"},
	{"EXPOSE 9-8", "change \"EXPOSE 9-8\": invalid containerPort: 9-8"},
	{"EXPOSE 80/xyz", "change \"EXPOSE 80/xyz\": invalid proto: xyz"},
	{"EXPOSE 80x", "change \"EXPOSE 80x\": invalid containerPort: 80x"},
	{"USER 1000:1000", "{\"User\":\"1000:1000\"}"},
	{"USER a b", "change \"USER a b\": USER requires exactly one argument"},
	{"WORKDIR /a|WORKDIR b/../c", "{\"WorkingDir\":\"/a/c\"}"},
	{"WORKDIR x", "{\"WorkingDir\":\"/x\"}"},
	{"VOLUME [\"/b\", \"/a\"]", "{\"Volumes\":{\"/a\":{},\"/b\":{}}}"},
	{"VOLUME /a /b|VOLUME /a", "{\"Volumes\":{\"/a\":{},\"/b\":{}}}"},
	{"STOPSIGNAL SIGQUIT", "{\"StopSignal\":\"SIGQUIT\"}"},
	{"STOPSIGNAL a;b", "change \"STOPSIGNAL a;b\": invalid signal: a;b"},
	{"HEALTHCHECK NONE", "{\"Healthcheck\":{\"Test\":[\"NONE\"]}}"},
	{"HEALTHCHECK --interval=5s --timeout=1m --retries=3 CMD curl -f x",
	 "{\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"curl -f x\"],\"Interval\":5000000000,\"Timeout\":60000000000,"
	 "\"Retries\":3}}"},
	{"HEALTHCHECK CMD [\"true\"]", "{\"Healthcheck\":{\"Test\":[\"CMD\",\"true\"]}}"},
	{"HEALTHCHECK --never CMD x", "change \"HEALTHCHECK --never CMD x\": Unknown flag: --never"},
	{"HEALTHCHECK CMD", "change \"HEALTHCHECK CMD\": Missing command after HEALTHCHECK CMD"},
	{"HEALTHCHECK x", "change \"HEALTHCHECK x\": Unknown type \"x\" in HEALTHCHECK (try CMD)"},
	{"ONBUILD RUN make", "{\"OnBuild\":[\"RUN make\"]}"},
	{"ONBUILD FROM x", "change \"ONBUILD FROM x\": FROM isn't allowed as an ONBUILD trigger"},
	{"SHELL /bin/sh",
	 "change \"SHELL /bin/sh\": SHELL requires the arguments to be in JSON form, with at least one"},
	{"RUN make", "RUN is not a valid change command"},
	{"CMD", "CMD requires at least one argument"},
	{" ", "\"\" is not a valid change command"},
	{"ENV A=1\nENV B=2", "a change must be one line: \"ENV A=1\nENV B=2\""},
};

static void test_cases(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *found = change(cases[i].lines);
		g_test_message("%zu", i);
		g_assert_cmpstr(found, ==, cases[i].expected);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/changes/cases", test_cases);
	return g_test_run();
}
