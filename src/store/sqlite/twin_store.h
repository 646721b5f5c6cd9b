// Twins, in the file of the hub's registry.
#pragma once

#include "registry/hub/twin.h"
#include "store/sqlite/hub_store.h"

namespace berth::store {

class sqlite_twin_store final : public registry::twin_registry {
public:
    // `hub` outlives it.
    explicit sqlite_twin_store(sqlite_hub_store& hub) : db_(*hub.db_) {}

    result<registry::twin> twin_of(const registry::identity_name& name) override;
    result<void> set_desired(const registry::identity_name& name, const registry::twin_section& after,
                             const wire::json::object& patch) override;
    result<void> set_reported(const registry::identity_name& name, const registry::twin_section& after) override;

    result<std::vector<registry::desired_news>> news(uint64_t after, size_t most) override;
    result<uint64_t> newest_news() override;

private:
    result<void> set(const char* sql, const registry::identity_name& name, const registry::twin_section& after);

    database& db_;
};

}  // namespace berth::store
