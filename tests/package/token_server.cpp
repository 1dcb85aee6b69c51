#include <CLI/CLI.hpp>
#include <csignal>
#include <ctime>
#include <fstream>
#include <iostream>
#include <sstream>

#include "oko/base/json.h"
#include "oko/storage/checksum.h"
#include "oko/storage/gcs/credentials.h"
#include "tests/storage/wire.h"

// A token server for registries, by the distribution project's specification of token
// authentication: tokens are JSON Web Tokens that a registry checks with the server's certificate.
// One user may do everything; everybody may pull from repositories under public/. Its first line of
// output is the port; the others are the scopes that were asked for.
namespace {

using oko::Json;
using oko::testing::Connection;
using oko::testing::Head;
using oko::testing::Target;

struct Options {
  std::string key_file, certificate_file, service, user, password, identity;
};

std::string content_of(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

// The certificate without its PEM armour, as a JWT's x5c has it.
std::string bare(const std::string& pem) {
  std::istringstream lines(pem);
  std::string text, line;
  while (std::getline(lines, line)) {
    if (!line.starts_with("-----")) text += line;
  }
  return text;
}

std::vector<std::string> scopes_of(const Target& target) {
  std::vector<std::string> scopes;
  for (const auto& [name, value] : target.query) {
    std::istringstream words(value);
    std::string word;
    while (name == "scope" && words >> word) scopes.push_back(word);
  }
  return scopes;
}

// "repository:NAME:pull,push" as a claim, with what that user may do.
Json access_of(const std::string& scope, bool is_user) {
  const auto first = scope.find(':'), last = scope.rfind(':');
  const std::string name = scope.substr(first + 1, last - first - 1);
  Json actions = Json::array();
  std::istringstream words(scope.substr(last + 1));
  for (std::string action; std::getline(words, action, ',');) {
    if (is_user || (action == "pull" && name.starts_with("public/"))) actions.push_back(action);
  }
  return {{"type", scope.substr(0, first)}, {"name", name}, {"actions", actions}};
}

std::string answer(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

std::string token_for(const Options& options, const Target& target, bool is_user) {
  Json access = Json::array();
  for (const std::string& scope : scopes_of(target)) {
    std::cout << (is_user ? "user " : "anonymous ") << scope << std::endl;
    access.push_back(access_of(scope, is_user));
  }
  const std::time_t now = std::time(nullptr);
  const Json header = {
      {"typ", "JWT"}, {"alg", "RS256"}, {"x5c", {bare(content_of(options.certificate_file))}}};
  const Json claims = {{"iss", "oko-test"},
                       {"sub", is_user ? options.user : ""},
                       {"aud", target.get("service")},
                       {"exp", now + 300},
                       {"nbf", now - 10},
                       {"iat", now},
                       {"jti", std::to_string(now)},
                       {"access", access}};
  const std::string token =
      oko::storage::gcs::make_jwt(header.dump(), claims.dump(), content_of(options.key_file));
  return Json({{"token", token}, {"expires_in", 300}}).dump();
}

std::string reply(const Options& options, const Head& head, const std::string& body) {
  const bool is_form = head.method() == "POST";
  const Target target(is_form ? "/token?" + body : head.target());
  const std::string both = options.user + ":" + options.password;
  const std::string login = "Basic " + oko::storage::base64(std::as_bytes(std::span(both)));
  const bool is_user = is_form ? target.get("refresh_token") == options.identity
                               : head.get("Authorization") == login;
  const bool is_wrong = !is_user && (is_form || head.has("Authorization"));
  if (is_wrong || target.get("service") != options.service) {
    return answer("401 Unauthorized", R"({"errors":[{"code":"UNAUTHORIZED"}]})");
  }
  return answer("200 OK", token_for(options, target, is_user));
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("A token server for registries on 127.0.0.1");
  app.add_option("--key", options.key_file, "RSA key, PEM")->required();
  app.add_option("--certificate", options.certificate_file, "Its certificate, PEM")->required();
  app.add_option("--service", options.service, "The registry's name")->required();
  app.add_option("--user", options.user, "Who may do everything")->required();
  app.add_option("--password", options.password, "Of the user")->required();
  app.add_option("--identity", options.identity, "Identity token of the user")->required();
  CLI11_PARSE(app, argc, argv);
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);  // before threads are made, which inherit it
  const oko::testing::Listener listener(0, [&](Connection& connection) {
    try {
      while (const auto head = connection.read_head()) {
        connection.send(reply(options, *head, connection.read_whole_body(*head)));
      }
    } catch (const oko::testing::Broken&) {
    }
  });
  std::cout << listener.port() << std::endl;
  int caught = 0;
  sigwait(&ending, &caught);
}
