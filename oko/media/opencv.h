#pragma once

#include <opencv2/core.hpp>

#include "oko/image/frame.h"

// OpenCV helpers shared by this folder's sources. Private to this folder.
namespace oko::media {

// A view of the image's pixels; the image must outlive it.
inline cv::Mat view(image::Picture& picture) {
  return cv::Mat(picture.size.height, picture.size.width, CV_8UC3, picture.rgb.data());
}
inline cv::Mat view(const image::Picture& picture) {  // for reading
  return cv::Mat(picture.size.height, picture.size.width, CV_8UC3,
                 const_cast<std::uint8_t*>(picture.rgb.data()));
}

// A black image of that size.
image::Picture blank_picture(image::Size size);

// A copy of OpenCV's BGR image.
image::Picture picture_from_bgr(const cv::Mat& bgr);

// OpenCV prints to stderr by default; our libraries print nothing. Call it first.
void silence_opencv();

}  // namespace oko::media
