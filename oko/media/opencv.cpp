#include "oko/media/opencv.h"

#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgproc.hpp>

namespace oko::media {

image::Picture blank_picture(image::Size size) {
  const auto pixels = static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height);
  return {size, std::vector<std::uint8_t>(pixels * 3)};
}

image::Picture picture_from_bgr(const cv::Mat& bgr) {
  image::Picture picture = blank_picture({bgr.cols, bgr.rows});
  cv::cvtColor(bgr, view(picture), cv::COLOR_BGR2RGB);
  return picture;
}

void silence_opencv() {
  static const bool once = [] {
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace oko::media
