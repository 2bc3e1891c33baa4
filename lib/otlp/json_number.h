/* json_number.h - JSON numbers to integers and doubles, and doubles to the shortest JSON (lib/otlp only).
 *
 * Integers are exact: 1e3 and 1.50e1 are integers, 1.5 and what does not fit are not. Doubles are correctly
 * rounded in both directions.
 */
#pragma once
#include "lib/base/base.h"

struct number {
	slice text; /* the whole token */
	uint64_t digits; /* value is digits * 10^exp unless `big` */
	int64_t exp;
	bool negative;
	bool big; /* more digits than `digits` can hold */
};

/* Reads the longest RFC 8259 number at p. Returns its end, or NULL when there is none. */
const char *number_scan(const char *p, const char *end, struct number *n);
/* The magnitude of an integral number; false when it is not integral or above 2^64 - 1. */
bool number_integer(const struct number *n, uint64_t *magnitude) MUST_USE;
/* False when the magnitude is too large for a double. */
bool number_double(const struct number *n, double *out) MUST_USE;

enum { NUMBER_TEXT_MAX = 32 };
/* The shortest decimal that reads back as `d`; "NaN", "Infinity" and "-Infinity" with quotes. Returns the length. */
size_t number_print(double d, char out[NUMBER_TEXT_MAX]);
/* Decimal digits of v. Returns the length, at most 20. */
size_t number_print_u64(uint64_t v, char out[NUMBER_TEXT_MAX]);
