// SPDX-License-Identifier: Apache-2.0
// What the files share that execute templates: template-evaluate.c finds the values of pipelines, template.c does what
// actions say and has the limits.
#pragma once

#include "cli/template-internal.h"

#define BERTH_TEMPLATE_NODE_WORK 64 // units that one node costs

// What one execution shares among the bodies that it calls.
struct execution {
	const struct berth_template *template;
	const struct berth_template_options *options;
	const json_t *data;
	struct template_writer out;
	size_t work;
	unsigned int depth;
};

// The execution of one body.
struct frame {
	struct execution *execution;
	const struct template_body *body;
	json_t **slots;
	bool *set; // whether a slot's variable was declared yet
	const struct template_node *at; // what errors are about
};

// Sets the error in Go's words, "template: :1:2: executing "" at <.X>: …", about the node where the frame is. Always
// false.
bool berth_template__fail(const struct frame *frame, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);
// Counts work. False, with an error: it is more than an execution may do.
bool berth_template__charge(const struct frame *frame, size_t units, GError **error);
// One level deeper. False, with an error: too deep.
bool berth_template__enter(const struct frame *frame, GError **error);
void berth_template__leave(const struct frame *frame);
// Gives a variable a value, of which it takes a reference. NULL is Go's invalid value.
void berth_template__set_slot(struct frame *frame, size_t slot, json_t *value);

// template-evaluate.c: the value of the last command (a new reference), which is given to the variables too. A null is
// an invalid value from here on. A `pipe` of NULL leaves *ret_value as it is.
bool berth_template__eval_pipeline(struct frame *frame, json_t *dot, const struct template_node *pipe,
				   json_t **ret_value, GError **error);
