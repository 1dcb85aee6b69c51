// needs: package
// Any file is read as a shared library or rejected.

#include <cstdlib>

#include "oko/base/error.h"
#include "oko/package/elf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const oko::Bytes file(std::string_view(reinterpret_cast<const char*>(data), size));
  try {
    const oko::package::ElfFile elf = oko::package::read_elf(file, "input");
    for (const std::string_view name : elf.needed) {
      const char* const begin = elf.file.text().data();
      if (name.data() < begin || name.data() + name.size() > begin + elf.file.size()) std::abort();
    }
  } catch (const oko::Error&) {
  }
  return 0;
}
