#define CAF_SUITE cli.node_view

#include "nodes/troupe/node_view.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <random>

using namespace troupe;
using namespace troupe::cli;

namespace {

library films() {
  library x;
  x.id = {{7, 7}};
  x.name = "Films";
  return x;
}

node_details some_node(std::string name) {
  node_details x;
  x.rules.name = std::move(name);
  x.workers = {worker_id{{1, 2}}};
  x.open = true;
  x.queues = {{"images", {4, 0}}, {"video", {2, 1}}};
  x.tokens = {4000, 8192, 0};
  x.in_use = {1500, 1024, 0};
  x.speeds = {{"encode_chunk", 2.25}, {"ingest", 1}};
  x.running = 1;
  x.score = 0.25;
  x.silent = milliseconds{1500};
  x.capabilities = {library_capability(films().id)};
  return x;
}

bool has(const std::string& text, std::string_view part) {
  auto found = text.find(part) != std::string::npos;
  if (!found)
    CAF_MESSAGE("no '" << part << "' in: " << text);
  return found;
}

} // namespace

CAF_TEST(what a node offers and does) {
  auto x = some_node("nas");
  CAF_CHECK_EQUAL(slots_text(x), "video 1/2, images 0/4");
  x.queues = {{"default", {1, 0}}, {"downloads", {0, 0}}, {"images", {4, 0}}, {"metadata", {4, 2}}, {"video", {2, 0}}};
  CAF_CHECK_EQUAL(slots_text(x), "video 0/2, metadata 2/4, default 0/1, images 0/4");
  CAF_CHECK_EQUAL(encode_speed_text(x), "2.2x");
  CAF_CHECK_EQUAL(state_text(x), "active");
  CAF_CHECK(libraries_of(x, {films()}, true) == std::vector<std::string>{"Films"});
  CAF_CHECK(libraries_of(x, {films()}, false).empty());
  x.rules.state = node_state::draining;
  x.rules.reason = "a new disk";
  CAF_CHECK_EQUAL(state_text(x), "draining: a new disk");
  x.rules.state = node_state::active;
  x.open = false;
  x.closed = "is outside of its hours";
  CAF_CHECK_EQUAL(state_text(x), "closed: outside of its hours");
  x.speeds.clear();
  CAF_CHECK_EQUAL(encode_speed_text(x), "");
}

CAF_TEST(all columns where there is room and the most important ones where there is none) {
  std::vector<node_details> nodes{some_node("nas"), some_node("attic")};
  auto wide = nodes_text(nodes, {films()}, 0);
  CAF_CHECK(has(wide, "LIBRARIES") && has(wide, "1.5/4.0") && has(wide, "1.0/8.0 GiB") && has(wide, "Films"));
  auto narrow = nodes_text(nodes, {films()}, 40);
  CAF_CHECK(has(narrow, "NAME") && has(narrow, "STATE"));
  CAF_CHECK(narrow.find("LIBRARIES") == std::string::npos);
}

CAF_TEST(how full a node is can be read at every usual width) {
  std::vector<node_details> nodes{some_node("nas"), some_node("attic")};
  for (auto& x : nodes) {
    x.queues = {
      {"default", {4, 0}}, {"downloads", {3, 0}}, {"images", {4, 1}}, {"metadata", {4, 0}}, {"video", {2, 1}}};
    x.roles = {"worker"};
    x.links = {{"anna", 1 << 20, 3 << 20}};
    x.software = "1.2.0";
  }
  nodes[1].rules.state = node_state::quarantined;
  nodes[1].rules.reason = "it failed 3 jobs lately that other nodes then did";
  for (size_t width : {80, 120, 200}) {
    auto text = nodes_text(nodes, {films()}, width);
    CAF_CHECK(has(text, "video 1/2, images 1/4, default 0/4, downloads 0/3"));
    for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
      CAF_CHECK(display_width(std::string_view{text}.substr(at, text.find('\n', at) - at)) <= width);
  }
  CAF_CHECK(has(nodes_text(nodes, {films()}, 120), "RUNNING"));
  CAF_CHECK(has(nodes_text(nodes, {films()}, 200), "RECEIVED"));
  // Too narrow for all of it: what comes first is still there.
  CAF_CHECK(has(nodes_text(nodes, {films()}, 40), "video 1/2"));
}

CAF_TEST(what went over the links of a node) {
  auto x = some_node("nas");
  CAF_CHECK_EQUAL(links_text(x, 0), "");
  x.links = {{"anna", 1'024, 2'048}, {"gi\x1bna", 0, 3 << 20}};
  auto all = nodes_text({x}, {}, 0);
  CAF_CHECK(has(all, "RECEIVED") && has(all, "3.0 MiB") && has(all, "1.0 KiB") && all.find("/s") == std::string::npos);
  CAF_CHECK(has(nodes_text({x}, {}, 0, {{"nas", {0, 12.5 * 1024 * 1024}}}), "3.0 MiB, 12.5 MiB/s"));
  auto links = links_text(x, 0);
  CAF_CHECK(has(links, "LINK") && has(links, "anna") && has(links, "2.0 KiB") && has(links, "gi?na"));
}

CAF_TEST(a gateway is no node that is away) {
  node_details x;
  x.rules.name = "gina";
  x.roles = {"gateway"};
  x.joined = from_ms(1'000);
  x.closed = "is a gateway and runs no jobs";
  x.disks = {{"cache", 4096, 1024}};
  auto text = nodes_text({x}, {}, 0);
  CAF_CHECK(has(text, "active") && has(text, "remote") && has(text, "gateway"));
  std::map<std::string, std::string> fields;
  for (auto& [name, value] : node_fields(x, {}, from_ms(61'000)))
    fields[name] = value;
  CAF_CHECK_EQUAL(fields["New work"], "no: it is a gateway and runs no jobs");
  CAF_CHECK_EQUAL(fields["Roles"], "gateway");
  CAF_CHECK_EQUAL(fields["Joined"], "1m");
  CAF_CHECK_EQUAL(fields["Disks"], "cache 1.0 KiB free of 4.0 KiB");
  cluster_view all;
  all.nodes = {x};
  CAF_CHECK(has(top_lines(all, from_ms(1), 0, 0, false).front(), "1 of 1 nodes here"));
}

CAF_TEST(rates of links are what moved since the figures before) {
  link_meter uut;
  auto x = some_node("nas");
  x.links = {{"anna", 0, 1'000}};
  mono_time now{milliseconds{1'000'000}};
  CAF_CHECK(uut.look({x}, now).empty());
  x.links[0].received += 50'000;
  now += milliseconds{5'000};
  CAF_CHECK_EQUAL(uut.look({x}, now)["nas"].received, 10'000.0);
  // Between two figures the last rate stands.
  now += milliseconds{1'000};
  CAF_CHECK_EQUAL(uut.look({x}, now)["nas"].received, 10'000.0);
  now += link_meter::idle_after;
  CAF_CHECK(uut.look({x}, now).empty());
  // After an hour without any, what moves is not spread over that hour.
  for (int i = 0; i < 3'600; ++i)
    uut.look({x}, now += milliseconds{1'000});
  x.links[0].received += 60'000;
  CAF_CHECK(uut.look({x}, now += milliseconds{1'000})["nas"].received >= 60'000.0 / 13);
  // Its server began anew.
  x.links[0].received = 1;
  CAF_CHECK(uut.look({x}, now += milliseconds{1'000}).empty());
}

CAF_TEST(all about one node) {
  auto x = some_node("nas");
  x.rules.hours = {{0x1F, 1320, 360}};
  x.rules.weight = 50;
  x.rules.slots["video"] = 2;
  std::map<std::string, std::string> fields;
  for (auto& [name, value] : node_fields(x, {films()}, from_ms(1'000)))
    fields[name] = value;
  CAF_CHECK_EQUAL(fields["Hours"], "mon-fri 22:00-06:00");
  CAF_CHECK_EQUAL(fields["Weight"], "50%");
  CAF_CHECK_EQUAL(fields["Slots set"], "video 2");
  CAF_CHECK_EQUAL(fields["Heard"], "1s ago");
  CAF_CHECK_EQUAL(fields["New work"], "yes");
  CAF_CHECK_EQUAL(fields["Libraries"], "Films");
  x.capabilities.clear();
  for (auto& [name, value] : node_fields(x, {films()}, from_ms(1'000)))
    fields[name] = value;
  CAF_CHECK_EQUAL(fields["Not mounted"], "Films");
}

CAF_TEST(versions and encoders of a node) {
  auto x = some_node("nas");
  x.software = "1.2.0";
  x.file_address = "nas:7443";
  x.capabilities = {"data", "encoder:libx264", "encoder:h264_nvenc", "library:1"};
  auto field = [&](std::string_view wanted) {
    for (auto& [name, value] : node_fields(x, {}, from_ms(1'000)))
      if (name == wanted)
        return value;
    return std::string{"none"};
  };
  CAF_CHECK_EQUAL(field("Version"), "1.2.0");
  CAF_CHECK_EQUAL(field("Serves files"), "nas:7443");
  CAF_CHECK_EQUAL(field("Encoders"), "libx264, h264_nvenc");
  CAF_CHECK_EQUAL(field("Capabilities"), "data, library:1");
  auto all = nodes_text({x}, {}, 0);
  CAF_CHECK(has(all, "VERSION") && has(all, "1.2.0") && all.find("1.2.0 !") == std::string::npos);
  x.other_software = true;
  CAF_CHECK(has(nodes_text({x}, {}, 0), "1.2.0 !"));
  CAF_CHECK(has(field("Version"), "1.2.0 (the coordinator has another"));
}

CAF_TEST(who was refused and why) {
  CAF_CHECK_EQUAL(refused_text({}, from_ms(0), 0), "");
  auto text = refused_text({{from_ms(1'000), "old\x1bnode", "worker", "speaks version 3", 7}}, from_ms(61'000), 0);
  CAF_CHECK(has(text, "old?node") && has(text, "1m") && has(text, "7") && has(text, "speaks version 3"));
}

CAF_TEST(the screen of top fits whatever the terminal) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    std::mt19937_64 rng{seed};
    cluster_view x;
    for (size_t n = rng() % 6; n > 0; --n) {
      x.nodes.push_back(some_node(std::string(rng() % 60, 'n') + "\x1b[2J"));
      if (rng() % 3 == 0)
        x.nodes.back().rules.state = node_state::quarantined;
      if (rng() % 3 == 0)
        x.nodes.back().workers.clear();
    }
    for (size_t n = rng() % 6; n > 0; --n) {
      job j;
      j.id = {{1, n}};
      j.spec.kind = "transcode";
      j.state = job_state::running;
      j.worker_name = "nas";
      j.progress = {0.5, "encode", std::string(rng() % 90, 'm') + "\n", {{"speed", 2100}, {"etaMs", 12'000}}};
      x.jobs.push_back(j);
    }
    x.running = x.jobs.size() + rng() % 2;
    queue_stats video;
    video.settings.name = "video";
    video.by_state["queued"] = rng() % 1000;
    x.queues = {video};
    size_t width = 1 + rng() % 140, height = 1 + rng() % 30;
    auto lines = top_lines(x, from_ms(1'700'000'000'000), width, height, false);
    if (lines.size() > height)
      CAF_FAIL("seed " << seed << ": " << lines.size() << " lines of " << height);
    for (auto& line : lines)
      if (display_width(line) > width || line.find_first_of("\x1b\n\r") != std::string::npos)
        CAF_FAIL("seed " << seed << ": not for " << width << " columns: " << line);
  }
}

CAF_TEST(top shows nodes queues and jobs) {
  cluster_view x;
  x.nodes = {some_node("nas")};
  job j;
  j.id = {{1, 1}};
  j.spec.kind = "transcode";
  j.state = job_state::waiting;
  j.next.emplace_back();
  j.progress = {0.457, "encode", "", {{"speed", 2100}, {"etaMs", 12'000}, {"nodes", 3}}};
  x.jobs = {j};
  x.libraries = {films()};
  x.running = 4;
  queue_stats video, kind;
  video.settings.name = "video";
  video.by_state["queued"] = 17;
  video.oldest_queued = milliseconds{61'000};
  kind.settings.name = "kind:transcode";
  x.queues = {video, kind};
  std::string text;
  for (auto& line : top_lines(x, from_ms(1'700'000'000'000), 0, 0, false))
    text += line + "\n";
  CAF_CHECK(has(text, "1 of 1 nodes here, 4 jobs running"));
  CAF_CHECK(has(text, "Films"));
  CAF_CHECK(has(text, "nas") && has(text, "17") && has(text, "1m1s"));
  CAF_CHECK(has(text, "45%") && has(text, "2.1x, 12s left") && has(text, "3 nodes") && has(text, "and 3 more"));
  CAF_CHECK(text.find("kind:") == std::string::npos);
  auto colored = top_lines(x, from_ms(0), 80, 0, true);
  CAF_CHECK(has(colored.at(2), "\x1b[1m"));
}
