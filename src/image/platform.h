// SPDX-License-Identifier: Apache-2.0
// Platforms of images ("linux/arm64/v8") and the choice among those of an index, by containerd's rules: what the
// machine runs best comes first, older variants of its architecture next, then its 32-bit one.
#pragma once

#include "spec/oci-image.h"

// "os[/architecture[/variant]]" or "architecture"; NULL: this machine's. Other operating systems than linux are
// refused. Normalised: "aarch64" is "arm64".
struct oci_platform *berth_platform_parse(const char *text, GError **error);
char *berth_platform_string(const struct oci_platform *platform);

// How well what is offered (NULLs: not said) runs where `wanted` does: 0 best; -1: not at all.
int berth_platform_rank(const struct oci_platform *wanted, const char *os, const char *architecture,
			const char *variant);
// The image in an index for the platform; attestations and the like are none. One without a platform is taken if it is
// the only image. The index keeps it. BERTH_ERROR_NOT_FOUND in Docker's words.
const struct oci_descriptor *berth_platform_choose(const struct oci_index *index, const struct oci_platform *wanted,
						   GError **error);
