// As main.c, by the C++ header.
#include <oko/oko.hpp>

#include <cstdio>

int main() {
  const auto model = oko::phone::Model::open("missing.oko");
  if (model) return 1;
  std::printf("%d.%d.%d %s %d %s\n", OKO_VERSION_MAJOR, OKO_VERSION_MINOR, OKO_VERSION_PATCH,
              oko_version(), static_cast<int>(model.error().status), model.error().text.c_str());
  return 0;
}
