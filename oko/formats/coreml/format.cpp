#include <algorithm>

#include "oko/formats/coreml.h"
#include "oko/formats/format.h"
#include "oko/formats/wrappers/source.h"
#include "oko/formats/wrappers/templates.h"

namespace oko::formats {
namespace {

const File* file_ending(std::span<const File> files, std::string_view ending) {
  const auto found =
      std::ranges::find_if(files, [&](const File& file) { return file.name.ends_with(ending); });
  return found == files.end() ? nullptr : &*found;
}

// A single .mlmodel, or the files of an .mlpackage.
ReadModel read(std::span<const File> files, const ReadOptions& options) {
  const File* file = file_ending(files, ".mlmodel");
  if (file == nullptr) file = &files.front();
  const File* weights = file_ending(files, "weight.bin");
  return finished(
      read_coreml(file->bytes, file->name, weights != nullptr ? weights->bytes : Bytes(), options),
      options);
}

Written write(const graph::Network& network, const WriteOptions& options, const std::string& stem) {
  if (options.program) return {write_mlpackage(network, options, stem), stem + ".mlpackage"};
  return {write_coreml(network, options, stem), stem + ".mlmodel"};
}

Limits limits(const WriteOptions& options) { return {.int8 = !options.program}; }

std::vector<File> wrapper(const graph::Network& network, const WriteOptions& options,
                          const std::string& stem) {
  const wrappers::Source source(network, options, stem);
  return {source.swift(options.boxes ? wrappers::kSwiftVision : wrappers::kSwiftCoreMl)};
}

}  // namespace

const Format& coreml_format() {
  static const Format format{.name = "coreml",
                             .title = "Core ML",
                             .extensions = {".mlmodel", ".mlpackage"},
                             .has_program = true,
                             .read = read,
                             .write = write,
                             .limits = limits,
                             .wrapper = wrapper};
  return format;
}

}  // namespace oko::formats
