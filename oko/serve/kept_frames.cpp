#include "oko/serve/kept_frames.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "oko/base/error.h"
#include "oko/dataset/yolo_txt.h"
#include "oko/storage/store.h"

namespace oko::serve {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSplit = "train";
constexpr const char* kDescription = "data.yaml";

std::vector<std::string> named(std::vector<std::string> classes) {
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i].empty()) classes[i] = fmt::format("class {}", i);
  }
  return classes;
}

void write_new(const std::string& uri, std::string_view text) {
  const Bytes content(text);
  storage::store_for(uri).write(uri, content.span(), storage::Precondition::absent());
}

// A link would lead what is written to where its maker wants it.
void expect_no_link(const std::string& path) {
  std::error_code error;
  if (!fs::is_symlink(fs::symlink_status(path, error))) return;
  throw Error(ErrorCode::kUsage, path, "is a link, and kept frames follow none",
              "remove it, or choose another folder with --keep");
}

}  // namespace

KeptFrames::KeptFrames(std::string folder, std::vector<std::string> classes, std::string session,
                       int most)
    : folder_(std::move(folder)),
      classes_(named(std::move(classes))),
      session_(std::move(session)),
      description_(dataset::data_yaml_text(classes_, {kSplit})),
      most_(most) {
  expect_ours();
}

std::string KeptFrames::path(const std::string& name) const { return storage::join(folder_, name); }

void KeptFrames::expect_ours() const {
  if (storage::is_local(folder_)) {
    for (const char* part : {"images", "labels", "images/train", "labels/train"}) {
      expect_no_link(path(part));
    }
  }
  const std::string description = path(kDescription);
  if (!storage::exists(description) || storage::read_text(description) == description_) return;
  throw Error(ErrorCode::kUsage, description, "is of a dataset with other classes or splits",
              "choose another folder with --keep");
}

KeptFrames::Files KeptFrames::next_files(const char* kind) {
  Files files;
  do {
    const std::string name = fmt::format("{}-{}-{:04}", kind, session_, ++last_number_);
    files = {path(fmt::format("labels/{}/{}.txt", kSplit, name)),
             path(fmt::format("images/{}/{}.jpg", kSplit, name))};
  } while (storage::exists(files.label) || storage::exists(files.image));
  return files;
}

std::string KeptFrames::keep(const SentFrame& frame) {
  if (count() >= most_) {
    throw Error(ErrorCode::kFailed, "frame", fmt::format("{} frames are kept already", most_),
                "start oko phone again");
  }
  expect_ours();
  if (!storage::exists(path(kDescription))) write_new(path(kDescription), description_);
  dataset::Sample sample;
  sample.size = frame.size;
  sample.objects = frame.objects;
  const bool is_background = frame.kind == SentFrame::Kind::kBackground;
  const auto [label, image] = next_files(is_background ? "background" : "to-label");
  if (storage::is_local(folder_)) {
    expect_no_link(label);
    expect_no_link(image);
  }
  // The label first: an image without one would be taken for a background.
  write_new(label, dataset::yolo_labels_text(sample));
  try {
    write_new(image, frame.jpeg.text());
  } catch (...) {
    storage::remove(label);
    throw;
  }
  ++(is_background ? backgrounds_ : to_label_);
  return image;
}

}  // namespace oko::serve
