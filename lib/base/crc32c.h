/* crc32c.h - CRC-32C (Castagnoli, RFC 3720 appendix B.4), by the processor's instruction where it has one. */
#pragma once
#include "lib/base/base.h"

/* Goes on from `crc`: 0 at the start, else the result for what came before. crc32c(0, "123456789", 9) is 0xe3069283. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
/* The same without the instruction: what crc32c does where there is none. */
uint32_t crc32c_portable(uint32_t crc, const void *p, size_t n);
