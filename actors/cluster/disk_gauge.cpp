#include "actors/cluster/disk_gauge.hpp"

#include <utility>

namespace troupe::cluster {

disk_gauge::disk_gauge(std::vector<disk> disks, const std::shared_ptr<ports::root_threads>& threads) :
  threads_(threads) {
  for (auto& x : disks) {
    readings_.push_back(std::make_shared<reading>(std::move(x)));
    begin(readings_.back());
  }
}

std::vector<disk_space> disk_gauge::next() {
  std::vector<disk_space> out;
  for (auto& x : readings_) {
    {
      std::lock_guard guard{x->mutex};
      if (auto found = std::exchange(x->found, std::nullopt))
        out.push_back(std::move(*found));
      if (x->looking)
        continue;
    }
    begin(x);
  }
  return out;
}

void disk_gauge::begin(const std::shared_ptr<reading>& x) {
  auto threads = threads_.lock();
  if (!threads)
    return;
  {
    std::lock_guard guard{x->mutex};
    x->looking = true;
  }
  auto begun = threads->begin(x->of.root, [x] {
    auto found = x->of.look();
    std::lock_guard guard{x->mutex};
    x->looking = false;
    if (found) {
      x->found = std::move(*found);
      x->found->use = x->of.use;
    }
  });
  // All of its threads hang: the next call tries again.
  if (!begun) {
    std::lock_guard guard{x->mutex};
    x->looking = false;
  }
}

} // namespace troupe::cluster
