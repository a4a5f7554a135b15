// SPDX-License-Identifier: Apache-2.0
// What a build tells of.
#include "build/solve/events.h"

#include "base/error.h"
#include "base/moment.h"

#include <string.h>

void berth_building_tell(struct berth_building *building, struct berth_build_event *event)
{
	if (!building->listener || !building->listener->event)
		return;
	BERTH_AUTO_UNLOCK locker = berth_lock(&building->telling);
	event->at = berth_moment_now();
	building->listener->event(building->listener->data, event);
}

static void describe(struct berth_building_step *this, struct berth_build_event *event)
{
	const struct berth_plan_step *step = this->step;

	event->vertex = this->vertex;
	event->name = step->name;
	event->digest = this->digest;
	event->image = step->image;
	event->stage = step->stage ? step->stage->name : "";
	event->position = step->position;
	event->positions = step->positions;
	event->inputs = (const unsigned *) (const void *) this->inputs->data;
	event->input_count = this->inputs->len;
	event->line = (int) step->first_line;
	event->last_line = (int) step->last_line;
}

void berth_building_tell_step(struct berth_building_step *this, enum berth_build_event_kind kind, const char *text)
{
	struct berth_build_event event = {.kind = kind, .text = text, .length = text ? strlen(text) : 0};

	describe(this, &event);
	berth_building_tell(this->building, &event);
}

void berth_building_plan_step(struct berth_building_step *this)
{
	berth_building_tell_step(this, BERTH_BUILD_PLANNED, NULL);
}

static void tell_of(struct berth_building *building, unsigned vertex, const char *name,
		    enum berth_build_event_kind kind, const char *text)
{
	struct berth_build_event event = {.kind = kind, .vertex = vertex, .name = name, .stage = "", .text = text};

	event.length = text ? strlen(text) : 0;
	berth_building_tell(building, &event);
}

static void tell_instruction(struct berth_building *building, const char *stage, const char *text, unsigned first_line,
			     unsigned last_line)
{
	struct berth_build_event event = {
		.kind = BERTH_BUILD_INSTRUCTION,
		.stage = stage,
		.text = text,
		.length = strlen(text),
		.line = (int) first_line,
		.last_line = (int) last_line,
	};

	berth_building_tell(building, &event);
}

static void tell_stage(struct berth_building *building, const struct berth_plan_stage *stage)
{
	const struct berth_dockerfile_stage *source = stage->source;

	tell_instruction(building, stage->name, source->text, source->first_line, source->last_line);
	for (unsigned i = 0; i < source->count; i++)
		tell_instruction(building, stage->name, source->instructions[i].text,
				 source->instructions[i].first_line, source->instructions[i].last_line);
}

void berth_building_tell_instructions(struct berth_building *building, const struct berth_plan *plan)
{
	for (unsigned i = 0; i < plan->file->arguments_count; i++)
		tell_instruction(building, "", plan->file->arguments[i].text, plan->file->arguments[i].first_line,
				 plan->file->arguments[i].last_line);
	for (unsigned i = 0; i < plan->file->stages_count; i++)
		if (plan->stages[i].planned)
			tell_stage(building, &plan->stages[i]);
}

unsigned berth_building_begin(struct berth_building *building, const char *name)
{
	unsigned vertex = building->vertices++;

	tell_of(building, vertex, name, BERTH_BUILD_PLANNED, NULL);
	tell_of(building, vertex, name, BERTH_BUILD_STARTED, NULL);
	return vertex;
}

void berth_building_end(struct berth_building *building, unsigned vertex, const GError *failure)
{
	if (failure)
		tell_of(building, vertex, NULL, BERTH_BUILD_FAILED, failure->message);
	else
		tell_of(building, vertex, NULL, BERTH_BUILD_DONE, NULL);
}

bool berth_building_canceled(void *data)
{
	struct berth_building *building = data;
	const struct berth_build_listener *listener = building->listener;

	if (g_atomic_int_get(&building->stop))
		return true;
	return listener && listener->canceled && listener->canceled(listener->data);
}

bool berth_building_check(struct berth_building *building, GError **error)
{
	return !berth_building_canceled(building) ||
	       berth_error_set(error, BERTH_ERROR_CANCELED, "the build was canceled");
}
