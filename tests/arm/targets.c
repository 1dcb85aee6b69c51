/* Prints the instruction sets that the library chooses on this processor: "neondot neon scalar". */
#include <stdio.h>

#include "oko/oko.h"

int main(void) {
  const char* const* target = oko_targets();
  for (; *target != NULL; ++target) printf("%s%s", *target, target[1] != NULL ? " " : "\n");
  return 0;
}
