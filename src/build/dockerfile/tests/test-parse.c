// SPDX-License-Identifier: Apache-2.0
#include "base/limits.h"
#include "build/dockerfile/tests/dump.h"

#include <string.h>

#define FROM "FROM a\n"
#define FROM_DUMP "1-1 FROM a\n"

static const struct {
	const char *text, *dump;
} cases[] = {
	{"FROM busybox", "1-1 FROM busybox\n"},
	{"from busybox:1 as Base\n", "1-1 FROM busybox:1 as=base\n"},
	{"\xef\xbb\xbf" FROM, FROM_DUMP},
	{"FROM --platform=$BUILDPLATFORM ${x:-y} AS b-1_2.3\r\n",
	 "1-1 FROM ${x:-y} as=b-1_2.3 platform=$BUILDPLATFORM\n"},
	{"\n\n  # comment\n \t FROM a\n", "4-4 FROM a\n"},
	{"ARG v=1 w\nARG x\nFROM a:$v\n", "1-1 ARG [v=1] [w]\n2-2 ARG [x]\n3-3 FROM a:$v\n"},
	{"# a the first\nARG a\n# no word of it\nARG b\n# c too\n\nARG c\n# s the stage\nFROM a AS s\n",
	 "2-2 ARG [a] comment=the first\n4-4 ARG [b]\n7-7 ARG [c]\n9-9 FROM a as=s comment=the stage\n"},
	{"FROM a\nFROM b\nRUN x\nFROM 1\n", "1-1 FROM a\n2-2 FROM b\n3-3 RUN shell [x]\n4-4 FROM 1\n"},
	// lines
	{FROM "RUN a \\\n  b\n", FROM_DUMP "2-3 RUN shell [a   b]\n"},
	{FROM "RUN a \\  \t\n  b\n", FROM_DUMP "2-3 RUN shell [a   b]\n"},
	{FROM "RUN a \\\r\n  b\r\n", FROM_DUMP "2-3 RUN shell [a   b]\n"},
	{FROM "RUN a\\\nb\n", FROM_DUMP "2-3 RUN shell [ab]\n"},
	{FROM "RUN a \\\\\nRUN b\n", FROM_DUMP "2-2 RUN shell [a \\\\]\n3-3 RUN shell [b]\n"},
	{FROM "RUN a \\\n# comment\n  # and \\\n\n   \n  b \\\n c\nRUN d\n",
	 FROM_DUMP "2-8 RUN shell [a   b  c]\n9-9 RUN shell [d]\n"},
	{FROM "RUN a \\\n", FROM_DUMP "2-2 RUN shell [a]\n"},
	{FROM "RUN a # no comment\n", FROM_DUMP "2-2 RUN shell [a # no comment]\n"},
	{FROM "RUN \\\n  a\n", FROM_DUMP "2-3 RUN shell [a]\n"},
	{FROM "\\\nRUN a\n", FROM_DUMP "2-3 RUN shell [a]\n"},
	{FROM "RU\\\nN a\n", FROM_DUMP "2-3 RUN shell [a]\n"},
	{FROM "RUN\ta\n", FROM_DUMP "2-2 RUN shell [a]\n"},
	{FROM "run echo \"a\\n\"   'b  c'  \n", FROM_DUMP "2-2 RUN shell [echo \"a\\n\"   'b  c']\n"},
	{"# escape=`\nFROM a\nRUN dir c:\\ `\n  x\nCOPY a c:\\\nRUN b\n",
	 "2-2 FROM a\n3-4 RUN shell [dir c:\\   x]\n5-5 COPY [a] to=c:\\\n6-6 RUN shell [b]\n"},
	{"# comment\n# escape=`\nFROM a\nRUN a `\nRUN b \\\n c\n",
	 "3-3 FROM a\n4-4 RUN shell [a `]\n5-6 RUN shell [b  c]\n"},
	{"# unknown=x\n# escape=`\nFROM a\nRUN b \\\n c\n", "3-3 FROM a\n4-5 RUN shell [b  c]\n"},
	{"\n# escape=`\nFROM a\nRUN b \\\n c\n", "3-3 FROM a\n4-5 RUN shell [b  c]\n"},
	{"#syntax = docker/dockerfile:1 \n# ESCAPE = `\nFROM a\nRUN b `\n c\n", "3-3 FROM a\n4-5 RUN shell [b  c]\n"},
	// commands
	{FROM "CMD [\"a\", \"b c\"]\n", FROM_DUMP "2-2 CMD exec [a] [b c]\n"},
	{FROM "CMD [ 'a' ]\n", FROM_DUMP "2-2 CMD shell [[ 'a' ]]\n"},
	{FROM "CMD [\"a\\d\"]\n", FROM_DUMP "2-2 CMD shell [[\"a\\d\"]]\n"},
	{FROM "CMD []\nCMD\n", FROM_DUMP "2-2 CMD exec\n3-3 CMD shell\n"},
	{FROM "CMD [\"a\"] b\nCMD [\"a\",]\n", FROM_DUMP "2-2 CMD shell [[\"a\"] b]\n3-3 CMD shell [[\"a\",]]\n"},
	{FROM "ENTRYPOINT [\"a\", \\\n \"b\"]\n", FROM_DUMP "2-3 ENTRYPOINT exec [a] [b]\n"},
	{FROM "ENTRYPOINT a $b\n", FROM_DUMP "2-2 ENTRYPOINT shell [a $b]\n"},
	{FROM "RUN [\"a\", \"\\u00e4\\\"\"]\n", FROM_DUMP "2-2 RUN exec [a] [ä\"]\n"},
	{FROM "SHELL [\"/bin/bash\", \"-c\"]\n", FROM_DUMP "2-2 SHELL [/bin/bash] [-c]\n"},
	{FROM
	 "RUN --network=none --security=insecure --mount=type=cache,target=/c --mount=target=/b --device=x a --b\n",
	 FROM_DUMP
	 "2-2 RUN shell [a --b] insecure=yes network=none mount=type=cache,target=/c mount=target=/b device=x\n"},
	{FROM "RUN --network=default -- a\n", FROM_DUMP "2-2 RUN shell [a] network=default\n"},
	{FROM "RUN --mount=type=bind,target=\"/a b\" x\n", FROM_DUMP "2-2 RUN shell [x] mount=type=bind,target=/a b\n"},
	{FROM "RUN \\\n --mount=type=tmpfs,target=/t,size=64m \\\n x\n",
	 FROM_DUMP "2-4 RUN shell [x] mount=type=tmpfs,target=/t,size=64m\n"},
	{FROM "HEALTHCHECK NONE\nHEALTHCHECK --interval=1m30s --timeout=3s --start-period=1ms --start-interval=2s "
	      "--retries=4 CMD a b\nhealthcheck cmd [\"a\"]\n",
	 FROM_DUMP "2-2 HEALTHCHECK none\n3-3 HEALTHCHECK shell [a b] 90000ms 3000ms 1ms 2000ms 4\n"
		   "4-4 HEALTHCHECK exec [a] 0ms 0ms 0ms 0ms 0\n"},
	// words
	{FROM "COPY a  b\tc/ \n", FROM_DUMP "2-2 COPY [a] [b] to=c/\n"},
	{FROM "COPY [\"a b\", \"c\"]\n", FROM_DUMP "2-2 COPY [a b] to=c\n"},
	{FROM "COPY [[]x d\n", FROM_DUMP "2-2 COPY [[[]x] to=d\n"},
	{FROM "COPY --from=b --chown=1:2 --chmod=u+x --link --parents=false --exclude=*.x --exclude=y a c\n",
	 FROM_DUMP "2-2 COPY [a] to=c from=b chown=1:2 chmod=u+x exclude=*.x exclude=y link=yes\n"},
	{FROM "ADD --checksum=sha256:00 --keep-git-dir=true --unpack=FALSE --link=true http://x/y z\n",
	 FROM_DUMP "2-2 ADD [http://x/y] to=z checksum=sha256:00 link=yes keep=yes unpack=no\n"},
	{FROM "EXPOSE 80 443/tcp 8000-8010/udp $p\n", FROM_DUMP "2-2 EXPOSE [80] [443/tcp] [8000-8010/udp] [$p]\n"},
	{FROM "VOLUME /a /b\nVOLUME [\"/c d\"]\n", FROM_DUMP "2-2 VOLUME [/a] [/b]\n3-3 VOLUME [/c d]\n"},
	{FROM "USER a:b\nWORKDIR /a b\nSTOPSIGNAL SIGTERM\nMAINTAINER me <x>\n",
	 FROM_DUMP "2-2 USER <a:b>\n3-3 WORKDIR </a b>\n4-4 STOPSIGNAL <SIGTERM>\n5-5 MAINTAINER <me <x>>\n"},
	{FROM "ENV a=1 b=\"x y\" c='$z' d=e\\ f\n", FROM_DUMP "2-2 ENV [a=1] [b=\"x y\"] [c='$z'] [d=e\\ f]\n"},
	{FROM "ENV a  b=c d \n", FROM_DUMP "2-2 ENV [a=b=c d]old\n"},
	{FROM "ENV a=b=c d= e=\"\"\n", FROM_DUMP "2-2 ENV [a=b=c] [d=] [e=\"\"]\n"},
	{FROM "LABEL \"a b\"=c d=\"e\\\n f\"\n", FROM_DUMP "2-3 LABEL [\"a b\"=c] [d=\"e f\"]\n"},
	{FROM "ARG a b=c d=\"e f\"\n", FROM_DUMP "2-2 ARG [a] [b=c] [d=\"e f\"]\n"},
	{FROM "ONBUILD RUN a \\\n b\nonbuild copy --from=x y z\n",
	 FROM_DUMP "2-3 ONBUILD <RUN a  b>\n4-4 ONBUILD <copy --from=x y z>\n"},
	// heredocs
	{FROM "RUN <<EOF\na $b\n\n# c\n  EOF\nEOF\nRUN d\n",
	 FROM_DUMP "2-7 RUN shell [a $b\n\n# c\n  EOF\n] 0<<EOF{a $b\n\n# c\n  EOF\n}\n8-8 RUN shell [d]\n"},
	{FROM "RUN <<-EOF\n\t\ta\n\tb \\\n\tEOF\n", FROM_DUMP "2-5 RUN shell [a\nb \\\n] 0<<-EOF{a\nb \\\n}\n"},
	{FROM "RUN <<EOF\n#!/usr/bin/python3\nprint(1)\nEOF\n",
	 FROM_DUMP "2-5 RUN exec [/dev/pipes/EOF] script=yes 0<<EOF{#!/usr/bin/python3\nprint(1)\n}\n"},
	{FROM "RUN cat <<A 3<<'B' >/x\n1\nA\n2\nB\n",
	 FROM_DUMP "2-6 RUN shell [cat <<A 3<<'B' >/x\n1\nA\n2\nB] 0<<A{1\n} 3<<B'{2\n}\n"},
	{FROM "RUN --mount=target=/x <<\"E F\"\n1\nE F\n",
	 FROM_DUMP "2-4 RUN shell [1\n] mount=target=/x 0<<E F'{1\n}\n"},
	{FROM "COPY <<a <<-\"b\" c /d/\n1 $x\na\n\t2 $x\n\tb\n",
	 FROM_DUMP "2-6 COPY [c] to=/d/ 0<<a{1 $x\n} 0<<-b'{2 $x\n}\n"},
	{FROM "COPY <<EOF /x\nEOF\n", FROM_DUMP "2-3 COPY to=/x 0<<EOF{}\n"},
	{FROM "COPY <<EOF /x\r\na\r\nEOF\r\n", FROM_DUMP "2-4 COPY to=/x 0<<EOF{a\r\n}\n"},
	{FROM "ADD <<E\\F /x\na\nEF\n", FROM_DUMP "2-4 ADD to=/x 0<<EF'{a\n}\n"},
	{FROM "COPY <<EOF \\\n /x\na\nEOF\n", FROM_DUMP "2-5 COPY to=/x 0<<EOF{a\n}\n"},
	{FROM "RUN cat <<<x && echo $((1 << 2)) <<\n", FROM_DUMP "2-2 RUN shell [cat <<<x && echo $((1 << 2)) <<]\n"},
	{FROM "RUN [\"a\", \"<<EOF\"]\n", FROM_DUMP "2-2 RUN exec [a] [<<EOF]\n"},
	{FROM "RUN echo it's <<EOF\n", FROM_DUMP "2-2 RUN shell [echo it's <<EOF]\n"},
	{FROM "CMD cat <<EOF\nCMD x\n", FROM_DUMP "2-2 CMD shell [cat <<EOF]\n3-3 CMD shell [x]\n"},
	{FROM "ENV a=<<EOF\n", FROM_DUMP "2-2 ENV [a=<<EOF]\n"},
	{FROM "ONBUILD RUN <<EOF\na\nEOF\n", FROM_DUMP "2-4 ONBUILD <RUN <<EOF\na\nEOF> 0<<EOF{a\n}\n"},
	{FROM "RUN <<$X\na\n$X\n", FROM_DUMP "2-4 RUN shell [a\n] 0<<$X{a\n}\n"},
};

static void test_parse(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(berth_dockerfile) file =
			berth_dockerfile_parse(cases[i].text, strlen(cases[i].text), NULL, &error);

		g_test_message("%s", cases[i].text);
		if (!file) {
			g_test_fail_printf("%s: %s", cases[i].text, error->message);
			continue;
		}
		g_autofree char *text = dump(file);
		if (!g_str_equal(text, cases[i].dump))
			g_test_fail_printf("%s\nis\n%s\nnot\n%s", cases[i].text, text, cases[i].dump);
	}
}

static const struct {
	const char *text;
	unsigned line, column, width;
	const char *message; // behind the line
} wrong[] = {
	{"", 0, 0, 0, "the Dockerfile cannot be empty"},
	{"# only\n", 1, 0, 0, "file with no instructions"},
	{"FORM a\n", 1, 0, 4, "unknown instruction: FORM (did you mean FROM?)"},
	{FROM "CPOY a b\n", 2, 0, 4, "unknown instruction: CPOY (did you mean COPY?)"},
	{FROM "entrypiont a\n", 2, 0, 10, "unknown instruction: entrypiont (did you mean ENTRYPOINT?)"},
	{FROM "\n\n  XYZZY a\n", 4, 2, 5, "unknown instruction: XYZZY"},
	{FROM "RUN a &&\n  b && \\\n c\n", 3, 2, 1, "unknown instruction: b"},
	{"RUN a\n", 1, 0, 3, "no build stage in current context: RUN before the first FROM"},
	{"ARG a\n", 1, 0, 0, "no build stage in current context: there is no FROM"},
	{"FROM\n", 1, 0, 0, "FROM requires either one or three arguments"},
	{"FROM a b\n", 1, 0, 0, "FROM requires either one or three arguments"},
	{"FROM a AS\n", 1, 0, 0, "FROM requires either one or three arguments"},
	{"FROM a IS b\n", 1, 0, 0, "FROM requires either one or three arguments"},
	{"FROM a AS 1b\n", 1, 10, 2,
	 "invalid name for build stage: \"1b\", name can't start with a number or contain symbols"},
	{"FROM a AS b/c\n", 1, 10, 3,
	 "invalid name for build stage: \"b/c\", name can't start with a number or contain symbols"},
	{"FROM --plattform=x a\n", 1, 5, 13, "unknown flag: --plattform (did you mean platform?)"},
	{"# escape=x\nFROM a\n", 1, 9, 1, "invalid escape token 'x' does not match ` or \\"},
	{"# syntax=docker/dockerfile\n# syntax=docker/dockerfile\nFROM a\n", 2, 0, 0,
	 "only one syntax parser directive can be used"},
	{FROM "RUN\n", 2, 0, 0, "RUN requires at least one argument"},
	{FROM "RUN [\"a\", 1]\n", 2, 0, 0, "when using JSON array syntax, arrays must be comprised of strings only"},
	{FROM "RUN --mont=type=cache,target=/x a\n", 2, 4, 27, "unknown flag: --mont (did you mean mount?)"},
	{FROM "RUN --mount a\n", 2, 4, 7, "missing a value on flag: --mount"},
	{FROM "RUN --network=none --network=none a\n", 2, 4, 14, "duplicate flag specified: --network"},
	{FROM "RUN --network=hots a\n", 2, 14, 4, "invalid network mode \"hots\" (did you mean host?)"},
	{FROM "RUN --security=none a\n", 2, 15, 4, "security \"none\" is not valid"},
	{FROM "RUN \\\n  --mount=type=cahce,target=/x \\\n  a\n", 3, 10, 10,
	 "unsupported mount type \"cahce\" (did you mean cache?)"},
	{FROM "RUN --mount=type=cache,taget=/x a\n", 2, 23, 8,
	 "unexpected key 'taget' in 'taget=/x' (did you mean target?)"},
	{FROM "RUN --mount=type=cache,target a\n", 2, 23, 6, "invalid field 'target' must be a key=value pair"},
	{FROM "RUN --mount=type=bind,from=$x,target=/a a\n", 2, 22, 7,
	 "'from' doesn't support variable expansion, define alias stage instead: FROM $x AS name"},
	{FROM "RUN --mount=type=bind,mode=0755,target=/a a\n", 2, 12, 29, "mode not allowed for \"bind\" type mounts"},
	{FROM "RUN --mount=target=/a,size=1 a\n", 2, 22, 6, "unexpected key 'size' for mount type 'bind'"},
	{FROM "RUN --mount=type=tmpfs,target=/a,size=x a\n", 2, 33, 6, "invalid value for size: x"},
	{FROM "RUN --mount=type=cache,target=/a,sharing=all a\n", 2, 33, 11, "unsupported sharing value \"all\""},
	{FROM "RUN --mount=target=/a,sharing=shared a\n", 2, 12, 24, "invalid cache sharing set for bind mount"},
	{FROM "RUN --mount=type=secret,from=x,id=y a\n", 2, 12, 23, "secret mount should not have a from"},
	{FROM "RUN --mount=type=secret a\n", 2, 12, 11, "invalid secret mount. one of source, target required"},
	{FROM "RUN --mount=type=secret,src=a,id=b a\n", 2, 12, 22, "both source and id can't be set"},
	{FROM "RUN --mount=type=cache,target=/a,mode=999 a\n", 2, 33, 8, "invalid value 999 for mode"},
	{FROM "RUN --mount=type=cache,target=/a,uid=-1 a\n", 2, 33, 6, "invalid value -1 for uid"},
	{FROM "RUN --mount=type=cache,target=/a,ro=maybe a\n", 2, 33, 8, "invalid value for ro: maybe"},
	{FROM "RUN --mount=\"a a\n", 2, 13, 3, "invalid field 'a a' must be a key=value pair"},
	{FROM "COPY a\n", 2, 0, 0,
	 "COPY requires at least two arguments, but only one was provided. Destination could not be determined"},
	{FROM "ADD\n", 2, 0, 0,
	 "ADD requires at least two arguments, but only one was provided. Destination could not be determined"},
	{FROM "HEALTHCHECK --timeout=0s CMD a\n", 2, 22, 2, "Interval \"timeout\" cannot be less than 1ms"},
	{FROM "COPY --checksum=sha256:0 a b\n", 2, 5, 19, "unknown flag: --checksum"},
	{FROM "ADD --from=x a b\n", 2, 4, 8, "unknown flag: --from"},
	{FROM "COPY --from=$x a b\n", 2, 12, 2,
	 "'--from=$x' doesn't support variable expansion, define alias stage instead: FROM $x AS name"},
	{FROM "COPY --link=maybe a b\n", 2, 5, 12, "expecting boolean value for flag --link, not: maybe"},
	{FROM "COPY --link= a b\n", 2, 5, 7, "missing a value on flag: --link"},
	{FROM "COPY a <<EOF\nb\nEOF\n", 2, 7, 5, "COPY cannot accept a heredoc as a destination"},
	{FROM "RUN <<EOF\nb\n", 2, 6, 3, "unterminated heredoc: there is no line \"EOF\" that ends it"},
	{FROM "ENV a\n", 2, 0, 0, "ENV must have two arguments"},
	{FROM "ENV\n", 2, 0, 0, "ENV requires at least one argument"},
	{FROM "ENV a=b c\n", 2, 8, 1, "Syntax error - can't find = in \"c\". Must be of the form: name=value"},
	{FROM "LABEL a=b=c =d\n", 2, 12, 2, "LABEL names can not be blank"},
	{FROM "ARG =d\n", 2, 4, 2, "ARG names can not be blank"},
	{FROM "ARG\n", 2, 0, 0, "ARG requires at least one argument"},
	{FROM "ARG --x a\n", 2, 4, 3, "unknown flag: --x"},
	{FROM "EXPOSE\n", 2, 0, 0, "EXPOSE requires at least one argument"},
	{FROM "VOLUME\n", 2, 0, 0, "VOLUME requires at least one argument"},
	{FROM "VOLUME [\" \"]\n", 2, 0, 0, "VOLUME specified can not be an empty string"},
	{FROM "USER\n", 2, 0, 0, "USER requires exactly one argument"},
	{FROM "WORKDIR\n", 2, 0, 0, "WORKDIR requires exactly one argument"},
	{FROM "SHELL\n", 2, 0, 0, "SHELL requires at least one argument"},
	{FROM "SHELL []\n", 2, 0, 0, "SHELL requires at least one argument"},
	{FROM "SHELL /bin/sh\n", 2, 0, 0, "SHELL requires the arguments to be in JSON form"},
	{FROM "HEALTHCHECK\n", 2, 0, 0, "HEALTHCHECK requires at least one argument"},
	{FROM "HEALTHCHECK CMD\n", 2, 0, 0, "Missing command after HEALTHCHECK CMD"},
	{FROM "HEALTHCHECK curl x\n", 2, 12, 4, "Unknown type \"curl\" in HEALTHCHECK (try CMD)"},
	{FROM "HEALTHCHECK NONE a\n", 2, 0, 0, "HEALTHCHECK NONE takes no arguments"},
	{FROM "HEALTHCHECK --interval=1us CMD a\n", 2, 23, 3, "Interval \"interval\" cannot be less than 1ms"},
	{FROM "HEALTHCHECK --retries=-1 CMD a\n", 2, 22, 2, "--retries cannot be negative (-1)"},
	{FROM "HEALTHCHECK --retry=1 CMD a\n", 2, 12, 9, "unknown flag: --retry"},
	{FROM "ONBUILD\n", 2, 0, 0, "ONBUILD requires at least one argument"},
	{FROM "ONBUILD ONBUILD RUN a\n", 2, 0, 7, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"},
	{FROM "ONBUILD from a\n", 2, 8, 4, "FROM isn't allowed as an ONBUILD trigger"},
	{FROM "ONBUILD MAINTAINER a\n", 2, 8, 10, "MAINTAINER isn't allowed as an ONBUILD trigger"},
	{FROM "ONBUILD RNU a\n", 2, 8, 3, "unknown instruction: RNU (did you mean RUN?)"},
	{FROM "RUN echo \xff\n", 2, 0, 0, "the instruction is not valid UTF-8"},
	{FROM "RUN <<A\n\xff\nA\n", 2, 0, 0, "the heredoc \"A\" is not valid UTF-8"},
};

static void test_errors(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		struct berth_dockerfile_place place;
		g_autoptr(berth_dockerfile) file =
			berth_dockerfile_parse(wrong[i].text, strlen(wrong[i].text), &place, &error);
		g_autofree char *message = wrong[i].line == 0 ? g_strdup(wrong[i].message)
							      : g_strdup_printf("dockerfile parse error on line %u: %s",
										wrong[i].line, wrong[i].message);

		g_test_message("%s", wrong[i].text);
		g_assert_null(file);
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		if (!g_str_equal(error->message, message))
			g_test_fail_printf("%s: %s, not %s", wrong[i].text, error->message, message);
		if (place.first_line != wrong[i].line || place.column != wrong[i].column ||
		    place.width != wrong[i].width)
			g_test_fail_printf("%s: at %u, %u, %u", wrong[i].text, place.first_line, place.column,
					   place.width);
	}
}

static void test_syntax(void)
{
	static const char *const good[] = {"docker/dockerfile:1",
					   "docker/dockerfile",
					   "docker.io/docker/dockerfile:1.7-labs",
					   "mirror:5000/docker/dockerfile@sha256:00",
					   "docker/dockerfile-upstream:master",
					   "dockerfile.v0"};
	static const char *const bad[] = {"other/frontend:1", "docker/dockerfile/x", "x/mydockerfile"};
	static const char text[] = "#syntax=other/frontend\nFROM a\n";
	g_autoptr(GError) error = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
		g_assert_true(berth_dockerfile_syntax_check(good[i], NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(berth_dockerfile_syntax_check(bad[i], NULL));
	g_assert_null(berth_dockerfile_parse(text, strlen(text), NULL, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED);
	g_assert_true(g_str_has_prefix(error->message, "dockerfile parse error on line 1: syntax=other/frontend: "));
}

static void test_nul(void)
{
	static const char text[] = "FROM a\nRUN \0\n";
	g_autoptr(GError) error = NULL;

	g_assert_null(berth_dockerfile_parse(text, sizeof text - 1, NULL, &error));
	g_assert_cmpstr(error->message, ==,
			"dockerfile parse error on line 2: there is a NUL byte: the Dockerfile must be UTF-8 text");
}

static void assert_too_much(const char *text, const char *words)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(berth_dockerfile_parse(text, strlen(text), NULL, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_RESOURCE_EXHAUSTED);
	if (!strstr(error->message, words))
		g_error("%s", error->message);
}

static char *repeat(const char *first, const char *text, unsigned times)
{
	GString *out = g_string_new(first);

	for (unsigned i = 0; i < times; i++)
		g_string_append(out, text);
	return g_string_free(out, FALSE);
}

static void test_limits(void)
{
	g_autofree char *line = repeat(FROM "RUN ", "x", BERTH_LIMIT_DOCKERFILE_LINE);
	g_autofree char *whole = repeat(FROM, "# comment\n", BERTH_LIMIT_DOCKERFILE / 10 + 1);
	g_autofree char *instructions = repeat(FROM, "RUN x\n", BERTH_LIMIT_DOCKERFILE_INSTRUCTIONS);
	g_autofree char *stages = repeat("", FROM, BERTH_LIMIT_DOCKERFILE_STAGES + 1);
	g_autofree char *heredocs = repeat(FROM "RUN x", " <<A", BERTH_LIMIT_DOCKERFILE_HEREDOCS + 1);
	g_autofree char *words = repeat(FROM "RUN x", " \\\n a", 30000);

	g_autofree char *flags = repeat(FROM "RUN", " --mount=target=/x", BERTH_LIMIT_DOCKERFILE_FLAGS + 1);
	g_autofree char *pairs = repeat(FROM "ENV", " \\\n a=b", BERTH_LIMIT_DOCKERFILE_PAIRS + 1);
	g_autofree char *sources = repeat(FROM "COPY", " \\\n a", BERTH_LIMIT_DOCKERFILE_WORDS + 1);
	g_autofree char *ports = repeat(FROM "EXPOSE", " \\\n 1", BERTH_LIMIT_DOCKERFILE_WORDS + 1);

	g_autofree char *more =
		repeat(FROM, "COPY --exclude=a --exclude=b c d\n", BERTH_LIMIT_DOCKERFILE_ALL_FLAGS / 2 + 1);
	assert_too_much(more, "there are more than 10000 flags");
	assert_too_much(flags, "RUN has more than 1024 flags");
	assert_too_much(pairs, "more than 10000 names");
	assert_too_much(sources, "COPY has more than 65536 arguments");
	assert_too_much(ports, "EXPOSE has more than 65536 arguments");
	assert_too_much(line, "line 2: dockerfile line greater than max allowed size of 65535");
	assert_too_much(whole, "the Dockerfile is larger than");
	assert_too_much(instructions, "more than 10000 instructions");
	assert_too_much(stages, "more than 1000 stages");
	assert_too_much(heredocs, "more than 256 heredocs");
	g_autoptr(berth_dockerfile) file = berth_dockerfile_parse(words, strlen(words), NULL, NULL);
	g_assert_nonnull(file);
}

static void test_source(void)
{
	static const char text[] =
		"# syntax=docker/dockerfile:1\n# check=skip=all\nARG a\nFROM a\nRUN a \\\n\n  # b\n c\n"
		"COPY <<E /\nx\nE\n\n";
	g_autoptr(berth_dockerfile) file = berth_dockerfile_parse(text, strlen(text), NULL, NULL);

	g_assert_cmpuint(file->directives_count, ==, 2);
	g_assert_cmpstr(file->directives[1].name, ==, "check");
	g_assert_cmpstr(file->directives[1].value, ==, "skip=all");
	g_assert_cmpuint(file->directives[1].line, ==, 2);
	g_assert_cmpuint(file->gaps_count, ==, 1);
	g_assert_cmpuint(file->gaps[0].first_line, ==, 5);
	g_assert_cmpuint(file->gaps[0].last_line, ==, 8);
	g_assert_cmpstr(file->stages[0].instructions[0].original, ==, "RUN a \\\n\n  # b\n c");
	g_assert_cmpstr(file->stages[0].instructions[0].text, ==, "RUN a  c");
	g_assert_cmpstr(file->stages[0].instructions[1].original, ==, "COPY <<E /\nx\nE");
	g_assert_cmpstr(file->stages[0].instructions[1].text, ==, "COPY <<E /");
}

static void test_excerpt(void)
{
	static const char text[] = "FROM a\n\nRUN --mont=type=cache,target=/x \\\n  true\nRUN b\nRUN c\n";
	struct berth_dockerfile_place place;

	g_assert_null(berth_dockerfile_parse(text, strlen(text), &place, NULL));
	g_autofree char *excerpt = berth_dockerfile_excerpt(text, strlen(text), "Dockerfile", &place);
	g_assert_cmpstr(excerpt, ==,
			"Dockerfile:3\n"
			"--------------------\n"
			"   1 |     FROM a\n"
			"   2 |\n"
			"   3 | >>> RUN --mont=type=cache,target=/x \\\n"
			"     |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
			"   4 |       true\n"
			"   5 |     RUN b\n"
			"--------------------\n");
	struct berth_dockerfile_place lines = {.first_line = 5, .last_line = 6};
	g_autofree char *whole = berth_dockerfile_excerpt(text, strlen(text), "x", &lines);
	g_assert_cmpstr(whole, ==,
			"x:5\n"
			"--------------------\n"
			"   3 |     RUN --mont=type=cache,target=/x \\\n"
			"   4 |       true\n"
			"   5 | >>> RUN b\n"
			"   6 | >>> RUN c\n"
			"--------------------\n");
}

static void test_stages(void)
{
	static const char text[] = "FROM a AS One\nFROM b\nFROM c AS one\nFROM d AS two\n";
	g_autoptr(berth_dockerfile) file = berth_dockerfile_parse(text, strlen(text), NULL, NULL);

	g_assert_cmpint(berth_dockerfile_find_stage(file, "one", 4), ==, 2);
	g_assert_cmpint(berth_dockerfile_find_stage(file, "ONE", 2), ==, 0);
	g_assert_cmpint(berth_dockerfile_find_stage(file, "1", 4), ==, 1);
	g_assert_cmpint(berth_dockerfile_find_stage(file, "3", 3), ==, -1);
	g_assert_cmpint(berth_dockerfile_find_stage(file, "two", 3), ==, -1);
	g_assert_cmpint(berth_dockerfile_find_stage(file, "none", 4), ==, -1);
}

static void test_trigger(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_dockerfile) file = berth_dockerfile_parse_trigger("COPY --chown=1 <<E /x\na\nE", &error);

	g_assert_no_error(error);
	g_autofree char *text = dump(file);
	g_assert_cmpstr(text, ==, "1-3 COPY to=/x chown=1 0<<E{a\n}\n");
	g_assert_null(berth_dockerfile_parse_trigger("CPOY a b", &error));
	g_assert_cmpstr(error->message, ==,
			"ONBUILD trigger \"CPOY a b\" of the base image: dockerfile parse error on line 1: unknown "
			"instruction: CPOY (did you mean COPY?)");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/parse/cases", test_parse);
	g_test_add_func("/parse/errors", test_errors);
	g_test_add_func("/parse/syntax", test_syntax);
	g_test_add_func("/parse/nul", test_nul);
	g_test_add_func("/parse/limits", test_limits);
	g_test_add_func("/parse/source", test_source);
	g_test_add_func("/parse/excerpt", test_excerpt);
	g_test_add_func("/parse/stages", test_stages);
	g_test_add_func("/parse/trigger", test_trigger);
	return g_test_run();
}
