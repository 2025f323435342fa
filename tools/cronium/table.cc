// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/cronium/format.h"

namespace cronium::cli {
namespace {

// Characters: the bytes that do not continue one.
size_t Width(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

void AppendRow(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
               std::string* out) {
  for (size_t i = 0; i < cells.size(); ++i) {
    out->append(cells[i]);
    if (i + 1 < cells.size()) out->append(widths[i] - Width(cells[i]) + 2, ' ');
  }
  out->push_back('\n');
}

}  // namespace

Table::Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(headings_.size());
  for (std::string& cell : cells) cell = cell.empty() ? "-" : Printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::Render() const {
  std::vector<size_t> widths;
  for (size_t i = 0; i < headings_.size(); ++i) {
    widths.push_back(Width(headings_[i]));
    for (const auto& row : rows_) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string out;
  AppendRow(headings_, widths, &out);
  for (const auto& row : rows_) AppendRow(row, widths, &out);
  return out;
}

void Details::Add(absl::string_view name, absl::string_view value) {
  if (!value.empty()) lines_.emplace_back(absl::StrCat(name, ":"), Printable(value));
}

std::string Details::Render() const {
  size_t width = 0;
  for (const auto& [name, value] : lines_) width = std::max(width, Width(name));
  std::string out;
  for (const auto& [name, value] : lines_) {
    absl::StrAppend(&out, name, std::string(width - Width(name) + 2, ' '), value, "\n");
  }
  return out;
}

}  // namespace cronium::cli
