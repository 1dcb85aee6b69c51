/* The header's version, the library's, and what opening a model that is not there says. */
#include <oko/oko.h>
#include <stdio.h>

int main(void) {
  oko_model* model = NULL;
  const oko_status status = oko_model_open_file("missing.oko", NULL, &model);
  printf("%d.%d.%d %s %d %s\n", OKO_VERSION_MAJOR, OKO_VERSION_MINOR, OKO_VERSION_PATCH,
         oko_version(), (int)status, oko_last_error());
  return model == NULL ? 0 : 1;
}
