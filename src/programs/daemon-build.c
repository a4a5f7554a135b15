// SPDX-License-Identifier: Apache-2.0
#include "programs/daemon-build.h"

#include "image/transfer.h"
#include "programs/daemon-builder.h"
#include "spec/api.h"

struct daemon_build {
	struct berth_engine *engine;
	struct berth_build_host host;
	struct berth_builder *builder;
};

static void *begin(void *data)
{
	return berth_engine_steps_new(((struct daemon_build *) data)->engine);
}

static void end(G_GNUC_UNUSED void *data, void *steps)
{
	berth_engine_steps_free(steps);
}

static bool run(void *data, const struct berth_build_step *step, berth_canceled_fn *canceled, void *canceled_data,
		int *ret_exit_code, GError **error)
{
	const struct daemon_build *build = data;

	return berth_engine_step_run(build->engine, step, canceled, canceled_data, ret_exit_code, error);
}

static bool resize(void *data, const char *snapshot, unsigned height, unsigned width, GError **error)
{
	const struct daemon_build *build = data;

	return berth_engine_step_resize(build->engine, snapshot, height, width, error);
}

// Those of the host that the name is of, and no others.
static const struct berth_credentials *credentials_for(const struct berth_build_transfer *transfer)
{
	struct berth_image_name name = {0};

	if (!transfer->credentials || !berth_image_name_parse(transfer->name, &name, NULL))
		return NULL;
	const struct berth_credentials *credentials = g_hash_table_lookup(transfer->credentials, name.domain);
	berth_image_name_clear(&name);
	return credentials;
}

static struct berth_transfer_options options_of(const struct daemon_build *build,
						const struct berth_build_transfer *transfer)
{
	return (struct berth_transfer_options){
		.registries = berth_engine_registries(build->engine),
		.credentials = credentials_for(transfer),
		.platform = transfer->platform,
		.progress = transfer->progress,
		.canceled = transfer->canceled,
		.data = transfer->data,
	};
}

static bool pull(void *data, const struct berth_build_transfer *transfer, char **ret_image, GError **error)
{
	const struct daemon_build *build = data;
	struct berth_transfer_options options = options_of(build, transfer);

	options.keep_tags = true;
	options.ret_image = ret_image;
	return berth_images_pull(berth_engine_images(build->engine), transfer->name, &options, error);
}

static bool push(void *data, const struct berth_build_transfer *transfer, GError **error)
{
	const struct daemon_build *build = data;
	struct berth_transfer_options options = options_of(build, transfer);

	options.platform = NULL;
	return berth_images_push(berth_engine_images(build->engine), transfer->name, &options, error);
}

static struct berth_registries *registries(void *data)
{
	const struct daemon_build *build = data;

	return berth_engine_registries(build->engine);
}

bool daemon_build_configure(struct daemon_build *build, const char *text, GError **error)
{
	struct daemon_builder builder;

	if (!daemon_builder_read(text, &builder, error))
		return false;
	berth_builder_set_policy(build->builder, &builder.policy);
	daemon_builder_clear(&builder);
	return true;
}

struct daemon_build *daemon_build_new(struct berth_engine *engine, const char *builder, GError **error)
{
	struct daemon_build *build = g_new0(struct daemon_build, 1);

	build->engine = engine;
	build->host = (struct berth_build_host){.data = build,
						.begin = begin,
						.end = end,
						.run = run,
						.resize = resize,
						.pull = pull,
						.push = push,
						.registries = registries};
	const struct berth_builder_options options = {
		.store = berth_engine_store(engine),
		.images = berth_engine_images(engine),
		.host = &build->host,
	};
	build->builder = berth_builder_new(&options, error);
	if (build->builder && daemon_build_configure(build, builder, error))
		return build;
	berth_builder_free(build->builder);
	g_free(build);
	return NULL;
}

void daemon_build_free(struct daemon_build *build)
{
	if (!build)
		return;
	berth_builder_free(build->builder);
	g_free(build);
}

struct berth_builder *daemon_build_builder(const struct daemon_build *build)
{
	return build->builder;
}
