// Looks for what keeps trouped from working on this machine. Each check is a line: ok, warn or FAIL, and what to do.

#include "nodes/config/load.hpp"
#include "nodes/troupe/connection.hpp"
#include "nodes/troupe/executor_probe.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

#include <CLI/CLI.hpp>

#include <arpa/inet.h>
#include <filesystem>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace troupe::cli {

namespace {

enum class verdict : uint8_t { ok, warn, fail };

struct finding {
  std::string name;
  verdict what = verdict::ok;
  std::string text;
};

std::string_view word(verdict x) {
  return x == verdict::ok ? "ok" : x == verdict::warn ? "warn" : "FAIL";
}

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

finding check_executor(const config::settings& x) {
  auto path = x.worker.executor.empty() ? beside_this_program("troupe-executor") : x.worker.executor;
  auto answer = probe_executor(path);
  if (!answer)
    return {"executor", verdict::fail, answer.error().message};
  for (auto* needed : {"libx264", "aac"})
    if (answer->find(needed) == std::string::npos)
      return {"executor", verdict::fail,
              "answers, but its libraries lack the encoder " + std::string{needed} + "; install Debian's libavcodec59"};
  return {"executor", verdict::ok, "answers, with the encoders libx264 and aac"};
}

/// Submits a job that does nothing and waits for its end by event.
finding check_round_trip(session& s) {
  auto& node = s.connect();
  auto start = std::chrono::steady_clock::now();
  job_spec spec;
  spec.kind = "noop";
  spec.id = job_id{random_id()};
  auto id = spec.id;
  auto events = node.follow({"job:" + id.str()});
  node.ask<mesh::submitted>(node.node().jobs, mesh::submit_jobs{{std::move(spec)}});
  for (;;) {
    auto view = node.ask<mesh::job_with_children>(node.node().jobs, mesh::get_job{id});
    auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
    if (view.item.state == job_state::completed)
      return {"round trip", verdict::ok, "a job went through in " + format_duration(took)};
    if (is_terminal(view.item.state))
      return {"round trip", verdict::fail, "a job that does nothing ended " + std::string{to_string(view.item.state)}};
    if (took > std::chrono::seconds{10})
      return {"round trip", verdict::fail,
              "a job that does nothing is still " + std::string{to_string(view.item.state)}
                + " after 10s: troupe jobs explain " + id.str()};
    events->pop(std::chrono::seconds{10} - took + milliseconds{1});
  }
}

exit_code doctor(session& s, config::sources from) {
  std::vector<finding> out;
  from.environment = config::process_environment();
  auto settings = config::load(from);
  if (settings)
    out.push_back({"configuration", verdict::ok, from.file.empty() ? "defaults and environment" : from.file});
  else
    out.push_back({"configuration", verdict::fail, settings.error().message});
  auto x = settings ? *settings : config::settings{};
  bool answers = false;
  finding node{"trouped", verdict::ok, {}};
  try {
    auto& peer = s.connect();
    auto status = peer.ask<mesh::node_status>(peer.node().node, mesh::get_status{});
    answers = true;
    node.text = status.node_name + " " + status.version + " answers at " + s.node;
  } catch (const failure& err) {
    node.what = verdict::warn;
    node.text = err.what();
  }
  out.push_back(check_folder(x));
  out.push_back(check_space(x));
  out.push_back(check_executor(x));
  out.push_back(check_port("API port", x.gateway.port, "gateway.port", answers));
  out.push_back(check_port("mesh port", x.mesh.port, "mesh.port", answers));
  out.push_back(node);
  if (answers) {
    try {
      out.push_back(check_round_trip(s));
    } catch (const failure& err) {
      out.push_back({"round trip", verdict::fail, err.what()});
    }
  }
  bool failed = false;
  for (auto& f : out)
    failed = failed || f.what == verdict::fail;
  if (s.json()) {
    print_line(json_array(out, [](const finding& f) {
      object_writer one;
      return std::move(one.text("name", f.name).text("verdict", word(f.what)).text("text", f.text)).str();
    }));
  } else {
    table t{{"CHECK", "RESULT", "WHAT"}};
    for (auto& f : out)
      t.row({f.name, std::string{word(f.what)}, f.text});
    std::fputs(t.render(0).c_str(), stdout);
  }
  return failed ? exit_code::failed : exit_code::ok;
}

} // namespace

void add_doctor_command(CLI::App& app, session& s) {
  auto* cmd = app.add_subcommand("doctor", "Find out why something does not work");
  auto from = std::make_shared<config::sources>();
  cmd->add_option("--config", from->file, "TOML file");
  cmd->add_option("--set", from->overrides, "section.key=value; several times");
  cmd->callback([&s, from] { s.action = [&s, from] { return doctor(s, *from); }; });
}

} // namespace troupe::cli
