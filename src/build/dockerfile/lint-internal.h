// SPDX-License-Identifier: Apache-2.0
// What the files of the checks share.
#pragma once

#include "build/dockerfile/internal.h"
#include "build/dockerfile/lint.h"

struct berth_dockerfile__linter {
	const berth_dockerfile *file;
	const struct berth_dockerfile_lint_options *options;
	bool off[BERTH_RULES];
	GPtrArray *warnings;
	GHashTable *globals; // ARG before the first FROM, and the predefined ones: name to value
	GHashTable *defaults; // the same, as if there were no --build-arg
	GPtrArray *memory;
	guint inherited; // variables that were copied from stage to stage
	size_t made; // bytes of them, and of what variables gave
};

// A case of a rule: its words are filled in.
void berth_dockerfile__warn(struct berth_dockerfile__linter *linter, enum berth_dockerfile_rule rule,
			    unsigned first_line, unsigned last_line, const char *format, ...) G_GNUC_PRINTF(5, 6);

// " (did you mean $x?)" for the nearest name among the keys of `names`, or "". `prefix`: "$" or "".
char *berth_dockerfile__mean(GHashTable *names, const char *name, const char *prefix);

// A lookup in a table of texts: `data` is the table.
const char *berth_dockerfile__from_table(void *data, const char *name);

// lint-form.c: what the text alone tells.
void berth_dockerfile__lint_form(struct berth_dockerfile__linter *linter);
// lint-from.c: FROM with its variables. Sets the tables of global arguments.
void berth_dockerfile__lint_from(struct berth_dockerfile__linter *linter);
// lint-stages.c: instructions, one after the other.
void berth_dockerfile__lint_stages(struct berth_dockerfile__linter *linter);
