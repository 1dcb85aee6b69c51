#include "oko/jobs/kubernetes/kubeconfig.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>

#include "oko/base/error.h"
#include "oko/storage/checksum.h"

namespace oko::jobs::kubernetes {
namespace {

constexpr std::size_t kMostBytes = 1 << 20, kMostEntries = 1000;

// A node of the file, with its place in it.
class Reader {
 public:
  Reader(YAML::Node node, std::string place, const std::string& path)
      : node_(std::move(node)), place_(std::move(place)), path_(path) {}

  [[noreturn]] void refuse(const std::string& what) const {
    throw input_error(fmt::format("{}:{}", path_, std::max(node_.Mark().line, 0) + 1),
                      place_ + " " + what);
  }
  Reader member(const char* name) const {
    if (!node_.IsMap() && !node_.IsNull()) refuse("is not a map");
    return {node_.IsMap() ? value_of(node_, name) : YAML::Node(),
            place_.empty() ? name : place_ + "." + name, path_};
  }
  bool exists() const { return !node_.IsNull(); }
  std::string text() const {
    if (node_.IsNull()) return {};
    if (!node_.IsScalar()) refuse("is not text");
    if (node_.Scalar().find('\0') != std::string::npos) refuse("contains a NUL character");
    return node_.Scalar();
  }
  std::string text(const char* name) const { return member(name).text(); }
  bool flag(const char* name) const {
    const std::string word = text(name);
    if (!word.empty() && word != "true" && word != "false")
      member(name).refuse("is not true or false");
    return word == "true";
  }
  std::vector<Reader> list(const char* name) const {
    const Reader found = member(name);
    if (!found.exists()) return {};
    if (!found.node_.IsSequence()) found.refuse("is not a list");
    if (found.node_.size() > kMostEntries) found.refuse("is too long");
    std::vector<Reader> items;
    for (std::size_t i = 0; i < found.node_.size(); ++i) {
      items.emplace_back(found.node_[i], fmt::format("{}[{}]", found.place_, i), path_);
    }
    return items;
  }
  // A path, which is relative to the file's folder.
  std::string path(const char* name) const {
    const std::string text_there = text(name);
    if (text_there.empty() || text_there.front() == '/') return text_there;
    return (std::filesystem::path(path_).parent_path() / text_there).string();
  }

 private:
  // operator[] of a const node throws for some keys that are no text.
  static YAML::Node value_of(const YAML::Node& map, std::string_view name) {
    for (const auto& entry : map) {
      if (entry.first.IsScalar() && entry.first.Scalar() == name) return entry.second;
    }
    return {};
  }

  YAML::Node node_;
  std::string place_;
  const std::string& path_;
};

ClusterEntry cluster_from(const Reader& entry) {
  ClusterEntry cluster;
  cluster.server = entry.text("server");
  while (cluster.server.ends_with('/')) cluster.server.pop_back();
  cluster.ca_file = entry.path("certificate-authority");
  cluster.ca_data = entry.text("certificate-authority-data");
  cluster.tls_server_name = entry.text("tls-server-name");
  cluster.proxy = entry.text("proxy-url");
  cluster.insecure = entry.flag("insecure-skip-tls-verify");
  return cluster;
}

Plugin plugin_from(const Reader& entry) {
  Plugin plugin;
  plugin.api_version = entry.text("apiVersion");
  const bool v1 = plugin.api_version == "client.authentication.k8s.io/v1";
  if (!v1 && plugin.api_version != "client.authentication.k8s.io/v1beta1") {
    entry.member("apiVersion").refuse("is not client.authentication.k8s.io/v1 or v1beta1");
  }
  plugin.command = entry.text("command");
  if (plugin.command.empty()) entry.refuse("has no command");
  if (plugin.command.find('/') != std::string::npos) plugin.command = entry.path("command");
  for (const Reader& word : entry.list("args")) plugin.arguments.push_back(word.text());
  for (const Reader& variable : entry.list("env")) {
    const std::string name = variable.text("name");
    if (name.empty() || name.find('=') != std::string::npos) variable.refuse("has no valid name");
    plugin.environment[name] = variable.text("value");
  }
  const std::string mode = entry.text("interactiveMode");
  if (mode == "Never") {
    plugin.interactive = Plugin::Interactive::kNever;
  } else if (mode == "Always") {
    plugin.interactive = Plugin::Interactive::kAlways;
  } else if (mode != "IfAvailable" && !(mode.empty() && !v1)) {
    entry.member("interactiveMode").refuse("is not Never, IfAvailable or Always");
  }
  plugin.install_hint = entry.text("installHint");
  plugin.wants_cluster = entry.flag("provideClusterInfo");
  return plugin;
}

UserEntry user_from(const Reader& entry) {
  UserEntry user;
  user.certificate_file = entry.path("client-certificate");
  user.certificate_data = entry.text("client-certificate-data");
  user.key_file = entry.path("client-key");
  user.key_data = entry.text("client-key-data");
  user.token = entry.text("token");
  user.token_file = entry.path("tokenFile");
  user.as = entry.text("as");
  for (const Reader& group : entry.list("as-groups")) user.as_groups.push_back(group.text());
  if (const Reader plugin = entry.member("exec"); plugin.exists())
    user.plugin = plugin_from(plugin);
  for (const char* name : {"username", "password", "auth-provider", "as-uid", "as-user-extra"}) {
    if (entry.member(name).exists()) user.refused = name;
  }
  return user;
}

ContextEntry context_from(const Reader& entry) {
  return {entry.text("cluster"), entry.text("user"), entry.text("namespace")};
}

// Adds the list "clusters", "users" or "contexts"; the first entry of a name counts.
template <typename Entry>
void add_entries(const Reader& root, const char* list, const char* member,
                 Entry (*entry_from)(const Reader&), std::map<std::string, Entry>& entries) {
  for (const Reader& item : root.list(list)) {
    entries.emplace(item.text("name"), entry_from(item.member(member)));
  }
}

std::string decoded(std::string base64, const std::string& what) {
  std::erase_if(base64, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  auto bytes = storage::from_base64(base64);
  if (!bytes || bytes->empty()) throw input_error("kubeconfig", what + " is not base64");
  return std::move(*bytes);
}

std::string content_of(const std::string& data, const std::string& file, const std::string& what) {
  if (!data.empty()) return decoded(data, what + "-data");
  if (file.empty()) return {};
  std::string content = storage::bucket::read_small_file(file);
  if (content.empty())
    throw input_error(file, "is missing or empty; the kubeconfig names it as " + what);
  return content;
}

// What becomes part of a request's header must not end it.
const std::string& checked_line(const std::string& text, const char* what) {
  const bool odd = std::ranges::any_of(text, [](unsigned char c) { return c < ' ' || c == 0x7f; });
  if (odd) throw input_error("kubeconfig", std::string(what) + " contains a control character");
  return text;
}

void check_server(const std::string& server, const std::string& cluster) {
  const bool secure = server.starts_with("https://");
  const std::string rest = server.substr(secure ? 8 : std::min<std::size_t>(7, server.size()));
  const std::string host = rest.substr(0, rest.find('/'));
  const bool odd = std::ranges::any_of(rest, [](unsigned char c) {
    return c <= ' ' || c >= 0x7f ||
           std::string_view("@?#\\\"<>").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if ((!secure && !server.starts_with("http://")) || host.empty() || odd) {
    throw input_error("kubeconfig", "the server of cluster \"" + cluster + "\" is not a URL");
  }
  const bool near =
      host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
  if (!secure && !near) {
    throw input_error("kubeconfig", "the server of cluster \"" + cluster +
                                        "\" is not https: "
                                        "credentials are only sent encrypted, or to this machine");
  }
}

void use_cluster(Access& access, const ClusterEntry& cluster, const std::string& name) {
  check_server(cluster.server, name);
  access.server = cluster.server;
  access.tls.ca = content_of(cluster.ca_data, cluster.ca_file, "certificate-authority");
  access.tls.verify = !cluster.insecure;
  access.tls_server_name = checked_line(cluster.tls_server_name, "tls-server-name");
  access.proxy = cluster.proxy;
}

void use_user(Access& access, const UserEntry& user, const std::string& name) {
  if (!user.refused.empty()) {
    const bool basic = user.refused == "username" || user.refused == "password";
    throw input_error(
        "kubeconfig",
        fmt::format("user \"{}\" has \"{}\", which oko does not support{}", name, user.refused,
                    basic ? ": Kubernetes removed passwords in 1.19" : ""),
        "use a token, a client certificate or an exec plugin");
  }
  access.tls.certificate =
      content_of(user.certificate_data, user.certificate_file, "client-certificate");
  access.tls.key = content_of(user.key_data, user.key_file, "client-key");
  if (access.tls.certificate.empty() != access.tls.key.empty()) {
    throw input_error("kubeconfig",
                      "user \"" + name + "\" has a client certificate or a key without the other");
  }
  access.token = checked_line(user.token, "token");
  access.token_file = user.token.empty() ? user.token_file : "";
  access.plugin = user.plugin;
  if (!user.as.empty())
    access.impersonation.emplace_back("Impersonate-User", checked_line(user.as, "as"));
  for (const std::string& group : user.as_groups) {
    access.impersonation.emplace_back("Impersonate-Group", checked_line(group, "as-groups"));
  }
}

template <typename Entry>
std::string names_in(const std::map<std::string, Entry>& entries) {
  std::string names;
  for (const auto& [name, entry] : entries) names += (names.empty() ? "" : ", ") + name;
  return names;
}

std::vector<std::string> files_to_read(const Environment& environment) {
  const std::string list = environment("KUBECONFIG");
  if (list.empty()) {
    const std::string usual = storage::bucket::in_home(environment, ".kube/config");
    return usual.empty() ? std::vector<std::string>() : std::vector<std::string>{usual};
  }
  std::vector<std::string> files;
  for (std::size_t at = 0; at <= list.size();) {
    const auto end = std::min(list.find(':', at), list.size());
    if (end > at) files.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return files;
}

// The context of that name, unless another one has that server and it has not.
std::string context_for(const Kubeconfig& config, const std::string& context,
                        const std::string& server) {
  const auto reaches = [&](const ContextEntry& entry) {
    const auto cluster = config.clusters.find(entry.cluster);
    return cluster != config.clusters.end() && cluster->second.server == server;
  };
  const auto named = config.contexts.find(context);
  if (named != config.contexts.end() && reaches(named->second)) return context;
  for (const auto& [name, entry] : config.contexts) {
    if (reaches(entry)) return name;
  }
  return context;
}

std::optional<Access> access_of_this_pod(const Environment& environment) {
  const std::string folder = "/var/run/secrets/kubernetes.io/serviceaccount/";
  const std::string host = environment("KUBERNETES_SERVICE_HOST");
  const std::string port = environment("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) return std::nullopt;
  const bool v6 = host.find(':') != std::string::npos;
  Access access;
  access.context = "in-cluster";
  access.server = fmt::format("https://{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", port);
  check_server(access.server, access.context);
  access.tls.ca = storage::bucket::read_small_file(folder + "ca.crt");
  access.token_file = folder + "token";
  access.namespace_ = storage::bucket::read_small_file(folder + "namespace");
  if (access.namespace_.empty()) access.namespace_ = "default";
  return access;
}

}  // namespace

void Kubeconfig::merge(Kubeconfig other) {
  if (current.empty()) current = std::move(other.current);
  clusters.merge(other.clusters);
  users.merge(other.users);
  contexts.merge(other.contexts);
}

Kubeconfig parse_kubeconfig(std::string_view text, const std::string& path) {
  if (text.size() > kMostBytes) throw input_error(path, "is too long for a kubeconfig");
  YAML::Node root;
  try {
    root = YAML::Load(std::string(text));
  } catch (const YAML::Exception& error) {  // its message may quote the file
    throw input_error(fmt::format("{}:{}", path, std::max(error.mark.line, 0) + 1),
                      "is not valid YAML");
  }
  Kubeconfig config;
  if (root.IsNull()) return config;
  const Reader reader(root, "", path);
  if (!root.IsMap()) reader.refuse("the kubeconfig is not a map");
  config.current = reader.text("current-context");
  add_entries(reader, "clusters", "cluster", &cluster_from, config.clusters);
  add_entries(reader, "users", "user", &user_from, config.users);
  add_entries(reader, "contexts", "context", &context_from, config.contexts);
  return config;
}

Access access_of(const Kubeconfig& config, const std::string& context) {
  const std::string name = context.empty() ? config.current : context;
  const auto found = config.contexts.find(name);
  if (found == config.contexts.end()) {
    throw Error(ErrorCode::kUsage, "--context",
                name.empty() ? "the kubeconfig has no current context"
                             : "the kubeconfig has no context \"" + name + "\"",
                config.contexts.empty() ? "" : "it has: " + names_in(config.contexts));
  }
  const auto cluster = config.clusters.find(found->second.cluster);
  if (cluster == config.clusters.end()) {
    throw input_error("kubeconfig", fmt::format("context \"{}\" names the cluster \"{}\", which is "
                                                "missing",
                                                name, found->second.cluster));
  }
  Access access;
  access.context = name;
  access.namespace_ = found->second.namespace_.empty() ? "default" : found->second.namespace_;
  use_cluster(access, cluster->second, cluster->first);
  if (found->second.user.empty()) return access;
  const auto user = config.users.find(found->second.user);
  if (user == config.users.end()) {
    throw input_error("kubeconfig", fmt::format("context \"{}\" names the user \"{}\", which is "
                                                "missing",
                                                name, found->second.user));
  }
  use_user(access, user->second, user->first);
  return access;
}

Access find_access(const std::string& context, const std::string& server,
                   const Environment& environment) {
  Kubeconfig config;
  const std::vector<std::string> files = files_to_read(environment);
  for (const std::string& file : files) {
    if (const std::string text = storage::bucket::read_small_file(file); !text.empty()) {
      config.merge(parse_kubeconfig(text, file));
    }
  }
  if (config.contexts.empty()) {
    if (auto access = access_of_this_pod(environment)) return *access;
    throw Error(ErrorCode::kUsage, files.empty() ? "KUBECONFIG" : files.front(),
                "there is no Kubernetes configuration",
                "kubectl must work first; set KUBECONFIG if its file is elsewhere");
  }
  const std::string name = server.empty() ? context : context_for(config, context, server);
  return access_of(config, name);
}

}  // namespace oko::jobs::kubernetes
