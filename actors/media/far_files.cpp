#include "actors/media/far_files.hpp"

#include <condition_variable>
#include <future>
#include <thread>

namespace troupe::work {

namespace {

/// A whole file is asked for in steps, so that a stopped attempt ends soon.
constexpr uint64_t fetch_step = 8 << 20;
/// Tries of a transfer that breaks off; a push goes on where it was.
constexpr int most_tries = 6;
constexpr growing_delay::settings between_tries{milliseconds{200}, milliseconds{5'000}, 2, 0.25};

bool passes(errc code) noexcept {
  return code == errc::unavailable || code == errc::timeout || code == errc::io || code == errc::rate_limited
         || code == errc::forbidden;
}

/// All of these bytes are here when it returns.
result<void> wait_for(byte_supply& supply, byte_span wanted) {
  auto answered = std::make_shared<std::promise<result<byte_span>>>();
  supply.need(wanted, [answered](result<byte_span> x) { answered->set_value(std::move(x)); });
  auto got = answered->get_future().get();
  return got ? result<void>{} : std::move(got).error();
}

/// Waiting, as a transfer that ends after a while. Cancelled from any thread, also when it is over.
class pause final : public ports::transfer {
public:
  static std::shared_ptr<pause> begin(milliseconds how_long, std::function<void(result<void>)> ended) {
    auto out = std::make_shared<pause>();
    std::thread{[out, how_long, ended = std::move(ended)] {
      std::unique_lock lock{out->mutex_};
      const auto cut = out->woken_.wait_for(lock, how_long, [&] { return out->cancelled_; });
      lock.unlock();
      ended(cut ? result<void>{error{errc::cancelled}} : result<void>{});
    }}.detach();
    return out;
  }
  void cancel() override {
    std::lock_guard guard{mutex_};
    cancelled_ = true;
    woken_.notify_all();
  }

private:
  std::mutex mutex_;
  std::condition_variable woken_;
  bool cancelled_ = false;
};

} // namespace

far_files::far_files(far_desk desk, std::shared_ptr<remote_sources> sources, std::shared_ptr<ports::peer_files> peers,
                     std::shared_ptr<ports::files> disk) :
  desk_(std::move(desk)),
  sources_(std::move(sources)), peers_(std::move(peers)), disk_(std::move(disk)) {
}

result<source> far_files::open(attempt& a, library_id library, const std::string& path, const std::string& name) {
  const auto token = a.what().token;
  auto there = desk_.to_read(token, library, path);
  if (!there)
    return std::move(there).error();
  if (there->version.size == 0)
    return {errc::bad_media, name + ": the file is empty"};
  remote_file what;
  what.key = (library ? library.str() : std::string{"data"}) + "/" + path + "@" + there->version.str();
  what.size = there->version.size;
  what.name = name;
  what.node = there->node;
  // The address that is there serves first.
  auto first = std::make_shared<std::string>(std::move(there->url));
  auto remote = sources_->open(
    what,
    [this, token, library, path, node = there->node, version = there->version, first, name]() -> result<std::string> {
      if (!first->empty())
        return std::exchange(*first, {});
      auto fresh = desk_.to_read(token, library, path);
      if (!fresh)
        return std::move(fresh).error();
      // Another node may number it differently.
      const auto same = fresh->node == node ? fresh->version == version : same_content(fresh->version, version);
      if (!same)
        return {errc::conflict, name + ": the file was changed while it was read"};
      return fresh->url;
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
    TROUPE_TRY(wait_for(*out->file.supply, {at, std::min(at + fetch_step, size)}));
  }
  // Nothing is missing any more; `remote` keeps it from being thrown away.
  out->file.supply.reset();
  return out;
}

result<void> far_files::again(attempt& a, const std::string& name, const std::function<result<void>()>& step) {
  growing_delay delay{between_tries, machine_random()};
  for (int tries = 1;; ++tries) {
    auto done = step();
    if (done || a.stopped() || tries == most_tries || !passes(done.error().code))
      return done ? result<void>{} : result<void>{error{done.error().code, name + ": " + done.error().message}};
    // A stop cancels it like any transfer.
    auto slept =
      a.transfer([&](std::function<void(result<void>)> ended) { return pause::begin(delay.next(), std::move(ended)); });
    TROUPE_TRY(slept);
  }
}

result<void> far_files::push_to(attempt& a, const std::string& from,
                                const std::function<result<std::string>()>& address) {
  auto file = disk_->open_source(from);
  if (!file)
    return std::move(file).error();
  auto url = address();
  if (!url)
    return std::move(url).error();
  return a.transfer([&](std::function<void(result<void>)> done) {
    return peers_->push({*url, file->fd.get(), file->version.size}, {}, std::move(done));
  });
}

result<void> far_files::push(attempt& a, const std::string& from, const std::string& path) {
  return again(a, path, [&] {
    return push_to(a, from, [&]() -> result<std::string> {
      auto to = desk_.to_write(a.what().token, path, false);
      return to ? result<std::string>{to->url} : std::move(to).error();
    });
  });
}

result<void> far_files::push_folder(attempt& a, const std::string& from, const std::vector<std::string>& names,
                                    const std::string& path) {
  auto address = [&]() -> result<std::string> {
    auto to = desk_.to_write(a.what().token, path, true);
    return to ? result<std::string>{to->url} : std::move(to).error();
  };
  for (auto& name : names)
    TROUPE_TRY(again(a, path + "/" + name, [&] {
      return push_to(a, from + "/" + name, [&]() -> result<std::string> {
        auto url = address();
        return url ? result<std::string>{*url + "/" + name} : url;
      });
    }));
  return again(a, path, [&]() -> result<void> {
    auto url = address();
    if (!url)
      return std::move(url).error();
    return a.transfer(
      [&](std::function<void(result<void>)> done) { return peers_->publish_folder(*url, std::move(done)); });
  });
}

} // namespace troupe::work
