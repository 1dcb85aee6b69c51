// needs: graph
// Any file is rejected or gives tensors inside it, which can be written and read again.

#include <cstdlib>

#include "oko/base/error.h"
#include "oko/graph/oko_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::graph;
  const oko::Bytes bytes(std::string_view(reinterpret_cast<const char*>(data), size));
  Safetensors file;
  try {
    file = read_safetensors(bytes, "input");
  } catch (const oko::Error&) {
    return 0;
  }
  const Safetensors again = read_safetensors(oko::Bytes(write_safetensors(file)), "written");
  if (again.metadata != file.metadata || again.tensors.size() != file.tensors.size()) std::abort();
  for (const auto& [name, tensor] : file.tensors) {
    const Tensor& other = again.tensors.at(name);
    if (other.shape != tensor.shape || other.data.text() != tensor.data.text()) std::abort();
  }
  return 0;
}
