#pragma once

#include <memory>
#include <string>

#include "oko/detect/detector.h"
#include "oko/graph/network.h"
#include "oko/media/video.h"

// What needs LibTorch or OpenCV's video module, for commands that seldom do: with all they are
// linked with, these take half a second to load. whole.cpp is linked into oko-commands, light.cpp
// into oko-light, which becomes oko-commands where one of them is needed.
namespace oko::cli {

// Call it before anything is read from standard input or printed: what runs in oko-light starts
// again as oko-commands.
void need_whole_program();

// Whether LibTorch finds a GPU. In oko-light: whether it might.
bool has_gpu();

// These need need_whole_program() before them.
std::unique_ptr<detect::Engine> make_torch_engine(const graph::Network& network, int threads,
                                                  const std::string& device);
std::unique_ptr<media::VideoReader> open_clip(const std::string& source);
std::unique_ptr<media::VideoWriter> create_clip(const std::string& path,
                                                const media::VideoInfo& info);

}  // namespace oko::cli
