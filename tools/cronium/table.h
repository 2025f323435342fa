// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_TABLE_H_
#define CRONIUM_TOOLS_CRONIUM_TABLE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace cronium::cli {

// Aligned text. Cells are made printable as they come in; widths count characters, not bytes.
//
//   Table table({"JOB", "STATE"});
//   table.AddRow({"job_0123456789ab", "QUEUED"});
class Table {
 public:
  explicit Table(std::vector<std::string> headings);

  // Missing cells are empty; an empty one shows as `-`.
  void AddRow(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  // With the headings, two spaces between columns, none after the last.
  std::string Render() const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

// Names and values one under the other, for the details of one thing. Empty values are left out.
class Details {
 public:
  void Add(absl::string_view name, absl::string_view value);
  std::string Render() const;

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_TABLE_H_
