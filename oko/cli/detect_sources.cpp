#include "oko/cli/detect_sources.h"

#include <set>

#include "oko/base/error.h"
#include "oko/base/file_name.h"
#include "oko/cli/input_files.h"
#include "oko/cli/inputs.h"
#include "oko/media/picture.h"
#include "oko/media/video.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

void add_folder(const std::string& folder, std::vector<DetectSource>& sources) {
  const auto wanted = [](const std::string& name) {
    return media::is_picture_name(name) || media::is_video_name(name);
  };
  for (const std::string& name : images_of_folder(folder, wanted)) sources.push_back({name, ""});
}

std::vector<DetectSource> expanded(const std::vector<std::string>& given) {
  std::vector<DetectSource> sources;
  for (const std::string& source : given) {
    const auto entry = is_camera(source) ? std::nullopt : storage::stat(source);
    if (!entry && !is_camera(source)) throw input_error(source, "no such file");
    if (entry && entry->is_folder) {
      add_folder(source, sources);
    } else {
      sources.push_back({source, ""});
    }
  }
  return sources;
}

std::string ending_of(const std::string& source) {
  return is_clip(source) ? ".mp4" : storage::extension(source) == ".png" ? ".png" : ".jpg";
}

// --out may name a file for one image; several need a folder.
bool names_a_file(const std::string& out, std::size_t sources) {
  if (sources != 1 || out.ends_with('/') || storage::extension(out).empty()) return false;
  const auto there = storage::stat(out);
  return !there || !there->is_folder;
}

void choose_targets(const std::string& out, InputFiles& files, std::vector<DetectSource>& sources) {
  if (names_a_file(out, sources.size())) {
    if (!is_clip(sources.front().uri)) media::check_can_save(out);
    files.claim(sources.front().target = out);
    return;
  }
  files.refuse_folder(out);
  std::set<std::string> taken;
  for (DetectSource& source : sources) {
    const std::string name = is_camera(source.uri) ? "camera" : storage::stem(source.uri);
    const std::string ending = ending_of(source.uri);
    const auto file_of = [&](const std::string& number) {
      const std::size_t room = kLongestFileName - number.size() - ending.size();
      return (name.size() <= room ? name : file_name_from(name, room)) + number + ending;
    };
    std::string file = file_of("");
    for (int n = 2; !taken.insert(file).second; ++n) file = file_of("-" + std::to_string(n));
    files.claim(source.target = storage::join(out, file));
  }
}

}  // namespace

bool is_camera(const std::string& source) {
  return source == "camera" || source.starts_with("camera:");
}
bool is_clip(const std::string& source) {
  return is_camera(source) || media::is_video_name(source);
}

std::vector<DetectSource> detect_sources(const DetectArguments& arguments) {
  std::vector<DetectSource> sources = expanded(arguments.sources);
  InputFiles files;
  files.add(arguments.detector.model);
  for (const DetectSource& source : sources) {
    if (is_camera(source.uri)) continue;
    files.add(source.uri);
    files.add_folder(storage::parent(source.uri));
  }
  if (!arguments.csv.empty()) files.claim(arguments.csv);
  if (!arguments.out.empty()) choose_targets(arguments.out, files, sources);
  return sources;
}

}  // namespace oko::cli
