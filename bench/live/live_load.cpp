// live_load: clients and reporter of bench/live in one process; one line of JSON with what was measured.
// live_load --side troupe|ws|socket.io --port N --mesh-port N --pid SERVER [--clients N] [--topics N] [--seconds N]
//           [--rates A,B] [--identity FOLDER]   (deliveries a second, all clients together)

#include "bench/live/clients.hpp"
#include "bench/live/reports.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <thread>

namespace troupe::bench {

namespace {

constexpr int64_t second = 1'000'000'000;

class socket_source : public report_source {
public:
  socket_source(uint16_t port, size_t jobs) : socket_(port, "/reports") {
    // As long as a job's id.
    char name[64];
    for (size_t i = 0; i < jobs; ++i) {
      std::snprintf(name, sizeof(name), "job:019e0000-0000-7000-8000-%012zu", i);
      topics_.emplace_back(name);
    }
  }
  const std::vector<std::string>& topics() const override {
    return topics_;
  }
  void report(size_t job, double fraction) override {
    char text[256];
    auto n = std::snprintf(text, sizeof(text), R"({"topic":"%s","progress":%.4g,"message":"t=%lld;"})",
                           topics_[job].c_str(), fraction * 100, static_cast<long long>(now_ns()));
    socket_.send({text, static_cast<size_t>(n)});
  }
  void keep_alive() override {
    socket_.read(false, [](std::string_view) {});
  }

private:
  web_socket socket_;
  std::vector<std::string> topics_;
};

/// Processor time of a process so far, in seconds.
double cpu_of(int pid) {
  std::ifstream in{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  std::istringstream rest{text.substr(text.rfind(')') + 2)};
  std::vector<std::string> fields{std::istream_iterator<std::string>{rest}, {}};
  return (std::stod(fields.at(11)) + std::stod(fields.at(12))) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

/// Proportional share of a process's memory, in KiB.
long pss_of(int pid) {
  std::ifstream in{"/proc/" + std::to_string(pid) + "/smaps_rollup"};
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("Pss:"))
      return std::stol(line.substr(4));
  return -1;
}

struct options {
  std::string side = "troupe", rates = "5000,20000", identity;
  int port = 0, mesh_port = 0, pid = 0, clients = 1000, topics = 200, seconds = 10;
};

/// Sends reports at that rate, job after job, each at its own time, until the end.
void keep_reporting(report_source& source, double per_second, int64_t until) {
  auto jobs = source.topics().size();
  auto begin = now_ns();
  source.keep_alive();
  auto alive = begin;
  for (size_t i = 0;; ++i) {
    auto due = begin + static_cast<int64_t>(static_cast<double>(i) * 1e9 / per_second);
    if (due >= until)
      return;
    if (auto wait = due - now_ns(); wait > 0)
      std::this_thread::sleep_for(std::chrono::nanoseconds{wait});
    source.report(i % jobs, static_cast<double>(i / jobs % 1000) / 1000);
    if (now_ns() - alive > 3 * second) {
      source.keep_alive();
      alive = now_ns();
    }
  }
}

std::string measure(const options& o, report_source& source, client_crowd& crowd, int deliveries_a_second) {
  deliveries seen;
  seen.from_ns = now_ns() + second;
  seen.to_ns = seen.from_ns + o.seconds * second;
  auto each = 2.0 * o.clients / o.topics;
  std::thread reporter{[&] { keep_reporting(source, deliveries_a_second / each, seen.to_ns); }};
  crowd.run(seen.from_ns, seen);
  auto cpu = cpu_of(o.pid);
  crowd.run(seen.to_ns, seen);
  cpu = cpu_of(o.pid) - cpu;
  reporter.join();
  // Late ones count, too.
  crowd.run(now_ns() + second, seen);
  auto& l = seen.latency_us;
  std::sort(l.begin(), l.end());
  auto quantile = [&](double q) { return l.empty() ? 0.0 : l[static_cast<size_t>(q * (l.size() - 1))] / 1000.0; };
  char out[400];
  auto count = std::max<size_t>(l.size(), 1);
  std::snprintf(out, sizeof(out),
                R"({"asked":%d,"per_second":%.0f,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f,"cpu_us":%.3f})",
                deliveries_a_second, static_cast<double>(l.size()) / o.seconds, quantile(0.5), quantile(0.99),
                quantile(1), cpu * 1e6 / static_cast<double>(count));
  return out;
}

/// Node's servers collect their garbage on this; only what is in use counts there.
long settled_pss(const options& o, client_crowd* crowd) {
  deliveries none;
  if (o.side != "troupe")
    kill(o.pid, SIGUSR2);
  if (crowd)
    crowd->run(now_ns() + 2 * second, none);
  else
    std::this_thread::sleep_for(std::chrono::seconds{1});
  return pss_of(o.pid);
}

int run(const options& o) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  auto which = o.side == "troupe" ? side::troupe : o.side == "ws" ? side::ws : side::socket_io;
  auto source = which == side::troupe ? make_mesh_source(static_cast<uint16_t>(o.mesh_port), o.topics, o.identity)
                                      : make_socket_source(static_cast<uint16_t>(o.port), o.topics);
  auto before = settled_pss(o, nullptr);
  client_crowd crowd{which, static_cast<uint16_t>(o.port), static_cast<size_t>(o.clients), source->topics()};
  source->keep_alive();
  auto idle = settled_pss(o, &crowd);
  std::string measured;
  std::istringstream rates{o.rates};
  for (std::string rate; std::getline(rates, rate, ',');)
    measured += (measured.empty() ? "" : ",") + measure(o, *source, crowd, std::stoi(rate));
  source->keep_alive();
  auto after = settled_pss(o, &crowd);
  auto each = [&](long pss) { return static_cast<double>(pss - before) / o.clients; };
  std::printf(R"({"pss_before_kib":%ld,"idle_kib":%.2f,"after_kib":%.2f,"rates":[%s]})"
              "\n",
              before, each(idle), each(after), measured.c_str());
  std::fflush(stdout);
  // What is left needs no orderly end: the servers are stopped next.
  std::_Exit(0);
}

} // namespace

std::unique_ptr<report_source> make_socket_source(uint16_t port, size_t jobs) {
  return std::make_unique<socket_source>(port, jobs);
}

} // namespace troupe::bench

int main(int argc, char** argv) {
  troupe::bench::options o;
  std::map<std::string, int*> numbers{{"--port", &o.port},     {"--mesh-port", &o.mesh_port},
                                      {"--pid", &o.pid},       {"--clients", &o.clients},
                                      {"--topics", &o.topics}, {"--seconds", &o.seconds}};
  std::map<std::string, std::string*> texts{{"--side", &o.side}, {"--rates", &o.rates}, {"--identity", &o.identity}};
  for (int i = 1; i + 1 < argc; i += 2)
    if (auto n = numbers.find(argv[i]); n != numbers.end())
      *n->second = std::atoi(argv[i + 1]);
    else if (auto t = texts.find(argv[i]); t != texts.end())
      *t->second = argv[i + 1];
    else
      return std::fprintf(stderr, "live_load: unknown option %s\n", argv[i]), 2;
  return troupe::bench::run(o);
}
