#define CAF_SUITE dispatch.output_check

#include "actors/dispatch/output_check.hpp"
#include "actors/media/chunk_payloads.hpp"
#include "actors/media/payloads.hpp"
#include "host/files.hpp"
#include "tests/support/coordinator_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

#include <fstream>

using namespace troupe;
using namespace troupe::test;

namespace {

struct fixture : coordinator_fixture {
  fixture() {
    config.outputs_of = catalogue::outputs_of;
    video item;
    item.id = film;
    item.state = video_state::ready;
    store.videos.emplace(film, item);
    // Not detached, for the deterministic scheduler.
    outputs = keep(sys.spawn(dispatch::output_check_actor, std::make_shared<host::files>(), std::string{folder.path}));
    start();
    join(3);
  }

  void put(const std::string& name, const std::string& text = "film") {
    auto path = folder / name;
    std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
    std::ofstream{path} << text;
  }
  job_id transcode() {
    job_spec spec;
    spec.kind = "transcode";
    spec.payload = encode(work::transcode_payload{film, *find_profile("remux")});
    return submit_now(spec);
  }
  std::string made(const std::string& file) {
    work::transcode_result out;
    out.item.video = film;
    out.item.file = file;
    return encode(out);
  }
  /// How the coordinator takes it.
  job outcome(const std::string& file) {
    auto id = transcode();
    auto answer = hand_in(assigned->back().token, made(file));
    CAF_REQUIRE(answer.done());
    CAF_CHECK(answer.value().stale.empty());
    return get(id);
  }

  temporary_folder folder;
  video_id film{raw_id{3, 3}};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(output_check_tests, fixture)

CAF_TEST(what the coordinator sees is published) {
  put("renditions/a-1.mp4");
  CAF_CHECK(outcome("renditions/a-1.mp4").state == job_state::completed);
  // A ladder is a folder.
  put("renditions/b-1/v0.mp4");
  CAF_CHECK(outcome("renditions/b-1").state == job_state::completed);
  CAF_CHECK_EQUAL(store.renditions.size(), 2u);
}

CAF_TEST(what it does not see is not published and made again) {
  put("renditions/empty-1.mp4", "");
  put("outside.mp4");
  std::filesystem::create_directories(folder / "renditions/b-1");
  auto above = "../" + folder.path.substr(folder.path.rfind('/') + 1) + "/outside.mp4";
  for (auto& file :
       {std::string{"renditions/none-1.mp4"}, std::string{"renditions/empty-1.mp4"}, std::string{"renditions/b-1"},
        std::string{"renditions/../outside.mp4"}, above, folder / "outside.mp4", std::string{}}) {
    auto item = outcome(file);
    CAF_CHECK(item.state == job_state::delayed);
    CAF_REQUIRE_EQUAL(item.attempts.size(), 1u);
    CAF_CHECK(item.attempts[0].cls == error_class::transient);
    CAF_CHECK_EQUAL(
      item.attempts[0].failure.message,
      file
        + " is not in the coordinator's data folder, though node node says that it has put it there; look "
          "at what is mounted as the data folder there");
  }
  CAF_CHECK(store.renditions.empty());
}

CAF_TEST(of several outcomes only the one whose file is missing fails) {
  put("renditions/a-1.mp4");
  auto good = transcode();
  auto bad = transcode();
  mesh::hand_in both{me, {}};
  for (auto& x : *assigned) {
    attempt_outcome out;
    out.token = x.token;
    out.result = made(x.token.job == good ? "renditions/a-1.mp4" : "renditions/b-1.mp4");
    both.outcomes.push_back(out);
  }
  CAF_CHECK(ask<mesh::handed_in>(dispatcher, both).value().stale.empty());
  CAF_CHECK(get(good).state == job_state::completed);
  CAF_CHECK(get(bad).state == job_state::delayed);
}

CAF_TEST(nobody who looks means no answer and nothing is lost) {
  self->send_exit(outputs, caf::exit_reason::kill);
  run();
  put("renditions/a-1.mp4");
  auto id = transcode();
  auto token = assigned->back().token;
  CAF_CHECK(hand_in(token, made("renditions/a-1.mp4")).code() != errc::none);
  CAF_CHECK(get(id).state == job_state::running);
  // What names no file needs nobody.
  submit_now(noop());
  CAF_CHECK(hand_in(assigned->back().token).value().stale.empty());
}

CAF_TEST(what each kind of job names) {
  job x;
  const auto names = [&](const char* kind, const std::string& text) {
    x.spec.kind = kind;
    return catalogue::outputs_of(x, text);
  };
  work::ingest_result ingested;
  ingested.item.id = film;
  ingested.item.library = uploads_library;
  ingested.item.media = "{}";
  ingested.item.thumbnails = {{320, 180, "artwork/aa/x-1-320.jpg"}, {640, 360, "artwork/aa/x-1-640.jpg"}};
  CAF_CHECK_EQUAL(names("ingest", encode(ingested)),
                  (std::vector<std::string>{"artwork/aa/x-1-320.jpg", "artwork/aa/x-1-640.jpg"}));
  CAF_CHECK_EQUAL(names("hls", made("renditions/x-1")), std::vector<std::string>{"renditions/x-1"});
  work::download_result fetched;
  fetched.path = "/data/downloads/x-1/a.mp4";
  fetched.relative_path = "x-1/a.mp4";
  CAF_CHECK_EQUAL(names("download", encode(fetched)), std::vector<std::string>{"downloads/x-1/a.mp4"});
  work::piece_result piece;
  piece.file = "pieces/f/x-1.mp4";
  CAF_CHECK_EQUAL(names("encode_chunk", encode(piece)), std::vector<std::string>{"pieces/f/x-1.mp4"});
  CAF_CHECK(names("encode_audio", encode(work::piece_result{.is_sound = true})).empty());
  CAF_CHECK(names("noop", "{}").empty());
  CAF_CHECK(names("transcode", "nonsense").empty());
}

CAF_TEST_FIXTURE_SCOPE_END()

namespace {

/// Notes what is looked for instead of looking.
struct asked_fixture : coordinator_fixture {
  std::shared_ptr<std::vector<std::string>> asked = std::make_shared<std::vector<std::string>>();

  asked_fixture() {
    config.outputs_of = [](const job&, const std::string& text) { return std::vector<std::string>{text}; };
    config.on_completed = nullptr;
    outputs = keep(sys.spawn([to = asked](dispatch::output_check::pointer) -> dispatch::output_check::behavior_type {
      return {[to](const dispatch::look_at_outputs& x) {
        to->insert(to->end(), x.names.begin(), x.names.end());
        return dispatch::outputs_missing{};
      }};
    }));
    start();
    join(3);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(asked_outputs_tests, asked_fixture)

CAF_TEST(only what a worker may hand in is looked for and once) {
  submit_now(noop());
  mesh::hand_in many{me, {}};
  attempt_outcome out;
  out.token = assigned->back().token;
  for (auto text : {"a", "b", "c"}) {
    out.result = text;
    many.outcomes.push_back(out);
  }
  // Not its own any more.
  ++out.token.attempt;
  out.result = "d";
  many.outcomes.push_back(out);
  CAF_CHECK_EQUAL(ask<mesh::handed_in>(dispatcher, many).value().stale.size(), 3u);
  CAF_CHECK(*asked == std::vector<std::string>{"a"});
}

CAF_TEST_FIXTURE_SCOPE_END()
