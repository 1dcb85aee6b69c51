#include "oko/dataset/encoding.h"

#include <iconv.h>
#include <uchardet/uchardet.h>

#include <algorithm>
#include <memory>

#include "oko/base/class_list.h"
#include "oko/base/error.h"
#include "oko/dataset/text.h"

namespace oko::dataset {
namespace {

constexpr std::size_t kLongestDecoded = std::size_t{1} << 30;

bool convert(std::string_view text, const std::string& encoding, std::string& result) {
  const iconv_t state = iconv_open("UTF-8", encoding.c_str());
  if (state == reinterpret_cast<iconv_t>(-1)) return false;
  if (text.size() > kLongestDecoded / 4) {
    iconv_close(state);
    return false;
  }
  result.resize(4 * text.size() + 4);
  std::string input(text);  // iconv needs it writable
  char* from = input.data();
  char* to = result.data();
  std::size_t left = input.size(), room = result.size();
  const bool done =
      iconv(state, &from, &left, &to, &room) != static_cast<std::size_t>(-1) && left == 0;
  iconv_close(state);
  result.resize(result.size() - room);
  return done && is_valid_utf8(result);
}

// <?xml version="1.0" encoding="gb2312"?>; GB2312 and GBK are parts of GB18030.
std::string declared_encoding(std::string_view text) {
  text = trimmed(text.substr(0, 200));
  if (!text.starts_with("<?xml")) return "";
  text = text.substr(0, text.find("?>"));
  const auto at = text.find("encoding");
  if (at == std::string_view::npos) return "";
  text.remove_prefix(at);
  const auto open = text.find_first_of("\"'");
  if (open == std::string_view::npos) return "";
  const auto close = text.find(text[open], open + 1);
  if (close == std::string_view::npos) return "";
  const std::string name = lower(text.substr(open + 1, close - open - 1));
  return name == "gb2312" || name == "gbk" ? "gb18030" : name;
}

// UTF-16 without a byte order mark: most letters are ASCII, so every second byte is 0.
std::string utf16_by_zeros(std::string_view text) {
  text = text.substr(0, 256);
  std::size_t even = 0, odd = 0;
  for (std::size_t i = 0; i < text.size(); ++i) (i % 2 ? odd : even) += text[i] == '\0' ? 1 : 0;
  if (text.size() < 4 || text.size() % 2 != 0) return "";
  if (odd * 4 > text.size() && even == 0) return "UTF-16LE";
  return even * 4 > text.size() && odd == 0 ? "UTF-16BE" : "";
}

std::string detect(std::string_view text) {
  constexpr std::size_t kEnough = 1 << 20;
  const std::unique_ptr<uchardet, void (*)(uchardet*)> detector(uchardet_new(), uchardet_delete);
  uchardet_handle_data(detector.get(), text.data(), std::min(text.size(), kEnough));
  uchardet_data_end(detector.get());
  return uchardet_get_charset(detector.get());
}

}  // namespace

bool Text::decode(std::string_view text, const std::string& encoding) {
  return is_decoded_ = !encoding.empty() && convert(text, encoding, decoded_);
}

Text::Text(Bytes bytes, const std::string& name) : bytes_(std::move(bytes)) {
  using namespace std::string_view_literals;
  constexpr std::pair<std::string_view, const char*> kMarks[]{{"\xFF\xFE\0\0"sv, "UTF-32LE"},
                                                              {"\0\0\xFE\xFF"sv, "UTF-32BE"},
                                                              {"\xFF\xFE"sv, "UTF-16LE"},
                                                              {"\xFE\xFF"sv, "UTF-16BE"}};
  const std::string_view text = bytes_.text();
  for (const auto& [mark, encoding] : kMarks) {
    if (!text.starts_with(mark)) continue;
    if (decode(text.substr(mark.size()), encoding)) return;
    throw input_error(name, std::string("starts like ") + encoding + " but is not valid",
                      "save it as UTF-8");
  }
  if (text.starts_with("\xEF\xBB\xBF")) {
    skipped_ = 3;
    if (is_valid_utf8(text)) return;
  }
  const std::string declared = declared_encoding(text);
  if (skipped_ == 0 && !declared.empty() && declared != "utf-8" && decode(text, declared)) return;
  if (decode(text, utf16_by_zeros(text))) return;
  if (is_valid_utf8(text)) return;
  const std::string guess = detect(text);
  if (decode(text, guess)) {
    detected_ = guess;
    return;
  }
  throw input_error(name, "is not UTF-8, and its encoding is neither declared nor recognized",
                    "save it as UTF-8");
}

}  // namespace oko::dataset
