// SPDX-License-Identifier: Apache-2.0
// The grammar has commas between challenges and between the parameters of one: a word that is followed by "=" is a
// parameter, another one begins a challenge.
#include "distribution/challenge.h"

#include <stdbool.h>
#include <string.h>

#define SPACE " \t"

void berth_challenge_free(struct berth_challenge *challenge)
{
	if (!challenge)
		return;
	g_free(challenge->scheme);
	g_free(challenge->realm);
	g_free(challenge->service);
	g_free(challenge->scope);
	g_free(challenge);
}

static bool is_token_character(char c)
{
	return g_ascii_isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip(const char **at, const char *characters)
{
	*at += strspn(*at, characters);
}

// A word in lower case, or NULL; a new text.
static char *take_word(const char **at)
{
	const char *begin = *at;

	while (is_token_character(**at))
		(*at)++;
	return *at > begin ? g_ascii_strdown(begin, *at - begin) : NULL;
}

// "quoted \"text\"" or a bare one; NULL when the quotes do not end. A new text.
static char *take_value(const char **at)
{
	g_autoptr(GString) value = g_string_new(NULL);

	if (**at != '"') {
		const char *begin = *at;
		*at += strcspn(*at, "," SPACE);
		return g_strndup(begin, (gsize) (*at - begin));
	}
	for ((*at)++; **at && **at != '"'; (*at)++) {
		if (**at == '\\' && (*at)[1])
			(*at)++;
		g_string_append_c(value, **at);
	}
	if (**at != '"')
		return NULL;
	(*at)++;
	return g_strdup(value->str);
}

static void keep(struct berth_challenge *challenge, const char *name, char **value)
{
	char **place = NULL;

	if (g_str_equal(name, "realm"))
		place = &challenge->realm;
	else if (g_str_equal(name, "service"))
		place = &challenge->service;
	else if (g_str_equal(name, "scope"))
		place = &challenge->scope;
	if (place && !*place)
		*place = g_steal_pointer(value);
}

// After a name: whether "=" follows, which makes it a parameter's.
static bool take_equals(const char **at)
{
	const char *ahead = *at + strspn(*at, SPACE);

	if (*ahead != '=')
		return false;
	*at = ahead + 1;
	skip(at, SPACE);
	return true;
}

// The parameters of one challenge. False when they cannot be read.
static bool take_parameters(const char **at, struct berth_challenge *challenge)
{
	for (;;) {
		skip(at, "," SPACE);
		const char *begin = *at;
		g_autofree char *name = take_word(at);
		g_autofree char *value = NULL;
		if (!name)
			return **at == '\0';
		if (!take_equals(at)) {
			*at = begin; // the next challenge's scheme
			return true;
		}
		value = take_value(at);
		if (!value)
			return false;
		keep(challenge, name, &value);
		skip(at, SPACE);
		if (**at && **at != ',')
			return false;
	}
}

GPtrArray *berth_challenges_parse(const char *header)
{
	GPtrArray *challenges = g_ptr_array_new_with_free_func((GDestroyNotify) berth_challenge_free);
	g_autofree char *text = g_strndup(header, BERTH_CHALLENGE_LENGTH);
	const char *at = text;
	bool good = true;

	while (good && challenges->len < BERTH_CHALLENGES) {
		skip(&at, "," SPACE);
		char *scheme = take_word(&at);
		if (!scheme)
			break;
		struct berth_challenge *challenge = g_new0(struct berth_challenge, 1);
		challenge->scheme = scheme;
		g_ptr_array_add(challenges, challenge);
		good = !*at || strchr("," SPACE, *at);
		good = good && take_parameters(&at, challenge);
	}
	return challenges;
}
