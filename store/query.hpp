#pragma once

// From a query of the port to the conditions and the order of a SELECT. Values only ever travel as parameters.

#include "store/engine.hpp"

#include <deque>

namespace soci {
class statement;
}

namespace troupe::store {

class filter {
public:
  /// A condition without parameters.
  void also(const std::string& condition);
  /// "column operation :name rest", with one parameter.
  void also(const std::string& column_and_operation, std::string value, const std::string& rest = {});
  /// "column IN (…)"
  void any_of(const std::string& column, const std::vector<std::string>& values);

  /// Jobs that people see in one of these states (shown_state).
  void any_of_states(const std::vector<std::string>& states);

  /// " WHERE …", or nothing.
  const std::string& sql() const noexcept {
    return sql_;
  }
  /// Adds the parameters; the filter outlives the statement.
  void bind(soci::statement& st);

private:
  std::string next_parameter(std::string value);

  std::string sql_;
  /// Addresses must stay.
  std::deque<std::string> values_;
};

class page_window {
public:
  /// Page 0 is the first one; a limit of 0 is the contract's 20, and none is over 1000.
  page_window(uint32_t page, uint32_t limit);
  std::string sql() const {
    return " LIMIT :page_limit OFFSET :page_offset";
  }
  void bind(soci::statement& st);

private:
  long long limit_ = 0;
  long long offset_ = 0;
};

/// errc::validation: an unknown state.
result<filter> job_filter(const job_query& query, const engine& eng);
/// errc::validation: an unknown state, or a search text of more than 256 bytes.
result<filter> video_filter(const video_query& query, const engine& eng);
/// " ORDER BY …", always ending with the id; errc::validation: an order that is not offered.
result<std::string> video_order(const std::string& sort);

} // namespace troupe::store
