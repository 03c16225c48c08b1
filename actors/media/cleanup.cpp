#include "actors/media/cleanup.hpp"

#include "actors/media/payloads.hpp"

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
  /// A partial download: belongs to the job, not to an attempt.
  bool partial = false;
};

class cleaner {
public:
  cleaner(attempt& a, const workshop& shop, const cleanup_rules& rules) : attempt_(a), shop_(shop), rules_(rules) {
  }

  result<std::string> run() {
    find_outputs("renditions");
    find_outputs("downloads");
    for (auto& folder : names("artwork"))
      if (folder.size() == 2)
        find_outputs("artwork/" + folder);
    find_temporaries();
    auto used = rules_.in_use();
    if (!used)
      return std::move(used).error();
    for (auto& x : candidates_) {
      if (attempt_.stopped())
        return error{errc::cancelled};
      if (!in_use(x, *used) && old_enough(x))
        remove(x);
    }
    return encode(out_);
  }

private:
  std::vector<std::string> names(const std::string& folder) {
    auto list = shop_.files->list(shop_.data_folder + "/" + folder);
    if (list)
      return std::move(*list);
    out_.problems.push_back(list.error().message);
    return {};
  }

  void find_outputs(const std::string& folder) {
    for (auto& name : names(folder))
      if (auto owner = owner_of(name))
        candidates_.push_back({folder + "/" + name, *owner});
  }

  void find_temporaries() {
    for (auto& name : names("tmp")) {
      if (auto token = lease_token::parse(name))
        candidates_.push_back({"tmp/" + name, {token->job, token->attempt}});
      else if (name.ends_with(".part") || name.ends_with(".part.state"))
        if (auto job = job_id::parse(name.substr(0, id_length)); job && name.find('.') == id_length)
          candidates_.push_back({"tmp/" + name, {*job, 0}, true});
    }
  }

  static bool in_use(const candidate& x, const files_in_use& used) {
    if (x.partial && used.open_jobs.contains(x.owner.job))
      return true;
    for (auto& lease : used.leases)
      if (lease.job == x.owner.job && (x.partial || lease.attempt == x.owner.attempt))
        return true;
    // Of a folder, anything below it.
    auto row = used.referenced.lower_bound(x.path);
    if (row != used.referenced.end() && *row == x.path)
      return true;
    auto below = used.referenced.lower_bound(x.path + "/");
    return below != used.referenced.end() && below->starts_with(x.path + "/");
  }

  /// The youngest file decides for a folder; an empty one is as old as can be.
  bool old_enough(const candidate& x) {
    auto path = shop_.data_folder + "/" + x.path;
    int64_t youngest = 0;
    if (auto version = shop_.files->version_of(path))
      youngest = version->mtime_ns;
    else if (version.error().code == errc::unprocessable) {
      auto walked = shop_.files->walk(
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
    if (auto removed = shop_.files->remove(shop_.data_folder + "/" + x.path); !removed)
      out_.problems.push_back(removed.error().message);
    else
      ++out_.files_removed;
  }

  attempt& attempt_;
  const workshop& shop_;
  const cleanup_rules& rules_;
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

result<std::string> clean_up(attempt& a, const workshop& shop, const cleanup_rules& rules) {
  a.stage(0, "cleanup", "looking for files that nobody needs");
  return cleaner{a, shop, rules}.run();
}

} // namespace troupe::work
