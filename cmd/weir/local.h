/* local.h - local mode: the config that runs when none is given. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* The values of --config that local mode stands for; returns how many. `json`: spans as OTLP/JSON lines instead of a line per call. */
size_t local_configs(bool json, const char *out[2]);
