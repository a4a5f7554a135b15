// SPDX-License-Identifier: Apache-2.0
// How far two names are from each other: for "did you mean".
#pragma once

// Edits (insert, delete, replace, swap of neighbours) between two short names; a large number for long ones.
unsigned berth_near_distance(const char *a, const char *b);
