// The step of the hub's schema by which an upload has by what its device was let in: its token is judged by that each time that it
// is used. Of those that are open already nobody knows: their devices ask for another.
#pragma once

namespace berth::store {

inline constexpr const char* hub_upload_logins = R"sql(
ALTER TABLE file_upload ADD COLUMN login TEXT NOT NULL DEFAULT '';
)sql";

}  // namespace berth::store
