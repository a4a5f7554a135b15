// SPDX-License-Identifier: Apache-2.0
// A Dockerfile as it was written: directives, global arguments, stages and their instructions, each with its lines.
//
// Pure: text in, structs out; no I/O, no threads. Nothing is expanded here: what may contain variables is kept as it
// was written, and becomes a value at plan time by berth_dockerfile_instruction_expand() (or, for the names of bases
// and platforms, by expand.h). All memory belongs to the file, so that everything in it is borrowed.
#pragma once

#include "base/error.h"

#include <glib.h>
#include <stdint.h>

enum berth_dockerfile_kind {
	BERTH_DOCKERFILE_ADD,
	BERTH_DOCKERFILE_ARG,
	BERTH_DOCKERFILE_CMD,
	BERTH_DOCKERFILE_COPY,
	BERTH_DOCKERFILE_ENTRYPOINT,
	BERTH_DOCKERFILE_ENV,
	BERTH_DOCKERFILE_EXPOSE,
	BERTH_DOCKERFILE_FROM, // begins a stage: never in a stage's array
	BERTH_DOCKERFILE_HEALTHCHECK,
	BERTH_DOCKERFILE_LABEL,
	BERTH_DOCKERFILE_MAINTAINER,
	BERTH_DOCKERFILE_ONBUILD,
	BERTH_DOCKERFILE_RUN,
	BERTH_DOCKERFILE_SHELL,
	BERTH_DOCKERFILE_STOPSIGNAL,
	BERTH_DOCKERFILE_USER,
	BERTH_DOCKERFILE_VOLUME,
	BERTH_DOCKERFILE_WORKDIR,
	BERTH_DOCKERFILE_KINDS,
};

// Where something is in a Dockerfile: lines count from 1 (0: nowhere), bytes within the first line from 0. With no
// width whole lines are meant.
struct berth_dockerfile_place {
	unsigned first_line, last_line;
	unsigned column, width;
};

struct berth_dockerfile_heredoc {
	const char *name; // its delimiter, without quotes; the name of its file in COPY, ADD and RUN
	const char *content; // lines up to the delimiter; of `<<-` with their leading tabs
	const char *text; // what a program gets: of `<<-` without leading tabs
	unsigned fd; // 0 if none is said
	bool expand; // the delimiter has no quotes: COPY and ADD expand variables (berth_dockerfile_expand_text())
	bool chomp; // `<<-`
};

// Of ARG, ENV and LABEL.
struct berth_dockerfile_pair {
	const char *key;
	const char *value; // NULL: `ARG name`
	const char *comment; // of ARG: what the comment above says of it ("# name text"), or NULL
	bool legacy; // `ENV name value`
};

// RUN, CMD, ENTRYPOINT, and a health check's command.
struct berth_dockerfile_command {
	bool shell; // to be run by the stage's SHELL: `words` is one text
	const char *const *words; // NULL-terminated
};

enum berth_dockerfile_mount_type {
	BERTH_DOCKERFILE_MOUNT_BIND,
	BERTH_DOCKERFILE_MOUNT_CACHE,
	BERTH_DOCKERFILE_MOUNT_TMPFS,
	BERTH_DOCKERFILE_MOUNT_SECRET,
	BERTH_DOCKERFILE_MOUNT_SSH,
};

enum berth_dockerfile_sharing {
	BERTH_DOCKERFILE_SHARED,
	BERTH_DOCKERFILE_PRIVATE,
	BERTH_DOCKERFILE_LOCKED,
};

// One --mount of RUN, expanded. Absent texts are NULL: the defaults that depend on others (a cache's id is its target,
// a secret's target /run/secrets/<id>) are the executor's.
struct berth_dockerfile_mount {
	enum berth_dockerfile_mount_type type;
	const char *from, *source, *target, *id;
	const char *env; // of a secret: the variable, which may be ""; NULL: not asked for
	bool read_only; // as asked for, or the type's default
	bool required;
	bool has_mode, has_uid, has_gid;
	enum berth_dockerfile_sharing sharing;
	unsigned mode, uid, gid;
	int64_t size; // of a tmpfs, in bytes; 0: not said
};

enum berth_dockerfile_network {
	BERTH_DOCKERFILE_NETWORK_DEFAULT,
	BERTH_DOCKERFILE_NETWORK_NONE,
	BERTH_DOCKERFILE_NETWORK_HOST,
};

struct berth_dockerfile_run {
	// With a sole heredoc the words are its text (shell), or, if `script`, the heredoc is a file that begins with
	// "#!", to be executed as /dev/pipes/<name>. Other heredocs are part of the text again: the shell reads them.
	struct berth_dockerfile_command command;
	bool script;
	const char *const *mount_texts; // as written, NULL-terminated
	const struct berth_dockerfile_mount *mounts; // of an expanded instruction only
	unsigned mounts_count;
	enum berth_dockerfile_network network;
	bool network_given;
	bool insecure; // --security=insecure
	const char *const
		*devices; // --device, each "name[,required]" as written (expanded: with values), NULL-terminated
};

struct berth_dockerfile_copy { // ADD, too
	const char *const *sources; // paths, patterns or URLs, NULL-terminated; heredocs are not among them
	const char *destination;
	const char *from; // COPY: a stage's name or index, a context's name or an image; never expanded; or NULL
	const char *chown, *chmod; // or NULL
	const char *checksum; // ADD, or NULL
	const char *const *excludes; // NULL-terminated
	bool link, parents;
	bool keep_git_dir, keep_git_dir_given; // ADD
	bool unpack, unpack_given; // ADD: with none given, local archives are unpacked and remote ones are not
};

enum berth_dockerfile_health {
	BERTH_DOCKERFILE_HEALTH_NONE,
	BERTH_DOCKERFILE_HEALTH_COMMAND,
};

// Durations in nanoseconds, 0: not given.
struct berth_dockerfile_healthcheck {
	enum berth_dockerfile_health type;
	struct berth_dockerfile_command command;
	int64_t interval, timeout, start_period, start_interval;
	int retries;
};

struct berth_dockerfile_instruction {
	enum berth_dockerfile_kind kind;
	const char *word; // the instruction as it was written: "run"
	const char *text; // the whole in one line: continuations joined, comments dropped; without heredocs' contents
	const char *original; // its source lines, verbatim, from first_line to last_line (with heredocs)
	unsigned first_line, last_line;
	const char *const *comments; // directly above it, without "#"; NULL-terminated
	char escape; // the file's escape character
	bool json; // arguments are a JSON array
	const struct berth_dockerfile_heredoc *heredocs;
	unsigned heredocs_count;
	union {
		struct berth_dockerfile_run run;
		struct berth_dockerfile_copy copy; // COPY, ADD
		struct berth_dockerfile_command command; // CMD, ENTRYPOINT
		struct berth_dockerfile_healthcheck healthcheck;
		struct {
			const struct berth_dockerfile_pair *items;
			unsigned count;
		} pairs; // ARG, ENV, LABEL
		const char *const *words; // EXPOSE, SHELL, VOLUME: NULL-terminated
		const char *value; // MAINTAINER, STOPSIGNAL, USER, WORKDIR; ONBUILD: its instruction, with heredocs
	};
};

struct berth_dockerfile_stage {
	const char *name; // in lower case, or NULL
	const char *name_written; // as written, or NULL
	const char *as_word; // "AS" as written, or NULL
	const char *base; // unexpanded: an image, a stage, a named context or "scratch"
	const char *platform; // --platform, unexpanded, or NULL
	const char *comment; // what the comment above FROM says of it ("# name text"), or NULL
	const char *word; // "FROM" as written
	const char *text; // its line, as of an instruction
	const char *original;
	const char *const *comments;
	unsigned first_line, last_line;
	const struct berth_dockerfile_instruction *instructions;
	unsigned count;
};

// `# key=value` at the top.
struct berth_dockerfile_directive {
	const char *name; // in lower case: "syntax", "escape", "check"
	const char *value;
	unsigned line;
};

// A line inside a continued instruction that is empty (lint: NoEmptyContinuation): the lines of the instruction, once.
struct berth_dockerfile_gap {
	unsigned first_line, last_line;
};

struct berth_dockerfile {
	char escape; // '\\' or '`'
	const struct berth_dockerfile_directive *directives;
	unsigned directives_count;
	const struct berth_dockerfile_instruction *arguments; // ARG before the first FROM
	unsigned arguments_count;
	const struct berth_dockerfile_stage *stages; // at least one
	unsigned stages_count;
	const struct berth_dockerfile_gap *gaps;
	unsigned gaps_count;
	const char *source; // the text, without a byte order mark
	size_t source_size;
	GPtrArray *memory;
};
typedef struct berth_dockerfile berth_dockerfile;

// Parses `size` bytes. On failure the message is one line that names the line and what was meant ("dockerfile parse
// error on line 3: unknown instruction: FORM (did you mean FROM?)"), and `ret_place` (may be NULL) says where it is,
// for berth_dockerfile_excerpt(). Kinds: INVALID; RESOURCE_EXHAUSTED for what base/limits.h bounds.
berth_dockerfile *berth_dockerfile_parse(const char *text, size_t size, struct berth_dockerfile_place *ret_place,
					 GError **error);

// Whether what `# syntax=` (or the build argument BUILDKIT_SYNTAX) names is this language: docker/dockerfile in any
// version and from any place, or "dockerfile.v0". Other frontends are images with programs, which nobody runs here:
// NOT_IMPLEMENTED.
bool berth_dockerfile_syntax_check(const char *value, GError **error);

// Parses one trigger of a base image's configuration ("OnBuild"): a file without stages, whose `arguments` are the
// instructions, whatever their kind.
berth_dockerfile *berth_dockerfile_parse_trigger(const char *text, GError **error);

berth_dockerfile *berth_dockerfile_free(berth_dockerfile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_dockerfile, berth_dockerfile_free)

// The stage that `name` means: its name in any case (the last of that name before stage `before`), or its index in
// decimal. Stages from `before` on are not seen. -1: there is none.
int berth_dockerfile_find_stage(const berth_dockerfile *file, const char *name, unsigned before);

// The source around a place as BuildKit shows it, with a caret where a column is known; newline-terminated. The caller
// frees.
//
//	Dockerfile:3
//	--------------------
//	   2 |
//	   3 | >>> RUN --mont=type=cache,target=/x true
//	              ^^^^^^
//	   4 |
//	--------------------
char *berth_dockerfile_excerpt(const char *text, size_t size, const char *name,
			       const struct berth_dockerfile_place *place);

// What is known of each instruction, in the order of enum berth_dockerfile_kind.
struct berth_dockerfile_about {
	const char *name; // in capitals
	const char *const *flags; // without dashes, NULL-terminated
	bool json; // arguments may be a JSON array
	bool heredoc; // heredocs are looked for
	bool trigger; // may follow ONBUILD
	bool expand; // has values with variables
};
const struct berth_dockerfile_about *berth_dockerfile_about(enum berth_dockerfile_kind kind);
