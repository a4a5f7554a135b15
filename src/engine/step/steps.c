// SPDX-License-Identifier: Apache-2.0
// What the steps of one build have in common. Making a network namespace with its interface, and above all taking it
// away again, costs several times what the rest of a short step does. So a step gets what one before it had, as it is:
// namespace, interface, addresses and the resolver's sockets. A step has no power over any of that; one that is
// privileged, or whose network is more than a bridge, gets its own. And what a step leaves in the exec root is cleared
// while the next one runs already.
//
// A namespace that waits for its next step is held by this process alone, and by no run folder: if the engine is killed
// the kernel removes it, and with it the interface.
#include "engine/step/step.h"

#include "base/fd.h"

#include <string.h>

#define BRIDGE "bridge"

struct berth_engine_steps {
	struct berth_engine *engine;
	pthread_mutex_t lock;
	pthread_cond_t cleared;
	GPtrArray *networks; // of struct berth_engine_step_network, that wait
	unsigned clearing;
};

struct berth_engine_steps *berth_engine_steps_new(struct berth_engine *engine)
{
	struct berth_engine_steps *steps = g_new0(struct berth_engine_steps, 1);

	steps->engine = engine;
	steps->networks = g_ptr_array_new();
	pthread_mutex_init(&steps->lock, NULL);
	pthread_cond_init(&steps->cleared, NULL);
	return steps;
}

// Networks

static struct berth_engine_step_network *network_new(struct berth_engine *engine, const char *asked)
{
	struct berth_engine_step_network *network = g_new0(struct berth_engine_step_network, 1);

	network->engine = engine;
	network->asked = g_strdup(asked);
	network->user_namespace = network->namespace = network->udp = network->tcp = -1;
	return network;
}

static void network_free(struct berth_engine_step_network *network)
{
	berth_run_network_free(network->run);
	berth_fd_clear(&network->udp);
	berth_fd_clear(&network->tcp);
	berth_fd_clear(&network->namespace);
	berth_fd_clear(&network->user_namespace);
	berth_engine__step_users_let_go(network->engine, network->users);
	if (network->users)
		berth_document_free(&berth_container_users_document, network->users);
	g_free(network->asked);
	g_free(network);
}

static bool may_share(const struct berth_build_step *step)
{
	const struct api_host_config *limits = step->limits;

	return !step->insecure && !(limits && (limits->privileged || limits->cap_add || limits->sysctls));
}

struct berth_engine_step_network *berth_engine__steps_take(struct berth_engine_steps *steps,
							   const struct berth_build_step *step, const char *users)
{
	struct berth_engine_step_network *found = NULL;

	if (!steps || !may_share(step))
		return NULL;
	g_autofree char *asked = g_strdup_printf("%s users %s", step->network ? step->network : "", users ? users : "");
	pthread_mutex_lock(&steps->lock);
	for (guint i = 0; i < steps->networks->len && !found; i++) {
		struct berth_engine_step_network *network = steps->networks->pdata[i];
		if (g_str_equal(network->asked, asked))
			found = g_ptr_array_remove_index_fast(steps->networks, i);
	}
	pthread_mutex_unlock(&steps->lock);
	return found ? found : network_new(steps->engine, asked);
}

static bool is_bridge(struct berth_engine *engine, const struct berth_endpoint *endpoint)
{
	g_autoptr(berth_engine_network) network = berth_engine__network_find(engine, endpoint->network, NULL);

	return network && g_str_equal(network->record->driver, BRIDGE);
}

// Whether the next step may have what this one had. Not what was not made to its end, nor what its driver would miss
// if the engine were killed: a bridge's interface goes with its namespace.
static bool can_wait(struct berth_engine *engine, const struct berth_engine_container *container)
{
	const struct berth_run_network *run = container->network;

	if (container->step->network->run)
		return true; // it waits still: this step did not come to it
	if (!run || container->step->network->namespace < 0 || run->ports->len > 0)
		return false;
	for (guint i = 0; i < run->endpoints->len; i++)
		if (!is_bridge(engine, run->endpoints->pdata[i]))
			return false;
	return true;
}

void berth_engine__steps_give(struct berth_engine_steps *steps, struct berth_engine_container *container)
{
	struct berth_engine_step_network *network = container->step->network;

	if (!network || !can_wait(steps->engine, container)) {
		berth_engine__network_release(container->step->engine, container);
		if (network)
			network_free(network);
	} else {
		if (!network->run)
			network->run = berth_engine__network_keep(steps->engine, container);
		pthread_mutex_lock(&steps->lock);
		g_ptr_array_add(steps->networks, network);
		pthread_mutex_unlock(&steps->lock);
	}
	container->step->network = NULL;
}

// What steps leave

struct clearing {
	struct berth_engine_steps *steps;
	char *id, *cgroup;
};

static void clear(void *data, G_GNUC_UNUSED bool canceled)
{
	struct clearing *this = data;
	struct berth_engine_steps *steps = this->steps;
	g_autoptr(GError) error = NULL;

	if (!berth_engine__run_clear(steps->engine, this->id, this->cgroup, &error))
		g_warning("step %s: clearing it: %s", this->id, error->message);
	g_free(this->id);
	g_free(this->cgroup);
	g_free(this);
	pthread_mutex_lock(&steps->lock);
	steps->clearing--;
	pthread_cond_broadcast(&steps->cleared);
	pthread_mutex_unlock(&steps->lock);
}

void berth_engine__steps_clear_later(struct berth_engine_steps *steps, const char *id, const char *cgroup)
{
	struct clearing *this = g_new0(struct clearing, 1);

	this->steps = steps;
	this->id = g_strdup(id);
	this->cgroup = g_strdup(cgroup);
	pthread_mutex_lock(&steps->lock);
	steps->clearing++;
	pthread_mutex_unlock(&steps->lock);
	berth_workers_add(steps->engine->workers, clear, this, 0);
}

struct leaving {
	struct berth_engine *engine;
	struct berth_engine_step_network *network;
};

static void leave(void *data, G_GNUC_UNUSED bool canceled)
{
	struct leaving *this = data;

	berth_engine__network_left(this->engine, this->network->run);
	network_free(this->network);
	g_free(this);
}

void berth_engine_steps_free(struct berth_engine_steps *steps)
{
	if (!steps)
		return;
	for (guint i = 0; i < steps->networks->len; i++) {
		struct leaving *this = g_new0(struct leaving, 1);
		this->engine = steps->engine;
		this->network = steps->networks->pdata[i];
		berth_engine__network_leaving(this->engine);
		berth_workers_add(this->engine->workers, leave, this, 0);
	}
	pthread_mutex_lock(&steps->lock);
	while (steps->clearing > 0)
		pthread_cond_wait(&steps->cleared, &steps->lock);
	pthread_mutex_unlock(&steps->lock);
	g_ptr_array_unref(steps->networks);
	pthread_cond_destroy(&steps->cleared);
	pthread_mutex_destroy(&steps->lock);
	g_free(steps);
}
