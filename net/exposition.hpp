#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace troupe::net {

/// Writes Prometheus' text exposition format 0.0.4: a family's head once, then its samples.
class exposition {
public:
  using labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// `type`: counter, gauge or histogram. Samples that follow are of this family.
  void family(std::string_view name, std::string_view type, std::string_view help);
  void sample(double value, labels with = {});
  /// Of a histogram: "_bucket", "_sum" or "_count" behind the family's name.
  void sample(std::string_view suffix, double value, labels with);

  std::string str() && {
    return std::move(out_);
  }

private:
  std::string out_;
  std::string family_;
};

/// Shortest text that reads back as the same number.
std::string exposition_number(double value);

} // namespace troupe::net
