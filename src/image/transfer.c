// SPDX-License-Identifier: Apache-2.0
#include "image/transfer-internal.h"

#include "base/error.h"

bool berth_transfer_begin(struct berth_transfer *transfer, struct berth_images *images, const char *name, bool push,
			  const struct berth_transfer_options *options, GError **error)
{
	*transfer = (struct berth_transfer){.images = images, .options = options};
	if (!berth_image_name_parse(name, &transfer->name, error))
		return false;
	pthread_mutex_init(&transfer->telling, NULL);
	pthread_mutex_init(&transfer->lock, NULL);
	pthread_cond_init(&transfer->changed, NULL);
	transfer->lease = berth_lease_new(images->store);
	transfer->repository = berth_repository_new(options->registries, &(struct berth_repository_options){
										 .domain = transfer->name.domain,
										 .path = transfer->name.path,
										 .push = push,
										 .credentials = options->credentials,
										 .canceled = berth_transfer_stopped,
										 .data = transfer,
									 });
	return true;
}

void berth_transfer_end(struct berth_transfer *transfer)
{
	if (!transfer->lease)
		return;
	berth_repository_free(transfer->repository);
	berth_lease_release(transfer->lease);
	g_clear_error(&transfer->failure);
	pthread_cond_destroy(&transfer->changed);
	pthread_mutex_destroy(&transfer->lock);
	pthread_mutex_destroy(&transfer->telling);
	berth_image_name_clear(&transfer->name);
}

void berth_transfer_fail(struct berth_transfer *transfer, GError *failure)
{
	pthread_mutex_lock(&transfer->lock);
	if (!transfer->failure)
		transfer->failure = g_steal_pointer(&failure);
	pthread_cond_broadcast(&transfer->changed);
	pthread_mutex_unlock(&transfer->lock);
	g_clear_error(&failure);
}

bool berth_transfer_stopped(void *data)
{
	struct berth_transfer *transfer = data;

	pthread_mutex_lock(&transfer->lock);
	bool failed = transfer->failure != NULL;
	pthread_mutex_unlock(&transfer->lock);
	return failed || (transfer->options->canceled && transfer->options->canceled(transfer->options->data));
}

bool berth_transfer_check(struct berth_transfer *transfer, GError **error)
{
	return !berth_transfer_stopped(transfer) || berth_error_set(error, BERTH_ERROR_CANCELED, "canceled");
}

GPtrArray *berth_transfer_threads(struct berth_transfer *transfer, const char *name, guint count, GThreadFunc work,
				  void *data)
{
	GPtrArray *threads = g_ptr_array_new();
	GError *failure = NULL;

	while (threads->len < count) {
		GThread *thread = g_thread_try_new(name, work, data, &failure);
		if (!thread)
			break;
		g_ptr_array_add(threads, thread);
	}
	if (failure && threads->len == 0) {
		GError *shown = NULL;
		berth_error_set(&shown, BERTH_ERROR_RESOURCE_EXHAUSTED, "no thread to work in: %s", failure->message);
		berth_transfer_fail(transfer, shown);
	}
	g_clear_error(&failure);
	return threads;
}

void berth_transfer_join(GPtrArray *threads)
{
	for (guint i = 0; i < threads->len; i++)
		g_thread_join(threads->pdata[i]);
	g_ptr_array_unref(threads);
}
