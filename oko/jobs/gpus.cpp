#include "oko/jobs/gpus.h"

#include <string>
#include <vector>

#include "oko/base/suggest.h"

namespace oko::jobs {

const cost::Gpu& gpu_named(std::string_view name, std::string_view place) {
  if (const cost::Gpu* const gpu = cost::find_gpu(name)) return *gpu;
  std::vector<std::string_view> known;
  for (const cost::Gpu& gpu : cost::gpus()) known.push_back(gpu.name);
  throw unknown_word(ErrorCode::kUsage, std::string(place), "GPU", name, known);
}

}  // namespace oko::jobs
