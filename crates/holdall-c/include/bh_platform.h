/*
 * bh_platform.h: another name for platform_common.h, which some programs for WAMR use.
 *
 * Copyright of holdall's authors. SPDX-License-Identifier: MIT OR Apache-2.0
 */

#include "platform_common.h"
