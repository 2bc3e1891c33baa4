/* codec.h - inside of compress.h: the state of one thread's codings.
 *
 * Every library state is made at its first use and kept, because making one costs more than coding a small
 * request; a thread that never sees a coding never pays for it. None of them holds a window of the data
 * between calls: input and output are whole buffers, so the libraries use those as their window.
 */
#pragma once
#include <isa-l/igzip_lib.h>
#include <libdeflate.h>
#include <zstd.h>

#include "lib/net/compress.h"

struct codec {
	struct libdeflate_decompressor *inflater;
	ZSTD_DCtx *zstd_in;
	struct isal_zstream *fast; /* gzip and deflate up to level 3 */
	uint8_t *fast_buf; /* its level buffer, sized for the largest level */
	struct libdeflate_compressor *dense; /* gzip and deflate from level 4 */
	int dense_level;
	ZSTD_CCtx *zstd_out;
};
