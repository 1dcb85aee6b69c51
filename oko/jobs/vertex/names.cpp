#include "oko/jobs/vertex/names.h"

#include <array>

#include "oko/base/error.h"
#include "oko/base/suggest.h"
#include "oko/package/reference.h"

namespace oko::jobs::vertex {
namespace {

constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz", kDigits = "0123456789";

// Regions of custom jobs, from the Google Cloud SDK 528.0.0 (command_lib/ai/constants.py).
constexpr std::array<std::string_view, 38> kRegions = {
    "africa-south1",
    "asia-east1",
    "asia-east2",
    "asia-northeast1",
    "asia-northeast2",
    "asia-northeast3",
    "asia-south1",
    "asia-southeast1",
    "asia-southeast2",
    "australia-southeast1",
    "australia-southeast2",
    "europe-central2",
    "europe-north1",
    "europe-southwest1",
    "europe-west1",
    "europe-west2",
    "europe-west3",
    "europe-west4",
    "europe-west6",
    "europe-west8",
    "europe-west9",
    "europe-west12",
    "me-central1",
    "me-central2",
    "me-west1",
    "northamerica-northeast1",
    "northamerica-northeast2",
    "southamerica-east1",
    "southamerica-west1",
    "us-central1",
    "us-east1",
    "us-east4",
    "us-east5",
    "us-south1",
    "us-west1",
    "us-west2",
    "us-west3",
    "us-west4",
};

bool is_of(std::string_view text, std::string_view more, std::size_t most) {
  if (text.empty() || text.size() > most) return false;
  if (more.find(text.front()) != more.npos) return false;  // ".." would change a URL's path
  for (const char c : text) {
    if (kLower.find(c) == kLower.npos && kDigits.find(c) == kDigits.npos &&
        more.find(c) == more.npos) {
      return false;
    }
  }
  return true;
}

// The next part of a path up to '/', which is removed too.
std::string_view next_part(std::string_view& rest) {
  const std::string_view part = rest.substr(0, rest.find('/'));
  rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  return part;
}

[[noreturn]] void refuse(const char* flag, const std::string& value, const char* what,
                         const char* hint) {
  throw Error(ErrorCode::kUsage, flag, "\"" + value + "\" is not " + what, hint);
}

}  // namespace

const std::string& checked_region(const std::string& region) {
  if (region.empty()) {
    throw Error(ErrorCode::kUsage, "--region", "Vertex AI runs jobs in a region, but none is given",
                "use the region of the bucket, for example --region us-central1");
  }
  for (const std::string_view known : kRegions) {
    if (known == region) return region;
  }
  throw unknown_word(ErrorCode::kUsage, "--region", "region of Vertex AI", region, kRegions);
}

const std::string& checked_project(const std::string& project) {
  // Old projects belong to a domain: "example.com:name".
  if (is_of(project, "-.:", 100)) return project;
  refuse("--project", project, "a project's id",
         "use the id that gcloud projects list shows, not the name");
}

const std::string& checked_image(const std::string& image) {
  package::parse_image_reference(image);
  return image;
}

const std::string& checked_account(const std::string& account) {
  if (is_of(account, "-.@", 256) && account.find('@') != account.npos) return account;
  refuse("--service-account", account, "a service account",
         "use its e-mail address: NAME@PROJECT.iam.gserviceaccount.com");
}

const std::string& checked_network(const std::string& network) {
  std::string_view rest = network;
  const bool good = next_part(rest) == "projects" && is_of(next_part(rest), "-.:", 100) &&
                    next_part(rest) == "global" && next_part(rest) == "networks" &&
                    is_of(rest, "-", 63);
  if (good) return network;
  refuse("--network", network, "a network's full name",
         "use projects/PROJECT_NUMBER/global/networks/NAME");
}

JobName parse_job_name(const std::string& text, const std::string& place) {
  std::string_view rest = text;
  JobName name{text, {}, {}};
  const bool start = next_part(rest) == "projects" && is_of(next_part(rest), "-.:", 100) &&
                     next_part(rest) == "locations";
  name.region = next_part(rest);
  const bool end = next_part(rest) == "customJobs";
  name.number = rest;
  const bool number =
      !rest.empty() && rest.size() <= 32 && rest.find_first_not_of(kDigits) == rest.npos;
  if (!start || !end || !number || !is_of(name.region, "-", 32)) {
    throw input_error(place, "has no name of a custom job",
                      "it must be projects/P/locations/R/customJobs/NUMBER");
  }
  return name;
}

std::string filter_word(std::string_view text) {
  std::string word = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') word += '\\';
    word += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return word + '"';
}

}  // namespace oko::jobs::vertex
