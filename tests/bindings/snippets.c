/* The example of oko.h is a program. */
#include <oko/oko.h>
#include <stdio.h>

void snippet(const uint8_t* luma, const uint8_t* chroma);

void snippet(const uint8_t* luma, const uint8_t* chroma) {
#include "oko_h.inc"
}
