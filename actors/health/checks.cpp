#include "actors/health/checks.hpp"

#include "protocol/model/ids.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <thread>

namespace troupe::health {

namespace {

health_check disabled() {
  health_check x;
  x.status = health_status::disabled;
  return x;
}

health_check bad(health_status status, std::string problem) {
  health_check x;
  x.status = status;
  x.problem = std::move(problem);
  return x;
}

health_check from_result(const result<void>& x) {
  return x ? health_check{} : bad(health_status::unhealthy, x.error().message);
}

result<void> write_read_remove(ports::files& files, const std::string& folder) {
  auto path = folder + "/.health-" + to_string(random_id());
  const std::string text = "troupe";
  TROUPE_TRY(files.write_text(path, text));
  auto back = files.read_text(path);
  TROUPE_TRY(files.remove(path));
  if (!back)
    return back.error();
  if (*back != text)
    return {errc::io, "the data folder gives back other bytes than were written"};
  return {};
}

std::string megabytes(uint64_t bytes) {
  return std::to_string(bytes >> 20) + " MiB";
}

int64_t resident_bytes() {
  std::ifstream in{"/proc/self/statm"};
  int64_t total = 0;
  int64_t resident = 0;
  in >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

int64_t open_descriptors() {
  auto* dir = ::opendir("/proc/self/fd");
  if (!dir)
    return -1;
  // ".", ".." and the folder's own descriptor are not counted.
  int64_t count = -3;
  while (::readdir(dir))
    ++count;
  ::closedir(dir);
  return count;
}

health_check read_resources(const resource_limits& limits) {
  health_check x;
  auto rss = resident_bytes();
  auto fds = open_descriptors();
  rlimit fd_limit{};
  ::getrlimit(RLIMIT_NOFILE, &fd_limit);
  double load = 0;
  if (::getloadavg(&load, 1) != 1)
    load = 0;
  auto cpus = std::max(1u, std::thread::hardware_concurrency());
  x.facts = {{"rssBytes", rss},
             {"openDescriptors", fds},
             {"maxDescriptors", static_cast<int64_t>(fd_limit.rlim_cur)},
             {"loadPercent", static_cast<int64_t>(load * 100 / cpus)},
             {"cpus", cpus}};
  if (limits.rss_bytes > 0 && rss > static_cast<int64_t>(limits.rss_bytes))
    x.problem = "the process uses " + megabytes(static_cast<uint64_t>(rss)) + " of memory";
  else if (static_cast<double>(fds) > limits.descriptors * static_cast<double>(fd_limit.rlim_cur))
    x.problem = std::to_string(fds) + " descriptors are open; raise the limit (ulimit -n)";
  else if (load / cpus > limits.load)
    x.problem = "the machine is overloaded; give it fewer jobs at a time";
  if (!x.problem.empty())
    x.status = health_status::degraded;
  return x;
}

} // namespace

check_function check_thread::wrap(std::string name, std::function<health_check()> body) {
  auto running = std::make_shared<std::atomic<bool>>(false);
  return [name = std::move(name), body = std::move(body), running](std::function<void(health_check)> done) {
    if (running->exchange(true)) {
      done(bad(health_status::unhealthy, "the last check of " + name + " has not come back yet"));
      return;
    }
    try {
      // Detached: a disk or database that hangs for ever must not hold up the end of the process.
      std::thread{[body, running, done] {
        health_check answer;
        try {
          answer = body();
        } catch (std::exception& ex) {
          answer = bad(health_status::unhealthy, ex.what());
        }
        running->store(false);
        done(std::move(answer));
      }}.detach();
    } catch (std::system_error&) {
      running->store(false);
      done(bad(health_status::unhealthy, "no thread can be started for the check of " + name));
    }
  };
}

check_function check_database(std::function<result<void>()> ping) {
  return check_thread::wrap("the database", [ping = std::move(ping)] { return from_result(ping()); });
}

check_function check_filesystem(std::shared_ptr<ports::files> files, std::string data_folder) {
  return check_thread::wrap("the data folder", [files = std::move(files), folder = std::move(data_folder)] {
    return from_result(write_read_remove(*files, folder));
  });
}

check_function check_disk(std::shared_ptr<ports::files> files, std::string data_folder, disk_thresholds limits) {
  return check_thread::wrap("the disk", [files = std::move(files), folder = std::move(data_folder), limits] {
    auto space = files->space(folder);
    if (!space)
      return bad(health_status::unhealthy, space.error().message);
    health_check x;
    x.facts = {{"freeBytes", static_cast<int64_t>(space->available)},
               {"totalBytes", static_cast<int64_t>(space->total)}};
    if (space->available < limits.unhealthy_below)
      x.status = health_status::unhealthy;
    else if (space->available < limits.degraded_below)
      x.status = health_status::degraded;
    if (x.status != health_status::healthy)
      x.problem = "only " + megabytes(space->available) + " are free for data; make room";
    return x;
  });
}

check_function check_redis(std::shared_ptr<ports::key_value> redis) {
  return [redis = std::move(redis)](std::function<void(health_check)> done) {
    if (!redis) {
      done(disabled());
      return;
    }
    redis->ping(
      [done](result<milliseconds> x) { done(x ? health_check{} : bad(health_status::unhealthy, x.error().message)); });
  };
}

check_function check_youtube_dl(version_function ask) {
  return [ask = std::move(ask)](std::function<void(health_check)> done) {
    if (!ask) {
      done(disabled());
      return;
    }
    ask([done](result<std::string> version) {
      health_check x;
      if (version)
        x.version = *version;
      else if (version.error().code == errc::not_found)
        x = disabled();
      else
        x = bad(health_status::degraded, version.error().message);
      done(std::move(x));
    });
  };
}

check_function check_resources(resource_limits limits) {
  return check_thread::wrap("resources", [limits] { return read_resources(limits); });
}

check_function check_cluster(worker_count_function ask, const clock& time, milliseconds time_to_join) {
  auto expected = time.mono() + time_to_join;
  return [ask = std::move(ask), &time, expected](std::function<void(health_check)> done) {
    ask([done, early = time.mono() < expected](result<worker_count> workers) {
      if (!workers) {
        done(bad(health_status::degraded, workers.error().message));
        return;
      }
      health_check x;
      x.facts = {{"workers", static_cast<int64_t>(workers->connected)}};
      if (workers->open == 0 && (workers->connected > 0 || !early)) {
        x.status = health_status::degraded;
        x.problem = workers->connected == 0
                      ? "no worker is connected: jobs wait until one comes"
                      : "no worker gets new work: all are drained, in quarantine or out of their hours; jobs wait. "
                        "'troupe nodes' says which and why, 'troupe nodes undrain NODE' lifts it";
      }
      done(std::move(x));
    });
  };
}

check_function check_certificate(std::function<std::string()> due) {
  return [due = std::move(due)](const std::function<void(health_check)>& done) {
    auto what = due();
    done(what.empty() ? health_check{} : bad(health_status::degraded, std::move(what)));
  };
}

} // namespace troupe::health
