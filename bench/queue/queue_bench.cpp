// Troupe's side of bench/queue: the real dispatcher, journal, SQLite store, notifier and worker in one process, as an
// all-in-one node runs them. One measurement a call, one line of JSON on stdout:
//   queue_bench enqueue --folder DIR --in-flight N --count C
//   queue_bench jobs    --folder DIR --in-flight N --count C --credit K
//   queue_bench latency --folder DIR --rate R --seconds S --credit K
//   queue_bench disk    --folder DIR --count C
// DIR is made and holds the database: on the disk that is to be measured. Processor time is that of the whole process.

#include "actors/cluster/worker.hpp"
#include "actors/dispatch/dispatcher.hpp"
#include "actors/library/store_reader.hpp"
#include "actors/media/runner.hpp"
#include "actors/notify/notifier.hpp"
#include "bench/queue/counting_database.hpp"
#include "bench/queue/submitter.hpp"
#include "store/open.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <thread>

namespace {

using namespace troupe;
using namespace troupe::bench;

struct options {
  std::string mode;
  std::string folder;
  std::string policy = "sharing";
  size_t in_flight = 1'000;
  size_t count = 100'000;
  size_t rate = 200;
  size_t seconds = 10;
  uint32_t credit = 4'000;
};

[[noreturn]] void die(const std::string& message) {
  std::fprintf(stderr, "queue_bench: %s\n", message.c_str());
  std::exit(2);
}

options parse(int argc, char** argv) {
  options o;
  if (argc < 2)
    die("name a measurement: enqueue, jobs, latency or disk");
  o.mode = argv[1];
  for (int i = 2; i + 1 < argc; i += 2) {
    std::string name = argv[i];
    std::string value = argv[i + 1];
    auto number = [&] { return static_cast<size_t>(std::strtoull(value.c_str(), nullptr, 10)); };
    if (name == "--folder")
      o.folder = value;
    else if (name == "--policy")
      o.policy = value;
    else if (name == "--in-flight")
      o.in_flight = number();
    else if (name == "--count")
      o.count = number();
    else if (name == "--rate")
      o.rate = number();
    else if (name == "--seconds")
      o.seconds = number();
    else if (name == "--credit")
      o.credit = static_cast<uint32_t>(number());
    else
      die("unknown option " + name);
  }
  if (o.folder.empty())
    die("--folder DIR is needed");
  ::mkdir(o.folder.c_str(), 0700);
  return o;
}

double cpu_seconds() {
  rusage u{};
  ::getrusage(RUSAGE_SELF, &u);
  auto s = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return s(u.ru_utime) + s(u.ru_stime);
}

/// Time, processor time and commits since it was made.
struct meter {
  explicit meter(const commit_counter& c) : counter(c), before(c.now()) {
  }
  const commit_counter& counter;
  commit_counter::figures before;
  steady::time_point start = steady::now();
  double cpu = cpu_seconds();

  std::string json(size_t count) const {
    auto seconds = std::chrono::duration<double>(steady::now() - start).count();
    auto spent = cpu_seconds() - cpu;
    auto after = counter.now();
    auto n = static_cast<double>(count);
    char out[256];
    std::snprintf(out, sizeof(out),
                  "\"per_second\":%.0f,\"seconds\":%.3f,\"cpu_us\":%.2f,\"commits\":%.4f,\"rows\":%.3f", n / seconds,
                  seconds, spent * 1e6 / n, static_cast<double>(after.commits - before.commits) / n,
                  static_cast<double>(after.rows - before.rows) / n);
    return out;
  }
};

/// The coordinator's dispatch concern with a worker, without the parts that a no-op job does not touch.
class node {
public:
  explicit node(const options& o) : options_(o), counter_(std::make_shared<commit_counter>()) {
    mesh::register_messages(config_);
    config_.set("scheduler.policy", caf::atom_from_string(o.policy));
    config_.set("middleman.workers", size_t{0});
    config_.set("scheduler.max-threads", std::clamp<size_t>(std::thread::hardware_concurrency() / 2, 1, 4));
    config_.set("logger.verbosity", caf::atom("quiet"));
    system_ = std::make_unique<caf::actor_system>(config_);
    auto opened = store::open_sqlite(o.folder + "/troupe.db");
    if (!opened)
      die(opened.error().message);
    database_ = count_commits(std::move(*opened), counter_);
    start();
    // Until the dispatcher has read the (empty) queue it refuses everything.
    wait_for<mesh::queue_list>(mesh::get_queues{}, [](const mesh::queue_list&) { return true; });
  }
  ~node() {
    for (auto& x : actors_)
      caf::anon_send_exit(x, caf::exit_reason::kill);
    system_->await_all_actors_done();
  }

  caf::actor_system& system() {
    return *system_;
  }
  commit_counter& counter() {
    return *counter_;
  }
  mesh::job_client jobs() {
    return dispatcher_;
  }
  mesh::notifier events() {
    return notifier_;
  }

  void add_worker() {
    cluster::worker_config w;
    w.me.id = worker_id{random_id()};
    w.me.node_name = "bench";
    w.me.kinds = {"noop"};
    w.me.credit = {{"default", options_.credit}};
    w.me.embedded = true;
    w.time = &clocks_;
    w.make_runners = [this](const mesh::progress_sink&) {
      auto noop = work::spawn_noop(*system_);
      keep(noop);
      return std::map<std::string, mesh::runner>{{"noop", noop}};
    };
    w.look_up = [jobs = mesh::job_worker{dispatcher_}](auto found) { found(jobs); };
    keep(cluster::spawn_worker(*system_, std::move(w)));
    wait_for<mesh::worker_list>(mesh::get_workers{}, [](const mesh::worker_list& x) { return !x.workers.empty(); });
  }

private:
  template <class Handle>
  void keep(const Handle& x) {
    actors_.push_back(caf::actor_cast<caf::actor>(x));
  }

  void start() {
    notify::notifier_config n;
    n.time = &clocks_;
    n.interest = interest_;
    notifier_ = notify::spawn_notifier(*system_, n);
    keep(notifier_);
    dispatch::dispatcher_peers peers;
    peers.journal = system_->spawn<caf::detached>(dispatch::journal_actor, database_, dispatch::journal_config{});
    keep(peers.journal);
    peers.notifier = notifier_;
    auto history = system_->spawn<caf::detached>(catalogue::store_reader_actor, database_);
    keep(history);
    peers.history = history;
    dispatch::dispatcher_config d;
    queue_settings roomy;
    roomy.name = "default";
    roomy.max_depth = 1'000'000'000;
    d.queue.defaults.push_back(roomy);
    roomy.name = "kind:noop";
    d.queue.defaults.push_back(roomy);
    d.wanted = [interest = interest_](std::string_view topic) { return interest->wanted(topic); };
    dispatcher_ = system_->spawn(dispatch::dispatcher_actor, d, peers);
    keep(dispatcher_);
  }

  template <class Answer, class Question, class F>
  void wait_for(Question what, F holds) {
    caf::scoped_actor self{*system_};
    for (bool yes = false; !yes; std::this_thread::sleep_for(milliseconds{1}))
      self->request(mesh::job_admin{dispatcher_}, caf::infinite, what)
        .receive([&](const Answer& x) { yes = holds(x); }, [](const caf::error&) {});
  }

  options options_;
  system_clocks clocks_;
  std::shared_ptr<notify::topic_interest> interest_ = std::make_shared<notify::topic_interest>();
  caf::actor_system_config config_;
  std::shared_ptr<commit_counter> counter_;
  std::unique_ptr<caf::actor_system> system_;
  std::shared_ptr<ports::database> database_;
  mesh::notifier notifier_;
  mesh::dispatcher dispatcher_;
  std::vector<caf::actor> actors_;
};

void submit_all(node& n, size_t in_flight, size_t count) {
  auto done = std::make_shared<std::promise<void>>();
  caf::anon_send(spawn_submitter(n.system(), n.jobs(), in_flight, count, done), begin{});
  done->get_future().wait();
}

std::string enqueue(const options& o) {
  node n{o};
  submit_all(n, 1, 10);
  meter m{n.counter()};
  submit_all(n, o.in_flight, o.count);
  return m.json(o.count);
}

std::string jobs(const options& o) {
  node n{o};
  n.add_worker();
  // The newest ten stay hot: one more is archived for each that completes from then on.
  constexpr size_t hot = 10;
  submit_all(n, 1, hot + 1);
  n.counter().wait_for_archived(1);
  meter m{n.counter()};
  submit_all(n, o.in_flight, o.count);
  n.counter().wait_for_archived(o.count + 1);
  return m.json(o.count);
}

std::string percentiles(const char* name, std::vector<double>& xs) {
  std::sort(xs.begin(), xs.end());
  auto at = [&](double q) {
    return xs[std::min(xs.size() - 1, static_cast<size_t>(static_cast<double>(xs.size()) * q))];
  };
  char out[160];
  std::snprintf(out, sizeof(out), "\"%s_ms\":{\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}", name, at(0.5), at(0.99),
                xs.back());
  return out;
}

std::string latency(const options& o) {
  node n{o};
  n.add_worker();
  size_t warm = o.rate * 2;
  size_t count = o.rate * o.seconds + warm;
  auto ready = std::make_shared<std::promise<void>>();
  auto done = std::make_shared<std::promise<latencies>>();
  auto client = spawn_follower(n.system(), n.jobs(), n.events(), count, ready, done);
  caf::anon_send(client, begin{});
  ready->get_future().wait();
  meter m{n.counter()};
  auto start = steady::now();
  for (size_t i = 0; i < count; ++i) {
    std::this_thread::sleep_until(start + std::chrono::nanoseconds{1'000'000'000 / o.rate * i});
    caf::anon_send(client, submit_one{i >= warm});
  }
  auto seen = done->get_future().get();
  auto figures = m.json(count);
  caf::anon_send_exit(client, caf::exit_reason::kill);
  return figures + "," + percentiles("submitted", seen.submitted) + "," + percentiles("running", seen.running) + ","
         + percentiles("done", seen.done);
}

/// What the disk itself does: a small append and fdatasync at a time.
std::string disk(const options& o) {
  auto path = o.folder + "/appended";
  auto fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0)
    die("can't write " + path);
  std::string page(4096, 'x');
  auto start = steady::now();
  for (size_t i = 0; i < o.count; ++i)
    if (::write(fd, page.data(), page.size()) < 0 || ::fdatasync(fd) != 0)
      die("can't write " + path);
  auto seconds = std::chrono::duration<double>(steady::now() - start).count();
  ::close(fd);
  return "\"per_second\":" + std::to_string(static_cast<double>(o.count) / seconds);
}

} // namespace

int main(int argc, char** argv) {
  auto o = parse(argc, argv);
  // Standard output is for the figures.
  spdlog::set_default_logger(spdlog::stderr_logger_mt("queue_bench"));
  spdlog::set_level(spdlog::level::err);
  std::string figures;
  if (o.mode == "enqueue")
    figures = enqueue(o);
  else if (o.mode == "jobs")
    figures = jobs(o);
  else if (o.mode == "latency")
    figures = latency(o);
  else if (o.mode == "disk")
    figures = disk(o);
  else
    die("unknown measurement " + o.mode + ": enqueue, jobs, latency or disk");
  std::printf("{\"side\":\"troupe\",\"mode\":\"%s\",\"in_flight\":%zu,\"count\":%zu,%s}\n", o.mode.c_str(), o.in_flight,
              o.count, figures.c_str());
}
