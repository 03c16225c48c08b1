#define CAF_SUITE net.metrics

#include "net/active_users.hpp"
#include "net/exposition.hpp"
#include "tests/support/unit_test.hpp"
#include "tests/unit/net/server_fixture.hpp"

#include <caf/make_message.hpp>

#include <cmath>
#include <regex>
#include <set>
#include <sstream>

using namespace troupe;
using namespace troupe::net;
using namespace troupe::test;

namespace {

using minutes = std::chrono::minutes;

/// A strict reader of the text format 0.0.4: heads before samples, each family once and in one piece, no sample twice,
/// histograms cumulative. Samples by their text before the value.
struct scrape {
  std::map<std::string, double> samples;
  std::map<std::string, std::string> types;
  std::vector<std::string> problems;

  explicit scrape(const std::string& text) {
    if (text.empty() || text.back() != '\n')
      problems.push_back("does not end with a line break");
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);)
      take(line);
    for (auto& [name, type] : types)
      if (type == "histogram")
        check_histogram(name);
  }

  double at(const std::string& sample) const {
    auto i = samples.find(sample);
    return i == samples.end() ? std::nan("") : i->second;
  }

private:
  void take(const std::string& line) {
    static const std::regex help{R"(# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) \S.*)"};
    static const std::regex type{R"(# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram))"};
    static const std::regex sample{
      R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\["\\n])*",?)+\})? (\S+))re"};
    std::smatch m;
    if (std::regex_match(line, m, help)) {
      family_ = m[1];
      if (!helped_.insert(family_).second)
        problems.push_back("a second HELP: " + line);
    } else if (std::regex_match(line, m, type)) {
      if (m[1] != family_ || !types.emplace(family_, m[2]).second)
        problems.push_back("TYPE is not behind its HELP, or twice: " + line);
    } else if (std::regex_match(line, m, sample)) {
      take_sample(m[1], line.substr(0, line.size() - m[5].length() - 1), m[5]);
    } else {
      problems.push_back("not of the format: " + line);
    }
  }

  void take_sample(const std::string& name, const std::string& key, const std::string& value) {
    auto known = types.find(family_);
    bool histogram = known != types.end() && known->second == "histogram";
    auto of_family =
      name == family_
      || (histogram && (name == family_ + "_bucket" || name == family_ + "_sum" || name == family_ + "_count"));
    if (!of_family)
      problems.push_back("is not of the family " + family_ + ": " + key);
    if (known != types.end() && known->second == "counter" && !name.ends_with("_total"))
      problems.push_back("a counter without _total: " + key);
    char* end = nullptr;
    auto number = std::strtod(value.c_str(), &end);
    if (*end != '\0')
      problems.push_back("no number: " + key);
    if (!samples.emplace(key, number).second)
      problems.push_back("there twice: " + key);
  }

  void check_histogram(const std::string& name) {
    for (auto& [key, count] : samples) {
      if (!key.starts_with(name + "_count"))
        continue;
      auto labels = key.size() > name.size() + 6 ? key.substr(name.size() + 6) : std::string{"{}"};
      auto prefix = name + "_bucket" + labels.substr(0, labels.size() - 1) + (labels.size() > 2 ? "," : "") + "le=\"";
      if (at(prefix + "+Inf\"}") != count)
        problems.push_back("+Inf is not the count: " + key);
      std::map<double, double> buckets;
      for (auto& [sample, n] : samples)
        if (sample.starts_with(prefix))
          buckets[std::strtod(sample.c_str() + prefix.size(), nullptr)] = n;
      double last = 0;
      for (auto& [bound, n] : buckets) {
        if (n < last)
          problems.push_back("not cumulative: " + prefix);
        last = n;
      }
    }
  }

  std::string family_;
  std::set<std::string> helped_;
};

void check(const scrape& x) {
  for (auto& problem : x.problems)
    CAF_ERROR(problem);
}

} // namespace

CAF_TEST(the reader of these tests is strict) {
  for (auto bad :
       {"a 1", "# HELP a x\n# TYPE a gauge\na 1\na 1\n", "# HELP a x\n# TYPE a counter\na 1\n",
        "# HELP a x\n# TYPE a gauge\nb 1\n", "# HELP a x\n# TYPE a gauge\na{b=\"\"c\"} 1\n",
        "# HELP a x\n# TYPE a gauge\na{b=\"1\" 1\n", "# HELP a x\n# TYPE a gauge\na one\n",
        "# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
        "# HELP h x\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n"})
    CAF_CHECK(!scrape{bad}.problems.empty());
  check(scrape{"# HELP h x\n# TYPE h histogram\nh_bucket{q=\"a\",le=\"1\"} 1\nh_bucket{q=\"a\",le=\"+Inf\"} 2\n"
               "h_sum{q=\"a\"} 1\nh_count{q=\"a\"} 2\n"});
}

CAF_TEST(labels and numbers are escaped) {
  exposition out;
  out.family("a_b", "gauge", "first\nsecond \\");
  out.sample(0.1, {{"x", "say \"hi\"\n\\"}});
  out.sample(1e300);
  CAF_CHECK_EQUAL(std::move(out).str(), "# HELP a_b first\\nsecond \\\\\n# TYPE a_b gauge\n"
                                        "a_b{x=\"say \\\"hi\\\"\\n\\\\\"} 0.1\na_b 1e+300\n");
}

CAF_TEST(metrics have the names of the contract) {
  running_server s;
  s.ask(get("/livez"));
  s.ask(get("/nothing/here"));
  auto answer = s.ask(get("/metrics"));
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  scrape x{answer->body};
  check(x);
  CAF_CHECK_EQUAL(x.at("http_requests_total{method=\"GET\",route=\"/livez\",status=\"200\"}"), 1);
  CAF_CHECK_EQUAL(x.at("http_request_duration_seconds_count{method=\"GET\",route=\"/livez\",status=\"200\"}"), 1);
  CAF_CHECK_EQUAL(x.at("queue_jobs_total{queue=\"video\",status=\"completed\"}"), 6);
  CAF_CHECK_EQUAL(x.at("queue_jobs_total{queue=\"video\",status=\"failed\"}"), 1);
  CAF_CHECK_EQUAL(x.at("queue_jobs_total{queue=\"video\",status=\"cancelled\"}"), 0);
  CAF_CHECK_EQUAL(x.at("queue_job_duration_seconds_bucket{queue=\"video\",le=\"0.25\"}"), 0);
  CAF_CHECK_EQUAL(x.at("queue_job_duration_seconds_bucket{queue=\"video\",le=\"1\"}"), 4);
  CAF_CHECK_EQUAL(x.at("queue_job_duration_seconds_bucket{queue=\"video\",le=\"+Inf\"}"), 7);
  CAF_CHECK_EQUAL(x.at("queue_job_duration_seconds_sum{queue=\"video\"}"), 90.5);
  CAF_CHECK_EQUAL(x.at("youtube_downloads_total{status=\"completed\"}"), 5);
  CAF_CHECK_EQUAL(x.at("active_users"), 1);
  CAF_CHECK_EQUAL(x.types["media_requests_total"], "counter");
  CAF_CHECK_EQUAL(x.types["queue_jobs_total"], "counter");
  CAF_CHECK(x.samples.contains("process_open_fds"));
  // A kind is no queue: its jobs are counted with their queue already.
  CAF_CHECK(answer->body.find("queue=\"kind:") == std::string::npos);
}

CAF_TEST(metrics of ours have their prefix) {
  running_server s;
  auto answer = s.ask(get("/metrics"));
  CAF_REQUIRE(answer.has_value());
  scrape x{answer->body};
  check(x);
  CAF_CHECK_EQUAL(x.at("troupe_queue_jobs{queue=\"video\",status=\"queued\"}"), 3);
  CAF_CHECK_EQUAL(x.at("troupe_queue_oldest_seconds{queue=\"video\"}"), 1.5);
  CAF_CHECK_EQUAL(x.at("troupe_job_retries_total{queue=\"video\",class=\"transient\"}"), 2);
  CAF_CHECK_EQUAL(x.at("troupe_kind_jobs_total{kind=\"download\",status=\"completed\"}"), 5);
  CAF_CHECK_EQUAL(x.at("troupe_workers"), 2);
  // Two processes of one name are one series.
  CAF_CHECK_EQUAL(x.at("troupe_leases{worker=\"nas\"}"), 1);
  CAF_CHECK_EQUAL(x.at("troupe_worker_slots{worker=\"nas\",queue=\"video\"}"), 4);
  CAF_CHECK_EQUAL(x.at("troupe_executors{state=\"busy\"}"), 1);
  CAF_CHECK_EQUAL(x.at("troupe_executors{state=\"idle\"}"), 1);
  CAF_CHECK_EQUAL(x.at("troupe_executor_crashes_total"), 3);
  CAF_CHECK_EQUAL(x.at("troupe_cache_lookups_total{layer=\"l1\",outcome=\"hit\"}"), 3);
  const std::set<std::string> named{"http_requests_total",
                                    "http_request_duration_seconds",
                                    "media_requests_total",
                                    "youtube_downloads_total",
                                    "active_users",
                                    "queue_jobs_total",
                                    "queue_job_duration_seconds"};
  for (auto& [name, type] : x.types)
    CAF_CHECK(named.contains(name) || name.starts_with("troupe_") || name.starts_with("process_"));
}

CAF_TEST(figures of nodes and of bytes between them) {
  running_server s;
  node_details x;
  x.rules.name = "nas";
  x.workers = {worker_id{random_id()}};
  x.open = true;
  x.queues["video"] = {2, 1};
  x.speeds["encode_chunk"] = 2.5;
  x.score = 0.5;
  x.running = 3;
  auto away = x;
  away.rules.name = "attic";
  away.workers.clear();
  away.queues.clear();
  s.backend.all_nodes = {away, x};
  s.backend.all_nodes[1].links = {{"attic", 10, 900}, {"gina", 5, 100}};
  s.backend.all_nodes[1].disks = {{"cache", 1'000, 200}};
  // In the list already.
  s.backend.moved.sent["nas"] = 1000;
  auto answer = s.ask(get("/metrics"));
  CAF_REQUIRE(answer.has_value());
  scrape m{answer->body};
  check(m);
  CAF_CHECK_EQUAL(m.at("troupe_nodes{state=\"active\"}"), 1);
  CAF_CHECK_EQUAL(m.at("troupe_nodes{state=\"away\"}"), 1);
  CAF_CHECK_EQUAL(m.at("troupe_nodes{state=\"quarantined\"}"), 0);
  CAF_CHECK_EQUAL(m.at("troupe_node_slots{node=\"nas\",queue=\"video\"}"), 2);
  CAF_CHECK_EQUAL(m.at("troupe_node_slots_used{node=\"nas\",queue=\"video\"}"), 1);
  CAF_CHECK_EQUAL(m.at("troupe_node_leases{node=\"nas\"}"), 3);
  CAF_CHECK_EQUAL(m.at("troupe_node_speed{node=\"nas\",kind=\"encode_chunk\"}"), 2.5);
  CAF_CHECK_EQUAL(m.at("troupe_node_score{node=\"attic\"}"), 0.5);
  CAF_CHECK_EQUAL(m.at("troupe_file_bytes_total{node=\"nas\",direction=\"out\"}"), 1000);
  CAF_CHECK_EQUAL(m.at("troupe_file_bytes_total{node=\"nas\",direction=\"in\"}"), 15);
  CAF_CHECK_EQUAL(m.at("troupe_node_disk_free_bytes{node=\"nas\",use=\"cache\"}"), 200);
  // The list is of the last renewal.
  s.backend.moved.sent["nas"] = 1'001;
  auto later = s.ask(get("/metrics"));
  CAF_REQUIRE(later.has_value());
  CAF_CHECK_EQUAL(scrape{later->body}.at("troupe_file_bytes_total{node=\"nas\",direction=\"out\"}"), 1'001);
}

CAF_TEST(without the mesh the gateway still tells its own figures) {
  running_server s;
  s.backend.away = true;
  s.backend.moved.sent["nas"] = 1000;
  auto answer = s.ask(get("/metrics"));
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->status, 200);
  scrape x{answer->body};
  check(x);
  CAF_CHECK(x.samples.contains("troupe_http_connections"));
  CAF_CHECK(!x.types.contains("queue_jobs_total"));
  CAF_CHECK_EQUAL(x.at("troupe_file_bytes_total{node=\"nas\",direction=\"out\"}"), 1000);
}

CAF_TEST(active users are addresses of the last minutes and of live connections) {
  active_users users;
  active_users::clock::time_point start{std::chrono::hours{1}};
  users.saw("10.0.0.1", start);
  users.saw("10.0.0.1", start + minutes{1});
  users.saw("10.0.0.2", start + minutes{4});
  CAF_CHECK_EQUAL(users.count(start + minutes{5}), 2u);
  CAF_CHECK_EQUAL(users.count(start + minutes{6}), 1u);
  users.opened("10.0.0.3");
  users.opened("10.0.0.3");
  CAF_CHECK_EQUAL(users.count(start + minutes{60}), 1u);
  users.closed("10.0.0.3", start + minutes{60});
  CAF_CHECK_EQUAL(users.count(start + minutes{600}), 1u);
  users.closed("10.0.0.3", start + minutes{600});
  CAF_CHECK_EQUAL(users.count(start + minutes{604}), 1u);
  CAF_CHECK_EQUAL(users.count(start + minutes{605}), 0u);
}

CAF_TEST(active users stay bounded) {
  active_users users;
  active_users::clock::time_point start{std::chrono::hours{1}};
  for (size_t i = 0; i < active_users::max_addresses + 1000; ++i)
    users.saw(std::to_string(i), start);
  CAF_CHECK_EQUAL(users.count(start), active_users::max_addresses);
  users.saw("late", start + minutes{5});
  CAF_CHECK_EQUAL(users.count(start + minutes{5}), 1u);
}
