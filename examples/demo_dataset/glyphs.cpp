#include "glyphs.h"

#include <ft2build.h>

#include FT_FREETYPE_H

#include <memory>
#include <opencv2/imgproc.hpp>

#include "oko/base/error.h"
#include "oko/storage/store.h"

namespace demo {
namespace {

struct CloseLibrary {
  void operator()(FT_Library library) const { FT_Done_FreeType(library); }
};
struct CloseFace {
  void operator()(FT_Face face) const { FT_Done_Face(face); }
};

cv::Mat cropped(const cv::Mat& glyph) {
  cv::Mat alpha, visible;
  cv::extractChannel(glyph, alpha, 3);
  cv::compare(alpha, .02, visible, cv::CMP_GT);
  return glyph(cv::boundingRect(visible)).clone();
}

}  // namespace

std::vector<cv::Mat> load_glyphs(const std::string& font, const std::vector<Kind>& kinds) {
  const oko::Bytes file = oko::storage::read(font);
  FT_Library library_handle = nullptr;
  if (FT_Init_FreeType(&library_handle) != 0) {
    throw oko::Error(oko::ErrorCode::kFailed, font, "FreeType does not start");
  }
  const std::unique_ptr<FT_LibraryRec_, CloseLibrary> library(library_handle);
  FT_Face face_handle = nullptr;
  if (FT_New_Memory_Face(library.get(), reinterpret_cast<const FT_Byte*>(file.data()),
                         static_cast<FT_Long>(file.size()), 0, &face_handle) != 0) {
    throw oko::input_error(font, "not a font that FreeType can read");
  }
  const std::unique_ptr<FT_FaceRec_, CloseFace> face(face_handle);
  if (face->num_fixed_sizes == 0 || FT_Select_Size(face.get(), 0) != 0) {
    throw oko::input_error(font, "has no colour bitmaps", "install fonts-noto-color-emoji");
  }

  std::vector<cv::Mat> glyphs;
  for (const Kind& kind : kinds) {
    const FT_UInt index = FT_Get_Char_Index(face.get(), kind.character);
    if (index == 0 || FT_Load_Glyph(face.get(), index, FT_LOAD_COLOR) != 0 ||
        face->glyph->bitmap.pixel_mode != FT_PIXEL_MODE_BGRA) {
      throw oko::input_error(font, std::string("has no colour picture of a ") + kind.name);
    }
    const FT_Bitmap& bitmap = face->glyph->bitmap;
    const cv::Mat bgra(static_cast<int>(bitmap.rows), static_cast<int>(bitmap.width), CV_8UC4,
                       bitmap.buffer, static_cast<std::size_t>(bitmap.pitch));
    cv::Mat rgba, glyph;
    cv::cvtColor(bgra, rgba, cv::COLOR_BGRA2RGBA);
    rgba.convertTo(glyph, CV_32FC4, 1 / 255.);
    glyphs.push_back(cropped(glyph));
  }
  return glyphs;
}

}  // namespace demo
