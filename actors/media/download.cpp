#include "actors/media/download.hpp"

#include "actors/media/payloads.hpp"

#include <spdlog/spdlog.h>

#include <charconv>
#include <mutex>
#include <sys/stat.h>
#include <unistd.h>

namespace troupe::work {

namespace {

/// The part of a file that earlier attempts have fetched, and what it is a part of.
class partial_file {
public:
  partial_file(const workshop& shop, job_id job, std::string url) :
    files_(*shop.files), path_(shop.data_folder + "/tmp/" + job.str() + ".part"), url_(std::move(url)) {
  }

  result<void> open() {
    auto synced = read_state();
    // Nobody knows what the bytes are a part of.
    if (synced == 0)
      TROUPE_TRY(files_.remove(path_));
    auto file = files_.open_append(path_);
    if (!file)
      return std::move(file).error();
    fd_ = std::move(file->fd);
    // What was written after the last sync may be anything after a power cut.
    size_ = std::min(synced, file->version.size);
    if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0)
      return {errc::io, "can't go on with the part of the download that is here"};
    return {};
  }

  /// From the transfer's own thread; written by the attempt's thread when it ends.
  void learn(const std::string& validator) {
    std::lock_guard guard{mutex_};
    if (!validator.empty())
      validator_ = validator;
  }

  /// For the next attempt.
  void keep() {
    std::lock_guard guard{mutex_};
    struct stat facts {};
    if (::fstat(fd_.get(), &facts) != 0 || ::fsync(fd_.get()) != 0)
      return spdlog::warn("the download of the next attempt begins anew: its part can't be synced");
    auto state = url_ + "\n" + std::to_string(facts.st_size) + "\n" + validator_;
    if (auto kept = files_.write_text(path_ + ".state", state); !kept)
      spdlog::warn("the download of the next attempt begins anew: {}", kept.error().message);
  }

  void drop() {
    for (auto& path : {path_, path_ + ".state"})
      if (auto removed = files_.remove(path); !removed)
        spdlog::warn("a part of a download is left: {}", removed.error().message);
  }

  int descriptor() const {
    return fd_.get();
  }
  /// When it was opened.
  uint64_t size() const {
    return size_;
  }
  /// With what has arrived since; 0 when it can't be told.
  uint64_t size_now() const {
    struct stat facts {};
    return ::fstat(fd_.get(), &facts) == 0 ? static_cast<uint64_t>(facts.st_size) : 0;
  }
  std::string validator() {
    std::lock_guard guard{mutex_};
    return validator_;
  }
  const std::string& path() const {
    return path_;
  }

private:
  /// Takes the validator out of "<url>\n<bytes synced>\n<validator>"; how many bytes can be gone on from.
  uint64_t read_state() {
    auto state = files_.read_text(path_ + ".state");
    if (!state || !state->starts_with(url_ + "\n"))
      return 0;
    uint64_t synced = 0;
    auto end = state->data() + state->size();
    auto number = std::from_chars(state->data() + url_.size() + 1, end, synced);
    if (number.ec != std::errc{} || number.ptr == end || *number.ptr != '\n')
      return 0;
    validator_.assign(number.ptr + 1, static_cast<const char*>(end));
    return validator_.empty() ? 0 : synced;
  }

  ports::files& files_;
  std::string path_;
  std::string url_;
  unique_fd fd_;
  uint64_t size_ = 0;
  std::mutex mutex_;
  std::string validator_;
};

job_progress report(const ports::transfer_progress& x) {
  job_progress out;
  out.stage = "download";
  out.message = "downloading";
  out.fraction =
    x.total > 0 ? std::min(0.95, 0.95 * static_cast<double>(x.received) / static_cast<double>(x.total)) : 0;
  out.counters = {{"bytes", static_cast<int64_t>(x.received)}};
  if (x.total > 0)
    out.counters["totalBytes"] = static_cast<int64_t>(x.total);
  return out;
}

/// Is there something that a further attempt could go on from?
bool worth_keeping(const assignment& what, const error& failed, uint64_t size) {
  auto cls = default_class(failed.code);
  bool last = failed.code != errc::cancelled && cls != error_class::throttled
              && (cls == error_class::permanent || what.failures + 1 >= what.max_attempts);
  return size > 0 && !last;
}

result<ports::http_response> fetch(attempt& a, const workshop& shop, const std::string& url,
                                   const std::shared_ptr<partial_file>& part) {
  ports::http_download what;
  what.url = url;
  what.descriptor = part->descriptor();
  what.offset = part->size();
  what.validator = part->validator();
  what.max_bytes = shop.max_download_bytes;
  what.allow_private = shop.allow_private;
  return a.download(std::move(what), [&a, part](const ports::transfer_progress& x) {
    part->learn(x.validator);
    a.progress(report(x));
  });
}

} // namespace

std::string safe_file_name(std::string_view wanted) {
  auto slash = wanted.find_last_of("/\\");
  if (slash != std::string_view::npos)
    wanted.remove_prefix(slash + 1);
  while (wanted.starts_with('.') || wanted.starts_with(' '))
    wanted.remove_prefix(1);
  std::string out;
  for (char c : wanted) {
    auto byte = static_cast<unsigned char>(c);
    out +=
      byte < 0x20 || byte == 0x7f || c == ':' || c == '"' || c == '<' || c == '>' || c == '|' || c == '?' || c == '*'
        ? '_'
        : c;
  }
  // Long names keep their extension; a cut through a character is mended below.
  constexpr size_t most = 200;
  if (out.size() > most) {
    auto extension = extension_of(out);
    auto tail = extension.empty() ? std::string{} : "." + extension;
    out.resize(most - tail.size());
    while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xC0) == 0x80)
      out.pop_back();
    if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xC0)
      out.pop_back();
    out += tail;
  }
  for (size_t i = 0; i < out.size();) {
    auto lead = static_cast<unsigned char>(out[i]);
    size_t n = lead < 0x80                   ? 1
               : lead >= 0xC2 && lead < 0xE0 ? 2
               : lead >= 0xE0 && lead < 0xF0 ? 3
               : lead >= 0xF0 && lead < 0xF5 ? 4
                                             : 0;
    bool good = n > 0 && i + n <= out.size();
    for (size_t k = 1; good && k < n; ++k)
      good = (static_cast<unsigned char>(out[i + k]) & 0xC0) == 0x80;
    if (!good)
      out[i] = '_';
    i += good ? n : 1;
  }
  while (out.ends_with(' ') || out.ends_with('.'))
    out.pop_back();
  return out.empty() ? "download" : out;
}

result<std::string> download(attempt& a, const workshop& shop) {
  auto asked = decode_download_payload(a.what().payload);
  if (!asked)
    return std::move(asked).error();
  auto part = std::make_shared<partial_file>(shop, a.what().token.job, asked->url);
  TROUPE_TRY(part->open());
  a.operation = "GET " + asked->url.substr(0, asked->url.find_first_of("?#"));
  a.stage(0, "download", part->size() > 0 ? "going on with the download" : "downloading");
  auto response = fetch(a, shop, asked->url, part);
  if (!response) {
    if (worth_keeping(a.what(), response.error(), part->size_now()))
      part->keep();
    else
      part->drop();
    return std::move(response).error();
  }
  if (a.stopped())
    return error{errc::cancelled};
  auto name = safe_file_name(response->file_name);
  auto title = asked->title.empty() ? name.substr(0, name.rfind('.')) : asked->title;
  download_result out;
  out.relative_path = output_name(a.what().token) + "/" + name;
  out.path = shop.data_folder + "/downloads/" + out.relative_path;
  out.title = title;
  out.category = asked->category;
  out.content_type = response->content_type;
  a.stage(0.97, "publish", "putting the file in place");
  TROUPE_TRY(shop.files->publish(part->path(), out.path));
  part->drop();
  auto version = shop.files->version_of(out.path);
  if (!version)
    return std::move(version).error();
  out.version = *version;
  return encode(out);
}

} // namespace troupe::work
