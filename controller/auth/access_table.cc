// SPDX-License-Identifier: Apache-2.0
#include "controller/auth/access_table.h"

#include <google/protobuf/descriptor.h>

#include "absl/strings/str_cat.h"

namespace cronium::controller {

absl::StatusOr<AccessTable> AccessTable::Build(const std::vector<std::string>& services) {
  AccessTable table;
  for (const std::string& name : services) {
    const auto* service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    if (service == nullptr) return absl::NotFoundError(absl::StrCat("no service ", name));
    for (int i = 0; i < service->method_count(); ++i) {
      const auto* method = service->method(i);
      const v1::MethodAccess& access = method->options().GetExtension(v1::access);
      if (access.roles().empty()) {
        return absl::FailedPreconditionError(
            absl::StrCat(method->full_name(),
                         " does not declare who may call it; add option "
                         "(cronium.v1.access) in its proto"));
      }
      std::vector<v1::Role>& roles =
          table.roles_[absl::StrCat("/", service->full_name(), "/", method->name())];
      for (const int role : access.roles()) roles.push_back(static_cast<v1::Role>(role));
    }
  }
  return table;
}

const std::vector<v1::Role>* AccessTable::RolesOf(absl::string_view method) const {
  const auto it = roles_.find(method);
  return it == roles_.end() ? nullptr : &it->second;
}

}  // namespace cronium::controller
