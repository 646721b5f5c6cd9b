// The step of the hub's schema that brings the revocation lists of registered CAs.
#pragma once

namespace berth::store {

inline constexpr const char* hub_lists = R"sql(
CREATE TABLE authority_list (
    authority INTEGER PRIMARY KEY REFERENCES authority (id) ON DELETE CASCADE,
    list      BLOB NOT NULL
);
)sql";

}  // namespace berth::store
