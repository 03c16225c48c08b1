#include "actors/media/cleanup.hpp"

#include <algorithm>
#include <charconv>

namespace troupe::work {

namespace {

constexpr size_t id_length = 26;

/// Something of ours on the disk: a file, or a folder of one attempt.
struct candidate {
  /// Relative to the data folder.
  std::string path;
  name_owner owner;
  enum class kind : uint8_t {
    /// Made by an attempt.
    output,
    /// A partial download: belongs to the job, not to an attempt.
    partial,
    /// The folder of a finished download: its owner is the job that fetched it.
    download,
    /// The folder of an upload: its owner is the job that takes it in.
    upload,
    /// The folder with the pieces of a film that is made in parts: its owner is the job that will join them.
    pieces
  } what = kind::output;
};

class cleaner {
public:
  cleaner(ports::files& disk, const std::string& folder, const cleanup_rules& rules,
          const std::function<bool()>& stopped) :
    disk_(disk),
    folder_(folder), rules_(rules), stopped_(stopped) {
  }

  result<cleanup_result> run() {
    find_outputs("renditions");
    find_outputs("downloads", candidate::kind::download);
    for (auto& folder : names("artwork"))
      if (folder.size() == 2)
        find_outputs("artwork/" + folder);
    find_temporaries();
    find_folders("uploads", candidate::kind::upload);
    find_folders("pieces", candidate::kind::pieces);
    auto used = rules_.in_use();
    if (!used)
      return std::move(used).error();
    for (auto& x : candidates_) {
      if (stopped_())
        return error{errc::cancelled};
      if (!in_use(x, *used) && old_enough(x))
        remove(x);
    }
    return std::move(out_);
  }

private:
  std::vector<std::string> names(const std::string& folder) {
    auto list = disk_.list(folder_ + "/" + folder);
    if (list)
      return std::move(*list);
    out_.problems.push_back(list.error().message);
    return {};
  }

  void find_outputs(const std::string& folder, candidate::kind what = candidate::kind::output) {
    for (auto& name : names(folder))
      if (auto owner = owner_of(name))
        candidates_.push_back({folder + "/" + name, *owner, what});
  }

  void find_temporaries() {
    for (auto& name : names("tmp")) {
      if (auto token = lease_token::parse(name))
        candidates_.push_back({"tmp/" + name, {token->job, token->attempt}});
      else if (name.ends_with(".part") || name.ends_with(".part.state")) {
        auto job = job_id::parse(name.substr(0, id_length));
        if (job && (name.find('.') == id_length || owner_of(name)))
          candidates_.push_back({"tmp/" + name, {*job, 0}, candidate::kind::partial});
      }
    }
  }

  /// Folders that are named by a job.
  void find_folders(const std::string& where, candidate::kind what) {
    for (auto& name : names(where))
      if (auto job = job_id::parse(name))
        candidates_.push_back({where + "/" + name, {*job, 0}, what});
  }

  bool in_use(const candidate& x, const files_in_use& used) {
    bool partial = x.what == candidate::kind::partial || x.what == candidate::kind::pieces;
    if (partial && used.open_jobs.contains(x.owner.job))
      return true;
    for (auto& lease : used.leases)
      if (lease.job == x.owner.job && (partial || lease.attempt == x.owner.attempt))
        return true;
    // Of a folder, anything below it.
    auto row = used.referenced.lower_bound(x.path);
    if (row != used.referenced.end() && *row == x.path)
      return true;
    auto below = used.referenced.lower_bound(x.path + "/");
    if (below != used.referenced.end() && below->starts_with(x.path + "/"))
      return true;
    return (x.what == candidate::kind::download || x.what == candidate::kind::upload) && kept_for_job(x);
  }

  bool kept_for_job(const candidate& x) {
    auto found = rules_.find_job(x.owner.job);
    if (!found && found.error().code != errc::not_found) {
      out_.problems.push_back(found.error().message);
      return true;
    }
    if (!found || x.what == candidate::kind::upload)
      return found.has_value();
    return found->state == job_state::completed && found->attempt == x.owner.attempt;
  }

  /// The youngest file decides for a folder; an empty one is as old as can be, one of an upload as old as its id.
  bool old_enough(const candidate& x) {
    if (rules_.grace == milliseconds{0})
      return true;
    auto path = folder_ + "/" + x.path;
    int64_t youngest = x.what == candidate::kind::upload ? age_of(x.owner.job.raw) * 1'000'000 : 0;
    if (auto version = disk_.version_of(path))
      youngest = version->mtime_ns;
    else if (version.error().code == errc::unprocessable) {
      auto walked = disk_.walk(
        path, [](std::string_view) { return true; },
        [&](ports::walk_batch batch) {
          for (auto& file : batch.files)
            youngest = std::max(youngest, file.version.mtime_ns);
          return true;
        });
      if (!walked)
        return false;
    } else {
      return false;
    }
    return to_ms(rules_.time->wall()) - youngest / 1'000'000 >= rules_.grace.count();
  }

  void remove(const candidate& x) {
    if (auto removed = disk_.remove(folder_ + "/" + x.path); !removed)
      out_.problems.push_back(removed.error().message);
    else
      ++out_.files_removed;
  }

  ports::files& disk_;
  const std::string& folder_;
  const cleanup_rules& rules_;
  const std::function<bool()>& stopped_;
  std::vector<candidate> candidates_;
  cleanup_result out_;
};

} // namespace

std::optional<name_owner> owner_of(std::string_view name) {
  auto job = job_id::parse(name.substr(0, id_length));
  if (!job || name.size() < id_length + 2 || name[id_length] != '-')
    return std::nullopt;
  name_owner out{*job, 0};
  auto end = name.data() + name.size();
  auto number = std::from_chars(name.data() + id_length + 1, end, out.attempt);
  if (number.ec != std::errc{} || (number.ptr != end && *number.ptr != '-' && *number.ptr != '.'))
    return std::nullopt;
  return out;
}

result<cleanup_result> sweep(ports::files& disk, const std::string& data_folder, const cleanup_rules& rules,
                             const std::function<bool()>& stopped) {
  return cleaner{disk, data_folder, rules, stopped}.run();
}

result<std::string> clean_up(attempt& a, const workshop& shop, const cleanup_rules& rules) {
  a.stage(0, "cleanup", "looking for files that nobody needs");
  auto done = sweep(*shop.files, shop.data_folder, rules, [&a] { return a.stopped(); });
  if (!done)
    return std::move(done).error();
  return encode(*done);
}

} // namespace troupe::work
