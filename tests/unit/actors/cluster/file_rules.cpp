#define CAF_SUITE cluster.file_rules

#include "actors/cluster/file_rules.hpp"
#include "actors/media/payloads.hpp"
#include "tests/support/seeds.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <set>

using namespace troupe;
using namespace troupe::cluster;

namespace {

const lease_token token{3, job_id{{7, 9}}, 2};
const job_id parent{{7, 8}};
const timestamp now{milliseconds{1'700'000'000'000}};
const std::string own = token.job.str() + "-2";

errc written(const std::string& path, job_id of = parent) {
  auto ticket = write_ticket({token, worker_id{{1, 1}}, path, false}, of, "attic", now);
  return ticket ? errc::none : ticket.error().code;
}

errc piece(const std::string& path) {
  auto good = check_piece({token, worker_id{{1, 1}}, {}, path});
  return good ? errc::none : good.error().code;
}

errc film(library_id library, const std::string& path, const film_place& of_job) {
  auto good = check_film({token, worker_id{{1, 1}}, library, path}, of_job);
  return good ? errc::none : good.error().code;
}

job job_of(std::string kind, std::string payload) {
  job out;
  out.id = token.job;
  out.spec.kind = std::move(kind);
  out.spec.payload = std::move(payload);
  out.spec.parent = parent;
  return out;
}

} // namespace

CAF_TEST(an attempt writes what carries its name and nothing else) {
  for (auto& good : {"renditions/" + own + ".mp4", "renditions/" + own, "artwork/a9/" + own + "-320.jpg",
                     "artwork/a9/" + own + "-storyboard", "pieces/" + parent.str() + "/" + own + ".mp4"})
    CAF_CHECK(written(good) == errc::none);
  auto other = token.job.str() + "-3";
  auto longer = own + "1";
  for (auto& bad : std::vector<std::string>{
         "renditions/" + other + ".mp4", "renditions/" + longer + ".mp4", "renditions/film.mp4", own + ".mp4",
         "renditions/" + own + "/x", "renditions/../" + own, "artwork/" + own + ".jpg", "artwork/../" + own + ".jpg",
         "artwork/a9/../" + own, "troupe.db", "node.id", "/renditions/" + own, "uploads/" + own + ".mp4",
         "pieces/" + token.job.str() + "/" + own + ".mp4", "pieces/" + own + ".mp4", std::string{}, "renditions/",
         "tmp/" + token.str() + "/x", "renditions/" + own + std::string(1, '\0')})
    CAF_CHECK(written(bad) != errc::none);
  // A job without a parent has no pieces.
  CAF_CHECK(written("pieces/" + job_id{}.str() + "/" + own + ".mp4", {}) != errc::none);
  auto ticket = write_ticket({token, worker_id{{1, 1}}, "renditions/" + own, true}, parent, "attic", now);
  CAF_REQUIRE(ticket.has_value());
  CAF_CHECK(ticket->action == file_action::write_folder);
  CAF_CHECK(ticket->token == token && ticket->node == "attic" && ticket->expires == now + ticket_valid);
}

CAF_TEST(an attempt reads the film of its job and no other file) {
  const library_id films{{4, 4}};
  CAF_CHECK(film(films, "a/b.mkv", {films, "a/b.mkv"}) == errc::none);
  CAF_CHECK(film(films, "a/c.mkv", {films, "a/b.mkv"}) == errc::forbidden);
  CAF_CHECK(film(library_id{{4, 5}}, "a/b.mkv", {films, "a/b.mkv"}) == errc::forbidden);
  CAF_CHECK(film({}, "a/b.mkv", {films, "a/b.mkv"}) == errc::forbidden);
  // Nor one that a job without a library might name.
  CAF_CHECK(film({}, "troupe.db", {{}, "troupe.db"}) == errc::forbidden);
  const auto made_by = [](job_id x) { return "pieces/" + x.str() + "/y.mp4"; };
  CAF_CHECK(piece(made_by(token.job)) == errc::none);
  CAF_CHECK(piece(made_by(parent)) == errc::forbidden);
  for (auto& bad :
       std::vector<std::string>{"troupe.db", "node.id", "logs/trouped.log", "lock", "tmp/x", "pieces", "",
                                "uploads/x/y.mp4", "pieces/" + token.job.str(),
                                "pieces/" + token.job.str() + "/../../troupe.db", "pieces/" + token.job.str() + "/"})
    CAF_CHECK(piece(bad) != errc::none);
  auto ticket = read_ticket({token, worker_id{{1, 1}}, films, "a/b.mkv"}, {5, 6, 7}, "attic", now);
  CAF_REQUIRE(ticket.has_value());
  CAF_CHECK_EQUAL(ticket->root, "library:" + films.str());
  CAF_CHECK_EQUAL(ticket->size, 5u);
  CAF_CHECK(**library_of_root(ticket->root) == films);
  CAF_CHECK(!library_of_root("data")->has_value());
  for (auto bad : {"", "library:", "library:x", "data2"})
    CAF_CHECK(!library_of_root(bad));
}

CAF_TEST(jobs say which film they are about) {
  const video_id id{{5, 6}};
  const library_id films{{4, 4}};
  work::ingest_payload found;
  found.path = "/films/a/b.mkv";
  found.video = id;
  found.library = films;
  found.relative_path = "a/b.mkv";
  auto by_place = film_of(job_of("ingest", encode(found)));
  CAF_REQUIRE(by_place.has_value());
  CAF_CHECK(!by_place->video && by_place->place.library == films && by_place->place.path == "a/b.mkv");
  auto rendition = encode(work::transcode_payload{id, *find_profile("web-720p")});
  work::storyboard_payload board;
  board.video = id;
  for (auto& row : {job_of("transcode", rendition), job_of("storyboard", encode(board))}) {
    auto of = film_of(row);
    CAF_REQUIRE(of.has_value());
    CAF_CHECK(of->video == id);
    CAF_CHECK(job_with_film(row) == row.id);
  }
  for (auto part : {"encode_chunk", "encode_audio"})
    CAF_CHECK(job_with_film(job_of(part, "{}")) == parent);
  for (auto other : {"download", "scan", "noop", "scheduled_cleanup", "encode_chunk", "", "unheard of"})
    CAF_CHECK(film_of(job_of(other, "{}")).error().code == errc::forbidden);
  for (auto broken : {"", "{", "{}", "[]", R"({"videoId":"x"})"})
    for (auto kind : {"transcode", "hls", "storyboard", "ingest"})
      CAF_CHECK(!film_of(job_of(kind, broken)));
}

CAF_TEST(only the attempt that runs now gets anything) {
  job row;
  row.id = token.job;
  row.state = job_state::running;
  row.attempt = token.attempt;
  row.lease_term = token.term;
  row.lease_worker = worker_id{{1, 1}};
  CAF_CHECK(check_attempt(row, token, worker_id{{1, 1}}).has_value());
  CAF_CHECK(check_attempt(row, token, worker_id{{1, 2}}).error().code == errc::stale_lease);
  auto late = token;
  late.attempt = 1;
  CAF_CHECK(!check_attempt(row, late, worker_id{{1, 1}}));
  late = token;
  late.term = 2;
  CAF_CHECK(!check_attempt(row, late, worker_id{{1, 1}}));
  for (auto state : {job_state::completed, job_state::queued, job_state::cancelled}) {
    row.state = state;
    CAF_CHECK(!check_attempt(row, token, worker_id{{1, 1}}));
  }
}

CAF_TEST(a version is read as it is written) {
  for (auto& x : {file_version{}, file_version{5, 6, 7}, file_version{UINT64_MAX, INT64_MIN, UINT64_MAX},
                  file_version{1, -1, 1}}) {
    auto back = version_of_content(x.str());
    CAF_REQUIRE(back.has_value());
    CAF_CHECK(*back == x);
  }
  for (auto bad :
       {"", "-", "--", "1-2", "1-2-", "1-2-3-4", "1-2-3 ", " 1-2-3", "+1-2-3", "01-2-3", "1-2-99999999999999999999"})
    CAF_CHECK(!version_of_content(bad));
}

CAF_TEST(what comes just before a path) {
  test::for_seeds(300, [](uint64_t seed) {
    std::mt19937_64 random{seed};
    const std::vector<std::string> letters{
      "a", "b", "B", " ", "!", "/", ".", "~", "\x7f", "\xc3\xa9", "\xf0\x9f\x8e\xac", "\xc2\x80"};
    std::set<std::string> names;
    while (names.size() < 60) {
      std::string name;
      for (auto n = 1 + random() % 4; n-- > 0;)
        name += letters[random() % letters.size()];
      names.insert(name);
    }
    // As the catalogue answers: the first one behind it.
    for (auto& name : names)
      if (auto found = names.upper_bound(just_before(name)); found == names.end() || *found != name)
        CAF_FAIL("seed " << seed << ": " << name);
    for (auto& name : names)
      if (auto found = names.upper_bound(just_before(name + "x")); found != names.end() && *found == name)
        CAF_FAIL("seed " << seed << ": " << name << " for another one");
  });
}
