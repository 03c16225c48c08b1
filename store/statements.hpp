#pragma once

// Prepared statements over the rows of rows.hpp.

#include "store/engine.hpp"
#include "store/rows.hpp"

#include <soci/soci.h>

namespace troupe::store {

/// Calls f(name, member) for every column.
template <class Row, class F>
void all_columns(Row& row, F&& f) {
  row.key(f);
  row.fixed(f);
  row.changing(f);
}

/// "a, b, c"
template <class Row>
std::string column_list() {
  Row row;
  std::string out;
  all_columns(row, [&](const char* name, auto&) { out += (out.empty() ? "" : ", ") + std::string{name}; });
  return out;
}

struct encode_member {
  const engine& eng;
  void operator()(const char*, std::string& x) const {
    eng.encode_text(x);
  }
  void operator()(const char*, bytes& x) const {
    eng.encode_bytes(x.value);
  }
  template <class T>
  void operator()(const char*, T&) const {
  }
};

struct decode_member {
  const engine& eng;
  void operator()(const char*, std::string& x) const {
    eng.decode_text(x);
  }
  void operator()(const char*, bytes& x) const {
    eng.decode_bytes(x.value);
  }
  template <class T>
  void operator()(const char*, T&) const {
  }
};

template <class T>
T& member_value(T& x) {
  return x;
}
inline std::string& member_value(bytes& x) {
  return x.value;
}

struct bind_use {
  soci::statement& st;
  template <class T>
  void operator()(const char* name, T& x) const {
    st.exchange(soci::use(member_value(x), name));
  }
};

struct bind_into {
  soci::statement& st;
  template <class T>
  void operator()(const char*, T& x) const {
    st.exchange(soci::into(member_value(x)));
  }
};

/// A statement that changes something, prepared once and bound to a row of its own for the life of the connection.
template <class Row>
class change {
public:
  Row row;

  /// `visit(row, f)` calls f(name, member) for the members that the SQL names, as :name.
  template <class Visit>
  change(soci::session& sql, const engine& eng, const std::string& text, Visit visit) :
    eng_(eng), statement_(sql), encode_([](Row& r, const engine& e) { Visit{}(r, encode_member{e}); }) {
    visit(row, bind_use{statement_});
    statement_.alloc();
    statement_.prepare(text);
    statement_.define_and_bind();
  }
  change(const change&) = delete;
  change& operator=(const change&) = delete;

  /// Writes what `row` holds now; how many rows changed.
  long long execute() {
    if (eng_.kind() != "sqlite")
      encode_(row, eng_);
    statement_.execute(true);
    return statement_.get_affected_rows();
  }

private:
  const engine& eng_;
  soci::statement statement_;
  void (*encode_)(Row&, const engine&);
};

/// "INSERT INTO table (…) VALUES (…)" over all columns.
template <class Row>
std::string insert_sql(const std::string& table) {
  Row row;
  std::string values;
  all_columns(row, [&](const char* name, auto&) { values += (values.empty() ? ":" : ", :") + std::string{name}; });
  return "INSERT INTO " + table + " (" + column_list<Row>() + ") VALUES (" + values + ")";
}

/// "a = excluded.a, …" over the columns that `visit` names.
template <class Row, class Visit>
std::string take_excluded(Visit visit) {
  Row row;
  std::string out;
  visit(row,
        [&](const char* name, auto&) { out += (out.empty() ? "" : ", ") + std::string{name} + " = excluded." + name; });
  return out;
}

/// "a = :a, …"
template <class Row, class Visit>
std::string assignments(Visit visit) {
  Row row;
  std::string out;
  visit(row, [&](const char* name, auto&) { out += (out.empty() ? "" : ", ") + std::string{name} + " = :" + name; });
  return out;
}

/// Reads rows to the end (an unfinished SELECT would hold SQLite's snapshot) and calls f(row) for each. `bind(st)` adds
/// the parameters, in the order of the SQL, and keeps them alive.
template <class Row, class Bind, class F>
void select(soci::session& sql, const engine& eng, const std::string& tail, const std::string& table, Bind bind, F f) {
  Row row;
  soci::statement st{sql};
  all_columns(row, bind_into{st});
  bind(st);
  st.alloc();
  st.prepare("SELECT " + column_list<Row>() + " FROM " + table + " " + tail);
  st.define_and_bind();
  st.execute();
  while (st.fetch()) {
    all_columns(row, decode_member{eng});
    f(row);
  }
}

} // namespace troupe::store
