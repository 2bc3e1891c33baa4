/* local.h - the configs of local mode: no file needed, loopback only, nothing leaves (INTERFACE section 3). */
#pragma once

/* Prints one line per span on stdout. */
extern const char local_config[];
/* Prints each request as one line of OTLP/JSON on stdout. */
extern const char local_json_config[];
