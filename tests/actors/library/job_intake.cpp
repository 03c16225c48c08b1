#define CAF_SUITE library.job_intake

// Jobs on their way to the dispatcher, which are told where their videos are.

#include "tests/support/coordinator_fixture.hpp"

#include "actors/library/job_intake.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace troupe::catalogue;
using namespace std::chrono_literals;

namespace {

/// What a catalogue is asked, and what it answers the oldest question when the test opens it.
struct asked_videos {
  std::vector<std::pair<video_id, caf::typed_response_promise<video_detail>>> open;
  result<video_detail> answer{errc::not_found, "no"};
};

using held_catalogue = mesh::catalogue_reader::extend<mesh::tell<open_atom>>;

held_catalogue::behavior_type catalogue_stub(held_catalogue::pointer self, std::shared_ptr<asked_videos> questions) {
  return {
    [](const video_query&) { return video_page{}; },
    [=](const mesh::get_video& x) {
      auto reply = self->make_response_promise<video_detail>();
      questions->open.emplace_back(x.id, reply);
      return reply;
    },
    [](const mesh::get_categories&) { return mesh::category_list{}; },
    [](const mesh::get_known_files&) { return mesh::known_file_list{}; },
    [=](open_atom) {
      auto reply = questions->open.front().second;
      questions->open.erase(questions->open.begin());
      if (questions->answer)
        reply.deliver(*questions->answer);
      else
        reply.deliver(mesh::to_caf(questions->answer.error()));
    },
  };
}

/// Notes submissions, and who asked for what else.
mesh::job_client::behavior_type jobs_stub(mesh::job_client::pointer,
                                          std::shared_ptr<std::vector<mesh::submit_jobs>> got) {
  return {
    [=](const mesh::submit_jobs& x) {
      got->push_back(x);
      return mesh::submitted{std::vector<submit_receipt>(x.specs.size())};
    },
    [](const mesh::act_on_job&) -> caf::result<job> {
      return mesh::to_caf({errc::conflict, "acted"});
    },
    [](const mesh::get_job&) -> caf::result<mesh::job_with_children> {
      return mesh::to_caf({errc::conflict, "got"});
    },
    [](const mesh::explain_job&) -> caf::result<mesh::job_explanation> {
      return mesh::to_caf({errc::conflict, "explained"});
    },
  };
}

job_spec of_video(const std::string& kind, video_id id, const std::string& more = {}) {
  job_spec out;
  out.kind = kind;
  out.payload = "{\"videoId\":\"" + id.str() + "\"" + more + "}";
  return out;
}

struct fixture : coordinator_fixture {
  std::shared_ptr<asked_videos> questions = std::make_shared<asked_videos>();
  std::shared_ptr<std::vector<mesh::submit_jobs>> got = std::make_shared<std::vector<mesh::submit_jobs>>();
  mesh::job_client jobs = keep(sys.spawn(jobs_stub, got));
  held_catalogue videos = keep(sys.spawn(catalogue_stub, questions));
  mesh::job_client intake = keep(sys.spawn(job_intake, job_intake_config{}, job_intake_peers{jobs, videos}));
  const video_id film{{1, 1}}, other{{1, 2}};
  const library_id nas{{5, 5}};

  auto submit(std::vector<job_spec> specs) {
    return ask<mesh::submitted>(intake, mesh::submit_jobs{std::move(specs)});
  }
  void tell() {
    video_detail x;
    x.item.id = questions->open.front().first;
    x.item.library = nas;
    x.item.duration = 100;
    x.item.width = 1000;
    x.item.height = 500;
    x.item.video_codec = "mpeg2video";
    answer(x);
  }
  void refuse(errc code) {
    answer(error{code, "no"});
  }

private:
  void answer(result<video_detail> x) {
    questions->answer = std::move(x);
    self->send(videos, open_atom::value);
    run();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(job_intake_tests, fixture)

CAF_TEST(whoever asks for something of a video has it done where the video is) {
  const std::vector<std::string> near{library_capability(nas)};
  auto marked = of_video("hls", film, ",\"profile\":\"hls\"");
  marked.prefers = near;
  marked.work = 7;
  marked.submission_id = "once";
  auto answer =
    submit({of_video("transcode", film, ",\"profile\":\"web-720p\""), of_video("storyboard", other), marked});
  CAF_CHECK(!answer.done());
  CAF_REQUIRE_EQUAL(questions->open.size(), 1u);
  tell();
  tell();
  CAF_CHECK_EQUAL(answer.value().receipts.size(), 3u);
  // One submission stays one.
  CAF_REQUIRE_EQUAL(got->size(), 1u);
  auto& specs = got->front().specs;
  for (auto& x : specs)
    CAF_CHECK_EQUAL(x.prefers, near);
  CAF_CHECK(std::abs(specs[0].work - 50) < 1e-9);
  CAF_CHECK(specs[1].work == 0);
  // What says it itself is left as it is.
  CAF_CHECK(specs[2].work == 7);
  CAF_CHECK_EQUAL(specs[2].submission_id, "once");
}

CAF_TEST(what is of no video goes on at once) {
  job_spec plain;
  plain.kind = "noop";
  job_spec strange;
  strange.kind = "transcode";
  for (auto payload : {"{}", "[]", "{\"videoId\":7}", "{\"videoId\":\"?\"}", "", "{"}) {
    strange.payload = payload;
    CAF_CHECK(submit({plain, strange}).done());
  }
  CAF_CHECK_EQUAL(got->size(), 6u);
  CAF_CHECK(questions->open.empty());
  CAF_CHECK(ask<job>(intake, mesh::act_on_job{job_id{{1, 1}}, mesh::job_action::cancel}).failure().message == "acted");
  CAF_CHECK(ask<mesh::job_with_children>(intake, mesh::get_job{job_id{{1, 1}}}).failure().message == "got");
  CAF_CHECK(ask<mesh::job_explanation>(intake, mesh::explain_job{job_id{{1, 1}}}).failure().message == "explained");
}

CAF_TEST(submissions keep their order) {
  auto first = submit({of_video("storyboard", film)});
  job_spec plain;
  plain.kind = "noop";
  auto second = submit({plain});
  auto third = submit({of_video("storyboard", other)});
  CAF_REQUIRE_EQUAL(questions->open.size(), 2u);
  // The third is known before the first.
  std::swap(questions->open[0], questions->open[1]);
  tell();
  CAF_CHECK(got->empty() && !second.done() && !third.done());
  tell();
  CAF_REQUIRE_EQUAL(got->size(), 3u);
  CAF_CHECK_EQUAL(got->at(0).specs[0].payload, of_video("storyboard", film).payload);
  CAF_CHECK_EQUAL(got->at(1).specs[0].kind, "noop");
  CAF_CHECK_EQUAL(got->at(2).specs[0].payload, of_video("storyboard", other).payload);
  CAF_CHECK(first.done() && second.done() && third.done());
}

CAF_TEST(what can not be looked up goes on as it is) {
  // Nobody knows that one; the other is found all the same.
  submit({of_video("storyboard", film), of_video("storyboard", other)});
  refuse(errc::not_found);
  tell();
  CAF_REQUIRE_EQUAL(got->size(), 1u);
  CAF_CHECK(got->front().specs[0].prefers.empty());
  CAF_CHECK(!got->front().specs[1].prefers.empty());
  // A catalogue that is away is not asked for each.
  submit({of_video("storyboard", film), of_video("storyboard", other)});
  refuse(errc::unavailable);
  CAF_REQUIRE_EQUAL(got->size(), 2u);
  CAF_CHECK(questions->open.empty());
  // Nor is one waited for that does not answer.
  auto answer = submit({of_video("storyboard", film), of_video("storyboard", other)});
  pass(2'100ms);
  CAF_CHECK(answer.done());
  CAF_REQUIRE_EQUAL(got->size(), 3u);
}

CAF_TEST(a large submission stays one) {
  std::vector<job_spec> many;
  for (uint64_t n = 0; n < 1'500; ++n)
    many.push_back(of_video("storyboard", video_id{{9, n % 750 + 1}}));
  auto answer = submit(many);
  for (int i = 0; i < 750; ++i)
    tell();
  CAF_CHECK(questions->open.empty());
  CAF_REQUIRE_EQUAL(got->size(), 1u);
  CAF_REQUIRE_EQUAL(got->front().specs.size(), 1'500u);
  for (auto& x : got->front().specs)
    CAF_CHECK_EQUAL(x.prefers.size(), 1u);
  CAF_CHECK_EQUAL(answer.value().receipts.size(), 1'500u);
}

CAF_TEST_FIXTURE_SCOPE_END()
