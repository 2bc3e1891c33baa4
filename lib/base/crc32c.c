/* crc32c.c - CRC-32C by SSE4.2's instruction, else by tables, eight bytes a step.
 *
 * Invariant: both ways give the same answer; the tests compare them. The register is kept inverted (RFC 3720 appendix B.4: it starts
 * and ends with all bits flipped), so that a sum can be continued from what an earlier call returned.
 *
 * table[k][n] is the remainder of byte n followed by k zero bytes. The remainder is linear, so each entry is the sum of those of its
 * bits, and the compiler makes the tables out of 64 numbers: nothing is built at start and nothing can be written.
 */
#include "lib/base/crc32c.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#define BIT(n, i, r) (((n) >> (i)&1) ? (r) : 0u)
#define ENTRY(n, r0, r1, r2, r3, r4, r5, r6, r7)                                                        \
	BIT(n, 0, r0) ^ BIT(n, 1, r1) ^ BIT(n, 2, r2) ^ BIT(n, 3, r3) ^ BIT(n, 4, r4) ^ BIT(n, 5, r5) ^ \
	        BIT(n, 6, r6) ^ BIT(n, 7, r7)
#define FOUR(n, ...) \
	ENTRY((n), __VA_ARGS__), ENTRY((n) + 1, __VA_ARGS__), ENTRY((n) + 2, __VA_ARGS__), ENTRY((n) + 3, __VA_ARGS__)
#define SIXTEEN(n, ...) \
	FOUR((n), __VA_ARGS__), FOUR((n) + 4, __VA_ARGS__), FOUR((n) + 8, __VA_ARGS__), FOUR((n) + 12, __VA_ARGS__)
#define SIXTY_FOUR(n, ...)                                                                         \
	SIXTEEN((n), __VA_ARGS__), SIXTEEN((n) + 16, __VA_ARGS__), SIXTEEN((n) + 32, __VA_ARGS__), \
	        SIXTEEN((n) + 48, __VA_ARGS__)
/* From the remainders of the bytes 1, 2, 4 .. 128. */
#define ROW(...)                                                                               \
	SIXTY_FOUR(0, __VA_ARGS__), SIXTY_FOUR(64, __VA_ARGS__), SIXTY_FOUR(128, __VA_ARGS__), \
	        SIXTY_FOUR(192, __VA_ARGS__)

static const uint32_t table[8][256] = {
	{ ROW(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78) },
	{ ROW(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9) },
	{ ROW(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743) },
	{ ROW(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f) },
	{ ROW(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c) },
	{ ROW(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6) },
	{ ROW(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4) },
	{ ROW(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664) },
};

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t n)
{
	const unsigned char *p = data;
	crc = ~crc;
	for (; n >= 8; p += 8, n -= 8) {
		uint32_t x = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
		crc = table[7][x & 255] ^ table[6][x >> 8 & 255] ^ table[5][x >> 16 & 255] ^ table[4][x >> 24] ^
		        table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
	}
	while (n--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 255];
	return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const void *data, size_t n)
{
	const unsigned char *p = data;
	uint64_t sum = ~crc;
	for (; n >= 8; p += 8, n -= 8) {
		uint64_t x;
		memcpy(&x, p, 8);
		sum = _mm_crc32_u64(sum, x);
	}
	uint32_t rest = (uint32_t)sum;
	while (n--)
		rest = _mm_crc32_u8(rest, *p++);
	return ~rest;
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, p, n) : crc32c_portable(crc, p, n);
}
#else
uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	return crc32c_portable(crc, p, n);
}
#endif
