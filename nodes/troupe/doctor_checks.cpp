#include "nodes/troupe/doctor_checks.hpp"

#include "host/program_version.hpp"
#include "nodes/troupe/executor_probe.hpp"
#include "nodes/troupe/format.hpp"
#include "protocol/ports/fd.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <memory>

namespace troupe::cli {

namespace {

/// The folder, or the nearest one above it that is there.
std::filesystem::path existing_part(std::filesystem::path path) {
  std::error_code ec;
  path = std::filesystem::absolute(path, ec);
  while (!path.empty() && !std::filesystem::exists(path, ec) && path.has_parent_path() && path != path.parent_path())
    path = path.parent_path();
  return path;
}

finding check_folder(const config::settings& x) {
  auto path = existing_part(x.node.data);
  if (access(path.c_str(), W_OK | X_OK) != 0)
    return {"data folder", verdict::fail, path.string() + " can't be written to; choose another with node.data"};
  return {"data folder", verdict::ok, x.node.data};
}

finding check_space(const config::settings& x) {
  struct statvfs fs {};
  auto path = existing_part(x.node.data);
  if (statvfs(path.c_str(), &fs) != 0)
    return {"disk space", verdict::fail, "can't be read for " + path.string()};
  uint64_t free = static_cast<uint64_t>(fs.f_bavail) * fs.f_frsize;
  bool enough = free >= x.health.min_free.bytes;
  return {"disk space", enough ? verdict::ok : verdict::warn,
          format_bytes(free) + " free" + (enough ? "" : ", less than health.min_free: make room")};
}

bool port_is_free(uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return false;
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in addr{};
  addr.sin_family = AF_INET;
  addr.sin_port = htons(port);
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bool free = bind(fd, reinterpret_cast<sockaddr*>(&addr), sizeof(addr)) == 0;
  close(fd);
  return free;
}

finding check_port(const char* name, uint16_t port, const char* key, bool node_answers) {
  auto text = "127.0.0.1:" + std::to_string(port);
  if (port == 0 || port_is_free(port))
    return {name, verdict::ok, text + " is free"};
  if (node_answers)
    return {name, verdict::ok, text + " is in use while a trouped runs"};
  return {name, verdict::fail, text + " is taken by another program; choose another with " + key};
}

finding check_encoders(const exec::readiness& x) {
  std::string names;
  for (auto& name : x.encoders)
    names += (names.empty() ? "" : ", ") + name;
  for (std::string needed : {"libx264", "aac"})
    if (std::find(x.encoders.begin(), x.encoders.end(), needed) == x.encoders.end())
      return {"executor", verdict::fail,
              "answers, but its libraries lack the encoder " + needed + "; install Debian's libavcodec59"};
  return {"executor", verdict::ok, x.libraries + "; encoders: " + names};
}

finding check_sandbox(const exec::readiness& x, const config::settings& s) {
  auto missing = exec::missing_layers(x.sandbox);
  if (missing.empty())
    return {"sandbox", verdict::ok, "seccomp filter, Landlock version " + std::to_string(x.sandbox.landlock)};
  if (s.worker.sandbox == "best")
    return {"sandbox", verdict::warn, "media is read without " + missing};
  return {"sandbox", verdict::fail,
          "this machine lacks " + missing + "; no media is read until it has it, or worker.sandbox is \"best\""};
}

void check_executor(std::vector<finding>& out, const config::settings& x) {
  auto path = x.worker.executor.empty() ? beside_this_program("troupe-executor") : x.worker.executor;
  auto answer = probe_executor(path);
  if (!answer) {
    out.push_back({"executor", verdict::fail, answer.error().message});
    return;
  }
  out.push_back(check_encoders(*answer));
  out.push_back(check_sandbox(*answer, x));
}

/// Whether something takes connections there; waits at most two seconds for an address.
bool answers_at(const config::host_port& where) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(where.host.c_str(), std::to_string(where.port).c_str(), &hints, &found) != 0)
    return false;
  bool answered = false;
  for (auto* each = found; each && !answered; each = each->ai_next) {
    unique_fd fd{::socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd)
      continue;
    ::connect(fd.get(), each->ai_addr, each->ai_addrlen);
    pollfd waiting{fd.get(), POLLOUT, 0};
    int failed = 0;
    socklen_t size = sizeof failed;
    answered = ::poll(&waiting, 1, 2'000) == 1 && ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &failed, &size) == 0
               && failed == 0;
  }
  ::freeaddrinfo(found);
  return answered;
}

/// Host and port of a URL, without the name and password that it may hold.
std::string place_of(const std::string& url, const char* default_port) {
  auto place = url.substr(url.find("//") == std::string::npos ? 0 : url.find("//") + 2);
  place = place.substr(0, place.find_first_of("/?"));
  place = place.substr(place.rfind('@') + 1);
  return place.find(':') == std::string::npos ? place + ":" + default_port : place;
}

finding check_redis(const config::settings& x) {
  auto url = x.redis_url();
  if (url.empty())
    return {"redis", verdict::ok, "not configured, and not needed"};
  auto place = place_of(url, "6379");
  auto where = config::parse_host_port(place);
  if (where && answers_at(*where))
    return {"redis", verdict::ok, place + " takes connections"};
  return {"redis", verdict::warn, "nothing answers at " + place + "; trouped works without it"};
}

finding check_database(const config::settings& x) {
  auto url = x.database_url();
  if (!url.starts_with("postgres"))
    return {"database", verdict::ok, "SQLite: " + url.substr(url.find(':') + 1)};
  auto place = place_of(url, "5432");
  auto where = config::parse_host_port(place);
  if (where && answers_at(*where))
    return {"database", verdict::ok, "PostgreSQL: " + place + " takes connections"};
  return {"database", verdict::fail, "nothing answers at " + place + "; start PostgreSQL, or correct database.url"};
}

finding check_downloader(const config::settings& x) {
  if (x.health.yt_dlp.empty())
    return {"yt-dlp", verdict::ok, "not configured"};
  auto asked = std::make_shared<std::promise<result<std::string>>>();
  host::program_version(x.health.yt_dlp)(
    [asked](result<std::string> version) { asked->set_value(std::move(version)); });
  auto version = asked->get_future().get();
  if (version)
    return {"yt-dlp", verdict::ok, *version};
  return {"yt-dlp", verdict::warn,
          version.error().message + "; only downloads from video sites need it (or name it in health.yt_dlp)"};
}

} // namespace

std::vector<finding> check_machine(const config::settings& x, bool node_answers) {
  std::vector<finding> out{check_folder(x), check_space(x)};
  if (x.has_role("coordinator"))
    out.push_back(check_database(x));
  if (x.has_role("coordinator") || x.has_role("gateway"))
    out.push_back(check_redis(x));
  if (x.has_role("coordinator") || x.has_role("worker"))
    out.push_back(check_downloader(x));
  if (x.has_role("worker"))
    check_executor(out, x);
  if (x.has_role("gateway"))
    out.push_back(check_port("API port", x.gateway.port, "gateway.port", node_answers));
  if (x.has_role("coordinator"))
    out.push_back(check_port("mesh port", x.mesh.port, "mesh.port", node_answers));
  return out;
}

} // namespace troupe::cli
