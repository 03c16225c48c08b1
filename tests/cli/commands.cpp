#define CAF_SUITE cli.commands

#include "tests/cli/fake_node.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <chrono>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace troupe;
using namespace troupe::test;

namespace {

struct outcome {
  int status = -1;
  /// Standard output and error together.
  std::string text;
};

/// Runs the command as a person would, its output not on a terminal.
outcome run(const std::string& arguments, const std::string& node) {
  outcome out;
  auto command = std::string{TROUPE_PROGRAM} + " --node " + node + " " + arguments + " 2>&1 </dev/null";
  auto* pipe = popen(command.c_str(), "r");
  CAF_REQUIRE(pipe != nullptr);
  char buf[4096];
  while (auto n = fread(buf, 1, sizeof(buf), pipe))
    out.text.append(buf, n);
  auto rc = pclose(pipe);
  out.status = WIFEXITED(rc) ? WEXITSTATUS(rc) : 128;
  return out;
}

fake_node& node() {
  // Never destroyed: CAF does not stand being taken down after main().
  static auto& x = *new fake_node;
  return x;
}

outcome ask(const std::string& arguments) {
  return run(arguments, "127.0.0.1:" + std::to_string(node().port()));
}

bool has(const outcome& x, std::string_view text) {
  auto found = x.text.find(text) != std::string::npos;
  if (!found)
    CAF_MESSAGE("no '" << text << "' in: " << x.text);
  return found;
}

} // namespace

CAF_TEST(nobody there) {
  auto x = run("status", "127.0.0.1:1");
  CAF_CHECK_EQUAL(x.status, 3);
  CAF_CHECK(
    has(x, "nobody answers at 127.0.0.1:1 (Connection refused); start a trouped with ./run, or name it with --node "
           "HOST:PORT"));
  // On another machine there is nothing to start here (0.0.0.0 is no loopback address, but leads to one).
  CAF_CHECK(
    has(run("status", "0.0.0.0:1"), "; --node names the coordinator and its mesh.port. 'troupe cert check 0.0.0.0:1'"));
  for (auto bad : {"nowhere", ":1", "h:", "h:0", "h:65536", "h:1x"})
    CAF_CHECK_EQUAL(run("status", bad).status, 2);
}

CAF_TEST(a peer that accepts and stays silent) {
  auto fd = socket(AF_INET, SOCK_STREAM, 0);
  CAF_REQUIRE(listen(fd, 1) == 0);
  sockaddr_in addr{};
  socklen_t size = sizeof(addr);
  getsockname(fd, reinterpret_cast<sockaddr*>(&addr), &size);
  auto start = std::chrono::steady_clock::now();
  CAF_CHECK_EQUAL(run("status", "127.0.0.1:" + std::to_string(ntohs(addr.sin_port))).status, 3);
  CAF_CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds{10});
  close(fd);
}

CAF_TEST(wrong usage) {
  for (auto arguments : {"", "nonsense", "jobs", "jobs show", "jobs show xyz", "-o yaml status", "queue limit video",
                         "jobs ls --limit 0", "library add no/such/folder", "transcode good --profile none",
                         "jobs submit noop --payload [", "jobs submit nonsense"})
    CAF_CHECK_EQUAL(ask(arguments).status, 2);
  // The help that is named is the command's own.
  CAF_CHECK(has(ask("nodes set nas --weight 0"), "'troupe nodes set --help'"));
  CAF_CHECK(has(ask("jobs ls --limit 0"), "'troupe jobs ls --help'"));
  CAF_CHECK(has(ask("nonsense"), "'troupe --help'"));
  // A word that is no command is named, with the one that was meant.
  CAF_CHECK(has(ask("statsu"), "there is no command 'statsu'; did you mean 'status'?"));
  CAF_CHECK(has(ask("jobs lst"), "there is no command 'lst'; did you mean 'ls'?"));
  CAF_CHECK(has(ask("nonsense"), "there is no command 'nonsense'"));
  CAF_CHECK(has(ask("jobs"), "A subcommand is required"));
  CAF_CHECK(!has(ask("jobs --limti 5"), "command '5'"));
}

CAF_TEST(status and tree) {
  auto x = ask("status");
  CAF_CHECK_EQUAL(x.status, 0);
  CAF_CHECK(has(x, "fake (coordinator)") && has(x, "1m1s") && has(x, "healthy"));
  CAF_CHECK_EQUAL(nlohmann::json::parse(ask("status -o json").text, nullptr, false)["term"].get<int>(), 3);
  CAF_CHECK(has(ask("tree"), "  journal"));
  CAF_CHECK(has(ask("workers"), "no workers"));
}

CAF_TEST(lists) {
  auto x = ask("jobs ls");
  CAF_CHECK(has(x, "NAME") && has(x, "transcode") && has(x, "25%"));
  CAF_CHECK_EQUAL(ask("jobs ls -o name").text, "job/" + fake_job(1).str() + "\njob/" + fake_job(2).str() + "\n");
  CAF_CHECK_EQUAL(nlohmann::json::parse(ask("-o json jobs ls").text, nullptr, false)["jobs"].size(), 2u);
  // Parts of a film only where they are asked for.
  auto names = ask("jobs ls -o name").text;
  for (auto& asked : {std::string{"jobs ls -o name --all"}, "jobs ls -o name --parent " + fake_job(1).str()})
    CAF_CHECK_EQUAL(ask(asked).text, names + "job/" + fake_job(3).str() + "\n");
  CAF_CHECK(has(ask("jobs ls -o wide"), "not a video"));
  CAF_CHECK(has(ask("video ls"), "1:01"));
  CAF_CHECK(has(ask("library ls"), "no libraries"));
  CAF_CHECK(has(ask("queue pause video"), "paused"));
}

CAF_TEST(one job) {
  auto x = ask("jobs show job/" + fake_job(1).str());
  CAF_CHECK_EQUAL(x.status, 0);
  CAF_CHECK(x.text.find('\x1b') == std::string::npos);
  CAF_CHECK_EQUAL(ask("jobs show " + fake_job(9).str()).status, 6);
  CAF_CHECK(has(ask("jobs explain " + fake_job(1).str()), "- the queue video is paused"));
  CAF_CHECK(has(ask("jobs cancel " + fake_job(1).str()), "cancelling"));
}

CAF_TEST(nodes and who was refused) {
  auto x = ask("nodes");
  CAF_CHECK_EQUAL(x.status, 0);
  CAF_CHECK(has(x, "NAME") && has(x, "nas") && has(x, "video 1/2") && has(x, "2.2x"));
  CAF_CHECK(has(x, "old?node speaks protocol version 3, this coordinator 4"));
  CAF_CHECK(x.text.find('\x1b') == std::string::npos);
  CAF_CHECK_EQUAL(ask("nodes list").text.substr(0, 20), x.text.substr(0, 20));
  auto doc = nlohmann::json::parse(ask("nodes -o json").text, nullptr, false);
  CAF_CHECK_EQUAL(doc["nodes"][0]["name"], "nas");
  CAF_CHECK_EQUAL(doc["refused"][0]["times"], 7);
  CAF_CHECK_EQUAL(ask("nodes ls -o name").text, "node/nas\n");
  auto one = ask("nodes show nas");
  CAF_CHECK_EQUAL(one.status, 0);
  CAF_CHECK(has(one, "failed here, done by attic: no space") && has(one, "runs " + fake_job(1).str()));
  CAF_CHECK(has(one, "problem: the library Films is not mounted"));
  auto none = ask("nodes show nosuch");
  CAF_CHECK_EQUAL(none.status, 6);
  CAF_CHECK(has(none, "there are nas"));
}

CAF_TEST(nodes are steered) {
  CAF_CHECK(has(ask("nodes drain nas --reason 'a new disk'"), "draining: a new disk"));
  CAF_CHECK(has(ask("nodes undrain nas"), "active"));
  CAF_CHECK(has(ask("nodes quarantine nas --reason loud"), "quarantined: loud"));
  CAF_CHECK(has(ask("nodes unquarantine nas"), "active"));
  CAF_CHECK_EQUAL(ask("nodes drain nosuch").status, 6);
  auto set = nlohmann::json::parse(
    ask("nodes set nas --slots video=2 --slots images=offered --weight 50 --hours 'mon-fri 22:00-06:00; sat' -o json")
      .text,
    nullptr, false);
  auto& node = set["nodes"][0];
  CAF_CHECK_EQUAL(node["slots"]["video"], 2);
  CAF_CHECK_EQUAL(node["slots"]["images"], 99);
  CAF_CHECK_EQUAL(node["weight"], 0.5);
  CAF_CHECK_EQUAL(node["hours"].size(), 2u);
  for (auto bad :
       {"nodes set nas", "nodes set nas --slots video", "nodes set nas --slots video=x", "nodes set nas --weight 0",
        "nodes set nas --hours never", "nodes set nas --hours ''", "nodes drain"})
    CAF_CHECK_EQUAL(ask(bad).status, 2);
  CAF_CHECK(has(ask("nodes --help"), "troupe nodes set nas-2") && has(ask("nodes set --help"), "always"));
}

CAF_TEST(top without a terminal is printed once) {
  auto x = ask("top");
  CAF_CHECK_EQUAL(x.status, 0);
  CAF_CHECK(has(x, "1 of 1 nodes here") && has(x, "nas") && has(x, "QUEUE") && has(x, "transcode"));
  CAF_CHECK(x.text.find('\x1b') == std::string::npos);
  CAF_CHECK_EQUAL(nlohmann::json::parse(ask("top -o json").text, nullptr, false)["nodes"].size(), 1u);
}

CAF_TEST(the log of a job goes over its parts) {
  auto x = ask("jobs log " + fake_job(4).str());
  CAF_CHECK_EQUAL(x.status, 0);
  auto cut = x.text.find("w0: transcode"), part = x.text.find("w1: encode_chunk"), joined = x.text.find("attempt 2");
  CAF_CHECK(cut < part && part < joined && joined != std::string::npos);
  CAF_CHECK(has(x, "$ encode 0-60") && has(x, "frame=1500"));
  auto doc = nlohmann::json::parse(ask("jobs log -o json " + fake_job(4).str()).text, nullptr, false);
  CAF_CHECK_EQUAL(doc["attempts"].size(), 3u);
  CAF_CHECK_EQUAL(doc["attempts"][1]["worker"], "w1");
  auto shown = ask("jobs show " + fake_job(4).str());
  CAF_CHECK(has(shown, "PART") && has(shown, fake_job(5).str()) && has(shown, "w1"));
  CAF_CHECK_EQUAL(ask("jobs log " + fake_job(9).str()).status, 6);
}

CAF_TEST(watching ends with the status of the job) {
  CAF_CHECK_EQUAL(ask("jobs watch " + fake_job(1).str()).status, 0);
  auto x = ask("jobs watch " + fake_job(2).str());
  CAF_CHECK_EQUAL(x.status, 4);
  CAF_CHECK(has(x, "25.0% encode") && has(x, "failed in 5s: not a video"));
  CAF_CHECK_EQUAL(ask("jobs watch " + fake_job(3).str()).status, 5);
  CAF_CHECK_EQUAL(ask("jobs watch " + fake_job(9).str()).status, 6);
  CAF_CHECK(has(ask("transcode good --wait"), "completed"));
  CAF_CHECK_EQUAL(ask("jobs submit noop --wait").status, 0);
}

CAF_TEST(profiles are those of the node) {
  auto x = ask("profiles");
  CAF_CHECK_EQUAL(x.status, 0);
  CAF_CHECK(has(x, "NAME") && has(x, "web-720p") && has(x, "1280x720") && has(x, "of-the-node")
            && has(x, "6 variants"));
  CAF_CHECK(has(ask("profiles -o name"), "profile/of-the-node\n"));
  CAF_CHECK_EQUAL(nlohmann::json::parse(ask("profiles -o json").text, nullptr, false)["profiles"].size(), 10u);
  auto one = ask("profiles show hevc");
  CAF_CHECK_EQUAL(one.status, 0);
  CAF_CHECK(has(one, "bitDepth") && has(one, "8 to 10") && has(one, "Constant quality"));
  CAF_CHECK_EQUAL(nlohmann::json::parse(ask("profiles show hevc -o json").text, nullptr, false)["crf"], 26);
  auto none = ask("profiles show nope");
  CAF_CHECK_EQUAL(none.status, 6);
  CAF_CHECK(has(none, "there are web-1080p, "));
}

CAF_TEST(what is made of a video is checked before it is asked for) {
  CAF_CHECK(has(ask("transcode good --profile of-the-node"), "submitted; follow it with: troupe jobs watch "));
  CAF_CHECK(has(ask("video transcode good --with crf=20 --with name=7 --with preset=fast"), "submitted"));
  CAF_CHECK_EQUAL(ask("video hls good --wait").status, 0);
  auto no_ladder = ask("video hls good --profile remux");
  CAF_CHECK_EQUAL(no_ladder.status, 2);
  CAF_CHECK(has(no_ladder, "'troupe video transcode' makes it"));
  for (std::string what : {"hls", "transcode", "storyboard"})
    CAF_CHECK_EQUAL(ask("video " + what + " " + video_id{{1, 1}}.str()).status, 6);
  CAF_CHECK(has(ask("video storyboard good"), "has a storyboard of 7 pictures; --again makes another"));
  CAF_CHECK(has(ask("video storyboard good --again"), "submitted; follow it with"));
  CAF_CHECK(has(ask("video storyboard good --width 320 --interval 10"), "has a storyboard of 7 pictures"));
  CAF_CHECK(has(ask("video storyboard good --width 160"), "submitted; follow it with"));
  // The one that is there has no BIF.
  CAF_CHECK(has(ask("video storyboard good --bif"), "submitted; follow it with"));
  CAF_CHECK_EQUAL(ask("video storyboard good --bif --wait").status, 0);
  CAF_CHECK(has(ask("video storyboard good --jellyfin --interval 5 --width 160"), "submitted; follow it with"));
  CAF_CHECK_EQUAL(ask("video storyboard good --again --interval 0").status, 2);
  CAF_CHECK_EQUAL(ask("video storyboard good --again --width 2000").status, 2);
  CAF_CHECK(has(ask("video show good"), "7 pictures, 10s apart"));
  CAF_CHECK(!has(ask("video show good"), "Trickplay:"));
  CAF_CHECK(has(ask("video storyboard --help"), "--jellyfin") && has(ask("video storyboard --help"), ".trickplay"));
  CAF_CHECK(has(ask("video transcode --help"), "--with copyFitting=false"));
  CAF_CHECK(has(ask("video transcode good --with copyFitting=false"), "submitted"));
  CAF_CHECK(has(ask("video transcode good --with copyFitting=maybe"), "copyFitting must be true or false"));
  auto bad = ask("video transcode good --with crf=99 --with preset=hasty");
  CAF_CHECK_EQUAL(bad.status, 2);
  CAF_CHECK(has(bad, "crf must be ") && has(bad, "preset must be one of ultrafast"));
  CAF_CHECK(has(ask("video transcode good --with qrf=1"), "'troupe profiles show web-720p' lists the fields"));
  CAF_CHECK_EQUAL(ask("video transcode good --with crf").status, 2);
  CAF_CHECK(has(ask("video transcode good --profile nope"), "known: web-1080p, "));
}

CAF_TEST(a folder from start to end) {
  auto x = ask("library ingest /tmp --name Films");
  // A damaged file is not our failure.
  CAF_CHECK_EQUAL(x.status, 0);
  CAF_CHECK(has(x, "LIBRARY  FOUND  PROBED  THUMBNAILS  FAILED  SECONDS"));
  CAF_CHECK(has(x, "Films    2      1       1           1"));
  CAF_CHECK(has(x, "bad.mp4  no frame can be decoded"));
  CAF_CHECK_EQUAL(nlohmann::json::parse(ask("library ingest /tmp -o json").text, nullptr, false)["found"].get<int>(),
                  2);
}
