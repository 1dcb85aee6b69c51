#pragma once

#include <memory>
#include <string>

#include "oko/image/frame.h"

namespace oko::media {

bool is_video_name(const std::string& uri);  // by extension

struct VideoInfo {
  image::Size size;
  double frames_per_second = 0;
  long frame_count = 0;  // 0 if unknown
};

class VideoReader {
 public:
  virtual ~VideoReader() = default;
  virtual const VideoInfo& info() const = 0;
  virtual bool next(image::Picture& frame) = 0;  // false at the end
};
// A file, or "camera" / "camera:1" for a camera. Throws an input Error if it cannot be opened, or
// if a file's frames have more pixels than set_max_pixels() allows. Open and create videos on one
// thread only: this sets an environment variable that silences the codecs.
std::unique_ptr<VideoReader> open_video(const std::string& source);

class VideoWriter {
 public:
  virtual ~VideoWriter() = default;
  virtual void add(const image::Picture& frame) = 0;
  // Finishes the file and gives it its final name. Without it nothing is left behind.
  virtual void close() = 0;
};
// .mp4 (MPEG-4), .avi (Motion JPEG).
std::unique_ptr<VideoWriter> create_video(const std::string& path, const VideoInfo& info);

}  // namespace oko::media
