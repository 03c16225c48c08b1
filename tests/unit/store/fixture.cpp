#include "tests/unit/store/fixture.hpp"

#include "tests/support/postgres_cluster.hpp"

#include <libpq-fe.h>

#include <unistd.h>

#include <filesystem>

namespace troupe::test {

namespace {

void run_sql(const std::string& dsn, const std::string& text) {
  auto* conn = PQconnectdb(dsn.c_str());
  auto* answer = PQexec(conn, text.c_str());
  bool ok = PQresultStatus(answer) == PGRES_COMMAND_OK;
  std::string problem = PQerrorMessage(conn);
  PQclear(answer);
  PQfinish(conn);
  if (!ok)
    throw std::runtime_error{"PostgreSQL for tests: " + problem};
}

timestamp random_time(std::mt19937_64& rng) {
  return rng() % 4 ? from_ms(static_cast<int64_t>(rng() % 2'000'000'000'000)) : timestamp{};
}

error random_error(std::mt19937_64& rng) {
  if (rng() % 2)
    return error{errc::none, {}};
  error e{static_cast<errc>(1 + rng() % static_cast<uint64_t>(errc::last)), "it's \"broken\" \xC3\xA9"};
  if (rng() % 2)
    e.fields.emplace_back("field", "reason");
  if (rng() % 2)
    e.retry_after = milliseconds{rng() % 100000};
  return e;
}

} // namespace

database_under_test::database_under_test(bool postgres) : kind(postgres ? "postgresql" : "sqlite") {
  if (!postgres) {
    address = folder_ / "troupe.db";
    return;
  }
  static int count = 0;
  schema_ = "t" + std::to_string(::getpid()) + "_" + std::to_string(++count);
  auto dsn = postgres_cluster::shared_dsn();
  run_sql(dsn, "CREATE SCHEMA " + schema_);
  auto option = "-c search_path=" + schema_;
  if (dsn.find("://") == std::string::npos)
    address = dsn + " options='" + option + "'";
  else
    address = dsn + (dsn.find('?') == std::string::npos ? "?" : "&") + "options=-c%20search_path%3D" + schema_;
}

database_under_test::~database_under_test() {
  if (!schema_.empty())
    run_sql(postgres_cluster::shared_dsn(), "SET client_min_messages = warning; DROP SCHEMA " + schema_ + " CASCADE");
}

std::unique_ptr<ports::database> database_under_test::open() {
  return must(kind == "sqlite" ? store::open_sqlite(address) : store::open_postgres(address));
}

void on_both(const std::function<void(database_under_test&)>& test) {
  for (bool postgres : {false, true}) {
    database_under_test db{postgres};
    CAF_MESSAGE("on " << db.kind);
    test(db);
  }
}

result<void> commit(ports::store_writer& writer, const ports::unit_of_work& unit) {
  const ports::unit_of_work* units[] = {&unit};
  auto answer = writer.commit(units);
  if (!answer)
    return answer.error();
  return answer->at(0);
}

ports::unit_of_work unit_with(std::vector<ports::job_change> jobs) {
  ports::unit_of_work unit;
  unit.jobs = std::move(jobs);
  return unit;
}

raw_id random_raw_id(std::mt19937_64& rng) {
  return {rng(), rng()};
}

std::string random_text(std::mt19937_64& rng) {
  static const std::string samples[] = {"",
                                        "plain",
                                        "'; DROP TABLE jobs; --",
                                        "\" OR 1=1 \\ :id $1 ?",
                                        std::string{"nul\0inside", 10},
                                        "\xFF\xFE bad \xC3",
                                        "\xF4\x8F\xB8\x80 looks escaped \xF4\x8F\xBB\xBF",
                                        "\xED\xA0\x80 surrogate",
                                        "100%_!\\",
                                        "\xC3\x84rger \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x8E\xAC"};
  auto text = samples[rng() % std::size(samples)];
  if (rng() % 4 == 0)
    for (auto n = rng() % 40; n > 0; --n)
      text += static_cast<char>(rng());
  return text;
}

job random_job(std::mt19937_64& rng) {
  job x;
  x.id = job_id{random_raw_id(rng)};
  auto& s = x.spec;
  s.id = x.id;
  s.kind = rng() % 2 ? "transcode" : "ingest";
  s.queue = rng() % 2 ? "video" : "default";
  s.payload = rng() % 50 ? random_text(rng) : std::string(256 * 1024, 'p');
  s.owner = rng() % 2 ? "anna" : random_text(rng);
  if (rng() % 2)
    s.submission_id = to_string(random_raw_id(rng)) + random_text(rng);
  if (rng() % 2)
    s.unique_key = to_string(random_raw_id(rng)) + random_text(rng);
  if (rng() % 3 == 0)
    s.parent = job_id{random_raw_id(rng)};
  for (auto n = rng() % 3; n > 0; --n)
    s.depends_on.push_back(job_id{random_raw_id(rng)});
  s.on_dependency_failure = rng() % 2 ? child_failure::proceed : child_failure::fail;
  s.run_at = random_time(rng);
  s.retry = {static_cast<uint32_t>(rng()), milliseconds{rng() % 100000}, milliseconds{rng() % 100000}, rng() % 2 == 0};
  if (rng() % 2)
    s.needs = {"library:x", "it's"};
  s.request_id = random_text(rng);
  s.traceparent = random_text(rng);
  if (rng() % 2)
    s.prefers = {"library:y", "it's"};
  if (rng() % 2)
    s.cost = {static_cast<uint32_t>(rng()), static_cast<uint32_t>(rng()), static_cast<uint32_t>(rng() % 9)};
  s.work = rng() % 2 ? static_cast<double>(rng() % 1'000'000) / 7 : 0;
  x.created = random_time(rng);
  change_job(rng, x);
  return x;
}

void change_job(std::mt19937_64& rng, job& x) {
  x.spec.priority = static_cast<uint8_t>(1 + rng() % 10);
  x.state = static_cast<job_state>(rng() % 7);
  x.attempt = static_cast<uint32_t>(rng());
  x.failures = static_cast<uint32_t>(rng() % 10);
  x.interruptions = static_cast<uint32_t>(rng() % 10);
  x.progress = {};
  if (rng() % 2)
    x.progress = {static_cast<double>(rng() % 1000) / 999, "probing", "a \"message\"", {{"frames", 7}, {"etaMs", -1}}};
  x.result = random_text(rng);
  x.last_error = random_error(rng);
  x.started = random_time(rng);
  x.finished = random_time(rng);
  x.run_at = random_time(rng);
  x.lease_term = rng() >> 1;
  x.lease_worker = rng() % 2 ? worker_id{random_raw_id(rng)} : worker_id{};
  x.worker_name = random_text(rng);
  x.lease_embedded = rng() % 2;
  x.cancel_requested = rng() % 2;
  x.attempts.clear();
  for (auto n = rng() % 3; n > 0; --n)
    x.attempts.push_back({static_cast<uint32_t>(n), "nas-2", random_time(rng), random_time(rng),
                          static_cast<attempt_end>(rng() % 5), static_cast<error_class>(rng() % 4), random_error(rng),
                          "ffmpeg -i 'x'", "line 1\nline 2\n"});
  x.archived = is_terminal(x.state) && rng() % 2;
}

video random_video(std::mt19937_64& rng, library_id lib) {
  video x;
  x.id = video_id{random_raw_id(rng)};
  x.library = lib;
  x.category = rng() % 2 ? "films" : "series";
  x.title = random_text(rng);
  x.path = random_text(rng) + "/" + to_string(random_raw_id(rng)) + ".mp4";
  x.version = {rng() >> 1, static_cast<int64_t>(rng() >> 1), rng()};
  x.state = static_cast<video_state>(rng() % 5);
  x.problem = random_error(rng);
  x.duration = static_cast<double>(rng() % 100000) / 7;
  x.width = static_cast<uint32_t>(rng() % 8000);
  x.height = static_cast<uint32_t>(rng() % 8000);
  x.video_codec = "h264";
  x.audio_codec = random_text(rng);
  x.container = "mp4";
  x.media = "{\"streams\":[]}";
  if (rng() % 2)
    x.thumbnails = {{320, 180, "artwork/" + to_string(random_raw_id(rng)) + ".jpg"}, {640, 360, "artwork/it's.jpg"}};
  x.created = random_time(rng);
  x.updated = random_time(rng);
  return x;
}

rendition random_rendition(std::mt19937_64& rng, video_id video) {
  rendition x;
  x.id = rendition_id{random_raw_id(rng)};
  x.video = video;
  x.version = {rng() >> 1, static_cast<int64_t>(rng()), rng() >> 1};
  x.profile = "web-720p";
  x.file = "renditions/" + random_text(rng) + to_string(random_raw_id(rng));
  x.size = rng() >> 1;
  x.duration = 1.0 / static_cast<double>(1 + rng() % 1000);
  x.width = 1280;
  x.height = 720;
  x.video_codec = "h264";
  x.audio_codec = "aac";
  x.container = "mp4";
  x.made_by = to_string(random_raw_id(rng));
  x.created = random_time(rng);
  return x;
}

storyboard random_storyboard(std::mt19937_64& rng, const video& of) {
  storyboard x;
  x.video = of.id;
  x.version = of.version;
  x.folder = "artwork/" + random_text(rng) + to_string(random_raw_id(rng));
  x.tile_width = static_cast<uint32_t>(rng());
  x.tile_height = static_cast<uint32_t>(rng());
  x.columns = static_cast<uint32_t>(rng() % 50);
  x.rows = static_cast<uint32_t>(rng() % 50);
  x.count = static_cast<uint32_t>(1 + rng() % 1'000'000);
  x.interval = milliseconds{rng() % 1'000'000};
  x.asked_width = static_cast<uint32_t>(rng());
  x.asked_interval = milliseconds{rng() % 1'000'000};
  x.bif = rng() % 2;
  x.jellyfin = rng() % 2;
  x.bytes = rng() >> 1;
  x.made_by = to_string(random_raw_id(rng));
  x.created = random_time(rng);
  return x;
}

scan random_scan(std::mt19937_64& rng, library_id lib) {
  scan x;
  x.id = scan_id{random_raw_id(rng)};
  x.library = lib;
  x.job = to_string(random_raw_id(rng));
  x.status = static_cast<scan_status>(rng() % 7);
  x.counters = {{"itemsFound", static_cast<int64_t>(rng() >> 1)}, {"errors", 0}};
  x.started = random_time(rng);
  x.discovering_ended = random_time(rng);
  x.scanning_ended = random_time(rng);
  x.caching_ended = random_time(rng);
  x.enriching_ended = random_time(rng);
  x.finished = random_time(rng);
  if (rng() % 2)
    x.problems = {"folder 'x' can't be read"};
  return x;
}

library random_library(std::mt19937_64& rng, library_origin origin) {
  return {library_id{random_raw_id(rng)},
          random_text(rng),
          "films",
          "/media/" + random_text(rng),
          origin,
          from_ms(5),
          from_ms(6)};
}

ports::unit_of_work unit_with(ports::catalogue_changes changes) {
  ports::unit_of_work unit;
  unit.catalogue = std::move(changes);
  return unit;
}

opened::opened(database_under_test& db) :
  store(db.open()), writer(must(store->open_writer())), reader(must(store->open_reader())) {
}

void opened::apply(ports::catalogue_changes changes) {
  must(commit(*writer, unit_with(std::move(changes))));
}

video opened::read(const video& x) {
  return must(reader->find_video(x.id)).item;
}

} // namespace troupe::test
