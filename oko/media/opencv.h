#pragma once

#include <opencv2/core.hpp>

#include "oko/image/frame.h"

// What this folder's sources share of OpenCV. Not for inclusion from elsewhere.
namespace oko::media {

// A view of the picture's pixels; the picture must outlive it.
inline cv::Mat view(image::Picture& picture) {
  return cv::Mat(picture.size.height, picture.size.width, CV_8UC3, picture.rgb.data());
}
inline cv::Mat view(const image::Picture& picture) {  // for reading
  return cv::Mat(picture.size.height, picture.size.width, CV_8UC3,
                 const_cast<std::uint8_t*>(picture.rgb.data()));
}

// A black picture of that size.
image::Picture blank_picture(image::Size size);

// A copy of OpenCV's BGR picture.
image::Picture picture_from_bgr(const cv::Mat& bgr);

// OpenCV reports on stderr unless told not to; a library of ours prints nothing. Call it first.
void silence_opencv();

}  // namespace oko::media
