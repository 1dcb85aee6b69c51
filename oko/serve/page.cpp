#include "oko/serve/page.h"

#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "oko/base/error.h"
#include "oko/package/installation.h"
#include "oko/storage/store.h"

namespace oko::serve {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDocument = "index.html";
constexpr const char* kScript = "phone.js";
constexpr const char* kHint =
    "scripts/build_web.sh builds it in oko's repository; cmake --install then installs it, or "
    "--page names its folder";

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kTypes{{
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".wasm", "application/wasm"},
    {".webmanifest", "application/manifest+json"},
}};

// "" for what is of no use to a page: types for editors, the package's description.
std::string_view type_of(const std::string& name) {
  for (const auto& [extension, type] : kTypes) {
    if (name.ends_with(extension)) return type;
  }
  return {};
}

// The document with the script that only `oko phone` serves it with.
Bytes with_script(const Bytes& document, const std::string& path) {
  constexpr std::string_view kEnd = "</head>";
  std::string text(document.text());
  const auto at = text.find(kEnd);
  if (at == std::string::npos) throw input_error(path, "has no </head>", kHint);
  text.insert(at, std::string("  <script type=\"module\" src=\"") + kScript + "\"></script>\n");
  return Bytes(text);
}

}  // namespace

std::string find_page() {
  for (const std::string& folder : package::page_folders()) {
    std::error_code error;
    if (fs::is_regular_file(fs::path(folder) / kDocument, error)) return folder;
  }
  throw input_error(package::page_folders().front(), "the camera page is missing", kHint);
}

Page read_page(const std::string& folder) {
  constexpr std::size_t kMostFiles = 64;
  constexpr std::uintmax_t kMostBytes = std::uintmax_t{32} << 20;
  Page page;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const std::string_view type = type_of(name);
    if (type.empty() || entry.is_symlink() || !entry.is_regular_file()) continue;
    if (page.size() == kMostFiles || entry.file_size() > kMostBytes) {
      throw input_error(entry.path().string(), "is more than a page has", kHint);
    }
    page[name] = {std::string(type), storage::read(entry.path().string())};
  }
  if (error) throw input_error(folder, "cannot be read: " + error.message(), kHint);
  for (const char* name : {kDocument, kScript}) {
    if (page.contains(name)) continue;
    throw input_error((fs::path(folder) / name).string(), "is missing: this is not the camera page",
                      kHint);
  }
  PageFile& document = page.find(kDocument)->second;
  document.content = with_script(document.content, (fs::path(folder) / kDocument).string());
  return page;
}

}  // namespace oko::serve
