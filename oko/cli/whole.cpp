#include "oko/cli/whole.h"

#include "oko/train/engine.h"

namespace oko::cli {

void need_whole_program() {}

bool has_gpu() { return train::has_cuda(); }

std::unique_ptr<detect::Engine> make_torch_engine(const graph::Network& network, int threads,
                                                  const std::string& device) {
  return train::make_torch_engine(network, {threads, device});
}

std::unique_ptr<media::VideoReader> open_clip(const std::string& source) {
  return media::open_video(source);
}

std::unique_ptr<media::VideoWriter> create_clip(const std::string& path,
                                                const media::VideoInfo& info) {
  return media::create_video(path, info);
}

}  // namespace oko::cli
