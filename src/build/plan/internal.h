// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share.
#pragma once

#include "build/dockerfile/expand.h"
#include "build/plan/plan.h"
#include "spec/oci-image.h"

// Takes memory over; returns it.
void *berth_plan__own(struct berth_plan *plan, void *memory);

// Counts what is copied many times where there are many stages and steps: not more than BERTH_LIMIT_EXPANSION_ALL.
bool berth_plan__count(struct berth_plan *plan, size_t bytes, GError **error);
size_t berth_plan__size(const GPtrArray *texts); // bytes

// "K=V" lists of variables, in the order in which they were first set. The strings are the list's.
GPtrArray *berth_plan__variables_new(void);
void berth_plan__variable_set(GPtrArray *list, const char *key, const char *value);
const char *berth_plan__variable(const GPtrArray *list, const char *key); // NULL: not set
// For struct berth_dockerfile_scope: data is such a list.
const char *berth_plan__lookup(void *data, const char *name);

// Those of platforms, and ARG before FROM.
bool berth_plan__globals(struct berth_plan *plan, GError **error);
// ARG in a stage.
bool berth_plan__argument(struct berth_plan *plan, struct berth_plan_stage *stage,
			  const struct berth_dockerfile_instruction *instruction, GError **error);

// A step for an image's layers. `stage` may be NULL. The image's configuration (the plan's) in *ret_image.
struct berth_plan_step *berth_plan__base(struct berth_plan *plan, struct berth_plan_stage *stage, const char *name,
					 const char *platform, struct oci_image **ret_image, GError **error);
struct oci_image *berth_plan__scratch(struct berth_plan *plan, const char *platform, GError **error);

// What `name` in `--from=` means, seen from `stage`: a stage, a named context, or an image.
bool berth_plan__from(struct berth_plan *plan, struct berth_plan_stage *stage, const char *name,
		      struct berth_plan_source *ret, GError **error);
// The named context of that name (also as an image is called), -1: none.
int berth_plan__context(const struct berth_plan *plan, const char *name);
bool berth_plan__stage(struct berth_plan *plan, unsigned index, GError **error);

struct berth_plan_step *berth_plan__step(struct berth_plan *plan, struct berth_plan_stage *stage,
					 enum berth_plan_kind kind);
// RUN, COPY, ADD, WORKDIR. `instruction` is expanded.
bool berth_plan__add(struct berth_plan *plan, struct berth_plan_stage *stage,
		     const struct berth_dockerfile_instruction *instruction, GError **error);
// All others but ARG: they change the configuration only.
bool berth_plan__configure(struct berth_plan_stage *stage, const struct berth_dockerfile_instruction *instruction,
			   GError **error);
void berth_plan__history(struct berth_plan_stage *stage, char *created_by, bool layer); // takes created_by

// The words of a command as they are run: with the shell before them, if it is of that form. g_strfreev().
char **berth_plan__words(const struct oci_image *image, const struct berth_dockerfile_command *command);
// As Go prints a list of strings: ["a" "b"], or [a b] without quotes.
char *berth_plan__go_list(const char *const *words, bool quoted);
// A path of a working folder: joined and cleaned.
char *berth_plan__folder(const char *folder, const char *path);
