// The schemas, one numbered step after the other. A step that was released is never changed; a new one is added.
#pragma once

#include "store/sqlite/database.h"

namespace berth::store {

std::span<const database::migration> masa_schema();
std::span<const database::migration> registrar_schema();
std::span<const database::migration> ca_schema();
std::span<const database::migration> hub_schema();

}  // namespace berth::store
