#include "actors/media/in_time.hpp"
#include "identity/folders.hpp"
#include "nodes/config/load.hpp"
#include "nodes/logging/logging.hpp"
#include "nodes/trouped/node.hpp"
#include "nodes/trouped/service.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace troupe;

constexpr int start_failed = 1;
constexpr int usage_error = 2;
/// A disk may have to spin up; a mount that is silent for longer hangs.
constexpr std::chrono::seconds look_limit{20};

/// Signals are taken by one sigwait in main; every thread that is started later inherits the mask.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (auto s : {SIGTERM, SIGINT, SIGHUP})
    sigaddset(&set, s);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

int fail(const error& err) {
  spdlog::error("start: {}", err.message);
  logging::flush();
  std::cerr << "trouped: " << err.message << std::endl;
  return start_failed;
}

/// A stop that came while the node was starting: signals are blocked, and wait until they are taken.
bool told_to_stop() {
  sigset_t waiting;
  return sigpending(&waiting) == 0 && (sigismember(&waiting, SIGTERM) == 1 || sigismember(&waiting, SIGINT) == 1);
}

/// Logs call the node what lists call it: by its certificate's name, where it has one. What is wrong with the
/// certificate, the start says.
std::string name_for_logs(const config::settings& settings) {
  if (settings.node.name.empty() && !settings.mesh.identity.empty())
    if (auto papers = identity::load_papers(settings.mesh.identity, system_clocks{}.wall()))
      return papers->facts.name;
  return settings.node_name();
}

/// Everything of a start is in that folder, its log too: without a look the start would hang without a word, or fail
/// at the log. One that is not there yet is made later.
result<void> check_data_folder(const config::settings& settings) {
  const auto& folder = settings.node.data;
  // A gateway may have a data folder that it only reads.
  const bool writes = settings.log.file || settings.has_role("coordinator") || settings.has_role("worker");
  auto look = [folder, writes]() -> result<void> {
    struct stat what {};
    if (::stat(folder.c_str(), &what) != 0) {
      if (errno == ENOENT)
        return {};
      return {errc::io, "node.data " + folder + " can't be looked at (" + std::strerror(errno)
                          + "); mend it, or name another one (--set node.data=FOLDER)"};
    }
    if (!S_ISDIR(what.st_mode))
      return {errc::validation, "node.data " + folder + " is no folder; name another one (--set node.data=FOLDER)"};
    if (writes && ::access(folder.c_str(), W_OK | X_OK) != 0)
      return {errc::forbidden, "node.data " + folder + " can't be written to (" + std::strerror(errno)
                                 + "); mount it writable, give it to this user, or name another one"};
    return {};
  };
  return work::in_time<void>(look_limit, look,
                             error{errc::unavailable, "node.data " + folder + " has not answered for "
                                                        + std::to_string(look_limit.count())
                                                        + " s; look at its mount, then start the node again"});
}

/// A node works without its manager; what that one does then, it logs itself.
void log_untold(const result<void>& told) {
  if (!told)
    spdlog::error("service: {}", told.error().message);
}

int run(const config::settings& settings, const std::string& config_file, const sigset_t& signals,
        const host::service_manager& manager) {
  node::parts parts;
  parts.settings = settings;
  parts.config_file = config_file;
  parts.told_to_stop = told_to_stop;
  auto started = node::start(parts);
  if (!started && started.error().code == errc::cancelled && told_to_stop()) {
    spdlog::info("stopping: {}", started.error().message);
    node::stop(parts);
    logging::flush();
    return 0;
  }
  // The start has its name from the certificate.
  const auto name = parts.settings.node_name();
  if (!started) {
    auto status = fail(started.error());
    node::stop(parts);
    return status;
  }
  if (parts.server)
    std::cout << "ready http://" << settings.gateway.address << ":" << parts.api_port << std::endl;
  else
    std::cout << "ready " << (settings.has_role("coordinator") ? "coordinator" : "worker") << " " << name << std::endl;
  log_untold(manager.ready(
    name + (parts.server ? ": answers at port " + std::to_string(parts.api_port) : std::string{": at work"})));
  auto signal = node::wait_for_signal(parts, signals, manager);
  log_untold(manager.stopping());
  spdlog::info("stopping: signal {}", signal);
  node::stop(parts);
  spdlog::info("stopped");
  logging::flush();
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"trouped: a node of Troupe, the media processing service.\n\nWithout options it is coordinator, gateway "
               "and worker in one process, with its data in ./data and the API at http://127.0.0.1:3001."};
  config::sources sources;
  bool show = false;
  app.add_option("--config", sources.file, "TOML file (cluster-config/trouped.toml lists every key)");
  app.add_option("--set", sources.overrides, "section.key=value, over file and environment; may be repeated")
    ->allow_extra_args(false);
  app.add_flag("--show-config", show, "Print the resulting configuration and exit");
  app.set_version_flag("--version", std::string{"trouped "} + TROUPE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : usage_error;
  }
  // The database and the log are not for everybody on the machine.
  ::umask(::umask(077) | 027);
  // A node has few threads that allocate much: arenas of their own would only keep memory from each other.
  mallopt(M_ARENA_MAX, 2);
  sources.environment = config::process_environment();
  auto settings = config::load(sources);
  if (!settings) {
    std::cerr << "trouped: the configuration has mistakes\n" << settings.error().message << std::endl;
    return usage_error;
  }
  if (show) {
    std::cout << config::show(*settings);
    return 0;
  }
  auto manager = host::service_manager::from_environment();
  if (!manager)
    return fail(manager.error());
  if (auto usable = check_data_folder(*settings); !usable)
    return fail(usable.error());
  auto signals = block_signals();
  logging::options log;
  log.level = settings->log.level;
  log.format = settings->log.format;
  log.max_size = settings->log.max_size.bytes;
  log.files = settings->log.files;
  log.node = name_for_logs(*settings);
  if (settings->log.file)
    log.file = settings->node.data + "/logs/trouped.log";
  if (auto ready = logging::set_up(log); !ready)
    return fail(ready.error());
  return run(*settings, sources.file, signals, *manager);
}
