// The oko-light program: detection on images, and all else that needs neither LibTorch nor OpenCV's
// video module, in a tenth of the time that oko-commands takes to start. oko chooses it by the
// command; what turns out to need more becomes oko-commands.
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "oko/cli/cli.h"
#include "oko/cli/programs.h"
#include "oko/cli/whole.h"

namespace oko::cli {
namespace {

char** g_words = nullptr;  // main()'s

[[noreturn]] void become_whole() {
  // _Exit: nothing has begun that would have to be finished.
  std::_Exit(become_commands(g_words));
}

}  // namespace

void need_whole_program() { become_whole(); }

// Of a driver: NVIDIA's on a PC, in WSL and on its small boards; AMD's.
bool has_gpu() {
  for (const char* device : {"/dev/nvidiactl", "/dev/dxg", "/dev/nvhost-ctrl", "/dev/kfd"}) {
    std::error_code error;
    if (std::filesystem::exists(device, error)) return true;
  }
  return false;
}

std::unique_ptr<detect::Engine> make_torch_engine(const graph::Network&, int, const std::string&) {
  become_whole();
}

std::unique_ptr<media::VideoReader> open_clip(const std::string&) { become_whole(); }

std::unique_ptr<media::VideoWriter> create_clip(const std::string&, const media::VideoInfo&) {
  become_whole();
}

}  // namespace oko::cli

int main(int argc, char** argv) {
  oko::cli::g_words = argv;
  return oko::cli::run_oko(argc, argv, oko::cli::add_light_commands);
}
