// Writes the reference model to a file, for tests that are not C++.
#include <cstdio>

#include "tests/bindings/reference_model.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::vector<std::byte> bytes = oko::bindings::reference_model();
  if (bytes.empty()) {
    std::puts("skipped: set OKO_DATA to the folder of the reference data");
    return 77;
  }
  std::ofstream file(argv[1], std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  file.close();
  return file ? 0 : 1;
}
