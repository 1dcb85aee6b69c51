#include "oko/convert/program.h"

#include "oko/convert/ncnn/ncnn.h"

namespace oko::convert {
namespace {

std::unique_ptr<Executor> executor(std::span<const formats::File> files,
                                   const graph::Network& network, std::span<const std::string> keys,
                                   std::string& note) {
  const auto make = [&] { return make_ncnn(files, network, &note, keys); };
  return tried(make, network, !keys.empty(), note);
}

}  // namespace

const Program& ncnn_program() {
  static const Program program{"ncnn", executor};
  return program;
}

}  // namespace oko::convert
