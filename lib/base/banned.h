/* banned.h - libc calls that have no safe use here: unbounded copies, number parsing that cannot
 * fail, hidden state. Included by base.h after the system headers, so a use does not compile. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets atoi atol atoll atof strtok
