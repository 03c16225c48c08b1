#include "actors/media/download.hpp"

#include "actors/media/partial_file.hpp"
#include "actors/media/payloads.hpp"

#include <condition_variable>
#include <thread>

namespace troupe::work {

namespace {

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

/// Will no further attempt go on from here?
bool is_last(const assignment& what, const error& failed) {
  auto cls = default_class(failed.code);
  return failed.code != errc::cancelled && cls != error_class::throttled
         && (cls == error_class::permanent || what.failures + 1 >= what.max_attempts);
}

/// Makes durable what arrives, as long as it lives. Neither the attempt's thread, which waits for the transfer, nor the
/// client's, which others share, can do it.
std::jthread save_regularly(std::shared_ptr<partial_file> part, milliseconds interval) {
  return std::jthread{[part, interval](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock{mutex};
    for (;;) {
      stopped.wait_for(lock, stop, interval, [] { return false; });
      if (stop.stop_requested())
        return;
      part->checkpoint();
    }
  }};
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
  auto saver = save_regularly(part, shop.checkpoint_interval);
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
  auto part = std::make_shared<partial_file>(shop, a.what().token, asked->url);
  TROUPE_TRY(part->open());
  a.operation = "GET " + asked->url.substr(0, asked->url.find_first_of("?#"));
  a.stage(0, "download", part->size() > 0 ? "going on with the download" : "downloading");
  auto response = fetch(a, shop, asked->url, part);
  if (!response) {
    is_last(a.what(), response.error()) ? part->drop() : part->keep();
    return std::move(response).error();
  }
  if (a.stopped()) {
    part->keep();
    return error{errc::cancelled};
  }
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
