#define CAF_SUITE media.split_transcode

#include "actors/media/split_transcode.hpp"

#include "actors/media/chunk_payloads.hpp"
#include "tests/actors/media/work_fixture.hpp"

#include <set>

using namespace troupe;
using namespace troupe::test;

namespace {

constexpr uint32_t count = 3;

std::vector<media_chunk> planned_chunks() {
  std::vector<media_chunk> out(count);
  for (uint32_t i = 0; i < count; ++i) {
    out[i].plan = "plan";
    out[i].index = i;
    out[i].count = count;
    out[i].time_base = {1, 1};
    out[i].begin = i == 0 ? INT64_MIN : 20 * i;
    out[i].end = i + 1 == count ? INT64_MAX : 20 * (i + 1);
  }
  return out;
}

executor_answer answering(std::string body) {
  executor_answer out;
  out.body = std::move(body);
  return out;
}

executor_answer failing(errc code, const char* why, error_class cls) {
  executor_answer out;
  out.failure = error{code, why};
  out.cls = cls;
  return out;
}

struct split_fixture : work_fixture {
  split_fixture() {
    a.duration = 60;
    a.before = [this](exec::op x) { done.insert(x); };
    a.answer = [this](const exec::request& x, const auto& files) -> std::optional<executor_answer> {
      if (x.op == exec::op::plan_chunks)
        return answering(exec::encode(exec::plan_chunks_answer{planned_chunks(), {}}));
      if (x.op != exec::op::join)
        return std::nullopt;
      joined = x;
      if (join_fails)
        return join_fails;
      CAF_CHECK_EQUAL(files.size(), 2u + 1 + count);
      CAF_CHECK_EQUAL(::write(files.at(1).fd->get(), "joined", 6), 6);
      return answering(exec::encode(exec::transcode_answer{}));
    };
    ask_transcode();
    auto profile = *find_profile("web-720p");
    profile.hardware = true;
    a.job.payload = encode(transcode_payload{video_id{{1, 1}}, profile});
  }

  /// The first attempt: what it leaves.
  split_film plan() {
    a.job.lanes = {1, 1};
    CAF_REQUIRE(transcode(a, shop).has_value());
    CAF_REQUIRE(a.handed_on.has_value());
    auto film = decode_split_film(a.handed_on->next.state);
    CAF_REQUIRE(film.has_value());
    handed_on = std::move(*a.handed_on);
    a.handed_on.reset();
    done.clear();
    return *film;
  }
  /// The next one: all parts were made, the sound first.
  void go_on(const split_film& film) {
    a.job.state = encode(film);
    ++a.job.token.attempt;
    piece_result sound{"pieces/sound.mp4", 5, {}, true};
    a.job.children = {made(0, sound)};
    put("data/pieces/sound.mp4", "sound");
    for (uint32_t i = 0; i < count; ++i) {
      piece_result piece{"pieces/" + std::to_string(i) + ".mp4", 5};
      piece.piece.plan = "plan";
      piece.piece.index = i;
      piece.piece.count = count;
      piece.piece.frames = 1;
      a.job.children.push_back(made(i + 1, piece));
      put("data/" + piece.file, "piece");
    }
  }
  static child_end made(uint64_t n, const piece_result& x) {
    return {job_id{{8, n}}, job_state::completed, encode(x)};
  }
  void fail_part(size_t n) {
    a.job.children[n].state = job_state::failed;
    a.job.children[n].result.clear();
    a.job.children[n].failure = error{errc::bad_media, "no frame of it can be read"};
  }
  bool made_whole() {
    return done.contains(exec::op::transcode);
  }
  bool made_of_parts() {
    return done.contains(exec::op::join) && !made_whole();
  }
  attempt_outcome finish() {
    auto out = run_attempt(a, [this](attempt& x) { return transcode(x, shop); });
    a.handed_on.reset();
    CAF_CHECK_EQUAL(out.failure.message, "");
    return out;
  }

  /// The attempt handed on the second chunk, and that alone: what it goes on with.
  split_film second_made_again(const attempt_outcome& out) {
    CAF_REQUIRE(out.end == attempt_end::delegated);
    auto& again = out.handed_on;
    CAF_REQUIRE_EQUAL(again.jobs.size(), 1u);
    CAF_CHECK_EQUAL(again.jobs[0].kind, "encode_chunk");
    CAF_CHECK_EQUAL(*decode_chunk_payload(again.jobs[0].payload), 1u);
    CAF_CHECK_EQUAL(again.keep, (std::vector{job_id{{8, 0}}, job_id{{8, 1}}, job_id{{8, 3}}}));
    auto film = decode_split_film(again.next.state);
    CAF_REQUIRE(film.has_value());
    return std::move(*film);
  }

  std::set<exec::op> done;
  delegation handed_on;
  exec::request joined;
  std::optional<executor_answer> join_fails;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(split_transcode_tests, split_fixture)

CAF_TEST(a film is cut once for the nodes there are) {
  auto film = plan();
  CAF_CHECK_EQUAL(film.chunks.size(), count);
  CAF_CHECK_EQUAL(film.rounds, 1u);
  // Pieces have to be of one kind, whoever makes them.
  CAF_CHECK(!film.profile.hardware);
  // What was begun in parts and failed is not cut again.
  a.job.failures = 1;
  CAF_CHECK(finish().end == attempt_end::completed);
  CAF_CHECK(made_whole());
}

CAF_TEST(parts are made near the film and joined near the output) {
  plan();
  CAF_REQUIRE_EQUAL(handed_on.jobs.size(), 1u + count);
  for (auto& part : handed_on.jobs)
    CAF_CHECK_EQUAL(part.prefers, std::vector{library_capability(library_id{})});
  // Counted alike, a library would weigh as much as the folder.
  CAF_CHECK_EQUAL(handed_on.next.prefers, std::vector<std::string>{"data"});
}

CAF_TEST(its parts are joined) {
  go_on(plan());
  CAF_CHECK(finish().end == attempt_end::completed);
  CAF_CHECK(made_of_parts());
  CAF_CHECK(!joined.profile.hardware);
  CAF_CHECK(joined.has_audio);
  CAF_CHECK_EQUAL(joined.pieces.size(), count);
}

CAF_TEST(parts of another content are not joined) {
  auto film = plan();
  ++film.version.size;
  go_on(film);
  finish();
  CAF_CHECK(made_whole() && !done.contains(exec::op::join));
}

CAF_TEST(a part that failed for good is made with the rest in one piece unless a copy was made) {
  auto film = plan();
  go_on(film);
  fail_part(2);
  finish();
  CAF_CHECK(made_whole() && !done.contains(exec::op::join));
  done.clear();
  go_on(film);
  auto copy = a.job.children[2];
  copy.id = job_id{{8, 99}};
  fail_part(2);
  a.job.children.push_back(copy);
  finish();
  CAF_CHECK(made_of_parts());
}

CAF_TEST(what is lost is made again alone and not for ever) {
  auto film = plan();
  for (auto lose : std::vector<std::function<void()>>{[&] { fs::remove(root + "/data/pieces/1.mp4"); },
                                                      [&] { put("data/pieces/1.mp4", "pie"); }}) {
    go_on(film);
    lose();
    auto out = finish();
    CAF_CHECK_EQUAL(second_made_again(out).rounds, 2u);
    CAF_CHECK(done.find(exec::op::join) == done.end() && !made_whole());
    done.clear();
  }
  uint32_t rounds = 0;
  while (!made_whole()) {
    go_on(film);
    fs::remove(root + "/data/pieces/1.mp4");
    auto out = finish();
    CAF_REQUIRE(++rounds < 20);
    if (out.end == attempt_end::delegated)
      film = *decode_split_film(out.handed_on.next.state);
  }
  CAF_CHECK_EQUAL(rounds, 4u);
}

CAF_TEST(a piece that is damaged is made again alone and once) {
  auto film = plan();
  auto damage = [&](const std::string& piece) {
    join_fails = failing(errc::unprocessable, "piece 2 of 3 is damaged: encode it again", error_class::permanent);
    join_fails->failure.fields = {{exec::damaged_piece_field, piece}};
    go_on(film);
    return finish();
  };
  auto out = damage("1");
  film = second_made_again(out);
  CAF_CHECK(!made_whole() && !a.cls);
  CAF_CHECK_EQUAL(film.rounds, 2u);
  // Another one.
  out = damage("2");
  CAF_REQUIRE(out.end == attempt_end::delegated);
  CAF_CHECK_EQUAL(*decode_chunk_payload(out.handed_on.jobs.at(0).payload), 2u);
  film = *decode_split_film(out.handed_on.next.state);
  // The same once more.
  CAF_CHECK(damage("1").end == attempt_end::completed);
  CAF_CHECK(made_whole());
  // Nor is anything believed that an executor says.
  for (auto* piece : {"3", "-1", "", "0x", "99999999999"}) {
    done.clear();
    CAF_CHECK(damage(piece).end == attempt_end::completed);
    CAF_CHECK(made_whole());
  }
  done.clear();
  film.rounds = 4;
  CAF_CHECK(damage("0").end == attempt_end::completed);
  CAF_CHECK(made_whole());
}

CAF_TEST(parts that make no film are left for one piece) {
  auto film = plan();
  a.verified = false;
  go_on(film);
  // Neither passes: that it was made whole is seen all the same.
  run_attempt(a, [this](attempt& x) { return transcode(x, shop); });
  CAF_CHECK(done.contains(exec::op::join) && made_whole());
  a.verified = true;
  done.clear();
  join_fails = failing(errc::bad_media, "the pieces are of two kinds", error_class::permanent);
  go_on(film);
  finish();
  CAF_CHECK(made_whole());
  CAF_CHECK(!a.cls);
}

CAF_TEST(a join that may be better the next time is tried again) {
  go_on(plan());
  join_fails = failing(errc::io, "the disk is full", error_class::transient);
  auto out = run_attempt(a, [this](attempt& x) { return transcode(x, shop); });
  CAF_CHECK(out.end == attempt_end::failed);
  CAF_CHECK(out.cls == error_class::transient);
  CAF_CHECK(!made_whole());
  CAF_CHECK(!fs::exists(shop.data_folder + "/renditions"));
}

CAF_TEST_FIXTURE_SCOPE_END()
