// SPDX-License-Identifier: Apache-2.0
// Shell patterns of substitutions: `*` is any text within a line, `?` any character but a newline, `\` takes `*`, `?`,
// `\`, `}` and `/` as they are. What was tried and failed is remembered, so that no pattern takes more steps than its
// length times the value's, which the caller bounds.
#include "build/dockerfile/internal.h"

#include <string.h>

enum kind {
	LITERAL,
	ANY,
	MANY,
};

struct token {
	enum kind kind;
	char byte;
};

struct berth_dockerfile__matcher {
	struct token *tokens;
	size_t count;
	const char *value;
	size_t length;
	bool greedy, to_end; // to_end: a match must reach the value's end
	guint8 *failed; // bits, one for each token and place
};

static void compile(struct berth_dockerfile__matcher *matcher, const char *pattern)
{
	matcher->tokens = g_new(struct token, strlen(pattern) + 1);
	for (; *pattern; pattern++) {
		struct token token = {LITERAL, *pattern};

		if (*pattern == '*')
			token.kind = MANY;
		else if (*pattern == '?')
			token.kind = ANY;
		else if (*pattern == '\\' && pattern[1])
			token.byte = *++pattern;
		if (token.kind == MANY && matcher->count > 0 && matcher->tokens[matcher->count - 1].kind == MANY)
			continue;
		matcher->tokens[matcher->count++] = token;
	}
}

berth_dockerfile__matcher *berth_dockerfile__matcher_new(const char *pattern, const char *value, bool greedy,
							 bool to_end)
{
	berth_dockerfile__matcher *matcher = g_new0(berth_dockerfile__matcher, 1);

	*matcher = (berth_dockerfile__matcher){
		.value = value, .length = strlen(value), .greedy = greedy, .to_end = to_end};
	compile(matcher, pattern);
	matcher->failed = g_malloc0((matcher->count + 1) * (matcher->length + 1) / 8 + 1);
	return matcher;
}

berth_dockerfile__matcher *berth_dockerfile__matcher_free(berth_dockerfile__matcher *matcher)
{
	if (!matcher)
		return NULL;
	g_free(matcher->tokens);
	g_free(matcher->failed);
	g_free(matcher);
	return NULL;
}

static bool has_failed(const struct berth_dockerfile__matcher *matcher, size_t index, size_t at)
{
	size_t bit = index * (matcher->length + 1) + at;

	return matcher->failed[bit / 8] & 1u << bit % 8;
}

static void set_failed(struct berth_dockerfile__matcher *matcher, size_t index, size_t at)
{
	size_t bit = index * (matcher->length + 1) + at;

	matcher->failed[bit / 8] |= (guint8) (1u << bit % 8);
}

static size_t width_at(const struct berth_dockerfile__matcher *matcher, size_t at)
{
	size_t width = (size_t) (g_utf8_next_char(matcher->value + at) - (matcher->value + at));

	return MIN(width, matcher->length - at);
}

// Takes the tokens up to the next `*`. Where the value goes on, or SIZE_MAX.
static size_t take_fixed(const struct berth_dockerfile__matcher *matcher, size_t *index, size_t at)
{
	for (; *index < matcher->count && matcher->tokens[*index].kind != MANY; ++*index) {
		const struct token *token = &matcher->tokens[*index];

		if (at >= matcher->length)
			return SIZE_MAX;
		if (token->kind == ANY ? matcher->value[at] == '\n' : matcher->value[at] != token->byte)
			return SIZE_MAX;
		at += token->kind == ANY ? width_at(matcher, at) : 1;
	}
	return at;
}

static size_t match_at(struct berth_dockerfile__matcher *matcher, size_t index, size_t at);

// From a `*` on. If it fails here it fails everywhere later in the line.
static size_t match_many(struct berth_dockerfile__matcher *matcher, size_t index, size_t at)
{
	size_t most = at, result = SIZE_MAX;

	if (has_failed(matcher, index, at))
		return SIZE_MAX;
	// Up to the line's end, or to where it is known to fail.
	while (most < matcher->length && matcher->value[most] != '\n' && !has_failed(matcher, index, most + 1))
		most++;
	for (size_t taken = 0; taken <= most - at && result == SIZE_MAX; taken++)
		result = match_at(matcher, index + 1, matcher->greedy ? most - taken : at + taken);
	for (size_t later = at; result == SIZE_MAX && later <= most; later++)
		set_failed(matcher, index, later);
	return result;
}

// Where the match that begins with token `index` at `at` ends, or SIZE_MAX. Two calls deep for each `*`, and so no
// deeper than the value is long.
static size_t match_at(struct berth_dockerfile__matcher *matcher, size_t index, size_t at)
{
	size_t first = index;

	if (has_failed(matcher, first, at))
		return SIZE_MAX;
	size_t end = take_fixed(matcher, &index, at);
	if (end != SIZE_MAX && index < matcher->count)
		end = match_many(matcher, index, end);
	else if (end != SIZE_MAX && matcher->to_end && end < matcher->length)
		end = SIZE_MAX;
	if (end == SIZE_MAX)
		set_failed(matcher, first, at);
	return end;
}

bool berth_dockerfile__matcher_find(berth_dockerfile__matcher *matcher, size_t from, bool anchored, size_t *ret_begin,
				    size_t *ret_end)
{
	for (size_t at = from; at <= matcher->length; at += MAX(width_at(matcher, at), 1)) {
		size_t end = match_at(matcher, 0, at);

		if (end != SIZE_MAX) {
			*ret_begin = at;
			*ret_end = end;
			return true;
		}
		if (anchored)
			break;
	}
	return false;
}

size_t berth_dockerfile__matcher_suffix(berth_dockerfile__matcher *matcher, bool longest)
{
	size_t best = matcher->length, begin, end;

	if (longest)
		return berth_dockerfile__matcher_find(matcher, 0, false, &begin, &end) ? begin : matcher->length;
	for (size_t at = matcher->length + 1; at > 0; at--) {
		bool inside = at - 1 < matcher->length && (matcher->value[at - 1] & 0xc0) == 0x80;
		if (!inside && match_at(matcher, 0, at - 1) != SIZE_MAX) {
			best = at - 1;
			break;
		}
	}
	return best;
}
