#include "tests/jobs/google/protos.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/unknown_field_set.h>
#include <google/protobuf/util/json_util.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

namespace oko::testing::google {
namespace {

namespace pb = ::google::protobuf;

// google/api/field_behavior.proto
constexpr int kFieldBehavior = 1052, kRequired = 2, kOutputOnly = 3;

constexpr const char* kFolders[] = {"@google-cloud/aiplatform/build/protos",
                                    "@google-cloud/logging-api/build/protos",
                                    "google-gax/build/protos"};
constexpr const char* kFiles[] = {"google/cloud/aiplatform/v1/job_service.proto",
                                  "google/logging/v2/logging.proto"};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<std::string> module_folders() {
  std::vector<std::string> folders;
  if (const std::string named = variable("OKO_NODE_MODULES"); !named.empty()) {
    folders.push_back(named);
  }
  std::string cache = variable("XDG_CACHE_HOME");
  if (cache.empty()) cache = variable("HOME") + "/.cache";
  folders.push_back(cache + "/oko-tests/google/node_modules");
  return folders;
}

// Compiles the files and all that they import to a descriptor set. Empty if that fails.
std::string compiled(const std::string& modules) {
  std::string file = std::filesystem::temp_directory_path() / "oko-protos-XXXXXX";
  const int handle = ::mkstemp(file.data());
  if (handle < 0) return {};
  ::close(handle);
  // The protos of protobuf itself as this library understands them.
  std::vector<std::string> words = {"protoc", "--include_imports", "--descriptor_set_out=" + file,
                                    "-I/usr/include"};
  for (const char* folder : kFolders) words.push_back("-I" + modules + "/" + folder);
  for (const char* proto : kFiles) words.emplace_back(proto);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  int status = 1;
  if (::posix_spawnp(&child, "protoc", nullptr, nullptr, arguments.data(), environ) == 0) {
    ::waitpid(child, &status, 0);
  }
  std::string bytes;
  if (status == 0) {
    std::ifstream in(file, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  std::filesystem::remove(file);
  return bytes;
}

// The option google.api.field_behavior. It is not compiled into this program, so its values are
// unknown fields here.
std::set<int> behaviors(const pb::FieldDescriptor& field) {
  std::set<int> found;
  const pb::FieldOptions& options = field.options();
  const pb::UnknownFieldSet& unknown = options.GetReflection()->GetUnknownFields(options);
  for (int i = 0; i < unknown.field_count(); ++i) {
    const pb::UnknownField& one = unknown.field(i);
    if (one.number() != kFieldBehavior) continue;
    if (one.type() == pb::UnknownField::TYPE_VARINT) found.insert(static_cast<int>(one.varint()));
    if (one.type() == pb::UnknownField::TYPE_LENGTH_DELIMITED) {  // packed; all are below 128
      for (const char value : one.length_delimited()) found.insert(value);
    }
  }
  return found;
}

bool is_set(const pb::Message& message, const pb::FieldDescriptor& field) {
  const pb::Reflection& reflection = *message.GetReflection();
  return field.is_repeated() ? reflection.FieldSize(message, &field) > 0
                             : reflection.HasField(message, &field);
}

// The first field with a wrong behaviour, "" if there is none.
std::string misbehaved(const pb::Message& message, const std::string& path) {
  const pb::Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const pb::FieldDescriptor& field = *message.GetDescriptor()->field(i);
    const std::string name = path + field.json_name();
    const std::set<int> behavior = behaviors(field);
    const bool set = is_set(message, field);
    if (!set && behavior.contains(kRequired)) return name + " is required";
    if (set && behavior.contains(kOutputOnly)) return name + " is output only";
    const bool inner = set && field.message_type() != nullptr && !field.is_map() &&
                       field.message_type()->full_name().rfind("google.protobuf.", 0) != 0;
    const int count = !inner ? 0 : field.is_repeated() ? reflection.FieldSize(message, &field) : 1;
    for (int k = 0; k < count; ++k) {
      const pb::Message& part = field.is_repeated()
                                    ? reflection.GetRepeatedMessage(message, &field, k)
                                    : reflection.GetMessage(message, &field);
      const std::string index = field.is_repeated() ? "[" + std::to_string(k) + "]" : "";
      if (std::string what = misbehaved(part, name + index + "."); !what.empty()) return what;
    }
  }
  return {};
}

}  // namespace

struct Protos::Inside {
  pb::DescriptorPool pool;
  pb::DynamicMessageFactory factory;

  // Returns what is wrong; the message is kept in `parsed`.
  std::string parse(const std::string& name, const std::string& json,
                    std::unique_ptr<pb::Message>& parsed) {
    const pb::Descriptor* type = pool.FindMessageTypeByName(name);
    if (type == nullptr) return "there is no message " + name;
    parsed.reset(factory.GetPrototype(type)->New());
    const auto status = pb::util::JsonStringToMessage(json, parsed.get());
    return status.ok() ? "" : std::string(status.message());
  }
};

Protos::Protos(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Protos::~Protos() = default;

const Protos* Protos::find(std::string& why) {
  static std::string missing;
  static const std::unique_ptr<Protos> protos = load(missing);
  why = missing;
  return protos.get();
}

std::unique_ptr<Protos> Protos::load(std::string& why) {
  for (const std::string& modules : module_folders()) {
    bool all = true;
    for (const char* folder : kFolders) {
      all = all && std::filesystem::is_directory(modules + "/" + folder);
    }
    if (!all) continue;
    pb::FileDescriptorSet set;
    if (!set.ParseFromString(compiled(modules)) || set.file_size() == 0) {
      why = "protoc cannot compile Google's protos in " + modules;
      return nullptr;
    }
    auto inside = std::make_unique<Inside>();
    for (const pb::FileDescriptorProto& file : set.file()) inside->pool.BuildFile(file);
    return std::unique_ptr<Protos>(new Protos(std::move(inside)));
  }
  why = "Google's protos are not there: tests/jobs/google/clients.sh fetches them";
  return nullptr;
}

std::string Protos::wrong_in_request(const std::string& message, const std::string& json) const {
  std::unique_ptr<pb::Message> parsed;
  std::string wrong = inside_->parse(message, json, parsed);
  return wrong.empty() ? misbehaved(*parsed, "") : wrong;
}

std::string Protos::wrong_in_response(const std::string& message, const std::string& json) const {
  std::unique_ptr<pb::Message> parsed;
  return inside_->parse(message, json, parsed);
}

}  // namespace oko::testing::google
