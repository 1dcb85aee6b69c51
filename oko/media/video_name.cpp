#include <algorithm>
#include <array>
#include <string_view>

#include "oko/media/video.h"
#include "oko/storage/store.h"

// Apart from what reads videos, so that a program which asks for the name alone does not link
// OpenCV's video module.
namespace oko::media {

bool is_video_name(const std::string& uri) {
  constexpr std::array<std::string_view, 8> kExtensions = {".mp4", ".avi",  ".mov", ".mkv",
                                                           ".m4v", ".webm", ".mpg", ".mpeg"};
  return std::ranges::find(kExtensions, storage::extension(uri)) != kExtensions.end();
}

}  // namespace oko::media
