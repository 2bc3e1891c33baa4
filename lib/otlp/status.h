/* status.h - the small messages of the Export services: responses and google.rpc.Status, both encodings.
 *
 * Built and read with protobuf-c (generated from lib/otlp/schema); results are in the arena given. */
#pragma once
#include "lib/base/arena.h"
#include "lib/otlp/encode.h"

enum otlp_encoding { OTLP_PROTO, OTLP_JSON };

/* For the arena (arena_init_with) in which an answer is written or read: one that says "no memory" must not need any. */
struct answer_space {
	_Alignas(16) char bytes[2048];
};

/* Export*ServiceResponse: empty (proto: zero bytes, JSON: "{}") when n_rejected is 0 and message is empty. */
slice export_response(struct arena *a, enum signal signal, enum otlp_encoding enc, int64_t n_rejected, slice message);
/* google.rpc.Status. */
slice rpc_status(struct arena *a, enum otlp_encoding enc, int code, slice message);

struct export_result {
	int64_t n_rejected;
	slice message;
};
/* Reads a backend's Export*ServiceResponse. -1 when it does not parse. An all-default partial_success means none; a
 * negative count is read as 0. Strings read are UTF-8 (repaired) and in the arena. */
int export_response_parse(
        struct arena *a, enum signal signal, enum otlp_encoding enc, slice body, struct export_result *r) MUST_USE;
/* Reads a backend's Status; -1 when it does not parse. */
int rpc_status_parse(struct arena *a, enum otlp_encoding enc, slice body, int *code, slice *message) MUST_USE;
