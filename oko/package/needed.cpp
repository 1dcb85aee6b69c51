#include "oko/package/needed.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace oko::package {
namespace {

class Search {
 public:
  Search(const std::map<std::string, ElfFile>& files, const ElfFile& stand_in)
      : files_(files), stand_in_(stand_in) {
    for (const auto& [name, file] : files) {
      if (!may_be_absent(name)) continue;
      for (const std::string_view symbol : file.defined) absent_.emplace(symbol, name);
    }
  }

  std::set<std::string> run(const std::set<std::string>& programs) {
    for (const std::string& program : programs) keep(program);
    while (const std::string* missing = missing_library()) keep(*missing);
    return kept_;
  }

 private:
  void keep(const std::string& name) {
    const auto file = files_.find(name);
    if (file == files_.end() || !kept_.insert(name).second) return;
    defined_.insert(file->second.defined.begin(), file->second.defined.end());
    for (const std::string_view library : file->second.needed) {
      if (!may_be_absent(library)) keep(std::string(library));
    }
  }

  // A library that defines what nothing kept so far does.
  const std::string* missing_library() const {
    for (const std::string& name : kept_) {
      for (const std::string_view symbol : files_.at(name).imported) {
        if (defined_.contains(symbol) || stand_in_.defined.contains(symbol)) continue;
        const auto found = absent_.find(symbol);
        if (found != absent_.end() && !kept_.contains(found->second)) return &found->second;
      }
    }
    return nullptr;
  }

  const std::map<std::string, ElfFile>& files_;
  const ElfFile& stand_in_;
  std::unordered_map<std::string_view, std::string> absent_;  // symbols of what may be absent
  std::unordered_set<std::string_view> defined_;              // by what is kept
  std::set<std::string> kept_;
};

}  // namespace

bool may_be_absent(std::string_view library) {
  // OpenCV's other modules are the base of these.
  for (const std::string_view base : {"libopencv_core.", "libopencv_imgproc."}) {
    if (library.starts_with(base)) return false;
  }
  constexpr std::array<std::string_view, 14> kFamilies{
      "libopencv_",   "libavcodec.", "libavformat.",   "libavutil.", "libavdevice.",
      "libavfilter.", "libswscale.", "libswresample.", "libarmnn",   "libleveldb.",
      "liblmdb.",     "libzmq.",     "libsnappy.",     "libOpenCL."};
  return std::ranges::any_of(kFamilies, [&](auto family) { return library.starts_with(family); });
}

std::set<std::string> needed_files(const std::map<std::string, ElfFile>& files,
                                   const std::set<std::string>& programs, const ElfFile& stand_in) {
  return Search(files, stand_in).run(programs);
}

}  // namespace oko::package
