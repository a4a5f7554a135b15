// SPDX-License-Identifier: Apache-2.0
// What requests and answers of older versions of the API mean, beyond fields that came and went (their tables know
// that): what a version did not know yet is not looked at, and defaults are those of its time.
#pragma once

#include "spec/api-config.h"
#include "spec/api-container.h"
#include "spec/api-image.h"
#include "spec/api-network.h"
#include "spec/api-system.h"

void berth_shape_create(struct api_container_create *create, unsigned version);
void berth_shape_connect(struct api_endpoint_settings *settings, unsigned version);
void berth_shape_inspect(struct api_container_inspect *inspect, unsigned version);
void berth_shape_image(struct api_image_summary *image, unsigned version);
void berth_shape_info(struct api_info *info, unsigned version);
