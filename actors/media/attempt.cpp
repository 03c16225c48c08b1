#include "actors/media/attempt.hpp"

#include "actors/media/far_files.hpp"
#include "protocol/model/job_kinds.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/trace.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace troupe::work {

result<std::string> attempt::execute(exec::request request, std::vector<operation_file> files,
                                     std::function<void(const exec::progress&)> told, output_maker create) {
  auto answer = run(std::move(request), std::move(files), std::move(told), std::move(create));
  if (!answer.log_tail.empty()) {
    log_tail += answer.log_tail;
    if (log_tail.size() > max_log_tail_bytes)
      log_tail.erase(0, log_tail.size() - max_log_tail_bytes);
  }
  if (answer.ok())
    return std::move(answer.body);
  cls = answer.cls;
  return std::move(answer.failure);
}

void attempt::stage(double fraction, std::string name, std::string message) {
  progress({fraction, std::move(name), std::move(message), {}});
}

std::string attempt::cause() const {
  return log_mark(what().request_id, what().traceparent);
}

namespace {

/// A line for each of what takes milliseconds would hide the others.
spdlog::level::level_enum usual_level(const assignment& what) {
  return what.queue == "video" || what.queue == "downloads" ? spdlog::level::info : spdlog::level::debug;
}

void tell_end(const attempt& a, const attempt_outcome& x) {
  const auto& what = a.what();
  const bool bad = x.end == attempt_end::failed;
  spdlog::log(bad ? spdlog::level::warn : usual_level(what), "{}: {} ends, {}{}{}{}", what.kind, what.token.str(),
              to_string(x.end), bad ? ": " : "", bad ? x.failure.message : "", a.cause());
}

} // namespace

attempt_outcome run_attempt(attempt& a, const work_function& work) {
  spdlog::log(usual_level(a.what()), "{}: {} begins{}", a.what().kind, a.what().token.str(), a.cause());
  auto made = [&]() -> result<std::string> {
    try {
      return work(a);
    } catch (const std::exception& e) {
      spdlog::error("{}: the work on {} threw: {}{}", a.what().kind, a.what().token.str(), e.what(), a.cause());
      return {errc::internal, "the work failed in an unexpected way"};
    }
  }();
  attempt_outcome out;
  out.token = a.what().token;
  out.operation = std::move(a.operation);
  out.log_tail = std::move(a.log_tail);
  if (a.stopped()) {
    out.end = attempt_end::cancelled;
  } else if (made && a.handed_on) {
    out.end = attempt_end::delegated;
    out.handed_on = std::move(*a.handed_on);
  } else if (made && made->size() <= max_result_bytes) {
    out.result = std::move(*made);
  } else {
    out.end = attempt_end::failed;
    out.failure = made ? error{errc::too_large, "the result is larger than a job may hold"} : made.error();
    out.cls = a.cls.value_or(default_class(out.failure.code));
  }
  tell_end(a, out);
  return out;
}

std::shared_ptr<void> take_gpu(const workshop& shop, media_profile& profile) {
  if (!profile.hardware || !shop.gpu)
    return nullptr;
  auto session = shop.gpu->take();
  profile.hardware = session != nullptr;
  return session;
}

scratch_folder::scratch_folder(const workshop& shop, const lease_token& token) :
  files_(*shop.files), path_(shop.data_folder + "/tmp/" + token.str()) {
}

scratch_folder::~scratch_folder() {
  // What can't be removed now is found by the scheduled cleanup.
  if (auto removed = files_.remove(path_); !removed)
    spdlog::warn("temporary files are left: {}", removed.error().message);
}

namespace {

result<source> source_of(result<ports::opened_file> file, const std::string& path) {
  if (!file)
    return std::move(file).error();
  if (file->version.size == 0)
    return {errc::bad_media, "the file is empty"};
  return source{std::make_shared<const unique_fd>(std::move(file->fd)),
                file->version,
                path,
                extension_of(path),
                nullptr,
                file->version};
}

} // namespace

result<source> open_source(const workshop& shop, const std::string& path) {
  return source_of(shop.files->open_source(path), path);
}

bool may_be_a_mount(errc code) noexcept {
  return code == errc::not_found || code == errc::forbidden || code == errc::io;
}

work_function in_proved_data(workshop shop, shop_function work) {
  return [shop = std::move(shop), work = std::move(work)](attempt& a) -> result<std::string> {
    if (!shop.prove_data)
      return work(a, shop);
    auto proved = shop.prove_data();
    if (!proved) {
      a.cls = error_class::transient;
      return std::move(proved).error();
    }
    auto mine = shop;
    mine.files = std::move(*proved);
    auto made = work(a, mine);
    // A mount that can't be written in any more, say, looks like something that is not allowed, for good.
    if (!made && may_be_a_mount(made.error().code) && !shop.prove_data())
      a.cls = error_class::transient;
    return made;
  };
}

namespace {

/// On another node the same job may find its file.
void blame_the_mount(attempt& a, const workshop& shop, errc code) {
  if (shop.mounted_libraries && may_be_a_mount(code))
    a.cls = error_class::transient;
}

/// Where the library's own part of a path begins: what both have at their ends. Before that is its root, or a mount in
/// it. npos: they have nothing in common.
size_t begin_of_own(const std::string& path, const std::string& relative) {
  const auto ends = std::mismatch(path.rbegin(), path.rend(), relative.rbegin(), relative.rend());
  const auto same = static_cast<size_t>(ends.first - path.rbegin());
  auto begin = path.size() - same;
  if (same == relative.size() && begin > 0 && path[begin - 1] == '/')
    return begin;
  const auto slash = path.find('/', begin);
  return slash == std::string::npos ? slash : slash + 1;
}

/// Whatever became of the folders of the library: nothing outside of it is read.
result<source> open_below_root(const workshop& shop, const located& where) {
  const auto begin = where.relative.empty() ? std::string::npos : begin_of_own(where.path, where.relative);
  if (begin == std::string::npos || begin < 2)
    return open_source(shop, where.path);
  return source_of(shop.files->open_below(where.path.substr(0, begin - 1), where.path.substr(begin)), where.path);
}

result<source> open_anywhere(attempt& a, const workshop& shop, const located& where) {
  if (!where.here && shop.far)
    return shop.far->open(a, where);
  auto here = open_below_root(shop, where);
  if (here || !may_be_a_mount(here.error().code))
    return here;
  if (shop.far)
    return shop.far->open(a, where);
  blame_the_mount(a, shop, here.error().code);
  return here;
}

} // namespace

result<source> open_source(attempt& a, const workshop& shop, const located& where) {
  auto out = open_anywhere(a, shop, where);
  if (!out)
    return out;
  out->known_as = same_content(out->version, where.version) ? where.version : out->version;
  out->library = where.library;
  return out;
}

result<void> publish_file(attempt& a, const workshop& shop, const std::string& from, const std::string& file) {
  if (!shop.shares_data)
    return shop.far->push(a, from, file);
  return shop.files->publish(from, shop.data_folder + "/" + file);
}

namespace {

result<void> compare(const workshop& shop, const source& src) {
  if (src.remote)
    return src.remote->check_kept();
  auto now = shop.files->version_of(src.path);
  if (!now && now.error().code == errc::not_found)
    return {errc::not_found, src.path
                               + ": the file was removed or renamed while it was read; put it back or scan its "
                                 "library, and start the job again"};
  if (!now)
    return std::move(now).error();
  if (*now != src.version)
    return {errc::io, src.path + ": the file was changed while it was read; leave it alone until the job has ended"};
  return {};
}

} // namespace

result<void> check_unchanged(attempt& a, const workshop& shop, const source& src) {
  auto same = compare(shop, src);
  if (!same)
    blame_the_mount(a, shop, same.error().code);
  return same;
}

error reason_of(attempt& a, const workshop& shop, const source& src, error failed) {
  auto same = compare(shop, src);
  if (same || failed.code == errc::cancelled)
    return failed;
  // What the executor thought of it was about a file that is no more.
  a.cls.reset();
  blame_the_mount(a, shop, same.error().code);
  return std::move(same).error();
}

result<media_info> extract_metadata(attempt& a, const source& src) {
  exec::request request;
  request.op = exec::op::probe;
  request.name_hint = src.hint;
  auto body = a.execute(std::move(request), {src.file});
  if (!body)
    return std::move(body).error();
  return decode_media_info(*body);
}

result<examined_source> examine(attempt& a, const workshop& shop, video_id id, content wanted) {
  a.stage(0, "probe", "reading the source");
  auto where = shop.find_source(id);
  if (!where)
    return std::move(where).error();
  auto file = open_source(a, shop, *where);
  if (!file)
    return std::move(file).error();
  if (wanted == content::as_scanned && file->known_as != where->version)
    return {errc::conflict, where->path + ": the file has changed since its last scan; scan its library"};
  auto media = extract_metadata(a, *file);
  if (!media)
    return reason_of(a, shop, *file, std::move(media).error());
  return examined_source{std::move(*file), std::move(*media)};
}

std::function<void(const exec::progress&)> within(attempt& a, double from, double to, std::string stage,
                                                  std::string message) {
  return [&a, from, to, stage, message](const exec::progress& x) {
    job_progress out{from + (to - from) * std::clamp(x.fraction, 0.0, 1.0), stage, message, {}};
    out.counters = {
      {"speed", static_cast<int64_t>(x.speed * 1000)}, {"frames", x.frames}, {"bytes", x.bytes}, {"outMs", x.out_ms}};
    if (x.estimated_bytes > 0)
      out.counters["estimatedBytes"] = x.estimated_bytes;
    if (x.eta_ms >= 0)
      out.counters["etaMs"] = x.eta_ms;
    a.progress(std::move(out));
  };
}

std::string output_name(const lease_token& token) {
  return token.job.str() + "-" + std::to_string(token.attempt);
}

std::string extension_of(std::string_view path) {
  auto name = path.substr(path.rfind('/') + 1);
  auto dot = name.rfind('.');
  if (dot == std::string_view::npos || name.size() - dot > 9)
    return {};
  std::string out;
  for (char c : name.substr(dot + 1)) {
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
      return {};
    out += c;
  }
  return out;
}

} // namespace troupe::work
