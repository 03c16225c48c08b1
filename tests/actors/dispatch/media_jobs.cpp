#define CAF_SUITE dispatch.media_jobs

// Jobs that are checked before they are kept, and those that follow an ingest.

#include "tests/support/coordinator_fixture.hpp"

#include "actors/media/payloads.hpp"

using namespace troupe;
using namespace troupe::test;

CAF_TEST_FIXTURE_SCOPE(media_jobs_tests, coordinator_fixture)

CAF_TEST(what is asked for is checked and completed before it is kept) {
  config.admit = [](job_spec& spec, const find_open_job&) -> result<void> {
    if (spec.payload == R"({"bad":1})") {
      error refused{errc::validation, "bad"};
      refused.fields.emplace_back("payload.bad", "must not be");
      return refused;
    }
    spec.payload = R"({"whole":1})";
    return {};
  };
  start();
  auto id = submit_now(noop());
  CAF_CHECK_EQUAL(store.jobs.at(id).spec.payload, R"({"whole":1})");
  auto bad = noop();
  bad.payload = R"({"bad":1})";
  auto refused = ask<mesh::submitted>(dispatcher, mesh::submit_jobs{{noop(), bad}});
  CAF_REQUIRE(refused.code() == errc::validation);
  CAF_CHECK_EQUAL(refused.failure().fields.at(0).first, "jobs[1].payload.bad");
  CAF_CHECK_EQUAL(store.jobs.size(), 1u);
}

CAF_TEST(a check sees what is not done yet and what comes in the same call) {
  std::vector<std::string> looks;
  config.admit = [&looks](job_spec& spec, const find_open_job& open) -> result<void> {
    auto found = open("first");
    looks.push_back(found ? found->id.str() + " " + found->payload : "none");
    spec.unique_key = found ? spec.payload : "first";
    return {};
  };
  start();
  auto spec = [](std::string n) {
    auto out = noop();
    out.payload = "{\"n\":" + n + "}";
    return out;
  };
  auto ids = ask<mesh::submitted>(dispatcher, mesh::submit_jobs{{spec("1"), spec("2")}}).value().receipts;
  auto id = ids.at(0).id;
  submit_now(spec("3"));
  ask<job>(dispatcher, mesh::act_on_job{id, mesh::job_action::cancel});
  submit_now(spec("4"));
  const std::string first = R"( {"n":1})";
  CAF_CHECK_EQUAL(looks, (std::vector<std::string>{"none", job_id{}.str() + first, id.str() + first, "none"}));
}

CAF_TEST(a film is followed by its storyboard and is not held up by a queue without room for it) {
  work::media_policy policy;
  policy.storyboards.after_ingest = true;
  config.on_completed = [policy](const job& x, const std::string& text) {
    return catalogue::on_completed("/data", x, text, policy);
  };
  queue_settings images;
  images.name = "images";
  images.max_depth = 1;
  config.queue.defaults.push_back(images);
  start();
  join(4);
  for (uint64_t n : {1, 2}) {
    auto spec = catalogue::ingest_upload_spec("/data/uploads", "f" + std::to_string(n), "f.mp4", "films");
    auto id = submit_now(spec);
    work::ingest_result made;
    made.item.id = catalogue::target_of(store.jobs.at(id))->video;
    made.item.library = uploads_library;
    made.item.path = "f" + std::to_string(n);
    made.item.media = "{}";
    made.item.video_codec = "h264";
    made.item.duration = 60;
    made.item.version = {n, static_cast<int64_t>(n), n};
    hand_in(store.jobs.at(id).token(), encode(made));
    CAF_CHECK(store.jobs.at(id).state == job_state::completed);
    CAF_CHECK(store.videos.at(made.item.id).state == video_state::ready);
  }
  std::vector<job> boards;
  for (auto& [id, x] : store.jobs)
    if (x.spec.kind == "storyboard")
      boards.push_back(x);
  // The second one found no room: it can be asked for.
  CAF_REQUIRE_EQUAL(boards.size(), 1u);
  CAF_CHECK_EQUAL(boards[0].spec.queue, "images");
  CAF_CHECK_EQUAL(boards[0].spec.priority, 8);
  auto film = catalogue::target_of(boards[0])->video;
  work::storyboard_result result;
  result.item.video = film;
  result.item.version = {1, 1, 1};
  result.item.folder = "artwork/aa/x";
  result.item.columns = result.item.rows = result.item.count = 1;
  result.item.interval = milliseconds{10'000};
  auto board = result.item;
  board.video = video_id{raw_id{4, 4}};
  CAF_CHECK(catalogue::on_completed("/data", boards[0], encode(work::storyboard_result{board})).error().code
            == errc::internal);
  auto published = catalogue::on_completed("/data", boards[0], encode(result));
  CAF_REQUIRE(published.has_value());
  CAF_REQUIRE_EQUAL(published->catalogue.storyboards.size(), 1u);
  CAF_CHECK_EQUAL(published->catalogue.storyboards[0].made_by, boards[0].id.str());
}

CAF_TEST_FIXTURE_SCOPE_END()
