// SPDX-License-Identifier: Apache-2.0
// What the rules of this host that are not ours do with a packet of which little is known: where it comes in and goes
// out. A rule whose other conditions cannot be judged is passed over, so what comes out is what happens to a packet
// that nobody has provided for. nft's, iptables-nft's and firewalld's tables are read; those of the old iptables are
// not.
#include "network/firewall-internal.h"

#include "base/error.h"
#include "sys/netlink.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#define MESSAGE(number) ((uint16_t) (NFNL_SUBSYS_NFTABLES << 8 | (number)))
#define DEPTH_MAX 16 // of chains that jump to chains, as in the kernel
#define REGISTERS 32

struct attributes {
	const void *data;
	size_t length;
};

enum verdict { GOES_ON, ACCEPTED, DROPPED, RETURNED, JUMPS, GOES_TO };

struct condition {
	bool out; // which interface
	bool negated;
	bool any_name; // by number, which is not looked up
	size_t length; // of what is compared: a name without its NUL is a beginning
	char name[IFNAMSIZ];
};

struct rule {
	bool unknown; // it has conditions that cannot be judged
	enum verdict verdict;
	char *target; // chain
	GArray *conditions;
};

struct chain {
	uint8_t family;
	char *table, *name;
	bool base;
	uint32_t hook;
	bool drops; // its policy
	GPtrArray *rules; // NULL: not read yet
};

struct berth_firewall__host {
	struct berth_netlink *netlink;
	const char *own_table;
	GPtrArray *chains;
};

// What is known of a packet. NULL: somewhere outside, of a name that nobody knows.
struct packet {
	const char *in, *out;
};

static void free_rule(void *data)
{
	struct rule *rule = data;

	g_free(rule->target);
	g_array_unref(rule->conditions);
	g_free(rule);
}

static void free_chain(void *data)
{
	struct chain *chain = data;

	g_free(chain->table);
	g_free(chain->name);
	g_clear_pointer(&chain->rules, g_ptr_array_unref);
	g_free(chain);
}

static struct attributes get(struct attributes whole, uint16_t type)
{
	struct attributes part;

	part.data = berth_netlink_data(berth_netlink_find(whole.data, whole.length, type), &part.length);
	return part;
}

static const char *get_text(struct attributes whole, uint16_t type)
{
	struct attributes part = get(whole, type);
	const char *text = part.data;

	return text && part.length && text[part.length - 1] == '\0' ? text : "";
}

static uint32_t get_number(struct attributes whole, uint16_t type)
{
	struct attributes part = get(whole, type);
	uint32_t number = 0;

	if (part.data && part.length >= sizeof number)
		memcpy(&number, part.data, sizeof number);
	return ntohl(number);
}

static struct attributes of_message(const struct nlmsghdr *message)
{
	size_t header = NLMSG_LENGTH(sizeof(struct nfgenmsg));

	if (message->nlmsg_len <= header)
		return (struct attributes){NULL, 0};
	return (struct attributes){(const char *) message + header, message->nlmsg_len - header};
}

// The next attribute of a list; NULL: there is none any more.
static const struct nlattr *next_attribute(struct attributes *rest)
{
	const struct nlattr *attribute = rest->data;

	if (rest->length < NLA_HDRLEN || attribute->nla_len < NLA_HDRLEN || attribute->nla_len > rest->length)
		return NULL;
	size_t step = MIN((size_t) NLA_ALIGN(attribute->nla_len), rest->length);
	rest->data = (const char *) rest->data + step;
	rest->length -= step;
	return attribute;
}

static bool each_chain(void *data, const struct nlmsghdr *message)
{
	struct berth_firewall__host *host = data;
	struct attributes attributes = of_message(message), hook = get(attributes, NFTA_CHAIN_HOOK);
	uint8_t family = ((const struct nfgenmsg *) NLMSG_DATA(message))->nfgen_family;
	const char *table = get_text(attributes, NFTA_CHAIN_TABLE);

	if ((family != NFPROTO_INET && family != NFPROTO_IPV4 && family != NFPROTO_IPV6) ||
	    (family == NFPROTO_INET && g_str_equal(table, host->own_table)))
		return true;
	struct chain *chain = g_new0(struct chain, 1);
	*chain = (struct chain){.family = family,
				.table = g_strdup(table),
				.name = g_strdup(get_text(attributes, NFTA_CHAIN_NAME)),
				.base = hook.data && g_str_equal(get_text(attributes, NFTA_CHAIN_TYPE), "filter"),
				.hook = get_number(hook, NFTA_HOOK_HOOKNUM),
				.drops = get(attributes, NFTA_CHAIN_POLICY).data &&
					 get_number(attributes, NFTA_CHAIN_POLICY) == NF_DROP};
	g_ptr_array_add(host->chains, chain);
	return true;
}

struct berth_firewall__host *berth_firewall__read_host(const char *own_table, GError **error)
{
	struct nfgenmsg header = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0};
	struct berth_netlink *netlink = berth_netlink_open(NETLINK_NETFILTER, error);

	if (!netlink)
		return NULL;
	struct berth_firewall__host *host = g_new0(struct berth_firewall__host, 1);
	host->netlink = netlink;
	host->own_table = own_table;
	host->chains = g_ptr_array_new_with_free_func(free_chain);
	berth_netlink_begin(netlink, MESSAGE(NFT_MSG_GETCHAIN), NLM_F_DUMP, &header, sizeof header);
	if (berth_netlink_ask(netlink, each_chain, host, error))
		return host;
	g_prefix_error(error, "read the host's rules: ");
	berth_firewall__free_host(host);
	return NULL;
}

void berth_firewall__free_host(struct berth_firewall__host *host)
{
	if (!host)
		return;
	berth_netlink_close(host->netlink);
	g_ptr_array_unref(host->chains);
	g_free(host);
}

// What the registers hold while a rule is read: the key of a meta expression and one, or 0.
struct reading {
	struct rule *rule;
	uint32_t registers[REGISTERS];
};

static void read_meta(struct reading *reading, struct attributes data)
{
	uint32_t destination = get_number(data, NFTA_META_DREG), key = get_number(data, NFTA_META_KEY);

	if (!get(data, NFTA_META_DREG).data || destination >= REGISTERS ||
	    (key != NFT_META_IIFNAME && key != NFT_META_OIFNAME && key != NFT_META_IIF && key != NFT_META_OIF))
		reading->rule->unknown = true;
	else
		reading->registers[destination] = key + 1;
}

static void read_comparison(struct reading *reading, struct attributes data)
{
	uint32_t source = get_number(data, NFTA_CMP_SREG), operation = get_number(data, NFTA_CMP_OP);
	struct attributes value = get(get(data, NFTA_CMP_DATA), NFTA_DATA_VALUE);

	if (source >= REGISTERS || !reading->registers[source] || !value.data || value.length > IFNAMSIZ ||
	    (operation != NFT_CMP_EQ && operation != NFT_CMP_NEQ)) {
		reading->rule->unknown = true;
		return;
	}
	uint32_t key = reading->registers[source] - 1;
	struct condition condition = {.out = key == NFT_META_OIFNAME || key == NFT_META_OIF,
				      .negated = operation == NFT_CMP_NEQ,
				      .any_name = key == NFT_META_IIF || key == NFT_META_OIF,
				      .length = value.length};
	memcpy(condition.name, value.data, value.length);
	if (condition.any_name) { // lo is always the first
		uint32_t number = 0;
		memcpy(&number, value.data, MIN(value.length, sizeof number));
		if (number == 1) {
			g_strlcpy(condition.name, "lo", sizeof condition.name);
			condition.any_name = false;
			condition.length = sizeof "lo";
		}
	}
	g_array_append_val(reading->rule->conditions, condition);
}

static void read_verdict(struct reading *reading, struct attributes data)
{
	struct attributes verdict = get(get(data, NFTA_IMMEDIATE_DATA), NFTA_DATA_VERDICT);

	if (!verdict.data)
		return;
	switch ((int32_t) get_number(verdict, NFTA_VERDICT_CODE)) {
	case NF_ACCEPT:
		reading->rule->verdict = ACCEPTED;
		break;
	case NF_DROP:
		reading->rule->verdict = DROPPED;
		break;
	case NFT_RETURN:
		reading->rule->verdict = RETURNED;
		break;
	case NFT_JUMP:
		reading->rule->verdict = JUMPS;
		break;
	case NFT_GOTO:
		reading->rule->verdict = GOES_TO;
		break;
	default:
		return;
	}
	g_free(reading->rule->target);
	reading->rule->target = g_strdup(get_text(verdict, NFTA_VERDICT_CHAIN));
}

static void read_expression(struct reading *reading, struct attributes expression)
{
	static const char *const harmless[] = {"counter", "log", "last", NULL};
	const char *name = get_text(expression, NFTA_EXPR_NAME);
	struct attributes data = get(expression, NFTA_EXPR_DATA);

	if (g_str_equal(name, "meta"))
		read_meta(reading, data);
	else if (g_str_equal(name, "cmp"))
		read_comparison(reading, data);
	else if (g_str_equal(name, "immediate"))
		read_verdict(reading, data);
	else if (g_str_equal(name, "reject") ||
		 (g_str_equal(name, "target") && g_str_equal(get_text(data, NFTA_TARGET_NAME), "REJECT")))
		reading->rule->verdict = DROPPED;
	else if (!(g_str_equal(name, "target") && g_str_equal(get_text(data, NFTA_TARGET_NAME), "LOG")) &&
		 !(g_str_equal(name, "match") && g_str_equal(get_text(data, NFTA_MATCH_NAME), "comment")) &&
		 !g_strv_contains(harmless, name))
		reading->rule->unknown = true;
}

struct rules_of {
	const struct chain *chain;
	GPtrArray *rules;
};

static bool each_rule(void *data, const struct nlmsghdr *message)
{
	struct rules_of *wanted = data;
	struct attributes attributes = of_message(message), list = get(attributes, NFTA_RULE_EXPRESSIONS);
	const struct nlattr *expression;

	// Older kernels list the whole table.
	if (!g_str_equal(get_text(attributes, NFTA_RULE_CHAIN), wanted->chain->name) ||
	    !g_str_equal(get_text(attributes, NFTA_RULE_TABLE), wanted->chain->table))
		return true;
	struct rule *rule = g_new0(struct rule, 1);
	struct reading reading = {.rule = rule};
	rule->conditions = g_array_new(FALSE, FALSE, sizeof(struct condition));
	while ((expression = next_attribute(&list))) {
		struct attributes inner;
		inner.data = berth_netlink_data(expression, &inner.length);
		read_expression(&reading, inner);
	}
	g_ptr_array_add(wanted->rules, rule);
	return true;
}

static GPtrArray *rules_of(struct berth_firewall__host *host, struct chain *chain)
{
	struct nfgenmsg header = {.nfgen_family = chain->family, .version = NFNETLINK_V0};

	if (chain->rules)
		return chain->rules;
	chain->rules = g_ptr_array_new_with_free_func(free_rule);
	struct rules_of wanted = {chain, chain->rules};
	berth_netlink_begin(host->netlink, MESSAGE(NFT_MSG_GETRULE), NLM_F_DUMP, &header, sizeof header);
	berth_netlink_put_text(host->netlink, NFTA_RULE_TABLE, chain->table);
	berth_netlink_put_text(host->netlink, NFTA_RULE_CHAIN, chain->name);
	berth_netlink_ask(host->netlink, each_rule, &wanted, NULL);
	return chain->rules;
}

static struct chain *find_chain(struct berth_firewall__host *host, const struct chain *near, const char *name)
{
	for (guint i = 0; i < host->chains->len; i++) {
		struct chain *chain = g_ptr_array_index(host->chains, i);
		if (chain->family == near->family && g_str_equal(chain->table, near->table) &&
		    g_str_equal(chain->name, name))
			return chain;
	}
	return NULL;
}

// An interface outside may have every name but lo's.
static bool holds(const struct condition *condition, const struct packet *packet)
{
	const char *name = condition->out ? packet->out : packet->in;
	char padded[IFNAMSIZ] = "";

	if (!name)
		return condition->any_name || strncmp(condition->name, "lo", condition->length) != 0 ||
		       condition->negated;
	if (condition->any_name)
		return false;
	g_strlcpy(padded, name, sizeof padded);
	return (memcmp(padded, condition->name, condition->length) == 0) != condition->negated;
}

static bool matches(const struct rule *rule, const struct packet *packet)
{
	for (guint i = 0; i < rule->conditions->len; i++)
		if (!holds(&g_array_index(rule->conditions, struct condition, i), packet))
			return false;
	return !rule->unknown;
}

static enum verdict walk(struct berth_firewall__host *host, struct chain *chain, const struct packet *packet,
			 unsigned depth)
{
	const GPtrArray *rules = rules_of(host, chain);

	for (guint i = 0; i < rules->len; i++) {
		const struct rule *rule = g_ptr_array_index(rules, i);
		if (rule->verdict == GOES_ON || !matches(rule, packet))
			continue;
		if (rule->verdict == RETURNED)
			return GOES_ON;
		if (rule->verdict == ACCEPTED || rule->verdict == DROPPED)
			return rule->verdict;
		struct chain *target = depth < DEPTH_MAX ? find_chain(host, chain, rule->target) : NULL;
		enum verdict verdict = target ? walk(host, target, packet, depth + 1) : GOES_ON;
		if (verdict != GOES_ON || rule->verdict == GOES_TO)
			return verdict;
	}
	return GOES_ON;
}

static bool drops(struct berth_firewall__host *host, struct chain *chain, const struct packet *packet)
{
	enum verdict verdict = walk(host, chain, packet, 0);

	return verdict == DROPPED || (verdict == GOES_ON && chain->drops);
}

static char *describe(const struct chain *chain)
{
	const char *family = chain->family == NFPROTO_INET ? "inet" : chain->family == NFPROTO_IPV4 ? "ip" : "ip6";

	return g_strdup_printf("chain %s of table %s %s", chain->name, family, chain->table);
}

char *berth_firewall__input_filter(struct berth_firewall__host *host)
{
	const struct packet packet = {NULL, NULL};

	for (guint i = 0; i < host->chains->len; i++) {
		struct chain *chain = g_ptr_array_index(host->chains, i);
		if (chain->base && chain->hook == NF_INET_LOCAL_IN && drops(host, chain, &packet))
			return describe(chain);
	}
	return NULL;
}

// What its administrator says so that it lets the packets of a bridge pass.
static char *remedy(struct berth_firewall__host *host, const struct chain *chain, const char *bridge)
{
	const char *tool = chain->family == NFPROTO_IPV6 ? "ip6tables" : "iptables";
	const char *family = chain->family == NFPROTO_INET ? "inet" : chain->family == NFPROTO_IPV4 ? "ip" : "ip6";
	const char *into = NULL;

	if (g_str_equal(chain->table, "firewalld"))
		return g_strdup_printf(
			"firewall-cmd --zone=trusted --add-interface=%s (and once more with --permanent)", bridge);
	if (find_chain(host, chain, "DOCKER-USER"))
		into = "DOCKER-USER";
	else if (find_chain(host, chain, "ufw-user-forward") || find_chain(host, chain, "ufw6-user-forward"))
		return g_strdup_printf("ufw route allow in on %s; ufw route allow out on %s", bridge, bridge);
	else if (chain->family != NFPROTO_INET && g_str_equal(chain->table, "filter") &&
		 g_str_equal(chain->name, "FORWARD"))
		into = "FORWARD";
	if (into)
		return g_strdup_printf("%s -I %s -i %s -j ACCEPT; %s -I %s -o %s -j ACCEPT", tool, into, bridge, tool,
				       into, bridge);
	return g_strdup_printf("nft insert rule %s %s %s iifname %s accept; nft insert rule %s %s %s oifname %s accept",
			       family, chain->table, chain->name, bridge, family, chain->table, chain->name, bridge);
}

char *berth_firewall__forward_filter(struct berth_firewall__host *host, const char *const *bridges)
{
	g_autoptr(GString) words = g_string_new(NULL);

	for (guint i = 0; i < host->chains->len; i++) {
		struct chain *chain = g_ptr_array_index(host->chains, i);
		if (!chain->base || chain->hook != NF_INET_FORWARD)
			continue;
		for (const char *const *bridge = bridges; *bridge; bridge++) {
			const struct packet from = {*bridge, NULL}, into = {NULL, *bridge};
			if (!drops(host, chain, &from) && !drops(host, chain, &into))
				continue;
			g_autofree char *what = describe(chain), *how = remedy(host, chain, *bridge);
			g_string_append_printf(words, "%s%s drops what is forwarded from or to %s; allow it with: %s",
					       words->len ? "; " : "", what, *bridge, how);
			break;
		}
	}
	return words->len ? g_string_free(g_steal_pointer(&words), FALSE) : NULL;
}
