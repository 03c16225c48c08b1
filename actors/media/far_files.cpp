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

mono_time now() {
  return system_clocks{}.mono();
}

std::string waiting_for(const std::string& node, const std::string& why) {
  return "waiting for the file server of " + node + ": " + why;
}

/// Of a node that was silent for too long while the coordinator was not.
error given_up(const std::string& file, const std::string& node, const error& why) {
  return {why.code, file + ": the file server of " + node + " takes nothing of it (" + why.message
                      + "); see whether its files.port can be reached from here, or set files.address or files.host "
                        "there"};
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
  while (!there && coordinator_away() && !a.stopped()) {
    if (auto pause = retries.after(there.error(), said_by::coordinator, now(), true); !pause || !sleep(a, *pause))
      break;
    there = desk_.to_read(token, library, path);
  }
  if (!there)
    return not_now(a, std::move(there).error());
  if (auto why = there->at_coordinator && desk_.out_of_reach ? desk_.out_of_reach() : std::string{}; !why.empty())
    return {errc::unavailable, name + ": " + why};
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
    },
    [&a, node = there->node, name, told = false](const std::string& why) mutable {
      if (!std::exchange(told, true))
        spdlog::warn("{}: {}; it is tried again (attempt {})", name, why, a.what().token.str());
      a.waits(waiting_for("node " + node, why));
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
                              const std::function<outcome(transfer_retries&, subject&)>& step) {
  transfer_retries retries{retries_, random_};
  subject what;
  what.file = name;
  what.node = "the coordinator";
  bool told = false;
  for (;;) {
    auto [how, whom] = step(retries, what);
    if (how) {
      if (what.waits)
        a.waits({});
      return {};
    }
    if (a.stopped())
      return error{errc::cancelled};
    auto pause = retries.after(how.error(), whom, now(), coordinator_away());
    if (!pause && is_of_link(how.error().code))
      return given_up(what.file, what.node, how.error());
    if (!pause)
      return error{how.error().code, name + ": " + how.error().message};
    if (!std::exchange(told, true))
      spdlog::warn("{}: {}; it is tried again (attempt {})", name, how.error().message, a.what().token.str());
    what.waits = true;
    a.waits(whom == said_by::node ? waiting_for(what.node, how.error().message)
                                  : "waiting for the coordinator: " + how.error().message);
    if (!sleep(a, *pause))
      return error{errc::cancelled};
  }
}

far_files::outcome far_files::push_to(attempt& a, const std::string& from, const address_function& address,
                                      std::atomic<uint64_t>& there, subject& what) {
  auto file = disk_->open_source(from);
  if (!file)
    return {std::move(file).error(), said_by::here};
  auto to = address();
  if (!to)
    return {std::move(to).error(), said_by::coordinator};
  what.node = "node " + to->node;
  return {a.transfer([&](std::function<void(result<void>)> done) {
            return peers_->push(
              {to->url, file->fd.get(), file->version.size},
              [&](uint64_t n) {
                there = n;
                if (what.waits.exchange(false))
                  a.waits({});
              },
              std::move(done));
          }),
          said_by::node};
}

result<void> far_files::push_until_there(attempt& a, const std::string& from, const std::string& name,
                                         const address_function& address) {
  std::atomic<uint64_t> there{0};
  return again(a, name, [&](transfer_retries& retries, subject& what) {
    auto out = push_to(a, from, address, there, what);
    retries.arrived(there);
    return out;
  });
}

result<void> far_files::push(attempt& a, const std::string& from, const std::string& path) {
  return push_until_there(a, from, path, [&] { return desk_.to_write(a.what().token, path, false); });
}

result<void> far_files::push_folder(attempt& a, const std::string& from, const std::vector<std::string>& names,
                                    const std::string& path) {
  auto address = [&] { return desk_.to_write(a.what().token, path, true); };
  for (auto& name : names)
    TROUPE_TRY(push_until_there(a, from + "/" + name, path + "/" + name, [&] {
      auto to = address();
      if (to)
        to->url += "/" + name;
      return to;
    }));
  return again(a, path, [&](transfer_retries&, subject& what) -> outcome {
    auto to = address();
    if (!to)
      return {std::move(to).error(), said_by::coordinator};
    what.node = "node " + to->node;
    return {a.transfer(
              [&](std::function<void(result<void>)> done) { return peers_->publish_folder(to->url, std::move(done)); }),
            said_by::node};
  });
}

} // namespace troupe::work
