// SPDX-License-Identifier: Apache-2.0
// Command-line flags from tables, with Docker's (pflag's) rules: --name value, --name=value, -n value, -nvalue,
// combined switches (-itd), --switch=false, "--" ends the flags. Help, completion and man pages are made from the same
// rows.
//
//	struct options { bool all; char *filter; char **labels; int64_t memory; };
//	static const struct berth_flag flags[] = {
//		{"all", 'a', BERTH_FLAG_SWITCH, offsetof(struct options, all), .help = "Show all containers"},
//		{"label", 'l', BERTH_FLAG_LIST, offsetof(struct options, labels), "list", "Set metadata"},
//		{0},
//	};
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum berth_flag_type {
	BERTH_FLAG_SWITCH, // bool; takes no argument, but --name=true|false
	BERTH_FLAG_TRISTATE, // int: as a switch, -1 when not given (set .fallback = "-1")
	BERTH_FLAG_TEXT, // char *
	BERTH_FLAG_LIST, // char **, one element each time the flag is given
	BERTH_FLAG_INTEGER, // int64_t
	BERTH_FLAG_DECIMAL, // double
	BERTH_FLAG_BYTES, // int64_t from "512m", "1.5g", "100" (bytes); binary units, as Docker's
	BERTH_FLAG_DURATION, // int64_t nanoseconds from "1m30s"
};

enum berth_flag_flags {
	BERTH_FLAG_HIDDEN = 1 << 0, // works, and is left out of help
	BERTH_FLAG_NEGATIVE_OK = 1 << 1, // INTEGER and BYTES: -1 is a value
	BERTH_FLAG_REFUSED = 1 << 2, // known and not there: its use is NOT_IMPLEMENTED, with `help` as the cause
};

struct berth_flag {
	const char *name; // without dashes; NULL ends the table
	char shorthand; // 0 if there is none
	enum berth_flag_type type;
	size_t offset; // of its value in the options struct
	const char *argument; // what help calls its value: "bytes", "list"; NULL: by the type
	const char *help; // one line, no full stop
	const char *fallback; // parsed as if given first; NULL: 0, false, NULL
	unsigned flags;
	size_t given_offset; // of a bool set when the flag was given; 0: none (keep 0 for another member)
};

enum berth_flags_manner {
	BERTH_FLAGS_INTERSPERSED = 1 << 0, // flags may follow arguments (`docker ps NAME -q`); else the first ends them
	BERTH_FLAGS_GO = 1 << 1, // as Go's own package: "-name" is "--name", where no such flag is there the letters
};

// Parses argv[1..argc-1] into `options` (a zeroed struct, which gets the fallbacks first). On success *ret_arguments is
// a new NULL-terminated array of the arguments, which the caller frees with g_strfreev(). BERTH_ERROR_INVALID says what
// is wrong in Docker's words ("unknown flag: --x", "unknown shorthand flag: 'x' in -xy", "flag needs an argument:
// --name", "invalid argument \"y\" for \"-m, --memory\" flag: invalid size: 'y'").
// "--help" and "-h" (where no flag of the table claims them) set *ret_help and end the parsing without error.
bool berth_flags_parse(const struct berth_flag *flags, void *options, int argc, char *const *argv, unsigned manner,
		       char ***ret_arguments, bool *ret_help, GError **error);

// Frees what the fields own (texts and lists) and zeroes them.
void berth_flags_clear(const struct berth_flag *flags, void *options);

// Appends the flags' help as Docker prints it: two columns, wrapped to `width` columns (0: 80).
void berth_flags_help(const struct berth_flag *flags, unsigned width, GString *out);

// "512m" -> 536870912. Suffixes b k m g t p with or without "b" or "ib", any case, powers of 1024; a fraction is fine.
bool berth_bytes_parse(const char *text, int64_t *ret_bytes, GError **error);
// 1234567 -> "1.23MB" (powers of 1000, three significant digits, as Docker's lists show sizes). The caller frees it.
char *berth_bytes_format(int64_t bytes);
