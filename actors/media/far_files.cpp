#include "actors/media/far_files.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <mutex>
#include <thread>

namespace troupe::work {

namespace {

/// A whole file is asked for in steps, so that a stopped attempt ends soon.
constexpr uint64_t fetch_step = 8 << 20;
/// For a file that no node serves at present.
constexpr milliseconds look_again{15'000};
/// So often somebody who waits looks whether the attempt is stopped.
constexpr milliseconds stop_look{100};

/// False: the attempt is stopped.
bool sleep(const attempt& a, milliseconds how_long) {
  const auto until = std::chrono::steady_clock::now() + how_long;
  for (auto now = std::chrono::steady_clock::now(); now < until && !a.stopped(); now = std::chrono::steady_clock::now())
    std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(until - now, stop_look));
  return !a.stopped();
}

/// Bytes that are needed, as a transfer: it ends with the answer or when it is cancelled, whichever comes first.
class awaited_bytes final : public ports::transfer {
public:
  explicit awaited_bytes(std::function<void(result<void>)> ended) : ended_(std::move(ended)) {
  }
  void end(result<void> how) {
    std::unique_lock lock{mutex_};
    auto ended = std::exchange(ended_, nullptr);
    lock.unlock();
    if (ended)
      ended(std::move(how));
  }
  void cancel() override {
    end(error{errc::cancelled});
  }

private:
  std::mutex mutex_;
  std::function<void(result<void>)> ended_;
};

/// All of these bytes are here when it returns.
result<void> wait_for(attempt& a, byte_supply& supply, byte_span wanted) {
  return a.transfer([&](std::function<void(result<void>)> ended) {
    auto out = std::make_shared<awaited_bytes>(std::move(ended));
    supply.need(wanted, [out](result<byte_span> x) { out->end(x ? result<void>{} : std::move(x).error()); });
    return out;
  });
}

/// The node that has it may be back in a minute: that is waited for outside, and burns no attempt.
error not_now(attempt& a, error why) {
  if (why.code != errc::unavailable || a.stopped())
    return why;
  a.cls = error_class::throttled;
  why.retry_after = std::max(why.retry_after, look_again);
  return why;
}

} // namespace

far_files::far_files(far_desk desk, std::shared_ptr<remote_sources> sources, std::shared_ptr<ports::peer_files> peers,
                     std::shared_ptr<ports::files> disk, transfer_retries::settings retries,
                     std::function<uint64_t()> random) :
  desk_(std::move(desk)),
  sources_(std::move(sources)), peers_(std::move(peers)), disk_(std::move(disk)), retries_(retries),
  random_(std::move(random)) {
}

result<source> far_files::open(attempt& a, library_id library, const std::string& path, const std::string& name) {
  const auto token = a.what().token;
  auto there = desk_.to_read(token, library, path);
  transfer_retries retries{retries_, random_};
  while (!there && desk_.away && desk_.away() && !a.stopped()) {
    if (auto pause = retries.after(there.error(), said_by::coordinator); !pause || !sleep(a, *pause))
      break;
    there = desk_.to_read(token, library, path);
  }
  if (!there)
    return not_now(a, std::move(there).error());
  if (there->version.size == 0)
    return {errc::bad_media, name + ": the file is empty"};
  remote_file what;
  what.key = (library ? library.str() : std::string{"data"}) + "/" + path + "@" + there->version.str();
  what.size = there->version.size;
  what.name = name;
  what.node = there->node;
  // The address that is there serves first.
  auto first = std::make_shared<file_address>(file_address{std::move(there->url), there->at_coordinator});
  auto remote = sources_->open(
    what,
    [this, token, library, path, node = there->node, version = there->version, first, name]() -> result<file_address> {
      if (!first->url.empty())
        return std::exchange(*first, {});
      auto fresh = desk_.to_read(token, library, path);
      if (!fresh)
        return std::move(fresh).error();
      // Another node may number it differently.
      const auto same = fresh->node == node ? fresh->version == version : same_content(fresh->version, version);
      if (!same)
        return {errc::conflict, name + ": the file was changed while it was read"};
      return file_address{std::move(fresh->url), fresh->at_coordinator};
    });
  if (!remote)
    return std::move(remote).error();
  auto file = (*remote)->file();
  if (!file)
    return std::move(file).error();
  return source{std::move(*file), there->version, name, extension_of(path), std::move(*remote), there->version};
}

result<source> far_files::open(attempt& a, const located& where) {
  return open(a, where.library, where.relative, where.path);
}

result<source> far_files::fetch(attempt& a, const std::string& path) {
  auto out = open(a, {}, path, path);
  if (!out)
    return out;
  const auto size = out->version.size;
  for (uint64_t at = 0; at < size; at += fetch_step) {
    if (a.stopped())
      return error{errc::cancelled};
    TROUPE_TRY(wait_for(a, *out->file.supply, {at, std::min(at + fetch_step, size)}));
  }
  // Nothing is missing any more; `remote` keeps it from being thrown away.
  out->file.supply.reset();
  return out;
}

result<void> far_files::again(attempt& a, const std::string& name,
                              const std::function<outcome(transfer_retries&)>& step) {
  transfer_retries retries{retries_, random_};
  bool told = false;
  for (;;) {
    auto [how, whom] = step(retries);
    if (how)
      return {};
    if (a.stopped())
      return error{errc::cancelled};
    auto pause = retries.after(how.error(), whom);
    if (!pause)
      return error{how.error().code, name + ": " + how.error().message};
    if (!std::exchange(told, true))
      spdlog::warn("{}: {}; it is tried again until the lease of {} is lost", name, how.error().message,
                   a.what().token.str());
    if (!sleep(a, *pause))
      return error{errc::cancelled};
  }
}

far_files::outcome far_files::push_to(attempt& a, const std::string& from, const address_function& address,
                                      std::atomic<uint64_t>& there) {
  auto file = disk_->open_source(from);
  if (!file)
    return {std::move(file).error(), said_by::here};
  auto url = address();
  if (!url)
    return {std::move(url).error(), said_by::coordinator};
  return {a.transfer([&](std::function<void(result<void>)> done) {
            return peers_->push(
              {*url, file->fd.get(), file->version.size}, [&there](uint64_t n) { there = n; }, std::move(done));
          }),
          said_by::node};
}

result<void> far_files::push_until_there(attempt& a, const std::string& from, const std::string& name,
                                         const address_function& address) {
  std::atomic<uint64_t> there{0};
  return again(a, name, [&](transfer_retries& retries) {
    auto out = push_to(a, from, address, there);
    retries.arrived(there);
    return out;
  });
}

result<void> far_files::push(attempt& a, const std::string& from, const std::string& path) {
  return push_until_there(a, from, path, [&]() -> result<std::string> {
    auto to = desk_.to_write(a.what().token, path, false);
    return to ? result<std::string>{to->url} : std::move(to).error();
  });
}

result<void> far_files::push_folder(attempt& a, const std::string& from, const std::vector<std::string>& names,
                                    const std::string& path) {
  auto address = [&]() -> result<std::string> {
    auto to = desk_.to_write(a.what().token, path, true);
    return to ? result<std::string>{to->url} : std::move(to).error();
  };
  for (auto& name : names)
    TROUPE_TRY(push_until_there(a, from + "/" + name, path + "/" + name, [&]() -> result<std::string> {
      auto url = address();
      return url ? result<std::string>{*url + "/" + name} : url;
    }));
  return again(a, path, [&](transfer_retries&) -> outcome {
    auto url = address();
    if (!url)
      return {std::move(url).error(), said_by::coordinator};
    return {
      a.transfer([&](std::function<void(result<void>)> done) { return peers_->publish_folder(*url, std::move(done)); }),
      said_by::node};
  });
}

} // namespace troupe::work
