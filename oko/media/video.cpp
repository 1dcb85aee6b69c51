#include "oko/media/video.h"

#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>
#include <opencv2/videoio/registry.hpp>
#include <string_view>

#include "oko/base/error.h"
#include "oko/media/codecs.h"
#include "oko/media/opencv.h"
#include "oko/storage/local/file.h"
#include "oko/storage/store.h"
#include "oko/storage/temporary.h"

namespace oko::media {
namespace {

// Not in silence_opencv(), which runs on several threads: setenv() is not thread-safe.
void silence_video() {
  silence_opencv();
  ::setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);  // AV_LOG_QUIET
}

VideoInfo info_of(const cv::VideoCapture& capture) {
  VideoInfo info;
  info.size = {static_cast<int>(capture.get(cv::CAP_PROP_FRAME_WIDTH)),
               static_cast<int>(capture.get(cv::CAP_PROP_FRAME_HEIGHT))};
  const double rate = capture.get(cv::CAP_PROP_FPS);
  if (std::isfinite(rate) && rate > 0) info.frames_per_second = rate;
  const double count = capture.get(cv::CAP_PROP_FRAME_COUNT);
  if (count >= 1 && count < 1e9) info.frame_count = std::lround(count);
  return info;
}

// The backend named if this OpenCV has it, else any. By default OpenCV tries all in turn, and some
// of them print.
int backend(cv::VideoCaptureAPIs preferred) {
  return cv::videoio_registry::hasBackend(preferred) ? preferred : cv::CAP_ANY;
}

// OpenCV reads and writes only local files. A video from a bucket is copied to a temporary file
// while it is read; a written video is a temporary file until storage moves the finished one into
// place, atomically.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& uri) {
    static std::atomic<unsigned> counter{0};
    const std::string name = "oko-" + std::to_string(::getpid()) + "-" + std::to_string(counter++) +
                             storage::extension(uri);
    path_ = storage::join(storage::temporary_folder(), name);
  }
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class OpenCvReader final : public VideoReader {
 public:
  // `file`: the temporary copy that the capture reads, if any.
  explicit OpenCvReader(cv::VideoCapture capture, std::unique_ptr<TemporaryFile> file = nullptr)
      : file_(std::move(file)), capture_(std::move(capture)), info_(info_of(capture_)) {}

  const VideoInfo& info() const override { return info_; }
  bool next(image::Picture& frame) override {
    if (!capture_.read(bgr_) || bgr_.empty()) return false;
    if (frame.size != image::Size{bgr_.cols, bgr_.rows}) {
      frame = blank_picture({bgr_.cols, bgr_.rows});
    }
    cv::cvtColor(bgr_, view(frame), cv::COLOR_BGR2RGB);
    return true;
  }

 private:
  std::unique_ptr<TemporaryFile> file_;
  cv::VideoCapture capture_;
  VideoInfo info_;
  cv::Mat bgr_;
};

constexpr std::string_view kCamera = "camera";

bool is_camera(std::string_view source) {
  return source == kCamera || source.starts_with("camera:");
}

int camera_number(const std::string& source) {
  if (source == kCamera) return 0;
  const char* begin = source.data() + kCamera.size() + 1;
  const char* end = source.data() + source.size();
  int number = 0;
  const auto [stop, error] = std::from_chars(begin, end, number);
  if (error != std::errc{} || stop != end || number < 0) {
    throw Error(ErrorCode::kUsage, source, "a camera is named by its number",
                "write camera, camera:1, …");
  }
  return number;
}

cv::VideoCapture open_camera(const std::string& source) {
  cv::VideoCapture capture(camera_number(source), backend(cv::CAP_V4L2));
  if (!capture.isOpened()) {
    throw input_error(source, "cannot open the camera",
                      "check that it is connected and not used by another program");
  }
  return capture;
}

std::unique_ptr<VideoReader> open_file(const std::string& source) {
  const auto entry = storage::stat(source);
  if (!entry || entry->is_folder) {
    throw input_error(source, "no such file", "check the name");
  }
  const storage::Uri uri = source;
  std::string path = uri.path();
  std::unique_ptr<TemporaryFile> file;
  if (uri.is_local()) {
    storage::local::refuse_special(path);  // FFmpeg would wait for a pipe
  } else {
    file = std::make_unique<TemporaryFile>(source);
    path = file->path();
    storage::copy(source, path);
  }
  cv::VideoCapture capture;
  try {
    capture.open(path, backend(cv::CAP_FFMPEG));
  } catch (const cv::Exception&) {
    capture.release();  // reported below
  }
  if (!capture.isOpened() || capture.get(cv::CAP_PROP_FRAME_WIDTH) < 1) {
    throw input_error(source, "is not a readable video", "convert it to MP4 with H.264 or to AVI");
  }
  auto reader = std::make_unique<OpenCvReader>(std::move(capture), std::move(file));
  const image::Size size = reader->info().size;
  if (std::int64_t{size.width} * size.height > max_pixels()) {
    throw input_error(source,
                      std::to_string(size.width) + "x" + std::to_string(size.height) +
                          " is more than " + std::to_string(max_pixels()) + " pixels",
                      "make it smaller, or allow it with --max-pixels");
  }
  return reader;
}

int codec_of(const std::string& path) {
  const std::string extension = storage::extension(path);
  if (extension == ".mp4") return cv::VideoWriter::fourcc('m', 'p', '4', 'v');
  if (extension == ".avi") return cv::VideoWriter::fourcc('M', 'J', 'P', 'G');
  throw Error(ErrorCode::kUsage, path, "videos are written as MP4 or AVI",
              "give it a name that ends in .mp4 or .avi");
}

class OpenCvWriter final : public VideoWriter {
 public:
  OpenCvWriter(std::string path, const VideoInfo& info)
      : path_(std::move(path)), temporary_(path_), size_(info.size) {
    const int codec = codec_of(path_);
    if (!(info.frames_per_second > 0) || info.size.width < 2 || info.size.height < 2) {
      throw Error(ErrorCode::kUsage, path_,
                  "a video needs a frame rate above 0 and sides of at least 2 pixels");
    }
    writer_.open(temporary_.path(), backend(cv::CAP_FFMPEG), codec, info.frames_per_second,
                 {size_.width, size_.height});
    if (!writer_.isOpened()) {
      throw Error(ErrorCode::kFailed, path_, "this OpenCV cannot write such a video",
                  "try the other format, .mp4 or .avi");
    }
  }
  void add(const image::Picture& frame) override {
    if (frame.size != size_) {
      throw Error(ErrorCode::kFailed, path_, "all frames of a video must have the same size");
    }
    cv::cvtColor(view(frame), bgr_, cv::COLOR_RGB2BGR);
    writer_.write(bgr_);
    ++frames_;
  }
  void close() override {
    writer_.release();
    if (frames_ == 0) throw Error(ErrorCode::kFailed, path_, "no frame was added to the video");
    storage::copy(temporary_.path(), path_);
  }

 private:
  std::string path_;
  TemporaryFile temporary_;
  image::Size size_;
  cv::VideoWriter writer_;
  cv::Mat bgr_;
  long frames_ = 0;
};

}  // namespace

std::unique_ptr<VideoReader> open_video(const std::string& source) {
  silence_video();
  if (!is_camera(source)) return open_file(source);
  return std::make_unique<OpenCvReader>(open_camera(source));
}

std::unique_ptr<VideoWriter> create_video(const std::string& path, const VideoInfo& info) {
  silence_video();
  return std::make_unique<OpenCvWriter>(path, info);
}

}  // namespace oko::media
