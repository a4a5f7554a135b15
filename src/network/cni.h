// SPDX-License-Identifier: Apache-2.0
// The Container Network Interface, specification 0.3.0 to 1.1.0: what the files of cni*.c share. A network is a list of
// plugins; a container is put on it by executing them one after the other, each with the result of those before.
#pragma once

#include "network/network.h"

#include <jansson.h>

struct berth_cni_plugin {
	char *type; // the program's name
	json_t *config; // what it is given, but for what is added at each call
};

struct berth_cni_list {
	char *name;
	char *source; // where it is from, for messages
	char **versions; // of the specification, that it is written for: known ones, the newest last
	bool without_check, without_gc;
	GPtrArray *plugins; // of struct berth_cni_plugin
	json_t *document; // the whole
};
void berth_cni_list_free(struct berth_cni_list *list);
typedef struct berth_cni_list berth_cni_list;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_cni_list, berth_cni_list_free)

// cni-config.c

// Reads a list (.conflist), or a single plugin's configuration (.conf). `source` names it in messages.
struct berth_cni_list *berth_cni_list_parse(const char *text, size_t length, const char *source, GError **error);
struct berth_cni_list *berth_cni_list_from(const json_t *document, const char *source, GError **error);
// Finds the list of that name in the folders; or, if `name` begins with a slash, reads that file. Plugins in the folder
// of the list's name beside it are added, if the list does not forbid it.
struct berth_cni_list *berth_cni_list_find(char *const *folders, const char *name, GError **error);
// Whether a plugin's type may become a part of a path (CVE-2021-20206).
bool berth_cni_type_check(const char *type, const char *source, GError **error);
// -1, 0, 1 as strcmp(); what is no version is lower than all.
int berth_cni_version_compare(const char *a, const char *b);

// cni-exec.c

struct berth_cni_call {
	char *const *paths; // folders of plugins
	const char *command; // ADD, DEL, CHECK, GC, STATUS, VERSION
	const char *container, *interface; // NULL: not given
	const char *namespace; // path; NULL: not given
	const char *arguments; // CNI_ARGS; NULL: none
};
// Where the plugin's program is. NOT_FOUND names the folders.
char *berth_cni_find(char *const *paths, const char *type, GError **error);
// Executes a plugin in the caller's network namespace. *ret (may be NULL) is what it printed, NULL if that is nothing.
// A failure has the plugin's own words, details and code.
bool berth_cni_run(const struct berth_cni_call *call, const char *type, const json_t *request, json_t **ret,
		   GError **error);
// Reads the error that a plugin printed; sets *error in any case. `words`: what it wrote to its standard error.
void berth_cni_error(const char *what, const char *text, size_t length, const char *words, GError **error);

// cni-result.c

// Checks a result of ADD, of `version`. INVALID says what is wrong.
bool berth_cni_result_check(const json_t *result, const char *version, GError **error);
// Writes the addresses, gateways and MAC of a result that was checked into the endpoint.
void berth_cni_result_apply(const json_t *result, struct berth_endpoint *endpoint);
// The result with another path of the namespace: a new reference.
json_t *berth_cni_result_moved(const json_t *result, const char *from, const char *to);

// cni-request.c

// What the runtime can give by capability ("portMappings" …), from the endpoint and from options
// `cni.capability.<name>` of network and endpoint: a new object.
json_t *berth_cni_abilities(const struct berth_network *network, const struct berth_endpoint *endpoint, GError **error);
// Every one of `abilities` is asked for by a plugin of the list: else INVALID, which names it. Aliases need not be.
bool berth_cni_abilities_check(const struct berth_cni_list *list, const json_t *abilities, const char *what,
			       GError **error);
// A plugin's request: its configuration, version, the list's name, of `abilities` those that it declares, and the
// previous result (NULL: none). A new reference.
json_t *berth_cni_request(const struct berth_cni_list *list, const struct berth_cni_plugin *plugin, const char *version,
			  const json_t *abilities, const json_t *previous);

// cni-chain.c. `call` without its command.

// The newest version that list, plugins and we have in common. With `ask` plugins are asked also where the list leaves
// no choice. The caller frees it.
char *berth_cni_negotiate(const struct berth_cni_call *call, const struct berth_cni_list *list, bool ask,
			  GError **error);
// ADD of all plugins. After a failure DEL was done for all of them.
json_t *berth_cni_add(const struct berth_cni_call *call, const struct berth_cni_list *list, const char *version,
		      const json_t *abilities, GError **error);
// DEL of all plugins in reverse, whatever becomes of each; the error is the first one's. `result` may be NULL.
bool berth_cni_del(const struct berth_cni_call *call, const struct berth_cni_list *list, const char *version,
		   const json_t *abilities, const json_t *result, GError **error);
bool berth_cni_check(const struct berth_cni_call *call, const struct berth_cni_list *list, const char *version,
		     const json_t *abilities, const json_t *result, GError **error);
// STATUS, from 1.1.0 on; before that nothing is done. UNAVAILABLE: no container can be put on the network now.
bool berth_cni_status(const struct berth_cni_call *call, const struct berth_cni_list *list, const char *version,
		      GError **error);
// GC, from 1.1.0 on. `valid`: [{"containerID", "ifname"}].
bool berth_cni_gc(const struct berth_cni_call *call, const struct berth_cni_list *list, const char *version,
		  const json_t *valid, GError **error);
