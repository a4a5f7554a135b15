// SPDX-License-Identifier: Apache-2.0
// The header WWW-Authenticate (RFC 9110, 11.6.1): what a server wants to see.
#pragma once

#include <glib.h>

#define BERTH_CHALLENGE_LENGTH 8192 // longer headers are cut
#define BERTH_CHALLENGES 16 // more of one header are ignored

struct berth_challenge {
	char *scheme; // lower case: "basic", "bearer"
	char *realm, *service, *scope; // NULL: not there
};
void berth_challenge_free(struct berth_challenge *challenge);

// All challenges of a header's value, in order: a new GPtrArray of struct berth_challenge that frees them. What cannot
// be read ends the list.
GPtrArray *berth_challenges_parse(const char *header);
