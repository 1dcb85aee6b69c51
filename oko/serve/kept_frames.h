#pragma once

#include <string>
#include <vector>

#include "oko/serve/sent_frame.h"

namespace oko::serve {

// Frames that phones sent back, as a YOLO dataset with one split: background-SESSION-0001.jpg, an
// image without objects, and to-label-SESSION-0002.jpg, whose label file is what the model saw. The
// folder is created when the first frame comes. All names are made here, and no file is ever
// replaced.
class KeptFrames {
 public:
  static constexpr int kMost = 1000;

  // `session` is a part of all names: letters, digits and '-'. Throws a usage Error if the folder
  // is a dataset of other classes, or if a link stands where one of its own folders belongs.
  KeptFrames(std::string folder, std::vector<std::string> classes, std::string session,
             int most = kMost);

  // Returns the URI of the image. Throws an Error of kFailed for more than most() frames, and
  // storage Errors; then nothing of the frame is left.
  std::string keep(const SentFrame& frame);

  int most() const { return most_; }
  int count() const { return backgrounds_ + to_label_; }
  int backgrounds() const { return backgrounds_; }
  int to_label() const { return to_label_; }
  const std::string& folder() const { return folder_; }
  const std::vector<std::string>& classes() const { return classes_; }

 private:
  std::string path(const std::string& name) const;
  void expect_ours() const;
  struct Files {
    std::string label, image;
  };
  // Where the next frame goes: to no file of another session that began in the same second. Never
  // the same twice, so that a frame that cannot be stored does not stand in the way of the next.
  Files next_files(const char* kind);

  std::string folder_;
  std::vector<std::string> classes_;
  std::string session_;
  std::string description_;  // data.yaml
  int most_;
  int backgrounds_ = 0, to_label_ = 0;
  int last_number_ = 0;  // in a name
};

}  // namespace oko::serve
