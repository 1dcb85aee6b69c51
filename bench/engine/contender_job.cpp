#include "contender.h"
#include "oko/base/json.h"
#include "oko/storage/store.h"

namespace oko::bench {

std::string Job::file(const std::string& name) const { return storage::join(folder, name); }

std::vector<float> read_floats(const std::string& file) {
  const Bytes bytes = storage::read(file);
  const auto* first = reinterpret_cast<const float*>(bytes.data());
  return {first, first + bytes.size() / sizeof(float)};
}

Job read_job(const std::string& folder, const std::string& precision, int threads) {
  Job job{folder, precision, threads, {}, 0, {}};
  const std::string name = job.file("network.json");
  const Json network = parse_json(storage::read_text(name), name);
  const auto sides = network.at("input").get<std::vector<int>>();
  job.shape = {sides.at(1), sides.at(2), sides.at(3)};
  job.heads = network.at("heads").get<std::size_t>();
  job.input = read_floats(job.file("input.f32"));
  return job;
}

std::string write_job(const graph::Network& network) {
  const graph::Shape& shape = network.input;
  return Json{{"input", {1, shape.channels, shape.height, shape.width}},
              {"heads", network.heads().size()},
              {"mean", network.preprocess.mean},
              {"scale", network.preprocess.scale}}
      .dump();
}

}  // namespace oko::bench
